"""CROs like one CRO, and what they have in common: numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from catalog.index.arrays import CatalogueArrays, Floats, Ints, Vocabulary

WEIGHTS = {"therapeutic_area": 0.4, "service": 0.35, "country": 0.25}
"""What likeness in a list weighs; size weighs `SIZE_WEIGHT` where both are known."""
SIZE_WEIGHT = 0.2


@dataclass(frozen=True)
class Likeness:
    """A CRO, how alike it is in (0, 1], and the terms both have, by list.

    `staff` is its number of full-time equivalents, None where nobody knows it.
    """

    cro: int
    score: float
    shared: Mapping[str, tuple[int, ...]]
    staff: float | None


def similar(
    arrays: CatalogueArrays,
    vocabulary: Vocabulary,
    cro: int,
    staff: tuple[Ints, Floats],
    *,
    on: int,
    n: int,
) -> list[Likeness]:
    """Return the `n` listed CROs most like `cro`, the most alike first.

    Likeness in a list is the number of terms both have over the number either has
    (Jaccard), by yes-claims that hold on the day `on` and, for countries, by trials.
    Size is alike as the logarithm of staff is: 1 when equal, 0 from ten times on.
    A list in which this CRO has nothing, and a size nobody knows, weigh nothing. A
    CRO that shares no term is not alike.

    Parameters
    ----------
    staff : CRO ids, ascending, and their full-time equivalents
    """
    me = int(arrays.dense_cros.of(np.array([cro]))[0])
    if me < 0:
        return []
    n_cros = len(arrays.cros)
    score = np.zeros(n_cros)
    weight = np.zeros(n_cros)
    n_shared = np.zeros(n_cros, dtype=np.int64)
    shared_rows: dict[str, tuple[Ints, Ints]] = {}
    for scheme, part in WEIGHTS.items():
        owner, term = _pairs(arrays, vocabulary, scheme, on)
        mine = term[owner == me]
        if not len(mine):
            continue
        is_mine = np.zeros(int(term.max()) + 1, dtype=bool)
        is_mine[mine] = True
        both = is_mine[term]
        shared_rows[scheme] = (owner[both], term[both])
        common = np.bincount(owner[both], minlength=n_cros)
        either = np.bincount(owner, minlength=n_cros) + len(mine) - common
        score += part * common / either
        weight += part
        n_shared += common
    size = np.full(n_cros, np.nan)
    size[arrays.dense_cros.of(staff[0])] = staff[1]
    if size[me] > 0:
        with np.errstate(invalid="ignore", divide="ignore"):
            near = 1 - np.minimum(1, np.abs(np.log10(size / size[me])))
        known = ~np.isnan(near)
        score[known] += SIZE_WEIGHT * near[known]
        weight[known] += SIZE_WEIGHT
    score = np.divide(score, weight, out=np.zeros(n_cros), where=weight > 0)
    score[n_shared == 0] = 0
    score[me] = 0
    best = np.lexsort((arrays.cros.id, -score))[:n]
    return [
        Likeness(
            cro=int(arrays.cros.id[place]),
            score=float(score[place]),
            shared={
                scheme: tuple(int(t) for t in terms[owners == place])
                for scheme, (owners, terms) in shared_rows.items()
            },
            staff=None if np.isnan(size[place]) else float(size[place]),
        )
        for place in best
        if score[place] > 0
    ]


def _pairs(
    arrays: CatalogueArrays, vocabulary: Vocabulary, scheme: str, on: int
) -> tuple[Ints, Ints]:
    """Return each CRO (by position) and term of a list it has, once."""
    claims = arrays.claims
    of_scheme = vocabulary.terms.scheme == scheme
    rows = claims.answer & (claims.expires >= on)
    rows &= of_scheme[vocabulary.dense.of(claims.term)]
    owner = arrays.dense_cros.of(claims.cro[rows])
    term = claims.term[rows]
    if scheme == "country" and len(arrays.roles):
        places = arrays.countries
        first = np.searchsorted(places.trial, arrays.roles.trial, "left")
        last = np.searchsorted(places.trial, arrays.roles.trial, "right")
        counts = last - first
        at = np.repeat(first, counts) + (
            np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        )
        worked = np.repeat(arrays.dense_cros.of(arrays.roles.cro), counts)
        owner = np.concatenate([owner, worked])
        term = np.concatenate([term, places.term[at]])
    base = int(term.max(initial=0)) + 1
    both = np.unique(owner * base + term)
    return both // base, both % base
