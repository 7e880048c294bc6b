"""A stored ranking weighed otherwise: nothing is stored, nothing else is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from catalog.models import CRO
from cro_portal.common.htmx import HtmxRequest, render_page
from matching import blind
from matching.engine.decision import Decision, scaled
from matching.engine.inputs import Floats
from matching.engine.sensitivity import break_even
from matching.models import Group, Ranking, RankingEntry
from matching.presentation import ENOUGH_EVIDENCE, GROUP_SLUGS
from matching.robustness import decision_between
from matching.selectors import RankingStatus, ranking_status
from sponsors.choices import Importance
from sponsors.models import Study

SHOWN = 25
MAX_REASON = 300  # characters
MAX_POINTS = 100
NO_PAIR = "Nobody in the group of the first can take its place."
WAIVED = ("waived", "Given up")
LEVEL = 2.0**-40
"""Scores nearer than this are level, here and in the browser (whatif.js)."""


@dataclass(frozen=True)
class Place:
    """A CRO's place at other weights. Scores in [0, 1]; `was` is the stored place."""

    position: int
    was: int
    cro: CRO
    group: Group
    score: float
    low: float
    high: float
    evidence: float

    @property
    def has_headline(self) -> bool:
        return self.evidence >= ENOUGH_EVIDENCE

    @property
    def group_slug(self) -> str:
        return GROUP_SLUGS[self.group]

    @property
    def moved(self) -> str:
        """`up`, `down` or `same`."""
        if self.was == self.position:
            return "same"
        return "up" if self.position < self.was else "down"

    @property
    def moved_words(self) -> str:
        by = abs(self.was - self.position)
        return f"{self.moved} {by}" if by else "same place"


@dataclass(frozen=True)
class Mark:
    """Where the first two change places on one criterion; None where nowhere.

    `points` is what its slider would have to stand at, the others as they are.
    """

    points: float | None
    words: str


@dataclass(frozen=True)
class WhatIf:
    """The answer at some weights: places best first, and a mark for each criterion."""

    places: Sequence[Place]
    marks: Sequence[Mark]
    first_two: tuple[Place, Place] | None
    n_moved: int


def kept_entries(ranking: Ranking) -> list[RankingEntry]:
    """The entries a what-if weighs: all that are kept of those in the running."""
    kept = ranking.entries.in_the_running().select_related("cro").order_by("position")
    return blind.shown(ranking.study, kept.defer("reasons", "gates"))


def weigh(
    decision: Decision, entries: Sequence[RankingEntry], points: Sequence[float]
) -> WhatIf:
    """Order entries by other weights, inside their groups (METHOD section 5).

    `points` are per criterion of the decision, any scale. Raises ValueError as
    `scaled` does.
    """
    share = scaled(points, len(decision.criteria))
    low, value, high = (
        np.rint(decision.scores(ends, share) / LEVEL) * LEVEL
        for ends in (decision.low, decision.value, decision.high)
    )
    evidence = np.minimum(decision.scores(decision.known.astype(float), share), 1.0)
    order = np.lexsort((decision.place, -low, -value, decision.group)).tolist()
    places = [
        Place(
            position=position,
            was=entries[row].position,
            cro=entries[row].cro,
            group=Group(entries[row].group),
            score=float(value[row]),
            low=float(low[row]),
            high=float(high[row]),
            evidence=float(evidence[row]),
        )
        for position, row in enumerate(order, start=1)
    ]
    two = order[:2]
    has_two = len(two) == 2 and decision.group[two[0]] == decision.group[two[1]]
    first_two = (places[0], places[1]) if has_two else None
    return WhatIf(
        places=places,
        marks=_marks(decision, two, share, points, first_two),
        first_two=first_two,
        n_moved=sum(place.moved != "same" for place in places),
    )


def _marks(
    decision: Decision,
    rows: Sequence[int],
    share: Floats,
    points: Sequence[float],
    first_two: tuple[Place, Place] | None,
) -> list[Mark]:
    if first_two is None:
        return [Mark(None, NO_PAIR) for _ in points]
    pair = replace(decision.taken(np.array(rows)), weights=share)
    weight = break_even(pair)[:, 0, 1]
    others = sum(points) - np.array(points)
    marks = []
    for level, rest in zip(weight.tolist(), others.tolist(), strict=True):
        at = rest * level / (1 - level)
        if np.isnan(at):
            marks.append(Mark(None, "No points here make the first two change places."))
        elif at > MAX_POINTS:
            words = f"Within {MAX_POINTS} points the first two keep their places."
            marks.append(Mark(None, words))
        else:
            marks.append(Mark(at, f"The first two change places at {at:.1f} points."))
    return marks


class WhatIfForm(forms.Form):
    """Points for each criterion of a ranking.

    Points left as they were shown first stand for the exact stored weight, so
    that an untouched form gives the stored order.
    """

    def __init__(self, ranking: Ranking, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.criteria = ranking.parameters["criteria"]
        self.exact = {
            criterion["code"]: criterion["weight"] * 100 for criterion in self.criteria
        }
        for criterion in self.criteria:
            self.fields[criterion["code"]] = forms.FloatField(
                label=criterion["label"],
                min_value=0,
                max_value=MAX_POINTS,
                initial=shown(self.exact[criterion["code"]]),
                error_messages={
                    "required": "Give points from 0 to 100; 0 leaves it out.",
                    "invalid": "Give a number of points from 0 to 100.",
                    "min_value": "Give 0 points or more.",
                    "max_value": "Give at most 100 points.",
                },
                widget=forms.NumberInput(
                    attrs={"class": "input whatif__points", "step": "any"}
                ),
            )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        given = [values.get(code) for code in self.exact]
        if None not in given and not any(given):
            raise forms.ValidationError(
                "At least one criterion needs more than 0 points: with none, nothing "
                "sets the CROs apart."
            )
        return {
            code: self.exact[code] if number == shown(self.exact[code]) else number
            for code, number in values.items()
        }

    @property
    def points(self) -> dict[str, float]:
        """Points by criterion: as given, or the stored ones."""
        if not self.is_bound:
            return self.exact
        return {code: self.cleaned_data[code] for code in self.exact}


class ScenarioForm(forms.Form):
    """A name, and for each requirement how much it matters in the scenario."""

    name = forms.CharField(
        max_length=120,
        label="Name of the scenario",
        error_messages={"required": "Give the scenario a name."},
        widget=forms.TextInput(attrs={"class": "input"}),
    )

    reason = forms.CharField(
        max_length=MAX_REASON,
        required=False,
        label="Why must-haves are given up",
        help_text="Needed if you give one up; it is kept with your name.",
        widget=forms.TextInput(attrs={"class": "input"}),
    )

    def __init__(self, ranking: Ranking, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = {}
        for row in ranking.parameters["requirements"]:
            field = f"ask:{row['scheme']}:{row['code']}"
            is_must = row["importance"] == Importance.MUST
            self.asked[field] = (row["scheme"], row["code"])
            self.fields[field] = forms.ChoiceField(
                label=row["label"],
                required=False,
                initial=row["importance"],
                choices=[*Importance.choices, *([WAIVED] if is_must else [])],
                widget=forms.Select(attrs={"class": "input"}),
            )

    @property
    def importances(self) -> dict[tuple[str, str], str]:
        """What was chosen, by (scheme, code)."""
        chosen = self.cleaned_data
        return {
            key: chosen[field] for field, key in self.asked.items() if chosen[field]
        }

    @property
    def requirement_fields(self) -> list[forms.BoundField]:
        return [self[field] for field in self.asked]


def shown(points: float) -> float:
    """Points as a field shows them at first."""
    return round(points, 1)


def weighing(
    ranking: Ranking, points: Mapping[str, float]
) -> tuple[WhatIf, dict[str, Any]]:
    """Weigh a stored ranking; the second value is what the browser needs to do it too."""
    entries = kept_entries(ranking)
    decision = decision_between(ranking, entries)
    found = weigh(decision, entries, [points[code] for code in decision.criteria])
    return found, _for_browser(ranking, decision, entries)


def _for_browser(
    ranking: Ranking, decision: Decision, entries: Sequence[RankingEntry]
) -> dict[str, Any]:
    """Per CRO the value of each criterion; from it follows every score of this page."""
    ends = []
    for k in range(len(decision.criteria)):
        alone = np.eye(len(decision.criteria))[k]
        columns = (decision.low, decision.value, decision.high, decision.known)
        ends.append([decision.scores(each.astype(float), alone) for each in columns])
    exact = {
        each["code"]: each["weight"] * 100 for each in ranking.parameters["criteria"]
    }
    return {
        "criteria": [
            {"code": code, "exact": exact[code], "shown": shown(exact[code])}
            for code in decision.criteria
        ],
        "cros": [
            {
                "name": entry.cro.name,
                "url": reverse("matching:why", args=[ranking.study_id, entry.cro.slug]),
                "group": GROUP_SLUGS[Group(entry.group)],
                "rank": entry.group,
                "was": entry.position,
                "low": [float(ends[k][0][row]) for k in range(len(ends))],
                "value": [float(ends[k][1][row]) for k in range(len(ends))],
                "high": [float(ends[k][2][row]) for k in range(len(ends))],
                "known": [float(ends[k][3][row]) for k in range(len(ends))],
            }
            for row, entry in enumerate(entries)
        ],
    }


def study_with_ranking(
    request: HtmxRequest, study_id: UUID
) -> tuple[Study, RankingStatus]:
    """Somebody else's study is not found."""
    study = get_object_or_404(Study.objects.visible_to(request.user), pk=study_id)
    return study, ranking_status(study)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HtmxRequest, study_id: UUID) -> HttpResponse:
    """Sliders for the weights, and the first places at those weights."""
    study, status = study_with_ranking(request, study_id)
    if status.ranking is None:
        return redirect("matching:ranking", study_id=study.pk)
    form = WhatIfForm(
        status.ranking, request.POST if request.method == "POST" else None
    )
    return render_what_if(request, status, form, ScenarioForm(status.ranking))


def render_what_if(
    request: HtmxRequest,
    status: RankingStatus,
    form: WhatIfForm,
    scenario_form: "ScenarioForm",
) -> HttpResponse:
    """Show the page, for a study that has a ranking."""
    study, ranking = status.study, status.ranking
    if ranking is None:
        raise ValueError("a what-if needs a ranking")
    is_right = not form.is_bound or form.is_valid()
    editable = Study.objects.editable_by(request.user).current()
    context: dict[str, Any] = {
        "study": study,
        "page": status,
        "form": form,
        "scenario_form": scenario_form,
        "may_edit": editable.filter(pk=study.pk).exists(),
    }
    points = form.points if is_right else form.exact
    found, data = weighing(ranking, points)
    context |= {
        "found": found,
        "places": found.places[:SHOWN],
        "lines": [
            (form[code["code"]], mark)
            for code, mark in zip(data["criteria"], found.marks, strict=True)
        ],
        "data": data,
        "n_weighed": len(found.places),
        "n_running": ranking.n_eligible + ranking.n_conditional,
        "is_confirmed": form.is_bound and is_right,
        "max_points": MAX_POINTS,
    }
    return render_page(request, "matching/whatif.html", context, partial="places")
