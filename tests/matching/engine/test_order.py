"""The quick order of a ranking is the plain one, to the last bit of a score."""

from types import SimpleNamespace

import numpy as np
import pytest

from matching.engine.prepared import order_by
from matching.engine.ranking import _order


@pytest.mark.parametrize("seed", range(30))
def test_order_is_by_group_score_low_end_and_name(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    near = [0.0, 5e-324, 1e-9, 0.3, np.nextafter(0.3, 0), 0.5, np.nextafter(0.5, 1), 1]
    score = np.where(rng.random(n) < 0.8, rng.choice(near, n), rng.random(n))
    low = np.minimum(
        score, rng.choice([0.0, 0.1, np.nextafter(0.1, 1), 0.1 + 1e-12, 0.3], n)
    )
    group = rng.integers(0, 4, n).astype(np.int8)
    by_name = rng.permutation(n)
    name_rank = np.argsort(by_name)
    prepared = SimpleNamespace(name_rank=name_rank, by_name=by_name)

    found = _order(group, score, low, prepared)

    assert found.tolist() == np.lexsort((name_rank, -low, -score, group)).tolist()


@pytest.mark.parametrize("high", [2, 2**20, 2**40, 2**62])
def test_packed_order_is_the_stable_one(high):
    rng = np.random.default_rng(high)
    columns = [rng.integers(-high, high, 300) for _ in range(3)]
    columns[0] %= 3
    assert order_by(*columns).tolist() == np.lexsort(columns[::-1]).tolist()
