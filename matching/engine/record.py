"""What the track record shows for one study: trials near it, by CRO."""

from dataclasses import dataclass
from functools import cached_property

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
    undated: Floats  # trials with no known start, weighed by closeness alone


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
    def is_related(self) -> Bools:
        """By role: shares a top branch with the study, or the study names none."""
        if not self.asked.terms_of("condition"):
            return np.ones(self.asked.prepared.roles.cro.size, bool)
        return self.condition_levels > 0

    def in_phase(self, terms: tuple[int, ...]) -> Ints:
        """Return the roles in a phase asked (or a narrower one) near the study."""
        phase = self.asked.prepared.roles.phase
        flags = np.zeros(len(self.asked.prepared.catalogue.terms.code) + 1, bool)
        for term in terms:
            flags[list(self.asked.at_or_under(term))] = True
        return np.flatnonzero(flags[phase] & self.is_related)

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
        effective = np.zeros(self.n_cros)
        effective += np.bincount(table.cro[roles], weight, self.n_cros) * self.ageing
        undated = np.zeros(self.n_cros)
        if table.undated.size:
            is_undated = table.start[roles] == NO_DAY
            undated += np.bincount(
                table.cro[roles[is_undated]],
                np.broadcast_to(closeness, roles.shape)[is_undated],
                self.n_cros,
            )
        return Experience(effective, undated)

    def numbers(self, roles: Indices) -> tuple[Ints, Ints]:
        """Return how many of the roles count, and how many have no date, by CRO."""
        table = self.asked.prepared.roles
        cro = table.cro[roles]
        if not table.undated.size and self.is_all_dated_counted:
            return np.bincount(cro, minlength=self.n_cros), np.zeros(1, np.int64)
        counted = np.bincount(cro[self.counts[roles]], minlength=self.n_cros)
        if not table.undated.size:
            return counted, np.zeros(1, np.int64)
        is_undated = table.start[roles] == NO_DAY
        return counted, np.bincount(cro[is_undated], minlength=self.n_cros)

    def has_any(self, roles: Indices) -> Bools:
        """By CRO: at least one of the roles counts."""
        table = self.asked.prepared.roles
        found = np.zeros(self.n_cros, bool)
        found[table.cro[roles[self.counts[roles]]]] = True
        return found

    def count(self, holds: Bools) -> Ints:
        """Return how many roles hold, by CRO."""
        return segment_count(holds, self.asked.prepared.roles.at)

    def largest(self, values: Floats | Int32s) -> tuple[Floats, Floats]:
        """Return each CRO's largest value of a counted role, and with undated ones.

        `values` are by role, 0 where not known; so 0 says that nothing is known.
        """
        table = self.asked.prepared.roles
        counted = segment_max(np.where(self.counts, values, 0), table.at)
        possible = counted.copy()
        if table.undated.size:
            np.maximum.at(possible, table.cro[table.undated], values[table.undated])
        return counted, possible

    @cached_property
    def sponsors(self) -> tuple[Floats, Floats]:
        """By CRO: sponsors known, and those of them that used it again later."""
        prepared = self.asked.prepared
        n = segment_count(
            prepared.sponsor_first <= self.asked.start, prepared.sponsor_at
        )
        again = segment_count(
            prepared.sponsor_again <= self.asked.start, prepared.sponsor_at
        )
        return n.astype(np.float64), again.astype(np.float64)


def segment_count(holds: Bools, at: Ints) -> Ints:
    """Count what holds in each segment `at[i]` to `at[i + 1]`."""
    total = np.zeros(holds.size + 1, np.int64)
    np.cumsum(holds, out=total[1:])
    return np.diff(total[at])


def segment_max(values: Floats | Int32s, at: Ints) -> Floats:
    """Return the largest of each segment, 0 for an empty one; values are >= 0."""
    result = np.zeros(at.size - 1)
    filled = np.flatnonzero(at[1:] > at[:-1])
    if filled.size:
        result[filled] = np.maximum.reduceat(values, at[filled])
    return result
