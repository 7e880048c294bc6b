"""The example of docs/method.md, section 7: every number on the page, anew."""

import re
from pathlib import Path

import numpy as np
import pytest

from matching.engine.decision import decide
from matching.engine.draws import between, stated
from matching.engine.robustness import smaa, value_of_facts, word
from matching.engine.sensitivity import (
    break_even,
    leave_one_out,
    to_be_first,
    why_before,
)
from sponsors.elicit import roc_weights

PAGE = Path(__file__).parents[3] / "docs" / "method.md"
ASTER, BIRCH = 0, 1


@pytest.fixture(scope="module")
def text():
    section = PAGE.read_text().split("## 7. How sure")[1].split("\n## ")[0]
    return " ".join(section.split("### An example by hand")[1].split())


@pytest.fixture(scope="module")
def decision():
    """The table of the page, read from the page."""
    section = PAGE.read_text().split("## 7. How sure")[1]
    table = section.split("### An example by hand")[1].split("\nAster's")[0]
    rows = re.findall(r"\| (\w+) \| ([\d.]+) \| (\S+) \| (\S+) \|", table)
    names, weights, *cros = zip(*rows, strict=True)

    def ends(unknown):
        return [
            [unknown if cell == "unknown" else float(cell) for cell in cro]
            for cro in cros
        ]

    return decide(
        criteria=names,
        weights=[float(weight) for weight in weights],
        low=ends(0.0),
        value=ends(0.5),
        high=ends(1.0),
    )


def test_scores_and_differences(text, decision):
    value = decision.scores(decision.value)
    low, high = decision.scores(decision.low), decision.scores(decision.high)

    assert f"= {value[ASTER]:.2f}. Birch:" in text
    assert f"= {value[BIRCH]:.2f}, from {low[BIRCH]:.2f} to {high[BIRCH]:.2f}." in text
    assert f"leads by {100 * (value[ASTER] - value[BIRCH]):.0f} points" in text
    for part in why_before(decision, ASTER, BIRCH):
        assert f"= {part.lead:+.2f}" in text
    assert f"Together {value[ASTER] - value[BIRCH]:+.2f}" in text


def test_break_even_weights_and_each_criterion_left_out(text, decision):
    expertise, services, technology = break_even(decision)[:, ASTER, BIRCH]
    without = leave_one_out(decision)

    assert f"0.30 / 0.70 = {expertise:.3f}`. Below a weight of {expertise:.3f}" in text
    assert f"For services it is {services:.3f}: above that Birch" in text
    assert f"For technology it is {technology:.3f}." in text
    lead = f"by {without.scores[0, BIRCH]:.2f} to {without.scores[0, ASTER]:.2f}"
    assert f"**Without expertise** Birch leads {lead}" in text
    assert without.order[0].tolist() == [BIRCH, ASTER]


def test_what_would_put_birch_first(text, decision):
    found = to_be_first(decision, BIRCH)
    expertise, services, technology = found.weights

    assert f"gone after {decision.weights[0] - expertise:.4f}" in text
    assert f"expertise {expertise:.4f}, services {services:.4f}" in text
    assert (
        f"technology {technology:.4f}; the sum of changes is {found.shift:.3f}" in text
    )
    assert "One answer can put Birch first" in text
    assert found.facts == (2,)


def test_chances_at_just_these_weights(text, decision):
    # Weights between themselves and themselves do not move.
    rule = between(decision.weights, decision.weights)
    first = smaa(decision, rule, seed=1).first
    facts = value_of_facts(decision, rule, seed=1)

    share, surer = map(
        float,
        re.findall(r"0\.25 = ([\d.]+) lies there. Aster is first with ([\d.]+):", text)[
            0
        ],
    )
    worth = float(re.findall(r"the fact is worth (0\.\d+)", text)[0])
    assert first == pytest.approx([surer, share], abs=0.01)
    assert word(surer) == "likely"
    assert facts.value[BIRCH, 2] == pytest.approx(worth, abs=0.01)
    assert (facts.at_low[BIRCH, 2], facts.at_high[BIRCH, 2]) == (0, 1)


def test_chances_with_the_weights_drawn(text, decision):
    found = smaa(decision, stated(decision.weights, 3), seed=1)
    central = [
        "{:.2f}, {:.2f} and {:.2f}".format(*weights)
        for weights in found.central_weights
    ]

    said = float(re.findall(r"Aster is first in ([\d.]+) of the draws", text)[0])
    assert found.first[ASTER] == pytest.approx(said, abs=1e-3)
    assert (
        f"central weights are {central[ASTER]}, those of Birch {central[BIRCH]}" in text
    )


def test_other_numbers_of_the_two_sections():
    page = " ".join(PAGE.read_text().split())
    weights = np.random.default_rng(1).beta(10, 40, 100_000)  # one of 0.2 in 50

    assert "three criteria {:.3f}, {:.3f} and {:.3f}".format(*roc_weights(3)) in page
    low, high = np.quantile(weights, [0.1, 0.9])
    assert f"between {low:.2f} and {high:.2f} in eight of ten draws" in page
