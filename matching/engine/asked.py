"""A study's question made ready: requirements by leaf, dates, scopes, shares."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from matching.engine import mesh
from matching.engine.day import Day, day_of
from matching.engine.inputs import (
    CRITERIA,
    IMPORTANCES,
    NO_DAY,
    SIZE_CLASSES,
    Bools,
    Floats,
    Need,
)
from matching.engine.prepared import (
    CONDITION_SCHEMES,
    PLACE_SCHEMES,
    Prepared,
    add_to_digest,
)
from matching.engine.version import VERSION

POINTS = (4.0, 4.0, 2.0, 1.0)
"""Points of each importance, in the order of IMPORTANCES."""

LEAF_OF_SCHEME = {
    "condition": "condition",
    "therapeutic_area": "condition",
    "phase": "phase",
    "modality": "modality_population",
    "population": "modality_population",
    "country": "countries",
    "region": "countries",
    "regulator": "regulators",
    "technology": "technology",
    "dct_level": "technology",
    "certification": "certificates",
}
"""The leaf a requirement belongs to; of any other scheme: services."""


@dataclass(frozen=True)
class Asked:
    """One study's question to one prepared catalogue."""

    prepared: Prepared
    need: Need

    def __post_init__(self) -> None:
        terms = self.prepared.catalogue.terms
        wanted = self.need.requirements
        n = wanted.term.size
        if wanted.importance.size != n or wanted.share.size != n:
            raise ValueError("Every requirement needs an importance and a share.")
        if n and (wanted.term.min() < 0 or wanted.term.max() >= len(terms.code)):
            raise ValueError("A requirement names a term outside the vocabulary.")
        if n and (
            wanted.importance.min() < 0 or wanted.importance.max() >= len(IMPORTANCES)
        ):
            raise ValueError(f"An importance is one of {', '.join(IMPORTANCES)}.")
        if len(set(wanted.term.tolist())) != n:
            raise ValueError("The study asks for the same term twice.")
        if any(self.scheme(term) == "metric" for term in wanted.term.tolist()):
            raise ValueError("A metric is measured, not asked for: leave it out.")
        if (wanted.share < 0).any() or np.isinf(wanted.share).any():
            raise ValueError("A country's share must be a number of at least 0.")
        if self.need.staff_needed <= 0:
            raise ValueError("Staff needed must be above 0, or empty if not known.")
        if self.need.further_studies < 0:
            raise ValueError("The number of further studies must be at least 0.")
        if not 0 <= self.need.sponsor_size < len(SIZE_CLASSES):
            raise ValueError("The sponsor's size class is not one the method knows.")
        if any(not 0 <= j < n for j in self.need.waived):
            raise ValueError("A waiver names a requirement the study does not have.")

    def scheme(self, term: int) -> str:
        return self.prepared.catalogue.terms.scheme[term]

    @cached_property
    def start(self) -> int:
        """Day the study starts: later trials do not count."""
        return self.need.as_of if self.need.start == NO_DAY else self.need.start

    @cached_property
    def points(self) -> Floats:
        """Points per requirement."""
        return np.array(POINTS)[self.need.requirements.importance]

    @cached_property
    def by_leaf(self) -> dict[str, tuple[int, ...]]:
        """Positions of the requirements of each leaf that has any."""
        found: dict[str, list[int]] = {}
        for j, term in enumerate(self.need.requirements.term.tolist()):
            leaf = LEAF_OF_SCHEME.get(self.scheme(term), "services")
            found.setdefault(leaf, []).append(j)
        # Beside a condition its area says nothing more; alone it stands for one.
        conditions = [
            j
            for j in found.get("condition", ())
            if self.scheme(int(self.need.requirements.term[j])) == "condition"
        ]
        if conditions:
            found["condition"] = conditions
        return {leaf: tuple(positions) for leaf, positions in found.items()}

    def terms_of(self, leaf: str) -> tuple[int, ...]:
        wanted = self.need.requirements.term
        return tuple(int(wanted[j]) for j in self.by_leaf.get(leaf, ()))

    @cached_property
    def shares(self) -> dict[int, float]:
        """Share of each country or region requirement, by position; sums to 1."""
        positions = self.by_leaf.get("countries", ())
        given = self.need.requirements.share[list(positions)]
        is_open = np.isnan(given)
        rest = max(0.0, 1.0 - float(given[~is_open].sum()))
        shares = np.where(is_open, rest / max(1, int(is_open.sum())), given)
        total = float(shares.sum())
        shares = shares / total if total > 0 else np.ones_like(shares) / shares.size
        return dict(zip(positions, shares.tolist(), strict=True))

    @cached_property
    def day(self) -> Day:
        return day_of(self.prepared, self.need.as_of)

    @cached_property
    def staff_needed(self) -> float:
        """Full-time staff the study and its further studies need; NaN not known."""
        need = self.need
        staff = need.staff_needed
        if np.isnan(staff):
            countries = len(self.by_leaf.get("countries", ()))
            if np.isnan(need.n_sites) and not countries:
                return float("nan")
            sites = 0.0 if np.isnan(need.n_sites) else need.n_sites
            staff = 2 + sites / 7 + countries / 2
        return staff * (1 + 0.5 * need.further_studies)

    @cached_property
    def sizes(self) -> dict[str, float]:
        """What of participants and sites the study says."""
        need = self.need
        asked = {"participants": need.participants, "sites": need.n_sites}
        return {name: size for name, size in asked.items() if size > 0}

    @cached_property
    def experience_needed(self) -> float:
        return 5.0 if self.need.is_rare else 10.0

    def at_or_under(self, term: int) -> tuple[int, ...]:
        """Return the terms whose yes answers a question for `term`, sorted."""
        prepared = self.prepared
        if self.scheme(term) in CONDITION_SCHEMES:
            found = {term}
            for number in prepared.trees_of_term[term]:
                start, stop = mesh.under(prepared.tree, number)
                found.update(prepared.tree_term[start:stop].tolist())
            return tuple(sorted(found))
        return descendants(prepared, term)

    def countries_of(self, term: int) -> tuple[int, ...]:
        """Return the terms of trial countries behind a place or a regulator."""
        if self.scheme(term) in PLACE_SCHEMES:
            return descendants(self.prepared, term)
        places = self.prepared.countries_of_regulator.get(term, ())
        return tuple(sorted({c for p in places for c in descendants(self.prepared, p)}))

    @cached_property
    def is_asked_place(self) -> Bools:
        """By term: a claim scoped to this place holds where the study asks.

        True at, under or above an asked country or region. The last entry, the
        one -1 reads, is True: no scope.
        """
        prepared = self.prepared
        asked = set(self.terms_of("countries"))
        below = {t for place in asked for t in descendants(prepared, place)}
        above = {
            term
            for term in prepared.regions
            if asked.intersection(descendants(prepared, term))
        }
        return self._flags(below | above)

    @cached_property
    def is_asked_area(self) -> Bools:
        """By term: as `is_asked_place`, for conditions and therapeutic areas."""
        prepared = self.prepared
        found: set[int] = set()
        for term in self.need.requirements.term.tolist():
            if self.scheme(term) not in CONDITION_SCHEMES:
                continue
            found.update(self.at_or_under(term))
            for number in prepared.trees_of_term[term]:
                for depth in range(1, len(number)):
                    at = bisect_left(prepared.tree, number[:depth])
                    while (
                        at < len(prepared.tree) and prepared.tree[at] == number[:depth]
                    ):
                        found.add(int(prepared.tree_term[at]))
                        at += 1
        return self._flags(found)

    def _flags(self, terms: Iterable[int]) -> Bools:
        flags = np.zeros(len(self.prepared.catalogue.terms.code) + 1, bool)
        flags[list(terms)] = True
        flags[-1] = True
        return flags


def descendants(prepared: Prepared, term: int) -> tuple[int, ...]:
    """Return a term and all narrower ones of its list, sorted; loops do no harm."""
    found, open_ = {term}, [term]
    while open_:
        for below in prepared.narrower.get(open_.pop(), ()):
            if below not in found:
                found.add(below)
                open_.append(below)
    return tuple(sorted(found))


def criterion_weights(weights: dict[str, float]) -> dict[str, float]:
    """Return the weight of every criterion; one that is not given weighs 0.

    Raises
    ------
    ValueError
        When a criterion is not the method's, or no weight is above 0.
    """
    strange = sorted(set(weights) - set(CRITERIA))
    if strange:
        raise ValueError(
            f"The method has no criterion {strange[0]!r}; it has {', '.join(CRITERIA)}."
        )
    given = {criterion: float(weights.get(criterion, 0.0)) for criterion in CRITERIA}
    if any(not np.isfinite(w) or w < 0 for w in given.values()):
        raise ValueError("A weight must be a number of at least 0.")
    if not any(given.values()):
        raise ValueError("At least one weight must be above 0.")
    return given


def digest(prepared: Prepared, need: Need) -> str:
    """Return the SHA-256 of the method's version, the catalogue and the need."""
    found = hashlib.sha256(f"{VERSION};".encode() + prepared.digest)
    for part in (need.requirements, need):
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name == "weights":
                value = sorted((c, float(w)) for c, w in need.weights.items())
            if field.name != "requirements":
                add_to_digest(found, field.name, value)
    return found.hexdigest()
