"""The best team of CROs for a study that no single one covers."""

from dataclasses import dataclass
from itertools import combinations
from math import isfinite

import numpy as np
import numpy.typing as npt

from matching.engine.decision import checked
from matching.engine.inputs import Bools, Floats, Ints

MAX_SHORTLIST = 30
MAX_TEAM = 4

_TEAMS_AT_ONCE = 2_048
_LEVEL = 2.0**-40
"""Values nearer than this are level."""


@dataclass(frozen=True)
class Team:
    """A set of CROs. Cells are the columns given, members rows in their order.

    `marginal[i]` is what the value loses without that member, its interface
    included; `is_needed[i]` says that a must would be uncovered then. `missing`
    are the musts nobody in the team covers, `out_of_reach` those that nobody on
    the shortlist does. With nothing missing this is the best team that covers
    all; else the one that covers most musts.
    """

    members: tuple[int, ...]
    value: float
    coverage: Floats  # (n_cells,) of the member best at it
    by: Ints  # (n_cells,) that member, the first of several; -1 in an empty team
    marginal: Floats  # (n_members,)
    is_needed: Bools  # (n_members,)
    missing: tuple[int, ...]
    out_of_reach: tuple[int, ...]

    @property
    def covers_all(self) -> bool:
        return not self.missing


def best_team(
    *,
    coverage: npt.ArrayLike,
    covers: npt.ArrayLike,
    is_must: npt.ArrayLike,
    weights: npt.ArrayLike,
    penalty: float,
    size: int = MAX_TEAM,
) -> Team:
    """Return the best team of at most `size` CROs; every team is looked at.

    A cell is a service in a country. A team's value is the sum over cells of
    weight times the best coverage among its members, less `penalty` for each
    partner beyond the first. Of level teams the smaller counts, then the one
    with members further up the shortlist.

    Parameters
    ----------
    coverage : (n_cros, n_cells) array
        In [0, 1], at most 30 CROs, best first.
    covers : (n_cros, n_cells) bool array
        Whether the CRO passes as covering the cell; read for musts.
    is_must : (n_cells,) bool array
    weights : (n_cells,) array
        Finite, >= 0, any scale; they are scaled to sum 1 if any is above 0.
    penalty : float
        In the same points as the scaled weights: 0.02 is two points of 100.

    Raises
    ------
    ValueError
        With a sentence that says what is wrong.
    """
    degrees = np.array(coverage, np.float64)
    passes, musts = np.array(covers, bool), np.array(is_must, bool)
    if degrees.ndim != 2 or passes.shape != degrees.shape:
        raise ValueError("coverage and covers must have the same two dimensions")
    n, n_cells = degrees.shape
    if n > MAX_SHORTLIST:
        raise ValueError(f"a team is chosen from at most {MAX_SHORTLIST} CROs")
    if not 1 <= size <= MAX_TEAM:
        raise ValueError(f"a team has from 1 to {MAX_TEAM} CROs")
    if musts.shape != (n_cells,):
        raise ValueError("is_must: one is needed for each cell")
    if not ((degrees >= 0) & (degrees <= 1)).all():
        raise ValueError("coverage must lie between 0 and 1")
    if not (isfinite(penalty) and penalty >= 0):
        raise ValueError("the penalty must be finite and not negative")
    share = checked(weights, n_cells, "weights of cells")
    if share.any():
        share = share / share.max()
        share /= share.sum()
    passes &= musts
    best = ()
    best_key = (int(musts.sum()), 0, 0)  # of nobody: all missing, worth nothing
    if n:
        best_key = (n_cells + 1, 0, 0)
    for k in range(1, min(size, n) + 1):
        teams = np.array(list(combinations(range(n), k)), np.int64)
        for at in range(0, len(teams), _TEAMS_AT_ONCE):
            part = teams[at : at + _TEAMS_AT_ONCE]
            missing = (musts & ~passes[part].any(axis=1)).sum(axis=1)
            steps = np.rint(_values(degrees[part], share, penalty) / _LEVEL)
            first = int(np.lexsort((-steps, missing))[0])
            key = (int(missing[first]), -int(steps[first]), k)
            if key < best_key:
                best, best_key = tuple(part[first].tolist()), key
    return _described(best, degrees, passes, musts, share, penalty)


def _values(degrees: Floats, share: Floats, penalty: float) -> Floats:
    """Return (n_teams,) values of (n_teams, n_members, n_cells) coverage."""
    parts = degrees.max(axis=1) * share
    return parts.sum(axis=1) - penalty * (degrees.shape[1] - 1)


def _described(
    members: tuple[int, ...],
    degrees: Floats,
    passes: Bools,
    musts: Bools,
    share: Floats,
    penalty: float,
) -> Team:
    rows = np.array(members, np.int64)
    n_cells = share.size
    empty = not members
    value = 0.0 if empty else float(_values(degrees[rows][None], share, penalty)[0])
    uncovered = musts & ~passes[rows].any(axis=0)
    without = [np.delete(rows, i) for i in range(rows.size)]
    rest = [
        float(_values(degrees[left][None], share, penalty)[0]) if left.size else 0.0
        for left in without
    ]
    return Team(
        members=members,
        value=value,
        coverage=degrees[rows].max(axis=0, initial=0.0),
        by=np.full(n_cells, -1) if empty else rows[degrees[rows].argmax(axis=0)],
        marginal=value - np.array(rest),
        is_needed=np.array(
            [
                bool((musts & ~passes[r].any(axis=0) & ~uncovered).any())
                for r in without
            ],
            bool,
        ),
        missing=tuple(np.flatnonzero(uncovered).tolist()),
        out_of_reach=tuple(np.flatnonzero(musts & ~passes.any(axis=0)).tolist()),
    )
