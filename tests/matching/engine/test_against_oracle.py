"""The engine and a slow reading of the method in plain Python agree."""

import numpy as np
import pytest

from bench import catalogues
from matching import engine
from tests.matching.engine.oracle import Oracle

STATES = ("pass", "fail", "unknown")


def assert_agrees(catalogue, need):
    ranking = engine.rank(engine.prepare(catalogue), need)
    weights, rows = Oracle(catalogue, need).rank()
    assert [leaf.name for leaf in ranking.leaves] == [name for name, _ in weights]
    assert ranking.weights == pytest.approx([w for _, w in weights], abs=1e-12)
    for cro, row in enumerate(rows):
        for i, (name, _) in enumerate(weights):
            ours = ranking.low[cro, i], ranking.value[cro, i], ranking.high[cro, i]
            assert ours == pytest.approx(row["leaves"][i], abs=1e-9), (cro, name)
        assert ranking.score[cro] == pytest.approx(row["score"], abs=1e-9)
        assert ranking.score_low[cro] == pytest.approx(row["low"], abs=1e-9)
        assert ranking.score_high[cro] == pytest.approx(row["high"], abs=1e-9)
        assert ranking.evidence[cro] == pytest.approx(row["evidence"], abs=1e-9)
        ours = {
            int(j): STATES[state]
            for j, state in zip(
                ranking.gate_requirement, ranking.gates[cro], strict=True
            )
        }
        assert ours == row["gates"], cro
        assert ranking.group[cro] == row["group"]
    places = [
        (
            int(ranking.group[c]),
            -ranking.score[c],
            -ranking.score_low[c],
            catalogue.cro_name[c],
            int(catalogue.cro_id[c]),
        )
        for c in ranking.order.tolist()
    ]
    assert places == sorted(places)
    assert sorted(ranking.order.tolist()) == list(range(catalogue.n_cros))
    return ranking


@pytest.mark.parametrize("seed", range(12))
def test_random_catalogues_agree(seed):
    shape = catalogues.Shape(
        n_cros=30,
        roles_per_cro=4,
        claims_per_cro=60,
        n_services=10,
        n_technologies=3,
        n_countries=12,
        n_small=3,
        mesh_width=3,
        scoped=0.2,
        undated=0.1,
        expired=0.1,
        complete=0.4,
    )
    catalogue = catalogues.catalogue(shape, seed)
    assert_agrees(catalogue, catalogues.need(catalogue.terms, seed))


def test_explanations_come_in_the_order_asked():
    catalogue = catalogues.catalogue(catalogues.Shape(n_cros=50), 1)
    need = catalogues.need(catalogue.terms, 1)
    prepared = engine.prepare(catalogue)
    ranking = engine.rank(prepared, need)
    cros = ranking.order[:20].tolist()
    found = engine.explain(ranking, cros)
    assert [e.cro for e in found] == cros
    for e in found:
        assert len(e.reasons) == len(ranking.leaves)
        assert sum(r.contribution for r in e.reasons) == pytest.approx(
            ranking.score[e.cro], abs=1e-9
        )
        losses = np.array([r.loss for r in e.reasons])
        assert losses[e.weakest] == losses.max()
