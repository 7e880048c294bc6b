"""Finds the records in files, archives and directories, one after the other.

Never more than one record is held, and nothing is unpacked to disk. What cannot
be read is told with its place, and the rest goes on. No Django.
"""

import csv
import gzip
import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from catalog.importers import ctgov_csv, ctgov_merged, ctis
from catalog.importers.ctgov import read_study
from catalog.importers.ctgov_xml import parse_xml
from catalog.importers.records import RecordError, TrialRecord, clean_text, kind_of

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""The largest records (hundreds of sites, results) have some 20 MB."""
MAX_MEMBER_RATIO = 300
"""Text packs 5 to 30 times; what packs more is made to fill memory or disk."""
MIN_BOMB_BYTES = 1024 * 1024
MAX_MEMBERS = 2_000_000
SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".xml", ".csv", ".gz", ".zip"})
LINE_SUFFIXES = frozenset({".jsonl", ".ndjson"})
CHUNK = 256 * 1024
_LIST_OF_STUDIES = re.compile(
    rb'\s*(?:\[|\{\s*(?:"(?:nextPageToken|totalCount)"\s*:\s*(?:"[^"]*"|\d+)\s*,\s*)*'
    rb'"studies"\s*:\s*\[)'
)
_BLANKS_AND_COMMA = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class Found:
    """A record and where it stood, such as `trials.jsonl.gz:17`."""

    place: str
    record: TrialRecord


@dataclass(frozen=True)
class Broken:
    """Something that is no record, where it stood, and what is wrong with it."""

    place: str
    message: str


Item = Found | Broken
Unread = tuple[str, Callable[[], TrialRecord]]
"""A place and how to read what stands there; so that skipping costs no parsing."""


class Unreadable(Exception):
    """The rest of a file cannot be read; the text says what is wrong with it."""


class Stream:
    """The records under a path, with how much of it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = _files(path)
        self.size = sum(file.stat().st_size for file in self.files)
        self._done = 0
        self._open: IO[bytes] | None = None

    @property
    def share(self) -> float:
        """How much of the bytes on disk was read, 0 to 1."""
        here = self._open.tell() if self._open and not self._open.closed else 0
        return min((self._done + here) / self.size, 1.0) if self.size else 1.0

    def digest(self) -> str:
        """Tell this input from others, as a SHA-256 in hexadecimal digits.

        Of a file the content counts, of a directory the names, sizes and times.
        """
        found = hashlib.sha256()
        if self.path.is_file():
            with self.path.open("rb") as file:
                while block := file.read(CHUNK):
                    found.update(block)
        else:
            for path in self.files:
                facts = path.stat()
                name = path.relative_to(self.path)
                found.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
        return found.hexdigest()

    def read(self, skip: int = 0) -> Iterator[Item]:
        """Give records and what is broken, in a fixed order.

        The first `skip` of them are passed over, which is quick.
        """
        for n, (place, parse) in enumerate(self._unread()):
            if n >= skip:
                yield read_one(place, parse)

    def _unread(self) -> Iterator[Unread]:
        for path in self.files:
            name = path.name
            if path is not self.path and self.path.is_dir():
                name = str(path.relative_to(self.path))
            try:
                with path.open("rb") as file:
                    self._open = file
                    yield from _in_file(name, file)
            except OSError as error:
                yield name, _raise(f"The file cannot be read: {error.strerror}.")
            self._open = None
            self._done += path.stat().st_size


def read_one(place: str, parse: Callable[[], TrialRecord]) -> Item:
    """Read one record; whatever is wrong with it stays its own trouble."""
    try:
        return Found(place, parse())
    except RecordError as error:
        return Broken(place, str(error))


def parse_object(body: object) -> TrialRecord:
    """Read a decoded JSON object of any format the portal knows.

    Raises
    ------
    RecordError
        When it is none of them, or has no number.
    """
    if not isinstance(body, dict):
        raise RecordError(f"This is {kind_of(body)} where a study record is expected.")
    if ctgov_merged.is_merged(body):
        return ctgov_merged.parse_line(body)
    if ctis.is_ctis(body):
        return ctis.parse_trial(body)
    return read_study(body)


def _files(path: Path) -> list[Path]:
    """List the files of a directory in order; hidden and other ones are left out."""
    if not path.is_dir():
        return [path]
    return sorted(
        found
        for found in path.rglob("*")
        if found.suffix.lower() in SUFFIXES
        and found.is_file()
        and not found.is_symlink()
        and not any(part.startswith(".") for part in found.relative_to(path).parts)
    )


def _raise(message: str) -> Callable[[], TrialRecord]:
    def parse() -> TrialRecord:
        raise RecordError(message)

    return parse


def _in_file(name: str, file: IO[bytes]) -> Iterator[Unread]:
    """Unpack a file if it is packed, and find the records inside."""
    start = file.read(4)
    file.seek(0)
    if start.startswith(b"PK"):
        yield from _in_zip(name, file)
        return
    plain_name = name
    plain: IO[bytes] | gzip.GzipFile = file
    if start.startswith(b"\x1f\x8b"):
        plain = gzip.GzipFile(fileobj=file)
        plain_name = name.removesuffix(".gz")
    yield from _in_text(name, PurePosixPath(plain_name).suffix.lower(), plain)


def _in_zip(name: str, file: IO[bytes]) -> Iterator[Unread]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError):
        yield name, _raise("The ZIP archive is damaged or stops in the middle.")
        return
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        yield (
            name,
            _raise(f"The archive has {len(members):,} files, which is too many."),
        )
        return
    for member in members:
        place = f"{name}/{clean_text(member.filename, 200)}"
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if member.is_dir() or path.suffix.lower() not in SUFFIXES - {".zip"}:
            continue
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            yield place, _raise("The archive names a path outside of itself.")
            continue
        packed = max(member.compress_size, 1)
        if (
            member.file_size > MIN_BOMB_BYTES
            and member.file_size > MAX_MEMBER_RATIO * packed
        ):
            yield (
                place,
                _raise(
                    f"This unpacks to {member.file_size / packed:,.0f} times its size, "
                    "which no record does; it was not read."
                ),
            )
            continue
        if member.flag_bits & 1:
            yield place, _raise("This is locked by a password; unpack it yourself.")
            continue
        try:
            with archive.open(member) as inside:
                yield from _in_member(place, path, inside)
        except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError):
            yield place, _raise("This part of the ZIP archive is damaged.")


def _in_member(place: str, path: PurePosixPath, inside: IO[bytes]) -> Iterator[Unread]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        plain = gzip.GzipFile(fileobj=inside)
        yield from _in_text(place, path.with_suffix("").suffix.lower(), plain)
    else:
        yield from _in_text(place, suffix, inside)


def _in_text(
    place: str, suffix: str, file: "IO[bytes] | gzip.GzipFile"
) -> Iterator[Unread]:
    """Find the records of an unpacked file by what it begins with."""
    reader = io.BufferedReader(_Forgiving(file), CHUNK)
    try:
        start = reader.peek(CHUNK)[:4096].lstrip(b"\xef\xbb\xbf")
        first = start.lstrip()[:1]
        if not first:
            yield place, _raise("The file is empty.")
        elif first == b"<":
            payload = reader.read(MAX_RECORD_BYTES + 1)
            yield place, _parse_payload(payload, parse_xml)
        elif suffix in LINE_SUFFIXES:
            yield from _lines(place, reader)
        elif _LIST_OF_STUDIES.match(start):
            yield from _listed(place, reader, start)
        elif first == b"{":
            yield from _objects(place, reader)
        else:
            yield from _rows(place, reader)
    except Unreadable as error:
        yield place, _raise(str(error))


class _Forgiving(io.RawIOBase):
    """Reads a packed stream; damage becomes one sentence."""

    def __init__(self, file: "IO[bytes] | gzip.GzipFile") -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._file.read(len(buffer))
        except EOFError:
            raise Unreadable(
                "The compressed file stops in the middle, as after a broken download; "
                "what came before was read. Download it again."
            ) from None
        except (zlib.error, gzip.BadGzipFile, zipfile.BadZipFile):
            raise Unreadable(
                "The compressed file is damaged; what came before was read."
            ) from None
        buffer[: len(block)] = block
        return len(block)


def _parse_payload(
    payload: bytes, parse: Callable[[bytes], TrialRecord]
) -> Callable[[], TrialRecord]:
    if len(payload) > MAX_RECORD_BYTES:
        return _raise("This is larger than any study record; it was not read.")
    return lambda: parse(payload)


def _decode(line: bytes) -> object:
    try:
        return json.loads(line)
    except UnicodeDecodeError:
        raise RecordError("This is not text in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise RecordError(
            f"This is not JSON: column {error.colno} cannot be read ({error.msg})."
        ) from None
    except ValueError:  # a number of thousands of digits
        raise RecordError("The JSON holds a number that is too long.") from None
    except RecursionError:
        raise RecordError("The JSON is nested deeper than any record.") from None


def _lines(place: str, reader: "io.BufferedReader[_Forgiving]") -> Iterator[Unread]:
    """Find a record in each line that is not blank."""
    number = 0
    while line := reader.readline(MAX_RECORD_BYTES + 1):
        number += 1
        if len(line) > MAX_RECORD_BYTES:
            yield f"{place}:{number}", _raise("The line is longer than any record.")
            raise Unreadable("A line is longer than any record; the rest was not read.")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield f"{place}:{number}", _of_line(line)


def _of_line(line: bytes) -> Callable[[], TrialRecord]:
    return lambda: parse_object(_decode(line))


def _objects(place: str, reader: "io.BufferedReader[_Forgiving]") -> Iterator[Unread]:
    """Find one object, a page of studies, or one object a line without the suffix."""
    first = reader.readline(MAX_RECORD_BYTES + 1)
    try:
        body = json.loads(first.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict) and reader.peek(1):
        yield f"{place}:1", lambda: parse_object(body)
        for number, (_, parse) in enumerate(_lines(place, reader), 2):
            yield f"{place}:{number}", parse
        return
    payload = first + reader.read(MAX_RECORD_BYTES + 1)
    if len(payload) > MAX_RECORD_BYTES:
        yield place, _raise("This is larger than any study record; it was not read.")
        return
    try:
        whole = _decode(payload.removeprefix(b"\xef\xbb\xbf"))
    except RecordError as error:
        yield place, _raise(str(error))
        return
    studies = whole.get("studies") if isinstance(whole, dict) else None
    if isinstance(studies, list):
        for number, study in enumerate(studies, 1):
            yield f"{place}#{number}", _of_object(study)
    else:
        yield place, _of_object(whole)


def _of_object(body: object) -> Callable[[], TrialRecord]:
    return lambda: parse_object(body)


def _listed(
    place: str, reader: "io.BufferedReader[_Forgiving]", start: bytes
) -> Iterator[Unread]:
    """Find the objects of a list, decoding one at a time."""
    text = io.TextIOWrapper(reader, encoding="utf-8-sig", errors="strict", newline="")
    decoder = json.JSONDecoder()
    opening = _LIST_OF_STUDIES.match(start)
    buffer = _read_text(text, CHUNK)
    at = len(opening[0].decode()) if opening else 0
    number = 0
    while True:
        found = _BLANKS_AND_COMMA.match(buffer, at)
        at = found.end() if found else at
        if at >= len(buffer):
            more = _read_text(text, CHUNK)
            if not more:
                raise Unreadable("The list stops in the middle; its end is missing.")
            buffer, at = more, 0
            continue
        if buffer[at] == "]":
            return
        number += 1
        try:
            body, at = decoder.raw_decode(buffer, at)
        except RecursionError:
            raise Unreadable(
                f"Record {number} of the list is nested deeper than any record; the "
                "rest was not read."
            ) from None
        except ValueError:
            more = _read_text(text, max(CHUNK, len(buffer) - at))
            if not more or len(buffer) - at > MAX_RECORD_BYTES:
                raise Unreadable(
                    f"Record {number} of the list cannot be read, so the rest cannot "
                    "either."
                ) from None
            buffer, at, number = buffer[at:] + more, 0, number - 1
            continue
        yield f"{place}#{number}", _of_object(body)


def _read_text(text: io.TextIOWrapper, size: int) -> str:
    try:
        return text.read(size)
    except UnicodeDecodeError:
        raise Unreadable("The file is not text in UTF-8 from here on.") from None


def _rows(place: str, reader: "io.BufferedReader[_Forgiving]") -> Iterator[Unread]:
    """Find the rows of a CSV export."""
    csv.field_size_limit(MAX_RECORD_BYTES)
    text = io.TextIOWrapper(reader, encoding="utf-8-sig", newline="")
    rows = csv.DictReader(_text_lines(text), strict=True)
    try:
        columns = {name.strip() for name in rows.fieldnames or () if name}
        if not ctgov_csv.is_export(columns):
            yield (
                place,
                _raise(
                    "This is no format the portal knows: neither JSON nor XML of a "
                    "register, nor a CSV export with the columns “NCT Number” and "
                    "“Title” or “Study Title”."
                ),
            )
            return
        for row in rows:
            yield f"{place}:{rows.line_num}", _of_row(row)
    except UnicodeDecodeError:
        raise Unreadable("The file is not text in UTF-8 from here on.") from None
    except csv.Error as error:
        raise Unreadable(f"The CSV cannot be read on: {error}.") from None


def _text_lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_RECORD_BYTES):
        if len(line) == MAX_RECORD_BYTES:
            raise Unreadable("A line is longer than any record; the rest was not read.")
        yield line


def _of_row(row: dict[str | None, Any]) -> Callable[[], TrialRecord]:
    return lambda: ctgov_csv.parse_row(row)
