"""Quantiles against published values, and shrunk rates by hand."""

import numpy as np
import pytest

from matching.engine.rates import ShrunkRates, beta_cdf, beta_quantile
from tests.matching.engine.oracle import central


@pytest.mark.parametrize(
    ("q", "a", "b", "x"),
    [
        (0.1, 1, 1, 0.1),  # uniform
        (0.9, 2, 1, 0.9**0.5),  # x^2 = 0.9
        (0.1, 1, 3, 1 - 0.9 ** (1 / 3)),  # 1 - (1 - x)^3 = 0.1
        (0.5, 7, 7, 0.5),  # symmetric
        (0.9, 1, 500, 1 - 0.1 ** (1 / 500)),
        (0.1, 800, 1, 0.1 ** (1 / 800)),
    ],
)
def test_quantiles_have_closed_forms(q, a, b, x):
    found = beta_quantile(q, np.array([float(a)]), np.array([float(b)]))
    assert found[0] == pytest.approx(x, abs=1e-12)


def test_quantiles_invert_the_distribution_function():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.5, 900, 500), rng.uniform(0.5, 900, 500)
    for q in (0.1, 0.9):
        assert beta_cdf(beta_quantile(q, a, b), a, b) == pytest.approx(
            np.full(500, q), abs=1e-9
        )


@pytest.mark.parametrize(("s", "n"), [(0, 1), (3, 7), (96, 96), (97, 97), (40, 400)])
@pytest.mark.parametrize("peer_mean", [0.4, 0.7])
def test_table_and_memory_give_the_same_as_a_slow_reading(s, n, peer_mean):
    low, value, high = ShrunkRates().intervals(
        np.array([float(s)]), np.array([float(n)]), peer_mean
    )
    expected = central(s + 10 * peer_mean, n - s + 10 * (1 - peer_mean))
    assert value[0] == pytest.approx((s + 10 * peer_mean) / (n + 10))
    assert (low[0], high[0]) == pytest.approx(expected, abs=1e-9)


def test_a_peer_mean_of_zero_has_no_width_until_something_is_seen():
    low, value, high = ShrunkRates().intervals(np.array([0.0]), np.array([5.0]), 0.0)
    assert (low[0], value[0], high[0]) == (0.0, 0.0, 0.0)
