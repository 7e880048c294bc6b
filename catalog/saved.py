"""What a saved search finds now, and what has changed since it was looked at."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.http import QueryDict

from catalog import catalogue, search
from catalog.index.arrays import Ints
from catalog.models import CRO, SavedSearch


@dataclass(frozen=True)
class Change:
    """A saved search today: keys of the CROs that came in and that left."""

    saved: SavedSearch
    total: int
    entered: Ints
    left: Ints

    @property
    def is_changed(self) -> bool:
        return bool(self.entered.size or self.left.size)


def pack(keys: Ints) -> bytes:
    """Write keys of CROs, in any order, in about a byte each."""
    return zlib.compress(np.diff(np.sort(keys), prepend=0).astype("<i8").tobytes())


def unpack(packed: bytes) -> Ints:
    """Read what `pack` wrote; the keys ascend."""
    if not packed:
        return np.zeros(0, np.int64)
    steps = np.frombuffer(zlib.decompress(packed), dtype="<i8")
    return np.cumsum(steps).astype(np.int64)


def found_by(query: str, held: catalogue.Held | None = None) -> Ints:
    """Return the keys of all CROs a search finds now, ascending."""
    held = held or catalogue.current()
    asked, _ = search.parse(QueryDict(query), held)
    return np.sort(held.facets.search(asked, 0, max(1, held.facets.n)).ids)


def changes(searches: Sequence[SavedSearch]) -> list[Change]:
    """Compare what searches find now with what they found when last looked at."""
    held = catalogue.current()
    compared = []
    for saved in searches:
        now, before = found_by(saved.query, held), unpack(bytes(saved.seen))
        compared.append(
            Change(
                saved=saved,
                total=len(now),
                entered=np.setdiff1d(now, before, assume_unique=True),
                left=np.setdiff1d(before, now, assume_unique=True),
            )
        )
    return compared


def named(keys: Ints) -> list[CRO]:
    """Return the CROs of these keys that have a page, by name."""
    return list(CRO.objects.published().filter(pk__in=keys.tolist()))
