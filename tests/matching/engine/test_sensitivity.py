"""What would change an order: by hand, by search, and what must always hold."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.engine.linear import least_shift
from matching.engine.sensitivity import (
    break_even,
    dominance,
    leave_one_out,
    swayed_by_others,
    to_be_first,
    why_before,
)
from tests.matching.engine.decisions import QUICK, decisions, points, scattered


def test_the_break_even_weight_by_hand():
    # On the first criterion a leads by 0.4, on the rest (weights 3 : 1) b by
    # (3 * 0.4 - 0.4) / 4 = 0.2: level where 0.4 t = 0.2 (1 - t), at a third.
    decision = points([[0.8, 0.2, 0.9], [0.4, 0.6, 0.5]], [4, 3, 1])

    found = break_even(decision)

    assert found[0, 0, 1] == found[0, 1, 0] == pytest.approx(1 / 3)
    assert np.isnan(found[2, 0, 0])


@QUICK
@given(decisions(n_cros=(2, 5)))
def test_at_the_break_even_weight_both_are_level_and_the_order_turns(decision):
    level = break_even(decision)
    for k, a, b in zip(*np.nonzero(~np.isnan(level)), strict=True):
        t = level[k, a, b]
        weights = decision.weights * (1 - t) / (1 - decision.weights[k])
        weights[k] = t
        score = decision.scores(decision.value, weights)
        assert score[a] == pytest.approx(score[b], abs=1e-9)


@QUICK
@given(decisions(n_cros=(2, 5)))
def test_without_a_break_even_weight_one_leads_all_the_way(decision):
    level = break_even(decision)
    for k, a, b in zip(*np.nonzero(np.isnan(level)), strict=True):
        if decision.weights[k] >= 1:
            continue
        ends = []
        for t in (1e-7, 1 - 1e-7):
            weights = decision.weights * (1 - t) / (1 - decision.weights[k])
            weights[k] = t
            score = decision.scores(decision.value, weights)
            ends.append(score[a] - score[b])
        assert not (ends[0] > 1e-6 and ends[1] < -1e-6)


def test_an_only_criterion_has_no_break_even_weight():
    assert np.isnan(break_even(points([[0.1], [0.9]]))).all()
    assert np.isnan(leave_one_out(points([[0.1], [0.9]])).scores).all()


def test_leaving_a_criterion_out_scales_up_the_others():
    decision = points([[0.9, 0.2, 0.4], [0.1, 0.5, 0.6]], [5, 3, 2])

    found = leave_one_out(decision)

    # Without the first: (3 * 0.2 + 2 * 0.4) / 5 and (3 * 0.5 + 2 * 0.6) / 5.
    assert found.scores[0] == pytest.approx([0.28, 0.54])
    assert found.order.tolist() == [[1, 0], [0, 1], [0, 1]]


def test_no_score_hangs_on_who_else_is_there():
    decision = scattered(15)

    def ours(rows):
        taken = decision.taken(rows)
        return taken.scores(taken.value)

    def scaled_by_the_best(rows):
        return decision.value[rows].max(axis=1) / decision.value[rows].max()

    assert swayed_by_others(ours, 15) == ()
    best = int(decision.value.max(axis=1).argmax())
    assert {removed for removed, _ in swayed_by_others(scaled_by_the_best, 15)} == {
        best
    }


@QUICK
@given(decisions(n_cros=(1, 6)), st.data())
def test_dominance_holds_for_any_values_and_weights(decision, data):
    found = dominance(decision)
    chance = np.random.default_rng(data.draw(st.integers(0, 1000)))
    for _ in range(20):
        at = chance.random(decision.low.shape)
        values = decision.low + at * (decision.high - decision.low)
        score = decision.scores(values)
        a, b = np.nonzero(found.at_weights)
        assert (score[a] > score[b] - 1e-12).all()
        weights = chance.dirichlet(np.ones(decision.weights.size))
        score = decision.scores(values, weights)
        a, b = np.nonzero(found.at_any)
        assert (score[a] > score[b] - 1e-12).all()
    assert not found.at_weights.diagonal().any()
    assert not found.at_any.diagonal().any()


def test_dominance_by_hand():
    decision = points(
        [[0.8, 0.8], [0.5, 0.5], [0.1, 0.9]],
        [3, 1],
        low=[[0.6, 0.6], [0.5, 0.5], [0.0, 0.9]],
    )
    found = dominance(decision)

    # 0.6 passes 0.5 everywhere; at 3 : 1 it passes 0.1 and 0.9, too, but 0.9 alone not.
    assert np.argwhere(found.at_any).tolist() == [[0, 1]]
    assert np.argwhere(found.at_weights).tolist() == [[0, 1], [0, 2], [1, 2]]


@QUICK
@given(decisions(n_cros=(2, 4)))
def test_the_leads_of_a_before_b_sum_to_the_difference(decision):
    found = why_before(decision, 0, 1)
    score = decision.scores(decision.value)

    assert sum(part.lead for part in found) == pytest.approx(score[0] - score[1])
    sizes = [abs(part.lead) for part in found]
    assert sizes == sorted(sizes, reverse=True)
    assert sorted(part.leaf for part in found) == list(range(decision.low.shape[1]))


def test_the_nearest_weights_that_put_a_cro_first_by_hand():
    # b leads where w < 3/7; from 0.7 the first weight falls by 0.7 - 3/7, and the
    # other rises by as much.
    decision = points([[0.8, 0.2], [0.4, 0.5]], [7, 3])

    found = to_be_first(decision, 1)

    assert found.weights == pytest.approx([3 / 7, 4 / 7])
    assert found.shift == pytest.approx(2 * (0.7 - 3 / 7))
    assert found.facts is None
    assert (found.ceiling, found.bar) == pytest.approx((0.43, 0.62))
    assert to_be_first(decision, 0).shift == pytest.approx(0)
    assert to_be_first(decision, 0).facts == ()


def test_where_no_weights_do_a_mixture_of_rivals_proves_it():
    # c is nowhere worst, but half a and half b is better on both criteria.
    decision = points([[1, 0], [0, 1], [0.4, 0.4]])

    found = to_be_first(decision, 2)

    assert found.weights is None
    shares = dict(found.mixture)
    mixed = sum(share * decision.by_criterion[row] for row, share in shares.items())
    assert (mixed > 0.4).all()
    assert sum(shares.values()) == pytest.approx(1)


def test_the_fewest_facts_that_put_a_cro_first_by_hand():
    # c has 0.5 everywhere and 0.5, 0.15 and 0.1 points to gain; 0.75 leads.
    decision = points(
        [[0.75, 0.75, 0.75], [0.5, 0.5, 0.5]],
        [0.5, 0.3, 0.2],
        low=[[0.75, 0.75, 0.75], [0, 0, 0]],
        high=[[0.75, 0.75, 0.75], [1, 1, 1]],
    )

    assert to_be_first(decision, 1).facts == (0,)
    higher = points(
        [[0.8, 0.8, 0.8], [0.5, 0.5, 0.5]],
        [0.5, 0.3, 0.2],
        low=[[0.8, 0.8, 0.8], [0, 0, 0]],
        high=[[0.8, 0.8, 0.8], [1, 1, 1]],
    )
    assert to_be_first(higher, 1).facts == (0, 1)


def test_a_cro_of_a_lower_group_needs_its_gates_open():
    decision = points([[0.5], [0.9]], group=[0, 1])

    assert to_be_first(decision, 1).needs_gates
    assert not to_be_first(decision, 0).needs_gates
    assert to_be_first(points([[0.5]]), 0).shift == pytest.approx(0)


@QUICK
@given(decisions(n_cros=(2, 6), n_criteria=(1, 3)))
def test_no_weights_on_a_grid_are_nearer_than_those_found(decision):
    steps = 24
    k = len(decision.criteria)
    grid = np.array(
        [
            parts
            for parts in itertools.product(range(steps + 1), repeat=k)
            if sum(parts) == steps
        ]
    )
    for row in decision.best.tolist():
        found = to_be_first(decision, row)
        rivals = decision.best[decision.best != row]
        leads = decision.by_criterion[row] - decision.by_criterion[rivals]
        works = (leads @ (grid / steps).T >= 0).all(axis=0)
        if found.weights is None:
            assert not works.any()
            mixed = sum(
                share * decision.by_criterion[rival] for rival, share in found.mixture
            )
            assert (mixed > decision.by_criterion[row]).all()
            continue
        assert found.weights.min() >= 0
        assert found.weights.sum() == pytest.approx(1)
        assert (leads @ found.weights >= -1e-9).all()
        changes = np.abs(grid[works] / steps - decision.weights).sum(axis=1)
        assert found.shift <= changes.min(initial=2) + 1e-9


@QUICK
@given(decisions(n_cros=(2, 5)))
def test_no_smaller_set_of_facts_does(decision):
    score = decision.scores(decision.value)
    for row in decision.best.tolist():
        found = to_be_first(decision, row)
        unknown = np.flatnonzero(~decision.known[row])
        gain = (decision.high[row] - decision.value[row]) * decision.leaf_weights
        sizes = [
            size
            for size in range(unknown.size + 1)
            for chosen in itertools.combinations(unknown, size)
            if score[row] + gain[list(chosen)].sum() >= found.bar - 1e-12
        ]
        assert (len(found.facts) if found.facts is not None else None) == (
            sizes[0] if sizes else None
        )


def test_many_rivals_and_criteria_are_no_trouble():
    decision = scattered(200, shared=0.2)
    for row in range(200):
        found = to_be_first(decision, row)
        rivals = np.delete(np.arange(200), row)
        leads = decision.by_criterion[row] - decision.by_criterion[rivals]
        if found.weights is not None:
            assert (leads @ found.weights >= -1e-9).all()
        else:
            mixed = sum(s * decision.by_criterion[r] for r, s in found.mixture)
            assert (mixed > decision.by_criterion[row]).all()


def test_nothing_in_the_way_shifts_nothing():
    found = least_shift(np.zeros((0, 3)), np.array([0.5, 0.3, 0.2]))

    assert found.weights == pytest.approx([0.5, 0.3, 0.2])
