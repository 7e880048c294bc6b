"""The ranking of a study, its reasons, and asking for a fresh one."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from cro_portal.accounts.models import User
from cro_portal.common.htmx import HtmxRequest, render_page
from matching import presentation, selectors, services
from matching.models import RankingEntry
from sponsors.models import Study
from sponsors.services import ARCHIVED

PER_PAGE = 25


def _study(request: HttpRequest, study_id: UUID) -> Study:
    """Somebody else's study is not found."""
    return get_object_or_404(
        Study.objects.visible_to(request.user).select_related("sponsor"), pk=study_id
    )


def _may_edit(request: HttpRequest, study: Study) -> bool:
    editable = Study.objects.editable_by(request.user).current()
    return editable.filter(pk=study.pk).exists()


@login_required
@require_GET
def ranking(request: HtmxRequest, study_id: UUID) -> HttpResponse:
    """CROs ranked for a study: counts by group, then the entries, 25 a page."""
    study = _study(request, study_id)
    page = selectors.ranking_status(study)
    may_edit = _may_edit(request, study)
    context: dict[str, Any] = {"study": study, "page": page, "may_edit": may_edit}
    if page.ranking:
        group = presentation.group_of(request.GET.get("group", ""))
        kept = page.ranking.entries.for_list(group)
        entry_page = Paginator(kept, PER_PAGE).get_page(request.GET.get("page"))
        context |= {
            "criteria": page.ranking.parameters["criteria"],
            "gates": page.ranking.parameters["gates"],
            "places": presentation.places(page.ranking, group, entry_page, may_edit),
            "entry_page": entry_page,
        }
    return render_page(
        request, "matching/ranking.html", context, partial="ranking_body"
    )


@login_required
@require_GET
def why(request: HtmxRequest, study_id: UUID, slug: str) -> HttpResponse:
    """All reasons for one CRO's place, each linked to its claims and trials."""
    study = _study(request, study_id)
    page = selectors.ranking_status(study)
    if page.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    entry = get_object_or_404(
        RankingEntry.objects.select_related("cro"), ranking=page.ranking, cro__slug=slug
    )
    context = {
        "study": study,
        "page": page,
        "criteria": page.ranking.parameters["criteria"],
        "entry": presentation.entry_view(page.ranking, entry),
        "reasons": presentation.reason_blocks(
            page.ranking, entry, selectors.claims_behind(entry)
        ),
    }
    return render_page(request, "matching/why.html", context, partial="reasons")


@login_required
@require_POST
def refresh(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Ask for a fresh ranking; also the way out of a failed one."""
    study = _study(request, study_id)
    if study.archived_at is not None:
        raise PermissionDenied(ARCHIVED)
    if not _may_edit(request, study):
        raise PermissionDenied("Your role may read this study, but not change it.")
    services.request_run(study=study, by=cast(User, request.user))
    messages.info(request, "The ranking is being computed again.")
    return redirect("matching:ranking", study_id=study.pk)
