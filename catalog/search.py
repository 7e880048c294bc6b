"""Finding CROs: the address of a page or an API request to a query, and its index.

`parse` reads the parameters, `current_index` gives the index to ask. Both belong
outside of a transaction that writes (see `catalog.snapshot.current`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.http import QueryDict

from catalog import catalogue
from catalog.choices import AliasKind
from catalog.index.arrays import Int32s, Ints
from catalog.index.facets import FacetIndex
from catalog.index.query import (
    BANDS,
    DELIVERY_FACETS,
    FACETS,
    SCHEME_OF_FACET,
    SORTS,
    Choice,
    Query,
    State,
    Through,
)
from catalog.models import CRO, Alias
from catalog.text import lookup_key
from catalog.vocabulary import nearest_codes

TEXT_LENGTH: Final = 200
"""Characters of a search that are read."""
MAX_CHOICES: Final = 100
"""Choices of one query that are used; a page of facets has far fewer."""
EXPLAINED: Final = 5
"""Unknown values for which the nearest codes are looked up."""
MODE: Final = "_mode"
SHORTEST_TERM: Final = 3
"""Letters that a word has, before terms are searched by its beginning."""
LONGEST_NAME: Final = 8
"""Words of a term's name that are looked for within a longer search."""
JOINING_WORDS: Final = frozenset(
    ("a", "and", "for", "in", "of", "or", "own", "that", "the", "with")
)
"""Words between names that mean nothing by themselves."""
NAMES_WEIGHED: Final = 60
"""Names of terms among which the suggestions are chosen."""
MAX_TERMS: Final = 200
"""Names of terms that one search looks at."""


@dataclass(frozen=True)
class FacetField:
    """How a facet is shown: its label, and how many of its values at first."""

    name: str
    label: str
    scheme: str  # "" for bands
    n_first: int
    has_delivery: bool = False
    is_searched: bool = False  # too many values to list: chosen by typing


FACET_FIELDS: Final = tuple(
    FacetField(
        name=name,
        label=label,
        scheme=SCHEME_OF_FACET.get(name, ""),
        n_first=n_first,
        has_delivery=name in DELIVERY_FACETS,
        is_searched=name == "condition",
    )
    for name, label, n_first in (
        ("area", "Therapeutic area", 10),
        ("condition", "Condition", 0),
        ("phase", "Phase", 8),
        ("country", "Country", 8),
        ("region", "Region", 8),
        ("regulator", "Regulator", 6),
        ("service", "Service", 10),
        ("technology", "Technology", 10),
        ("modality", "Modality", 6),
        ("population", "Population", 6),
        ("type", "Type of CRO", 6),
        ("size", "Size", 5),
        ("certification", "Certification", 6),
        ("engagement", "Engagement model", 6),
        ("evidence", "Evidence", 4),
        ("verified", "Last verified", 4),
    )
)
"""The facets in the order of the page."""

BAND_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "size": {
        "micro": "Under 50 people",
        "small": "50 to 499 people",
        "mid": "500 to 4,999 people",
        "large": "5,000 people and more",
        "unknown": "Size not known",
    },
    "evidence": {
        "a": "A: at least half of the claims documented",
        "b": "B: at least a quarter documented",
        "c": "C: some documented",
        "d": "D: nothing documented",
    },
    "verified": {
        "1y": "Within a year",
        "2y": "One to two years ago",
        "older": "Longer ago",
        "never": "Nothing claimed yet",
    },
}

SORT_LABELS: Final[Mapping[str, str]] = {
    "relevance": "Evidence, then name",
    "name": "Name",
    "trials": "Registered trials",
    "countries": "Countries",
    "size": "Size",
    "verified": "Last verified",
}


@dataclass(frozen=True)
class Problem:
    """A parameter that could not be used: why, and what is nearest to it.

    `message` is for who goes on without it, `refusal` for who does not.
    """

    parameter: str
    value: str
    message: str
    nearest: tuple[str, ...] = ()
    refusal: str = ""


def current_index() -> FacetIndex:
    """Give the index of the catalogue as it is now, as of today."""
    return catalogue.current().facets


def parse(
    params: QueryDict, held: catalogue.Held | None = None
) -> tuple[Query, list[Problem]]:
    """Read a query from the parameters of a request.

    What cannot be used is left out and told; the rest holds. Parameters that are
    not about filters, such as `page`, are not looked at. `held` saves asking which
    catalogue is current where the caller has done so.
    """
    held = held or catalogue.current()
    index = held.facets
    problems: list[Problem] = []
    choices: list[Choice] = []
    for facet in FACETS:
        for value in dict.fromkeys(params.getlist(facet)):
            if not value.strip():
                continue
            if len(choices) == MAX_CHOICES:
                problems.append(
                    Problem(
                        facet,
                        value[:TEXT_LENGTH],
                        f"At most {MAX_CHOICES} choices are used at once;"
                        " the further ones are left out.",
                        refusal=f"Give at most {MAX_CHOICES} choices at once.",
                    )
                )
                break
            choice = read_choice(facet, value)
            if choice is not None and index.has(facet, choice.code):
                choices.append(choice)
            else:
                problems.append(_unknown_value(facet, value, len(problems)))
    text, notices = _text(params.get("q", ""), held)
    return (
        Query(
            choices=tuple(dict.fromkeys(choices)),
            all_of=_all_of(params, problems),
            text=text,
            include_unknown=_one_of(params, "unknown", ("1", "0"), "1", problems)
            == "1",
            sort=_one_of(params, "sort", SORTS, "relevance", problems),
        ),
        [*problems, *notices],
    )


def read_choice(facet: str, value: str) -> Choice | None:
    """Read `code`, `-code`, `code:own`, `code:partner`, `code:no`, `code:unknown`.

    None when it is written in no such way; whether the code exists is not asked.
    """
    value = value.strip().lower()
    excluded = value.startswith("-")
    code, colon, suffix = value.removeprefix("-").partition(":")
    state: State = "yes"
    delivery: Through = ""
    if suffix == "no":
        state = "no"
    elif suffix == "unknown":
        state = "unknown"
    elif facet in DELIVERY_FACETS and suffix in ("own", "partner"):
        delivery = "own" if suffix == "own" else "partner"
    elif colon:
        return None
    return Choice(facet, code, state, delivery, excluded)


def write_choice(choice: Choice) -> str:
    """Write a choice as the value of its parameter; `read_choice` reads it back."""
    suffix = choice.delivery or ("" if choice.state == "yes" else choice.state)
    return f"{'-' * choice.excluded}{choice.code}{':' * bool(suffix)}{suffix}"


def _unknown_value(facet: str, value: str, n_before: int) -> Problem:
    shown = value.strip()[:80]
    code = shown.removeprefix("-").partition(":")[0]
    if n_before >= EXPLAINED:
        near: Sequence[str] = ()
    elif facet in BANDS:
        near = BANDS[facet]
    else:
        near = nearest_codes(SCHEME_OF_FACET[facet], code)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return Problem(
        facet,
        shown,
        f"There is no {facet} “{shown}”; it is left out.{hint}",
        tuple(near),
        refusal=f"There is no {facet} “{shown}”.{hint}",
    )


def _all_of(params: QueryDict, problems: list[Problem]) -> frozenset[str]:
    return frozenset(
        facet
        for facet in FACETS
        if _one_of(params, facet + MODE, ("any", "all"), "any", problems) == "all"
    )


def _one_of(
    params: QueryDict,
    name: str,
    allowed: Sequence[str],
    default: str,
    problems: list[Problem],
) -> str:
    value = params.get(name, "")
    if value in allowed:
        return value
    if value:
        problems.append(
            Problem(
                name,
                value[:80],
                f"{name} is one of {', '.join(allowed)}; “{value[:80]}” is left out.",
                tuple(allowed),
                refusal=f"{name} is one of {', '.join(allowed)}.",
            )
        )
    return default


def _text(
    given: str, held: catalogue.Held
) -> tuple[Sequence[int] | Ints | None, list[Problem]]:
    text = " ".join(given.replace("\0", " ").split())
    if not text:
        return None, []
    notices = []
    if len(text) > TEXT_LENGTH:
        text = text[:TEXT_LENGTH]
        notices.append(
            Problem(
                "q",
                text,
                f"Only the first {TEXT_LENGTH} characters of the search are used.",
            )
        )
    keys = _text_keys(text, held)
    return (keys if keys.size else ()), notices


def text_search(q: str, held: catalogue.Held | None = None) -> tuple[int, ...]:
    """Find CROs by words of their names and of what they do; keys, best first.

    All words must begin words of one of its names, former ones too, or of a term
    (its label, code or a synonym) on which the CRO has a yes. The very name comes
    first, then names that begin so, names with the words, and CROs by term. Only if
    that finds nothing may the words come from several names and terms.
    """
    return tuple(_text_keys(q, held or catalogue.current()).tolist())


def _text_keys(q: str, held: catalogue.Held) -> Ints:
    words = lookup_key(q[:TEXT_LENGTH]).split()
    if not words:
        return np.zeros(0, np.int64)
    index = held.facets
    rows = _rows_called(held, words)
    if not rows.size and len(words) > 1:
        both = np.ones(index.n, bool)
        for word in words:
            begun = np.zeros(index.n, bool)
            begun[_rows_called(held, [word])] = True
            both &= begun
        order = index.orders["relevance"]
        rows = order[both[order]]
    return index.ids[rows]


MAX_OTHER_NAMES: Final = 5


def other_names(q: str, ids: Sequence[int], held: catalogue.Held) -> list[Alias]:
    """Tell which of these CROs words find by a name they are not listed under.

    One alias each, with its CRO, at most `MAX_OTHER_NAMES`: one query, none where
    nothing is found by name.
    """
    words = lookup_key(q[:TEXT_LENGTH]).split()
    found: dict[int, list[str]] = {}
    if words:
        places = held.names.index.names(words)
        mine = np.isin(held.names.owner[places], np.asarray(ids, np.int64))
        for place in places[mine].tolist():
            owner = int(held.names.owner[place])
            found.setdefault(owner, []).append(held.names.names[place])
    if not found:
        return []
    aliases = (
        Alias.objects.filter(cro__in=list(found))
        .exclude(kind=AliasKind.DOMAIN)
        .select_related("cro")
        .order_by("pk")
    )
    best: dict[int, Alias] = {}
    for alias in aliases:
        names = found[alias.cro_id]
        if alias.cro.name in names or alias.name not in names:
            continue
        known = best.get(alias.cro_id)
        if known is None or names.index(alias.name) < names.index(known.name):
            best[alias.cro_id] = alias
    return [best[key] for key in ids if key in best][:MAX_OTHER_NAMES]


def _rows_called(held: catalogue.Held, words: Sequence[str]) -> Int32s:
    """Give the rows of CROs by name, then by term; each once, where it comes first."""
    named = held.facets.rows_of(_by_name(held, words))
    rows = np.concatenate([named[named >= 0], _by_term(held, words)])
    place = np.zeros(held.facets.n, np.int64)
    place[rows[::-1]] = np.arange(rows.size)[::-1]
    return rows[place[rows] == np.arange(rows.size)]


def _by_name(held: catalogue.Held, words: Sequence[str]) -> Ints:
    return held.names.owner[held.names.index.names(words)]


def _by_term(held: catalogue.Held, words: Sequence[str]) -> Int32s:
    if max(map(len, words)) < SHORTEST_TERM:
        return np.zeros(0, np.int32)
    index = held.facets
    terms = held.terms.index.names(words)[:MAX_TERMS]
    found = np.zeros(index.n, bool)
    for place in dict.fromkeys(held.terms.owner[terms].tolist()):
        facet, code = held.terms.values[place]
        found |= index.has_yes(facet, code)
    order = index.orders["relevance"]
    return order[found[order]]


@dataclass(frozen=True)
class Suggestion:
    """What somebody who types may mean. `value` is a code, or the slug of a CRO."""

    kind: str  # cro, or the name of a facet
    label: str
    value: str
    also: str = ""  # the name that was matched, where it is another


SUGGESTED_FACETS: Final = (
    "service",
    "condition",
    "area",
    "phase",
    "country",
    "region",
    "technology",
    "population",
    "type",
)


def suggest(q: str, limit: int = 8) -> list[Suggestion]:
    """Suggest CROs and terms whose names begin with what was typed, or hold it."""
    words = lookup_key(q[:TEXT_LENGTH]).split()
    if not words:
        return []
    held = catalogue.current()
    terms = _suggested_terms(held, words, limit)
    cros = _suggested_cros(held, words, limit)
    n_terms = max(limit // 2, limit - len(cros))
    chosen = terms[:n_terms]
    return [*cros[: limit - len(chosen)], *chosen]


def suggest_cros(q: str, limit: int = 8) -> list[Suggestion]:
    """Suggest listed CROs one of whose names begins with what was typed, or holds it."""
    words = lookup_key(q[:TEXT_LENGTH]).split()
    return _suggested_cros(catalogue.current(), words, limit) if words else []


def _suggested_cros(
    held: catalogue.Held, words: Sequence[str], limit: int
) -> list[Suggestion]:
    names = held.names.index.first_names(words, limit)
    by_cro: dict[int, str] = {}
    for place in names.tolist():
        by_cro.setdefault(int(held.names.owner[place]), held.names.names[place])
    cros = CRO.objects.listed().only("name", "slug").in_bulk(list(by_cro))
    return [
        Suggestion("cro", cro.name, cro.slug, "" if name == cro.name else name)
        for key, name in by_cro.items()
        if (cro := cros.get(key))
    ]


def _suggested_terms(
    held: catalogue.Held, words: Sequence[str], limit: int
) -> list[Suggestion]:
    """Suggest terms: the very name first, then by how many CROs have a yes."""
    asked = " ".join(words)
    found: dict[int, tuple[tuple[bool, bool, int], Suggestion]] = {}
    for place in held.terms.index.first_names(words, NAMES_WEIGHED).tolist():
        term = int(held.terms.owner[place])
        facet, code = held.terms.values[term]
        if facet in SUGGESTED_FACETS and term not in found:
            label, name = held.terms.labels[term], held.terms.names[place]
            key = held.terms.keys[place]
            rank = (
                key != asked,
                not key.startswith(asked),
                -held.facets.total(facet, code),
            )
            also = "" if name in (label, code) else name
            found[term] = rank, Suggestion(facet, label, code, also)
    ranked = sorted(found.values(), key=lambda one: one[0])
    return [suggestion for _, suggestion in ranked[:limit]]


def filters_called(q: str, held: catalogue.Held) -> list[Choice]:
    """Give the filters whose value goes by just this name, and some CRO has."""
    asked = lookup_key(q[:TEXT_LENGTH])
    return [
        Choice(one.kind, one.value)
        for one in (_suggested_terms(held, asked.split(), 8) if asked else ())
        if asked in {lookup_key(name) for name in (one.label, one.value, one.also)}
        and held.facets.total(one.kind, one.value)
    ]


def filters_within(q: str, held: catalogue.Held) -> tuple[list[Choice], str]:
    """Read a search as names of filters, the longest first, and the words between.

    "phase 2 poland rare" is Phase 2, Poland and the word "rare".
    """
    words = lookup_key(q[:TEXT_LENGTH]).split()
    choices: list[Choice] = []
    rest: list[str] = []
    at = 0
    while at < len(words):
        for end in range(min(at + LONGEST_NAME, len(words)), at, -1):
            name = " ".join(words[at:end])
            place = held.terms.place_of.get(name)
            if len(name) < SHORTEST_TERM or place is None:
                continue
            facet, code = held.terms.values[place]
            if held.facets.total(facet, code):
                choices.append(Choice(facet, code))
                at = end
                break
        else:
            if words[at] not in JOINING_WORDS:
                rest.append(words[at])
            at += 1
    return list(dict.fromkeys(choices)), " ".join(rest)


def did_you_mean(
    q: str, held: catalogue.Held | None = None, *, limit: int = 3
) -> list[str]:
    """Give the names of CROs and terms that a search without result may mean."""
    key = lookup_key(q[:TEXT_LENGTH])
    if len(key) < SHORTEST_TERM:
        return []
    held = held or catalogue.current()
    near = [
        *held.names.index.similar(key, limit),
        *held.terms.index.similar(key, limit),
    ]
    names = (
        held.terms.name_of(one) or held.names.name_of(one)
        for _, one in sorted(near, reverse=True)
    )
    return list(dict.fromkeys(names))[:limit]
