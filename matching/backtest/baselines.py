"""Plain rankings that the portal's is put beside. Each gives every CRO a number."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from matching.backtest.world import Frozen, Read
from matching.engine import mesh
from matching.engine.inputs import Floats
from matching.engine.prepared import DAYS_PER_YEAR

RECENCY_HALF_LIFE_YEARS: Final = 2.0
NEIGHBOURS: Final = 5
TIE_BREAK: Final = 1e-6
"""What popularity counts where a baseline itself says nothing."""


def popularity(frozen: Frozen, study: Read) -> Floats:
    """Count all earlier trials."""
    return _by_cro(frozen, np.ones(len(frozen.read)))


def recent_popularity(frozen: Frozen, study: Read) -> Floats:
    """Count earlier trials, each half as much after two years."""
    age = np.array([study.first - one.last for one in frozen.read]) / DAYS_PER_YEAR
    return _by_cro(frozen, np.exp2(-age / RECENCY_HALF_LIFE_YEARS))


def branch_popularity(frozen: Frozen, study: Read) -> Floats:
    """Count earlier trials in a top MeSH branch of the study; then all trials."""
    asked = _branches(frozen, study)
    same = np.array([bool(asked & _branches(frozen, one)) for one in frozen.read])
    return _by_cro(frozen, same) + TIE_BREAK * popularity(frozen, study)


def same_sponsor(frozen: Frozen, study: Read) -> Floats:
    """Count earlier trials of the study's sponsor; then all trials."""
    same = np.array(
        [study.sponsor >= 0 and one.sponsor == study.sponsor for one in frozen.read]
    )
    return _by_cro(frozen, same) + TIE_BREAK * popularity(frozen, study)


def nearest(frozen: Frozen, study: Read) -> Floats:
    """Add up the likeness of the nearest earlier trials; then count all trials."""
    likeness = np.array([_likeness(frozen, study, one) for one in frozen.read])
    if likeness.size > NEIGHBOURS:
        least = np.partition(likeness, -NEIGHBOURS)[-NEIGHBOURS]
        likeness = np.where(likeness >= least, likeness, 0.0)
    return _by_cro(frozen, likeness) + TIE_BREAK * popularity(frozen, study)


BASELINES: Final[dict[str, Callable[[Frozen, Read], Floats]]] = {
    "popularity": popularity,
    "recent_popularity": recent_popularity,
    "branch_popularity": branch_popularity,
    "same_sponsor": same_sponsor,
    "nearest_trials": nearest,
}


def _by_cro(frozen: Frozen, of_trials: Floats) -> Floats:
    catalogue = frozen.prepared.catalogue
    return np.bincount(
        catalogue.role_cro, of_trials[catalogue.role_trial], frozen.cro.size
    ).astype(np.float64, copy=False)


def _branches(frozen: Frozen, one: Read) -> set[str]:
    trees = frozen.prepared.trees_of_term
    return {number[0] for term in one.conditions for number in trees[term]}


def _likeness(frozen: Frozen, study: Read, one: Read) -> float:
    """Return the mean agreement of two trials over what a record says, 0 to 1."""
    sizes = abs(math.log1p(study.participants) - math.log1p(one.participants))
    return (
        _closeness(frozen, study, one)
        + (study.phase >= 0 and study.phase == one.phase)
        + _overlap(study.countries, one.countries)
        + _overlap(study.modalities, one.modalities)
        + (study.sponsor >= 0 and study.sponsor == one.sponsor)
        + (study.sponsor_class > 0 and study.sponsor_class == one.sponsor_class)
        + (study.population > 0 and study.population == one.population)
        + (0.0 if math.isnan(sizes) else math.exp(-sizes))
    ) / 8


def _overlap(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    return len({*a} & {*b}) / len({*a} | {*b}) if a and b else 0.0


def _closeness(frozen: Frozen, study: Read, one: Read) -> float:
    """Return how much of their MeSH paths the nearest conditions share, 0 to 1."""
    trees = frozen.prepared.trees_of_term
    return max(
        (
            2 * _shared(a, b) / (len(a) + len(b))
            for x in study.conditions
            for y in one.conditions
            for a in trees[x]
            for b in trees[y]
        ),
        default=0.0,
    )


def _shared(a: mesh.TreeNumber, b: mesh.TreeNumber) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n
