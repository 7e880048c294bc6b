"""Finds the MeSH terms that a condition in somebody's own words means.

A dictionary of names and synonyms, no statistics: a name found whole is nearly
sure, one found inside longer words the surer the more of them it covers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from catalog.text import lookup_key

EXACT: Final = 0.95
REORDERED: Final = 0.9
INSIDE: Final = (0.5, 0.85)
"""Certainty of a name inside longer words: these ends, by the share it covers."""
MAX_NAME_WORDS: Final = 8
MIN_NAME_LETTERS: Final = 4
MAX_CACHED: Final = 200_000
SPELLINGS: Final = {
    "cancer": "neoplasm",
    "cancers": "neoplasm",
    "carcinomas": "carcinoma",
    "neoplasms": "neoplasm",
    "tumor": "neoplasm",
    "tumors": "neoplasm",
    "tumour": "neoplasm",
    "tumours": "neoplasm",
    "leukaemia": "leukemia",
    "anaemia": "anemia",
    "oedema": "edema",
    "haemophilia": "hemophilia",
    "haemorrhage": "hemorrhage",
    "oesophageal": "esophageal",
    "paediatric": "pediatric",
    "renal": "kidney",
    "hepatic": "liver",
    "ii": "2",
    "iii": "3",
    "myelogenous": "myeloid",
    "diseases": "disease",
    "disorders": "disorder",
    "infections": "infection",
    "injuries": "injury",
    "syndromes": "syndrome",
}
FILLERS: Final = frozenset({"of", "the", "and", "in", "with", "to", "by", "for", "or"})


@dataclass(frozen=True)
class Name:
    """A term under one of its names. `key` is whatever the caller knows it by."""

    key: int
    text: str
    tree_numbers: Sequence[str] = ()


@dataclass(frozen=True)
class ConditionMatcher:
    """The names of all conditions, ready to be looked for. Build it with `of`."""

    _exact: Mapping[str, int]
    _spelt: Mapping[tuple[str, ...], int]
    _bags: Mapping[frozenset[str], int]
    _cache: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[Name]) -> "ConditionMatcher":
        """Take the names; of two terms that share one, the first keeps it.

        What describes a disease without naming one (Recurrence, Neoplasm
        Metastasis) is known as a whole name only.
        """
        exact: dict[str, int] = {}
        spelt: dict[tuple[str, ...], int] = {}
        bags: dict[frozenset[str], int] = {}
        for name in names:
            plain = lookup_key(name.text)
            if not plain:
                continue
            exact.setdefault(plain, name.key)
            if _only_describes(name.tree_numbers):
                continue
            words = _words(plain)
            if len(" ".join(words)) >= MIN_NAME_LETTERS:
                spelt.setdefault(words, name.key)
            bag = frozenset(words) - FILLERS
            if len(bag) > 1:
                bags.setdefault(bag, name.key)
        return cls(exact, spelt, bags)

    def match(self, text: str) -> tuple[tuple[int, float], ...]:
        """Give the terms a text means, each with its certainty in (0, 1]."""
        plain = lookup_key(text)
        found = self._cache.get(plain)
        if found is None:
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            found = self._cache[plain] = self._match(plain)
        return found

    def _match(self, plain: str) -> tuple[tuple[int, float], ...]:
        if (key := self._exact.get(plain)) is not None:
            return ((key, EXACT),)
        words = _words(plain)
        if (key := self._spelt.get(words)) is not None:
            return ((key, EXACT),)
        if (key := self._bags.get(frozenset(words) - FILLERS)) is not None:
            return ((key, REORDERED),)
        return self._inside(words)

    def _inside(self, words: tuple[str, ...]) -> tuple[tuple[int, float], ...]:
        """Find the longest names inside; what one covers is not looked at again."""
        taken: set[int] = set()
        found: dict[int, float] = {}
        n_words = sum(word not in FILLERS for word in words) or 1
        low, high = INSIDE
        for length in range(min(MAX_NAME_WORDS, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                place = range(start, start + length)
                if taken.intersection(place):
                    continue
                key = self._spelt.get(words[start : start + length])
                if key is not None:
                    taken.update(place)
                    share = min(length / n_words, 1.0)
                    score = round(low + (high - low) * share, 3)
                    found[key] = max(found.get(key, 0.0), score)
        return tuple(found.items())


def _words(plain: str) -> tuple[str, ...]:
    return tuple(SPELLINGS.get(word, word) for word in plain.split())


def _only_describes(tree_numbers: Sequence[str]) -> bool:
    return bool(tree_numbers) and all(
        number in {"C23", "C23.888"}
        or f"{number}.".startswith(("C23.550.", "C04.697."))
        for number in tree_numbers
    )
