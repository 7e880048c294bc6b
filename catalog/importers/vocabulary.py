"""The vocabulary files: read, checked as a whole, and turned into rows.

A folder holds `schemes.tsv` and one `<scheme>.tsv` for each scheme. Files are UTF-8,
tab separated, one term a line; empty lines and lines that begin with `#` are for
people. The order of lines is the order of terms. `docs/vocabularies.md` describes
the columns.
"""

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.text import lookup_key

FOLDER = Path(__file__).resolve().parent.parent / "data" / "vocabularies"
SCHEMES_FILE = "schemes.tsv"
LIST_SEPARATOR = "|"

CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SCHEME_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")
TREE_NUMBER = re.compile(r"[A-Z]\d{2}(?:\.\d{3})*")
DIRECTIONS = {"up", "down", "none"}
MAX_LENGTH = {"code": 100, "label": 200, "external_code": 60}
MAX_SYNONYM = 200


def _number(text: str) -> int | float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return int(value) if value == int(value) else value


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(LIST_SEPARATOR)]


ATTRIBUTES: dict[str, Callable[[str], Any]] = {
    "alpha3": str,
    "numeric": str,
    "unit": str,
    "direction": str,
    "min": _number,
    "max": _number,
    "website": str,
    "ctgov": _list,
    "ctgov_interventions": _list,
    "feature_rows": _list,
    "kind": str,
    "note": str,
}
"""Columns that become `Term.attributes`, with how to read a cell."""

COLUMNS = {
    "code",
    "label",
    "description",
    "parent",
    "broader",
    "external_code",
    "synonyms",
    "tree_numbers",
    "deprecated_on",
    "replaced_by",
}
SCHEME_COLUMNS = [
    "code",
    "label",
    "code_system",
    "code_system_version",
    "description",
]


class VocabularyFilesError(Exception):
    """The files contradict themselves; `problems` are sentences with file and line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class SchemeRow:
    """A scheme as the files describe it."""

    code: str
    label: str
    description: str
    code_system: str
    code_system_version: str
    position: int


@dataclass(frozen=True, slots=True)
class TermRow:
    """A term as the files describe it; other terms are named by their codes.

    `broader` holds (scheme, code) pairs, sorted. `place` is where it stands
    (`file:line`) and plays no part in comparisons.
    """

    scheme: str
    code: str
    label: str
    description: str = ""
    parent: str | None = None
    broader: tuple[tuple[str, str], ...] = ()
    external_code: str = ""
    synonyms: tuple[str, ...] = ()
    tree_numbers: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    position: int = 0
    deprecated_on: dt.date | None = None
    replaced_by: str | None = None
    place: str = field(default="", compare=False)

    @property
    def key(self) -> tuple[str, str]:
        return self.scheme, self.code


@dataclass(frozen=True, slots=True)
class Vocabularies:
    """All schemes and terms of the files, in their order."""

    schemes: list[SchemeRow]
    terms: list[TermRow]


def read_vocabularies(folder: Path = FOLDER) -> Vocabularies:
    """Read and check every vocabulary file of `folder`.

    Raises
    ------
    VocabularyFilesError
        With everything that is wrong, not just the first.
    """
    problems: list[str] = []
    schemes = _read_schemes(folder, problems)
    terms: list[TermRow] = []
    for scheme in schemes:
        terms += _read_terms(folder / f"{scheme.code}.tsv", scheme.code, problems)
    known = {SCHEMES_FILE, *(f"{scheme.code}.tsv" for scheme in schemes)}
    problems += [
        f"{path.name}: no scheme of this name stands in {SCHEMES_FILE}."
        for path in sorted(folder.glob("*.tsv"))
        if path.name not in known
    ]
    _check_terms(terms, problems)
    if problems:
        raise VocabularyFilesError(problems)
    return Vocabularies(schemes=schemes, terms=terms)


def _rows(path: Path, problems: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (`file:line`, cells by column) for each line that holds a row."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        problems.append(f"{path.name}: the file is missing.")
        return
    except UnicodeDecodeError as error:
        problems.append(f"{path.name}: not UTF-8 ({error.reason} at {error.start}).")
        return
    header: list[str] | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        place = f"{path.name}:{number}"
        cells = [cell.strip() for cell in line.split("\t")]
        if header is None:
            header = cells
            repeated = [name for name, n in Counter(header).items() if n > 1]
            if repeated:
                problems.append(f"{place}: column {repeated[0]!r} stands twice.")
                return
            continue
        if len(cells) > len(header):
            problems.append(
                f"{place}: {len(cells)} cells, but the header names {len(header)}."
            )
            continue
        cells += [""] * (len(header) - len(cells))  # editors trim trailing tabs
        yield place, dict(zip(header, cells, strict=True))


def _read_schemes(folder: Path, problems: list[str]) -> list[SchemeRow]:
    schemes: dict[str, SchemeRow] = {}
    for place, cells in _rows(folder / SCHEMES_FILE, problems):
        if sorted(cells) != sorted(SCHEME_COLUMNS):
            problems.append(f"{place}: the columns must be {SCHEME_COLUMNS}.")
            break
        code = cells["code"]
        if not SCHEME_CODE.fullmatch(code) or len(code) > 40:
            problems.append(f"{place}: {code!r} is no scheme code (like cro_type).")
        elif code in schemes:
            problems.append(f"{place}: scheme {code!r} stands twice.")
        elif not cells["label"]:
            problems.append(f"{place}: scheme {code!r} has no label.")
        else:
            schemes[code] = SchemeRow(position=len(schemes), **cells)
    return list(schemes.values())


def _read_terms(path: Path, scheme: str, problems: list[str]) -> list[TermRow]:
    terms: dict[str, TermRow] = {}
    for place, cells in _rows(path, problems):
        unknown = cells.keys() - COLUMNS - ATTRIBUTES.keys()
        missing = {"code", "label"} - cells.keys()
        if unknown or missing:
            problems += [f"{place}: unknown column {name!r}." for name in unknown]
            problems += [
                f"{place}: the column {name!r} is missing." for name in missing
            ]
            break
        try:
            row = _term(scheme, cells, place, position=len(terms))
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if row.code in terms:
            first = terms[row.code].place
            problems.append(f"{place}: code {row.code!r} stands at {first} already.")
            continue
        terms[row.code] = row
    return list(terms.values())


def _term(scheme: str, cells: dict[str, str], place: str, position: int) -> TermRow:
    """Turn one line into a row; a ValueError says what is wrong with the line."""
    code = cells["code"]
    if not CODE.fullmatch(code):
        raise ValueError(f"{code!r} is no code: use lower-case words with hyphens.")
    if not cells["label"]:
        raise ValueError(f"{code!r} has no label.")
    for name, limit in MAX_LENGTH.items():
        if len(cells.get(name, "")) > limit:
            raise ValueError(f"{name} of {code!r} is longer than {limit} characters.")
    synonyms = _cell_list(cells, "synonyms")
    for synonym in synonyms:
        if len(synonym) > MAX_SYNONYM:
            raise ValueError(f"a synonym is longer than {MAX_SYNONYM} characters.")
    tree_numbers = _cell_list(cells, "tree_numbers")
    for number in tree_numbers:
        if not TREE_NUMBER.fullmatch(number):
            raise ValueError(f"{number!r} is no MeSH tree number (like C04.588).")
    row = TermRow(
        scheme=scheme,
        code=code,
        label=cells["label"],
        description=cells.get("description", ""),
        parent=cells.get("parent") or None,
        broader=tuple(sorted(map(_pair, _cell_list(cells, "broader")))),
        external_code=cells.get("external_code", ""),
        synonyms=synonyms,
        tree_numbers=tree_numbers,
        attributes=_attributes(cells),
        position=position,
        deprecated_on=_date(cells.get("deprecated_on", "")),
        replaced_by=cells.get("replaced_by") or None,
        place=place,
    )
    if row.replaced_by and not row.deprecated_on:
        raise ValueError(f"{code!r} is replaced, so say in deprecated_on since when.")
    if scheme == "metric":
        _check_metric(row)
    return row


def _cell_list(cells: dict[str, str], name: str) -> tuple[str, ...]:
    text = cells.get(name, "")
    values = _list(text) if text else []
    if not all(values):
        raise ValueError(f"{name} has an empty entry between two {LIST_SEPARATOR!r}.")
    repeated = [value for value, n in Counter(values).items() if n > 1]
    if repeated:
        raise ValueError(f"{name} names {repeated[0]!r} twice.")
    return tuple(values)


def _pair(text: str) -> tuple[str, str]:
    scheme, colon, code = text.partition(":")
    if not (scheme and colon and code):
        raise ValueError(f"broader takes scheme:code, not {text!r}.")
    return scheme, code


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(f"{text!r} is no date (like 2026-05-01).") from None


def _attributes(cells: dict[str, str]) -> dict[str, Any]:
    attributes = {}
    for name, read in ATTRIBUTES.items():
        if text := cells.get(name, ""):
            try:
                attributes[name] = read(text)
            except ValueError:
                raise ValueError(f"{name} {text!r} is not a number.") from None
    return attributes


def _check_metric(row: TermRow) -> None:
    unit, direction = row.attributes.get("unit"), row.attributes.get("direction")
    if not unit:
        raise ValueError(f"metric {row.code!r} has no unit.")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction of {row.code!r} must be one of up, down, none.")
    low = row.attributes.get("min", -math.inf)
    high = row.attributes.get("max", math.inf)
    if low >= high:
        raise ValueError(f"min of {row.code!r} must be below its max.")


def _check_terms(terms: list[TermRow], problems: list[str]) -> None:
    """Check what needs several terms: references, cycles and names that clash."""
    by_key = {row.key: row for row in terms}
    for row in terms:
        for name, code in (("parent", row.parent), ("replaced_by", row.replaced_by)):
            if code and (row.scheme, code) not in by_key:
                problems.append(f"{row.place}: {name} {code!r} is no {row.scheme}.")
            elif code == row.code:
                problems.append(f"{row.place}: {code!r} is its own {name}.")
        for scheme, code in row.broader:
            if (scheme, code) not in by_key:
                problems.append(f"{row.place}: broader {scheme}:{code} does not exist.")
    problems += _cycles(terms, "parent") + _cycles(terms, "replaced_by")
    problems += _broader_cycles(by_key)
    problems += _clashes(terms)


def _cycles(terms: list[TermRow], link: str) -> list[str]:
    by_key = {row.key: row for row in terms}
    problems: list[str] = []
    done: set[tuple[str, str]] = set()
    for start in terms:
        path: list[str] = []
        row: TermRow | None = start
        while row and row.key not in done and row.code not in path:
            path.append(row.code)
            row = by_key.get((row.scheme, getattr(row, link) or ""))
        if row and row.code in path and len(path) > 1:
            circle = " -> ".join([*path[path.index(row.code) :], row.code])
            problems.append(f"{start.place}: {link} runs in a circle: {circle}.")
        done.update((start.scheme, code) for code in path)
    return problems


def _broader_cycles(by_key: dict[tuple[str, str], TermRow]) -> list[str]:
    """Find terms that are wider than themselves through `broader`."""
    problems: list[str] = []
    for start in by_key.values():
        seen: set[tuple[str, str]] = set()
        todo = list(start.broader)
        while todo:
            key = todo.pop()
            if key in seen or key not in by_key:
                continue
            seen.add(key)
            todo += by_key[key].broader
        if start.key in seen:
            problems.append(f"{start.place}: {start.code!r} is broader than itself.")
    return problems


def _clashes(terms: list[TermRow]) -> list[str]:
    """Find names and external codes that stand for two terms of a scheme."""
    problems: list[str] = []
    names: dict[tuple[str, str], TermRow] = {}
    outside: dict[tuple[str, str], TermRow] = {}
    for row in terms:
        for name in {lookup_key(text) for text in (row.label, *row.synonyms)}:
            other = names.setdefault((row.scheme, name), row)
            if other is not row and not (row.deprecated_on or other.deprecated_on):
                problems.append(
                    f"{row.place}: {name!r} is a name of {other.code!r} too "
                    f"({other.place})."
                )
        if row.external_code:
            other = outside.setdefault((row.scheme, row.external_code), row)
            if other is not row:
                problems.append(
                    f"{row.place}: external code {row.external_code} is that of "
                    f"{other.code!r} too ({other.place})."
                )
    return problems
