"""The catalogue as sets of bits: filter, count, sort and page in a millisecond.

A column is a value of a facet, a row is a CRO. Columns of long lists that few CROs
have (conditions), explicit noes and disputes are lists of rows instead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from catalog.index import bits
from catalog.index.arrays import (
    Bools,
    CatalogueArrays,
    Floats,
    Int32s,
    Ints,
    Vocabulary,
)
from catalog.index.bits import Rows32, Words
from catalog.index.facts import NEVER, Facts, Pairs, read_facts
from catalog.index.query import (
    BANDS,
    DELIVERY_FACETS,
    SCHEME_OF_FACET,
    SORTS,
    THROUGH,
    Choice,
    Count,
    Page,
    Query,
)
from catalog.index.wider import Wider, wider

SPARSE_FACETS = frozenset({"condition"})
SIZE_FROM = (50, 500, 5_000)
VERIFIED_WITHIN_DAYS = (365, 730)

_FIRST_LOOK = 2_048
"""Rows looked at first for a page, four times more each time after."""
_TABLE_PER_ROW = 16
"""Keys for each row up to which a table of all keys is worth its memory."""


class ThreeValued(NamedTuple):
    """Rows for which something holds, and rows for which it may hold or holds."""

    known: Words
    possible: Words


class _Asked(NamedTuple):
    """A query as sets of rows; the page and its counts both begin with them."""

    query: Query
    singles: Mapping[Choice, ThreeValued]
    facets: Mapping[str, ThreeValued]
    text: Rows32 | None
    start: Words  # what the words of the search leave


@dataclass(frozen=True)
class Layout:
    """Which columns there are: by facet the codes of its values, in order.

    A facet `service:own` holds the services delivered by own staff. `term` says
    which column a term (by position) is, per facet; -1 none.
    """

    codes: Mapping[str, tuple[str, ...]]
    column_of_term: Mapping[str, Ints]

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Layout":
        terms = vocabulary.terms
        codes: dict[str, tuple[str, ...]] = {}
        columns: dict[str, Ints] = {}
        for facet, scheme in SCHEME_OF_FACET.items():
            places = np.flatnonzero(terms.scheme == scheme)
            through = THROUGH if facet in DELIVERY_FACETS else ()
            for name in (facet, *(f"{facet}:{one}" for one in through)):
                codes[name] = tuple(terms.code[places].tolist())
                column = np.full(len(terms), -1)
                column[places] = np.arange(places.size)
                columns[name] = column
        return cls(codes, columns)

    @cached_property
    def position(self) -> Mapping[str, Mapping[str, int]]:
        """By facet, the place of each code."""
        return {
            facet: {code: place for place, code in enumerate(codes)}
            for facet, codes in {**self.codes, **BANDS}.items()
        }


@dataclass(frozen=True, eq=False)
class RowLists:
    """Sets of rows as ascending lists: list i is `row[at[i]:at[i + 1]]`."""

    at: Ints
    row: Rows32

    @classmethod
    def of(cls, owner: Ints, row: Ints, n_lists: int, n_rows: int) -> "RowLists":
        """Make the lists of pairs in any order; a pair given twice counts once."""
        width = max(1, n_rows)
        keys = np.sort(owner * width + row, kind="stable")
        keys = keys[np.diff(keys, prepend=-1) > 0]
        at = np.searchsorted(keys, np.arange(n_lists + 1) * width)
        return cls(at.astype(np.int64), (keys % width).astype(np.int32))

    def rows(self, i: int) -> Rows32:
        return self.row[self.at[i] : self.at[i + 1]]

    @property
    def owner(self) -> Ints:
        return np.repeat(np.arange(self.at.size - 1), np.diff(self.at))


class Counts(Mapping[str, Mapping[str, Count]]):
    """By facet and code, how many CROs of those that the other facets leave.

    `numbers(facet)` gives the counts of yes in the order of `codes(facet)`, without
    a Python object for each.
    """

    def __init__(
        self,
        codes: Mapping[str, tuple[str, ...]],
        yes: Mapping[str, Ints],
        unknown: Mapping[str, Ints],
    ) -> None:
        self._codes, self._yes, self._unknown = codes, yes, unknown

    def codes(self, facet: str) -> tuple[str, ...]:
        return self._codes[facet]

    def numbers(self, facet: str) -> Ints:
        return self._yes[facet]

    def __getitem__(self, facet: str) -> Mapping[str, Count]:
        yes = self._yes[facet].tolist()
        unknown = self._unknown[facet].tolist() if self._unknown else [None] * len(yes)
        return {
            code: Count(*pair)
            for code, pair in zip(
                self._codes[facet], zip(yes, unknown, strict=True), strict=True
            )
        }

    def __contains__(self, facet: object) -> bool:
        return facet in self._yes

    def __iter__(self) -> Iterator[str]:
        return iter(self._yes)

    def __len__(self) -> int:
        return len(self._yes)


@dataclass(frozen=True, eq=False)
class FacetIndex:
    """All listed CROs, by key ascending, as of a day. Never written once made."""

    layout: Layout
    on: int  # day, counted from 1970-01-01
    ids: Ints
    names: tuple[str, ...]
    yes: Mapping[str, Words]  # by facet of the layout (but sparse ones): (k, n_words)
    no: Mapping[str, RowLists]  # by facet
    disputed: Mapping[str, RowLists]  # by facet
    sparse: Mapping[str, RowLists]  # yes, by sparse facet
    complete: Mapping[str, Words]  # by facet
    headcount: Floats
    newest: Int32s
    grade: npt.NDArray[np.uint8]
    role_at: Ints
    role_areas: npt.NDArray[np.uint64]
    by_name: Int32s = field(repr=False)  # rows in the order of names

    # Making it

    @classmethod
    def build(
        cls,
        arrays: CatalogueArrays,
        vocabulary: Vocabulary,
        *,
        on: int,
        wider_terms: Wider | None = None,
    ) -> "FacetIndex":
        """Index the CROs of the arrays as of a day."""
        layout = Layout.of(vocabulary)
        facts = read_facts(arrays, vocabulary, wider_terms or wider(vocabulary), on=on)
        n = facts.n
        names = tuple(arrays.names[key] for key in arrays.cros.id.tolist())
        dense = [facet for facet in layout.codes if facet not in SPARSE_FACETS]
        return cls(
            layout=layout,
            on=on,
            ids=arrays.cros.id,
            names=names,
            yes={facet: _columns(layout, facet, facts) for facet in dense},
            no={facet: _lists(layout, facet, facts.no, n) for facet in SCHEME_OF_FACET},
            disputed={
                facet: _lists(layout, facet, facts.disputed, n)
                for facet in SCHEME_OF_FACET
            },
            sparse={
                facet: _lists(layout, facet, facts.yes, n)
                for facet in sorted(SPARSE_FACETS)
            },
            complete={
                facet: bits.from_rows(
                    arrays.dense_cros.of(
                        arrays.complete.cro[arrays.complete.scheme == scheme]
                    ),
                    n,
                )
                for facet, scheme in SCHEME_OF_FACET.items()
            },
            headcount=facts.headcount,
            newest=facts.newest,
            grade=facts.grade,
            role_at=facts.role_at,
            role_areas=facts.role_areas,
            by_name=_by_name(names, arrays.cros.id),
        )

    def replaced(self, gone: Iterable[int], part: "FacetIndex") -> "FacetIndex":
        """Take the CROs `gone` out and those of `part` in.

        `part` is made with the same vocabulary, as of the same day; it holds the
        CROs of `gone` that are still listed, anew.
        """
        if part.on != self.on or part.layout.codes != self.layout.codes:
            raise ValueError("the parts of an index share the day and the vocabulary")
        stay = np.flatnonzero(
            ~np.isin(self.ids, np.fromiter((*gone, *part.ids.tolist()), np.int64))
        )
        ids = np.concatenate([self.ids[stay], part.ids])
        order = np.argsort(ids, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        merge = _Merge(self.n, part.n, stay, order, place)
        names = np.array([*self.names, *part.names], dtype=object)
        merged_names = tuple(names[merge.source].tolist())
        role_rows = np.concatenate(
            [
                _spans(self.role_at, stay),
                len(self.role_areas) + np.arange(part.role_at[-1]),
            ]
        )
        lengths = np.concatenate([np.diff(self.role_at)[stay], np.diff(part.role_at)])
        role_owner = np.repeat(place, lengths)
        by_owner = np.argsort(role_owner, kind="stable")
        role_areas = np.concatenate([self.role_areas, part.role_areas])
        return FacetIndex(
            layout=self.layout,
            on=self.on,
            ids=ids[order],
            names=merged_names,
            yes={f: merge.words(self.yes[f], part.yes[f]) for f in self.yes},
            no={f: merge.lists(self.no[f], part.no[f]) for f in self.no},
            disputed={
                f: merge.lists(self.disputed[f], part.disputed[f])
                for f in self.disputed
            },
            sparse={
                f: merge.lists(self.sparse[f], part.sparse[f]) for f in self.sparse
            },
            complete={
                f: merge.words(self.complete[f], part.complete[f])
                for f in self.complete
            },
            headcount=np.concatenate([self.headcount, part.headcount])[merge.source],
            newest=np.concatenate([self.newest, part.newest])[merge.source],
            grade=np.concatenate([self.grade, part.grade])[merge.source],
            role_at=np.concatenate([[0], np.cumsum(lengths[order])]),
            role_areas=role_areas[role_rows[by_owner]],
            by_name=_by_name(merged_names, ids[order]),
        )

    # What follows from it

    @property
    def n(self) -> int:
        return len(self.ids)

    @cached_property
    def everyone(self) -> Words:
        return bits.everything(self.n)

    @cached_property
    def bands(self) -> Mapping[str, Words]:
        """The columns of facets that are bands of a number."""
        size = np.searchsorted(SIZE_FROM, self.headcount, side="right")
        size[np.isnan(self.headcount)] = BANDS["size"].index("unknown")
        age = self.on - self.newest.astype(np.int64)
        verified = np.searchsorted(VERIFIED_WITHIN_DAYS, age, side="left")
        verified[self.newest == NEVER] = BANDS["verified"].index("never")
        return {
            facet: bits.pack(np.arange(len(BANDS[facet]))[:, None] == place)
            for facet, place in (
                ("size", size),
                ("evidence", self.grade),
                ("verified", verified),
            )
        }

    @cached_property
    def n_trials(self) -> Ints:
        return np.diff(self.role_at)

    @cached_property
    def n_countries(self) -> Ints:
        flags = bits.unpack(self.yes["country"], self.n)
        return flags.sum(axis=0, dtype=np.int64)

    @cached_property
    def orders(self) -> Mapping[str, Int32s]:
        """By sort, the rows in order; ties by name."""
        return {
            "relevance": self._by(self.grade),
            "name": self.by_name,
            "trials": self._by(-self.n_trials),
            "countries": self._by(-self.n_countries),
            "size": self._by(-self.headcount),
            "verified": self._by(-self.newest.astype(np.int64)),
        }

    def _by(self, key: npt.NDArray[Any]) -> Int32s:
        return self.by_name[np.argsort(key[self.by_name], kind="stable")]

    @cached_property
    def totals(self) -> Mapping[str, Ints]:
        """By facet, how many CROs have a yes on each value."""
        return {
            facet: self._count(facet, self.everyone)
            for facet in (*self.layout.codes, *BANDS)
        }

    def total(self, facet: str, code: str) -> int:
        """Count the CROs with a yes on a value."""
        return int(self.totals[facet][self._column(facet, code)])

    # Asking it

    def has(self, facet: str, code: str) -> bool:
        """Say whether the facet has this value."""
        return code in self.layout.position.get(facet, {})

    def has_yes(self, facet: str, code: str) -> Bools:
        """Say of each row whether it has a yes on a value."""
        return bits.unpack(self._yes(facet, self._column(facet, code)), self.n)

    def search(self, query: Query, offset: int = 0, limit: int = 25) -> Page:
        """Find the CROs of a query; give `limit` of them from `offset` on.

        By relevance those come first of whom more of the chosen facets are known to
        match; then by the rank in `query.text`, evidence grade, name. By any other
        sort those known to match come first.
        """
        if query.sort not in SORTS:
            raise ValueError(f"there is no sort {query.sort!r}")
        _, singles, facets, text, base = self._asked(query)
        known = reduce(np.bitwise_and, (one.known for one in facets.values()), base)
        possible = reduce(
            np.bitwise_and, (one.possible for one in facets.values()), base
        )
        found = possible if query.include_unknown else known
        total_known, total_possible = bits.count(known), bits.count(possible)
        rows = self._page(
            self._levels(query, facets, known, found),
            text
            if text is not None and query.sort == "relevance"
            else self._order(query),
            offset,
            offset + limit,
        )
        return Page(
            total=total_possible if query.include_unknown else total_known,
            total_known=total_known,
            n_unknown=total_possible - total_known,
            ids=self.ids[rows],
            marks=self._open(singles, rows),
            disputed=self._disputed(query.choices, rows),
        )

    def counts(
        self, query: Query, facets: Iterable[str] = (), *, unknown: bool = False
    ) -> Counts:
        """Count the values of facets among the CROs that the other facets leave.

        Without `facets`, those that are not sparse. A facet's own choices do not
        narrow its counts. `unknown` also counts the CROs not known on each value.
        """
        names = tuple(facets) or (*self.yes, *BANDS)
        asked = self._asked(query)
        start = asked.start
        sets = {
            facet: one.possible if query.include_unknown else one.known
            for facet, one in asked.facets.items()
        }
        all_of_them = reduce(np.bitwise_and, sets.values(), start)
        yes: dict[str, Ints] = {}
        open_: dict[str, Ints] = {}
        for name in names:
            facet = name.partition(":")[0]
            base = all_of_them
            if facet in sets:
                others = (one for other, one in sets.items() if other != facet)
                base = reduce(np.bitwise_and, others, start)
            is_all = base is self.everyone
            yes[name] = self.totals[name] if is_all else self._count(name, base)
            if unknown:
                open_[name] = self._count_unknown(name, base)
        codes = {
            name: self.layout.codes.get(name) or BANDS.get(name, ()) for name in names
        }
        return Counts(codes, yes, open_)

    def found(self, query: Query) -> Ints:
        """Give the keys of all CROs of a query, ascending."""
        return self.ids[bits.unpack(self._found(query), self.n)]

    def without(self, query: Query) -> Mapping[Choice | None, int]:
        """Count, for each choice, what would be found without it.

        The key None is for the search of words, where there is one.
        """
        found: dict[Choice | None, int] = {}
        for choice in dict.fromkeys(query.choices):
            kept = tuple(one for one in query.choices if one != choice)
            found[choice] = self._total(query, kept, with_text=True)
        if query.text is not None:
            found[None] = self._total(query, query.choices, with_text=False)
        return found

    # How

    def _total(self, query: Query, kept: tuple[Choice, ...], *, with_text: bool) -> int:
        text = query.text if with_text else None
        return bits.count(self._found(replace(query, choices=kept, text=text)))

    def _found(self, query: Query) -> Words:
        asked = self._asked(query)
        sets = (
            one.possible if query.include_unknown else one.known
            for one in asked.facets.values()
        )
        return reduce(np.bitwise_and, sets, asked.start)

    def _asked(self, query: Query) -> _Asked:
        """Work a query out once: the same object is asked for page and counts."""
        last: _Asked | None = self.__dict__.get("_last")
        if last is not None and last.query is query:
            return last
        singles = {choice: self._choice(choice) for choice in query.choices}
        text = self._text_rows(query)
        start = self.everyone if text is None else bits.from_rows(text, self.n)
        facets = self._facets(query, singles)
        asked = _Asked(query, singles, facets, text, start)
        self.__dict__["_last"] = asked  # one assignment: threads may do it at once
        return asked

    def _text_rows(self, query: Query) -> Rows32 | None:
        if query.text is None:
            return None
        rows = self.rows_of(np.asarray(query.text, np.int64))
        return rows[rows >= 0]

    def rows_of(self, keys: Ints) -> Rows32:
        """Give the row of each key, -1 where no CRO of the index has it."""
        table = self._row_of_key
        if table is None:
            place = np.minimum(np.searchsorted(self.ids, keys), max(0, self.n - 1))
            found = self.ids[place] == keys if self.n else np.zeros(keys.size, bool)
            return np.where(found, place, -1).astype(np.int32)
        inside = (keys >= 0) & (keys < table.size)
        return np.where(inside, table[np.where(inside, keys, 0)], np.int32(-1))

    @cached_property
    def _row_of_key(self) -> Rows32 | None:
        """The rows by key, unless the keys lie too far apart for a table."""
        size = int(self.ids.max(initial=0)) + 1
        if size > _TABLE_PER_ROW * self.n + _FIRST_LOOK:
            return None
        table = np.full(size, -1, np.int32)
        table[self.ids] = np.arange(self.n, dtype=np.int32)
        return table

    def _column(self, facet: str, code: str) -> int:
        try:
            return self.layout.position[facet][code]
        except KeyError:
            raise ValueError(f"the facet {facet!r} has no value {code!r}") from None

    def _yes(self, facet: str, column: int) -> Words:
        if facet in BANDS:
            return self.bands[facet][column]
        if facet in SPARSE_FACETS:
            return bits.from_rows(self.sparse[facet].rows(column), self.n)
        return self.yes[facet][column]

    def _unknown(self, facet: str, column: int, yes: Words) -> Words:
        """Rows where the fact itself, whoever delivers it, is not known."""
        if facet == "size":
            last = BANDS["size"].index("unknown")
            return self.bands["size"][last] if column != last else yes & ~yes
        if facet in BANDS:
            return yes & ~yes
        known = yes | self.complete[facet]
        no = self.no[facet].rows(column)
        if no.size:
            known |= bits.from_rows(no, self.n)
        return self.everyone & ~known

    def _choice(self, choice: Choice) -> ThreeValued:
        """Work out where a choice is met, and where it may be."""
        column = self._column(choice.facet, choice.code)
        yes = self._yes(choice.facet, column)
        unknown = self._unknown(choice.facet, column, yes)
        if choice.delivery:
            yes = self.yes[f"{choice.facet}:{choice.delivery}"][column]
        if choice.state == "unknown":
            known = possible = unknown
        elif choice.state == "no":
            known = self.everyone & ~(yes | unknown)
            possible = self.everyone & ~yes
        else:
            known, possible = yes, yes | unknown
        if choice.excluded:
            known, possible = self.everyone & ~possible, self.everyone & ~known
        return ThreeValued(known, possible)

    def _facets(
        self, query: Query, singles: Mapping[Choice, ThreeValued]
    ) -> dict[str, ThreeValued]:
        wanted: dict[str, list[ThreeValued]] = {}
        refused: dict[str, list[ThreeValued]] = {}
        for choice, found in singles.items():
            (refused if choice.excluded else wanted).setdefault(
                choice.facet, []
            ).append(found)
        combined: dict[str, ThreeValued] = {}
        for facet in (*wanted, *(one for one in refused if one not in wanted)):
            parts = list(refused.get(facet, ()))
            if ask := wanted.get(facet):
                join = np.bitwise_and if facet in query.all_of else np.bitwise_or
                parts.append(_joined(join, ask))
            combined[facet] = _joined(np.bitwise_and, parts)
        return combined

    def _levels(
        self,
        query: Query,
        facets: Mapping[str, ThreeValued],
        known: Words,
        found: Words,
    ) -> Iterator[Words]:
        """Give the CROs found in parts, the best first; each is made when needed."""
        yield known
        if found is known:
            return
        if query.sort != "relevance" or len(facets) == 1:
            yield found & ~known
            return
        matches = np.zeros(self.n, np.uint8)
        for one in facets.values():
            matches += bits.unpack(one.known, self.n).view(np.uint8)
        for level in range(len(facets) - 1, -1, -1):
            yield bits.pack(matches == level) & found

    def _order(self, query: Query) -> Int32s:
        if query.sort == "trials":
            areas = sorted(
                {
                    self._column("area", choice.code)
                    for choice in query.choices
                    if choice.facet == "area"
                    and choice.state == "yes"
                    and not choice.excluded
                }
            )
            if areas:
                return self._by(-self.trials_in(areas))
        return self.orders[query.sort]

    def trials_in(self, areas: Sequence[int]) -> Ints:
        """Count each CRO's trials in any of these areas, by their columns."""
        wanted = np.zeros(self.role_areas.shape[1], np.uint64)
        for area in areas:
            wanted[area >> 6] |= np.uint64(1) << np.uint64(area & 63)
        hits = (self.role_areas & wanted).any(axis=1)
        sums = np.concatenate([[0], np.cumsum(hits)])
        return sums[self.role_at[1:]] - sums[self.role_at[:-1]]

    def _page(
        self, levels: Iterable[Words], order: Int32s, start: int, stop: int
    ) -> Rows32:
        """Give rows `start` to `stop` of the levels, each in the given order."""
        pages: list[Rows32] = []
        for level in levels:
            if stop <= 0:
                break
            size = bits.count(level)
            if start < size:
                pages.append(_ordered(level, order, self.n, start, min(stop, size)))
            start, stop = max(0, start - size), stop - size
        return np.concatenate([np.zeros(0, np.int32), *pages])

    def _open(
        self, singles: Mapping[Choice, ThreeValued], rows: Rows32
    ) -> tuple[tuple[Choice, ...], ...]:
        marks: list[list[Choice]] = [[] for _ in range(rows.size)]
        for choice, (known, possible) in singles.items():
            for place in np.flatnonzero(bits.contains(possible & ~known, rows)):
                marks[place].append(choice)
        return tuple(tuple(mark) for mark in marks)

    def _disputed(
        self, choices: Iterable[Choice], rows: Rows32
    ) -> tuple[tuple[Choice, ...], ...]:
        marks: list[list[Choice]] = [[] for _ in range(rows.size)]
        for choice in dict.fromkeys(choices):
            if choice.facet in BANDS:
                continue
            column = self._column(choice.facet, choice.code)
            disputed = self.disputed[choice.facet].rows(column)
            for place in np.flatnonzero(_among(rows, disputed)):
                marks[place].append(choice)
        return tuple(tuple(mark) for mark in marks)

    def _count(self, facet: str, base: Words) -> Ints:
        if facet in BANDS:
            return bits.counts_within(self.bands[facet], base)
        if facet in SPARSE_FACETS:
            lists = self.sparse[facet]
            hits = np.concatenate([[0], np.cumsum(bits.contains(base, lists.row))])
            return hits[lists.at[1:]] - hits[lists.at[:-1]]
        return bits.counts_within(self.yes[facet], base)

    def _count_unknown(self, name: str, base: Words) -> Ints:
        facet = name.partition(":")[0]
        n_columns = len(self.layout.position[facet])
        return np.array(
            [
                bits.count(base & self._unknown(facet, i, self._yes(facet, i)))
                for i in range(n_columns)
            ],
            dtype=np.int64,
        )


@dataclass(frozen=True, eq=False)
class _Merge:
    """Rows of two indexes to rows of one: `stay` of the first, all of the second."""

    n_first: int
    n_second: int
    stay: Ints
    order: Ints  # the rows that are kept of both, one after the other, as new rows
    place: Ints  # the new row of each

    @cached_property
    def source(self) -> Ints:
        """The new rows, as positions in all rows of both."""
        kept = np.concatenate([self.stay, self.n_first + np.arange(self.n_second)])
        return kept[self.order]

    def words(self, first: Words, second: Words) -> Words:
        flags = np.concatenate(
            [bits.unpack(first, self.n_first), bits.unpack(second, self.n_second)],
            axis=-1,
        )
        return bits.pack(flags[..., self.source])

    def lists(self, first: RowLists, second: RowLists) -> RowLists:
        new_row = np.full(self.n_first + self.n_second, -1)
        new_row[self.source] = np.arange(self.source.size)
        row = new_row[np.concatenate([first.row, self.n_first + second.row])]
        owner = np.concatenate([first.owner, second.owner])
        kept = np.flatnonzero(row >= 0)
        return RowLists.of(owner[kept], row[kept], first.at.size - 1, self.source.size)


def _spans(at: Ints, rows: Ints) -> Ints:
    """Give the positions of the lists of some rows, one after the other."""
    lengths = np.diff(at)[rows]
    ends = np.cumsum(lengths)
    within = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
    return np.repeat(at[rows], lengths) + within


def _among(rows: Rows32, ascending: Rows32) -> Bools:
    """Say of each row whether it is in an ascending list, which is not read through."""
    if not ascending.size:
        return np.zeros(rows.size, bool)
    place = np.searchsorted(ascending, rows)
    return ascending[np.minimum(place, ascending.size - 1)] == rows


def _joined(join: np.ufunc, parts: Sequence[ThreeValued]) -> ThreeValued:
    return ThreeValued(
        reduce(join, (part.known for part in parts)),
        reduce(join, (part.possible for part in parts)),
    )


def _ordered(words: Words, order: Int32s, n: int, start: int, stop: int) -> Rows32:
    """Give members `start` to `stop` of a set in an order, looking no further."""
    flags = bits.unpack(words, n)
    found: list[Rows32] = []
    n_found, at, size = 0, 0, _FIRST_LOOK
    while n_found < stop and at < order.size:
        part = order[at : at + size]
        hits = part[flags[part]]
        found.append(hits)
        n_found += hits.size
        at, size = at + size, size * 4
    return np.concatenate([np.zeros(0, np.int32), *found])[start:stop]


def _cells(layout: Layout, name: str, pairs: Pairs) -> tuple[Ints, Ints]:
    column = layout.column_of_term[name][pairs.term]
    mine = np.flatnonzero(column >= 0)
    return column[mine], pairs.cro[mine]


def _columns(layout: Layout, name: str, facts: Facts) -> Words:
    pairs = {"": facts.yes, "own": facts.own, "partner": facts.partner}
    column, row = _cells(layout, name, pairs[name.partition(":")[2]])
    flags = np.zeros((len(layout.codes[name]), facts.n), bool)
    flags[column, row] = True
    return bits.pack(flags)


def _lists(layout: Layout, facet: str, pairs: Pairs, n: int) -> RowLists:
    column, row = _cells(layout, facet, pairs)
    return RowLists.of(column, row, len(layout.codes[facet]), n)


def _by_name(names: Sequence[str], ids: Ints) -> Int32s:
    keys = ids.tolist()
    order = sorted(
        range(len(names)), key=lambda i: (names[i].casefold(), names[i], keys[i])
    )
    return np.array(order, dtype=np.int32)
