"""What the track record shows for one study: trials near it, by CRO."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from matching.engine import mesh
from matching.engine.asked import Asked
from matching.engine.inputs import NO_DAY, Bools, Floats, Indices, Int8s, Int32s, Ints
from matching.engine.prepared import EXPERIENCE_HALF_LIFE_DAYS

CLOSENESS = np.array(mesh.CLOSENESS)


@dataclass(frozen=True)
class Experience:
    """Trials of one kind, by CRO."""

    effective: Floats  # trials weighed by closeness and age
    undated: Floats | None  # no known start, by closeness alone; None: no such


class Numbers(NamedTuple):
    """How many trials of one kind, by CRO."""

    dated: Ints  # they count
    possible: Ints  # with those of no known start; the same array if there are none


@dataclass(frozen=True)
class Record:
    """The track record read for one study. A role is a (CRO, trial) row."""

    asked: Asked

    @property
    def n_cros(self) -> int:
        return self.asked.prepared.n_cros

    @cached_property
    def counts(self) -> Bools:
        """By role: started by the study's start, as far as is known."""
        return self.asked.prepared.roles.start <= self.asked.start

    @cached_property
    def is_all_dated_counted(self) -> bool:
        return self.asked.prepared.roles.epoch <= self.asked.start

    @property
    def ageing(self) -> float:
        """Factor on the roles' weights, which age to the latest start known."""
        epoch = self.asked.prepared.roles.epoch
        return float(2.0 ** ((epoch - self.asked.start) / EXPERIENCE_HALF_LIFE_DAYS))

    def levels(self, terms: tuple[int, ...]) -> Int8s:
        """Return each role's closeness to the nearest of some conditions."""
        if terms not in self._levels:
            self._levels[terms] = self._find_levels(terms)
        return self._levels[terms]

    @cached_property
    def _levels(self) -> dict[tuple[int, ...], Int8s]:
        return {}

    def _find_levels(self, terms: tuple[int, ...]) -> Int8s:
        prepared = self.asked.prepared
        ranges = [
            found
            for term in terms
            for number in prepared.trees_of_term[term]
            for found in mesh.near(prepared.tree, number)
        ]
        levels = np.zeros(prepared.roles.cro.size, np.int8)
        at = prepared.roles_of_tree.at
        for found in sorted(ranges, key=lambda found: found.level):
            start, stop = at[found.start], at[found.stop]
            roles = prepared.roles_of_tree.row[start:stop]
            if found.depths:
                depth = prepared.tree_depth_of_roles[start:stop]
                low, high = found.depths
                roles = roles[(depth == low) | (depth == high)]
            levels[roles] = found.level
        return levels

    @cached_property
    def condition_levels(self) -> Int8s:
        return self.levels(self.asked.terms_of("condition"))

    @cached_property
    def related(self) -> Ints:
        """Roles that share a top branch with the study; all if it names none."""
        if not self.asked.terms_of("condition"):
            return np.arange(self.asked.prepared.roles.cro.size)
        return np.flatnonzero(self.condition_levels > 0)

    def in_phase(self, terms: tuple[int, ...]) -> Ints:
        """Return the roles in a phase asked (or a narrower one) near the study."""
        if terms in self._in_phase:
            return self._in_phase[terms]
        phase = self.asked.prepared.roles.phase
        flags = np.zeros(len(self.asked.prepared.catalogue.terms.code) + 1, bool)
        for term in terms:
            flags[list(self.asked.at_or_under(term))] = True
        related = self.related
        self._in_phase[terms] = related[flags[phase[related]]]
        return self._in_phase[terms]

    @cached_property
    def _in_phase(self) -> dict[tuple[int, ...], Ints]:
        return {}

    def in_countries(self, terms: tuple[int, ...]) -> Int32s:
        """Return the roles whose trial ran in any of some countries, once each."""
        lists = self.asked.prepared.roles_of_country
        if len(terms) == 1:
            return lists.of(terms[0])
        is_there = np.zeros(self.asked.prepared.roles.cro.size, bool)
        for term in terms:
            is_there[lists.of(term)] = True
        return np.flatnonzero(is_there).astype(np.int32)

    def experience(self, roles: Indices, closeness: Floats | float) -> Experience:
        """Add up roles by CRO: those that count with their age, undated ones apart."""
        table = self.asked.prepared.roles
        weight = table.weight[roles] * closeness
        if not self.is_all_dated_counted:
            weight *= self.counts[roles]
        effective = self._total(table.cro[roles], weight)
        effective *= self.ageing
        if not table.undated.size:
            return Experience(effective, None)
        is_undated = np.flatnonzero(table.start[roles] == NO_DAY)
        undated = self._total(
            table.cro[roles[is_undated]],
            np.broadcast_to(closeness, roles.shape)[is_undated],
        )
        return Experience(effective, undated)

    def _total(self, cro: Int32s, weight: Floats) -> Floats:
        found = np.bincount(cro, weight, self.n_cros)
        return found.astype(np.float64, copy=False)  # of nothing, whole numbers

    def ran_in(self, term: int) -> Numbers:
        """Return how many trials ran in a place, or under a regulator, by CRO."""
        if term not in self._ran_in:
            roles = self.in_countries(self.asked.countries_of(term))
            self._ran_in[term] = self._numbers(roles)
        return self._ran_in[term]

    @cached_property
    def _ran_in(self) -> dict[int, Numbers]:
        return {}

    def _numbers(self, roles: Indices) -> Numbers:
        table = self.asked.prepared.roles
        cro = table.cro[roles]
        dated = np.bincount(cro[self.counts[roles]], minlength=self.n_cros)
        if not table.undated.size:
            return Numbers(dated, dated)
        is_undated = table.start[roles] == NO_DAY
        undated = np.bincount(cro[is_undated], minlength=self.n_cros)
        undated += dated
        return Numbers(dated, undated)

    def has_any(self, roles: Indices) -> Bools:
        """By CRO: at least one of the roles counts."""
        table = self.asked.prepared.roles
        found = np.zeros(self.n_cros, bool)
        found[table.cro[roles[self.counts[roles]]]] = True
        return found

    def count(self, holds: Bools) -> Ints:
        """Return how many roles hold, by CRO."""
        return np.bincount(self.asked.prepared.roles.cro[holds], minlength=self.n_cros)

    @cached_property
    def late(self) -> Int32s:
        """Roles whose trials start after the study; mostly few."""
        table = self.asked.prepared.roles
        return table.newest[: np.searchsorted(table.newest_start, -self.asked.start)]

    @cached_property
    def _newest_counted(self) -> Ints:
        """By CRO: the first of its roles that counts; one past all roles if none does."""
        table = self.asked.prepared.roles
        first = table.at[:-1].copy()
        np.add.at(first, table.cro[self.late], 1)
        first[first == table.at[1:]] = table.cro.size
        return first

    def most(self, name: str) -> tuple[Floats, Floats | None]:
        """Return each CRO's largest value of a counted role, and with undated ones.

        `name` is a key of `Roles.most`; 0 says that nothing is known. The second
        is None where it is the same.
        """
        found = self.asked.prepared.roles.most[name]
        counted = found.from_role[self._newest_counted]
        if found.undated is None:
            return counted, None
        return counted, np.maximum(counted, found.undated)

    @cached_property
    def sponsors(self) -> tuple[Ints, Ints]:
        """By CRO: sponsors known, and those of them that used it again later."""
        pairs = self.asked.prepared.sponsors
        return (
            self._less(pairs.n, pairs.first, pairs.first_cro),
            self._less(pairs.n_again, pairs.again, pairs.again_cro),
        )

    def _less(self, n: Ints, start: Int32s, cro: Int32s) -> Ints:
        late = cro[np.searchsorted(start, self.asked.start, "right") :]
        left = n.copy()
        np.subtract.at(left, late, 1)
        return left

    @cached_property
    def of_size_class(self) -> tuple[Ints, Ints]:
        """By CRO: counted trials for sponsors of the study's size, and of any known."""
        table, size = self.asked.prepared.roles, self.asked.need.sponsor_size
        late = table.sponsor_size[self.late]
        same, n = table.of_size_class[size].copy(), table.of_any_size.copy()
        np.subtract.at(same, table.cro[self.late[late == size]], 1)
        np.subtract.at(n, table.cro[self.late[late > 0]], 1)
        return same, n
