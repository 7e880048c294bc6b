"""A claim beside the registers, and its age."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.profile.register import Finding, against_register, why_stale

TODAY = dt.date(2026, 9, 1)


@pytest.mark.parametrize(
    ("answer", "n", "finding", "words"),
    [
        (True, 3, Finding.SUPPORTED, "supported by 3 trials"),
        (True, 1, Finding.SUPPORTED, "supported by 1 trial"),
        (True, 0, Finding.NOT_SEEN, "not seen in the registers"),
        (False, 2, Finding.CONTRADICTED, "contradicted by 2 trials"),
        (False, 0, Finding.AGREES, "no trial says otherwise"),
    ],
)
def test_a_claim_is_held_against_the_registers(answer, n, finding, words):
    verdict = against_register(answer=answer, n_trials=n)

    assert verdict.finding == finding
    assert verdict.words == words


@given(st.integers(0, 10**6))
def test_no_number_of_trials_makes_a_yes_false(n):
    verdict = against_register(answer=True, n_trials=n)

    assert verdict.finding != Finding.CONTRADICTED


def test_a_negative_number_of_trials_is_refused():
    with pytest.raises(ValueError, match="not negative"):
        against_register(answer=True, n_trials=-1)


@pytest.mark.parametrize(
    ("observed", "expires", "words"),
    [
        (dt.date(2026, 1, 1), None, ""),
        (dt.date(2026, 1, 1), TODAY, ""),
        (dt.date(2026, 1, 1), dt.date(2026, 8, 31), "expired on 31 August 2026"),
        (dt.date(2021, 1, 1), None, "seen 5 years ago"),
        (dt.date(2022, 9, 3), None, ""),
    ],
)
def test_a_stale_claim_says_why(observed, expires, words):
    found = why_stale(observed_on=observed, expires_on=expires, on=TODAY)

    assert found.startswith(words)
    assert bool(found) == bool(words)
