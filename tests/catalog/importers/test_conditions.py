"""Conditions in anybody's words, found by their MeSH names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.importers.conditions import (
    EXACT,
    INSIDE,
    REORDERED,
    ConditionMatcher,
    Name,
)

NAMES = {
    1: ("Breast Neoplasms", ["C04.588.180"]),
    2: ("Asthma", ["C08.127.108"]),
    3: ("Diabetes Mellitus, Type 2", ["C18.452.394.750.149"]),
    4: ("Recurrence", ["C23.550.291.937"]),
    5: ("Leukemia, Myeloid, Acute", ["C04.557.337.539.275"]),
    6: ("Neoplasms", ["C04"]),
    7: ("Kidney Failure, Chronic", ["C12.777.419.780.750.500"]),
}
MATCHER = ConditionMatcher.of(
    [Name(key, text, numbers) for key, (text, numbers) in NAMES.items()]
    + [Name(1, "Breast Cancer", ["C04.588.180"])]
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Asthma", {2: EXACT}),
        ("ASTHMA.", {2: EXACT}),
        ("breast cancer", {1: EXACT}),
        ("Breast Tumours", {1: EXACT}),
        ("Acute Myeloid Leukemia", {5: REORDERED}),
        ("Acute Myelogenous Leukaemia", {5: REORDERED}),
        ("Type II Diabetes Mellitus", {3: REORDERED}),
        ("Failure, Chronic Renal", {7: REORDERED}),
        ("Recurrence", {4: EXACT}),
        ("Recurrence of Asthma", {2: pytest.approx(0.675)}),
        ("Metastatic Breast Cancer", {1: pytest.approx(0.733, abs=1e-3)}),
        ("Healthy", {}),
        ("", {}),
    ],
)
def test_a_text_means_these_terms(text, found):
    assert dict(MATCHER.match(text)) == found


def test_several_names_inside_are_all_found():
    assert set(dict(MATCHER.match("Severe asthma after breast cancer"))) == {1, 2}


def test_the_longest_name_wins_over_what_it_holds():
    assert set(dict(MATCHER.match("stage IV breast neoplasms"))) == {1}


@given(st.text(max_size=200))
def test_certainties_are_shares_and_answers_are_stable(text):
    found = MATCHER.match(text)

    assert all(INSIDE[0] <= certainty <= 1 for _, certainty in found)
    assert len({key for key, _ in found}) == len(found)
    assert MATCHER.match(text) == found
