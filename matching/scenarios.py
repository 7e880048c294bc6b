"""Scenarios: a study ranked by other weights or must-haves, kept by name."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction

from catalog.models import Term
from matching import blind, services, whatif
from matching.engine import draws
from matching.engine.robustness import smaa
from matching.models import Group, Ranking, Scenario
from matching.robustness import N_CROS, decision_between
from sponsors.choices import Importance
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.models import Study
from sponsors.needs import NeedSpec, need_of_study
from sponsors.services import ARCHIVED

if TYPE_CHECKING:
    from cro_portal.accounts.models import User

MAX_SCENARIOS = 50
MAX_NAME = 120
MAX_REASON = whatif.MAX_REASON
MAX_COMPARED = 4
SHOWN = 25
WAIVED = whatif.WAIVED[0]
CHOICES = [*Importance.choices, whatif.WAIVED]

BEHIND = (
    "The study has changed since its ranking, and a new one is being computed. Save "
    "the scenario once it is there."
)
FULL = f"A study keeps {MAX_SCENARIOS} scenarios. Delete one to save another."


def create(
    *,
    study: Study,
    by: "User",
    name: str,
    points: Mapping[str, float],
    importances: Mapping[tuple[str, str], str],
    reason: str = "",
) -> Scenario:
    """Rank a study in another way and keep that by name; nothing else changes.

    Parameters
    ----------
    points : criterion to points, 0 to 100, for each criterion the study asks about
    importances : (scheme, code) of a requirement to its importance or `waived`;
        what is left out, or is as it stands, stays
    reason : why must-haves are given up; needed if any is, and kept with each

    Raises
    ------
    ValidationError
        By field: `name`, `weights`, `changes`, `reason`, or for the whole.
    """
    name = " ".join(name.split())
    _check_room(study, name)
    base = Ranking.objects.filter(study=study).first()
    if base is None or base.study_version != study.version:
        raise ValidationError(BEHIND)
    weights = check_points(base, points)
    changes = _changes(base, importances)
    _give_reason(changes, reason)
    spec = _spec(need_of_study(study.pk).spec, weights, changes)
    ranked = services.compute_now(spec, limit=services.KEPT_PLACES)
    scenario = Scenario(
        study=study,
        name=name,
        weights=weights,
        changes=changes,
        study_version=study.version,
        base_digest=base.digest,
        catalog_version=ranked.ranking.catalog_version,
        as_of=ranked.ranking.as_of,
        digest=ranked.ranking.digest,
        result=result_json(ranked),
        created_by=by,
    )
    with transaction.atomic():
        held = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        if held.archived_at is not None:
            raise ValidationError(ARCHIVED)
        if held.version != base.study_version:  # changed while it was ranked
            raise ValidationError(BEHIND)
        _check_room(study, name)
        scenario.save(force_insert=True)
    return scenario


@transaction.atomic
def rename(*, scenario: Scenario, name: str) -> Scenario:
    """Give a scenario another name; ValidationError under `name` if it cannot be."""
    study = Study.objects.select_for_update(no_key=True).get(pk=scenario.study_id)
    scenario.name = " ".join(name.split())
    _check_name(study, scenario.name, but=scenario)
    scenario.save(update_fields=["name", "updated_at"])
    return scenario


def check_points(ranking: Ranking, points: Mapping[str, float]) -> dict[str, float]:
    """Give the points in the order of the ranking's criteria.

    Raises
    ------
    ValidationError
        Under `weights`, unless each criterion has a finite number from 0 to 100
        and one is above 0.
    """
    labels = {each["code"]: each["label"] for each in ranking.parameters["criteria"]}
    problems = [
        f"“{code}” is no criterion this study asks about; they are {', '.join(labels)}."
        for code in points.keys() - labels.keys()
    ]
    for code, label in labels.items():
        value = points.get(code)
        if value is None:
            problems.append(f"Say points for {label}; 0 leaves it out.")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            problems.append(f"The points of {label} must be a number.")
        elif not (math.isfinite(value) and 0 <= value <= whatif.MAX_POINTS):
            problems.append(f"The points of {label} lie from 0 to {whatif.MAX_POINTS}.")
    if not problems and not any(points.values()):
        problems.append("At least one criterion needs more than 0 points.")
    if problems:
        raise ValidationError({"weights": problems})
    return {code: float(points[code]) for code in labels}


def result_json(ranked: services.Ranked) -> dict[str, Any]:
    """Write down a scenario's places, best first.

    `cros` are {cro, position, group, score, low, high, evidence, first}, without
    names: a blind study shows none. `first` is P(first) among the first CROs in
    the running by SMAA (METHOD section 7), null beyond them.
    """
    ranking = ranked.ranking
    running = [e for e in ranked.entries if e.group <= Group.CONDITIONAL][:N_CROS]
    first: dict[int, float] = {}
    if running:
        decision = decision_between(ranking, running)
        rule = draws.stated(decision.weights, len(decision.criteria))
        answer = smaa(decision, rule, seed=int(ranking.digest[:15], 16))
        keys = [entry.cro_id for entry in running]
        first = dict(zip(keys, answer.first.tolist(), strict=True))
    return {
        "counts": {
            "eligible": ranking.n_eligible,
            "conditional": ranking.n_conditional,
            "near_miss": ranking.n_near_miss,
            "excluded": ranking.n_excluded,
        },
        "cros": [
            {
                "cro": entry.cro_id,
                "position": entry.position,
                "group": Group(entry.group).name.lower(),
                "score": entry.score,
                "low": entry.score_low,
                "high": entry.score_high,
                "evidence": entry.evidence,
                "first": first.get(entry.cro_id),
            }
            for entry in ranked.entries
        ],
    }


@dataclass(frozen=True)
class Cell:
    """A CRO in one scenario; `place` None where it is not among those kept."""

    place: int | None
    score: float | None
    group: str
    evidence: float
    first: float | None
    is_different: bool  # from the stored ranking's place


@dataclass(frozen=True)
class Row:
    name: str
    slug: str
    cells: Sequence[Cell]


def side_by_side(base: Ranking, scenarios: Sequence[Scenario]) -> list[Row]:
    """Put the stored ranking and scenarios beside each other, the stored one first.

    Rows are the CROs among the first 25 of any, by their best place.
    """
    kept = base.entries.defer("reasons", "gates", "leaves")
    sure = {}
    if hasattr(base, "robustness") and base.robustness.result:
        sure = {row["cro"]: row["first"] for row in base.robustness.result["cros"]}
    stored = [
        {
            "cro": entry.cro_id,
            "position": entry.position,
            "group": Group(entry.group).name.lower(),
            "score": entry.score,
            "evidence": entry.evidence,
            "first": sure.get(entry.cro_id),
        }
        for entry in kept
    ]
    columns = [
        {row["cro"]: row for row in rows}
        for rows in (stored, *(each.result["cros"] for each in scenarios))
    ]
    best: dict[int, int] = {}
    for column in columns:
        for key, row in column.items():
            if row["position"] <= SHOWN:
                best[key] = min(row["position"], best.get(key, row["position"]))
    cros = blind.cros_of(base.study, best)
    rows = []
    for key in sorted(best.keys() & cros.keys(), key=lambda key: (best[key], key)):
        at_base = columns[0].get(key, {}).get("position")
        cells = [_cell(column.get(key), at_base) for column in columns]
        rows.append(Row(cros[key].name, cros[key].slug, cells))
    return rows


def places(scenario: Scenario, limit: int | None = None) -> list[dict[str, Any]]:
    """A scenario's first places with `cro` as the study's readers may see it.

    A CRO deleted since is left out.
    """
    rows = scenario.result["cros"][:limit]
    cros = blind.cros_of(scenario.study, [row["cro"] for row in rows])
    return [{**row, "cro": cros[row["cro"]]} for row in rows if row["cro"] in cros]


def _cell(row: dict[str, Any] | None, at_base: int | None) -> Cell:
    if row is None:
        return Cell(None, None, "", 0.0, None, at_base is not None)
    return Cell(
        place=row["position"],
        score=row["score"],
        group=row["group"],
        evidence=row["evidence"],
        first=row["first"],
        is_different=row["position"] != at_base,
    )


def _spec(
    spec: NeedSpec, weights: Mapping[str, float], changes: Sequence[Mapping[str, str]]
) -> NeedSpec:
    """Write the question as the scenario asks it."""
    terms = Term.objects.filter(
        scheme__in={row["scheme"] for row in changes},
        code__in={row["code"] for row in changes},
    )
    key_of = {(term.scheme_id, term.code): term.pk for term in terms}
    wanted = {key_of[row["scheme"], row["code"]]: row["importance"] for row in changes}
    changed = {pk: to for pk, to in wanted.items() if to != WAIVED}
    return replace(
        spec,
        weights=dict.fromkeys(DEFAULT_WEIGHTS, 0.0) | dict(weights),
        requirements=tuple(
            replace(one, importance=changed.get(one.term_id, one.importance))
            for one in spec.requirements
        ),
        waived=tuple(pk for pk, to in wanted.items() if to == WAIVED),
    )


def _changes(
    base: Ranking, importances: Mapping[tuple[str, str], str]
) -> list[dict[str, str]]:
    asked = {
        (row["scheme"], row["code"]): row for row in base.parameters["requirements"]
    }
    allowed = {code for code, _ in CHOICES}
    problems, changes = [], []
    for (scheme, code), importance in importances.items():
        row = asked.get((scheme, code))
        if row is None:
            problems.append(f"The study does not ask for {scheme} “{code}”.")
        elif importance not in allowed:
            problems.append(
                f"“{importance}” is no importance; they are "
                f"{', '.join(value for value, _ in CHOICES)}."
            )
        elif importance == WAIVED and row["importance"] != Importance.MUST:
            problems.append(f"{row['label']} is no must-have; none is to give up.")
        elif importance != row["importance"]:
            changes.append(
                {
                    "scheme": scheme,
                    "code": code,
                    "label": row["label"],
                    "before": row["importance"],
                    "importance": importance,
                }
            )
    if problems:
        raise ValidationError({"changes": problems})
    return changes


def _give_reason(changes: Sequence[dict[str, str]], reason: str) -> None:
    """Write into each must-have given up why (METHOD section 3)."""
    given_up = [row for row in changes if row["importance"] == WAIVED]
    if not given_up:
        return
    reason = " ".join(reason.split())
    if not reason:
        raise ValidationError({"reason": ["Say why must-haves are given up."]})
    if len(reason) > MAX_REASON:
        words = f"A reason has at most {MAX_REASON} characters; this has {len(reason)}."
        raise ValidationError({"reason": [words]})
    if "\0" in reason:
        raise ValidationError({"reason": ["Leave out the null character."]})
    for row in given_up:
        row["reason"] = reason


def reason_of(scenario: Scenario) -> str:
    """Why must-haves are given up; empty where none is, or nobody said it."""
    return next((row["reason"] for row in scenario.changes if "reason" in row), "")


def _check_room(study: Study, name: str) -> None:
    _check_name(study, name)
    if Scenario.objects.filter(study=study).count() >= MAX_SCENARIOS:
        raise ValidationError(FULL)


def _check_name(study: Study, name: str, but: Scenario | None = None) -> None:
    if not name:
        raise ValidationError({"name": ["Give the scenario a name."]})
    if len(name) > MAX_NAME:
        words = f"A name has at most {MAX_NAME} characters; this one has {len(name)}."
        raise ValidationError({"name": [words]})
    if "\0" in name:
        raise ValidationError({"name": ["Leave out the null character."]})
    same = Scenario.objects.filter(study=study, name__iexact=name)
    if (same.exclude(pk=but.pk) if but else same).exists():
        raise ValidationError({"name": [_taken(name)]})


def _taken(name: str) -> str:
    return f"The study has a scenario “{name}” already. Give this one another name."
