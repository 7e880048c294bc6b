"""The parts of the list's page that repeat, as pieces of HTML made once.

The templates in `jinja2/catalog/` say how a card and a value look. What differs from
request to request stands in them as a slot; a piece is what lies between two slots.
Cards are kept with the index and go with the first change of their CRO, values with
the vocabulary, whole lists with any change. Nothing of a visitor is in any of them.
"""

import secrets
from collections.abc import Iterable, Sequence, Set
from typing import Any, Final, NamedTuple, TypeAlias

from django.utils.safestring import SafeString

from catalog.models import CRO
from cro_portal.common.templates import macros

SLOT: Final = f"\0{secrets.token_hex(8)}\0"
"""Stands for what is put in later; nobody outside of this process can write it."""

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


class Part(NamedTuple):
    """The part of the page that is exchanged: what is around the buttons, and these.

    The address is the canonical one, for the browser's history.
    """

    address: str
    pieces: tuple[bytes, ...]
    buttons: tuple[tuple[str, bytes, bytes], ...]  # slug; to add it, to take it out

    @classmethod
    def of(cls, address: str, text: str, cards: Iterable[Any]) -> "Part":
        """Make it of the rendered text with a slot for the button of each card."""
        pieces = tuple(piece.encode() for piece in text.split(SLOT))
        buttons = tuple(
            (slug, *(button.encode() for button in parts.buttons))
            for slug, parts, *_ in cards
        )
        return cls(address, pieces, buttons)

    @property
    def size(self) -> int:
        """Bytes it holds."""
        buttons = sum(len(add) + len(remove) for _, add, remove in self.buttons)
        return sum(map(len, self.pieces)) + buttons

    def for_tray(self, chosen: Set[str]) -> bytes:
        """Write it for whoever has chosen these CROs."""
        written = [self.pieces[0]]
        for (slug, add, remove), piece in zip(
            self.buttons, self.pieces[1:], strict=True
        ):
            written += (remove if slug in chosen else add, piece)
        return b"".join(written)


def listing(view: str, cards: Iterable[Any], start: int) -> SafeString:
    """Put cards together: slug, parts, names of facts not known, and disputed.

    A slot stands for each button; `start` counts from 1.
    """
    template = macros(f"catalog/{view}.jinja")
    open_facts: dict[Any, str] = {}
    written: list[str] = []
    for _, (head, body, foot, _), unknown, disputed in cards:
        facts = open_facts.get((unknown, disputed))
        if facts is None:
            facts = str(template.open_facts(unknown, disputed))
            open_facts[unknown, disputed] = facts
        written += (head, facts, body, SLOT, foot)
    return SafeString(template.frame(SafeString("".join(written)), start))
