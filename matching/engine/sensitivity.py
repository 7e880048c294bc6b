"""What would change an order: closed forms and small exact searches (section 7)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from matching.engine.decision import Decision
from matching.engine.inputs import Bools, Floats, Ints
from matching.engine.linear import least_shift


def break_even(decision: Decision) -> Floats:
    """Return (n_criteria, n_cros, n_cros) the weight at which a and b are level.

    At `[k, a, b]`: the weight of criterion k, all others keeping their
    proportions, at which V of a and b are the same; NaN where none lies between
    0 and 1. The same for (b, a).
    """
    n, n_criteria = decision.by_criterion.shape
    total = decision.scores(decision.value)
    found = np.full((n_criteria, n, n), np.nan)
    for k, weight in enumerate(decision.weights.tolist()):
        if weight >= 1:
            continue  # the others have no proportions
        own = decision.by_criterion[:, k]
        rest = (total - weight * own) / (1 - weight)
        behind = rest - rest[:, None]  # B - A for a in rows, b in columns
        span = own[:, None] - own + behind
        with np.errstate(divide="ignore", invalid="ignore"):
            level = behind / span
        inside = (level > 0) & (level < 1)
        found[k][inside] = level[inside]
    return found


class LeftOut(NamedTuple):
    """Scores and order without one criterion, the others scaled up.

    NaN scores, and the order as it stands, where nothing would be left.
    """

    scores: Floats  # (n_criteria, n_cros)
    order: Ints  # (n_criteria, n_cros) rows best first, in the groups


def leave_one_out(decision: Decision) -> LeftOut:
    """Return what becomes of the order without each criterion in turn."""
    n, n_criteria = decision.by_criterion.shape
    scores = np.full((n_criteria, n), np.nan)
    order = np.tile(decision.order, (n_criteria, 1))
    for k, weight in enumerate(decision.weights.tolist()):
        if weight >= 1:
            continue
        weights = decision.weights / (1 - weight)
        weights[k] = 0.0
        scores[k] = decision.scores(decision.value, weights)
        order[k] = np.lexsort((decision.place, -scores[k], decision.group))
    return LeftOut(scores, order)


def swayed_by_others(
    evaluate: Callable[[Ints], Floats], n_cros: int
) -> tuple[tuple[int, int], ...]:
    """Return the pairs (removed, changed) where removing a CRO changes another's score.

    `evaluate` returns the scores of the rows it is given, knowing of no others.
    Empty for every method with fixed anchors; a method that scales by the best
    or the worst of those there shows here.
    """
    everybody = np.arange(n_cros)
    whole = evaluate(everybody)
    found = []
    for removed in range(n_cros):
        rest = np.delete(everybody, removed)
        changed = rest[evaluate(rest) != whole[rest]]
        found += [(removed, row) for row in changed.tolist()]
    return tuple(found)


class Dominance(NamedTuple):
    """Who is before whom whatever the leaf values, inside their intervals."""

    at_weights: Bools  # (n, n) with the stated weights
    at_any: Bools  # (n, n) with any weights: nowhere worse, somewhere better


def dominance(decision: Decision) -> Dominance:
    """Compare a's low end with b's high end: on the whole, and on each criterion."""
    low, high = decision.scores(decision.low), decision.scores(decision.high)
    shape = (decision.n_cros, decision.n_cros)
    nowhere_worse, somewhere_better = np.ones(shape, bool), np.zeros(shape, bool)
    for k in range(len(decision.criteria)):
        alone = np.eye(len(decision.criteria))[k]
        least = decision.scores(decision.low, alone)[:, None]
        most = decision.scores(decision.high, alone)
        nowhere_worse &= least >= most
        somewhere_better |= least > most
    return Dominance(low[:, None] > high, nowhere_worse & somewhere_better)


class Difference(NamedTuple):
    """What one leaf adds to a's lead over b; negative where b is better."""

    leaf: int
    lead: float
    value: float
    other_value: float


def why_before(decision: Decision, row: int, other: int) -> tuple[Difference, ...]:
    """Return the leaves by how much they set two CROs apart, the largest first.

    The leads sum to the difference of the scores.
    """
    values, others = decision.value[row], decision.value[other]
    lead = (values - others) * decision.leaf_weights
    return tuple(
        Difference(i, float(lead[i]), float(values[i]), float(others[i]))
        for i in np.argsort(-np.abs(lead), kind="stable").tolist()
    )


class ToBeFirst(NamedTuple):
    """The smallest changes that bring a CRO level with or before the best.

    `weights` are the nearest that do (least sum of changes, `shift`), None if no
    weights do: then `mixture` holds rivals and shares such that this mixture of
    them is better than the CRO on every criterion. `facts` are the fewest
    unknown leaves of the CRO whose best answers do, None if not even all of them
    do: then `ceiling`, its score with all, stays below `bar`, the best rival's.
    `needs_gates`: it stands in a lower group and its gates must open first.
    """

    needs_gates: bool
    weights: Floats | None
    shift: float | None
    mixture: tuple[tuple[int, float], ...]
    facts: tuple[int, ...] | None
    ceiling: float
    bar: float


def to_be_first(decision: Decision, row: int) -> ToBeFirst:
    """Return what would have to change for a CRO to be first among the best group."""
    rivals = decision.best[decision.best != row]
    score = decision.scores(decision.value)
    bar = float(score[rivals].max(initial=0.0))
    leads = decision.by_criterion[row] - decision.by_criterion[rivals]
    found = least_shift(leads, decision.weights)
    gains = (decision.high[row] - decision.value[row]) * decision.leaf_weights
    unknown = np.flatnonzero(~decision.known[row])
    unknown = unknown[np.argsort(-gains[unknown], kind="stable")]
    reached = score[row] + np.concatenate(([0.0], np.cumsum(gains[unknown])))
    enough = np.flatnonzero(reached >= bar - 1e-12)
    mixture: tuple[tuple[int, float], ...] = ()
    if found.mixture is not None:
        mixture = tuple(
            (int(rivals[i]), float(found.mixture[i]))
            for i in np.flatnonzero(found.mixture > 0).tolist()
        )
    return ToBeFirst(
        needs_gates=bool(decision.group[row] > decision.group.min()),
        weights=found.weights,
        shift=None
        if found.weights is None
        else float(np.abs(found.weights - decision.weights).sum()),
        mixture=mixture,
        facts=tuple(unknown[: enough[0]].tolist()) if enough.size else None,
        ceiling=float(reached[-1]),
        bar=bar,
    )
