"""The parts of the list's page that repeat, as pieces of HTML made once.

The templates in `jinja2/catalog/` say how a card and a value look. What differs from
request to request stands in them as a slot; a piece is what lies between two slots.
Cards are kept with the index and go with the first change of their CRO, values with
the vocabulary.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from django.utils.safestring import SafeString

from catalog.models import CRO
from cro_portal.common.templates import macros

SLOT: Final = "\0"
"""Stands for what is put in later; PostgreSQL keeps it out of every text."""

Rows: TypeAlias = dict[tuple[str, int, bool], tuple[str, str]]
"""By code, depth and "some CRO has it": a value before and after its count."""


class Way(NamedTuple):
    """Another state of a chosen value: "own", "known not to", "leave out"."""

    label: str
    url: str
    is_current: bool
    n_cros: int | None = None


class Value(NamedTuple):
    """A value of a facet as the panel shows it."""

    code: str
    label: SafeString
    parameter: str
    n_cros: int
    depth: int = 0
    is_chosen: bool = False
    ways: Sequence[Way] = ()


class Parts(NamedTuple):
    """A CRO in the list, around the facts not known of it and the button."""

    head: str
    body: str
    foot: str
    buttons: tuple[str, str]  # to add it to the comparison, to take it out


def rows(facet: str, values: Iterable[Value], made: Rows) -> SafeString:
    """Write the values of a facet; `made` keeps the pieces of its vocabulary."""
    written = []
    for value in values:
        if value.is_chosen:
            written.append(str(macros("catalog/value.jinja").row(facet, value)))
            continue
        key = value.code, value.depth, value.n_cros > 0
        pieces = made.get(key)
        if pieces is None:
            before, after = str(
                macros("catalog/value.jinja").row(facet, value, SLOT)
            ).split(SLOT)
            pieces = made[key] = before, after
        written.append(f"{pieces[0]}{value.n_cros:,}{pieces[1]}")
    return SafeString("".join(written))


def parts(view: str, cro: CRO, facts: Any) -> Parts:
    """Write a CRO for a view of the list: "cards" or "table"."""
    button = macros("catalog/button.jinja").button
    head, body, foot = str(
        macros(f"catalog/{view}.jinja").parts(cro, facts, SLOT)
    ).split(SLOT)
    return Parts(head, body, foot, (str(button(cro, False)), str(button(cro, True))))


def listing(view: str, cards: Iterable[Any], chosen: frozenset[str], start: int) -> str:
    """Put cards together: slug, parts, names of facts not known, and disputed.

    `chosen` are the slugs in the tray, `start` counts from 1.
    """
    template = macros(f"catalog/{view}.jinja")
    open_facts: dict[Any, str] = {}
    written: list[str] = []
    for slug, (head, body, foot, buttons), unknown, disputed in cards:
        facts = open_facts.get((unknown, disputed))
        if facts is None:
            facts = str(template.open_facts(unknown, disputed))
            open_facts[unknown, disputed] = facts
        written += (head, facts, body, buttons[slug in chosen], foot)
    return SafeString(template.frame(SafeString("".join(written)), start))
