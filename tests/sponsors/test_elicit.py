"""Weights from answers, beside published tables and worked examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sponsors.elicit import (
    doubts,
    from_pairs,
    from_points,
    from_ranks,
    from_swings,
    roc_weights,
    split_gains,
)
from tests.matching.engine.decisions import QUICK, points

# Barron & Barrett, "Decision quality using ranked attribute weights", Management
# Science 42 (1996) 1515-1523, and Edwards & Barron, "SMARTS and SMARTER", OBHDP 60
# (1994) 306-325: the table of rank order centroid weights.
ROC_TABLE = {
    2: [0.7500, 0.2500],
    3: [0.6111, 0.2778, 0.1111],
    4: [0.5208, 0.2708, 0.1458, 0.0625],
    5: [0.4567, 0.2567, 0.1567, 0.0900, 0.0400],
    6: [0.4083, 0.2417, 0.1583, 0.1028, 0.0611, 0.0278],
    7: [0.3704, 0.2276, 0.1561, 0.1085, 0.0728, 0.0442, 0.0204],
    8: [0.3397, 0.2147, 0.1522, 0.1106, 0.0793, 0.0543, 0.0335, 0.0156],
}


@pytest.mark.parametrize("n", ROC_TABLE)
def test_roc_weights_are_those_of_the_published_table(n):
    assert roc_weights(n) == pytest.approx(ROC_TABLE[n], abs=5.1e-5)


# Saaty, "Decision making with the analytic hierarchy process", Int. J. Services
# Sciences 1 (2008) 83-98, drinks in the USA: coffee, wine, tea, beer, sodas, milk,
# water.
DRINKS = [
    [1, 9, 5, 2, 1, 1, 1 / 2],
    [1 / 9, 1, 1 / 3, 1 / 9, 1 / 9, 1 / 9, 1 / 9],
    [1 / 5, 3, 1, 1 / 3, 1 / 4, 1 / 3, 1 / 9],
    [1 / 2, 9, 3, 1, 1 / 2, 1, 1 / 3],
    [1, 9, 4, 2, 1, 2, 1 / 2],
    [1, 9, 3, 1, 1 / 2, 1, 1 / 3],
    [2, 9, 9, 3, 2, 3, 1],
]
# Saaty, "How to make a decision: the Analytic Hierarchy Process", EJOR 48 (1990)
# 9-26, choice of a house: the eight criteria.
HOUSE = [
    [1, 5, 3, 7, 6, 6, 1 / 3, 1 / 4],
    [1 / 5, 1, 1 / 3, 5, 3, 3, 1 / 5, 1 / 7],
    [1 / 3, 3, 1, 6, 3, 4, 6, 1 / 5],
    [1 / 7, 1 / 5, 1 / 6, 1, 1 / 3, 1 / 4, 1 / 7, 1 / 8],
    [1 / 6, 1 / 3, 1 / 3, 3, 1, 1 / 2, 1 / 5, 1 / 6],
    [1 / 6, 1 / 3, 1 / 4, 4, 2, 1, 1 / 5, 1 / 6],
    [3, 5, 1 / 6, 7, 5, 5, 1, 1 / 2],
    [4, 7, 5, 8, 6, 6, 2, 1],
]


@pytest.mark.parametrize(
    ("matrix", "weights", "eigenvalue", "ratio", "digits"),
    [
        (
            DRINKS,
            [0.177, 0.019, 0.042, 0.116, 0.190, 0.129, 0.327],
            None,
            0.022,
            0.00051,
        ),
        (
            HOUSE,
            [0.173, 0.054, 0.188, 0.018, 0.031, 0.036, 0.167, 0.333],
            9.669,
            0.169,
            0.00051,
        ),
    ],
)
def test_saatys_examples_come_out_as_published(
    matrix, weights, eigenvalue, ratio, digits
):
    found = from_pairs(matrix)

    assert found.weights == pytest.approx(weights, abs=digits)
    if eigenvalue is not None:
        assert found.eigenvalue == pytest.approx(eigenvalue, abs=digits)
    assert found.ratio == pytest.approx(ratio, abs=digits)


def test_a_value_table_comes_out_as_published():
    # Goodwin & Wright, "Decision Analysis for Management Judgment", chapter 3, the
    # office location problem: swings, values of seven offices, aggregate benefits.
    swings = [100, 80, 70, 30, 20, 10]
    values = [
        [100, 20, 80, 70, 40, 0, 60],  # closeness to customers
        [60, 80, 70, 50, 60, 0, 100],  # visibility
        [100, 10, 0, 30, 90, 70, 20],  # image
        [75, 30, 0, 55, 100, 0, 50],  # size
        [0, 100, 10, 30, 60, 80, 50],  # comfort
        [90, 30, 100, 90, 70, 0, 80],  # car parking
    ]
    weights = from_swings(swings, 6)
    whole_percent = [32, 26, 23, 10, 6, 3]

    assert weights * 100 == pytest.approx(whole_percent, abs=0.6)
    decision = points(np.array(values).T / 100, whole_percent)
    assert decision.scores(decision.value) * 100 == pytest.approx(
        [80.8, 39.4, 47.4, 52.3, 64.8, 20.9, 60.2], abs=0.051
    )


@QUICK
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=10))
def test_consistent_pairs_give_back_the_weights(some):
    weights = np.array(some) / sum(some)
    for method in ("eigenvector", "geometric"):
        found = from_pairs(weights[:, None] / weights, method)

        assert found.weights == pytest.approx(weights, rel=1e-6)
        assert found.ratio == pytest.approx(0, abs=1e-9)


def test_the_pair_that_fits_least_is_named_with_what_would_fit():
    # 1 is twice 2, 2 twice 3, so 1 should be four times 3; a quarter was said.
    matrix = np.array([[1, 2, 0.25], [0.5, 1, 2], [4, 0.5, 1]])

    found = from_pairs(matrix, "geometric")

    assert found.ratio > 0.1
    assert found.farthest is not None
    i, j = found.farthest
    assert found.fitting == pytest.approx(found.weights[i] / found.weights[j])
    assert from_pairs([[1, 3], [1 / 3, 1]]).farthest is None


def test_ranks_that_are_level_share_their_places():
    assert from_ranks([1, 2, 2]) == pytest.approx([11 / 18, 7 / 36, 7 / 36])
    assert from_ranks([30, 7, 9]) == pytest.approx([1 / 9, 11 / 18, 5 / 18])
    assert from_ranks([1, 1]) == pytest.approx([0.5, 0.5])


def test_points_of_any_scale_become_weights():
    assert from_points([30, 10], 2).tolist() == [0.75, 0.25]
    assert from_points([1e308, 1e308], 2).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "swings", [[90, 50], [101, 50], [float("nan"), 100], [], [100]]
)
def test_swings_without_a_hundred_are_refused(swings):
    with pytest.raises(ValueError, match="swing"):
        from_swings(swings, 2)


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        ([[1, 2], [2, 1]], "multiply to 1"),
        ([[1, 0], [0, 1]], "above 0"),
        ([[1, float("nan")], [1, 1]], "above 0"),
        ([[1, 2]], "each with each"),
        ([], "each with each"),
        (np.ones((11, 11)), "from 1 to 10"),
    ],
)
def test_comparisons_that_are_none_are_refused(matrix, sentence):
    with pytest.raises(ValueError, match=sentence):
        from_pairs(matrix)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="eigenvector or geometric"):
        from_pairs([[1]], "guess")


@pytest.mark.parametrize("rank", [[], [0], [1.5], [[1]]])
def test_ranks_that_are_none_are_refused(rank):
    with pytest.raises(ValueError, match="ranks"):
        from_ranks(rank)
    with pytest.raises(ValueError, match="one criterion"):
        roc_weights(0)


def test_doubts_about_weights():
    assert [d.kind for d in doubts([10, 11, 12], 3)] == ["nearly_equal"]
    assert doubts([10, 11, 12.1], 3) == ()
    assert doubts([6, 2, 2], 3) == ()
    found = doubts([1, 7, 2], 3)
    assert [(d.kind, d.criterion) for d in found] == [("too_much", 1)]
    assert doubts([1], 1) == ()


def test_a_branch_that_gained_by_being_split_is_named():
    found = split_gains([40, 60], [[30, 30], [60]])

    assert [(d.kind, d.criterion) for d in found] == [("split_gain", 0)]
    assert found[0].number == pytest.approx(0.1)
    assert split_gains([50, 50], [[25, 25], [50]]) == ()
    with pytest.raises(ValueError, match="parts"):
        split_gains([1, 1], [[1], []])
