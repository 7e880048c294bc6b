"""Chance that repeats: weights and leaf values for numbered draws.

Draws come in slabs of 100. A slab is made by a counter (Philox) from the seed,
the number of the slab and whom it is for, so a draw is the same whichever draws
are made before it, however many at a time, and for whichever other CROs.
"""

from dataclasses import dataclass
from math import factorial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from matching.engine.decision import MAX_ID, Decision, checked, scaled
from matching.engine.inputs import Floats, Ints

SLAB = 100
"""Draws made at once."""

MIN_DRAWS, MAX_DRAWS = 100, 1_000_000
DEFAULT_DRAWS = 10_000

CONCENTRATION = 50.0
"""Of the Dirichlet distribution around stated weights, per unit weight."""

WEIGHT_STEP = 2.0**-24
"""Drawn weights are whole multiples of this: sums of them are then exact."""

_ROUNDING = 1e-12
_WEIGHTS = MAX_ID + 1  # a stream no CRO can have


@dataclass(frozen=True)
class Stated:
    """Weights around stated ones: Dirichlet, concentration 50 per unit weight."""

    weights: Floats  # (n_criteria,) sum 1

    def __call__(self, chance: np.random.Generator) -> Floats:
        gamma = chance.standard_gamma(
            CONCENTRATION * self.weights, (SLAB, self.weights.size)
        )
        return gamma / gamma.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Ordinal:
    """All weights that keep an order, alike likely.

    `rank` counts from 0, the most important; criteria of one rank may stand
    either way round.
    """

    rank: Ints  # (n_criteria,)

    def __call__(self, chance: np.random.Generator) -> Floats:
        falling = -np.sort(-_on_simplex(chance, self.rank.size), axis=1)
        lot = chance.random(falling.shape)
        order = np.argsort(self.rank + lot, axis=1)
        weights = np.empty_like(falling)
        np.put_along_axis(weights, order, falling, axis=1)
        return weights


@dataclass(frozen=True)
class Between:
    """All weights that sum to 1 and lie between bounds, alike likely."""

    low: Floats  # (n_criteria,)
    high: Floats

    def __call__(self, chance: np.random.Generator) -> Floats:
        """Throw away what a wider, simple region gives too much; take the tightest."""
        width = self.high - self.low
        free = np.flatnonzero(width > 0)
        weights = np.tile(self.low, (SLAB, 1))
        rest, spare = 1.0 - self.low.sum(), self.high.sum() - 1.0
        if not free.size or rest <= _ROUNDING:
            return weights
        if spare <= _ROUNDING:
            return np.tile(self.high, (SLAB, 1))
        room, n = width[free], free.size
        widest = int(room.argmax())
        others = np.delete(np.arange(n), widest)
        # Volumes over all but one coordinate, each of a region around ours.
        volumes = {
            "from low": rest ** (n - 1) / factorial(n - 1),
            "from high": spare ** (n - 1) / factorial(n - 1),
            "box": float(np.prod(room[others])),
        }
        tightest = min(volumes, key=lambda name: volumes[name])
        found = np.empty((0, n))
        while found.shape[0] < SLAB:
            if tightest == "box":
                above = np.empty((SLAB, n))
                above[:, others] = chance.random((SLAB, n - 1)) * room[others]
                above[:, widest] = rest - above[:, others].sum(axis=1)
            elif tightest == "from low":
                above = _on_simplex(chance, n) * rest
            else:
                above = room - _on_simplex(chance, n) * spare
            is_in = ((above >= -_ROUNDING) & (above <= room + _ROUNDING)).all(axis=1)
            found = np.concatenate((found, above[is_in]))
        weights[:, free] += np.clip(found[:SLAB], 0, room)
        return weights


WeightRule: TypeAlias = Stated | Ordinal | Between


def stated(weights: npt.ArrayLike, n: int) -> Stated:
    """Return the rule for weights that were stated; any scale.

    Raises
    ------
    ValueError
        When one is missing, negative or not finite, or none is above 0.
    """
    return Stated(scaled(weights, n))


def ordinal(rank: npt.ArrayLike) -> Ordinal:
    """Return the rule for criteria of which only the order is known.

    Raises
    ------
    ValueError
        When there is no criterion, or a rank is not a whole number from 1.
    """
    given = np.array(rank)
    if given.ndim != 1 or not given.size:
        raise ValueError("ranks: one for each criterion is needed")
    if given.dtype.kind not in "iu" or given.min() < 1:
        raise ValueError("ranks must be whole numbers; the most important is 1")
    return Ordinal(np.unique(given, return_inverse=True)[1].astype(np.int64))


def between(low: npt.ArrayLike, high: npt.ArrayLike) -> Between:
    """Return the rule for weights of which only bounds are known, in a whole of 1.

    Raises
    ------
    ValueError
        When bounds are missing, not finite, cross, or no weights fit between.
    """
    n = np.array(low).size
    if not n:
        raise ValueError("bounds: a pair for each criterion is needed")
    ends = [checked(end, n, "bounds of weights") for end in (low, high)]
    if (ends[0] > ends[1]).any():
        raise ValueError("a weight's lower bound must not pass its upper bound")
    if ends[0].sum() > 1 + _ROUNDING or ends[1].sum() < 1 - _ROUNDING:
        raise ValueError("no weights that sum to 1 lie between these bounds")
    return Between(ends[0], ends[1])


def check_draws(n_draws: int, seed: int) -> None:
    """Refuse a number of draws or a seed outside the bounds."""
    if not MIN_DRAWS <= n_draws <= MAX_DRAWS:
        raise ValueError(
            f"draws must be from {MIN_DRAWS} to {MAX_DRAWS:,}; {n_draws:,} were asked"
        )
    if not 0 <= seed <= MAX_ID:
        raise ValueError(f"the seed must be from 0 to {MAX_ID}")


class Draws:
    """The draws of one seed for one decision.

    Not to be shared between threads: it keeps its tools at hand.
    """

    def __init__(self, decision: Decision, rule: WeightRule, seed: int) -> None:
        self.decision = decision
        self.rule = rule
        self.seed = seed
        self._source = np.random.Philox(key=_words(0, 0))
        self._generator = np.random.Generator(self._source)

    def weights(self, slabs: range) -> Floats:
        """Return (n_slabs, n_criteria, SLAB) weights, multiples of WEIGHT_STEP."""
        drawn = np.empty((len(slabs), len(self.decision.criteria), SLAB))
        for out, slab in zip(drawn, slabs, strict=True):
            self._go_to(_WEIGHTS, 0, slab)
            out[:] = self.rule(self._generator).T
        drawn /= WEIGHT_STEP
        return np.rint(drawn, out=drawn) * WEIGHT_STEP

    def leaf_weights(self, weights: Floats) -> Floats:
        """Return (n_slabs, n_leaves, SLAB) of (n_slabs, n_criteria, SLAB)."""
        share = self.decision.share_inside[:, None]
        return weights[:, self.decision.criterion] * share

    def values(self, row: int, slabs: range) -> Floats:
        """Return (n_slabs, n_leaves, SLAB) leaf values of one CRO.

        Triangular on [l, v, u]: of two uniform numbers the smaller, `a`, and the
        larger, `b`, give l + (u - v) a + (v - l) b.
        """
        decision = self.decision
        n_leaves = decision.criterion.size
        n = n_leaves * SLAB
        # A word holds both uniform numbers; Philox makes four words a count.
        self._go_to(int(decision.id[row]), slabs.start * n // 4, 0)
        words = np.asarray(self._source.random_raw(len(slabs) * n), np.uint64)
        pair = words.view(np.uint32).reshape(len(slabs), 2, n_leaves, SLAB)
        low, value, high = (
            end[row, :, None] for end in (decision.low, decision.value, decision.high)
        )
        drawn = np.minimum(pair[:, 0], pair[:, 1]).astype(np.float64)
        larger = np.maximum(pair[:, 0], pair[:, 1]).astype(np.float64)
        drawn += 0.5
        drawn *= (high - value) * 2.0**-32
        larger += 0.5
        larger *= (value - low) * 2.0**-32
        drawn += larger
        drawn += low
        return drawn

    def _go_to(self, stream: int, count: int, slab: int) -> None:
        self._source.state = {
            "bit_generator": "Philox",
            "state": {
                "counter": _words(count, 0, slab, 0),
                "key": _words(self.seed, stream),
            },
            "buffer": np.zeros(4, np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }


def _on_simplex(chance: np.random.Generator, n: int) -> Floats:
    """Return (SLAB, n) weights that sum to 1, all alike likely."""
    parts = chance.standard_exponential((SLAB, n))
    return parts / parts.sum(axis=1, keepdims=True)


def _words(*numbers: int) -> npt.NDArray[np.uint64]:
    return np.array(numbers, np.uint64)
