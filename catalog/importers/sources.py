"""Where an import reads from: files or the API, in batches it can go on after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

from catalog.importers.pages import Pages
from catalog.importers.streams import Item, Stream, parse_object, read_one

BATCH_RECORDS = 2_000


@dataclass(frozen=True)
class Batch:
    """Some items of a source, and where to go on after them."""

    items: Sequence[Item]
    position: int  # items read up to the end of this batch
    share: float  # of the source, 0 to 1
    page_token: str = ""


class TrialSource(Protocol):
    """Where trials come from."""

    @property
    def kind(self) -> Literal["file", "api"]: ...

    @property
    def label(self) -> str:
        """Name the source to people."""

    def digest(self) -> str:
        """Tell this source from others, in at most 64 characters."""

    def batches(self, *, position: int, page_token: str) -> Iterator[Batch]:
        """Read on from there, in the same order every time."""


@dataclass(frozen=True)
class FileSource:
    """A file, an archive or a directory."""

    path: Path
    batch_records: int = BATCH_RECORDS
    kind: Literal["file"] = "file"

    @property
    def label(self) -> str:
        return self.path.name or str(self.path)

    def digest(self) -> str:
        return Stream(self.path).digest()

    def batches(self, *, position: int, page_token: str) -> Iterator[Batch]:
        stream = Stream(self.path)
        items = stream.read(skip=position)
        while batch := list(islice(items, self.batch_records)):
            position += len(batch)
            yield Batch(batch, position, stream.share)


@dataclass(frozen=True)
class ApiSource:
    """The studies a query of the register's API finds, page after page."""

    pages: Pages
    query: Mapping[str, str]
    kind: Literal["api"] = "api"

    @property
    def label(self) -> str:
        asked = ", ".join(f"{name}={value}" for name, value in self.query.items())
        return f"ClinicalTrials.gov API, {asked or 'all studies'}"

    def digest(self) -> str:
        return self.pages.digest(self.query)

    def batches(self, *, position: int, page_token: str) -> Iterator[Batch]:
        """Give one batch a page; a finished run's last page has no token."""
        if position and not page_token:
            return
        total = 0
        for page in self.pages.read(self.query, token=page_token):
            total = page.total or total
            items = [
                read_one(f"study {position + n}", partial(parse_object, study))
                for n, study in enumerate(page.studies, 1)
            ]
            position += len(items)
            share = min(position / total, 1.0) if total else 0.0
            yield Batch(items, position, share, page.next_token)
