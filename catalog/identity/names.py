"""Names as records write them, cut into comparable words."""

import re
import unicodedata
from dataclasses import dataclass

from catalog.identity.words import LEGAL_FORMS
from catalog.text import lookup_key

LONGEST = 400
"""Characters of a name that are read; what registers write is shorter."""

_DOTTED = re.compile(r"\b(?:[^\W\d_]\.\s?){2,}(?:[^\W\d_]\b(?!\.\w))?")
_POLISH = re.compile(r"\bsp(?:ó|o)?[\w.]*\s*z\.?\s*o\.?\s*o\b\.?", re.IGNORECASE)
_BREAK = re.compile(
    r"\s[-\u2013\u2014]+\s|[-\u2013\u2014]\s|\s[-\u2013\u2014]|[,;:/|()\[\]@]"
    r"|\b(?:d/?b/?a|c/o|t/a)\b",
    re.IGNORECASE,
)
_DOMAIN = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a name in order, and before which of them there is a break.

    A break is a dash, comma, slash, bracket or "d/b/a". `as_written` keeps case.
    """

    words: tuple[str, ...]
    breaks: frozenset[int]
    as_written: str

    def end_of_part(self, start: int) -> int:
        """Return where the part that holds word `start` ends: a break, or the end."""
        return min((at for at in self.breaks if at > start), default=len(self.words))


def words_of(name: str) -> Words:
    """Cut a name into comparable words: no case, accents or punctuation."""
    text = " ".join(unicodedata.normalize("NFKC", name[:LONGEST]).split())
    plain = _POLISH.sub(" spzoo ", text)
    plain = _DOTTED.sub(_without_dots, plain)
    plain = re.sub(r"[’'`´]s\b", "s", plain).replace("&", " and ").replace("+", " and ")
    words: list[str] = []
    breaks = set()
    for part in _BREAK.split(plain):
        found = lookup_key(part).split()
        if found and words:
            breaks.add(len(words))
        words += found
    return Words(tuple(words), frozenset(breaks), text)


def core_name(name: str) -> str:
    """Reduce a name to what makes it that name: no legal form, "the" or "company".

    "The Emmes Company, LLC" and "EMMES" give `emmes`. A name that is nothing but
    legal forms keeps the first. Doing it twice changes nothing.
    """
    return " ".join(core_of(words_of(name)).words)


def core_of(words: Words) -> Words:
    """Drop a leading "the" and all legal forms but a first word; breaks move on."""
    start = 0
    while start < len(words.words) - 1 and words.words[start] in ("the", "a"):
        start += 1
    kept: list[str] = []
    breaks = set()
    pending = False
    for at, word in enumerate(words.words[start:], start):
        pending = pending or at in words.breaks
        if kept and word in LEGAL_FORMS:
            continue
        if kept and pending:
            breaks.add(len(kept))
        kept.append(word)
        pending = False
    return Words(tuple(kept), frozenset(breaks), words.as_written)


def plain_domain(text: str) -> str:
    """Reduce an address, a mail address or a domain to its domain; else empty."""
    plain = text[:LONGEST].strip().casefold().rstrip(".")
    plain = re.sub(r"^[a-z]+://", "", plain).rsplit("@", 1)[-1]
    plain = re.split(r"[/:?#]", plain, maxsplit=1)[0].removeprefix("www.")
    return plain if _DOMAIN.fullmatch(plain) else ""


def _without_dots(found: re.Match[str]) -> str:
    tail = " " if found.group().endswith((" ", ".")) else ""
    return re.sub(r"[.\s]", "", found.group()) + tail
