"""Learning of weights against closed forms, and what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from matching.backtest.learning import Choice, learn

TWO = np.array([[1.0, 0.0], [0.0, 1.0]])


def test_two_cros_give_the_logarithm_of_the_odds():
    """One leaf; 3 of 4 took the CRO that has it: ln(3 / 1)."""
    leaf = np.array([[1.0], [0.0]])
    choices = [Choice(leaf, 0)] * 3 + [Choice(leaf, 1)]

    assert learn(choices, 1e-9)[0] == pytest.approx(math.log(3), abs=1e-4)


def test_a_leaf_that_speaks_against_choices_gets_no_weight():
    weights = learn([Choice(TWO, 0)] * 5, 0.1)

    assert weights[0] > 0.5
    assert weights[1] == 0


def test_a_larger_penalty_gives_smaller_weights():
    choices = [Choice(TWO, 0)] * 5

    assert learn(choices, 10.0)[0] < learn(choices, 1.0)[0] < learn(choices, 0.1)[0]


@given(
    arrays.arrays(np.float64, (6, 4, 3), elements=st.floats(0, 1, width=16)),
    st.permutations(range(4)),
)
def test_the_order_of_cros_does_not_matter(leaves, order):
    place = list(order).index(0)
    plain = learn([Choice(one, 0) for one in leaves], 1.0)
    moved = learn([Choice(one[list(order)], place) for one in leaves], 1.0)

    assert (plain >= 0).all()
    assert moved == pytest.approx(plain, abs=1e-4)


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="no choice"):
        learn([], 1.0)
    with pytest.raises(ValueError, match="penalty"):
        learn([Choice(TWO, 0)], 0.0)
