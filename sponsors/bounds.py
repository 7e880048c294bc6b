"""What the fields of a study may hold, each with the sentence that says so.

Page, API and admin refuse the same values by the same words. What is odd but
possible is not refused: `hints` says it.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone


@dataclass(frozen=True)
class Bound:
    """The least and the most a field takes, and what to say of anything else."""

    least: int | Decimal
    most: int
    sentence: str

    def validators(self) -> list[MinValueValidator | MaxValueValidator]:
        return [
            MinValueValidator(self.least, self.sentence),
            MaxValueValidator(self.most, self.sentence),
        ]

    def messages(self) -> dict[str, str]:
        """Give the sentence under each code by which a form refuses a number."""
        codes = (
            "invalid",
            "min_value",
            "max_value",
            "max_digits",
            "max_decimal_places",
            "max_whole_digits",
        )
        return dict.fromkeys(codes, self.sentence)


AGE = Bound(
    0, 130, "Give an age from 0 to 130 years, or leave it empty if there is no limit."
)
BOUNDS = {
    "participants": Bound(
        1,
        10_000_000,
        "Give a whole number of participants from 1 to 10,000,000, or leave it empty "
        "if it is not known.",
    ),
    "n_sites": Bound(
        1,
        100_000,
        "Give a whole number of sites from 1 to 100,000, or leave it empty if it is "
        "not known.",
    ),
    "min_age_years": AGE,
    "max_age_years": AGE,
    "further_studies": Bound(
        0,
        50,
        "Give a whole number of further studies from 0 to 50. Count those you expect "
        "to give the same CRO, not the whole pipeline.",
    ),
    "staff_needed_fte": Bound(
        Decimal("0.01"),
        100_000,
        "Give the staff needed as full-time equivalents above 0, to 100,000 at most "
        "and with two decimals at most, or leave it empty: the method’s rule then "
        "stands in.",
    ),
}

EARLIEST = dt.date(1990, 1, 1)
YEARS_AHEAD = {"start_date": 15, "end_date": 40}
"""How many calendar years after the present one a date may lie."""

DATE_NAMES = {"start_date": "planned start", "end_date": "planned end"}
BAD_DATE = "Give a day as year-month-day, such as 2027-03-15, or leave it empty."

REGISTRY_NUMBERS = re.compile(
    r"""(?ix)
    NCT\d{8}
    | (EU[ ]?CT[ :]*)?\d{4}-\d{6}-\d{2}(-\d{2})?  # EU CT, and EudraCT before it
    | ISRCTN[ ]?\d{8}
    | jRCTs?\d{9,10} | UMIN\d{9} | JapicCTI-?\d{6}
    | DRKS\d{8} | ACTRN\d{14}p? | ChiCTR[-A-Z]*\d{8,10} | KCT\d{7}
    | CTRI/\d{4}/\d{2,3}/\d{6} | IRCT\d+N\d+ | PACTR\d{15,16} | TCTR\d{11}
    | RBR-?[a-z0-9]{6,8} | RPCEC\d{8} | SLCTR/\d{4}/\d{3} | LBCTR\d{10}
    | PER-\d{3}-\d{2} | NTR\d+ | NL-?\w+ | ITMCTR\d{10} | U1111-\d{4}-\d{4}
    """
)


@dataclass(frozen=True)
class Hint:
    """Something odd about a field of a study, which may yet be right."""

    field: str
    sentence: str


def latest(field: str) -> dt.date:
    """Give the last day the field of a date may hold, counted from today."""
    return dt.date(timezone.localdate().year + YEARS_AHEAD[field], 12, 31)


def date_problem(field: str, date: dt.date) -> str:
    """Say why a date cannot be what the field names; empty when it can."""
    last = latest(field)
    if EARLIEST <= date <= last:
        return ""
    return (
        f"The {DATE_NAMES[field]} must lie from {written(EARLIEST)} to {written(last)}. "
        "Mend the year, or leave it empty if it is not known."
    )


def check_start_date(date: dt.date) -> None:
    _check("start_date", date)


def check_end_date(date: dt.date) -> None:
    _check("end_date", date)


def _check(field: str, date: dt.date) -> None:
    if problem := date_problem(field, date):
        raise ValidationError(problem, code="out_of_range")


def hints(values: Mapping[str, Any]) -> list[Hint]:
    """Say what is odd in the fields of a study, and how to mend it if it is wrong."""
    found = []
    number, start = values.get("registry_id"), values.get("start_date")
    if number and not REGISTRY_NUMBERS.fullmatch(number.strip()):
        found.append(
            Hint(
                "registry_id",
                f"“{number}” does not look like a registry number. One is NCT01234567, "
                "2023-501234-12-00 (EU CT), ISRCTN12345678 or jRCT2031230001, for "
                "instance. It is kept as typed; leave it empty while there is none.",
            )
        )
    if start and start < timezone.localdate():
        found.append(
            Hint(
                "start_date",
                f"{written(start)} has passed. That is right for a study under way; "
                "for one still planned, give the new date: trials that began after it "
                "do not count as experience.",
            )
        )
    return found


def written(date: dt.date) -> str:
    """Write a date as every page does: 15 March 2027."""
    return f"{date.day} {date:%B %Y}"
