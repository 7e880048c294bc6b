import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sponsors.bounds import EARLIEST, date_problem, hints, latest, written


@pytest.mark.parametrize(
    "number",
    [
        "NCT01234567",
        "nct01234567",
        "2023-501234-12-00",
        "EU CT 2023-501234-12-00",
        "2004-000446-20",
        "ISRCTN12345678",
        "jRCT2031230001",
        "jRCTs031230001",
        "DRKS00012345",
        "ACTRN12605000012345p",
        "ChiCTR2000029308",
        "CTRI/2020/03/024567",
        "UMIN000012345",
        "KCT0001234",
        "RBR-6g9c4t",
        "IRCT20200318046812N1",
    ],
)
def test_registry_numbers_get_no_hint(number):
    assert hints({"registry_id": number}) == []


@pytest.mark.parametrize("number", ["banana", "NCT1234567", "NCT012345678", "12345"])
def test_what_is_no_registry_number_gets_a_hint(number):
    (hint,) = hints({"registry_id": number})
    assert hint.field == "registry_id"
    assert f"“{number}”" in hint.sentence
    assert "NCT01234567" in hint.sentence


def test_what_is_not_said_is_not_odd():
    assert hints({"registry_id": "", "start_date": None}) == []


@given(st.dates(), st.sampled_from(["start_date", "end_date"]))
def test_a_date_is_taken_within_its_bounds_only(date, field):
    assert (date_problem(field, date) == "") == (EARLIEST <= date <= latest(field))


def test_dates_are_written_in_one_way():
    assert written(dt.date(2027, 3, 5)) == "5 March 2027"
