"""SMAA: by hand, against a slow reading, and what must always hold."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.engine.decision import decide
from matching.engine.draws import MAX_DRAWS, Draws, between, ordinal, stated
from matching.engine.robustness import Robustness, smaa, value_of_facts, word
from sponsors.elicit import roc_weights
from tests.matching.engine import smaa_oracle
from tests.matching.engine.decisions import (
    QUICK,
    decisions,
    points,
    rules,
    scattered,
)

ARRAYS = ("acceptability", "top3", "central_weights", "confidence", "compared", "wins")


def assert_same_bytes(one: Robustness, other: Robustness):
    for name in ARRAYS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def any_weights(n):
    return between(np.zeros(n), np.ones(n))


# By hand. 10,000 draws: a share is within 0.02 of its probability (four times
# the standard error of at most 0.005).


def test_two_cros_of_two_criteria_divide_the_weights_where_they_are_level():
    # 0.4 w > 0.3 (1 - w) where w > 3/7; the mean of the rest of [0, 1] is 5/7.
    decision = points([[0.8, 0.2], [0.4, 0.5]])

    found = smaa(decision, any_weights(2), seed=7)

    assert found.first == pytest.approx([4 / 7, 3 / 7], abs=0.02)
    assert found.central_weights[0] == pytest.approx([5 / 7, 2 / 7], abs=0.01)
    assert found.central_weights[1] == pytest.approx([3 / 14, 11 / 14], abs=0.01)
    assert found.confidence.tolist() == [1, 1]


def test_three_specialists_have_a_third_each_and_the_mean_of_the_largest_weight():
    # The mean of the largest of three weights is (1 + 1/2 + 1/3) / 3 = 11/18.
    decision = points(np.eye(3))

    found = smaa(decision, any_weights(3), seed=7)

    assert found.acceptability == pytest.approx(np.full((3, 3), 1 / 3), abs=0.02)
    assert np.diag(found.central_weights) == pytest.approx([11 / 18] * 3, abs=0.01)


def test_an_unknown_value_beats_a_sure_one_as_often_as_the_triangle_says():
    # Of the triangle on [0, 0.5, 1] a share of 2 * 0.25^2 = 0.125 lies below 0.25.
    decision = decide(
        criteria=["c"],
        weights=[1],
        low=[[0], [0.25]],
        value=[[0.5], [0.25]],
        high=[[1], [0.25]],
    )

    found = smaa(decision, stated([1], 1), seed=7)

    assert found.wins[0, 1] == pytest.approx(0.875, abs=0.02)
    assert found.confidence == pytest.approx([0.875, 0.125], abs=0.04)


@pytest.mark.parametrize(
    "ends", [(0, 0.5, 1), (0.2, 0.2, 0.8), (0.1, 0.9, 0.9), (0.4, 0.4, 0.4)]
)
def test_values_have_the_mean_the_spread_and_the_ends_of_the_triangle(ends):
    low, value, high = ends
    decision = decide(
        criteria=["c"], weights=[1], low=[[low]], value=[[value]], high=[[high]]
    )

    drawn = Draws(decision, stated([1], 1), 3).values(0, range(200)).ravel()

    variance = (
        low**2 + value**2 + high**2 - low * value - low * high - value * high
    ) / 18
    assert drawn.mean() == pytest.approx(sum(ends) / 3, abs=0.01)
    assert drawn.var() == pytest.approx(variance, abs=0.003)
    assert low <= drawn.min() <= drawn.max() <= high + 1e-12


def test_stated_weights_scatter_like_a_dirichlet_of_concentration_50():
    weights = np.array([0.5, 0.3, 0.2, 0])
    decision = points(np.eye(4), weights)

    drawn = Draws(decision, stated(weights, 4), 3).weights(range(200))

    assert drawn.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert drawn.mean(axis=(0, 2)) == pytest.approx(weights, abs=0.005)
    assert drawn.var(axis=(0, 2)) == pytest.approx(
        weights * (1 - weights) / 51, abs=5e-4
    )
    assert not drawn[:, 3].any()


def test_ordinal_weights_keep_the_order_and_have_the_roc_weights_as_mean():
    rule = ordinal([2, 1, 4, 3])
    drawn = Draws(points(np.eye(4)), rule, 3).weights(range(200))
    falling = drawn[:, [1, 0, 3, 2]]

    assert (np.diff(falling, axis=1) <= 0).all()
    assert falling.mean(axis=(0, 2)) == pytest.approx(roc_weights(4), abs=0.01)


def test_criteria_of_one_rank_may_stand_either_way_round():
    drawn = Draws(points(np.eye(3)), ordinal([1, 1, 2]), 3).weights(range(200))

    assert (drawn[:, :2] >= drawn[:, 2:]).all()
    assert (drawn[:, 0] > drawn[:, 1]).mean() == pytest.approx(0.5, abs=0.02)


@QUICK
@given(st.data())
def test_weights_between_bounds_keep_them(data):
    n = data.draw(st.integers(1, 9))
    some = np.array(data.draw(st.lists(st.floats(0.001, 1), min_size=n, max_size=n)))
    middle = some / some.sum()
    widths = np.array(
        data.draw(st.lists(st.floats(0, 0.5), min_size=2 * n, max_size=2 * n))
    )
    low = np.maximum(middle - widths[:n], 0)
    high = np.minimum(middle + widths[n:], 1)

    drawn = Draws(points(np.eye(n)), between(low, high), 3).weights(range(2))

    assert drawn.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (drawn >= low[:, None] - 1e-7).all()
    assert (drawn <= high[:, None] + 1e-7).all()


def test_weights_between_bounds_are_alike_likely():
    # Cut off the corner w0 > 0.5: of the rest of the triangle, w0 < 0.25 is 7/12.
    rule = between([0, 0, 0], [0.5, 1, 1])
    drawn = Draws(points(np.eye(3)), rule, 3).weights(range(200))

    assert (drawn[:, 0] < 0.25).mean() == pytest.approx(7 / 12, abs=0.02)


# What must always hold.


@QUICK
@given(st.data())
def test_smaa_agrees_with_the_slow_reading(data):
    decision = data.draw(decisions())
    rule = data.draw(rules(decision))

    found = smaa(decision, rule, seed=11, n_draws=150)
    ranks, before, central = smaa_oracle.smaa(decision, Draws(decision, rule, 11), 150)

    # Sums in another order may round another way where scores are nearly level.
    assert found.acceptability == pytest.approx(np.array(ranks), abs=2.1 / 150)
    by_row = np.empty_like(found.wins)
    by_row[np.ix_(found.compared, found.compared)] = found.wins
    assert by_row == pytest.approx(
        np.array(before) + np.eye(decision.n_cros) / 2, abs=2.1 / 150
    )
    for row, expected in enumerate(central):
        if expected is not None and found.acceptability[row, 0] == ranks[row][0]:
            assert found.central_weights[row] == pytest.approx(expected, abs=1e-6)


@QUICK
@given(st.data())
def test_ranks_sum_to_one_for_each_cro_and_each_rank(data):
    decision = data.draw(decisions())
    found = smaa(decision, data.draw(rules(decision)), seed=5, n_draws=120)

    assert found.acceptability.sum(axis=0) == pytest.approx(1, abs=1e-12)
    assert found.acceptability.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert found.wins + found.wins.T == pytest.approx(np.ones_like(found.wins))
    rows = [row for group in found.tie_groups for row in group.rows]
    assert rows == decision.order.tolist()


@QUICK
@given(st.data(), st.integers(1, 5_000))
def test_the_size_of_chunks_changes_no_byte(data, chunk):
    decision = data.draw(decisions())
    rule = data.draw(rules(decision))
    for draw_values in (True, False):
        keep = {"seed": 5, "n_draws": 730, "draw_values": draw_values}
        assert_same_bytes(
            smaa(decision, rule, **keep), smaa(decision, rule, **keep, chunk=chunk)
        )
    one = value_of_facts(decision, rule, seed=5, n_draws=730)
    other = value_of_facts(decision, rule, seed=5, n_draws=730, chunk=chunk)
    assert [a.tobytes() for a in one] == [a.tobytes() for a in other]


@QUICK
@given(st.data())
def test_permuting_the_cros_permutes_the_result(data):
    decision = data.draw(decisions())
    rule = data.draw(rules(decision))
    to = np.array(data.draw(st.permutations(range(decision.n_cros))))

    one = smaa(decision, rule, seed=5, n_draws=200)
    other = smaa(decision.taken(to), rule, seed=5, n_draws=200)

    for name in ("acceptability", "top3", "central_weights", "confidence"):
        assert np.array_equal(
            getattr(one, name)[to], getattr(other, name), equal_nan=True
        )
    assert (to[other.compared] == one.compared).all()
    assert (one.wins == other.wins).all()


@QUICK
@given(st.data())
def test_what_is_drawn_for_two_does_not_hang_on_who_else_is_there(data):
    decision = data.draw(decisions(n_cros=(2, 7)))
    rule = data.draw(rules(decision))
    gone = data.draw(st.integers(0, decision.n_cros - 1))
    rest = np.delete(np.arange(decision.n_cros), gone)

    whole = smaa(decision, rule, seed=5, n_draws=200)
    part = smaa(decision.taken(rest), rule, seed=5, n_draws=200)

    stays = whole.compared != gone
    assert (rest[part.compared] == whole.compared[stays]).all()
    assert (whole.wins[np.ix_(stays, stays)] == part.wins).all()


def test_scaling_the_weights_changes_nothing():
    decision = scattered(12)
    more = replace(decision)
    rule, tenfold = stated(decision.weights, 8), stated(decision.weights * 8, 8)

    assert_same_bytes(
        smaa(decision, rule, seed=5, n_draws=500),
        smaa(more, tenfold, seed=5, n_draws=500),
    )


def test_another_seed_gives_other_draws():
    decision = scattered(12)
    rule = stated(decision.weights, 8)
    one, other = (smaa(decision, rule, seed=seed, n_draws=500) for seed in (1, 2))

    assert (one.first != other.first).any()
    assert one.first == pytest.approx(other.first, abs=0.15)


def test_in_no_draw_does_a_conditional_cro_pass_an_eligible_one():
    decision = points([[0.2], [0.9], [0.4]], group=[0, 1, 0])

    found = smaa(decision, stated([1], 1), seed=5)

    assert found.acceptability.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    facts = value_of_facts(decision, stated([1], 1), seed=5)
    assert facts.first.tolist() == [0, 0, 1]
    assert facts.admitted.tolist() == [0, 1, 1]


@pytest.mark.parametrize("shared", [0.0, 0.6, 0.95])
def test_leaving_out_those_behind_changes_nothing(shared):
    decision = scattered(3_000, shared=shared)
    decision = replace(decision, group=(np.arange(3_000) % 7 == 0).astype(np.int8))
    for rule in (stated(decision.weights, 8), ordinal(np.arange(8) + 1)):
        keep = {"seed": 5, "n_draws": 1_100, "draw_values": False, "n_ranks": 10}
        assert_same_bytes(
            smaa(decision, rule, **keep), smaa(decision, rule, **keep, prune=False)
        )


def test_leaving_out_those_behind_keeps_what_is_level():
    # Ten thousand CROs with three profiles: nearly all scores are level.
    profiles = np.array([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])
    decision = points(profiles[np.arange(10_000) % 3])
    keep = {"seed": 5, "n_draws": 1_100, "draw_values": False, "n_ranks": 10}

    pruned = smaa(decision, any_weights(2), **keep)

    assert_same_bytes(pruned, smaa(decision, any_weights(2), **keep, prune=False))
    assert pruned.first[:2].sum() == pytest.approx(1)


@QUICK
@given(st.data())
def test_the_value_of_a_fact_is_the_largest_change_of_anybodys_first_place(data):
    decision = data.draw(decisions(n_cros=(1, 5), n_criteria=(1, 3), max_leaves=3))
    rule = data.draw(rules(decision))
    draws = Draws(decision, rule, 5)

    facts = value_of_facts(decision, rule, seed=5, n_draws=120)
    now = smaa(decision, rule, seed=5, n_draws=120).first

    assert (facts.first == now).all()
    assert (np.isnan(facts.value) == decision.known).all()
    for row, leaf in zip(*np.nonzero(~decision.known), strict=True):
        changes = []
        for end, found in (
            (decision.low, facts.at_low),
            (decision.high, facts.at_high),
        ):
            moved = smaa_oracle.first_if(
                decision, draws, 120, row, leaf, end[row, leaf]
            )
            assert found[row, leaf] == pytest.approx(moved[row], abs=2.1 / 120)
            changes.append(np.abs(np.array(moved) - now).max())
        assert facts.value[row, leaf] == pytest.approx(max(changes), abs=2.1 / 120)


# Words and groups.


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.90, "clear"),
        (1.0, "clear"),
        (0.89, "likely"),
        (0.65, "likely"),
        (0.64, "tie"),
        (0.5, "tie"),
        (0.36, "tie"),
        (0.2, "likely"),
        (0.05, "clear"),
    ],
)
def test_words_of_the_method(probability, expected):
    assert word(probability) == expected


def test_a_group_ends_where_its_first_is_likely_before_the_next():
    wins = np.array(
        [
            [0.5, 0.6, 0.8, 0.95],
            [0.4, 0.5, 0.6, 0.9],
            [0.2, 0.4, 0.5, 0.93],
            [0.05, 0.1, 0.07, 0.5],
        ]
    )
    found = Robustness(
        n_draws=100,
        seed=0,
        acceptability=np.eye(4),
        top3=np.ones(4),
        central_weights=np.ones((4, 1)),
        confidence=np.ones(4),
        compared=np.array([2, 0, 1, 3]),
        wins=wins,
    )

    assert [group.rows for group in found.tie_groups] == [(2, 0), (1,), (3,)]
    assert [group.before_next for group in found.tie_groups] == [0.8, 0.93, None]


@pytest.mark.parametrize(("before", "n_groups"), [(0.649, 1), (0.65, 2)])
def test_a_group_ends_at_sixty_five_of_a_hundred(before, n_groups):
    found = Robustness(
        n_draws=1_000,
        seed=0,
        acceptability=np.eye(2),
        top3=np.ones(2),
        central_weights=np.ones((2, 1)),
        confidence=np.ones(2),
        compared=np.array([0, 1]),
        wins=np.array([[0.5, before], [1 - before, 0.5]]),
    )

    assert len(found.tie_groups) == n_groups


# Awkward input.


def test_one_cro_is_first_and_none_gives_nothing():
    one = smaa(points([[0.4]]), stated([1], 1), seed=5)
    none = smaa(points(np.zeros((0, 2))), stated([1, 1], 2), seed=5)

    assert one.acceptability.tolist() == [[1]]
    assert one.confidence.tolist() == [1]
    assert one.tie_groups[0].before_next is None
    assert none.acceptability.shape == (0, 0)
    assert none.tie_groups == ()
    assert (
        value_of_facts(points(np.zeros((0, 2))), stated([1, 1], 2), seed=5)[0].size == 0
    )


def test_where_all_are_equal_the_stated_order_stands():
    decision = points(np.full((5, 3), 0.4), place=[4, 2, 0, 1, 3])

    found = smaa(decision, stated([1, 1, 1], 3), seed=5, n_draws=300)

    assert found.acceptability.argmax(axis=1).tolist() == [4, 2, 0, 1, 3]
    assert found.acceptability.max(axis=1).tolist() == [1] * 5


def test_where_nothing_is_known_all_are_one_tie_group():
    shape = (5, 3)
    decision = decide(
        criteria="abc",
        weights=[1, 1, 1],
        low=np.zeros(shape),
        value=np.full(shape, 0.5),
        high=np.ones(shape),
    )

    found = smaa(decision, stated([1, 1, 1], 3), seed=5)

    assert found.first == pytest.approx([0.2] * 5, abs=0.02)
    assert [len(group.rows) for group in found.tie_groups] == [5]


def test_a_hundred_thousand_cros_stay_within_memory():
    decision = scattered(100_000, n_leaves=3, n_criteria=3)
    rule = stated(decision.weights, 3)
    tracemalloc.start()
    try:
        fixed = smaa(
            decision, rule, seed=5, n_draws=1_000, draw_values=False, n_ranks=5
        )
        part = decision.taken(np.arange(10_000))
        drawn = smaa(part, rule, seed=5, n_draws=100, n_ranks=5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert fixed.first.sum() == pytest.approx(1)
    assert drawn.first.sum() == pytest.approx(1)
    assert peak < 500e6


@pytest.mark.parametrize("n_draws", [0, -1, 99, MAX_DRAWS + 1, 10**9])
def test_draws_out_of_bounds_are_refused_with_the_bounds(n_draws):
    for work in (smaa, value_of_facts):
        with pytest.raises(ValueError, match="from 100 to 1,000,000"):
            work(points([[1.0]]), stated([1], 1), seed=5, n_draws=n_draws)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_out_of_bounds_are_refused(seed):
    with pytest.raises(ValueError, match="seed"):
        smaa(points([[1.0]]), stated([1], 1), seed=seed)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([0, 0], "at least one weight"),
        ([-1, 2], "not negative"),
        ([float("nan"), 1], "finite"),
        ([float("inf"), 1], "finite"),
        ([1], "2 are needed, 1 were given"),
    ],
)
def test_bad_weights_are_refused(weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        stated(weights, 2)
    with pytest.raises(ValueError, match=sentence):
        points([[0.1, 0.2]], weights)


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        ([0.6, 0.6], [1, 1], "no weights"),
        ([0, 0], [0.4, 0.4], "no weights"),
        ([0.5, 0], [0.4, 1], "must not pass"),
        ([0, float("nan")], [1, 1], "finite"),
        ([], [], "bounds"),
    ],
)
def test_bounds_without_weights_between_are_refused(low, high, sentence):
    with pytest.raises(ValueError, match=sentence):
        between(low, high)


@pytest.mark.parametrize("rank", [[], [0, 1], [1.5, 2], [[1, 2]]])
def test_ranks_that_are_none_are_refused(rank):
    with pytest.raises(ValueError, match="ranks"):
        ordinal(rank)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"low": [[0.6]]}, "0 <= low <= value <= high <= 1"),
        ({"high": [[1.1]]}, "0 <= low <= value <= high <= 1"),
        ({"value": [[float("nan")]]}, "0 <= low <= value <= high <= 1"),
        ({"value": [0.5]}, "two dimensions"),
        ({"criterion": [1]}, "each leaf needs a criterion"),
        ({"share_inside": [0]}, "share above 0"),
        ({"group": [0.5]}, "whole number"),
        ({"id": [-1]}, "distinct and not negative"),
        ({"place": [0, 1]}, "whole number"),
    ],
)
def test_arrays_that_are_no_decision_are_refused(change, sentence):
    arrays = {"low": [[0.4]], "value": [[0.5]], "high": [[0.6]], **change}
    with pytest.raises(ValueError, match=sentence):
        decide(criteria=["c"], weights=[1], **arrays)


def test_what_progress_raises_stops_the_work():
    seen = []

    def stop(done):
        seen.append(done)
        if done >= 0.2:
            raise InterruptedError

    decision = points([[0.4], [0.5]])
    for work in (smaa, value_of_facts):
        seen.clear()
        with pytest.raises(InterruptedError):
            work(
                decision,
                stated([1], 1),
                seed=5,
                chunk=100,
                n_draws=1_000,
                progress=stop,
            )
        assert seen == [0.1, 0.2]
