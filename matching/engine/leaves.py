"""The leaves of the criteria tree (method, section 4): one function for each.

A leaf function returns (low, value, high), three (n_cros,) arrays in [0, 1] with
`low <= value <= high`; where nothing is known (0, 0.5, 1).
"""

import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple, TypeAlias

import numpy as np

from matching.engine import mesh
from matching.engine.asked import Asked
from matching.engine.inputs import Floats, Indices, Int32s, Ints
from matching.engine.knowledge import (
    UNKNOWN_HIGH,
    UNKNOWN_LOW,
    UNKNOWN_VALUE,
    Known,
    know,
)
from matching.engine.prepared import DELIVERY_BITS
from matching.engine.record import CLOSENESS, Experience, Record

Interval: TypeAlias = tuple[Floats, Floats, Floats]

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


def unknown(n: int) -> Interval:
    """Return the interval of `n` CROs of whom nothing is known."""
    return (
        np.full(n, UNKNOWN_LOW),
        np.full(n, UNKNOWN_VALUE),
        np.full(n, UNKNOWN_HIGH),
    )


def condition(answers: Answers) -> Interval:
    record, need = answers.record, answers.asked.experience_needed
    roles = np.flatnonzero(record.condition_levels)
    found = record.experience(roles, CLOSENESS[record.condition_levels[roles]])
    return _from_experience(found, need, claimed_trials(answers).most)


def phase(answers: Answers) -> Interval:
    roles = answers.record.in_phase(answers.asked.terms_of("phase"))
    found = answers.record.experience(roles, 1.0)
    return _from_experience(found, PHASE_TRIALS_NEEDED, 0.0)


def _from_experience(
    found: Experience, need: float, claimed: Floats | float
) -> Interval:
    """Open the interval upward: a register sees only part of a CRO's work."""
    n_eff = found.effective
    return (
        sat(n_eff, need),
        sat(n_eff + 1, need),
        sat(n_eff + 2 + claimed + found.undated, need),
    )


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
            rows = _stated_rows(asked, below)
            cro = table.cro[rows]
            beyond = table.value[rows] - registered[cro]
            order = np.argsort(beyond, kind="stable")  # the last of a CRO is its most
            cro, beyond, claim = cro[order], beyond[order], table.id[rows][order]
            is_more = beyond > found.most[cro]
            found.most[cro[is_more]] = beyond[is_more]
            found.claim[cro[is_more]] = claim[is_more]
    return found


def _stated_rows(asked: Asked, term: int) -> Ints:
    """Return the unexpired rows of `Valued` on one term."""
    table = asked.prepared.valued
    start, stop = int(table.at[term]), int(table.at[term + 1])
    return start + np.flatnonzero(table.expires[start:stop] >= asked.need.as_of)


def coverage(leaf: str) -> Callable[[Answers], Interval]:
    """Make the leaf that says how much of the terms asked a CRO covers, by points."""

    def covered(answers: Answers) -> Interval:
        asked = answers.asked
        positions = asked.by_leaf[leaf]
        total = float(asked.points[list(positions)].sum())
        low, value, high = unknown(answers.record.n_cros)
        for j in positions:
            part = float(asked.points[j]) / total
            known = answers.known(int(asked.need.requirements.term[j]))
            low[known.cro] += part * known.low
            value[known.cro] += part * (known.value - UNKNOWN_VALUE)
            high[known.cro] += part * (known.high - UNKNOWN_HIGH)
        return in_order(low, value, high)

    return covered


def countries(answers: Answers) -> Interval:
    asked = answers.asked
    return _presence(answers, asked.shares, COUNTRY_TRIALS_NEEDED)


def regulators(answers: Answers) -> Interval:
    asked = answers.asked
    positions = asked.by_leaf["regulators"]
    total = float(asked.points[list(positions)].sum())
    parts = {j: float(asked.points[j]) / total for j in positions}
    return _presence(answers, parts, REGULATOR_TRIALS_NEEDED)


def _presence(answers: Answers, parts: dict[int, float], need: float) -> Interval:
    """Weigh, per place or regulator, the larger ends of claims and track record."""
    asked, record = answers.asked, answers.record
    n = record.n_cros
    ends = [np.zeros(n), np.zeros(n), np.zeros(n)]
    for j, part in parts.items():
        term = int(asked.need.requirements.term[j])
        known = answers.known(term)
        low, value, high = unknown(n)
        low[known.cro], value[known.cro] = known.low, known.value
        high[known.cro] = known.high
        dated, undated = record.numbers(record.in_countries(asked.countries_of(term)))
        shown = _sat_of_counts(dated, need)
        np.maximum(low, shown, out=low)
        np.maximum(value, shown, out=value)
        np.maximum(high, _sat_of_counts(dated + undated, need), out=high)
        for total, end in zip(ends, (low, value, high), strict=True):
            end *= part
            total += end
    return in_order(ends[0], ends[1], ends[2])


def _sat_of_counts(n: Ints, need: float) -> Floats:
    """Return `sat` of whole numbers from a small table: no logarithm per CRO."""
    table = sat(np.arange(need + 1), need)
    return table[np.minimum(n, int(need))]


def delivery_record(answers: Answers) -> Interval:
    return _claimed_rate(
        answers, "milestones-on-time", "milestones-due", ON_TIME_PEER_MEAN
    )


def inspections(answers: Answers) -> Interval:
    return _claimed_rate(
        answers, "inspections-no-action", "inspections-total", NO_ACTION_PEER_MEAN
    )


def _claimed_rate(
    answers: Answers, successes: str, total: str, peer_mean: float
) -> Interval:
    low, value, high = unknown(answers.record.n_cros)
    cro, s, n = claimed_counts(answers.asked, successes, total)
    low[cro], value[cro], high[cro] = answers.asked.prepared.rates.intervals(
        s, n, peer_mean
    )
    return low, value, high


def claimed_counts(
    asked: Asked, successes: str, total: str, page: Ints | None = None
) -> tuple[Indices, Floats, Floats]:
    """Return the CROs that state both counts, with 0 <= successes <= total > 0."""
    s, n = metric(asked, successes, page), metric(asked, total, page)
    dense = np.full(asked.prepared.n_cros if page is None else page.size, np.nan)
    dense[s.cro] = s.number
    found = np.flatnonzero(~np.isnan(dense[n.cro]) & (n.number > 0))
    cro, number = n.cro[found], n.number[found]
    return cro, np.clip(dense[cro], 0.0, number), number


class Stated(NamedTuple):
    """A number that some CROs state, a row each."""

    cro: Indices  # places in the page if one was given
    number: Floats
    half_width: Floats  # in parts of the leaf's scale
    claim: Ints


def metric(asked: Asked, code: str, page: Ints | None = None) -> Stated:
    """Return a number as CROs state it: the best tier, the newest, the smaller."""
    term = asked.prepared.term_of_code.get(("metric", code))
    if term is None:
        none = np.zeros(0)
        return Stated(np.zeros(0, np.int64), none, none, np.zeros(0, np.int64))
    table = asked.prepared.valued
    rows = _stated_rows(asked, term)
    is_last = np.ones(rows.size, bool)
    is_last[:-1] = np.diff(table.cro[rows]) > 0
    rows = rows[is_last]
    cro: Indices = table.cro[rows]
    if page is not None:
        at = np.searchsorted(cro, page)
        has = np.append(cro, -1)[at] == page
        rows, cro = rows[at[has]], np.flatnonzero(has)
    return Stated(
        cro,
        table.value[rows],
        asked.half_widths[table.key[rows] >> DELIVERY_BITS],
        table.id[rows],
    )


def _scale(answers: Answers, code: str, worst: float, best: float) -> Interval:
    """Put a stated number on a line from `worst` (0) to `best` (1)."""
    low, value, high = unknown(answers.record.n_cros)
    stated = metric(answers.asked, code)
    point = np.clip((stated.number - worst) / (best - worst), 0.0, 1.0)
    value[stated.cro] = point
    low[stated.cro] = np.maximum(0.0, point - stated.half_width)
    high[stated.cro] = np.minimum(1.0, point + stated.half_width)
    return low, value, high


def team_qualification(answers: Answers) -> Interval:
    return _mean(
        _scale(answers, "pm-certified-share", 0.0, 1.0),
        _scale(answers, "pm-experience-years", 0.0, FULL_EXPERIENCE_YEARS),
    )


def continuity(answers: Answers) -> Interval:
    return _scale(answers, "staff-turnover", WORST_TURNOVER, BEST_TURNOVER)


def capacity(answers: Answers) -> Interval:
    return _scale(answers, "free-capacity-fte", 0.0, answers.asked.staff_needed)


def _mean(*parts: Interval) -> Interval:
    low, value, high = (sum(ends) / len(parts) for ends in zip(*parts, strict=True))
    return low, value, high


def span(answers: Answers) -> Interval:
    asked = len(answers.asked.by_leaf["countries"])
    return _largest(
        answers.record,
        answers.asked.prepared.roles.n_countries,
        lambda most: np.minimum(1.0, most / asked),
    )


def size_proven(answers: Answers) -> Interval:
    roles = answers.asked.prepared.roles
    shown = {"participants": roles.participants, "sites": roles.n_sites}
    return _mean(
        *(
            _largest(answers.record, shown[name], partial(sat, need=size))
            for name, size in answers.asked.sizes.items()
        )
    )


def _largest(
    record: Record, values: Floats | Int32s, scale: Callable[[Floats], Floats]
) -> Interval:
    """Scale a CRO's largest trial; undated trials can only raise the upper end."""
    counted, possible = record.largest(values)
    shown, most = scale(counted), scale(possible)
    is_shown = counted > 0
    return (
        np.where(is_shown, shown, UNKNOWN_LOW),
        np.where(is_shown, shown, UNKNOWN_VALUE),
        np.where(is_shown, most, UNKNOWN_HIGH),
    )


def repeat_sponsors(answers: Answers) -> Interval:
    n, again = answers.record.sponsors
    return _shown_rate(answers, again, n, REPEAT_PEER_MEAN)


def sponsor_size(answers: Answers) -> Interval:
    same, n = sponsor_size_counts(answers)
    peer_mean = sponsor_size_peer_mean(answers.asked)
    low, value, high = _shown_rate(answers, same, n, peer_mean)
    has = n > 0
    for end in (low, value, high):
        end[has] = np.minimum(1.0, end[has] / FULL_SPONSOR_SHARE)
    return low, value, high


def sponsor_size_counts(answers: Answers) -> tuple[Floats, Floats]:
    """Return trials for sponsors of the study's size class, and of any known."""
    record, size = answers.record, answers.asked.prepared.roles.sponsor_size
    same = record.count((size == answers.asked.need.sponsor_size) & record.counts)
    n = record.count((size > 0) & record.counts)
    return same.astype(np.float64), n.astype(np.float64)


def sponsor_size_peer_mean(asked: Asked) -> float:
    shares = asked.prepared.catalogue.size_class_shares
    return float(shares[asked.need.sponsor_size])


def _shown_rate(
    answers: Answers, successes: Floats, n: Floats, peer_mean: float
) -> Interval:
    low, value, high = unknown(answers.record.n_cros)
    rows = np.flatnonzero(n)
    low[rows], value[rows], high[rows] = answers.asked.prepared.rates.intervals(
        successes[rows], n[rows], peer_mean
    )
    return low, value, high


def in_order(low: Floats, value: Floats, high: Floats) -> Interval:
    """Undo what rounding did to the order of the ends of a sum."""
    np.clip(value, 0.0, 1.0, out=value)
    np.clip(low, 0.0, value, out=low)
    np.clip(high, value, 1.0, out=high)
    return low, value, high


LEAVES: dict[str, Callable[[Answers], Interval]] = {
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
