"""How fast one study is ranked, and beside what.

`rank` is the whole method with intervals and gates; `page` adds the explanations
of the first 20 CROs. Preparing the catalogue is apart: it happens once per version.
"""

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from skcriteria import mkdm
from skcriteria.agg.simple import WeightedSumModel

from bench import catalogues
from bench.harness import Row, copy_bytes_per_ms, median_ms, row
from matching import engine
from matching.engine.inputs import Catalogue, Need
from matching.engine.prepared import Prepared
from matching.engine.results import Ranking
from tests.matching.engine.oracle import Oracle

PAGE = 20


def measure() -> Iterator[Row]:
    bandwidth = copy_bytes_per_ms()
    yield row("engine:memory-copy", 1, bandwidth / 1e6, "GB/s")
    times = {}
    for n in (1_000, 10_000, 100_000):
        catalogue = catalogues.catalogue(catalogues.Shape(n_cros=n), 1)
        need = catalogues.need(catalogue.terms, 1)
        start = time.perf_counter()
        prepared = engine.prepare(catalogue)
        yield row("engine:prepare", n, (time.perf_counter() - start) * 1e3, "ms")
        start = time.perf_counter()
        ranking = engine.rank(prepared, need)
        yield row("engine:first-rank", n, (time.perf_counter() - start) * 1e3, "ms")
        page = ranking.order[:PAGE].tolist()
        rank_ms = median_ms(lambda p=prepared, q=need: engine.rank(p, q))
        explain_ms = median_ms(lambda r=ranking, c=page: engine.explain(r, c))
        times[n] = rank_ms + explain_ms
        floor = bytes_touched(prepared, need, ranking) / bandwidth
        yield row("engine:rank", n, rank_ms, "ms")
        yield row("engine:explain-page", n, explain_ms, "ms")
        yield row("engine:page", n, times[n], "ms", "bytes over bandwidth, ms", floor)
        if n <= 10_000:
            oracle = oracle_ms(catalogue, need)
            yield row("engine:page-beside-python", n, times[n], "ms", "plain", oracle)
        frames = pandas_leaves(catalogue, need)
        yield row("engine:rank-beside-pandas", n, rank_ms, "ms", "pandas", frames)
        yield row(
            "engine:rank-beside-skcriteria",
            n,
            rank_ms,
            "ms",
            "weighted sum of ready matrix",
            weighted_sum_ms(ranking),
        )
    yield row(
        "engine:growth",
        100_000,
        times[100_000] / times[1_000],
        "times",
        "CROs, times",
        100.0,
    )


def bytes_touched(prepared: Prepared, need: Need, ranking: Ranking) -> float:
    """Return the bytes a ranking cannot but read and write once.

    Per cell of a term asked: CRO, key, expiry. Per role: CRO, start, weight,
    phase, size class, countries, participants, sites; roles near the study's
    countries. Written: three ends per leaf, scores, gates, order.
    """
    cells = sum(
        int(prepared.cells.at[t + 1] - prepared.cells.at[t])
        for t in need.requirements.term.tolist()
    )
    roles = prepared.roles.cro.size * (4 + 4 + 8 + 4 + 1 + 4 + 8 + 8)
    n = ranking.score.size
    written = n * (24 * len(ranking.leaves) + 4 * 8 + ranking.gates.shape[1] + 9)
    return float(cells * 12 + roles + written)


def oracle_ms(catalogue: Catalogue, need: Need) -> float:
    """Time the plain-Python reading of the method on a part, scaled to the whole."""
    oracle = Oracle(catalogue, need)
    whole = oracle.n_cros
    oracle.n_cros = min(whole, 400)
    start = time.perf_counter()
    oracle.rank()
    return (time.perf_counter() - start) * 1e3 * whole / oracle.n_cros


def pandas_leaves(catalogue: Catalogue, need: Need) -> float:
    """Time the main leaves as an analyst writes them: claims asked, trials, sum.

    Coverage of all terms asked (best tier, newest, its interval), experience in
    the condition, and trials per country asked; no gates, no explanations, exact
    conditions only.
    """
    k = catalogue.claims
    claims = pd.DataFrame(
        {
            "cro": k.cro,
            "term": k.term,
            "answer": k.answer,
            "delivery": k.delivery,
            "tier": k.tier,
            "observed": k.observed,
            "expires": k.expires,
        }
    )
    trials = catalogue.trials
    roles = pd.DataFrame({"cro": catalogue.role_cro, "trial": catalogue.role_trial})
    roles["start"] = trials.start[catalogue.role_trial]
    n_trials = np.arange(trials.start.size)
    conditions = pd.DataFrame(
        {
            "trial": np.repeat(n_trials, np.diff(trials.condition_at)),
            "condition": trials.condition_term,
        }
    )
    places = pd.DataFrame(
        {
            "trial": np.repeat(n_trials, np.diff(trials.country_at)),
            "country": trials.country_term,
        }
    )
    asked = need.requirements.term

    def leaves() -> pd.DataFrame:
        live = claims[claims["term"].isin(asked) & (claims["expires"] >= need.as_of)]
        best = live.sort_values(["tier", "observed"], ascending=[True, False])
        best = best.drop_duplicates(["cro", "term"])
        middle = best["delivery"].map({0: 1.0, 1: 0.7, 2: 0.5, -1: 0.0})
        fresh = best["tier"].map({1: 0.03, 2: 0.05, 3: 0.1, 4: 0.2, 5: 0.35})
        age = (need.as_of - best["observed"]).clip(lower=0) / 365.25
        half = fresh + (0.5 - fresh) * (1 - 2 ** (-age / 4))
        best = best.assign(
            low=(middle - half).clip(lower=0),
            value=middle,
            high=(middle + half).clip(upper=1),
        )
        covered = best.pivot_table(
            index="cro", columns="term", values=["low", "value", "high"]
        ).reindex(range(catalogue.n_cros))
        started = roles[roles["start"] <= need.start]
        near = conditions[conditions["condition"].isin(asked)]
        done = started.merge(near, on="trial")
        decay = 2 ** (-(need.start - done["start"]) / 365.25 / 6)
        experience = decay.groupby(done["cro"]).sum()
        there = started.merge(places[places["country"].isin(asked)], on="trial")
        there = there.groupby(["cro", "country"]).size().unstack(fill_value=0)
        score = covered["value"].fillna(0.5).mean(axis=1)
        score = score.add(np.log1p(experience), fill_value=0)
        score = score.add(
            (np.log1p(there) / np.log(3)).clip(upper=1).mean(axis=1), fill_value=0
        )
        return score.sort_values(ascending=False)

    return median_ms(leaves, 3, 1)


def weighted_sum_ms(ranking: Ranking) -> float:
    """Time scikit-criteria's weighted sum on the matrix the engine has made."""
    matrix = mkdm(
        ranking.value,
        [max] * len(ranking.leaves),
        weights=ranking.weights,
    )
    model = WeightedSumModel()
    return median_ms(lambda: model.evaluate(matrix), 3, 1)
