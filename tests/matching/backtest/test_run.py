"""The whole test on a made-up register, and the two commands."""

import json
import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from matching.backtest import files, learnt, run
from matching.backtest.records import BacktestFileError
from matching.engine import evidence
from sponsors.criteria import DEFAULT_WEIGHTS
from tests.matching.backtest.register import (
    EQUAL,
    pair,
    read,
    trial,
    write_pairs,
    write_trials,
)

BEFORE = [
    trial(1, "2005-01", "Near", lead_sponsor="Other"),
    trial(2, "2006-01", "Near", lead_sponsor="Another"),
    trial(
        3,
        "2007-01",
        "Far",
        lead_sponsor="Third",
        conditions=["Psoriasis"],
        mesh_conditions=["Psoriasis"],
        countries=["Japan"],
        phase="PHASE1",
    ),
]
HELD = trial(50, "2010-06", "Near", "New", lead_sponsor="Other GmbH")
PAIRS = [pair(HELD, "Near"), pair(HELD, "New", kind="mid")]


@pytest.fixture
def shared(tmp_path):
    trials = write_trials(tmp_path / "trials.jsonl", [*BEFORE, HELD])
    train = pair(BEFORE[1], "Near", split="train")
    pairs = write_pairs(tmp_path / "pairs.csv", [train, *PAIRS])
    return ["--trials", str(trials), "--pairs", str(pairs)]


def report(tmp_path, words, trials=(*BEFORE, HELD), pairs=PAIRS, **parameters):
    records = read(tmp_path, trials, pairs)
    return run.run(records, words, EQUAL, run.Parameters(**parameters))


def test_a_near_cro_stands_first_and_an_unknown_one_nowhere(tmp_path, words):
    found = report(tmp_path, words)

    near, new = found.places
    assert (near["group"], near["listed"]) == ("Near", 2)
    assert set(near["places"].values()) == {1.0}
    assert set(new["places"].values()) == {float("inf")}
    assert found.ceiling == 0.5
    assert found.metrics["mrr"]["portal"] == 0.5
    assert found.metrics["mrr"]["random"] == pytest.approx((1 + 1 / 2) / 2 / 2)
    assert found.ratio_to_popularity["all"]["portal"]["value"] == 1.0
    ahead = found.portal_is_ahead_by
    assert ahead["popularity"] == {"value": 0.0, "interval": (0.0, 0.0)}
    assert ahead["random"]["value"] == pytest.approx(0.5 - 0.375)


def test_parts_of_the_pairs_add_up_to_all(tmp_path, words):
    found = report(tmp_path, words)

    for group in ("kind", "participants", "year", "COVID-19"):
        parts = [p for n, p in found.slices[group].items() if n != "full and mid"]
        assert sum(part["n"] for part in parts) == found.n
        mean = sum(part["n"] * part["mrr"]["portal"] for part in parts) / found.n
        assert mean == pytest.approx(found.metrics["mrr"]["portal"])
    assert found.slices["sponsor used the CRO before"].keys() == {"yes", "no"}
    assert found.slices["kind"]["full"]["mrr"]["portal"] == 1.0


def test_later_trials_change_no_place(tmp_path, words):
    """What would give the answer away, but began in the same month or later."""
    hints = [
        trial(60 + i, date, "Far", lead_sponsor="Other")
        for i, date in enumerate(("2010-06", "2010-06-01", "2010", "2011", "2012-01"))
    ]

    plain = report(tmp_path, words)
    told = report(tmp_path, words, trials=[*BEFORE, *hints, HELD])

    assert told.places == plain.places
    assert told.digest != plain.digest


def test_an_earlier_trial_does_change_places(tmp_path, words):
    """The test above can fail: the same hints a month earlier are seen."""
    hints = [trial(60 + i, "2010-05", "Far", lead_sponsor="Other") for i in range(9)]

    told = report(tmp_path, words, trials=[*BEFORE, *hints, HELD])

    assert told.places[0]["places"]["popularity"] == 2
    assert told.places[0]["places"]["portal"] == 2


def test_the_order_of_files_lines_changes_no_number(tmp_path, words):
    plain = report(tmp_path, words)
    turned = report(
        tmp_path, words, trials=[HELD, *reversed(BEFORE)], pairs=PAIRS[::-1]
    )

    assert turned.metrics == plain.metrics
    assert turned.places == plain.places


def test_the_same_digest_gives_the_same_bytes(tmp_path, words):
    first, second = report(tmp_path, words), report(tmp_path, words)

    assert first.digest == second.digest
    assert first.as_json() == second.as_json()
    assert report(tmp_path, words, kinds=("full",)).digest != first.digest


def test_splits_and_kinds_that_are_not_there_are_refused(tmp_path, words):
    with pytest.raises(BacktestFileError, match="'test'; the files have valid"):
        report(tmp_path, words, split="test")
    with pytest.raises(BacktestFileError, match="kind 'large'; it has full, mid"):
        report(tmp_path, words, kinds=("large",))


def test_calibration_learns_what_choices_agree_with(tmp_path, words):
    """Sponsors stay with their CRO, wherever else they could go."""
    trials = [
        trial(
            10 * year + i, f"{2000 + year}-0{1 + i}", f"CRO {i}", lead_sponsor=f"S{i}"
        )
        for year in range(5)
        for i in range(4)
    ]
    pairs = [pair(row, row["cro_found"][0]["cro"], split="train") for row in trials]

    found, n = learnt.calibrate(read(tmp_path, trials, pairs), words, "train")

    assert n == 16  # the first year has nobody to find
    assert found.evidence["sponsor"] == max(found.evidence.values()) > 0
    assert min(found.evidence.values()) >= 0
    assert sum(found.criteria.values()) == pytest.approx(1, abs=1e-3)
    for code in DEFAULT_WEIGHTS.keys() - set(learnt.CRITERIA_OF_THE_RECORD):
        assert found.criteria[code] == DEFAULT_WEIGHTS[code]


def test_learnt_weights_are_read_as_they_were_written(tmp_path):
    ours, theirs = tmp_path / "evidence.json", tmp_path / "criteria.json"
    given = learnt.Learnt(dict.fromkeys(evidence.LEAVES, 0.5), DEFAULT_WEIGHTS, "train")

    learnt.write(
        given,
        n=3,
        digest="d",
        learnt_on="2020-01-01",
        evidence_file=ours,
        criteria_file=theirs,
    )

    assert learnt.read(ours, theirs) == given
    ours.write_text(ours.read_text().replace("0.5", "-0.5", 1))
    with pytest.raises(BacktestFileError, match=r"manage\.py calibrate"):
        learnt.read(ours, theirs)
    with pytest.raises(BacktestFileError, match="there is no such file"):
        learnt.read(tmp_path / "none.json", theirs)


def test_the_release_comes_with_learnt_weights():
    shipped = learnt.read()

    assert shipped.split == "train"
    assert sum(shipped.criteria.values()) == pytest.approx(1, abs=1e-3)


def test_backtest_prints_its_table_and_writes_json(tmp_path, shared):
    out, target = StringIO(), tmp_path / "report.json"

    call_command("backtest", *shared, "--json", str(target), stdout=out)

    assert "2 pairs of 1 trials, split valid" in out.getvalue()
    for label in run.LABELS.values():
        assert f"| {label}" in out.getvalue()
    found = json.loads(target.read_text())
    assert found["mrr"].keys() == run.LABELS.keys() == found["hit@10"].keys()
    assert found["intervals"]["mrr"].keys() == run.LABELS.keys()
    assert found["n"] == 2
    assert found["parameters"]["split"] == "valid"
    assert found["digest"] in out.getvalue()


def test_backtest_warns_of_pairs_that_taught_the_weights(shared):
    out = StringIO()

    call_command("backtest", *shared, "--split", "train", stdout=out)

    assert "the learnt weights come from these very pairs" in out.getvalue()


def test_calibrate_shows_weights_and_writes_nothing_when_told(shared):
    held = [path.read_bytes() for path in (learnt.EVIDENCE_WEIGHTS_FILE,)]
    out = StringIO()

    call_command("calibrate", *shared, "--dry-run", stdout=out)

    assert "Learnt from 1 choices of the split train" in out.getvalue()
    assert "sponsor_class" in out.getvalue()
    assert held == [path.read_bytes() for path in (learnt.EVIDENCE_WEIGHTS_FILE,)]


def test_commands_say_what_is_missing(tmp_path, shared, monkeypatch):
    monkeypatch.delenv(files.SHARED, raising=False)

    with pytest.raises(CommandError, match="--trials, or set CRO_SHARED_DATA"):
        call_command("backtest")
    with pytest.raises(CommandError, match="there is no such file"):
        call_command("backtest", *shared[2:], "--trials", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="No pair of the split 'x'"):
        call_command("calibrate", *shared, "--split", "x")
    with pytest.raises(CommandError, match="The JSON was not written"):
        call_command("backtest", *shared, "--json", str(tmp_path), stdout=StringIO())


@pytest.mark.skipif(
    not os.environ.get("CRO_SHARED_DATA"),
    reason="CRO_SHARED_DATA is not set: the real registry data is not here",
)
def test_the_portal_beats_every_plain_ranking_on_real_choices(tmp_path):
    target = tmp_path / "report.json"

    call_command("backtest", "--json", str(target), stdout=StringIO())

    found = json.loads(target.read_text())
    plain = {
        name: mrr
        for name, mrr in found["mrr"].items()
        if not name.startswith(run.PORTAL)
    }
    assert found["n"] == 131
    assert found["mrr"]["portal"] > max(plain.values())
    ratios = found["ratio_to_popularity"]
    assert ratios["all"]["portal"]["value"] >= 1.8
    assert ratios["full and mid"]["portal"]["value"] >= 1.3
