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
    def _by_branch(self) -> dict[tuple[str, str], tuple[Word, ...]]:
        """Conditions of an area by second-level branch, such as C04.588."""
        found: dict[tuple[str, str], list[Word]] = {}
        for area, words in self.conditions_by_area.items():
            for word in words:
                for branch in branches(word):
                    found.setdefault((area, branch), []).append(word)
        return {key: tuple(words) for key, words in found.items()}

    def near(self, area: str, word: Word) -> list[Word]:
        """Conditions of an area that share a second-level branch with one of it."""
        return list(
            dict.fromkeys(
                other
                for branch in branches(word)
                for other in self._by_branch[area, branch]
            )
        )


def branches(word: Word) -> list[str]:
    """Give the second-level branches that a condition lies in, each once."""
    return list(dict.fromkeys(".".join(tree.split(".")[:2]) for tree in word.trees))
