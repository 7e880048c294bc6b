"""A CRO's numbers beside those of all listed CROs: numpy only."""

from dataclasses import dataclass

import numpy as np

from catalog.index.arrays import ClaimRows, Floats, Ints

FEWEST = 5
"""A band of fewer CROs would give single ones away, and says little."""
LOW, HIGH = 10, 90


@dataclass(frozen=True)
class Band:
    """The 10th, 50th and 90th percentile of `n` CROs."""

    low: float
    middle: float
    high: float
    n: int


def best_values(claims: ClaimRows, *, term: int, on: int) -> tuple[Ints, Floats]:
    """Return the CROs with a number on a metric, ascending, and their best numbers.

    Best is the claim with the best tier, the newest within a tier, that holds on
    the day `on` (days since 1970-01-01).
    """
    rows = claims.take(
        (claims.term == term)
        & claims.answer
        & (claims.expires >= on)
        & ~np.isnan(claims.value)
    )
    order = np.lexsort((-rows.id, -rows.observed.astype(np.int64), rows.tier, rows.cro))
    rows = rows.take(order)
    cros, first = np.unique(rows.cro, return_index=True)
    return cros, rows.value[first]


def ratios(part: tuple[Ints, Floats], whole: tuple[Ints, Floats]) -> Floats:
    """Divide the numbers of CROs that have both; a whole of 0 gives none."""
    _, here, there = np.intersect1d(
        part[0], whole[0], assume_unique=True, return_indices=True
    )
    parts, wholes = part[1][here], whole[1][there]
    kept = (wholes > 0) & (parts >= 0) & (parts <= wholes)
    return parts[kept] / wholes[kept]


def band(values: Floats) -> Band | None:
    """Return the band of the peers' values; None where there are too few."""
    if len(values) < FEWEST:
        return None
    low, middle, high = np.percentile(values, [LOW, 50, HIGH])
    return Band(float(low), float(middle), float(high), len(values))
