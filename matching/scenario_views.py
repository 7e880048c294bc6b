"""The pages of scenarios: saved, listed, set side by side, renamed, deleted."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from cro_portal.accounts.models import User
from cro_portal.common.htmx import HtmxRequest
from matching import scenarios
from matching.models import Ranking, Scenario
from matching.whatif import (
    ScenarioForm,
    WhatIfForm,
    render_what_if,
    study_with_ranking,
)
from sponsors.criteria import CRITERIA
from sponsors.models import Study

MAY_ONLY_READ = "Your role may read this study, but not keep scenarios of it."
LABELS = {criterion.code: criterion.label for criterion in CRITERIA}
IMPORTANCES = dict(scenarios.CHOICES)


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=scenarios.MAX_NAME,
        label="Name",
        error_messages={"required": "Give the scenario a name."},
        widget=forms.TextInput(attrs={"class": "input"}),
    )


def _study(request: HttpRequest, study_id: UUID) -> Study:
    return get_object_or_404(Study.objects.visible_to(request.user), pk=study_id)


def _may_edit(request: HttpRequest, study: Study) -> bool:
    editable = Study.objects.editable_by(request.user).current()
    return editable.filter(pk=study.pk).exists()


def _scenario(request: HttpRequest, study_id: UUID, pk: UUID) -> Scenario:
    visible = Scenario.objects.visible_to(request.user).select_related(
        "study", "created_by"
    )
    return get_object_or_404(visible, pk=pk, study=study_id)


def _check_may_edit(request: HttpRequest, study: Study) -> None:
    if not _may_edit(request, study):
        raise PermissionDenied(MAY_ONLY_READ)


def _words(scenario: Scenario) -> dict[str, Any]:
    """What a scenario changes, ready to show."""
    total = sum(scenario.weights.values())
    return {
        "by": scenario.created_by or "a former member",
        "scenario": scenario,
        "weights": [
            (LABELS[code], points / total) for code, points in scenario.weights.items()
        ],
        "changes": [
            (
                row["label"],
                IMPORTANCES[row["before"]],
                IMPORTANCES[row["importance"]],
                row.get("reason", ""),
            )
            for row in scenario.changes
        ],
    }


@login_required
@require_GET
def list_(request: HttpRequest, study_id: UUID) -> HttpResponse:
    study = _study(request, study_id)
    kept = Scenario.objects.filter(study=study).for_list()
    context = {
        "study": study,
        "lines": [_words(scenario) for scenario in kept],
        "most": scenarios.MAX_COMPARED,
        "limit": scenarios.MAX_SCENARIOS,
    }
    return render(request, "matching/scenario_list.html", context)


@login_required
@require_POST
def create(request: HtmxRequest, study_id: UUID) -> HttpResponse:
    """Keep the weights of the what-if page by a name."""
    study, status = study_with_ranking(request, study_id)
    _check_may_edit(request, study)
    if status.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    form = WhatIfForm(status.ranking, request.POST)
    scenario_form = ScenarioForm(status.ranking, request.POST)
    if form.is_valid() and scenario_form.is_valid():
        try:
            scenario = scenarios.create(
                study=study,
                by=cast(User, request.user),
                name=scenario_form.cleaned_data["name"],
                points=form.points,
                importances=scenario_form.importances,
                reason=scenario_form.cleaned_data["reason"],
            )
        except ValidationError as error:
            _add(scenario_form, error)
        else:
            messages.success(request, f"The scenario “{scenario.name}” is kept.")
            return redirect("matching:scenario-list", study_id=study.pk)
    return render_what_if(request, status, form, scenario_form)


@login_required
@require_GET
def compare(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Up to four scenarios beside the stored ranking."""
    study = _study(request, study_id)
    asked = []
    for text in request.GET.getlist("s"):
        try:
            asked.append(UUID(text))
        except ValueError:
            continue  # what is no identifier names no scenario
    kept = (
        Scenario.objects.filter(study=study).select_related("created_by").in_bulk(asked)
    )
    chosen = [kept[pk] for pk in dict.fromkeys(asked) if pk in kept]
    base = Ranking.objects.filter(study=study).select_related("robustness").first()
    if base is None or not chosen:
        messages.info(request, "Choose from one to four scenarios to compare.")
        return redirect("matching:scenario-list", study_id=study.pk)
    shown = chosen[: scenarios.MAX_COMPARED]
    context = {
        "study": study,
        "base": base,
        "columns": [_words(scenario) for scenario in shown],
        "rows": scenarios.side_by_side(base, shown),
        "n_left_out": len(chosen) - len(shown),
        "most": scenarios.MAX_COMPARED,
    }
    return render(request, "matching/scenario_compare.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: HttpRequest, study_id: UUID, pk: UUID) -> HttpResponse:
    """What a scenario changes and who comes first in it; the name can be changed."""
    scenario = _scenario(request, study_id, pk)
    may_edit = _may_edit(request, scenario.study)
    name = scenario.name
    form = NameForm(request.POST or None, initial={"name": name})
    if request.method == "POST":
        _check_may_edit(request, scenario.study)
        if form.is_valid():
            try:
                scenarios.rename(scenario=scenario, name=form.cleaned_data["name"])
            except ValidationError as error:
                _add(form, error)
            else:
                messages.success(request, f"The scenario is called “{scenario.name}”.")
                return redirect(scenario)
    context = {
        **_words(scenario),
        "study": scenario.study,
        "name": name,
        "form": form,
        "may_edit": may_edit,
        "places": scenarios.places(scenario, scenarios.SHOWN),
        "counts": scenario.result["counts"],
    }
    return render(request, "matching/scenario_detail.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, study_id: UUID, pk: UUID) -> HttpResponse:
    """Ask once more, then delete."""
    scenario = _scenario(request, study_id, pk)
    _check_may_edit(request, scenario.study)
    if request.method == "POST":
        scenario.delete()
        messages.success(request, f"The scenario “{scenario.name}” is deleted.")
        return redirect("matching:scenario-list", study_id=study_id)
    context = {"scenario": scenario, "study": scenario.study}
    return render(request, "matching/scenario_delete.html", context)


def _add(form: forms.Form, error: ValidationError) -> None:
    """Put each message beside the field it is about, else at the top."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error.messages)
        return
    for field, found in error.message_dict.items():
        form.add_error(field if field in form.fields else None, found)
