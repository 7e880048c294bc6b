"""The vocabulary as the generator needs it, free of the database."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple


class Word(NamedTuple):
    """A term. `key` is "scheme/code"; `broader` holds keys of wider terms.

    A group only gathers narrower terms; nobody claims it as such.
    """

    key: str
    label: str
    trees: tuple[str, ...] = ()
    broader: frozenset[str] = frozenset()
    is_group: bool = False

    @property
    def code(self) -> str:
        return self.key.split("/", 1)[1]


@dataclass(frozen=True)
class Vocabulary:
    """Current terms by scheme, in the order of their codes."""

    schemes: dict[str, tuple[Word, ...]] = field(default_factory=dict)

    def of(self, scheme: str) -> tuple[Word, ...]:
        return self.schemes.get(scheme, ())

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(w.key for words in self.schemes.values() for w in words)

    @cached_property
    def conditions_by_area(self) -> dict[str, tuple[Word, ...]]:
        """Conditions below each therapeutic area (a MeSH branch), by its key."""
        found: dict[str, list[Word]] = {w.key: [] for w in self.of("therapeutic_area")}
        branch = {
            tree: word.key
            for word in self.of("therapeutic_area")
            for tree in word.trees
        }
        for word in self.of("condition"):
            for top in dict.fromkeys(tree.split(".")[0] for tree in word.trees):
                if top in branch and any("." in tree for tree in word.trees):
                    found[branch[top]].append(word)
        return {key: tuple(words) for key, words in found.items() if words}

    @cached_property
    def regulators_by_country(self) -> dict[str, tuple[str, ...]]:
        """Keys of the regulators that answer for a country, by the country's code."""
        found: dict[str, list[str]] = {}
        for word in self.of("regulator"):
            for key in sorted(word.broader):
                if key.startswith("country/"):
                    found.setdefault(key.removeprefix("country/"), []).append(word.key)
        return {code: tuple(keys) for code, keys in found.items()}
