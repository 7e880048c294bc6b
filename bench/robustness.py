"""SMAA: how long, how it grows, what leaving out saves, and beside what.

Rows named `whole` draw weights and leaf values, `weights` draw weights alone. The
programs beside run fewer draws where they are slow; their time is scaled to as
many draws, and the row says from how many.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
from skcriteria import mkdm
from skcriteria.agg.simple import WeightedSumModel
from skcriteria.agg.topsis import TOPSIS

from bench.harness import Row, median_ms, row
from matching.engine.decision import Decision
from matching.engine.draws import DEFAULT_DRAWS, stated
from matching.engine.robustness import Robustness, smaa, value_of_facts
from matching.engine.sensitivity import break_even, to_be_first
from matching.engine.teams import best_team
from tests.matching.engine.decisions import scattered

LOOP_DRAWS = 200
SKCRITERIA_DRAWS = 40
N_LEAVES = 20
N_RANKS = 10


def measure() -> Iterator[Row]:
    decision = scattered(60)
    whole = median_ms(lambda: run(decision), 5, 1)
    yield row(
        "robustness:whole-beside-numpy-loop",
        60,
        whole,
        "ms",
        f"a loop over draws, from {LOOP_DRAWS}",
        numpy_loop_ms(decision),
    )
    yield row(
        "robustness:whole-beside-skcriteria",
        60,
        whole,
        "ms",
        f"its weighted sum, from {SKCRITERIA_DRAWS}",
        skcriteria_ms(decision),
    )
    rule = stated(decision.weights, len(decision.criteria))
    yield row(
        "robustness:value-of-facts",
        60,
        median_ms(lambda: value_of_facts(decision, rule, seed=1), 3, 1),
        "ms",
        f"{int((~decision.known).sum()) * 2} runs of smaa instead",
        whole * int((~decision.known).sum()) * 2,
    )
    yield row(
        "robustness:break-even-all-pairs",
        60,
        median_ms(lambda: break_even(decision)),
        "ms",
    )
    yield row(
        "robustness:to-be-first",
        60,
        median_ms(lambda: [to_be_first(decision, i) for i in range(60)], 3, 1),
        "ms",
    )
    yield from growth()
    yield from weights_alone()
    yield from beside_other_rankings(decision)
    yield row("robustness:teams-of-4-of-30", 30, team_ms(), "ms")


def run(decision: Decision, n_draws: int = DEFAULT_DRAWS, **how: int) -> Robustness:
    rule = stated(decision.weights, len(decision.criteria))
    return smaa(decision, rule, seed=1, n_draws=n_draws, **how)


def growth() -> Iterator[Row]:
    """Grow CROs, draws and leaves one at a time; linear is what stands beside."""
    base = median_ms(lambda: run(scattered_of[60]), 3, 1)
    for n, decision in scattered_of.items():
        yield row(
            "robustness:whole",
            n,
            median_ms(lambda d=decision: run(d), 1, 0) if n > 60 else base,
            "ms",
            "in proportion",
            base * n / 60,
        )
    for n_draws in (1_000, 100_000):
        yield row(
            "robustness:whole-by-draws",
            n_draws,
            median_ms(lambda k=n_draws: run(scattered_of[60], k), 1, 0),
            "ms",
            "in proportion",
            base * n_draws / DEFAULT_DRAWS,
        )
    for n_leaves in (10, 40):
        wide = scattered(60, n_leaves)
        yield row(
            "robustness:whole-by-leaves",
            n_leaves,
            median_ms(lambda d=wide: run(d), 3, 1),
            "ms",
            "in proportion",
            base * n_leaves / N_LEAVES,
        )
    for n in (60, 1_000):
        yield row(
            "robustness:whole-peak-memory",
            n,
            peak_mb(lambda d=scattered_of[n]: run(d)),
            "MB",
            "all draws of all values at once",
            n * N_LEAVES * DEFAULT_DRAWS * 8 / 1e6,
        )


scattered_of = {n: scattered(n) for n in (60, 250, 1_000)}


def weights_alone() -> Iterator[Row]:
    """Leave out those behind, and not; CROs alike in part and not at all."""
    for n in (1_000, 10_000, 100_000):
        for kind, shared in (("alike", 0.5), ("independent", 0.0)):
            decision = scattered(n, shared=shared)
            how = {"draw_values": False, "n_ranks": N_RANKS}
            # In turns, and the best of each: the two must be fair to each other.
            repeats = 5 if n == 1_000 else 1
            pruned, plain = [], []
            for _ in range(repeats):
                pruned.append(once_ms(lambda d=decision, h=how: run(d, **h)))
                if n < 100_000:
                    plain.append(
                        once_ms(lambda d=decision, h=how: run(d, **h, prune=False))
                    )
            yield row(
                f"robustness:weights-{kind}",
                n,
                min(pruned),
                "CPU ms",
                "without leaving out, CPU" if plain else "",
                min(plain) if plain else None,
            )
    peak = peak_mb(lambda: run(decision, 1_000, **how))
    yield row("robustness:weights-peak-memory", 100_000, peak, "MB")


def once_ms(work: Callable[[], object]) -> float:
    """Return the processor time of one run: what else runs here does not count."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def peak_mb(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def numpy_loop_ms(decision: Decision) -> float:
    """Time SMAA as one writes it first: draw, weigh, sort and count, a draw at a time."""
    chance = np.random.default_rng(1)
    n = decision.n_cros
    ranks, wins = np.zeros((n, n)), np.zeros((n, n))
    central = np.zeros((n, decision.weights.size))
    span = np.maximum(decision.high - decision.low, 1e-12)
    start = time.perf_counter()
    for _ in range(LOOP_DRAWS):
        weights = chance.dirichlet(50 * decision.weights)
        values = chance.triangular(decision.low, decision.value, decision.low + span)
        score = values @ (weights[decision.criterion] * decision.share_inside)
        order = np.argsort(-score)
        ranks[order, np.arange(n)] += 1
        wins += score[:, None] > score
        central[order[0]] += weights
    return (time.perf_counter() - start) * 1e3 * DEFAULT_DRAWS / LOOP_DRAWS


def skcriteria_ms(decision: Decision) -> float:
    """Time scikit-criteria's weighted sum once a draw, on values drawn by numpy."""
    chance = np.random.default_rng(1)
    model = WeightedSumModel()
    span = np.maximum(decision.high - decision.low, 1e-12)
    start = time.perf_counter()
    for _ in range(SKCRITERIA_DRAWS):
        weights = chance.dirichlet(50 * decision.weights)
        values = chance.triangular(decision.low, decision.value, decision.low + span)
        matrix = mkdm(
            values,
            [max] * values.shape[1],
            weights=weights[decision.criterion] * decision.share_inside,
        )
        model.evaluate(matrix)
    return (time.perf_counter() - start) * 1e3 * DEFAULT_DRAWS / SKCRITERIA_DRAWS


def beside_other_rankings(decision: Decision) -> Iterator[Row]:
    """Compare the order itself: the same as its weighted sum's; how near TOPSIS's."""
    matrix = mkdm(
        decision.value,
        [max] * decision.value.shape[1],
        weights=decision.leaf_weights,
    )
    ours = np.argsort(np.argsort(-decision.scores(decision.value), kind="stable")) + 1
    theirs = WeightedSumModel().evaluate(matrix).rank_
    assert (ours == theirs).all(), "scikit-criteria's weighted sum orders otherwise"
    yield row(
        "robustness:order-as-skcriteria", 60, float((ours == theirs).mean()), "share"
    )
    other = TOPSIS().evaluate(matrix).rank_
    away = np.corrcoef(ours, other)[0, 1]
    yield row("robustness:order-beside-topsis", 60, float(away), "Spearman's")


def team_ms() -> float:
    chance = np.random.default_rng(1)
    coverage = chance.random((30, 60))
    return median_ms(
        lambda: best_team(
            coverage=coverage,
            covers=coverage >= 0.5,
            is_must=np.arange(60) < 20,
            weights=np.ones(60),
            penalty=0.02,
        ),
        5,
        1,
    )
