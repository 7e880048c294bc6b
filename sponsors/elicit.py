"""Weights from what people say (method, section 6): points, swings, ranks, pairs.

Pure arithmetic on numpy. It stands here and not in the engine because the demand
side stands below the engine and turns answers into the weights it stores.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

NEARLY_EQUAL = 1.2
"""Weights of which the largest is at most so many times the smallest,"""
TOO_MUCH = 0.6
"""a criterion with more than this, and"""
SPLIT_GAIN = 0.05
"""a branch that weighs so much more in parts than as a whole earn a warning."""

CONSISTENT = 0.10
"""Saaty's bound: pairs with a larger consistency ratio should be looked at again."""

BEST_SWING = 100.0

_RANDOM_INDEX = (0, 0, 0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49)
"""Mean consistency index of random matrices, by size (Saaty 1980)."""

MAX_COMPARED = len(_RANDOM_INDEX) - 1


class Pairwise(NamedTuple):
    """What comparisons in pairs come to.

    `ratio` is the consistency ratio, 0 for perfect consistency. `farthest` is
    the pair whose answer is farthest from its weights, in times, and `fitting`
    what answer would fit them; None where there is no such pair.
    """

    weights: Floats  # (n,) sum 1
    eigenvalue: float
    ratio: float
    farthest: tuple[int, int] | None
    fitting: float | None


class Doubt(NamedTuple):
    """Something to ask about weights. `number` is what the rule looked at."""

    kind: str  # nearly_equal, too_much, split_gain
    criterion: int  # -1 where it is about all
    number: float


def from_points(points: npt.ArrayLike, n: int) -> Floats:
    """Return weights in proportion to points, on any scale.

    Raises
    ------
    ValueError
        When one is missing, negative or not finite, or none is above 0.
    """
    return _scaled(points, n)


def from_swings(swings: npt.ArrayLike, n: int) -> Floats:
    """Return weights in proportion to swings.

    A swing says how much going from the worst to the best on one criterion is
    worth beside the swing worth most, which has 100.

    Raises
    ------
    ValueError
        When one is missing or outside 0 to 100, or none is 100.
    """
    given = _checked(swings, n, "swings")
    if not n or given.max() != BEST_SWING:
        raise ValueError("give 100 to the swing worth most, and no more to any other")
    return _scaled(given, n)


def roc_weights(n: int) -> Floats:
    """Return rank order centroid weights, `w_k = (1/n) sum over i >= k of 1/i`.

    The mean of all weights that keep the order (Barron and Barrett 1996).
    """
    if n < 1:
        raise ValueError("at least one criterion is needed")
    return np.cumsum(1.0 / np.arange(n, 0, -1))[::-1] / n


def from_ranks(rank: npt.ArrayLike) -> Floats:
    """Return ROC weights by rank, 1 the most important.

    Criteria of one rank share alike what their places would have.

    Raises
    ------
    ValueError
        When there is none, or a rank is not a whole number from 1.
    """
    given = np.array(rank)
    if given.ndim != 1 or not given.size:
        raise ValueError("ranks: one for each criterion is needed")
    if given.dtype.kind not in "iu" or given.min() < 1:
        raise ValueError("ranks must be whole numbers; the most important is 1")
    by_place = roc_weights(given.size)
    _, of, size = np.unique(given, return_inverse=True, return_counts=True)
    shared = np.add.reduceat(by_place, np.cumsum(size) - size) / size
    return shared[of]


def from_pairs(matrix: npt.ArrayLike, method: str = "eigenvector") -> Pairwise:
    """Return the weights behind comparisons in pairs (Saaty's AHP).

    `matrix[i, j]` says how many times as important i is as j; `matrix[j, i]` is
    one over it. `method` is eigenvector, or geometric for the mean of the rows.

    Raises
    ------
    ValueError
        When the matrix is not square, positive and reciprocal, or too large.
    """
    given = np.array(matrix, np.float64)
    n = given.shape[0] if given.ndim else 0
    if given.shape != (n, n) or not 1 <= n <= MAX_COMPARED:
        raise ValueError(f"compare from 1 to {MAX_COMPARED} criteria, each with each")
    if not (np.isfinite(given) & (given > 0)).all():
        raise ValueError("how many times as important must be above 0 and finite")
    if not np.allclose(given * given.T, 1, rtol=0, atol=1e-6):
        raise ValueError("an answer and its reverse must multiply to 1")
    geometric = np.exp(np.log(given).mean(axis=1))
    if method == "geometric":
        weights = geometric / geometric.sum()
    elif method == "eigenvector":
        values, vectors = np.linalg.eig(given)
        principal = np.abs(vectors[:, values.real.argmax()].real)
        weights = principal / principal.sum()
    else:
        raise ValueError("the method is eigenvector or geometric")
    eigenvalue = float((given @ weights / weights).mean())
    index = max((eigenvalue - n) / (n - 1), 0.0) if n > 2 else 0.0
    error = np.triu(np.abs(np.log(given * weights / weights[:, None])))
    i, j = divmod(int(error.argmax()), n)
    is_off = error[i, j] > 1e-9
    return Pairwise(
        weights=weights,
        eigenvalue=eigenvalue,
        ratio=index / _RANDOM_INDEX[n] if n > 2 else 0.0,
        farthest=(i, j) if is_off else None,
        fitting=float(weights[i] / weights[j]) if is_off else None,
    )


def doubts(weights: npt.ArrayLike, n: int) -> tuple[Doubt, ...]:
    """Return what to ask about weights: nearly equal ones, one that decides all.

    Raises
    ------
    ValueError
        As `from_points`.
    """
    share = _scaled(weights, n)
    found = []
    if n > 1 and share.max() <= NEARLY_EQUAL * share.min() * (1 + 1e-9):
        found.append(Doubt("nearly_equal", -1, float(share.max() / share.min())))
    largest = int(share.argmax())
    if n > 1 and share[largest] > TOO_MUCH + 1e-9:
        found.append(Doubt("too_much", largest, float(share[largest])))
    return tuple(found)


def split_gains(
    whole: npt.ArrayLike, parts: Sequence[npt.ArrayLike]
) -> tuple[Doubt, ...]:
    """Return the branches that weigh more when their parts are weighed one by one.

    `whole` holds the weight given to each branch, `parts` those given to its
    parts beside the parts of all others; each on a scale of its own. People give
    more to what is split (Weber, Eisenführ and von Winterfeldt 1988).

    Raises
    ------
    ValueError
        As `from_points`, or when a branch has no parts.
    """
    branches = [np.atleast_1d(np.array(part, np.float64)) for part in parts]
    if any(not branch.size for branch in branches):
        raise ValueError("each branch needs its parts")
    as_whole = _scaled(whole, len(branches))
    flat = np.concatenate(branches) if branches else np.zeros(0)
    detailed = _scaled(flat, flat.size)
    ends = np.cumsum([branch.size for branch in branches])
    gain = np.diff(np.concatenate(([0.0], np.cumsum(detailed)[ends - 1]))) - as_whole
    return tuple(
        Doubt("split_gain", k, float(gain[k]))
        for k in np.flatnonzero(gain > SPLIT_GAIN).tolist()
        if branches[k].size > 1
    )


def _scaled(weights: npt.ArrayLike, n: int) -> Floats:
    given = _checked(weights, n, "weights")
    if not given.any():
        raise ValueError("at least one weight must be above 0")
    given = given / given.max()  # so that no sum is too large
    return given / given.sum()


def _checked(numbers: npt.ArrayLike, n: int, what: str) -> Floats:
    given = np.array(numbers, np.float64)
    if given.shape != (n,):
        raise ValueError(f"{what}: {n} are needed, {given.size} were given")
    if not (np.isfinite(given) & (given >= 0)).all():
        raise ValueError(f"{what} must be finite and not negative")
    return given
