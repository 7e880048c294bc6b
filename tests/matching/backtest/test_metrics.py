"""Metrics against numbers worked out by hand, and what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.backtest import metrics

SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=12)


def test_ties_share_the_middle_of_their_places():
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1])

    assert [metrics.mid_rank(scores, at) for at in range(5)] == [1, 3, 3, 3, 5]


def test_a_later_column_settles_ties_of_the_earlier_ones():
    scores = np.array([[1.0, 0.2], [1.0, 0.7], [0.5, 0.9]])

    assert [metrics.mid_rank(scores, at) for at in range(3)] == [2, 1, 3]


def test_gains_are_those_worked_out_by_hand():
    found = metrics.gains(np.array([1.0, 2.5, 10.0, 12.0, math.inf]))

    assert found["mrr"].tolist() == pytest.approx([1, 0.4, 0.1, 1 / 12, 0])
    assert found["hit@1"].tolist() == [1, 0, 0, 0, 0]
    assert found["hit@5"].tolist() == [1, 1, 0, 0, 0]
    assert found["hit@10"].tolist() == [1, 1, 1, 0, 0]
    assert found["hit@20"].tolist() == [1, 1, 1, 1, 0]
    assert found["ndcg@10"].tolist() == pytest.approx(
        [1, 1 / math.log2(3.5), 1 / math.log2(11), 0, 0]
    )


def test_chance_is_the_mean_over_all_places():
    found = metrics.gains_of_chance(3)

    assert found["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert found["hit@1"] == pytest.approx(1 / 3)
    assert found["hit@5"] == 1
    assert metrics.gains_of_chance(0) == dict.fromkeys(metrics.METRICS, 0.0)


@given(SCORES, st.randoms())
def test_permuting_the_cros_changes_no_place(scores, random):
    order = list(range(len(scores)))
    random.shuffle(order)
    values = np.array(scores, np.float64)

    for new, old in enumerate(order):
        assert metrics.mid_rank(values[order], new) == metrics.mid_rank(values, old)


@given(SCORES)
def test_places_add_up_as_without_ties(scores):
    values = np.array(scores, np.float64)
    places = [metrics.mid_rank(values, at) for at in range(values.size)]

    assert sum(places) == pytest.approx(values.size * (values.size + 1) / 2)


def test_whole_trials_are_drawn():
    counts = metrics.resamples(["a", "b", "a", "c"], 200, seed=1)

    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert (counts == metrics.resamples(["a", "b", "a", "c"], 200, seed=1)).all()


def test_an_interval_holds_the_mean_and_narrows_with_more_trials():
    def width(n):
        values = np.arange(n) % 2.0
        counts = metrics.resamples([str(i) for i in range(n)], 500, seed=1)
        low, high = metrics.interval(metrics.resampled_means(values, counts))
        assert low < 0.5 < high
        return high - low

    assert width(400) < width(20) / 2
    assert metrics.interval(np.full(3, 0.25)) == (0.25, 0.25)
    assert all(math.isnan(end) for end in metrics.interval(np.zeros(0)))
