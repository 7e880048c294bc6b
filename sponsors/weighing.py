"""From what people answer to the weights of the criteria (method, section 6).

Nothing here reads the database: the pages, the API and the services share it.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ValidationError

from sponsors import elicit
from sponsors.choices import WeightMethod
from sponsors.criteria import CRITERIA, DEFAULT_WEIGHTS
from sponsors.learnt import DEFAULT, LEARNT, learnt_weights

LABELS: Final = {criterion.code: criterion.label for criterion in CRITERIA}
CODES: Final = tuple(LABELS)


@dataclass(frozen=True)
class Weighing:
    """Weights with the answers they were made of, as they are stored."""

    values: dict[str, float]
    method: str
    raw: dict[str, Any]


@dataclass(frozen=True)
class Template:
    """Weights to begin with, for a kind of study; points that sum to 100."""

    code: str
    label: str
    why: str
    points: dict[str, float]


def _template(code: str, label: str, why: str, *points: float) -> Template:
    return Template(code, label, why, dict(zip(CODES, points, strict=True)))


TEMPLATES: Final = (
    _template(
        "first-in-human",
        "First in human",
        "Few sites and no large numbers: what counts is work of the same kind, "
        "services from one hand and a clean inspection record; room to grow hardly "
        "does.",
        *(28, 10, 20, 15, 5, 5, 12, 5),
    ),
    _template(
        "rare-disease",
        "Rare disease",
        "Patients are few and far apart: trials in the condition and presence where "
        "the patients live outweigh size.",
        *(34, 22, 12, 14, 6, 3, 5, 4),
    ),
    _template(
        "large-phase-3",
        "Large phase 3",
        "Many sites in many countries for years: reach, project management and room "
        "to grow carry it; experience is shared by more CROs and tells them apart less.",
        *(18, 22, 12, 18, 8, 15, 5, 2),
    ),
    _template(
        "device",
        "Medical device",
        "Rules and endpoints differ from those of drugs: work with devices, the right "
        "services and quality count for more.",
        *(24, 18, 16, 12, 6, 8, 12, 4),
    ),
    _template(
        "registry",
        "Post-market or registry",
        "Long, observational and full of data: services and technology for it count "
        "as much as experience.",
        *(16, 18, 18, 12, 18, 8, 6, 4),
    ),
)


def template_points(code: str) -> dict[str, float]:
    """Return the points of a template, the default's or the learnt ones.

    Raises
    ------
    KeyError
        When there is no such template.
    """
    if code == DEFAULT:
        return _points(DEFAULT_WEIGHTS)
    if code == LEARNT:
        return _points(learnt_weights().weights)
    return {one.code: one.points for one in TEMPLATES}[code]


def template_codes() -> list[str]:
    return [DEFAULT, *(one.code for one in TEMPLATES), LEARNT]


def likely_template(
    asked: Collection[tuple[str, str]],
    *,
    study_type: str,
    participants: int | None,
    is_rare: bool | None,
) -> str:
    """Name the template of a kind of study; empty where none stands out.

    Parameters
    ----------
    asked : (list, code) of what the study asks for
    """
    phases = {code for scheme, code in asked if scheme == "phase"}
    if is_rare:
        return "rare-disease"
    if ("modality", "device") in asked:
        return "device"
    if study_type == "OBSERVATIONAL" or "phase-4" in phases:
        return "registry"
    if phases and phases <= {"early-phase-1", "phase-1"}:
        return "first-in-human"
    if phases & {"phase-3", "phase-3a", "phase-3b"} and (participants or 0) >= 500:
        return "large-phase-3"
    return ""


def weigh(
    method: str, answers: Mapping[str, Any] | None = None, template: str = ""
) -> Weighing:
    """Make weights of answers.

    Parameters
    ----------
    method : one of `WeightMethod`
    answers : criterion to points (any scale, all criteria), to rank (1 the most
        important; equal ranks share, a criterion left out or None weighs nothing)
        or to swing (0 to 100, one of them 100; all criteria)
    template : which one, for that method

    Raises
    ------
    ValidationError
        Under `answers` or `template`, with what to mend.
    """
    if method in (WeightMethod.DEFAULT, WeightMethod.TEMPLATE):
        return _of_template(DEFAULT if method == WeightMethod.DEFAULT else template)
    given = dict(answers or {})
    problems = [
        f"“{code}” is no criterion; they are {', '.join(CODES)}."
        for code in given
        if code not in LABELS
    ]
    if method == WeightMethod.RANK:
        given = {code: rank for code, rank in given.items() if rank is not None}
        problems += _bad_ranks(given)
    elif method == WeightMethod.SWING:
        problems += _bad_numbers(given, 100, "swing")
        if not problems and max(map(float, given.values())) != elicit.BEST_SWING:
            problems.append(
                "No swing has 100. Give 100 to the criterion whose step from worst to "
                "best is worth most, and weigh the others against it."
            )
    else:
        problems += _bad_numbers(given, math.inf, "points")
        if not problems and not any(given.values()):
            problems.append("At least one criterion needs a weight above 0.")
    if problems:
        raise ValidationError({"answers": problems})
    if method == WeightMethod.RANK:
        by_rank = elicit.from_ranks(list(given.values()))
        values = dict.fromkeys(CODES, 0.0)
        values |= dict(zip(given, by_rank.tolist(), strict=True))
        return Weighing(values, method, given)
    numbers = {code: float(given[code]) for code in CODES}
    return Weighing(numbers, method, given)


def _of_template(code: str) -> Weighing:
    try:
        points = template_points(code)
    except KeyError:
        raise ValidationError(
            {"template": f"Name one of the templates: {', '.join(template_codes())}."}
        ) from None
    if code == DEFAULT:
        return Weighing(points, WeightMethod.DEFAULT, dict(points))
    raw: dict[str, Any] = {**points, "template": code}
    if code == LEARNT:
        raw["learnt_on"] = learnt_weights().learnt_on.isoformat()
    return Weighing(points, WeightMethod.TEMPLATE, raw)


def weigh_points(points: Mapping[str, float]) -> Weighing:
    """As `weigh`, but points that are just a template's were taken from it."""
    for code in template_codes():
        if dict(points) == template_points(code):
            return _of_template(code)
    return weigh(WeightMethod.POINTS, points)


def _bad_numbers(given: Mapping[str, Any], most: float, what: str) -> list[str]:
    problems = []
    for code, label in LABELS.items():
        number = given.get(code)
        if number is None:
            problems.append(f"{label}: say a number; 0 leaves the criterion out.")
        elif isinstance(number, bool) or not isinstance(number, int | float):
            problems.append(f"{label}: give a number.")
        elif not math.isfinite(number) or not 0 <= number <= most:
            span = f"from 0 to {most:g}" if math.isfinite(most) else "from 0 on, finite"
            problems.append(f"{label}: give a number of {what} {span}.")
    return problems


def _bad_ranks(given: Mapping[str, Any]) -> list[str]:
    problems = [
        f"{LABELS.get(code, code)}: a rank is a whole number from 1 to {len(CODES)}; "
        "1 matters most."
        for code, rank in given.items()
        if isinstance(rank, bool)
        or not isinstance(rank, int)
        or not 1 <= rank <= len(CODES)
    ]
    if not given:
        problems.append("Rank at least one criterion; 1 matters most.")
    return problems


def whole_shares(values: Mapping[str, float]) -> dict[str, int]:
    """Share out 100 by weight in whole numbers that sum to 100.

    What rounding down leaves over goes to the largest remainders, the earlier
    criterion first.
    """
    total = math.fsum(values.values())
    exact = {code: 100 * value / total for code, value in values.items()}
    whole = {code: math.floor(share + 1e-9) for code, share in exact.items()}
    by_rest = sorted(
        exact,
        key=lambda code: (round(whole[code] - exact[code], 9), CODES.index(code)),
    )
    for code in by_rest[: 100 - sum(whole.values())]:
        whole[code] += 1
    return whole


@dataclass(frozen=True)
class Advice:
    """Something odd about weights, and what to do."""

    title: str
    text: str


BRANCHES: Final = (
    ("experience", "Experience of the same kind", ("expertise", "fit")),
    ("reach", "Reach and room to grow", ("geography", "scalability")),
    ("work", "The work asked for", ("services", "technology")),
    ("running", "How it is run", ("project_management", "quality")),
)
"""Branches that may be weighed as wholes, beside their criteria one by one."""


def advice(
    values: Mapping[str, float],
    asked: Collection[str] = CODES,
    wholes: Mapping[str, float] | None = None,
) -> list[Advice]:
    """Say what is odd about weights, over the criteria that are asked about.

    Parameters
    ----------
    wholes : a weight for each branch as a whole, where somebody gave them
    """
    codes = [code for code in CODES if code in asked]
    given = [values[code] for code in codes]
    if not any(given):
        return []
    found = []
    for doubt in elicit.doubts(given, len(codes)):
        if doubt.kind == "nearly_equal":
            found.append(
                Advice(
                    "All criteria weigh nearly the same",
                    "Equal weights are seldom meant: they let chance and noise decide. "
                    "Ask of each pair which one you would give up first, or put the "
                    "criteria in order of rank.",
                )
            )
        else:
            found.append(
                Advice(
                    f"{LABELS[codes[doubt.criterion]]} alone weighs "
                    f"{100 * doubt.number:.0f} %",
                    "With more than 60 % it decides almost by itself. If a CRO "
                    "without it is out of the question, make it a must-have of the "
                    "study instead and weigh the rest anew.",
                )
            )
    if wholes and any(wholes.values()):
        found += _split(values, wholes)
    return found


def _split(values: Mapping[str, float], wholes: Mapping[str, float]) -> list[Advice]:
    parts: list[Sequence[float]] = [
        [values[code] for code in codes] for _, _, codes in BRANCHES
    ]
    whole = [wholes[name] for name, _, _ in BRANCHES]
    return [
        Advice(
            f"“{BRANCHES[gain.criterion][1]}” gained by being split",
            f"Its criteria have {100 * gain.number:.0f} percentage points more one by "
            "one than you gave it as a whole. People give more to what is cut in "
            "parts. Lower its criteria, or say why the whole deserves more.",
        )
        for gain in elicit.split_gains(whole, parts)
    ]


def consistency_words(ratio: float) -> str:
    """Say what a consistency ratio of comparisons in pairs means."""
    if ratio < 0.005:
        return "Your answers fit each other perfectly."
    if ratio <= elicit.CONSISTENT:
        return "Your answers fit each other well."
    if ratio <= 2 * elicit.CONSISTENT:
        return "Some answers contradict others; look at the one named below again."
    return (
        "Your answers contradict each other too much to stand on; begin with the one "
        "named below."
    )


def _points(weights: Mapping[str, float]) -> dict[str, float]:
    """Put shares in points, with two decimals."""
    return {code: _short(weights[code] * 100) for code in CODES}


def _short(points: float) -> float:
    rounded = round(points, 2)
    return int(rounded) if rounded == int(rounded) else rounded
