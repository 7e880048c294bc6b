"""Teams: by hand, and every set beside a slow search."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.engine.teams import best_team
from tests.matching.engine.decisions import QUICK


def team(coverage, **more):
    coverage = np.array(coverage, float)
    n_cells = coverage.shape[1]
    return best_team(
        **{
            "coverage": coverage,
            "covers": coverage >= 0.5,
            "is_must": np.ones(n_cells, bool),
            "weights": np.ones(n_cells),
            "penalty": 0.0,
            **more,
        }
    )


def test_two_specialists_together_cover_what_neither_does():
    found = team([[1, 1, 0, 0], [0, 0, 1, 0.8], [0.5, 0.5, 0.5, 0]], penalty=0.05)

    assert found.members == (0, 1)
    assert found.covers_all
    # (1 + 1 + 1 + 0.8) / 4 - 0.05; alone they are worth 0.5 and 0.45.
    assert found.value == pytest.approx(0.90)
    assert found.marginal == pytest.approx([0.90 - 0.45, 0.90 - 0.50])
    assert found.is_needed.tolist() == [True, True]
    assert found.by.tolist() == [0, 0, 1, 1]


def test_a_partner_that_costs_more_than_it_adds_is_left_out():
    coverage = [[0.9, 0.9], [1.0, 0.0]]

    assert team(coverage, penalty=0.04).members == (0, 1)
    assert team(coverage, penalty=0.06).members == (0,)
    # Level: the smaller team.
    assert team(coverage, penalty=0.05).members == (0,)


def test_a_must_is_covered_whatever_the_penalty():
    assert team([[1, 0.4], [0, 0.5]], penalty=9.0).members == (0, 1)


def test_where_no_team_covers_all_the_best_part_and_the_cells_are_said():
    found = team(
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], size=2, weights=[1, 2, 3, 4]
    )

    assert not found.covers_all
    assert found.members == (1, 2)
    assert found.missing == (0, 3)
    assert found.out_of_reach == (3,)


def test_an_empty_shortlist_covers_nothing():
    found = team(np.zeros((0, 2)))

    assert found.members == ()
    assert found.missing == found.out_of_reach == (0, 1)
    assert found.value == 0


def test_no_cells_and_no_weights_choose_the_first():
    assert team(np.zeros((3, 0))).members == (0,)
    assert team([[0.6], [0.9]], weights=[0]).members == (0,)


@QUICK
@given(st.data())
def test_no_set_is_better_than_the_one_found(data):
    n, n_cells = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 5))
    tenths = st.integers(0, 10).map(lambda i: i / 10)
    coverage = np.array(
        data.draw(
            st.lists(
                st.lists(tenths, min_size=n_cells, max_size=n_cells),
                min_size=n,
                max_size=n,
            )
        )
    )
    musts = np.array(
        data.draw(st.lists(st.booleans(), min_size=n_cells, max_size=n_cells))
    )
    weights = np.array(
        data.draw(st.lists(st.integers(1, 3), min_size=n_cells, max_size=n_cells)),
        float,
    )
    size = data.draw(st.integers(1, 4))
    penalty = data.draw(st.sampled_from([0.0, 0.02, 0.2]))

    def worth(members):
        rows = coverage[list(members)]
        missing = sum(
            bool(must) and not any(row[cell] >= 0.5 for row in rows)
            for cell, must in enumerate(musts)
        )
        value = sum(
            weights[cell] / weights.sum() * max(row[cell] for row in rows)
            for cell in range(n_cells)
        )
        return missing, -round(value - penalty * (len(members) - 1), 9), len(members)

    best = min(
        (
            (*worth(members), members)
            for k in range(1, min(size, n) + 1)
            for members in combinations(range(n), k)
        ),
    )
    found = team(coverage, is_must=musts, weights=weights, size=size, penalty=penalty)

    assert found.members == best[3]
    assert len(found.missing) == best[0]
    assert found.value == pytest.approx(-best[1], abs=1e-8)
    for i, member in enumerate(found.members):
        rest = [m for m in found.members if m != member]
        left = -worth(rest)[1] if rest else 0.0
        assert found.marginal[i] == pytest.approx(found.value - left, abs=1e-8)


def test_thirty_cros_and_all_their_teams_are_looked_at():
    # Only the last four together cover the four musts.
    coverage = np.full((30, 4), 0.4)
    coverage[26:] = np.eye(4)

    assert team(coverage).members == (26, 27, 28, 29)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": 0}, "from 1 to 4"),
        ({"size": 5}, "from 1 to 4"),
        ({"penalty": -1}, "penalty"),
        ({"penalty": float("nan")}, "penalty"),
        ({"weights": [float("inf")]}, "finite"),
        ({"weights": [1, 1]}, "1 are needed"),
        ({"is_must": [True, True]}, "is_must"),
        ({"covers": [[True, True]]}, "same two dimensions"),
    ],
)
def test_bad_input_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        team([[0.6]], **change)


def test_too_long_a_shortlist_and_coverage_outside_0_to_1_are_refused():
    with pytest.raises(ValueError, match="at most 30"):
        team(np.zeros((31, 1)))
    for wrong in (1.1, -0.1, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            team([[wrong]])
