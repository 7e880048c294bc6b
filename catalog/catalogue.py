"""The index of the catalogue in this process: never out of date, soon there.

Every call of `current` asks the database which catalogue it holds. Of a newer one
only the CROs that changed are read. The index lies in a file in `var/` as well: a
new process reads it there, and of several processes one works and the others read.
"""

import datetime as dt
import fcntl
import logging
import os
import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.db import connection
from django.utils import timezone

from catalog import snapshot
from catalog.choices import CROStatus
from catalog.index import store
from catalog.index.arrays import Ints, Vocabulary
from catalog.index.facets import FacetIndex
from catalog.index.query import SCHEME_OF_FACET
from catalog.index.wider import Wider, wider
from catalog.models import Term
from catalog.snapshot import State
from catalog.text import lookup_key
from catalog.words import NameIndex
from cro_portal.common.db import one_moment
from cro_portal.common.recent import Recent

logger = logging.getLogger(__name__)

EPOCH: Final = dt.date(1970, 1, 1)
ROOM_FOR_PAGES: Final = 16_000_000
"""Bytes of what is kept by address: some 250 pages of the list."""


@dataclass(frozen=True, eq=False)
class Names:
    """All names of listed CROs, in the order of their keys."""

    owner: Ints  # CRO key
    names: tuple[str, ...]
    keys: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, str]]) -> "Names":
        keyed = sorted((lookup_key(name), name, owner) for owner, name in rows)
        return cls._of_keyed(keyed)

    @classmethod
    def _of_keyed(cls, rows: Sequence[tuple[str, str, int]]) -> "Names":
        return cls(
            owner=np.array([owner for _, _, owner in rows], dtype=np.int64),
            names=tuple(name for _, name, _ in rows),
            keys=tuple(key for key, _, _ in rows),
        )

    def replaced(self, gone: Sequence[int], rows: Sequence[tuple[int, str]]) -> "Names":
        """Take the names of the CROs `gone` out and `rows` in."""
        stay = ~np.isin(self.owner, np.array(gone, dtype=np.int64))
        part = Names.of(rows)
        kept = zip(self.keys, self.names, self.owner.tolist(), strict=True)
        more = zip(part.keys, part.names, part.owner.tolist(), strict=True)
        return Names._of_keyed(
            sorted(
                [*(row for row, stays in zip(kept, stay, strict=True) if stays), *more]
            )
        )

    @cached_property
    def index(self) -> NameIndex:
        return NameIndex.build(self.keys)

    def name_of(self, key: str) -> str:
        """Give a name with this key; empty if there is none."""
        return _name_of(key, self.keys, self.names)


@dataclass(frozen=True, eq=False)
class Terms:
    """The current terms of all facets, and their names in the order of keys."""

    values: tuple[tuple[str, str], ...]  # facet and code
    labels: tuple[str, ...]
    owner: Ints  # place in `values`
    names: tuple[str, ...]
    keys: tuple[str, ...]

    @classmethod
    def load(cls) -> "Terms":
        """Load them: one query."""
        facets = {scheme: facet for facet, scheme in SCHEME_OF_FACET.items()}
        rows = list(
            Term.objects.current()
            .filter(scheme__in=list(facets))
            .order_by("pk")
            .values_list("scheme_id", "code", "label", "synonyms")
        )
        names = sorted(
            (lookup_key(name), name, place)
            for place, (_, code, label, synonyms) in enumerate(rows)
            for name in dict.fromkeys((label, code, *synonyms))
        )
        return cls(
            values=tuple((facets[scheme], code) for scheme, code, _, _ in rows),
            labels=tuple(label for _, _, label, _ in rows),
            owner=np.array([place for _, _, place in names], dtype=np.int64),
            names=tuple(name for _, name, _ in names),
            keys=tuple(key for key, _, _ in names),
        )

    @cached_property
    def index(self) -> NameIndex:
        return NameIndex.build(self.keys)

    @cached_property
    def label_of(self) -> Mapping[tuple[str, str], str]:
        """By facet and code, the label."""
        return dict(zip(self.values, self.labels, strict=True))

    @cached_property
    def place_of(self) -> Mapping[str, int]:
        """By key, the place in `values` of the first term that goes by it."""
        pairs = zip(self.keys, self.owner.tolist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def name_of(self, key: str) -> str:
        """Give a name with this key; empty if there is none."""
        return _name_of(key, self.keys, self.names)


def _name_of(key: str, keys: Sequence[str], names: Sequence[str]) -> str:
    return next((n for k, n in zip(keys, names, strict=True) if k == key), "")


class Kept:
    """What was made of single CROs, such as their cards: at most `size` things.

    A full one drops what it has held longest. Keys are a CRO's and what the thing
    is; with the next index the things of CROs that changed are gone.
    """

    def __init__(self, size: int = 4_096) -> None:
        self.size = size
        self._things: dict[tuple[int, Hashable], Any] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, cro: int, what: Hashable) -> Any:
        """Return the thing, None if it is not held."""
        return self._things.get((cro, what))

    def put(self, cro: int, what: Hashable, thing: object) -> None:
        with self._lock:
            self._things[cro, what] = thing
            if len(self._things) > self.size:
                del self._things[next(iter(self._things))]

    def without(self, cros: Iterable[int]) -> "Kept":
        gone = set(cros)
        rest = Kept(self.size)
        with self._lock:
            rest._things = {k: v for k, v in self._things.items() if k[0] not in gone}
        return rest


@dataclass(frozen=True, eq=False)
class Held:
    """An index and what belongs to it.

    `kept`, `pages` and `derived` are for whoever works something out of the index: by
    CRO, by address, and of the whole by a name of its own. None outlives what it was
    made of.
    """

    state: State
    n_terms: int  # in the vocabulary it was made with
    facets: FacetIndex
    names: Names
    kept: Kept = field(default_factory=Kept)
    pages: Recent[Any] = field(default_factory=lambda: Recent(ROOM_FOR_PAGES))
    derived: dict[Hashable, Any] = field(default_factory=dict)

    @cached_property
    def terms(self) -> Terms:
        return _terms(self.state)

    def is_for(self, state: State, on: int) -> bool:
        return self.state == state and self.facets.on == on


_lock = threading.Lock()
_held: Held | None = None
_vocabulary: tuple[int, int, Vocabulary, Wider] | None = None
_known_terms: tuple[State, Terms] | None = None


def current() -> Held:
    """Give the index of the catalogue as it is now, as of today: one query.

    A transaction that has written something gets an index of its own, which nobody
    else sees. So call it outside of one.
    """
    state = snapshot.read_state()
    on = (timezone.localdate() - EPOCH).days
    if state.has_own_writes or not state.version:  # no version yet: nothing to go by
        return _made(state, on)
    held = _held
    return held if held is not None and held.is_for(state, on) else _refreshed(on)


def forget() -> None:
    """Drop what this process holds."""
    global _held, _vocabulary, _known_terms
    with _lock:
        _held = _vocabulary = _known_terms = None


def folder() -> Path:
    """Where the files of the index lie."""
    return Path(settings.VAR_DIR) / "index"


def _refreshed(on: int) -> Held:
    """Bring the shared index up to date; one thread of one process does it."""
    global _held
    with _lock:
        state = snapshot.read_state()
        if _held is not None and _held.is_for(state, on):
            return _held
        with _only_process():
            _held = _read(snapshot.read_state(), on) or _make_and_write(on)
        return _held


def _make_and_write(on: int) -> Held:
    while True:
        with one_moment():
            state = snapshot.read_state()
            made = _updated(_held, state, on) or _made(state, on)
            # Where the block joined a transaction, its statements may have seen
            # different moments; an unchanged state proves that they did not.
            if snapshot.read_state() == state:
                break
    _write(made)
    return made


def _made(state: State, on: int) -> Held:
    """Make the index from all listed CROs."""
    vocabulary, wider_terms = _load_vocabulary(state)
    arrays = snapshot.load_cros(since=-1)
    return Held(
        state=state,
        n_terms=len(vocabulary.terms),
        facets=FacetIndex.build(arrays, vocabulary, on=on, wider_terms=wider_terms),
        names=Names.of(_load_names(since=-1)),
    )


def _updated(base: Held | None, state: State, on: int) -> Held | None:
    """Bring an index up to date by the CROs that changed; None if it cannot be."""
    if (
        base is None
        or base.facets.on != on
        or base.state.vocabulary_version != state.vocabulary_version
        or base.state.version > state.version
    ):
        return None
    changed, n_listed = snapshot.changed_since(base.state.version)
    if len(changed) > snapshot.MANY * max(1, base.facets.n):
        return None
    vocabulary, wider_terms = _load_vocabulary(state)
    if len(vocabulary.terms) != base.n_terms:
        return None
    part = FacetIndex.build(
        snapshot.load_cros(since=base.state.version),
        vocabulary,
        on=on,
        wider_terms=wider_terms,
    )
    facets = base.facets.replaced(changed, part)
    if facets.n != n_listed:  # CROs were deleted and left no version behind
        return None
    names = base.names.replaced(changed, _load_names(since=base.state.version))
    return Held(
        state=state,
        n_terms=base.n_terms,
        facets=facets,
        names=names,
        kept=base.kept.without(changed),
    )


def _load_vocabulary(state: State) -> tuple[Vocabulary, Wider]:
    """Load the terms, if those that are held are not of now."""
    global _vocabulary
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM catalog_term")
        last = cursor.fetchone()[0]
    held = _vocabulary
    if (
        held is None
        or held[:2] != (state.vocabulary_version, last)
        or state.has_own_writes
    ):
        loaded = snapshot.load_vocabulary()
        held = (state.vocabulary_version, last, loaded, wider(loaded))
        if not state.has_own_writes:
            _vocabulary = held
    return held[2], held[3]


def _terms(state: State) -> Terms:
    global _known_terms
    held = _known_terms
    if state.has_own_writes:
        return Terms.load()
    if held is None or held[0].vocabulary_version != state.vocabulary_version:
        held = (state, Terms.load())
        _known_terms = held
    return held[1]


def _load_names(*, since: int) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name FROM catalog_cro"
            " WHERE status = %(listed)s AND catalog_version > %(since)s"
            " UNION SELECT a.cro_id, a.name FROM catalog_alias a"
            " JOIN catalog_cro o ON o.id = a.cro_id AND o.status = %(listed)s"
            " AND o.catalog_version > %(since)s",
            {"listed": CROStatus.LISTED, "since": since},
        )
        return cursor.fetchall()


# The file


def _path(state: State, on: int) -> Path:
    version = f"{state.version}.{state.vocabulary_version}.{state.mark}"
    return folder() / f"index-{store.FORMAT}-{version}-{on}.npz"


def _read(state: State, on: int) -> Held | None:
    """Read the index from its file; None without one that is whole."""
    path = _path(state, on)
    try:
        arrays = store.read(path)
        return Held(
            state=state,
            n_terms=int(arrays["n_terms"]),
            facets=store.from_arrays(arrays),
            names=Names(
                owner=arrays["name_owner"],
                names=store.unpack_texts("all_names", arrays),
                keys=store.unpack_texts("name_keys", arrays),
            ),
        )
    except FileNotFoundError:
        return None
    except (store.UnreadableError, OSError, KeyError, ValueError) as error:
        logger.warning(
            "The index in %s cannot be read and is made anew: %s", path, error
        )
        return None


def _write(held: Held) -> None:
    """Put the index into its file; older files go. Without a file it works, too."""
    path = _path(held.state, held.facets.on)
    arrays = {
        **store.to_arrays(held.facets),
        "n_terms": np.array(held.n_terms),
        "name_owner": held.names.owner,
        **store.pack_texts("all_names", held.names.names),
        **store.pack_texts("name_keys", held.names.keys),
    }
    try:
        store.write(path, arrays)
        for other in path.parent.glob("index-*.npz"):
            if other != path:
                other.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The index cannot be written to %s: %s", path, error)


@contextmanager
def _only_process() -> Iterator[None]:
    """Let one process at a time make an index; the others wait for its file."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        handle = os.open(folder() / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        logger.warning("Without %s each process makes its index: %s", folder(), error)
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
