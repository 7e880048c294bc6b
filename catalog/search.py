"""Finding CROs: the address of a page or an API request to a query, and its index.

`parse` reads the parameters, `current_index` gives the index to ask. Both belong
outside of a transaction that writes (see `catalog.snapshot.current`).
"""

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.http import QueryDict
from django.utils import timezone

from catalog import snapshot
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
from catalog.models import CRO
from catalog.vocabulary import nearest_codes

EPOCH: Final = dt.date(1970, 1, 1)
TEXT_LENGTH: Final = 200
"""Characters of a search that are read."""
MAX_CHOICES: Final = 100
"""Choices of one query that are used; a page of facets has far fewer."""
EXPLAINED: Final = 5
"""Unknown values for which the nearest codes are looked up."""
MODE: Final = "_mode"


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
    "relevance": "Known matches first",
    "name": "Name",
    "trials": "Registered trials",
    "countries": "Countries",
    "size": "Size",
    "verified": "Last verified",
}


@dataclass(frozen=True)
class Problem:
    """A parameter that could not be used: why, and what is nearest to it."""

    parameter: str
    value: str
    message: str
    nearest: tuple[str, ...] = ()


_lock = threading.Lock()
_held: tuple[snapshot.Snapshot, FacetIndex] | None = None


def current_index() -> FacetIndex:
    """Give the index of the catalogue as it is now, as of today."""
    global _held
    seen = snapshot.current()
    on = (timezone.localdate() - EPOCH).days
    held = _held
    if held is not None and held[0] is seen and held[1].on == on:
        return held[1]
    with _lock:
        held = _held
        if held is None or held[0] is not seen or held[1].on != on:
            held = (seen, FacetIndex.build(seen.arrays, seen.vocabulary, on=on))
            _held = held
        return held[1]


def parse(params: QueryDict) -> tuple[Query, list[Problem]]:
    """Read a query from the parameters of a request.

    What cannot be used is left out and told; the rest holds. Parameters that are
    not about filters, such as `page`, are not looked at.
    """
    index = current_index()
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
                    )
                )
                break
            choice = read_choice(facet, value)
            if choice is not None and index.has(facet, choice.code):
                choices.append(choice)
            else:
                problems.append(_unknown_value(facet, value, len(problems)))
    text, notices = _text(params.get("q", ""))
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
            )
        )
    return default


def _text(given: str) -> tuple[tuple[int, ...] | None, list[Problem]]:
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
    return text_search(text), notices


def text_search(q: str) -> tuple[int, ...]:
    """Find CROs by words of their names; give their keys, best first."""
    return tuple(CRO.objects.listed().named(q).values_list("pk", flat=True))
