"""The files of the test: what is read, and a clear sentence for what cannot be."""

import datetime as dt
import gzip
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.backtest import records
from matching.backtest.records import BacktestFileError, days
from tests.matching.backtest.register import (
    named,
    pair,
    read,
    trial,
    write_pairs,
    write_trials,
)


def test_a_date_known_in_part_is_a_span():
    first, last = days("2012-02")
    assert (records.date(first), records.date(last)) == (
        dt.date(2012, 2, 1),
        dt.date(2012, 2, 29),
    )
    first, last = days("2012")
    assert (records.date(first), records.date(last)) == (
        dt.date(2012, 1, 1),
        dt.date(2012, 12, 31),
    )
    assert days("") is None
    assert days("null") is None


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31)))
def test_a_whole_date_is_one_day(date):
    first, last = days(date.isoformat())

    assert first == last
    assert records.date(first) == date


@pytest.mark.parametrize("text", ["yesterday", "2012-13", "2012-02-30", "1066", "3000"])
def test_wrong_dates_are_refused_with_their_place(tmp_path, text):
    rows = [trial(1, "2010-01", "A"), trial(2, "2011-01", "A") | {"start_date": text}]

    with pytest.raises(
        BacktestFileError, match=r"trials.jsonl:2: start_date: .*" + text
    ):
        read(tmp_path, rows, [pair(rows[0], "A")])


def test_facilities_are_no_experience(tmp_path):
    row = trial(1, "2010-01", cro_found=[named("Site", "facility"), named("A")])

    found = read(tmp_path, [row], [pair(row, "A")])

    assert [mention.group for mention in found.mentions] == ["A"]


def test_numbers_that_are_not_said_are_not_zero(tmp_path):
    row = trial(1, "2010-01", "A", enrolment="null", n_sites="")

    found = read(tmp_path, [row], [pair(row, "A")]).trials[row["nct_id"]]

    assert math.isnan(found.participants)
    assert math.isnan(found.n_sites)


def test_a_pair_gives_its_year_to_a_record_without_a_date(tmp_path):
    row = trial(1, "", "A")

    found = read(tmp_path, [row], [pair(row, "A", year="2014")])

    assert found.trials[row["nct_id"]].start == days("2014")


def test_a_pair_without_a_record_is_read_by_itself(tmp_path):
    row = trial(2, "2014-05", "B")

    found = read(tmp_path, [trial(1, "2010-01", "A")], [pair(row, "B")])

    assert found.trials[row["nct_id"]].countries == ("Poland",)
    assert found.trials[row["nct_id"]].start == days("2014")


def test_gzip_and_plain_files_say_the_same(tmp_path):
    rows = [trial(1, "2010-01", "A")]
    plain = write_trials(tmp_path / "t.jsonl", rows)
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    pairs = write_pairs(tmp_path / "pairs.csv", [pair(rows[0], "A")])

    assert records.read([plain], [pairs]) == records.read([packed], [pairs])


def test_several_files_are_read_together(tmp_path):
    early, late = trial(1, "2010-01", "A"), trial(2, "2019-01", "A")
    found = records.read(
        [
            write_trials(tmp_path / "early.jsonl", [early]),
            write_trials(tmp_path / "late.jsonl", [late]),
        ],
        [
            write_pairs(tmp_path / "early.csv", [pair(early, "A", split="train")]),
            write_pairs(tmp_path / "late.csv", [pair(late, "A", split="test")]),
        ],
    )

    assert [one.split for one in found.pairs] == ["train", "test"]
    assert len(found.trials) == 2


def refusal(tmp_path, trials=b"", pairs=b""):
    trial_file, pair_file = tmp_path / "trials.jsonl", tmp_path / "pairs.csv"
    good = trial(1, "2010-01", "A")
    if trials:
        trial_file.write_bytes(trials)
    else:
        write_trials(trial_file, [good])
    if pairs:
        pair_file.write_bytes(pairs)
    else:
        write_pairs(pair_file, [pair(good, "A")])
    with pytest.raises(BacktestFileError) as caught:
        records.read([trial_file], [pair_file])
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "trials.jsonl:1: this line is not JSON"),
        (b"[]", "trials.jsonl:1: this line is not a JSON object"),
        (b"{}", "the record has no field 'nct_id'"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (
            b'{"nct_id": "", "start_date": "", "lead_sponsor": "", "cro_found": []}',
            "trials.jsonl:1: 'nct_id' is empty",
        ),
        (
            b'{"nct_id": "N", "start_date": "", "lead_sponsor": "", "cro_found": 3}',
            "'cro_found' should be a list of objects",
        ),
        (
            b'{"nct_id": "N", "start_date": "", "lead_sponsor": "", "cro_found": [],'
            b' "enrolment": "many"}',
            "enrolment 'many' is no whole number",
        ),
        (
            b'{"nct_id": "N", "start_date": "", "lead_sponsor": "", "cro_found": [],'
            b' "countries": "Poland"}',
            "'countries' should be a list",
        ),
    ],
)
def test_bad_trials_are_refused_with_a_sentence(tmp_path, content, sentence):
    assert sentence in refusal(tmp_path, trials=content)


def test_bad_pairs_are_refused_with_a_sentence(tmp_path):
    head = ",".join(records.PAIR_COLUMNS).encode()

    assert "the column 'split' is missing" in refusal(
        tmp_path, pairs=head.replace(b"split,", b"")
    )
    assert "hold no pair" in refusal(tmp_path, pairs=head + b"\n")
    assert "pairs.csv:2: the row has not as many cells" in refusal(
        tmp_path, pairs=head + b"\nNCT1,2010\n"
    )


def test_a_truncated_or_missing_file_is_refused(tmp_path):
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(b"{}" * 1000)[:30])

    with pytest.raises(BacktestFileError, match="cannot be read"):
        records.read([packed], [])
    with pytest.raises(BacktestFileError, match="there is no such file"):
        records.read([tmp_path / "none.jsonl"], [])
