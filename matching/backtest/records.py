"""Reads the files of the test: trials (JSON lines) and disclosed pairs (CSV)."""

import calendar
import csv
import datetime as dt
import gzip
import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

EPOCH: Final = dt.date(1970, 1, 1)
EARLIEST_YEAR, LATEST_YEAR = 1900, 2100
LIST_SEPARATOR = "|"
NOT_SAID: Final = frozenset({"", "null", "na", "n/a", "none"})
"""How these files write that a number is not known."""

FACILITY = "facility"
"""The field of a mention that shows a site, not the work of a CRO."""

PAIR_COLUMNS: Final = (
    "nct_id",
    "year",
    "split",
    "cro_group",
    "cro",
    "kind",
    "fields",
    "phase",
    "lead_sponsor",
    "lead_class",
    "enrolment",
    "countries",
    "mesh_conditions",
    "conditions",
    "intervention_types",
)
TRIAL_FIELDS: Final = ("nct_id", "start_date", "lead_sponsor", "cro_found")
_WHOLE = re.compile(r"\d+(?:\.0*)?", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


class BacktestFileError(Exception):
    """A file cannot be used; the message says where and what to do."""


class Days(NamedTuple):
    """The first and last day that a date known in part can mean, from 1970-01-01."""

    first: int
    last: int


@dataclass(frozen=True)
class Trial:
    """One registry record. Empty, None and NaN mean that it does not say."""

    nct_id: str
    start: Days | None
    title: str
    conditions: tuple[str, ...]
    mesh_conditions: tuple[str, ...]
    phase: str
    study_type: str
    intervention_types: tuple[str, ...]
    participants: float
    countries: tuple[str, ...]
    n_sites: float
    lead_sponsor: str
    lead_class: str


@dataclass(frozen=True)
class Mention:
    """A CRO that a record names by a field that shows its work."""

    nct_id: str
    group: str
    brand: str


@dataclass(frozen=True)
class Pair:
    """A trial and a CRO it discloses, with how the CRO is sorted."""

    nct_id: str
    group: str
    brand: str
    kind: str
    split: str


@dataclass(frozen=True)
class Records:
    """All that was read. `digest` is of the files' bytes, whatever their names."""

    trials: Mapping[str, Trial]
    mentions: tuple[Mention, ...]
    pairs: tuple[Pair, ...]
    digest: str


def read(trial_files: Sequence[Path], pair_files: Sequence[Path]) -> Records:
    """Read all files; of a trial that stands twice, the last record counts.

    A pair names its own year, so its trial has a date even where the record has
    none; a pair whose trial no file holds is read from the pair alone.

    Raises
    ------
    BacktestFileError
        At the first line that cannot be used, with file and line.
    """
    digest = hashlib.sha256()
    trials: dict[str, Trial] = {}
    mentions: dict[str, list[Mention]] = {}
    for path in trial_files:
        for place, row in _json_lines(path, digest):
            trial = _trial(place, row)
            trials[trial.nct_id] = trial
            mentions[trial.nct_id] = list(_mentions(place, trial.nct_id, row))
    pairs: dict[tuple[str, str], Pair] = {}
    for path in pair_files:
        for place, cells in _csv_rows(path, digest):
            pair = Pair(
                nct_id=_required(place, cells, "nct_id"),
                group=_required(place, cells, "cro_group"),
                brand=_required(place, cells, "cro"),
                kind=_required(place, cells, "kind"),
                split=_required(place, cells, "split"),
            )
            pairs[pair.nct_id, pair.group] = pair
            held = trials.get(pair.nct_id)
            if held is None or held.start is None:
                trials[pair.nct_id] = _trial_of_pair(place, cells, held)
            mentions.setdefault(pair.nct_id, []).append(
                Mention(pair.nct_id, pair.group, pair.brand)
            )
    if not pairs:
        raise BacktestFileError("The files of pairs hold no pair.")
    return Records(
        trials=trials,
        mentions=tuple(
            dict.fromkeys(found for rows in mentions.values() for found in rows)
        ),
        pairs=tuple(pairs[key] for key in sorted(pairs)),
        digest=digest.hexdigest(),
    )


def days(text: str) -> Days | None:
    """Read `2006`, `2006-12` or `2006-12-31`; None when nothing is said.

    Raises
    ------
    ValueError
        When it is none of these, or no day of the calendar.
    """
    if text.strip().lower() in NOT_SAID:
        return None
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no date: write 2006, 2006-12 or 2006-12-31.")
    year, month, day = (int(part) if part else None for part in found.groups())
    if year is None or not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise ValueError(
            f"the year of {text!r} is not between {EARLIEST_YEAR} and {LATEST_YEAR}."
        )
    try:
        first = dt.date(year, month or 1, day or 1)
    except ValueError:
        raise ValueError(f"{text!r} is no day of the calendar.") from None
    if day is not None:
        last = first
    elif month is not None:
        last = first.replace(day=calendar.monthrange(year, month)[1])
    else:
        last = dt.date(year, 12, 31)
    return Days((first - EPOCH).days, (last - EPOCH).days)


def date(day: int) -> dt.date:
    """Return the date of a day counted from 1970-01-01."""
    return EPOCH + dt.timedelta(days=day)


def _trial(place: str, row: Mapping[str, Any]) -> Trial:
    missing = [name for name in TRIAL_FIELDS if name not in row]
    if missing:
        raise BacktestFileError(f"{place}: the record has no field {missing[0]!r}.")
    start = _days(place, "start_date", _text(row, "start_date"))
    if start is None:
        start = _days(place, "reg_year_est", _text(row, "reg_year_est"))
    return Trial(
        nct_id=_required(place, row, "nct_id"),
        start=start,
        title=_text(row, "title"),
        conditions=_texts(place, row, "conditions"),
        mesh_conditions=_texts(place, row, "mesh_conditions"),
        phase=_text(row, "phase"),
        study_type=_text(row, "study_type"),
        intervention_types=_texts(place, row, "intervention_types"),
        participants=_count(place, row, "enrolment"),
        countries=_texts(place, row, "countries"),
        n_sites=_count(place, row, "n_sites"),
        lead_sponsor=_text(row, "lead_sponsor"),
        lead_class=_text(row, "lead_class"),
    )


def _trial_of_pair(place: str, cells: Mapping[str, str], held: Trial | None) -> Trial:
    """Make the record from a pair's row, or give its date to a record without one."""
    start = _days(place, "year", cells["year"])
    if start is None:
        raise BacktestFileError(f"{place}: the pair has no year.")
    row: dict[str, Any] = dict(cells)
    for name in ("conditions", "mesh_conditions", "intervention_types", "countries"):
        row[name] = [part for part in cells[name].split(LIST_SEPARATOR) if part]
    row |= {"start_date": cells["year"], "cro_found": []}
    if held is None:
        return _trial(place, row)
    return Trial(**{**held.__dict__, "start": start})


def _mentions(place: str, nct_id: str, row: Mapping[str, Any]) -> Iterator[Mention]:
    found = row["cro_found"]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BacktestFileError(f"{place}: 'cro_found' should be a list of objects.")
    for one in found:
        fields = _texts(place, one, "fields")
        if set(fields) - {FACILITY}:
            yield Mention(
                nct_id, _required(place, one, "group"), _required(place, one, "cro")
            )


def _json_lines(path: Path, digest: "hashlib._Hash") -> Iterator[tuple[str, dict]]:
    """Yield (`file:line`, object) for each line of a plain or gzip file."""
    for number, line in enumerate(_lines(path, digest), start=1):
        if not line.strip():
            continue
        place = f"{path.name}:{number}"
        try:
            row = json.loads(line)
        except ValueError:
            raise BacktestFileError(
                f"{place}: this line is not JSON; one trial a line is expected."
            ) from None
        if not isinstance(row, dict):
            raise BacktestFileError(f"{place}: this line is not a JSON object.")
        yield place, row


def _csv_rows(path: Path, digest: "hashlib._Hash") -> Iterator[tuple[str, dict]]:
    reader = csv.DictReader(_lines(path, digest), strict=True)
    try:
        missing = [
            name for name in PAIR_COLUMNS if name not in (reader.fieldnames or ())
        ]
        if missing:
            raise BacktestFileError(
                f"{path.name}: the column {missing[0]!r} is missing; a file of pairs has "
                f"the columns {', '.join(PAIR_COLUMNS)}."
            )
        for cells in reader:
            place = f"{path.name}:{reader.line_num}"
            if None in cells or None in cells.values():
                raise BacktestFileError(
                    f"{place}: the row has not as many cells as the first line."
                )
            yield place, cells
    except csv.Error as error:
        raise BacktestFileError(
            f"{path.name}:{reader.line_num}: not CSV ({error})."
        ) from None


def _lines(path: Path, digest: "hashlib._Hash") -> Iterable[str]:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        digest.update(f"{len(content)};".encode() + content)
        return content.decode("utf-8-sig").splitlines(keepends=True)
    except FileNotFoundError:
        raise BacktestFileError(f"{path}: there is no such file.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise BacktestFileError(f"{path}: cannot be read ({error}).") from None
    except UnicodeDecodeError as error:
        raise BacktestFileError(
            f"{path}: not text in UTF-8 (byte {error.start})."
        ) from None


def _days(place: str, name: str, text: str) -> Days | None:
    try:
        return days(text)
    except ValueError as error:
        raise BacktestFileError(f"{place}: {name}: {error}") from None


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip()


def _required(place: str, row: Mapping[str, Any], name: str) -> str:
    text = _text(row, name)
    if not text:
        raise BacktestFileError(f"{place}: {name!r} is empty.")
    return text


def _texts(place: str, row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = row.get(name) or []
    if not isinstance(value, list):
        raise BacktestFileError(f"{place}: {name!r} should be a list.")
    return tuple(str(one).strip() for one in value if str(one).strip())


def _count(place: str, row: Mapping[str, Any], name: str) -> float:
    text = _text(row, name)
    if text.lower() in NOT_SAID:
        return math.nan
    if not _WHOLE.fullmatch(text):
        raise BacktestFileError(f"{place}: {name} {text!r} is no whole number.")
    return float(text)
