"""Which terms a yes answers: the term itself and all that it lies in."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from catalog.index.arrays import Ints, Vocabulary, offsets

PLACES = frozenset({"country", "region", "market_class"})
"""Schemes whose terms lie in one another (`catalog.models.vocabulary.PLACES`)."""


@dataclass(frozen=True, eq=False)
class Wider:
    """For each term, by position: itself and the wider terms, as CSR lists.

    A term lies in its parent and in what it is linked with as broader, of the same
    scheme or, for places, of another; and so on upwards. A condition also lies in
    every term that has a MeSH tree number above one of its own.
    """

    at: Ints
    term: Ints

    def pairs(self, terms: Ints) -> tuple[Ints, Ints]:
        """Give (which, wider): the wider terms of each of `terms` by its place."""
        lengths = (self.at[1:] - self.at[:-1])[terms]
        which = np.repeat(np.arange(terms.size), lengths)
        starts = np.repeat(self.at[terms], lengths)
        ends = np.cumsum(lengths)
        within = np.arange(which.size) - np.repeat(ends - lengths, lengths)
        return which, self.term[starts + within]


def wider(vocabulary: Vocabulary) -> Wider:
    """Work out the wider terms of every term."""
    terms = vocabulary.terms
    schemes = terms.scheme.tolist()
    up: list[set[int]] = [set() for _ in schemes]
    parents = vocabulary.dense.of(terms.parent).tolist()
    links = [pair for pair in enumerate(parents) if pair[1] >= 0]
    links += zip(
        vocabulary.dense.of(vocabulary.broader.term).tolist(),
        vocabulary.dense.of(vocabulary.broader.broader).tolist(),
        strict=True,
    )
    for term, above in links:
        if schemes[term] == schemes[above] or (
            schemes[term] in PLACES and schemes[above] in PLACES
        ):
            up[term].add(above)
    by_tree = _above_in_trees(vocabulary)
    rows: list[tuple[int, int]] = []
    for term in range(len(schemes)):
        found, new = {term}, [term]
        while new:
            new = [above for one in new for above in up[one] if above not in found]
            found.update(new)
        found |= by_tree.get(term, set())
        rows += [(term, above) for above in sorted(found)]
    pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return Wider(
        at=offsets(pairs[:, 0], len(schemes)), term=np.ascontiguousarray(pairs[:, 1])
    )


def _above_in_trees(vocabulary: Vocabulary) -> Mapping[int, set[int]]:
    schemes = vocabulary.terms.scheme
    terms = vocabulary.dense.of(vocabulary.trees.term).tolist()
    numbers = vocabulary.trees.number.tolist()
    owners: dict[str, list[int]] = {}
    for term, number in zip(terms, numbers, strict=True):
        owners.setdefault(number, []).append(term)
    found: dict[int, set[int]] = {}
    for term, number in zip(terms, numbers, strict=True):
        if schemes[term] != "condition":
            continue
        parts = number.split(".")
        above = found.setdefault(term, set())
        for end in range(1, len(parts) + 1):
            above.update(owners.get(".".join(parts[:end]), ()))
    return found
