"""The evidence model: what registers alone tell of how near a CRO is to a study.

It stands beside the method's score and is no part of it. It has fewer leaves, all
read from registered trials, and each adds up: a weight times a leaf in [0, 1], where
1 is nearest. Its weights are learnt from disclosed choices (docs/backtest.md), so it
tells whom sponsors chose, not who is good.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from matching.engine.asked import Asked
from matching.engine.inputs import NO_DAY, Bools, Floats, Ints, Need
from matching.engine.leaves import sat
from matching.engine.prepared import DAYS_PER_YEAR, Prepared
from matching.engine.record import CLOSENESS, Record

TRIALS_NEEDED: Final = 10.0
SPONSOR_TRIALS_NEEDED: Final = 1.0
PRIOR_TRIALS: Final = 3.0
"""Trials that the share of all CROs together counts for in a CRO's own share."""

RECENT_HALF_LIFE_DAYS: Final = 1.5 * DAYS_PER_YEAR
UNKNOWN_CLASS: Final = 0
UNKNOWN_POPULATION, PATIENTS, HEALTHY = 0, 1, 2


@dataclass(frozen=True)
class Traits:
    """What the evidence model reads of trials beyond `inputs.Trials`, a row each."""

    sponsor_class: Ints  # any numbering, 0 not known
    modalities: Ints  # bit set, 0 not known
    population: Ints  # UNKNOWN_POPULATION, PATIENTS or HEALTHY


@dataclass(frozen=True)
class Study:
    """What the evidence model reads of a study beyond `Need`."""

    sponsor: int  # index as in `Trials.sponsor`, -1 not known
    sponsor_class: int
    modalities: int
    population: int


@dataclass(frozen=True)
class Evidence:
    """One study's question to the track record of one prepared catalogue."""

    prepared: Prepared
    need: Need
    traits: Traits
    study: Study

    @cached_property
    def _asked(self) -> Asked:
        return Asked(self.prepared, self.need)

    @cached_property
    def _record(self) -> Record:
        return Record(self._asked)

    @cached_property
    def _volume(self) -> Floats:
        return self._add(1.0)

    def _add(self, closeness: Floats | float) -> Floats:
        """Add up all trials of each CRO by closeness and age."""
        roles = np.arange(self.prepared.roles.cro.size)
        return self._record.experience(roles, closeness).effective

    def _share(self, closeness: Floats) -> Floats:
        """Return each CRO's mean closeness, drawn to that of all CROs together."""
        found, n = self._add(closeness), self._volume
        of_all = float(found.sum() / n.sum()) if n.sum() else 0.0
        return (found + PRIOR_TRIALS * of_all) / (n + PRIOR_TRIALS)

    def _none(self) -> Floats:
        """Return the leaf of a question that the study does not ask."""
        return np.zeros(self.prepared.n_cros)

    def condition(self) -> Floats:
        if not self._asked.terms_of("condition"):
            return self._none()
        closeness = CLOSENESS[self._record.condition_levels]
        return sat(self._add(closeness), TRIALS_NEEDED)

    def phase(self) -> Floats:
        terms = self._asked.terms_of("phase")
        if not terms:
            return self._none()
        is_asked = np.zeros(len(self.prepared.catalogue.terms.code) + 1, bool)
        for term in terms:
            is_asked[list(self._asked.at_or_under(term))] = True
        same = is_asked[self.prepared.roles.phase].astype(np.float64)
        return sat(self._add(same), TRIALS_NEEDED)

    def countries(self) -> Floats:
        found = self._none()
        for j, part in self._asked.shares.items():
            term = int(self.need.requirements.term[j])
            roles = self._record.in_countries(self._asked.countries_of(term))
            there = self._record.experience(roles, 1.0).effective
            found += part * sat(there, TRIALS_NEEDED)
        return found

    def sponsor(self) -> Floats:
        if self.study.sponsor < 0:
            return self._none()
        sponsor = self.prepared.catalogue.trials.sponsor[self.prepared.roles.trial]
        same = (sponsor == self.study.sponsor).astype(np.float64)
        return sat(self._add(same), SPONSOR_TRIALS_NEEDED)

    def sponsor_class(self) -> Floats:
        if self.study.sponsor_class == UNKNOWN_CLASS:
            return self._none()
        same = self._of_roles(self.traits.sponsor_class) == self.study.sponsor_class
        return self._share(same.astype(np.float64))

    def modality(self) -> Floats:
        if not self.study.modalities:
            return self._none()
        same = (self._of_roles(self.traits.modalities) & self.study.modalities) > 0
        return self._share(same.astype(np.float64))

    def population(self) -> Floats:
        if self.study.population == UNKNOWN_POPULATION:
            return self._none()
        same = self._of_roles(self.traits.population) == self.study.population
        return self._share(same.astype(np.float64))

    def size(self) -> Floats:
        """Return how near the participants of its trials are, on a scale of ratios."""
        if not self.need.participants > 0:
            return self._none()
        participants = self.prepared.roles.participants  # 0 not known
        apart = np.abs(np.log1p(participants) - math.log1p(self.need.participants))
        return self._share(np.where(participants > 0, np.exp(-apart), 0.0))

    def activity(self) -> Floats:
        roles = self.prepared.roles
        counts: Bools = (roles.start != NO_DAY) & (roles.start <= self._asked.start)
        age = np.where(counts, self._asked.start - roles.start.astype(np.int64), 0)
        weight = np.where(counts, np.exp2(-age / RECENT_HALF_LIFE_DAYS), 0.0)
        n = np.bincount(roles.cro, weight, self.prepared.n_cros)
        return sat(n.astype(np.float64, copy=False), TRIALS_NEEDED)

    def _of_roles(self, of_trials: Ints) -> Ints:
        return of_trials[self.prepared.roles.trial]


LEAVES: Final[dict[str, Callable[[Evidence], Floats]]] = {
    "condition": Evidence.condition,
    "phase": Evidence.phase,
    "countries": Evidence.countries,
    "sponsor": Evidence.sponsor,
    "sponsor_class": Evidence.sponsor_class,
    "modality": Evidence.modality,
    "population": Evidence.population,
    "size": Evidence.size,
    "activity": Evidence.activity,
}


def leaves(evidence: Evidence) -> Floats:
    """Return the leaves of every CRO, in the order of `LEAVES`.

    A leaf whose question the study does not ask is 0 for all CROs.

    Returns
    -------
    (n_cros, n_leaves) array in [0, 1]
    """
    found = np.stack([work_out(evidence) for work_out in LEAVES.values()], axis=1)
    return np.clip(found, 0.0, 1.0)
