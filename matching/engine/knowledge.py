"""What is known about CROs and one term: claims to intervals (method, section 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    row: Ints  # claims that made the intervals, as rows of `Cells`
    row_cell: Ints  # the cell of each, as a position here


def know(asked: Asked, terms: Sequence[int]) -> list[Known]:
    """Return what claims and complete lists tell of each term, for all CROs."""
    cells = asked.prepared.cells
    bounds = [(int(cells.at[term]), int(cells.at[term + 1])) for term in terms]
    is_plain = [cells.until[a:b] >= asked.need.as_of for a, b in bounds]
    others = [
        a + np.flatnonzero(~plain)
        for (a, _), plain in zip(bounds, is_plain, strict=True)
    ]
    worked_out = resolve(
        asked,
        np.concatenate([*others, np.zeros(0, np.int64)]),
        np.concatenate(
            [
                *(
                    has_complete_list(asked, term)[cells.cro[other]]
                    for term, other in zip(terms, others, strict=True)
                ),
                np.zeros(0, bool),
            ]
        ),
    )
    found, start = [], 0
    for term, (a, b), plain, other in zip(terms, bounds, is_plain, others, strict=True):
        stop = start + other.size
        has = start + np.flatnonzero(worked_out.has_claims[start:stop])
        cro = cells.cro[a:b][plain]
        ends = intervals(asked, cells.key[a:b][plain])
        more = cells.cro[other[has - start]]
        start = stop
        silent = _silent(asked, term, cro, more)
        low, value, high = (
            np.concatenate([plain_end, end[has], np.full(silent.size, no)])
            for plain_end, end, no in zip(
                ends,
                (worked_out.low, worked_out.value, worked_out.high),
                (0.0, 0.0, COMPLETE_LIST_HALF_WIDTH),
                strict=True,
            )
        )
        found.append(Known(np.concatenate([cro, more, silent]), low, value, high))
    return found


def has_complete_list(asked: Asked, term: int) -> Bools:
    """By CRO: its list of the term's scheme is declared complete."""
    found = asked.prepared.complete.get(asked.scheme(term))
    return np.zeros(asked.prepared.n_cros, bool) if found is None else found


def _silent(asked: Asked, term: int, *known: Int32s) -> Int32s:
    """Return the CROs whose list is complete and which no claim speaks of."""
    if asked.scheme(term) not in asked.prepared.complete:
        return np.zeros(0, np.int32)
    is_silent = has_complete_list(asked, term).copy()
    for cro in known:
        is_silent[cro] = False
    return np.flatnonzero(is_silent).astype(np.int32)


def intervals(asked: Asked, key: Int32s) -> tuple[Floats, Floats, Floats]:
    """Return (low, value, high) of claims by their keys."""
    half = asked.half_widths[key >> DELIVERY_BITS]
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
    place, area = cells.row_country[row], cells.row_area[row]
    counts = (
        (cells.row_expires[row] >= asked.need.as_of)
        & asked.is_asked_place[place]
        & asked.is_asked_area[area]
    )
    is_scoped = ((place >= 0) | (area >= 0))[counts]
    row, cell = row[counts], cell[counts]
    key = cells.row_key[row]

    group = cell * len(ASPECTS) + cells.row_aspect[row]
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
        row[made],
        cell[made],
    )
