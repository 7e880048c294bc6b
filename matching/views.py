"""The ranking of a study, its reasons, and asking for a fresh one."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from catalog.models import CRO
from cro_portal.accounts.models import User
from cro_portal.common.htmx import HtmxRequest, render_page
from matching import blind, presentation, selectors, services
from matching.certainty import certainty_of
from sponsors.models import Study
from sponsors.services import ARCHIVED

PER_PAGE = 25
MAX_SOUGHT = 200
MAX_FOUND = 8


def visible_study(request: HttpRequest, study_id: UUID) -> Study:
    """Somebody else's study is not found."""
    return get_object_or_404(
        Study.objects.visible_to(request.user).select_related("sponsor"), pk=study_id
    )


def may_edit_study(request: HttpRequest, study: Study) -> bool:
    editable = Study.objects.editable_by(request.user).current()
    return editable.filter(pk=study.pk).exists()


def _address(request: HttpRequest) -> str:
    """The page's own address to ask again, without what it had seen."""
    query = request.GET.copy()
    for name in ("seen", "certainty"):
        query.pop(name, None)
    return f"{request.path}?{query.urlencode()}"


@login_required
@require_GET
def ranking(request: HtmxRequest, study_id: UUID) -> HttpResponse:
    """CROs ranked for a study: counts by group, then the entries, 25 a page."""
    study = visible_study(request, study_id)
    page = selectors.ranking_status(study)
    if request.htmx and request.GET.get("seen") == page.token:
        return HttpResponse(status=204)  # nothing new: htmx leaves the page as it is
    certainty = certainty_of(page.ranking) if page.ranking else None
    may_edit = may_edit_study(request, study)
    hides_names = study.hides_names
    given = "" if hides_names else request.GET.get("find", "")
    sought = given.strip()[:MAX_SOUGHT].replace("\0", "")
    found = list(CRO.objects.listed().named(sought)[:MAX_FOUND]) if sought else []
    if len(found) == 1 and page.ranking:
        return redirect("matching:why", study_id=study.pk, slug=found[0].slug)
    context: dict[str, Any] = {
        "study": study,
        "page": page,
        "may_edit": may_edit,
        "hides_names": hides_names,
        "sought": sought,
        "found": found,
        "address": _address(request),
        "certainty": certainty,
    }
    asks_for_certainty = bool(request.htmx and "certainty" in request.GET)
    if asks_for_certainty and certainty and certainty.is_pending:
        return render(request, "matching/_certainty_state.html", context)
    if page.ranking:
        group = presentation.group_of(request.GET.get("group", ""))
        kept = page.ranking.entries.for_list(group)
        entry_page = Paginator(kept, PER_PAGE).get_page(request.GET.get("page"))
        blind.shown(study, entry_page)
        context |= {
            "criteria": page.ranking.parameters["criteria"],
            "gates": page.ranking.parameters["gates"],
            "relaxations": presentation.relaxations(page.ranking),
            "places": presentation.places(
                page.ranking, group, entry_page, may_edit, certainty
            ),
            "entry_page": entry_page,
        }
    response = render_page(
        request, "matching/ranking.html", context, partial="ranking_body"
    )
    if asks_for_certainty:  # it is there: the places are shown anew with it
        response = reswap(retarget(response, "#ranking"), "innerHTML")
    return response


@login_required
@require_GET
def why(request: HtmxRequest, study_id: UUID, slug: str) -> HttpResponse:
    """All reasons for one CRO's place, each linked to its claims and trials."""
    study = visible_study(request, study_id)
    page = selectors.ranking_status(study)
    if page.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    hides_names = study.hides_names
    # A real name finds nothing while names are hidden, or it would tell its place.
    key, value = ("pk", blind.id_of(study, slug)) if hides_names else ("slug", slug)
    kept = page.ranking.entries.filter(**{f"cro__{key}": value})
    entry = kept.select_related("cro").first()
    if entry:
        ranking, is_kept = page.ranking, True
    else:
        cro = get_object_or_404(CRO.objects.listed(), **{key: value})
        try:
            ranked = services.place_of(study=study, cro=cro)
        except ValidationError as error:
            messages.error(request, error.messages[0])
            return redirect("matching:ranking", study_id=study.pk)
        if not ranked.entries:
            raise Http404
        ranking, is_kept, entry = ranked.ranking, False, ranked.entries[0]
    [entry] = blind.shown(study, [entry])
    certainty = certainty_of(ranking) if is_kept else None
    view = presentation.entry_view(ranking, entry, certainty)
    reasons = presentation.reason_blocks(ranking, entry, selectors.claims_behind(entry))
    context = {
        "study": study,
        "hides_names": hides_names,
        "page": page,
        "is_kept": is_kept,
        "criteria": ranking.parameters["criteria"],
        "entry": view,
        "reasons": reasons,
        "against": presentation.counter_evidence(ranking, entry, reasons),
        "waterfall": presentation.waterfall(view),
        "others": [
            option
            for option in selectors.kept_places(study, page.ranking)
            if is_kept and option.slug != slug
        ],
    }
    return render_page(request, "matching/why.html", context, partial="reasons")


@login_required
@require_POST
def refresh(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Ask for a fresh ranking; also the way out of a failed one."""
    study = visible_study(request, study_id)
    if study.archived_at is not None:
        raise PermissionDenied(ARCHIVED)
    if not may_edit_study(request, study):
        raise PermissionDenied("Your role may read this study, but not change it.")
    services.request_run(study=study, by=cast(User, request.user))
    messages.info(request, "The ranking is being computed again.")
    return redirect("matching:ranking", study_id=study.pk)
