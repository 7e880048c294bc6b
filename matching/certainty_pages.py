"""How sure a ranking is, and what would change it: pages behind the ranking."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from matching import outlook, robustness, selectors
from matching.certainty import certainty_of
from matching.models import Ranking
from matching.views import may_edit_study, visible_study
from sponsors.models import Study
from sponsors.services import ARCHIVED


@login_required
@require_GET
def certainty(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """How often each CRO is first, and what the first place hangs on."""
    study = visible_study(request, study_id)
    page = selectors.ranking_status(study)
    if page.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    found = certainty_of(page.ranking)
    context = {**_common(request, study, page, "certainty"), "certainty": found}
    if "certainty" in request.GET:  # how far is it?
        if not found.is_pending:
            return HttpResponseClientRefresh()
        context["address"] = request.path
        return render(request, "matching/_certainty_state.html", context)
    context |= {
        "outlook": outlook.outlook(page.ranking, found),
    }
    return render(request, "matching/certainty.html", context)


@login_required
@require_POST
def cancel(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Stop working out how sure the newest ranking is."""
    study, ranking = _to_change(request, study_id)
    if robustness.cancel(ranking=ranking):
        messages.info(request, "Stopped. The places and scores stay as they are.")
    else:
        messages.info(request, "There was nothing to stop: it is done or was stopped.")
    return redirect("matching:ranking", study_id=study.pk)


@login_required
@require_POST
def start(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Work out how sure the newest ranking is, again or for the first time."""
    study, ranking = _to_change(request, study_id)
    robustness.start(ranking=ranking)
    return redirect("matching:ranking", study_id=study.pk)


def _common(
    request: HttpRequest, study: Study, page: selectors.RankingStatus, here: str
) -> dict[str, Any]:
    return {
        "study": study,
        "page": page,
        "here": here,
        "may_edit": may_edit_study(request, study),
    }


def _to_change(request: HttpRequest, study_id: UUID) -> tuple[Study, Ranking]:
    study = visible_study(request, study_id)
    if study.archived_at is not None:
        raise PermissionDenied(ARCHIVED)
    if not may_edit_study(request, study):
        raise PermissionDenied("Your role may read this study, but not change it.")
    ranking = Ranking.objects.filter(study=study).first()
    if ranking is None:
        raise Http404("The study is not ranked yet.")
    return study, ranking
