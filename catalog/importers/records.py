"""What any register's record comes down to, and how loose payloads are read.

No Django and no database: a payload goes in, a `TrialRecord` comes out. Parsers
of one format each (`ctgov`, `ctgov_xml`, `ctgov_csv`, `ctgov_merged`, `ctis`) share
the reading helpers below. Persons' names, mail addresses and telephone numbers
have no field here, so none can be kept; mail addresses inside texts are cut out.
"""

import datetime as dt
import math
import re
from collections.abc import Iterable
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
_MAIL = re.compile(r"[\w.+%'-]+@([\w-]+(?:\.[\w-]+)+)")
_NOT_A_LETTER = re.compile(r"[^A-Z0-9]+")
SPONSOR_CLASSES = {
    "INDUSTRY": "INDUSTRY",
    "NIH": "NIH",
    "FED": "FED",
    "U_S_FED": "FED",
    "OTHER_GOV": "OTHER_GOV",
    "GOVERNMENT_PUBLIC_SECTOR": "OTHER_GOV",
    "NETWORK": "NETWORK",
    "INDIV": "INDIV",
    "INDIVIDUAL": "INDIV",
    "OTHER": "OTHER",
    "ACADEMIC_HOSPITAL_OTHER": "OTHER",
}
PUBLIC_MAIL = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "yahoo.fr",
        "yahoo.co.uk",
        "hotmail.com",
        "hotmail.fr",
        "outlook.com",
        "live.com",
        "msn.com",
        "aol.com",
        "icloud.com",
        "me.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "mail.ru",
        "yandex.ru",
        "qq.com",
        "163.com",
        "126.com",
        "sina.com",
        "naver.com",
        "hanmail.net",
        "daum.net",
        "wanadoo.fr",
        "orange.fr",
        "free.fr",
        "libero.it",
        "t-online.de",
    ]
)
_NAME = r"[A-ZÀ-Þ][a-zà-ÿ'’]+(?:-[A-ZÀ-Þa-z][a-zà-ÿ'’]+)?"
_PERSON = re.compile(
    rf"{_NAME} (?:(?:[A-Z]\.?|{_NAME}) )?{_NAME}|{_NAME}, {_NAME}(?: [A-Z]\.?)?"
)
_DEGREE = re.compile(
    r"(?:,| )\s?(?:M\.?D|Ph\.?\s?D|MBBS|FRCS|FACS|FACC|MPH|MSc|Pharm\.?D|DrPH|RN)\.?$"
)
_OF_AN_ORGANIZATION = re.compile(
    r"(?i)universi|h[oô]pi|hosp|(?:i|e)n?stitut|cent(?:er|r)|zentrum|clini|klini|colleg"
    r"|research|health|helse|medic|group|laborat|foundation|fund|societ|associa|school"
    r"|network|trust|agency|council|ministry|department|pharm|compan|consort|organi"
    r"|co-?op|collaborat|program|national|alliance|academ|initiative|service|federation"
    r"|stiftung|fondazione|fondation|corpora|biotech|biolog|biosci|therap|system|scien"
    r"|cancer|oncol|trials?\b|stud(?:y|ies)|international|syke|syge|sjuk|krank|spital"
    r"|ziekenhuis|gasthuis|infirmary|osped|azienda|assistance|facult|facilit|division"
    r"|office|bureau|board|authority|region|county|state|army|navy|military|veteran"
    r"|memorial|technolog|diagnos|surg|dental|children|women|project|partner"
    r"|permanente|the alfred|charit|hospices|investigators|development|gesellschaft"
    r"|verein|ulus|inserm|solutions|nutrition|global|cells"
    r"|\b(?:inc|llc|ltd|corp|gmbh|ag|sa|nhs|va|uk|usa|plc|bv|as|ab|co|kg|srl|spa|asl)\b"
)
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
    n_sites: int | None = None  # None: in this country, with nobody knows how many


MentionField = Literal[
    "lead",
    "collaborator",
    "official",
    "results_contact",
    "contact_domain",
    "third_party",
    "facility",
]


@dataclass(frozen=True)
class Mention:
    """An organization that a record names, and in which field of it.

    The fields are the values of `catalog.choices.RoleKind`. The name is empty
    where the record shows no more than a mail domain; the country is as written.
    """

    name: str
    field: MentionField
    domain: str = ""
    country: str = ""


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
    other_ids: tuple[str, ...] = ()
    version: str = ""  # day of the record's last update, ISO 8601
    detail: int = 4  # how much the format tells: 1 an export's row, 4 API v2
    mentions: tuple[Mention, ...] = ()  # each once, the lead sponsor first


def kind_of(value: object) -> str:
    """Say what a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "empty" if value is None else "a number")


def clean_text(value: str, limit: int = MAX_TEXT) -> str:
    """Make one printable line that any database and page can hold.

    Mail addresses are cut out: texts are kept and shown, and people write their
    own address into them.
    """
    line = _UNPRINTABLE.sub(" ", _SURROGATE.sub("\ufffd", value))
    if "@" in line:
        line = _MAIL.sub("", line)
    return " ".join(line.split())[:limit].rstrip()


def code_word(text: str) -> str:
    """Write a register's word as API v2 does: `Active, not recruiting` in capitals."""
    return _NOT_A_LETTER.sub("_", text.upper()).strip("_")


def sponsor_class(text: str) -> str:
    """Give the class of a sponsor in the words of API v2, "" for none of them."""
    word = code_word(text)
    return SPONSOR_CLASSES.get(word, "")


def is_person(name: str, org_class: str) -> bool:
    """Tell whether a sponsor is a person, as registers do not reliably say.

    A person is what the register classes so, what carries a degree, and, where
    the class is "other", two or three capitalized words or `Family, Given`
    without any word of an organization: hundreds of investigators lead trials
    in their own name there. A sponsor taken for a person by mistake loses its
    name, which is the lesser harm.
    """
    if org_class == "INDIV":
        return True
    looks_like_one = _DEGREE.search(name) or (
        org_class == "OTHER" and _PERSON.fullmatch(name)
    )
    return bool(looks_like_one) and not _OF_AN_ORGANIZATION.search(name)


def mail_domain(address: str) -> str:
    """Give the domain of a mail address; "" for none, or for one that anybody gets."""
    found = _MAIL.search(address)
    domain = found[1].lower().rstrip(".") if found else ""
    return "" if domain in PUBLIC_MAIL or len(domain) > 100 else domain


def once(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """Keep each mention once, and none without name and domain."""
    return tuple(dict.fromkeys(m for m in mentions if m.name or m.domain))


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
