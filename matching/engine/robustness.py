"""How sure an order is: SMAA (method, section 7).

Lahdelma, Hokkanen and Salminen 1998, Lahdelma and Salminen 2001: weights and
leaf values are drawn many times, and each draw is ranked. Ranks keep to the
groups of section 5: in each draw every eligible CRO stands before every
conditional one, and that before every near miss.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from matching.engine.decision import MAX_CROS, Decision
from matching.engine.draws import (
    DEFAULT_DRAWS,
    SLAB,
    WEIGHT_STEP,
    Draws,
    WeightRule,
    check_draws,
)
from matching.engine.inputs import Bools, Floats, Int8s, Ints
from matching.engine.skyband import keep_skyband

CLEAR, LIKELY = 0.90, 0.65
CONFIDENCE_FROM = 0.01
"""A confidence factor is worked out for CROs that are first at least so often,"""
CONFIDENCE_DRAWS = 2_000
"""over at most so many draws (standard error at most 0.011)."""

UNITS = 2.0**44
"""Scores are compared in whole units of 2^-44: enough for any sum of weights
(steps of 2^-24) times values (steps of 2^-20) to be exact."""

_VALUE_STEP = 2.0**-20
_ROW_BITS = (MAX_CROS - 1).bit_length()
_DRAWS_AT_ONCE = 1_000
_FEW_OF = 8
"""Of so many times the CROs wanted few are wanted: all need not be sorted."""
_SCORES_AT_ONCE = 4_000_000

Progress = Callable[[float], None]
"""Told the share done, from 0 to 1; what it raises stops the work."""


@dataclass(frozen=True)
class Robustness:
    """What the draws say. Rows are the decision's; ranks count from 0.

    `acceptability[a, r]` is the share of draws in which a has rank r; only the
    first ranks are kept. `central_weights[a]` is the mean of the weights with
    which a was first, NaN if it never was. `confidence[a]` is how often a is
    first with its central weights, over the leaf values drawn; NaN for a CRO
    that is hardly ever first. `wins[i, j]` is P(`compared[i]` before
    `compared[j]`), 0.5 on the diagonal.
    """

    n_draws: int
    seed: int
    acceptability: Floats  # (n_cros, n_ranks)
    top3: Floats  # (n_cros,)
    central_weights: Floats  # (n_cros, n_criteria)
    confidence: Floats  # (n_cros,)
    compared: Ints  # (n_compared,) rows in the stated order
    wins: Floats  # (n_compared, n_compared)

    @property
    def first(self) -> Floats:
        """(n_cros,) P(first)."""
        return self.acceptability[:, 0]

    @cached_property
    def tie_groups(self) -> "tuple[TieGroup, ...]":
        """The compared CROs in the stated order, cut where the order is not a tie.

        A CRO joins the group above it unless the group's first CRO comes before
        it with a probability of at least 0.65.
        """
        starts: list[int] = []
        for i in range(self.compared.size):
            if not starts or self.wins[starts[-1], i] >= LIKELY:
                starts.append(i)
        ends = [*starts, self.compared.size][1:]
        return tuple(
            TieGroup(
                rows=tuple(self.compared[start:end].tolist()),
                before_next=float(self.wins[start, end])
                if end < self.compared.size
                else None,
            )
            for start, end in zip(starts, ends, strict=True)
        )


class TieGroup(NamedTuple):
    """CROs that the draws do not tell apart.

    `before_next` is P(its first CRO before the next group's first), None for
    the last group; `word(before_next)` says how sure the step is.
    """

    rows: tuple[int, ...]
    before_next: float | None


def word(probability: float) -> str:
    """Return what P(a before b) is called: clear, likely or tie.

    Below 0.5 the same words hold for b before a.
    """
    surer = max(probability, 1 - probability)
    if surer >= CLEAR:
        return "clear"
    return "likely" if surer >= LIKELY else "tie"


def smaa(
    decision: Decision,
    rule: WeightRule,
    *,
    seed: int,
    n_draws: int = DEFAULT_DRAWS,
    draw_values: bool = True,
    n_ranks: int = 60,
    n_compared: int = 60,
    chunk: int | None = None,
    prune: bool = True,
    progress: Progress | None = None,
) -> Robustness:
    """Draw weights and values and count who stands where.

    `draw_values=False` keeps every leaf at its middle value (to within 2^-20)
    and draws weights alone; then `prune` leaves out CROs that can reach none of
    the first `n_ranks` ranks, which changes nothing but time. `chunk` is the
    number of draws held at once: memory grows with it, the result is the same.

    Raises
    ------
    ValueError
        When draws or seed are out of bounds.
    """
    check_draws(n_draws, seed)
    if n_ranks < 1 or n_compared < 0:
        raise ValueError("at least one rank must be kept")
    n_ranks = min(n_ranks, decision.n_cros)
    compared = decision.order[:n_compared]
    draws = Draws(decision, rule, seed)
    counts = _Counts(decision, max(n_ranks, min(3, decision.n_cros)), compared)
    if decision.n_cros:
        rows = decision.order
        if not draw_values and prune:
            # A CRO behind as many surely stands in none of the ranks kept.
            rows = keep_skyband(
                decision, _stepped(decision), counts.n_ranks, n_draws, compared
            )
        scorer = _drawn_scores if draw_values else _fixed_scores
        for weights, scores in scorer(draws, rows, n_draws, chunk):
            counts.add(rows, weights, scores)
            if progress is not None:
                progress(counts.n_draws / n_draws)
    acceptability = counts.ranks / n_draws
    central = np.full(counts.weight_steps.shape, np.nan)
    rows = np.flatnonzero(counts.firsts)
    central[rows] = counts.weight_steps[rows] * WEIGHT_STEP
    central[rows] /= counts.firsts[rows, None]
    return Robustness(
        n_draws=n_draws,
        seed=seed,
        acceptability=acceptability[:, :n_ranks],
        top3=acceptability[:, :3].sum(axis=1),
        central_weights=central,
        confidence=_confidence(
            draws, counts.firsts / n_draws, central, n_draws, draw_values
        ),
        compared=compared,
        wins=counts.wins / n_draws + np.eye(compared.size) / 2,
    )


class Facts(NamedTuple):
    """What answers would change, over the draws of one seed.

    `value` is the larger change of P(first) of any CRO when the leaf moves to
    its low or its high end; NaN where the leaf is known. `admitted` is P(first)
    of a CRO of a lower group if its gates were opened and nobody else's.
    """

    first: Floats  # (n_cros,) P(first) as things are
    at_low: Floats  # (n_cros, n_leaves) P(first) of the CRO with the leaf at l
    at_high: Floats  # (n_cros, n_leaves)
    value: Floats  # (n_cros, n_leaves)
    admitted: Floats  # (n_cros,)


def value_of_facts(
    decision: Decision,
    rule: WeightRule,
    *,
    seed: int,
    n_draws: int = DEFAULT_DRAWS,
    chunk: int | None = None,
    progress: Progress | None = None,
) -> Facts:
    """Say what each missing fact could change; the draws are those of `smaa`.

    A leaf of one CRO moves that CRO's score the same way in every draw, so what
    it wins all others lose together: the largest change is its own, and the best
    of the others in each draw is all that has to be known of them.

    Raises
    ------
    ValueError
        When draws or seed are out of bounds.
    """
    check_draws(n_draws, seed)
    n = decision.n_cros
    draws = Draws(decision, rule, seed)
    rows, best = decision.order, decision.best
    first, admitted = np.zeros(n, np.int64), np.zeros(n, np.int64)
    ends = np.zeros((2, *decision.low.shape), np.int64)
    done = 0
    for weights, scores in _drawn_scores(draws, rows, n_draws if n else 0, chunk):
        slabs = range(done // SLAB, done // SLAB + weights.shape[0])
        of_leaf = draws.leaf_weights(weights) * UNITS
        running = scores[: best.size]
        winner, second = _two_best(running)
        at_draw = np.arange(winner.size)
        nobody = np.full((1, winner.size), -1.0)
        rivals = np.concatenate((running, nobody))  # for one who stands alone
        first += np.bincount(best[winner], minlength=n)
        # Level is not enough: a CRO that is let in stands after those there.
        admitted[rows[best.size :]] += (
            scores[best.size :] > running[winner, at_draw]
        ).sum(axis=1)
        for at, row in enumerate(best.tolist()):
            leaves = np.flatnonzero(~decision.known[row])
            if not leaves.size:
                continue
            rival = np.where(winner == at, second, winner)
            bar = rivals[rival, at_draw]
            drawn = draws.values(row, slabs)[:, leaves]
            for end, to in enumerate((decision.low, decision.high)):
                moved = (to[row, leaves, None] - drawn) * of_leaf[:, leaves]
                moved = moved.transpose(1, 0, 2).reshape(leaves.size, -1)
                changed = running[at] + np.rint(moved[:, : winner.size])
                is_first = (changed > bar) | ((changed == bar) & (at < rival))
                ends[end, row, leaves] += is_first.sum(axis=1)
        done += winner.size
        if progress is not None:
            progress(done / n_draws)
    now = first / n_draws
    low, high = (np.where(decision.known, np.nan, end / n_draws) for end in ends)
    return Facts(
        first=now,
        at_low=low,
        at_high=high,
        value=np.maximum(now[:, None] - low, high - now[:, None]),
        admitted=np.where(np.isin(np.arange(n), best), now, admitted / n_draws),
    )


class _Counts:
    """What is counted over the draws; whole numbers, so in any order the same."""

    def __init__(self, decision: Decision, n_ranks: int, compared: Ints) -> None:
        n, m = decision.n_cros, compared.size
        self.decision = decision
        self.n_ranks = n_ranks
        self.n_draws = 0
        self.ranks = np.zeros((n, n_ranks), np.int64)
        self.weight_steps = np.zeros((n, len(decision.criteria)))
        self.wins = np.zeros((m, m))

    @property
    def firsts(self) -> Ints:
        """(n_cros,) draws in which a CRO was first."""
        return self.ranks[:, :1].sum(axis=1)

    def add(self, rows: Ints, weights: Floats, scores: Floats) -> None:
        """Count draws: (n_slabs, n_criteria, SLAB) weights, (n_rows, n_draws) scores.

        `rows` begin with the compared ones; both stand by group, then place.
        """
        n_draws = scores.shape[1]
        by_rank = rows[_by_rank(scores, self.decision.group[rows], self.n_ranks)]
        n = self.decision.n_cros
        flat = by_rank + np.arange(by_rank.shape[1]) * n
        counted = np.bincount(flat.ravel(), minlength=by_rank.shape[1] * n)
        self.ranks[:, : by_rank.shape[1]] += counted.reshape(-1, n).T
        steps = weights.transpose(1, 0, 2).reshape(weights.shape[1], -1)[:, :n_draws]
        for k, step in enumerate(steps / WEIGHT_STEP):
            self.weight_steps[:, k] += np.bincount(by_rank[:, 0], step, n)
        group = self.decision.group[rows]
        m = self.wins.shape[0]
        for i in range(m - 1):
            # Level scores are settled by place: the one above is before.
            before = (scores[i + 1 : m] <= scores[i]).sum(axis=1)
            won = np.where(group[i + 1 : m] > group[i], n_draws, before)
            self.wins[i, i + 1 :] += won
            self.wins[i + 1 :, i] += n_draws - won
        self.n_draws += n_draws


def _by_rank(scores: Floats, group: Int8s, n_ranks: int) -> Ints:
    """Return (n_draws, n_ranks) positions of the rows, best first, in each draw."""
    n = scores.shape[0]
    found = []
    starts = np.flatnonzero(np.diff(group, prepend=group[0] - 1)).tolist()
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        wanted = min(end, n_ranks) - start
        if wanted <= 0:
            break
        of_group = scores[start:end]
        few = wanted * _FEW_OF < end - start
        found.append(start + (_foremost if few else _sorted)(of_group, wanted))
    return np.concatenate(found, axis=1)


def _sorted(scores: Floats, wanted: int) -> Ints:
    """Sort all scores and keep the first `wanted` of each draw."""
    keys = _keys(scores.T, np.arange(scores.shape[0]))
    keys.sort(axis=1)
    return keys[:, :wanted] & (MAX_CROS - 1)


def _foremost(scores: Floats, wanted: int) -> Ints:
    """Do the same where few are wanted.

    The last of those wanted among the first rows is a bar: who is below it in a
    draw cannot be wanted, and mostly few are not.
    """
    n_draws = scores.shape[1]
    first = scores[: wanted * _FEW_OF]
    bar = np.partition(first, first.shape[0] - wanted, axis=0)[-wanted]
    row, draw = np.divmod(np.flatnonzero(scores >= bar), n_draws)
    by_key = np.argsort(_keys(scores[row, draw], row))
    row, draw = row[by_key], draw[by_key]
    row = row[np.argsort(draw.astype(np.int32), kind="stable")]
    at = np.searchsorted(np.sort(draw), np.arange(n_draws))
    return row[at[:, None] + np.arange(wanted)]


def _keys(scores: Floats, row: Ints) -> Ints:
    """Return score and row as one number, the smaller the better, all distinct."""
    keys = np.empty(scores.shape, np.int64)
    # Scores may pass the top by rounding; the sign keeps the order.
    np.subtract(UNITS, scores, out=keys, casting="unsafe")
    keys <<= _ROW_BITS
    keys |= row
    return keys


def _two_best(scores: Floats) -> tuple[Ints, Ints]:
    """Return the positions of the best and the next in each draw; the upper if level.

    The next is the number of rows where there is one row only.
    """
    winner = scores.argmax(axis=0)
    if scores.shape[0] < 2:
        return winner, np.full(winner.size, scores.shape[0])
    rest = scores.copy()
    rest[winner, np.arange(winner.size)] = -1.0
    return winner, rest.argmax(axis=0)


def _chunks(
    n_draws: int, chunk: int | None, n_rows: int
) -> Iterator[tuple[range, int]]:
    """Yield runs of slabs, and how many of their draws count."""
    if chunk is None:
        chunk = min(_DRAWS_AT_ONCE, _SCORES_AT_ONCE // max(n_rows, 1))
    elif chunk < 1:
        raise ValueError("chunk: at least one draw must be held at once")
    size = max(1, chunk // SLAB)
    n_slabs = -(-n_draws // SLAB)
    for start in range(0, n_slabs, size):
        slabs = range(start, min(start + size, n_slabs))
        yield slabs, min(slabs.stop * SLAB, n_draws) - start * SLAB


def _drawn_scores(
    draws: Draws, rows: Ints, n_draws: int, chunk: int | None
) -> Iterator[tuple[Floats, Floats]]:
    """Yield weights and (n_rows, n_draws) scores in units, values drawn."""
    for slabs, n in _chunks(n_draws, chunk, rows.size):
        weights = draws.weights(slabs)
        of_leaf = draws.leaf_weights(weights) * UNITS
        scores = np.empty((rows.size, n))
        for out, row in zip(scores, rows.tolist(), strict=True):
            drawn = draws.values(row, slabs)
            drawn *= of_leaf
            out[:] = np.rint(drawn.sum(axis=1).ravel()[:n])
        yield weights, scores


def _fixed_scores(
    draws: Draws, rows: Ints, n_draws: int, chunk: int | None
) -> Iterator[tuple[Floats, Floats]]:
    """Yield weights and (n_rows, n_draws) scores in units, values at the middle."""
    values = _stepped(draws.decision)[rows]
    for slabs, n in _chunks(n_draws, chunk, rows.size):
        weights = draws.weights(slabs)
        flat = weights.transpose(1, 0, 2).reshape(weights.shape[1], -1)[:, :n]
        yield weights, values @ (flat * UNITS)  # exact: whole units below 2^53


def _stepped(decision: Decision) -> Floats:
    """Return the values by criterion as whole steps."""
    return np.rint(decision.by_criterion / _VALUE_STEP) * _VALUE_STEP


def _confidence(
    draws: Draws, first: Floats, central: Floats, n_draws: int, draw_values: bool
) -> Floats:
    """Return P(first) of each CRO with its central weights; NaN if hardly ever first."""
    confidence = np.full(first.size, np.nan)
    rows = np.flatnonzero(first >= CONFIDENCE_FROM)
    if not rows.size:
        return confidence
    if not draw_values:
        # The weights that put a CRO first are a convex set: their mean is in it.
        confidence[rows] = 1.0
        return confidence
    decision = draws.decision
    of_leaf: Floats = central[rows][:, decision.criterion] * decision.share_inside
    n_draws = min(n_draws, CONFIDENCE_DRAWS)
    wins = np.zeros(rows.size, np.int64)
    for slabs, n in _chunks(n_draws, None, decision.n_cros):
        own = np.stack(
            [
                np.matmul(of_leaf, draws.values(row, slabs))[:, i]
                for i, row in enumerate(rows.tolist())
            ],
            axis=1,
        )
        is_first: Bools = np.ones(own.shape, bool)
        for row in decision.best.tolist():
            other = np.matmul(of_leaf, draws.values(row, slabs))
            is_above = decision.place[row] < decision.place[rows]
            beats = np.where(is_above[:, None], own > other, own >= other)
            is_first &= beats | (rows == row)[:, None]
        flat = is_first.transpose(1, 0, 2).reshape(rows.size, -1)[:, :n]
        wins += flat.sum(axis=1)
    confidence[rows] = wins / n_draws
    return confidence
