"""What is known about CROs and one term: claims to intervals (method, section 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from matching.engine.asked import Asked
from matching.engine.inputs import ASPECTS, Bools, Floats, Int32s, Ints
from matching.engine.prepared import DELIVERY_BITS

UNKNOWN_LOW, UNKNOWN_VALUE, UNKNOWN_HIGH = 0.0, 0.5, 1.0

COMPLETE_LIST_HALF_WIDTH = 0.10

VALUE_OF_DELIVERY = np.array([0.0, 0.5, 0.7, 1.0])
"""By the lowest bits of a key: no, partner, affiliate, own."""

_NO_KEY = np.int32(-1)


@dataclass(frozen=True)
class Known:
    """Intervals of the CROs of whom anything is known; the others are unknown."""

    cro: Int32s  # (k,) in any order, no CRO twice
    low: Floats
    value: Floats
    high: Floats


class Resolved(NamedTuple):
    """What the claims of some cells tell, a cell a row."""

    low: Floats
    value: Floats
    high: Floats
    is_disputed: Bools
    has_claims: Bools  # some that count; without, the interval is not theirs
    claim: Int32s  # claims that made the intervals, as positions in the catalogue
    claim_cell: Ints  # the cell of each, as a position here


def know(asked: Asked, terms: Sequence[int]) -> list[Known]:
    """Return what claims and complete lists tell of each term, for all CROs."""
    cells = asked.prepared.cells
    bounds = [(int(cells.at[term]), int(cells.at[term + 1])) for term in terms]
    if not bounds:
        return []
    cro = np.concatenate([cells.cro[a:b] for a, b in bounds])
    until = np.concatenate([cells.until[a:b] for a, b in bounds])
    key = np.concatenate([cells.key[a:b] for a, b in bounds])
    ends = np.cumsum([0] + [b - a for a, b in bounds])
    low, value, high = intervals(asked, key)
    other = np.flatnonzero(until < asked.need.as_of)
    if other.size:
        of = np.searchsorted(ends, other, "right") - 1  # position in `terms`
        starts = np.array([a for a, _ in bounds])
        is_complete = np.zeros(other.size, bool)
        for i, term in enumerate(terms):
            if asked.scheme(term) in asked.prepared.complete:
                mine = np.flatnonzero(of == i)
                is_complete[mine] = has_complete_list(asked, term)[cro[other[mine]]]
        worked_out = resolve(asked, starts[of] + other - ends[of], is_complete)
        low[other], value[other] = worked_out.low, worked_out.value
        high[other] = worked_out.high
        kept = np.ones(cro.size, bool)
        kept[other] = worked_out.has_claims
        cro, low, value, high = cro[kept], low[kept], value[kept], high[kept]
        ends = np.append(0, np.cumsum(kept))[ends]
    found = []
    for term, (start, stop) in zip(terms, pairwise(ends.tolist()), strict=True):
        part = slice(start, stop)
        known = Known(cro[part], low[part], value[part], high[part])
        found.append(_with_silent(asked, term, known))
    return found


def has_complete_list(asked: Asked, term: int) -> Bools:
    """By CRO: its list of the term's scheme is declared complete."""
    found = asked.prepared.complete.get(asked.scheme(term))
    return np.zeros(asked.prepared.n_cros, bool) if found is None else found


def _with_silent(asked: Asked, term: int, known: Known) -> Known:
    """Add the CROs whose list is complete and which no claim speaks of."""
    complete = asked.prepared.complete.get(asked.scheme(term))
    if complete is None:
        return known
    is_silent = complete.copy()
    is_silent[known.cro] = False
    silent = np.flatnonzero(is_silent).astype(np.int32)
    nothing = np.zeros(silent.size)
    return Known(
        np.concatenate([known.cro, silent]),
        np.concatenate([known.low, nothing]),
        np.concatenate([known.value, nothing]),
        np.concatenate([known.high, nothing + COMPLETE_LIST_HALF_WIDTH]),
    )


def intervals(asked: Asked, key: Int32s) -> tuple[Floats, Floats, Floats]:
    """Return (low, value, high) of claims by their keys."""
    half = asked.day.half_widths[key >> DELIVERY_BITS]
    value = VALUE_OF_DELIVERY[key & ((1 << DELIVERY_BITS) - 1)]
    return np.maximum(0.0, value - half), value, np.minimum(1.0, value + half)


def resolve(asked: Asked, chosen: Ints, is_complete: Bools) -> Resolved:
    """Work out cells claim by claim, for the study's day and scopes.

    Per aspect the best key of each answer counts, and both where the tiers are
    equal. Places are known by the best of their aspects: a no about the
    headquarters alone says nothing about staff. A yes that holds in a place or
    area the study asks raises the ends.

    Parameters
    ----------
    chosen : (k,) positions in `Cells`
    is_complete : (k,) the CRO's list that the term belongs to is complete
    """
    cells, n = asked.prepared.cells, chosen.size
    lengths = cells.row_at[chosen + 1] - cells.row_at[chosen]
    cell = np.repeat(np.arange(n), lengths)
    within = np.arange(cell.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    row = np.repeat(cells.row_at[chosen], lengths) + within
    claims = asked.prepared.catalogue.claims
    claim = cells.row_claim[row]
    place, area = claims.country[claim], claims.area[claim]
    counts = (
        (claims.expires[claim] >= asked.need.as_of)
        & asked.is_asked_place[place]
        & asked.is_asked_area[area]
    )
    is_scoped = ((place >= 0) | (area >= 0))[counts]
    claim, cell = claim[counts], cell[counts]
    key = cells.claim_key[claim]

    group = cell * len(ASPECTS) + cells.claim_aspect[claim]
    is_yes = (key & ((1 << DELIVERY_BITS) - 1)) > 0
    yes, no = np.full(n * len(ASPECTS), _NO_KEY), np.full(n * len(ASPECTS), _NO_KEY)
    for best, chooses in ((yes, is_yes & ~is_scoped), (no, ~is_yes)):
        np.maximum.at(best, group[chooses], key[chooses])
    tier = np.int32(asked.prepared.days.size << DELIVERY_BITS)
    is_disputed = (yes >= 0) & (no >= 0) & (yes // tier == no // tier)
    top = np.maximum(yes, no)
    is_general = np.arange(group_count := n * len(ASPECTS)) % len(ASPECTS) == 0
    speaks = (top >= 0) & (is_general | is_disputed | (yes > no))
    low, value, high = (np.zeros(group_count) for _ in range(3))
    low[speaks], value[speaks], high[speaks] = intervals(asked, top[speaks])
    no_low, _, no_high = intervals(asked, no[is_disputed])
    yes_low, _, yes_high = intervals(asked, yes[is_disputed])
    low[is_disputed] = np.minimum(no_low, yes_low)
    high[is_disputed] = np.maximum(no_high, yes_high)
    value[is_disputed] = (low[is_disputed] + high[is_disputed]) / 2

    shape = (n, len(ASPECTS))
    speaks_any = speaks.reshape(shape).any(axis=1)
    ends = [end.reshape(shape).max(axis=1) for end in (low, value, high)]
    for end, unknown in zip(
        ends, (UNKNOWN_LOW, UNKNOWN_VALUE, UNKNOWN_HIGH), strict=True
    ):
        end[~speaks_any] = unknown
    silent = np.flatnonzero(~speaks_any & is_complete)
    ends[0][silent] = ends[1][silent] = 0.0
    ends[2][silent] = COMPLETE_LIST_HALF_WIDTH
    for end, scoped in zip(ends, intervals(asked, key[is_scoped]), strict=True):
        np.maximum.at(end, cell[is_scoped], scoped)

    made = np.where(is_yes, yes[group], no[group]) == key
    made &= speaks[group] & (is_disputed[group] | (top[group] == key))
    made |= is_scoped
    has_claims = speaks_any.copy()
    has_claims[cell[is_scoped]] = True
    return Resolved(
        ends[0],
        ends[1],
        ends[2],
        is_disputed.reshape(shape).any(axis=1),
        has_claims,
        claim[made],
        cell[made],
    )
