"""The evidence model's leaves against numbers worked out by hand."""

import math

import numpy as np
import pytest

from matching.backtest import files
from matching.backtest.words import Words
from matching.backtest.world import World
from matching.engine import evidence
from tests.matching.backtest.register import pair, read, trial


@pytest.fixture(scope="module")
def words() -> Words:
    return files.words()


def leaves_of(tmp_path, words, rows, held) -> dict[str, dict[str, float]]:
    """Return leaf -> CRO -> value."""
    world = World(read(tmp_path, [*rows, held], [pair(held, "A")]), words)
    found = evidence.leaves(world.evidence(held["nct_id"]))
    cros = [world.cros[i] for i in world.before(held["nct_id"]).cro]
    assert ((found >= 0) & (found <= 1)).all()
    return {
        leaf: dict(zip(cros, found[:, i], strict=True))
        for i, leaf in enumerate(evidence.LEAVES)
    }


def test_one_trial_of_six_years_ago_counts_half(tmp_path, words):
    """2192 days are six years and half a day; every leaf follows from n = 0.5."""
    rows = [trial(1, "2004-06-15", "A"), trial(2, "2004-06-15", "B", countries=[])]
    rows[1] |= {"phase": "", "lead_sponsor": "Other", "lead_class": "OTHER"}
    rows[1] |= {"conditions": ["Healthy"], "mesh_conditions": [], "enrolment": ""}
    rows[1]["intervention_types"] = ["DEVICE"]
    held = trial(3, "2010-06-16", "A")

    found = leaves_of(tmp_path, words, rows, held)

    n = 2 ** (-2192 / 365.25 / 6)
    some = math.log1p(n) / math.log1p(10)
    for leaf in ("condition", "phase", "countries"):
        assert found[leaf] == pytest.approx({"A": some, "B": 0.0})
    assert found["sponsor"] == pytest.approx({"A": math.log1p(n) / math.log(2), "B": 0})
    of_all = 0.5  # one of the two trials
    share = {
        "A": (n + 3 * of_all) / (n + 3),
        "B": (0 + 3 * of_all) / (n + 3),
    }
    for leaf in ("sponsor_class", "modality", "population", "size"):
        assert found[leaf] == pytest.approx(share)
    recent = math.log1p(2 ** (-2192 / 365.25 / 1.5)) / math.log1p(10)
    assert found["activity"] == pytest.approx({"A": recent, "B": recent})


def test_what_the_study_does_not_say_is_nothing_for_all(tmp_path, words):
    held = trial(
        2,
        "2010-06",
        "A",
        phase="",
        lead_sponsor="",
        lead_class="",
        conditions=[],
        mesh_conditions=[],
        countries=[],
        intervention_types=[],
        enrolment="",
    )

    found = leaves_of(tmp_path, words, [trial(1, "2009-01", "A")], held)

    assert [leaf for leaf, values in found.items() if values["A"] > 0] == ["activity"]


def test_sizes_are_compared_by_their_ratio(tmp_path, words):
    rows = [trial(1, "2010-05", "A", enrolment="99"), trial(2, "2010-05", "B")]
    rows[1]["enrolment"] = "199"
    held = trial(3, "2010-06", "A", enrolment="99")

    found = leaves_of(tmp_path, words, rows, held)["size"]

    n = 2 ** (-1 / 365.25 / 6)  # the last day of May to the first of June
    of_all = (1 + 0.5) / 2
    assert found["A"] == pytest.approx((n * 1.0 + 3 * of_all) / (n + 3))
    assert found["B"] == pytest.approx((n * 0.5 + 3 * of_all) / (n + 3))


def test_other_cros_change_only_what_shares_are_drawn_to(tmp_path, words):
    row, held = trial(1, "2009-01", "A"), trial(9, "2010-06", "A")
    alone = leaves_of(tmp_path, words, [row], held)
    beside = leaves_of(tmp_path, words, [row, trial(2, "2009-01", "B")], held)

    for leaf in ("condition", "phase", "countries", "sponsor", "activity"):
        assert np.isclose(beside[leaf]["A"], alone[leaf]["A"])
