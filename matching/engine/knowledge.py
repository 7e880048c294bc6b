"""What is known about CROs and one term: claims to intervals (method, section 2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.engine.asked import Asked
from matching.engine.inputs import ASPECTS, Bools, Floats, Indices, Int32s, Ints
from matching.engine.prepared import DELIVERY_BITS, PLACE_SCHEMES, ClaimTable

UNKNOWN_LOW, UNKNOWN_VALUE, UNKNOWN_HIGH = 0.0, 0.5, 1.0
COMPLETE_LIST_HALF_WIDTH = 0.10

VALUE_OF_DELIVERY = np.array([0.0, 0.5, 0.7, 1.0])
"""By the lowest bits of a key: no, partner, affiliate, own."""

_NO_KEY = np.int32(-1)


@dataclass(frozen=True)
class Known:
    """Intervals of the CROs of whom anything is known; the others are unknown."""

    cro: Ints  # (k,) sorted, no CRO twice; positions in the page if one was given
    low: Floats
    value: Floats
    high: Floats
    is_disputed: Bools


@dataclass
class Trace:
    """Claims that made the intervals: pairs of (CRO's place in the page, claim id)."""

    cro: list[Indices]
    claim: list[Ints]


def pick(
    asked: Asked, table: ClaimTable, slot: int, page: Ints | None
) -> tuple[Indices, Ints | slice]:
    """Return the CROs and rows of a slot's unexpired claims, by CRO, best last.

    With a page (a sorted array of CROs) only theirs; CROs are then places in it.
    """
    rows = table.rows(slot, asked.need.as_of)
    cro = table.cro[rows]
    if page is None:
        return cro, rows
    start = np.searchsorted(cro, page, side="left")
    lengths = np.searchsorted(cro, page, side="right") - start
    if not lengths.any():
        none = np.zeros(0, np.int64)
        return none, none
    place = np.repeat(np.arange(page.size), lengths)
    within = np.arange(place.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    chosen = np.repeat(start, lengths) + within
    return place, (rows.start + chosen if isinstance(rows, slice) else rows[chosen])


def know(
    asked: Asked, term: int, page: Ints | None = None, trace: Trace | None = None
) -> Known:
    """Return what claims and complete lists tell of `term`, for all CROs or a page.

    Places are known by the best of their aspects: a no about the headquarters
    alone says nothing about staff.
    """
    n = asked.prepared.n_cros if page is None else page.size
    terms = asked.at_or_under(term)
    is_place = asked.scheme(term) in PLACE_SCHEMES
    found = _from_aspect(asked, terms, term, 0, n, page, trace)
    if is_place:
        for aspect in range(1, len(ASPECTS)):
            more = _from_aspect(asked, terms, term, aspect, n, page, trace)
            if more.cro.size:
                found = _larger_ends(found, more, n) if found.cro.size else more
    found = _with_complete_list(asked, found, asked.scheme(term), n, page)
    return _with_scoped(asked, found, terms, n, page, trace)


def intervals(asked: Asked, key: Int32s) -> tuple[Floats, Floats, Floats]:
    """Return (low, value, high) of claims by their keys."""
    half = asked.half_widths[key >> DELIVERY_BITS]
    value = VALUE_OF_DELIVERY[key & ((1 << DELIVERY_BITS) - 1)]
    return np.maximum(0.0, value - half), value, np.minimum(1.0, value + half)


def _from_aspect(
    asked: Asked,
    terms: Sequence[int],
    term: int,
    aspect: int,
    n: int,
    page: Ints | None,
    trace: Trace | None,
) -> Known:
    """Resolve the unscoped claims of one aspect: yes at or under, no at the term."""
    prepared = asked.prepared
    yes_parts = _parts(asked, prepared.yes, terms, aspect, page)
    no_parts = _parts(asked, prepared.no, [term], aspect, page)
    if not yes_parts and (aspect > 0 or not no_parts):
        return _NOTHING
    yes = _best(prepared.yes, yes_parts, n)
    no = _best(prepared.no, no_parts, n)
    rows = np.flatnonzero((yes & no) != _NO_KEY if no_parts else yes != _NO_KEY)
    top = np.maximum(yes[rows], no[rows]) if no_parts else yes[rows]
    low, value, high = intervals(asked, top)
    is_disputed = np.zeros(rows.size, bool)
    if no_parts and yes_parts:
        both = np.flatnonzero((yes[rows] != _NO_KEY) & (no[rows] != _NO_KEY))
        tier = np.int32(prepared.days.size << DELIVERY_BITS)
        both = both[yes[rows[both]] // tier == no[rows[both]] // tier]
        is_disputed[both] = True
        yes_low, _, yes_high = intervals(asked, yes[rows[both]])
        no_low, _, no_high = intervals(asked, no[rows[both]])
        low[both] = np.minimum(yes_low, no_low)
        high[both] = np.maximum(yes_high, no_high)
        value[both] = (low[both] + high[both]) / 2
    if aspect > 0 and no_parts:
        some_yes = is_disputed | (value > 0)
        rows, top = rows[some_yes], top[some_yes]
        low, value, high = low[some_yes], value[some_yes], high[some_yes]
        is_disputed = is_disputed[some_yes]
    if trace is not None:
        counted = np.full(n, _NO_KEY)
        counted[rows] = top
        disputed = np.zeros(n, bool)
        disputed[rows] = is_disputed
        _note(trace, prepared.yes, yes_parts, np.where(disputed, yes, counted))
        _note(trace, prepared.no, no_parts, np.where(disputed, no, counted))
    return Known(rows, low, value, high, is_disputed)


_Parts = list[tuple[Indices, Ints | slice]]


def _parts(
    asked: Asked,
    table: ClaimTable,
    terms: Sequence[int],
    aspect: int,
    page: Ints | None,
) -> _Parts:
    slots = np.asarray(terms, np.int64) * len(ASPECTS) + aspect
    slots = slots[table.at[slots + 1] > table.at[slots]]
    parts = [pick(asked, table, slot, page) for slot in slots.tolist()]
    return [part for part in parts if part[0].size]


def _best(table: ClaimTable, parts: _Parts, n: int) -> Int32s:
    """Return the largest key per CRO, -1 where there is none."""
    best = np.full(n, _NO_KEY)
    for i, (cro, rows) in enumerate(parts):
        key = table.key[rows]
        # Keys of a CRO rise within a slot, and the last of equal places is kept.
        best[cro] = key if i == 0 else np.maximum(best[cro], key)
    return best


def _note(trace: Trace, table: ClaimTable, parts: _Parts, counted: Int32s) -> None:
    for cro, rows in parts:
        chosen = table.key[rows] == counted[cro]
        trace.cro.append(cro[chosen])
        trace.claim.append(table.id[rows][chosen])


def _larger_ends(a: Known, b: Known, n: int) -> Known:
    """Join two: where both know a CRO, the larger of each end."""
    has = np.zeros(n, bool)
    has[a.cro] = True
    has[b.cro] = True
    ends: list[Floats] = []
    for x, y in ((a.low, b.low), (a.value, b.value), (a.high, b.high)):
        dense = np.zeros(n)
        dense[a.cro] = x
        dense[b.cro] = np.maximum(dense[b.cro], y)
        ends.append(dense[has])
    disputed = np.zeros(n, bool)
    disputed[a.cro] = a.is_disputed
    disputed[b.cro] |= b.is_disputed
    return Known(np.flatnonzero(has), ends[0], ends[1], ends[2], disputed[has])


def _with_complete_list(
    asked: Asked, found: Known, scheme: str, n: int, page: Ints | None
) -> Known:
    """Add a no for CROs whose list of the scheme is complete and silent."""
    complete = asked.prepared.complete.get(scheme)
    if complete is None:
        return found
    is_silent = np.zeros(n, bool)
    if page is None:
        is_silent[complete] = True
    else:
        is_silent[np.isin(page, complete)] = True
    is_silent[found.cro] = False
    silent = np.flatnonzero(is_silent)
    if not silent.size:
        return found
    zero = np.zeros(silent.size)
    added = Known(
        silent, zero, zero, zero + COMPLETE_LIST_HALF_WIDTH, np.zeros(silent.size, bool)
    )
    return _larger_ends(found, added, n)


def _with_scoped(
    asked: Asked,
    found: Known,
    terms: Sequence[int],
    n: int,
    page: Ints | None,
    trace: Trace | None,
) -> Known:
    """Raise intervals by yes claims that hold in a place or area the study asks."""
    table = asked.prepared.scoped
    cros: list[Indices] = []
    keys: list[Int32s] = []
    claims: list[Ints] = []
    for aspect in range(len(ASPECTS)):
        for cro, rows in _parts(asked, table, terms, aspect, page):
            holds = (
                asked.is_asked_place[table.country[rows]]
                & asked.is_asked_area[table.area[rows]]
            )
            cros.append(cro[holds])
            keys.append(table.key[rows][holds])
            claims.append(table.id[rows][holds])
    if not any(part.size for part in cros):
        return found
    if trace is not None:
        trace.cro.extend(cros)
        trace.claim.extend(claims)
    cro = np.concatenate(cros).astype(np.int64)
    has = np.zeros(n, bool)
    has[found.cro] = True
    has[cro] = True
    ends: list[Floats] = []
    for unknown, known, scoped in zip(
        (UNKNOWN_LOW, UNKNOWN_VALUE, UNKNOWN_HIGH),
        (found.low, found.value, found.high),
        intervals(asked, np.concatenate(keys)),
        strict=True,
    ):
        dense = np.full(n, unknown)
        dense[found.cro] = known
        np.maximum.at(dense, cro, scoped)
        ends.append(dense[has])
    disputed = np.zeros(n, bool)
    disputed[found.cro] = found.is_disputed
    return Known(np.flatnonzero(has), ends[0], ends[1], ends[2], disputed[has])


_NOTHING = Known(
    np.zeros(0, np.int64),
    np.zeros(0),
    np.zeros(0),
    np.zeros(0),
    np.zeros(0, bool),
)
