"""SMAA once more, slowly: plain Python over ready draws, one CRO at a time.

Only chance is shared with the engine: the oracle takes the weights and leaf
values that were drawn, and counts what comes of them in its own way.
"""

from collections import Counter
from fractions import Fraction

STEP = Fraction(1, 2**44)


def drawn(draws, n_draws, is_fixed=False):
    """Return, for each draw, the weights and by row the leaf values, as floats."""
    decision = draws.decision
    n_slabs = -(-n_draws // 100)
    weights = draws.weights(range(n_slabs))
    values = [draws.values(row, range(n_slabs)) for row in range(decision.n_cros)]
    found = []
    for d in range(n_draws):
        slab, at = divmod(d, 100)
        found.append(
            (
                weights[slab, :, at].tolist(),
                [
                    decision.value[row].tolist()
                    if is_fixed
                    else values[row][slab, :, at].tolist()
                    for row in range(decision.n_cros)
                ],
            )
        )
    return found


def score(decision, weights, values):
    return sum(
        weights[k] * share * x
        for k, share, x in zip(
            decision.criterion.tolist(),
            decision.share_inside.tolist(),
            values,
            strict=True,
        )
    )


def ranked(decision, weights, leaf_values):
    """Rows best first; scores are compared in steps of 2^-44."""

    def key(row):
        steps = round(Fraction(score(decision, weights, leaf_values[row])) / STEP)
        return int(decision.group[row]), -steps, int(decision.place[row])

    return sorted(range(decision.n_cros), key=key)


def smaa(decision, draws, n_draws):
    """Return acceptability, P(a before b), mean weights of the first, by row."""
    n = decision.n_cros
    ranks = [Counter() for _ in range(n)]
    before = [[0] * n for _ in range(n)]
    sums = [[0.0] * len(decision.criteria) for _ in range(n)]
    for weights, values in drawn(draws, n_draws):
        order = ranked(decision, weights, values)
        for place, row in enumerate(order):
            ranks[row][place] += 1
            for behind in order[place + 1 :]:
                before[row][behind] += 1
        for k, weight in enumerate(weights):
            sums[order[0]][k] += weight
    return (
        [[ranks[row][place] / n_draws for place in range(n)] for row in range(n)],
        [[count / n_draws for count in row] for row in before],
        [
            [total / ranks[row][0] for total in sums[row]] if ranks[row][0] else None
            for row in range(n)
        ],
    )


def first_if(decision, draws, n_draws, row, leaf, end):
    """Return everybody's P(first) with one leaf of one CRO at an end."""
    first = Counter()
    for weights, values in drawn(draws, n_draws):
        values[row][leaf] = float(end)
        first[ranked(decision, weights, values)[0]] += 1
    return [first[r] / n_draws for r in range(decision.n_cros)]
