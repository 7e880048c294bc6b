"""The directory file of real organizations: read and checked as a whole.

`catalog/data/organizations.csv`, one organization a line; `docs/evidence.md`
describes the columns. Several domains or names in a cell stand between `|`. A
name may say its kind and when it was in use: `QuintilesIMS [former
2016-10-03..2017-11-06]`; a year or month stands for its first day as a beginning
and its last as an end.
"""

import calendar
import csv
import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from catalog.choices import AliasKind, CROStatus
from catalog.identity import Name, plain_domain

FILE = Path(__file__).resolve().parent.parent / "data" / "organizations.csv"
COLUMNS = (
    "slug", "name", "kind", "status", "country", "domains", "names", "successor",
    "succeeded_on", "source", "source_url", "sure", "summary", "note",
)  # fmt: skip
KINDS = {
    "full", "mid", "phase1", "regional", "late-phase", "lab", "imaging", "data",
    "aro", "smo", "gov",
}  # fmt: skip
STATUSES = {CROStatus.LISTED, CROStatus.MERGED, CROStatus.CLOSED}
NAME_KINDS = {
    AliasKind.FORMER, AliasKind.BRAND, AliasKind.LEGAL, AliasKind.ABBREVIATION,
}  # fmt: skip

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_COUNTRY = re.compile(r"[a-z]{2}")
_NAME = re.compile(r"(?P<text>[^\[\]|]+?)(?:\s*\[(?P<inside>[^\]]*)\])?")
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_SPAN = re.compile(r"(?P<start>[\d-]*)\.\.(?P<end>[\d-]*)", re.ASCII)


class DirectoryFileError(Exception):
    """The file contradicts itself or cannot be read; `problems` names every place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """One organization of the file.

    `succeeded_on` is None where the day or month of the merger is not known.
    Without `is_sure` the successor is left out: a name is shown, a doubtful
    merger is not.
    """

    slug: str
    name: str
    kind: str
    status: str
    country: str
    names: tuple[Name, ...]
    successor: str
    succeeded_on: dt.date | None
    source: str
    source_url: str
    is_sure: bool
    summary: str
    note: str

    @property
    def website(self) -> str:
        """The web address at the first domain, if there is one."""
        for name in self.names:
            if name.kind == AliasKind.DOMAIN:
                return f"https://{name.text}/"
        return ""


def read_directory(path: Path = FILE) -> list[DirectoryRow]:
    """Read and check the file.

    Raises
    ------
    DirectoryFileError
        With one line for each place to mend.
    """
    problems: list[str] = []
    rows: list[DirectoryRow] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                columns = ", ".join(COLUMNS)
                raise DirectoryFileError([f"{path}: the columns should be {columns}."])
            for cells in reader:
                where = f"{path.name}, line {reader.line_num}"
                try:
                    rows.append(_row(cells))
                except ValueError as error:
                    problems.append(f"{where}: {error}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DirectoryFileError([f"{path} cannot be read: {error}."]) from error
    problems += _contradictions(rows)
    if problems:
        raise DirectoryFileError(problems)
    return rows


def _row(cells: dict[str, str]) -> DirectoryRow:
    if None in cells or None in cells.values():
        raise ValueError("it has more or fewer cells than the head.")
    text = {column: cells[column].strip() for column in COLUMNS}
    _check(text, "slug", bool(_SLUG.fullmatch(text["slug"])), "lower case with dashes")
    _check(text, "name", 0 < len(text["name"]) <= 200, "1 to 200 characters")
    _check(text, "kind", text["kind"] in KINDS, f"one of {', '.join(sorted(KINDS))}")
    _check(text, "status", text["status"] in STATUSES, "listed, merged or closed")
    _check(
        text,
        "country",
        not text["country"] or bool(_COUNTRY.fullmatch(text["country"])),
        "two small letters (ISO 3166-1)",
    )
    _check(text, "source", 0 < len(text["source"]) <= 300, "named in words")
    scheme = urlsplit(text["source_url"]).scheme
    _check(text, "source_url", scheme in ("", "http", "https"), "a web address")
    _check(text, "sure", text["sure"] in ("yes", "no"), "yes or no")
    is_sure = text["sure"] == "yes"
    if text["status"] == CROStatus.MERGED and not (is_sure and text["successor"]):
        raise ValueError("who merged has a successor, and that is sure.")
    return DirectoryRow(
        slug=text["slug"],
        name=text["name"],
        kind=text["kind"],
        status=text["status"],
        country=text["country"],
        names=(*_domains(text["domains"]), *_names(text["names"])),
        successor=text["successor"] if is_sure else "",
        succeeded_on=_month_or_day(text["succeeded_on"]) if is_sure else None,
        source=text["source"],
        source_url=text["source_url"],
        is_sure=is_sure,
        summary=text["summary"],
        note=text["note"],
    )


def _check(text: dict[str, str], column: str, is_right: bool, wanted: str) -> None:
    if not is_right:
        raise ValueError(f"{column} “{text[column]}” should be {wanted}.")


def _domains(cell: str) -> Iterator[Name]:
    for part in filter(None, map(str.strip, cell.split("|"))):
        if plain_domain(part) != part:
            raise ValueError(f"“{part}” is no plain domain such as example.org.")
        yield Name(part, AliasKind.DOMAIN)


def _names(cell: str) -> Iterator[Name]:
    for part in filter(None, map(str.strip, cell.split("|"))):
        found = _NAME.fullmatch(part)
        if found is None:
            raise ValueError(f"“{part}” is no name such as “Example [former ..2016]”.")
        kind, start, end = str(AliasKind.BRAND), None, None
        for word in (found["inside"] or "").split():
            if span := _SPAN.fullmatch(word):
                start = _first_day(span["start"]) if span["start"] else None
                end = _last_day(span["end"]) if span["end"] else None
            elif word in NAME_KINDS:
                kind = word
            else:
                raise ValueError(f"“{word}” in “{part}” is neither a kind nor a time.")
        if start and end and end < start:
            raise ValueError(f"“{part}” ends before it begins.")
        yield Name(found["text"].strip(), kind, start, end)


def _first_day(text: str) -> dt.date:
    year, month, day = _parts(text)
    return dt.date(year, month or 1, day or 1)


def _last_day(text: str) -> dt.date:
    year, month, day = _parts(text)
    month = month or 12
    return dt.date(year, month, day or calendar.monthrange(year, month)[1])


def _month_or_day(text: str) -> dt.date | None:
    """Give the day, the first of a month; a year alone is no day."""
    if not text or _parts(text)[1] is None:
        return None
    return _first_day(text)


def _parts(text: str) -> tuple[int, int | None, int | None]:
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"“{text}” is no date such as 2016, 2016-10 or 2016-10-03.")
    year, month, day = (int(part) if part else None for part in found.groups())
    if year is None or (month is not None and not 1 <= month <= 12):
        raise ValueError(f"“{text}” is no date such as 2016, 2016-10 or 2016-10-03.")
    return year, month, day


def _contradictions(rows: list[DirectoryRow]) -> Iterator[str]:
    slugs = Counter(row.slug for row in rows)
    yield from (f"The slug {slug} stands twice." for slug, n in slugs.items() if n > 1)
    successors = {row.slug: row.successor for row in rows}
    for row in rows:
        if row.successor and row.successor not in slugs:
            yield f"{row.slug}: its successor {row.successor} is not in the file."
        seen, owner = {row.slug}, row.successor
        while owner in successors:
            if owner in seen:
                yield f"{row.slug}: its successors go round in a circle."
                break
            seen.add(owner)
            owner = successors[owner]
