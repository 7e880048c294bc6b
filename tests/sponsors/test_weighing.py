"""Answers to weights: the four ways, their refusals, and what is odd about them."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from matching.engine import leaves
from matching.engine.asked import Asked
from sponsors import anchors
from sponsors.choices import WeightMethod
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.models import Study
from sponsors.weighing import (
    BRANCHES,
    CODES,
    TEMPLATES,
    advice,
    consistency_words,
    likely_template,
    weigh,
    weigh_points,
    whole_shares,
)

NOTHING = dict.fromkeys(CODES, 0)
SEVEN = dict.fromkeys(CODES, 7)


def test_ranks_make_rank_order_weights_and_are_kept():
    answers = {code: rank for rank, code in enumerate(CODES, 1)}
    weighed = weigh("rank", answers)
    assert list(weighed.values.values()) == pytest.approx(
        [0.3397, 0.2147, 0.1522, 0.1106, 0.0793, 0.0543, 0.0335, 0.0156], abs=5e-5
    )
    assert (weighed.method, weighed.raw) == (WeightMethod.RANK, answers)


def test_equal_ranks_share_and_gaps_say_nothing():
    tied = weigh("rank", {"expertise": 1, "geography": 1, "services": 2})
    gaps = weigh("rank", {"expertise": 2, "geography": 2, "services": 8})
    assert tied.values == gaps.values
    assert tied.values["expertise"] == tied.values["geography"]
    assert tied.values["services"] == pytest.approx(0.1111, abs=5e-5)
    assert tied.values["fit"] == 0
    assert gaps.raw == {"expertise": 2, "geography": 2, "services": 8}


def test_swings_are_weights_in_proportion():
    answers = NOTHING | {"expertise": 100, "services": 60, "quality": 40}
    weighed = weigh("swing", answers)
    assert whole_shares(weighed.values) == NOTHING | {
        "expertise": 50,
        "services": 30,
        "quality": 20,
    }
    assert weighed.raw == answers


@pytest.mark.parametrize(
    ("method", "answers", "sentence"),
    [
        ("points", NOTHING, "above 0"),
        ("points", SEVEN | {"fit": -1}, "Fit: give a number of points"),
        ("points", SEVEN | {"fit": math.nan}, "Fit: give a number of points"),
        ("points", SEVEN | {"fit": math.inf}, "Fit: give a number of points"),
        ("points", SEVEN | {"fit": "7"}, "Fit: give a number."),
        ("points", SEVEN | {"fit": True}, "Fit: give a number."),
        ("points", SEVEN | {"price": 1}, "“price” is no criterion"),
        ("points", {"fit": 1}, "Expertise: say a number"),
        ("swing", SEVEN, "No swing has 100"),
        ("swing", NOTHING, "No swing has 100"),
        ("swing", SEVEN | {"fit": 101}, "Fit: give a number of swing from 0 to 100"),
        ("swing", SEVEN | {"fit": math.nan}, "Fit: give a number of swing"),
        ("swing", {"fit": 100}, "Expertise: say a number"),
        ("rank", {}, "Rank at least one"),
        ("rank", {"fit": None}, "Rank at least one"),
        ("rank", {"fit": 0}, "Fit: a rank is a whole number from 1 to 8"),
        ("rank", {"fit": 9}, "Fit: a rank is a whole number"),
        ("rank", {"fit": 1.5}, "Fit: a rank is a whole number"),
        ("rank", {"fit": True}, "Fit: a rank is a whole number"),
        ("rank", {"price": 1}, "“price” is no criterion"),
    ],
)
def test_answers_that_make_no_weights_are_refused(method, answers, sentence):
    with pytest.raises(ValidationError) as caught:
        weigh(method, answers)
    assert any(sentence in text for text in caught.value.message_dict["answers"])


def test_every_template_is_whole_and_reasoned():
    for template in TEMPLATES:
        assert sum(template.points.values()) == 100
        assert min(template.points.values()) > 0
        assert template.why.endswith(".")
        assert advice(template.points) == []
        taken = weigh_points(dict(template.points))
        assert taken == weigh("template", template=template.code)
        assert (taken.method, taken.raw["template"]) == ("template", template.code)
    assert weigh("default").values == pytest.approx(
        {code: weight * 100 for code, weight in DEFAULT_WEIGHTS.items()}
    )
    assert weigh("template", template="learnt").raw["learnt_on"]


def test_an_unknown_template_is_refused_with_those_there_are():
    with pytest.raises(ValidationError, match="first-in-human"):
        weigh("template", template="best")


@pytest.mark.parametrize(
    ("asked", "facts", "code"),
    [
        ({("phase", "phase-1")}, {}, "first-in-human"),
        ({("phase", "phase-1")}, {"is_rare": True}, "rare-disease"),
        ({("phase", "phase-3")}, {"participants": 800}, "large-phase-3"),
        ({("phase", "phase-3")}, {"participants": None}, ""),
        ({("modality", "device")}, {}, "device"),
        ({("phase", "phase-4")}, {}, "registry"),
        (set(), {"study_type": "OBSERVATIONAL"}, "registry"),
        (set(), {}, ""),
    ],
)
def test_a_template_fits_a_kind_of_study(asked, facts, code):
    given = {"study_type": "", "participants": None, "is_rare": None, **facts}
    assert likely_template(asked, **given) == code


@given(
    st.lists(st.floats(0, 1e6), min_size=8, max_size=8).filter(lambda w: sum(w) > 1e-3)
)
def test_whole_shares_sum_to_100_and_stay_near(weights):
    values = dict(zip(CODES, weights, strict=True))
    whole = whole_shares(values)
    total = math.fsum(weights)
    assert sum(whole.values()) == 100
    for code, share in whole.items():
        assert abs(share - 100 * values[code] / total) < 1 + 1e-6


def test_odd_weights_are_named_with_what_to_do():
    [same] = advice(SEVEN)
    assert "nearly the same" in same.title
    assert "order of rank" in same.text
    [much] = advice(NOTHING | {"services": 70, "fit": 30})
    assert much.title == "Services alone weighs 70 %"
    assert "must-have" in much.text
    assert advice(DEFAULT_WEIGHTS) == []
    # Only what the study asks about counts.
    [alone] = advice(DEFAULT_WEIGHTS, {"expertise", "quality"})
    assert alone.title == "Expertise alone weighs 84 %"
    assert advice(DEFAULT_WEIGHTS, {"expertise"}) == []


def test_a_branch_that_gains_by_being_split_is_named():
    parts = SEVEN | {"expertise": 30, "fit": 30, "geography": 3}
    wholes = dict.fromkeys((name for name, _, _ in BRANCHES), 25)
    [gain] = advice(parts, wholes=wholes)
    assert gain.title == "“Experience of the same kind” gained by being split"
    assert advice(DEFAULT_WEIGHTS, wholes=None) == []


def test_every_criterion_is_in_one_branch():
    assert sorted(code for _, _, codes in BRANCHES for code in codes) == sorted(CODES)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(0.0, "perfectly"), (0.1, "well"), (0.15, "Some answers"), (0.5, "too much")],
)
def test_a_consistency_ratio_is_said_in_words(ratio, words):
    assert words in consistency_words(ratio)


# What a swing is about


def test_the_steps_hold_the_engines_numbers():
    def needed(is_rare):
        asked = SimpleNamespace(need=SimpleNamespace(is_rare=is_rare))
        return Asked.experience_needed.func(asked)

    assert needed(False) == anchors.TRIALS_NEEDED
    assert needed(True) == anchors.TRIALS_NEEDED_RARE
    assert leaves.PHASE_TRIALS_NEEDED == anchors.PHASE_TRIALS_NEEDED
    assert leaves.COUNTRY_TRIALS_NEEDED == anchors.COUNTRY_TRIALS_NEEDED
    assert leaves.REGULATOR_TRIALS_NEEDED == anchors.REGULATOR_TRIALS_NEEDED
    assert 100 * leaves.BEST_TURNOVER == anchors.BEST_TURNOVER_PERCENT
    assert 100 * leaves.WORST_TURNOVER == anchors.WORST_TURNOVER_PERCENT
    assert leaves.FULL_EXPERIENCE_YEARS == anchors.FULL_EXPERIENCE_YEARS


def test_the_steps_are_the_studys_own():
    study = Study(is_rare_disease=True, participants=1200, sponsor_size="small")
    found = anchors.anchors(
        study,
        {
            "condition": ["Asthma"],
            "phase": ["Phase 2"],
            "country": ["Poland", "Germany", "France", "Italy", "Spain"],
            "service": ["Monitoring"],
        },
    )
    assert set(found) == set(CODES)
    assert found["expertise"].worst == "No trial in Asthma or near it."
    assert found["expertise"].best.startswith("5 comparable trials in Asthma")
    assert "Poland, Germany, France and 2 more" in found["geography"].best
    assert found["services"].best == "Offers Monitoring with its own people."
    assert "asked for yet" in found["technology"].best
    assert "1,200 participants" in found["scalability"].best


def test_a_study_that_says_nothing_still_has_steps():
    found = anchors.anchors(Study(), {})
    assert found["expertise"].best.startswith("10 comparable trials in the condition")
    assert all(step.worst and step.best for step in found.values())


# The examples of docs/method.md


@pytest.fixture(scope="module")
def example():
    page = Path(__file__).parents[2] / "docs" / "method.md"
    section = page.read_text().split("### Weights\n\nA study's weights")[1]
    return " ".join(section.split("\n## ")[0].split())


def test_the_ranks_worked_by_hand_are_those_of_the_portal(example):
    weighed = weigh("rank", {"geography": 1, "services": 2, "quality": 3})
    first, second, third = [
        weighed.values[code] for code in ("geography", "services", "quality")
    ]
    assert f"(1/2 + 1/3) = {second:.3f}`" in example
    assert f"have {first:.3f}, {second:.3f} and {third:.3f}" in example
    whole = whole_shares(weighed.values)
    shown = [whole[code] for code in ("geography", "services", "quality")]
    assert "shown as {} %, {} % and {} %.".format(*shown) in example


def test_the_swings_worked_by_hand_are_those_of_the_portal(example):
    given = dict(re.findall(r"(expertise) (100)\.", example))
    given |= {"geography": re.search(r"on geography is worth (\d+)", example)[1]}
    given |= {"services": re.search(r"that on services (\d+)", example)[1]}
    weighed = weigh("swing", NOTHING | {code: int(n) for code, n in given.items()})
    whole = whole_shares(weighed.values)
    assert (
        f"Together {sum(weighed.values.values()):.0f}, so expertise weighs" in example
    )
    assert (
        "expertise weighs {expertise} %, geography {geography} % and "
        "services {services} %.".format(**whole)
    ) in example
