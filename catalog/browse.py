"""What the page of the catalogue shows: facets with counts, cards, ways out.

Everything but the names of the CROs is read from the index, so a page costs the
same few queries whatever it shows. What does not depend on the request is made once:
the lists of values with an index, the HTML of a card with the facts of its CRO, that
of a value with the vocabulary (`catalog.fragments`).
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from django.core.paginator import Page as NumberedPage
from django.core.paginator import Paginator
from django.http import QueryDict
from django.urls import reverse
from django.utils.html import escape
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from catalog import catalogue, fragments, search
from catalog.fragments import Parts, Value, Way
from catalog.index import bits
from catalog.index.arrays import Ints
from catalog.index.facets import Counts, FacetIndex
from catalog.index.facts import NEVER
from catalog.index.query import (
    BANDS,
    DELIVERY_FACETS,
    SCHEME_OF_FACET,
    THROUGH,
    Choice,
    Page,
    Query,
)
from catalog.models import CRO, Alias, Term
from catalog.models.tray import TRAY_SIZE
from catalog.tray import PARAMETER as TRAY

CROS_A_PAGE: Final = 25
RELAXATIONS: Final = 3
PROBLEMS_SHOWN: Final = 5
CONDITIONS_FOUND: Final = 12
"""Conditions offered for the words typed into their facet."""
AREAS_ON_CARD: Final = 3
SERVICES_ON_CARD: Final = 6

OPEN_AT_FIRST: Final = ("area", "phase", "country", "service", "technology", "size")
KEEPS_ORDER: Final = frozenset({"phase", *BANDS})
"""Facets whose values stand in the order of their list, not by number of CROs."""

VIEWS: Final[Mapping[str, str]] = {"cards": "Cards", "table": "Table"}


@dataclass(frozen=True)
class Facet:
    """A facet as the panel shows it."""

    name: str
    label: str
    values: Sequence[Value]
    rows: SafeString  # the values as they are written
    n_values: int
    n_chosen: int
    is_open: bool
    is_whole: bool
    is_all_of: bool
    is_searched: bool
    more_url: str = ""  # shows all values, or again the first ones
    words: str = ""


@dataclass(frozen=True)
class Chip:
    """Something that narrows the list, and the address without it."""

    label: str
    url: str
    count: int | None = None


@dataclass(frozen=True)
class Area:
    label: SafeString
    n_trials: int


@dataclass(frozen=True)
class Facts:
    """What a card says of a CRO; None where it is not known."""

    type: SafeString | None
    size: str | None
    headcount: int | None
    n_trials: int
    areas: Sequence[Area]
    countries: Sequence[SafeString]
    services: Sequence[SafeString]
    n_services: int
    grade: str  # "" without a claim
    grade_label: str
    verified_on: dt.date | None


class Card(NamedTuple):
    """A CRO in the list, and the chosen facts not known, or disputed, for it."""

    slug: str
    parts: Parts
    unknown: tuple[str, ...]
    disputed: tuple[str, ...]


def list_path() -> str:
    return reverse("catalog:cro-list")


@dataclass(frozen=True)
class Address:
    """The state of the page as its address says it: canonical, problems left out."""

    choices: tuple[Choice, ...] = ()
    all_of: frozenset[str] = frozenset()
    q: str = ""
    include_unknown: bool = True
    sort: str = "relevance"
    view: str = "cards"
    whole: tuple[str, ...] = ()
    condition_words: str = ""
    tray: tuple[str, ...] = ()
    path: str = field(default_factory=list_path)

    def _narrowing(self) -> Iterator[tuple[str, str]]:
        if self.q:
            yield "q", self.q
        for choice in self.choices:
            yield choice.facet, search.write_choice(choice)
        for facet in sorted(self.all_of):
            yield f"{facet}{search.MODE}", "all"
        if not self.include_unknown:
            yield "unknown", "0"

    def _shape(self) -> Iterator[tuple[str, str]]:
        if self.sort != "relevance":
            yield "sort", self.sort
        if self.view != "cards":
            yield "view", self.view

    def _rest(self) -> Iterator[tuple[str, str]]:
        if self.condition_words:
            yield "find", self.condition_words
        for slug in self.tray:
            yield TRAY, slug

    @cached_property
    def _around(self) -> tuple[str, str]:
        """The query before the facets shown whole, and after them."""
        before = urlencode([*self._narrowing(), *self._shape()])
        return before, urlencode(list(self._rest()))

    def url(self, page: int = 1) -> str:
        return self._url(self.whole, [("page", str(page))] if page > 1 else ())

    def url_showing(self, whole: Iterable[str]) -> str:
        """Give the address that shows all values of these facets."""
        return self._url(whole)

    def _url(self, whole: Iterable[str], more: Sequence[tuple[str, str]] = ()) -> str:
        before, after = self._around
        shown = "&".join(f"open={facet}" for facet in whole)
        parts = [part for part in (before, shown, after, urlencode(more)) if part]
        return f"{self.path}?{'&'.join(parts)}" if parts else self.path

    @property
    def filters(self) -> str:
        """What decides which CROs are found, as a query string."""
        return urlencode(list(self._narrowing()))

    def adding(self, choice: Choice) -> "Address":
        return replace(self, choices=tuple(dict.fromkeys((*self.choices, choice))))

    def without(self, choice: Choice) -> "Address":
        return replace(self, choices=tuple(c for c in self.choices if c != choice))

    def exchanging(self, old: Choice, new: Choice) -> "Address":
        swapped = (new if choice == old else choice for choice in self.choices)
        return replace(self, choices=tuple(dict.fromkeys(swapped)))


@dataclass(frozen=True)
class Browse:
    """The whole page."""

    address: Address
    problems: Sequence[search.Problem]
    facets: Sequence[Facet]
    chips: Sequence[Chip]
    page: NumberedPage
    result: Page
    cards: Sequence[Card]
    n_listed: int
    narrowest: Chip | None = None
    relaxations: Sequence[Chip] = ()
    as_filters: Sequence[Chip] = ()
    n_filters: int = 0  # that `as_filters` stand for
    n_gone: int = 0
    names: Sequence[str] = ()
    other_names: Sequence[Alias] = ()
    sorts: Mapping[str, str] = field(default_factory=lambda: search.SORT_LABELS)


# Words


@dataclass(frozen=True)
class Words:
    """The values of a facet, by column of the index.

    `order` has the current terms in the order of their list, trees written out
    downwards; `labels` are escaped `texts`.
    """

    texts: tuple[str, ...]
    labels: tuple[SafeString, ...]
    order: tuple[int, ...]
    depth: tuple[int, ...]
    rows: fragments.Rows = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, columns: Mapping[str, int], terms: Iterable["TermRow"]) -> "Words":
        """Make them of the terms of a scheme in order; `columns` is by code."""
        texts = list(columns)
        depth = [0] * len(texts)
        below: dict[int, list[TermRow]] = {}
        rows = [term for term in terms if term.code in columns]
        keys = {term.key for term in rows}
        for term in rows:
            texts[columns[term.code]] = term.label
            parent = term.parent if term.parent in keys else 0
            below.setdefault(parent or 0, []).append(term)
        order: list[int] = []

        def write(parent: int, level: int) -> None:
            for term in below.get(parent, ()):
                depth[columns[term.code]] = level
                order.append(columns[term.code])
                write(term.key, level + 1)

        write(0, 0)
        labels = tuple(map(escape, texts))
        return cls(tuple(texts), labels, tuple(order), tuple(depth))

    @classmethod
    def of_bands(cls, facet: str) -> "Words":
        texts = tuple(search.BAND_LABELS[facet][code] for code in BANDS[facet])
        n = len(texts)
        return cls(texts, tuple(map(escape, texts)), tuple(range(n)), (0,) * n)


class TermRow(NamedTuple):
    key: int
    parent: int | None
    scheme: str
    code: str
    label: str


_words: tuple[catalogue.Terms, Mapping[str, Words]] | None = None


def words_of(held: catalogue.Held) -> Mapping[str, Words]:
    """Return the words of every facet: one query for each vocabulary."""
    global _words
    if _words is None or _words[0] is not held.terms:
        _words = (held.terms, _load_words(held.facets))
    return _words[1]


def _load_words(index: FacetIndex) -> Mapping[str, Words]:
    rows: dict[str, list[TermRow]] = {scheme: [] for scheme in SCHEME_OF_FACET.values()}
    terms = Term.objects.current().filter(scheme__in=list(rows))
    for row in terms.order_by("position", "label", "pk").values_list(
        "pk", "parent", "scheme", "code", "label"
    ):
        term = TermRow(*row)
        rows[term.scheme].append(term)
    rows["country"].sort(key=lambda term: term.label)
    found = {
        facet: Words.of(index.layout.position[facet], rows[scheme])
        for facet, scheme in SCHEME_OF_FACET.items()
    }
    return found | {facet: Words.of_bands(facet) for facet in BANDS}


# Reading the address


def read_address(params: QueryDict, query: Query) -> Address:
    view = params.get("view", "")
    known = {one.name for one in search.FACET_FIELDS}
    return Address(
        choices=query.choices,
        all_of=query.all_of,
        q=shown_text(params),
        include_unknown=query.include_unknown,
        sort=query.sort,
        view=view if view in VIEWS else "cards",
        whole=tuple(
            name for name in dict.fromkeys(params.getlist("open")) if name in known
        ),
        condition_words=" ".join(_printable(params.get("find", ""))[:100].split()),
        tray=tuple(
            dict.fromkeys(
                _printable(slug)[:100] for slug in params.getlist(TRAY)[:TRAY_SIZE]
            )
        ),
    )


def shown_text(params: QueryDict) -> str:
    """Return the words of the search as they stand in its field."""
    text = " ".join(_printable(params.get("q", "")).split())
    return text[: search.TEXT_LENGTH]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def browse(params: QueryDict, held: catalogue.Held | None = None) -> Browse:
    """Gather the page for the parameters of a request, from the current catalogue."""
    held = held or catalogue.current()
    query, problems = search.parse(params, held)
    index, words = held.facets, words_of(held)
    address = read_address(params, query)
    number, notice = _page_number(params.get("page", ""))
    result = index.search(query, CROS_A_PAGE * (number - 1), CROS_A_PAGE)
    page = Paginator(range(result.total), CROS_A_PAGE).get_page(number)
    if page.number != number:
        n = page.paginator.num_pages
        there_are = f"There are {n} pages; this is the last."
        notice = search.Problem(
            "page", str(number), there_are if n > 1 else "There is 1 page; this is it."
        )
        result = index.search(query, page.start_index() - 1, CROS_A_PAGE)
    cards = _cards(held, query, result, words, address.view)
    as_filters, n_filters = _as_filters(held, address, words)
    narrowest, relaxations = _ways_out(index, query, address, words, result)
    return Browse(
        address=address,
        problems=_first([*problems, notice] if notice else problems),
        facets=_facets(held, query, address, words),
        chips=chips_of(address, index, words),
        page=page,
        result=result,
        cards=cards,
        n_listed=index.n,
        narrowest=narrowest,
        relaxations=relaxations,
        as_filters=as_filters,
        n_filters=n_filters,
        n_gone=len(result.ids) - len(cards),
        names=_names(held, address, result),
        other_names=search.other_names(address.q, result.ids.tolist(), held),
    )


def _as_filters(
    held: catalogue.Held, address: Address, words: Mapping[str, Words]
) -> tuple[list[Chip], int]:
    """Offer the words of the search as filters, which tell a no from not known.

    Also tells how many filters are offered: one chip may stand for several.
    """
    if not address.q:
        return [], 0
    choices, rest = search.filters_within(address.q, held)
    if len(choices) > 1:
        return [_as_all(held, address, words, choices, rest)], len(choices)
    offered = [
        Chip(
            describe(choice, held.facets, words),
            replace(address, q="").adding(choice).url(),
            held.facets.total(choice.facet, choice.code),
        )
        for choice in search.filters_called(address.q, held)
        if choice not in address.choices
    ]
    return offered, len(offered)


def _as_all(
    held: catalogue.Held,
    address: Address,
    words: Mapping[str, Words],
    choices: Sequence[Choice],
    rest: str,
) -> Chip:
    """Offer what a search of several names means: CROs that have all of them."""
    facets = [choice.facet for choice in choices]
    meant = replace(
        address,
        q=rest,
        choices=tuple(dict.fromkeys((*address.choices, *choices))),
        all_of=address.all_of | {one for one in facets if facets.count(one) > 1},
    )
    query, _ = search.parse(QueryDict(meant.filters), held)
    names = [name_of(choice, held.facets, words) for choice in choices]
    label = " + ".join([*names, *([f"“{rest}”"] if rest else [])])
    return Chip(label, meant.url(), held.facets.search(query, 0, 1).total)


def _first(problems: Sequence[search.Problem]) -> Sequence[search.Problem]:
    n_more = len(problems) - PROBLEMS_SHOWN
    if n_more <= 0:
        return problems
    more = f"{n_more} more parts of the address could not be used."
    return [*problems[:PROBLEMS_SHOWN], search.Problem("", "", more)]


def _page_number(text: str) -> tuple[int, search.Problem | None]:
    if not text:
        return 1, None
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0:
        return int(text), None
    shown = _printable(text)[:40]
    return 1, search.Problem(
        "page", shown, f"“{shown}” is no page; this is the first one."
    )


# Facets


class Listed(NamedTuple):
    """The values of a facet before anything is chosen."""

    places: tuple[int, ...]
    codes: tuple[str, ...]
    n_values: int  # that some CRO has


def _facets(
    held: catalogue.Held, query: Query, address: Address, words: Mapping[str, Words]
) -> list[Facet]:
    chosen: dict[str, list[Choice]] = {}
    for choice in query.choices:
        chosen.setdefault(choice.facet, []).append(choice)
    names = [one.name for one in search.FACET_FIELDS if not one.is_searched]
    names += [
        f"{choice.facet}:{through}"
        for choice in query.choices
        if choice.facet in DELIVERY_FACETS
        for through in THROUGH
    ]
    if address.condition_words or "condition" in chosen:
        names.append("condition")
    counts = held.facets.counts(query, dict.fromkeys(names))
    found = _conditions(address.condition_words) if address.condition_words else []
    return [
        _facet(
            one,
            words[one.name],
            chosen.get(one.name, []),
            counts,
            held,
            address,
            found if one.is_searched else (),
        )
        for one in search.FACET_FIELDS
    ]


def _conditions(text: str) -> list[str]:
    terms = Term.objects.of("condition").current().search(text)
    return list(terms.values_list("code", flat=True)[:CONDITIONS_FOUND])


def _facet(
    one: search.FacetField,
    words: Words,
    chosen: Sequence[Choice],
    counts: Counts,
    held: catalogue.Held,
    address: Address,
    found: Iterable[str],
) -> Facet:
    column = held.facets.layout.position[one.name]
    is_whole = one.name in address.whole
    if one.is_searched:
        codes = tuple(code for code in found if code in column)
        listed = Listed(tuple(column[code] for code in codes), codes, 0)
    else:
        listed = _listed(one, words, held, is_whole)
    of_code = {choice.code: choice for choice in chosen}
    first = [code for code in of_code if code not in listed.codes]
    numbers = counts.numbers(one.name).tolist() if one.name in counts else None
    depth = words.depth if is_whole else None
    values = [
        Value(
            code,
            words.labels[place],
            code,
            numbers[place] if numbers else 0,
            depth[place] if depth else 0,
        )
        for code, place in (
            *((code, column[code]) for code in first),
            *zip(listed.codes, listed.places, strict=True),
        )
    ]
    if of_code:
        values = [
            _chosen(value, of_code[value.code], column, counts, address)
            if value.code in of_code
            else value
            for value in values
        ]
    more_url = ""
    if not one.is_searched and (is_whole or listed.n_values > len(values)):
        others = [name for name in address.whole if name != one.name]
        more_url = address.url_showing(others if is_whole else [*others, one.name])
    return Facet(
        name=one.name,
        label=one.label,
        values=values,
        rows=fragments.rows(one.name, values, words.rows),
        n_values=listed.n_values,
        n_chosen=len(of_code),
        is_open=bool(of_code) or is_whole or one.name in OPEN_AT_FIRST,
        is_whole=is_whole,
        is_all_of=one.name in address.all_of,
        is_searched=one.is_searched,
        more_url=more_url,
        words=address.condition_words if one.is_searched else "",
    )


def _listed(
    one: search.FacetField, words: Words, held: catalogue.Held, is_whole: bool
) -> Listed:
    """List the values to show; made once for an index."""
    key = ("listed", one.name, is_whole)
    made: Listed | None = held.derived.get(key)
    if made is None:
        index = held.facets
        ever = index.totals[one.name].tolist()
        places = tuple(_shown(one, words, ever, is_whole))
        codes = tuple(index.layout.position[one.name])
        made = Listed(
            places, tuple(codes[place] for place in places), sum(map(bool, ever))
        )
        held.derived[key] = made
    return made


def _shown(
    one: search.FacetField, words: Words, ever: Sequence[int], is_whole: bool
) -> list[int]:
    """Choose the values to show: all, or the first by the whole catalogue's count.

    The count after filtering does not reorder them, so nothing moves under a hand.
    """
    if one.name in BANDS:
        return list(words.order)
    filled = [place for place in words.order if ever[place]]
    if is_whole:
        return filled
    tops = [place for place in filled if words.depth[place] == 0]
    first = tops if len(tops) >= min(one.n_first, 3) else filled
    if one.name not in KEEPS_ORDER:
        first = sorted(first, key=lambda place: -ever[place])
    return first[: one.n_first]


def _chosen(
    value: Value,
    choice: Choice,
    column: Mapping[str, int],
    counts: Counts,
    address: Address,
) -> Value:
    return value._replace(
        parameter=search.write_choice(choice),
        is_chosen=True,
        ways=_ways(choice, column[choice.code], counts, address),
    )


WAYS: Final = (
    ("any", Choice("", "")),
    ("own", Choice("", "", delivery="own")),
    ("partner", Choice("", "", delivery="partner")),
    ("known not to", Choice("", "", state="no")),
    ("not known", Choice("", "", state="unknown")),
    ("leave out", Choice("", "", excluded=True)),
)


def _ways(
    choice: Choice, place: int, counts: Counts, address: Address
) -> Sequence[Way]:
    if choice.facet in BANDS:
        return ()
    has_delivery = choice.facet in DELIVERY_FACETS
    ways = []
    for label, pattern in WAYS:
        if pattern.delivery and not has_delivery:
            continue
        other = pattern._replace(facet=choice.facet, code=choice.code)
        n = None
        if pattern.delivery:
            n = int(counts.numbers(f"{choice.facet}:{pattern.delivery}")[place])
        said = "yes" if label == "any" and not has_delivery else label
        url = address.exchanging(choice, other).url()
        ways.append(Way(said, url, other == choice, n))
    return ways


# Chips and ways out


FACET_LABELS: Final = {one.name: one.label for one in search.FACET_FIELDS}


def name_of(choice: Choice, index: FacetIndex, words: Mapping[str, Words]) -> str:
    """Write a choice without its facet: "EDC, own"."""
    place = index.layout.position[choice.facet][choice.code]
    said = words[choice.facet].texts[place]
    if choice.delivery:
        said += f", {choice.delivery}"
    if choice.state != "yes":
        said += ", known not to" if choice.state == "no" else ", not known"
    return f"not {said}" if choice.excluded else said


def describe(choice: Choice, index: FacetIndex, words: Mapping[str, Words]) -> str:
    """Write a choice as people say it: "Technology: EDC, own"."""
    return f"{FACET_LABELS[choice.facet]}: {name_of(choice, index, words)}"


def chips_of(
    address: Address, index: FacetIndex, words: Mapping[str, Words]
) -> list[Chip]:
    chips = []
    if address.q:
        chips.append(Chip(f"“{address.q}”", replace(address, q="").url()))
    chips += [
        Chip(describe(choice, index, words), address.without(choice).url())
        for choice in address.choices
    ]
    if not address.include_unknown:
        url = replace(address, include_unknown=True).url()
        chips.append(Chip("Only known matches", url))
    return chips


def _ways_out(
    index: FacetIndex,
    query: Query,
    address: Address,
    words: Mapping[str, Words],
    result: Page,
) -> tuple[Chip | None, Sequence[Chip]]:
    """Where nothing is found: what removes most, and the changes that find most."""
    if result.total:
        return None, ()
    ways = []
    for choice, total in index.without(query).items():
        if choice is None:
            label, url = f"“{address.q}”", replace(address, q="").url()
        else:
            label, url = describe(choice, index, words), address.without(choice).url()
        ways.append(Chip(label, url, total))
    ways.sort(key=lambda way: -(way.count or 0))
    narrowest = ways[0] if ways and ways[0].count else None
    ways = [replace(way, label=f"Without {way.label}") for way in ways]
    if not query.include_unknown:
        wider = replace(query, include_unknown=True)
        url = replace(address, include_unknown=True).url()
        label = "Include CROs with no information"
        ways.append(Chip(label, url, index.search(wider, 0, 1).total))
    for facet in sorted(query.all_of):
        wider = replace(query, all_of=query.all_of - {facet})
        url = replace(address, all_of=address.all_of - {facet}).url()
        label = f"Any instead of all: {FACET_LABELS[facet]}"
        ways.append(Chip(label, url, index.search(wider, 0, 1).total))
    ways = sorted((way for way in ways if way.count), key=lambda way: -(way.count or 0))
    return narrowest, ways[:RELAXATIONS]


def _names(held: catalogue.Held, address: Address, result: Page) -> Sequence[str]:
    """What a search of words that finds nothing may have meant."""
    if not address.q or result.total:
        return ()
    return search.did_you_mean(address.q, held)


# Cards


def _cards(
    held: catalogue.Held,
    query: Query,
    result: Page,
    words: Mapping[str, Words],
    view: str,
) -> list[Card]:
    """Make the cards; a CRO that was taken off the list meanwhile has none."""
    index = held.facets
    asked = tuple(
        index.layout.position["area"][choice.code]
        for choice in query.choices
        if choice.facet == "area" and not choice.excluded
    )
    what = (view, asked)
    ids = result.ids.tolist()
    made: dict[int, tuple[str, Parts]] = {
        key: card for key in ids if (card := held.kept.get(key, what))
    }
    if missing := [key for key in ids if key not in made]:
        cros = (
            CRO.objects.listed()
            .only("slug", "name", "summary", "is_fictional")
            .in_bulk(missing)
        )
        facts = facts_of(index, np.array(missing), words, asked)
        for key, known in zip(missing, facts, strict=True):
            if cro := cros.get(key):
                made[key] = cro.slug, fragments.parts(view, cro, known)
                held.kept.put(key, what, made[key])
    names = {
        choice: name_of(choice, index, words)
        for choices in {*result.marks, *result.disputed}
        for choice in choices
    }
    return [
        Card(
            *made[key],
            unknown=tuple(names[choice] for choice in open_),
            disputed=tuple(names[choice] for choice in disputed),
        )
        for key, open_, disputed in zip(ids, result.marks, result.disputed, strict=True)
        if key in made
    ]


def facts_of(
    index: FacetIndex,
    ids: Ints,
    words: Mapping[str, Words],
    asked: Sequence[int] = (),
) -> list[Facts]:
    """Read what cards say of these CROs from the index.

    The areas `asked` for, by column, stand before those with the most trials.
    """
    rows = np.searchsorted(index.ids, ids)
    kinds = _members(index, "type", rows)
    countries = _members(index, "country", rows)
    services = _members(index, "service:own", rows)
    return [
        _facts_of(index, int(row), words, asked, *members)
        for row, *members in zip(rows, kinds, countries, services, strict=True)
    ]


def _members(index: FacetIndex, name: str, rows: Ints) -> list[list[int]]:
    """Return, for each row, the columns of a facet that it is in."""
    shift = (rows & 63).astype(np.uint64)
    flags = (index.yes[name][:, rows >> 6] >> shift) & np.uint64(1)
    found: list[list[int]] = [[] for _ in rows]
    places, columns = flags.T.nonzero()
    for place, column in zip(places.tolist(), columns.tolist(), strict=True):
        found[place].append(column)
    return found


def _facts_of(
    index: FacetIndex,
    row: int,
    words: Mapping[str, Words],
    asked: Sequence[int],
    kinds: list[int],
    countries: list[int],
    services: list[int],
) -> Facts:
    kind, areas, places, service = (
        words[name] for name in ("type", "area", "country", "service")
    )
    start, stop = int(index.role_at[row]), int(index.role_at[row + 1])
    top: list[Area] = []
    if stop > start:
        flags = bits.unpack(index.role_areas[start:stop], len(areas.texts))
        totals = flags.sum(axis=0)
        best = np.argsort(-totals, kind="stable")[:AREAS_ON_CARD].tolist()
        shown = [place for place in dict.fromkeys((*asked, *best)) if totals[place]]
        top = [
            Area(areas.labels[place], int(totals[place]))
            for place in shown[:AREAS_ON_CARD]
        ]
    staff = index.headcount[row]
    newest = int(index.newest[row])
    grade = "" if newest == NEVER else BANDS["evidence"][index.grade[row]]
    groups = [place for place in services if service.depth[place] == 0]
    deepest = max(kinds, key=kind.depth.__getitem__) if kinds else None
    return Facts(
        type=None if deepest is None else kind.labels[deepest],
        size=None if np.isnan(staff) else _band(float(staff)),
        headcount=None if np.isnan(staff) else int(staff),
        n_trials=stop - start,
        areas=top,
        countries=sorted(places.labels[place] for place in countries),
        services=[service.labels[place] for place in groups[:SERVICES_ON_CARD]],
        n_services=len(groups),
        grade=grade,
        grade_label=search.BAND_LABELS["evidence"][grade] if grade else "",
        verified_on=None if newest == NEVER else catalogue.EPOCH + dt.timedelta(newest),
    )


def _band(staff: float) -> str:
    code = BANDS["size"][int(np.searchsorted((50, 500, 5_000), staff, side="right"))]
    return search.BAND_LABELS["size"][code]
