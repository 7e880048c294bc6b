"""The leaves of the criteria tree (method, section 4): one function for each.

A leaf function fills (low, value, high), three (n_cros,) arrays in [0, 1] with
`low <= value <= high`; where nothing is known (0, 0.5, 1).
"""

import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from matching.engine import mesh
from matching.engine.asked import Asked
from matching.engine.day import Day, Interval
from matching.engine.inputs import Floats, Int32s, Ints
from matching.engine.knowledge import (
    UNKNOWN_HIGH,
    UNKNOWN_LOW,
    UNKNOWN_VALUE,
    Known,
    know,
)
from matching.engine.record import CLOSENESS, Experience, Record

PHASE_TRIALS_NEEDED = 10.0
COUNTRY_TRIALS_NEEDED = 2.0
REGULATOR_TRIALS_NEEDED = 5.0
ON_TIME_PEER_MEAN = 0.70
REPEAT_PEER_MEAN = 0.40
NO_ACTION_PEER_MEAN = 0.70
FULL_SPONSOR_SHARE = 0.5
BEST_TURNOVER, WORST_TURNOVER = 0.05, 0.40
FULL_EXPERIENCE_YEARS = 10.0


def sat(n: Floats, need: float) -> Floats:
    """Return how far `n` is on the way to `need`, on a logarithmic scale to 1."""
    return np.minimum(1.0, np.log1p(n) / np.log1p(need))


def sat_of(n: int, need: float) -> float:
    """Return `sat` of one whole number."""
    return min(1.0, math.log1p(n) / math.log1p(need))


class Answers:
    """What one study's ranking knows of each requirement, found once."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.record = Record(asked)

    @cached_property
    def _known(self) -> dict[int, Known]:
        terms = self.asked.need.requirements.term.tolist()
        return dict(zip(terms, know(self.asked, terms), strict=True))

    def known(self, term: int) -> Known:
        """Return what claims and complete lists tell of a term asked."""
        return self._known[term]


def set_unknown(out: Interval) -> None:
    """Fill the interval of CROs of whom nothing is known."""
    for end, unknown in zip(
        out, (UNKNOWN_LOW, UNKNOWN_VALUE, UNKNOWN_HIGH), strict=True
    ):
        end.fill(unknown)


def condition(answers: Answers, out: Interval) -> None:
    record, need = answers.record, answers.asked.experience_needed
    roles = record.related
    found = record.experience(roles, CLOSENESS[record.condition_levels[roles]])
    _from_experience(found, need, claimed_trials(answers).most, out)


def phase(answers: Answers, out: Interval) -> None:
    roles = answers.record.in_phase(answers.asked.terms_of("phase"))
    found = answers.record.experience(roles, 1.0)
    _from_experience(found, PHASE_TRIALS_NEEDED, None, out)


def _from_experience(
    found: Experience, need: float, claimed: Floats | None, out: Interval
) -> None:
    """Open the interval upward: a register sees only part of a CRO's work."""
    more = found.undated
    if claimed is not None:
        more = claimed if more is None else more + claimed
    has_any = found.effective > 0
    if more is not None:
        has_any |= more > 0
    some = np.flatnonzero(has_any)  # logarithms only where there is anything
    n_eff = found.effective[some]
    beyond = n_eff + 2 if more is None else n_eff + 2 + more[some]
    for end, nothing, n in zip(
        out, (0.0, 1.0, 2.0), (n_eff, n_eff + 1, beyond), strict=True
    ):
        end.fill(sat(np.array(nothing), need))
        end[some] = sat(n, need)


class Claimed(NamedTuple):
    """Trials that CROs state beyond the registered ones."""

    most: Floats  # (n_cros,) 0 where none
    claim: Ints  # (n_cros,) the claim that says so, -1 none


def claimed_trials(answers: Answers) -> Claimed:
    """Return the trials a CRO states beyond the registered ones, the most of any.

    Of a requirement, the registered ones are all its trials at or under the
    requirement's term, whenever they start.
    """
    asked, record = answers.asked, answers.record
    found = Claimed(np.zeros(record.n_cros), np.full(record.n_cros, -1))
    table = asked.prepared.valued
    terms = asked.terms_of("condition")
    for term in terms:
        narrower = np.array(asked.at_or_under(term))
        narrower = narrower[table.at[narrower + 1] > table.at[narrower]]
        if not narrower.size:
            continue
        levels = record.condition_levels if len(terms) == 1 else record.levels((term,))
        registered = record.count(levels == mesh.SAME)
        for below in narrower.tolist():
            rows = asked.day.stated_rows(below)
            cro = table.cro[rows]
            beyond = table.value[rows] - registered[cro]
            order = np.argsort(beyond, kind="stable")  # the last of a CRO is its most
            cro, beyond, claim = cro[order], beyond[order], table.id[rows][order]
            is_more = beyond > found.most[cro]
            found.most[cro[is_more]] = beyond[is_more]
            found.claim[cro[is_more]] = claim[is_more]
    return found


def coverage(leaf: str) -> Callable[[Answers, Interval], None]:
    """Make the leaf that says how much of the terms asked a CRO covers, by points."""

    def covered(answers: Answers, out: Interval) -> None:
        asked = answers.asked
        positions = asked.by_leaf[leaf]
        total = float(asked.points[list(positions)].sum())
        set_unknown(out)
        low, value, high = out
        for j in positions:
            part = float(asked.points[j]) / total
            known = answers.known(int(asked.need.requirements.term[j]))
            low[known.cro] += part * known.low
            value[known.cro] += part * (known.value - UNKNOWN_VALUE)
            high[known.cro] += part * (known.high - UNKNOWN_HIGH)
        put_in_order(out)

    return covered


def countries(answers: Answers, out: Interval) -> None:
    _presence(answers, answers.asked.shares, COUNTRY_TRIALS_NEEDED, out)


def regulators(answers: Answers, out: Interval) -> None:
    asked = answers.asked
    positions = asked.by_leaf["regulators"]
    total = float(asked.points[list(positions)].sum())
    parts = {j: float(asked.points[j]) / total for j in positions}
    _presence(answers, parts, REGULATOR_TRIALS_NEEDED, out)


def _presence(
    answers: Answers, parts: dict[int, float], need: float, out: Interval
) -> None:
    """Weigh, per place or regulator, the larger ends of claims and track record."""
    asked, record = answers.asked, answers.record
    low, value, high = out
    low.fill(0.0)
    value.fill(0.0)
    high.fill(UNKNOWN_HIGH)
    sats = sat(np.arange(need + 1), need)  # no logarithm per CRO
    weighed = np.empty(record.n_cros)
    for j, part in parts.items():
        term = int(asked.need.requirements.term[j])
        known = answers.known(term)
        trials = record.ran_in(term)
        n = np.minimum(trials.dated, int(need))
        # All CROs by their trials alone, then those with claims put right.
        np.take(part * sats, n, out=weighed, mode="clip")
        low += weighed
        np.take(part * np.maximum(sats, UNKNOWN_VALUE), n, out=weighed, mode="clip")
        value += weighed
        shown = sats[n[known.cro]]
        possible = sats[np.minimum(trials.possible[known.cro], int(need))]
        low[known.cro] += part * (np.maximum(known.low, shown) - shown)
        value[known.cro] += part * (
            np.maximum(known.value, shown) - np.maximum(shown, UNKNOWN_VALUE)
        )
        high[known.cro] += part * (np.maximum(known.high, possible) - UNKNOWN_HIGH)
    put_in_order(out)


def delivery_record(answers: Answers, out: Interval) -> None:
    _copy(
        answers.asked.day.leaf(
            "delivery_record",
            partial(
                _claimed_rate,
                successes="milestones-on-time",
                total="milestones-due",
                peer_mean=ON_TIME_PEER_MEAN,
            ),
        ),
        out,
    )


def inspections(answers: Answers, out: Interval) -> None:
    _copy(
        answers.asked.day.leaf(
            "inspections",
            partial(
                _claimed_rate,
                successes="inspections-no-action",
                total="inspections-total",
                peer_mean=NO_ACTION_PEER_MEAN,
            ),
        ),
        out,
    )


def _copy(found: Interval, out: Interval) -> None:
    for end, known in zip(out, found, strict=True):
        end[:] = known


def _unknown(n: int) -> Interval:
    out = (np.empty(n), np.empty(n), np.empty(n))
    set_unknown(out)
    return out


def _claimed_rate(day: Day, successes: str, total: str, peer_mean: float) -> Interval:
    low, value, high = _unknown(day.prepared.n_cros)
    cro, s, n = claimed_counts(day, successes, total)
    low[cro], value[cro], high[cro] = day.prepared.rates.intervals(s, n, peer_mean)
    return low, value, high


def claimed_counts(
    day: Day, successes: str, total: str
) -> tuple[Int32s, Floats, Floats]:
    """Return the CROs that state both counts, with 0 <= successes <= total > 0."""
    s, n = day.stated(successes), day.stated(total)
    dense = np.full(day.prepared.n_cros, np.nan)
    dense[s.cro] = s.number
    found = np.flatnonzero(~np.isnan(dense[n.cro]) & (n.number > 0))
    cro, number = n.cro[found], n.number[found]
    return cro, np.clip(dense[cro], 0.0, number), number


def _scale(day: Day, code: str, worst: float, best: float) -> Interval:
    """Put a stated number on a line from `worst` (0) to `best` (1)."""
    out = _unknown(day.prepared.n_cros)
    _put_on_scale(day, code, worst, best, out)
    return out


def _put_on_scale(
    day: Day, code: str, worst: float, best: float, out: Interval
) -> None:
    stated = day.stated(code)
    point = np.clip((stated.number - worst) / (best - worst), 0.0, 1.0)
    out[0][stated.cro] = np.maximum(0.0, point - stated.half_width)
    out[1][stated.cro] = point
    out[2][stated.cro] = np.minimum(1.0, point + stated.half_width)


def team_qualification(answers: Answers, out: Interval) -> None:
    _copy(answers.asked.day.leaf("team_qualification", _team_qualification), out)


def _team_qualification(day: Day) -> Interval:
    certified = _scale(day, "pm-certified-share", 0.0, 1.0)
    experience = _scale(day, "pm-experience-years", 0.0, FULL_EXPERIENCE_YEARS)
    low, value, high = ((a + b) / 2 for a, b in zip(certified, experience, strict=True))
    return low, value, high


def continuity(answers: Answers, out: Interval) -> None:
    _copy(
        answers.asked.day.leaf(
            "continuity",
            partial(
                _scale, code="staff-turnover", worst=WORST_TURNOVER, best=BEST_TURNOVER
            ),
        ),
        out,
    )


def capacity(answers: Answers, out: Interval) -> None:
    set_unknown(out)
    asked = answers.asked
    _put_on_scale(asked.day, "free-capacity-fte", 0.0, asked.staff_needed, out)


def span(answers: Answers, out: Interval) -> None:
    asked = answers.asked
    _add_largest(answers.record, "countries", len(asked.by_leaf["countries"]), out)


def size_proven(answers: Answers, out: Interval) -> None:
    sizes = answers.asked.sizes
    parts: list[Interval] = []
    for name, size in sizes.items():
        part = out if not parts else _unknown(answers.record.n_cros)
        _add_largest(answers.record, name, math.log1p(size), part)
        parts.append(part)
    for part in parts[1:]:
        for end, more in zip(out, part, strict=True):
            end += more
            end /= len(sizes)


def _add_largest(record: Record, name: str, asked: float, out: Interval) -> None:
    """Divide a CRO's largest trial by what is asked, at most 1.

    Undated trials can only raise the upper end.
    """
    low, value, high = out
    counted, possible = record.most(name)
    is_unknown = (counted == 0).astype(np.float64)
    np.divide(counted, asked, out=low)
    np.minimum(low, 1.0, out=low)
    if possible is None:
        np.add(low, is_unknown, out=high)
    else:
        np.divide(possible, asked, out=high)
        np.minimum(high, 1.0, out=high)
        np.maximum(high, is_unknown, out=high)
    is_unknown *= UNKNOWN_VALUE
    np.add(low, is_unknown, out=value)


def repeat_sponsors(answers: Answers, out: Interval) -> None:
    n, again = answers.record.sponsors
    answers.asked.prepared.rates.fill(again, n, REPEAT_PEER_MEAN, out)


def sponsor_size(answers: Answers, out: Interval) -> None:
    same, n = answers.record.of_size_class
    peer_mean = sponsor_size_peer_mean(answers.asked)
    answers.asked.prepared.rates.fill(same, n, peer_mean, out)
    for end in out:
        end /= FULL_SPONSOR_SHARE
        np.minimum(end, 1.0, out=end)
    out[1][n == 0] = UNKNOWN_VALUE


def sponsor_size_peer_mean(asked: Asked) -> float:
    shares = asked.prepared.catalogue.size_class_shares
    return float(shares[asked.need.sponsor_size])


def put_in_order(out: Interval) -> None:
    """Undo what rounding did to the order of the ends of a sum."""
    low, value, high = out
    np.clip(value, 0.0, 1.0, out=value)
    np.clip(low, 0.0, value, out=low)
    np.clip(high, value, 1.0, out=high)


LEAVES: dict[str, Callable[[Answers, Interval], None]] = {
    "condition": condition,
    "phase": phase,
    "modality_population": coverage("modality_population"),
    "countries": countries,
    "regulators": regulators,
    "services": coverage("services"),
    "delivery_record": delivery_record,
    "team_qualification": team_qualification,
    "continuity": continuity,
    "span": span,
    "technology": coverage("technology"),
    "capacity": capacity,
    "size_proven": size_proven,
    "repeat_sponsors": repeat_sponsors,
    "certificates": coverage("certificates"),
    "inspections": inspections,
    "sponsor_size": sponsor_size,
}

TREE: dict[str, dict[str, float]] = {
    "expertise": {"condition": 0.55, "phase": 0.25, "modality_population": 0.20},
    "geography": {"countries": 0.65, "regulators": 0.35},
    "services": {"services": 1.0},
    "project_management": {
        "delivery_record": 0.35,
        "team_qualification": 0.25,
        "continuity": 0.20,
        "span": 0.20,
    },
    "technology": {"technology": 1.0},
    "scalability": {"capacity": 0.40, "size_proven": 0.35, "repeat_sponsors": 0.25},
    "quality": {"certificates": 0.6, "inspections": 0.4},
    "fit": {"sponsor_size": 1.0},
}
"""Criteria, their leaves, and each leaf's share inside its criterion."""


def is_asked(leaf: str, asked: Asked) -> bool:
    """Say whether the study asks a leaf's question."""
    if leaf in ALWAYS_ASKED:
        return True
    if leaf == "span":
        return "countries" in asked.by_leaf
    if leaf == "capacity":
        return not np.isnan(asked.staff_needed)
    if leaf == "size_proven":
        return bool(asked.sizes)
    if leaf == "sponsor_size":
        return asked.need.sponsor_size > 0
    return leaf in asked.by_leaf


ALWAYS_ASKED = frozenset(
    {
        "delivery_record",
        "team_qualification",
        "continuity",
        "repeat_sponsors",
        "inspections",
    }
)
