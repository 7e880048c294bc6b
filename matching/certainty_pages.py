"""How sure a ranking is, and what would change it: pages behind the ranking."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from cro_portal.common import spreadsheet
from cro_portal.common.htmx import HtmxRequest
from matching import blind, outlook, presentation, robustness, selectors
from matching.certainty import certainty_of
from matching.changes import changes_of
from matching.models import Ranking
from matching.questions import questions_of, sheet_rows
from matching.versus import versus as versus_of
from matching.views import may_edit_study, visible_study
from sponsors.models import Study
from sponsors.services import ARCHIVED


@login_required
@require_GET
def certainty(request: HtmxRequest, study_id: UUID) -> HttpResponse:
    """How often each CRO is first, and what the first place hangs on."""
    study = visible_study(request, study_id)
    page = selectors.ranking_status(study)
    if page.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    found = certainty_of(page.ranking)
    context = {**_common(request, study, page, "certainty"), "certainty": found}
    if part := _progress(request, context):
        return part
    context |= {
        "outlook": outlook.outlook(page.ranking, found),
    }
    return render(request, "matching/certainty.html", context)


@login_required
@require_GET
def versus(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Why one CRO stands before another; by default the first before the second."""
    study = visible_study(request, study_id)
    page = selectors.ranking_status(study)
    if page.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    options = selectors.kept_places(study, page.ranking)
    default = [option.slug for option in options[:2]] + ["", ""]
    a = request.GET.get("a") or default[0]
    b = request.GET.get("b") or next((one for one in default if one != a), "")
    context: dict[str, Any] = {
        **_common(request, study, page, "versus"),
        "options": options,
        "sides": [("a", "Why", a), ("b", "before or after", b)],
        "problem": _problem(a, b, {option.slug for option in options}),
    }
    if not context["problem"]:
        ids = {option.slug: option.cro_id for option in options}
        both = page.ranking.entries.filter(cro__in=(ids[a], ids[b]))
        entries = {
            entry.cro.slug: entry
            for entry in blind.shown(study, both.select_related("cro"))
        }
        found = versus_of(
            study, page.ranking, (entries[a], entries[b]), certainty_of(page.ranking)
        )
        context |= {"versus": found, "versus_sides": (found.a, found.b)}
    return render(request, "matching/versus.html", context)


def _problem(a: str, b: str, kept: set[str]) -> str:
    if len(kept) < 2:
        return "It takes two CROs; this ranking keeps fewer."
    if a not in kept or b not in kept:
        return "One of the two is not among the places kept. Choose from the lists."
    if a == b:
        return "Both are the same CRO. Choose another one."
    return ""


@login_required
@require_GET
def questions(request: HtmxRequest, study_id: UUID) -> HttpResponse:
    """What to ask the CROs, the questions that could change most first."""
    study = visible_study(request, study_id)
    page = selectors.ranking_status(study)
    if page.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    found = certainty_of(page.ranking)
    context = {**_common(request, study, page, "questions"), "certainty": found}
    if part := _progress(request, context):
        return part
    context |= {
        "asked": questions_of(study, page.ranking, found),
        "relaxations": presentation.relaxations(page.ranking),
    }
    return render(request, "matching/questions.html", context)


@login_required
@require_GET
def questions_csv(request: HttpRequest, study_id: UUID) -> HttpResponse:
    head, rows, name = _sheet(request, study_id)
    return _file(spreadsheet.as_csv([*head, *rows]), spreadsheet.CSV, f"{name}.csv")


@login_required
@require_GET
def questions_xlsx(request: HttpRequest, study_id: UUID) -> HttpResponse:
    head, rows, name = _sheet(request, study_id)
    content = spreadsheet.as_xlsx(
        [*head, *rows], title="Questions", n_head_rows=len(head), n_columns=2
    )
    return _file(content, spreadsheet.XLSX, f"{name}.xlsx")


def _sheet(
    request: HttpRequest, study_id: UUID
) -> tuple[list[list[spreadsheet.Value]], list[list[spreadsheet.Value]], str]:
    study = visible_study(request, study_id)
    ranking = Ranking.objects.filter(study=study).first()
    if ranking is None:
        raise Http404("The study is not ranked yet.")
    on = timezone.localdate()
    found = questions_of(study, ranking, certainty_of(ranking))
    head, rows = sheet_rows(found, ranking, title=study.title, on=on)
    return head, rows, f"questions-{on:%Y-%m-%d}"


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=kind, headers=headers)


@login_required
@require_GET
def changes(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Who moved since the ranking before the newest one, and through which fact."""
    study = visible_study(request, study_id)
    page = selectors.ranking_status(study)
    if page.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    context = {
        **_common(request, study, page, "changes"),
        "changes": changes_of(study, page.ranking),
    }
    return render(request, "matching/changes.html", context)


def _progress(request: HtmxRequest, context: dict[str, Any]) -> HttpResponse | None:
    """Answer htmx where it asks only how far the work is; it reloads at the end."""
    if "certainty" not in request.GET or not request.htmx:
        return None
    if not context["certainty"].is_pending:
        return HttpResponseClientRefresh()
    return render(
        request,
        "matching/_certainty_state.html",
        {**context, "address": request.path},
    )


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
