"""How good a list of places is: hit rates, MRR, nDCG, with bootstrap intervals."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from matching.engine.inputs import Bools, Floats, Ints

CUTS: Final = (1, 5, 10, 20)
NDCG_CUT: Final = 10
METRICS: Final = ("mrr", *(f"hit@{cut}" for cut in CUTS), f"ndcg@{NDCG_CUT}")
SAME: Final = 1e-12
"""Scores that differ by no more are the same."""


def mid_rank(scores: Floats, at: int) -> float:
    """Return the place of one of several scores, 1 the best; ties share the middle.

    Parameters
    ----------
    scores : (n,) or (n, k) array, larger is better
        Of several columns a later one decides where the earlier ones are equal.
    """
    columns = scores[:, None] if scores.ndim == 1 else scores
    is_equal: Bools = np.ones(columns.shape[0], bool)
    is_better: Bools = np.zeros(columns.shape[0], bool)
    for column in columns.T:
        difference = column - column[at]
        is_better |= is_equal & (difference > SAME)
        is_equal &= np.abs(difference) <= SAME
    return float(1 + is_better.sum() + (is_equal.sum() - 1) / 2)


def gains(places: Floats) -> dict[str, Floats]:
    """Return every metric of each place; infinity is a CRO that is not listed."""
    found = {"mrr": 1 / places}
    for cut in CUTS:
        found[f"hit@{cut}"] = (places <= cut).astype(np.float64)
    found[f"ndcg@{NDCG_CUT}"] = np.where(
        places <= NDCG_CUT, 1 / np.log2(1 + places), 0.0
    )
    return found


def gains_of_chance(n: int) -> dict[str, float]:
    """Return the expected metrics of one CRO among `n` in random order.

    Of none (0), as of a CRO that is not listed, all are 0.
    """
    if not n:
        return dict.fromkeys(METRICS, 0.0)
    each = gains(np.arange(1.0, n + 1))
    return {metric: float(values.mean()) for metric, values in each.items()}


def resamples(clusters: Sequence[str], times: int, seed: int) -> Ints:
    """Draw how often each row counts when whole clusters are drawn with replacement.

    Pairs of one trial are no independent observations, so trials are drawn.

    Returns
    -------
    (times, n_rows) counts
    """
    _, cluster = np.unique(np.array(clusters), return_inverse=True)
    n = int(cluster.max(initial=-1)) + 1
    rng = np.random.default_rng(seed)
    return (
        rng.multinomial(n, np.full(n, 1 / n), size=times)[:, cluster]
        if n
        else (np.zeros((times, 0), np.int64))
    )


def resampled_means(values: Floats, counts: Ints) -> Floats:
    """Return the mean of each resample; NaN of one that holds no row."""
    size = counts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return (counts @ values) / size


def interval(values: Floats) -> tuple[float, float]:
    """Return the central 95 % of resampled values, those that exist."""
    kept = values[np.isfinite(values)]
    if not kept.size:
        return float("nan"), float("nan")
    low, high = np.quantile(kept, (0.025, 0.975))
    return float(low), float(high)
