"""The words of registry records as terms of the vocabulary files."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from catalog.importers.vocabulary import TermRow
from catalog.text import lookup_key
from matching.engine import inputs

SCHEMES: Final = (
    "condition",
    "therapeutic_area",
    "phase",
    "country",
    "region",
    "modality",
    "population",
)
"""The vocabularies that a record speaks of."""

NO_DISEASE: Final = frozenset({"disease", "syndrome"})
"""Descriptors that stand in many records and name no condition."""

HEALTHY_VOLUNTEERS: Final = "healthy-volunteers"
_HEALTHY = re.compile(r"\bhealthy\b|\bpharmacokinetics?\b|\bbioequivalence\b")
_IN_BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]")


def is_about_healthy(conditions: Iterable[str]) -> bool:
    """Say whether the conditions as written speak of healthy volunteers."""
    return any(_HEALTHY.search(lookup_key(text)) for text in conditions)


@dataclass(frozen=True)
class Words:
    """The terms of some vocabularies, numbered in their order."""

    terms: Sequence[TermRow]

    @classmethod
    def of(cls, rows: Iterable[TermRow]) -> "Words":
        return cls([row for row in rows if row.scheme in SCHEMES])

    def without_conditions_but(self, kept: set[int]) -> "Words":
        """Leave out the conditions nobody speaks of; they change no ranking.

        Closeness goes by the tree numbers of the terms that are there.
        """
        return Words(
            [
                row
                for i, row in enumerate(self.terms)
                if row.scheme != "condition" or i in kept
            ]
        )

    @cached_property
    def place(self) -> dict[tuple[str, str], int]:
        """The index of each term by scheme and code."""
        return {row.key: i for i, row in enumerate(self.terms)}

    @cached_property
    def _named(self) -> dict[tuple[str, str], int]:
        named: dict[tuple[str, str], int] = {}
        for i, row in enumerate(self.terms):
            for name in (*row.synonyms, row.label):
                named[row.scheme, lookup_key(name)] = i
        return named

    @cached_property
    def _coded(self) -> dict[tuple[str, frozenset[str]], int]:
        coded: dict[tuple[str, frozenset[str]], int] = {}
        for i, row in enumerate(self.terms):
            if phases := row.attributes.get("ctgov"):
                coded[row.scheme, frozenset(phases)] = i
            for kind in row.attributes.get("ctgov_interventions", ()):
                coded[row.scheme, frozenset([kind])] = i
        return coded

    def conditions(self, mesh: Iterable[str], written: Iterable[str]) -> list[int]:
        """Return the conditions a record's MeSH terms and own words name, sorted."""
        found: set[int] = set()
        for name in mesh:
            found.update(self._condition(lookup_key(name)))
        for text in written:
            found.update(
                self._condition(lookup_key(text))
                or self._condition(lookup_key(_IN_BRACKETS.sub(" ", text)))
            )
        return sorted(found)

    def _condition(self, key: str) -> list[int]:
        term = self._named.get(("condition", key))
        return [] if term is None or key in NO_DISEASE else [term]

    def countries(self, names: Iterable[str]) -> list[int]:
        """Return the countries of these names, sorted; unknown names are left out."""
        found = (self._named.get(("country", lookup_key(name))) for name in names)
        return sorted({term for term in found if term is not None})

    def phase(self, text: str) -> int:
        """Return the phase of `PHASE1|PHASE2`; -1 when the record does not say."""
        codes = frozenset(part.strip() for part in text.split("|") if part.strip())
        return self._coded.get(("phase", codes), -1)

    def modalities(self, kinds: Iterable[str]) -> list[int]:
        """Return the modalities of intervention types, sorted."""
        found = (self._coded.get(("modality", frozenset([kind]))) for kind in kinds)
        return sorted({term for term in found if term is not None})

    @cached_property
    def inputs(self) -> inputs.Terms:
        """The same terms as the engine takes them."""
        trees = [(i, n) for i, row in enumerate(self.terms) for n in row.tree_numbers]
        links = [
            (i, self.place[wider])
            for i, row in enumerate(self.terms)
            for wider in row.broader
            if wider in self.place
        ]
        return inputs.Terms(
            scheme=tuple(row.scheme for row in self.terms),
            code=tuple(row.code for row in self.terms),
            label=tuple(row.label for row in self.terms),
            parent=np.array(
                [self.place.get((r.scheme, r.parent or ""), -1) for r in self.terms],
                np.int32,
            ),
            tree_term=np.array([i for i, _ in trees], np.int32),
            tree_number=tuple(number for _, number in trees),
            member_term=np.array([i for i, _ in links], np.int32),
            wider_term=np.array([i for _, i in links], np.int32),
        )
