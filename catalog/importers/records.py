"""What any register's record comes down to, and how loose payloads are read.

No Django and no database: a payload goes in, a `TrialRecord` comes out. Parsers
of one format each (`ctgov`) share the reading helpers below. Persons' names,
mail addresses and telephone numbers have no field here, so none can be kept.
"""

import datetime as dt
import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

MAX_PARTICIPANTS = 10_000_000
MAX_TEXT = 2_000
EARLIEST_YEAR, LATEST_YEAR = 1900, 2100
YEARS_PER_UNIT = {
    "year": Decimal(1),
    "month": Decimal(1) / 12,
    "week": Decimal(7) / Decimal("365.25"),
    "day": Decimal(1) / Decimal("365.25"),
    "hour": Decimal(1) / Decimal(8766),
    "minute": Decimal(1) / Decimal(525_960),
}
_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)
_AGE = re.compile(r"(\d{1,6}(?:\.\d{1,4})?) ([A-Za-z]+?)s?", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


class RecordError(Exception):
    """The payload is no usable record; the message tells a person what to do."""


@dataclass(frozen=True)
class PartialDate:
    """A date of which a register may know the month or the year only."""

    first_day: dt.date
    precision: Literal["day", "month", "year"]

    def __str__(self) -> str:
        length = {"day": 10, "month": 7, "year": 4}[self.precision]
        return self.first_day.isoformat()[:length]


@dataclass(frozen=True)
class CodedTerm:
    """A word of an outside code list: for MeSH, descriptor id and name."""

    id: str
    label: str


@dataclass(frozen=True)
class CountrySites:
    """A country as the register writes it, with its number of sites."""

    name: str
    n_sites: int


@dataclass(frozen=True)
class Organization:
    """A sponsor or collaborator. The name is empty where it is a person's."""

    name: str
    org_class: str  # the register's word, such as INDUSTRY; "" not said


@dataclass(frozen=True)
class TrialRecord:
    """One registered trial. None and "" mean that the record does not say.

    Lists keep the record's order, each entry once. `notes` holds one sentence
    for each thing in the payload that could not be used.
    """

    register: str
    registry_id: str
    title: str
    study_type: str
    status: str
    phases: tuple[str, ...]
    conditions: tuple[str, ...]  # as written
    mesh_conditions: tuple[CodedTerm, ...]
    mesh_ancestors: tuple[CodedTerm, ...]
    design: str
    intervention_types: tuple[str, ...]
    participants: int | None
    min_age_years: Decimal | None
    max_age_years: Decimal | None
    sex: str
    healthy_volunteers: bool | None
    countries: tuple[CountrySites, ...]  # most sites first
    n_sites: int | None
    start: PartialDate | None
    completion: PartialDate | None
    lead_sponsor: Organization | None
    collaborators: tuple[Organization, ...]
    notes: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    intervention_names: tuple[str, ...] = ()


def kind_of(value: object) -> str:
    """Say what a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "empty" if value is None else "a number")


def clean_text(value: str, limit: int = MAX_TEXT) -> str:
    """Make one printable line that any database and page can hold."""
    line = _UNPRINTABLE.sub(" ", _SURROGATE.sub("\ufffd", value))
    return " ".join(line.split())[:limit].rstrip()


@dataclass
class Reader:
    """Reads a loosely typed payload and notes what it cannot use.

    Every method takes an object of the payload and a key, and answers with the
    type it promises: empty when the key is missing, empty with a note when the
    value has another type.
    """

    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _odd(self, key: str, value: object, wanted: str) -> None:
        self.note(
            f"“{clean_text(key, 60)}” is {kind_of(value)} where {wanted} is expected; "
            "it was left out."
        )

    def mapping(self, parent: dict[str, Any], *keys: str) -> dict[str, Any]:
        """Follow keys down through objects."""
        value: Any = parent
        for key in keys:
            value = value.get(key)
            if value is None:
                return {}
            if not isinstance(value, dict):
                self._odd(key, value, "an object")
                return {}
        return value

    def items(self, parent: dict[str, Any], key: str) -> list[Any]:
        value = parent.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self._odd(key, value, "a list")
            return []
        return value

    def mappings(self, parent: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """Give the objects of a list."""
        found = []
        for item in self.items(parent, key):
            if isinstance(item, dict):
                found.append(item)
            else:
                self._odd(key, item, "a list of objects")
        return found

    def text(self, parent: dict[str, Any], key: str, limit: int = MAX_TEXT) -> str:
        value = parent.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._odd(key, value, "a text")
            return ""
        return clean_text(value, limit)

    def texts(self, parent: dict[str, Any], key: str) -> tuple[str, ...]:
        """Give the texts of a list, each once, empty ones left out."""
        found: dict[str, None] = {}
        for item in self.items(parent, key):
            if not isinstance(item, str):
                self._odd(key, item, "a list of texts")
            elif text := clean_text(item):
                found[text] = None
        return tuple(found)

    def boolean(self, parent: dict[str, Any], key: str) -> bool | None:
        value = parent.get(key)
        if value is None or isinstance(value, bool):
            return value
        self._odd(key, value, "true or false")
        return None

    def participants(self, parent: dict[str, Any], key: str) -> int | None:
        """Read a number of people from 1 to `MAX_PARTICIPANTS`."""
        value = parent.get(key)
        if value is None:
            return None
        if isinstance(value, str) and re.fullmatch(
            r"\d{1,15}", value.strip(), re.ASCII
        ):
            value = int(value)
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.note(
                f"The number of participants is {kind_of(value)} that is no whole "
                "number; it was left empty."
            )
        elif value == 0:
            self.note(
                "The record says 0 participants, as withdrawn studies do; the number "
                "was left empty."
            )
        elif not 1 <= value <= MAX_PARTICIPANTS:
            self.note(
                "The record's number of participants is not between 1 and "
                f"{MAX_PARTICIPANTS:,}; it was left empty."
            )
        else:
            return value
        return None

    def date(self, parent: dict[str, Any], key: str, what: str) -> PartialDate | None:
        """Read `2026`, `2026-03` or `2026-03-15`; what is missing is the first."""
        text = self.text(parent, key, 40)
        if not text:
            return None
        found = _DATE.fullmatch(text[:10]) if text[10:11] in ("", "T") else None
        if found:
            year, month, day = found.groups()
            try:
                first = dt.date(int(year), int(month or 1), int(day or 1))
            except ValueError:
                first = None
            if first and EARLIEST_YEAR <= first.year <= LATEST_YEAR:
                precision: Literal["day", "month", "year"] = (
                    "day" if day else "month" if month else "year"
                )
                return PartialDate(first, precision)
        self.note(f"The {what} “{text}” is not a date; it was left empty.")
        return None

    def age(self, parent: dict[str, Any], key: str, what: str) -> Decimal | None:
        """Read `18 Years` or `6 Months` as years, to two decimals, 0 to 130."""
        text = self.text(parent, key, 40)
        if not text or text.upper() in {"N/A", "NA", "NONE"}:
            return None
        found = _AGE.fullmatch(text)
        unit = YEARS_PER_UNIT.get(found[2].lower()) if found else None
        if found and unit:
            years = (Decimal(found[1]) * unit).quantize(Decimal("0.01"))
            if years <= 130:
                return years
        self.note(f"The {what} “{text}” is not an age; it was left empty.")
        return None
