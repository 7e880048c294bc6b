import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.engine.asked import Asked
from matching.engine.prepared import prepare
from sponsors.shares import in_words, note, percent, spread
from tests.matching.engine import build

A_SHARE = st.none() | st.floats(0.001, 1)
CATALOGUE = prepare(build.catalogue())


@given(st.lists(A_SHARE, min_size=1, max_size=8))
def test_shares_make_the_whole(shares):
    assert math.isclose(math.fsum(spread(shares)), 1)


@given(st.lists(A_SHARE, min_size=1, max_size=3))
def test_shares_are_those_of_the_engine(shares):
    wanted = [
        (code, 1, build.NAN if share is None else share)
        for code, share in zip(("pl", "de", "us"), shares, strict=False)
    ]
    engines = Asked(CATALOGUE, build.need(*wanted)).shares
    assert spread(shares) == pytest.approx([engines[i] for i in range(len(shares))])


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([0.125, 0.875], ["12.5 %", "87.5 %"]),
        ([0.52, None, None, None], ["52 %", *["16 %, the rest in equal parts"] * 3]),
        ([0.6, None], ["60 %", "40 %, the rest"]),
        ([None, None], ["50 %, equal parts"] * 2),
        ([None], ["100 %"]),
        ([0.4], ["40 %"]),
        ([1.0, None], ["100 %", "0 %, the rest"]),
    ],
)
def test_a_blank_share_says_what_it_comes_to(shares, words):
    assert in_words(shares) == words


def test_what_does_not_make_the_whole_is_said():
    assert note([0.5, 0.5]) == ""
    assert note([None, 0.5]) == ""
    assert note([]) == ""
    assert "make 33.3 % together" in note([1 / 3])
    assert "counts 0 %" in note([0.4, 0.6, None])


def test_a_share_is_written_as_a_person_does():
    assert [percent(x) for x in (None, 0.125, 1 / 3, 1.0, 0.1)] == [
        "",
        "12.5",
        "33.33",
        "100",
        "10",
    ]
