"""What the questions of section 7 are asked of: CROs, criteria and weights as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from matching.engine.inputs import Bools, Floats, Indices, Int8s, Ints
from matching.engine.results import ELIGIBLE, Ranking, is_known

MAX_CROS = 1 << 18
MAX_ID = (1 << 63) - 1


@dataclass(frozen=True)
class Decision:
    """CROs in rows, leaves in columns; make it with `decide` or `decision_of`.

    `group` and `place` are the stated order (section 5): group first, the
    smaller the better, then place; place also settles what is level in a draw.
    `id` names a CRO's own stream of chance, so what is drawn for it does not
    hang on who else is there.
    """

    criteria: tuple[str, ...]  # (n_criteria,)
    weights: Floats  # (n_criteria,) sum 1
    criterion: Ints  # (n_leaves,) positions in `criteria`
    share_inside: Floats  # (n_leaves,) sum 1 inside each criterion
    low: Floats  # (n_cros, n_leaves)
    value: Floats
    high: Floats
    group: Int8s  # (n_cros,)
    place: Ints  # (n_cros,) distinct
    id: Ints  # (n_cros,) distinct, not negative

    @property
    def n_cros(self) -> int:
        return self.low.shape[0]

    @cached_property
    def leaf_weights(self) -> Floats:
        """(n_leaves,) weight in the whole, sum 1."""
        return self.weights[self.criterion] * self.share_inside

    @cached_property
    def by_criterion(self) -> Floats:
        """(n_cros, n_criteria) the value on each criterion."""
        return self._gathered(self.value)

    @cached_property
    def order(self) -> Ints:
        """(n_cros,) rows by group, then place."""
        return np.lexsort((self.place, self.group)).astype(np.int64)

    @cached_property
    def best(self) -> Ints:
        """Rows of the best group that has anybody, by place; from it comes the first."""
        return self.order[self.group[self.order] == self.group.min(initial=127)]

    @cached_property
    def known(self) -> Bools:
        """(n_cros, n_leaves) high - low < 0.5."""
        return is_known(self.low, self.high)

    def scores(self, ends: Floats, weights: Floats | None = None) -> Floats:
        """Return (n_cros,) the weighted sum of low, value or high."""
        of_leaf = self.leaf_weights
        if weights is not None:
            of_leaf = weights[self.criterion] * self.share_inside
        total = np.zeros(ends.shape[0])
        for i in range(of_leaf.size):  # one after the other: no sum hangs on n_cros
            total += ends[:, i] * of_leaf[i]
        return total

    def taken(self, rows: Indices) -> "Decision":
        """Return the same decision between fewer CROs."""
        return replace(
            self,
            low=self.low[rows],
            value=self.value[rows],
            high=self.high[rows],
            group=self.group[rows],
            place=self.place[rows],
            id=self.id[rows],
        )

    def _gathered(self, ends: Floats) -> Floats:
        inside = np.zeros((self.criterion.size, len(self.criteria)))
        inside[np.arange(self.criterion.size), self.criterion] = self.share_inside
        total = np.zeros((ends.shape[0], len(self.criteria)))
        for i, shares in enumerate(inside):
            total += ends[:, i : i + 1] * shares
        return total


def decide(
    *,
    criteria: Sequence[str],
    weights: npt.ArrayLike,
    low: npt.ArrayLike,
    value: npt.ArrayLike,
    high: npt.ArrayLike,
    criterion: npt.ArrayLike | None = None,
    share_inside: npt.ArrayLike | None = None,
    group: npt.ArrayLike | None = None,
    place: npt.ArrayLike | None = None,
    id: npt.ArrayLike | None = None,
) -> Decision:
    """Check arrays and make a decision of them; weights may have any scale.

    Without `criterion` each leaf is a criterion of its own; without
    `share_inside` the leaves of a criterion share alike; without `group` all
    CROs stand in one; without `place` the rows stand best first; without `id`
    the row is the name.

    Raises
    ------
    ValueError
        With a sentence that says what is wrong.
    """
    names = tuple(criteria)
    ends = [np.array(end, np.float64) for end in (low, value, high)]
    if ends[0].ndim != 2 or len({end.shape for end in ends}) != 1:
        raise ValueError("low, value and high must have the same two dimensions")
    n, n_leaves = ends[0].shape
    if n > MAX_CROS:
        raise ValueError(f"at most {MAX_CROS:,} CROs can be compared at once")
    is_inside = (
        (ends[0] >= 0)
        & (ends[0] <= ends[1])
        & (ends[1] <= ends[2])
        & (ends[2] <= 1)  # a NaN is none of these
    )
    if not is_inside.all():
        raise ValueError("leaves must keep 0 <= low <= value <= high <= 1")
    of = np.arange(n_leaves) if criterion is None else np.array(criterion, np.int64)
    if of.shape != (n_leaves,) or sorted(set(of.tolist())) != list(range(len(names))):
        raise ValueError("each leaf needs a criterion, and each criterion a leaf")
    inside = (
        np.ones(n_leaves)
        if share_inside is None
        else checked(share_inside, n_leaves, "shares inside a criterion")
    )
    totals = np.bincount(of, inside, len(names))
    if not totals.all():
        raise ValueError("in each criterion some leaf needs a share above 0")
    return Decision(
        criteria=names,
        weights=scaled(weights, len(names)),
        criterion=of,
        share_inside=inside / totals[of],
        low=ends[0],
        value=ends[1],
        high=ends[2],
        group=np.full(n, ELIGIBLE, np.int8)
        if group is None
        else _column(group, n, "group").astype(np.int8),
        place=_names(place, n, "place"),
        id=_names(id, n, "id"),
    )


def decision_of(
    ranking: Ranking, cros: Indices, id: npt.ArrayLike | None = None
) -> Decision:
    """Return the decision between some CROs of a ranking, in the order given.

    Their places are those of the ranking. Pass the CROs' primary keys as `id`,
    so that the draws of a CRO stay its own when the catalogue changes.
    """
    criteria = tuple(dict.fromkeys(leaf.criterion for leaf in ranking.leaves))
    of = [criteria.index(leaf.criterion) for leaf in ranking.leaves]
    place = np.empty(ranking.order.size, np.int64)
    place[ranking.order] = np.arange(ranking.order.size)
    return decide(
        criteria=criteria,
        weights=np.bincount(of, ranking.weights, len(criteria)),
        criterion=of,
        share_inside=[leaf.share_inside for leaf in ranking.leaves],
        low=ranking.low[cros],
        value=ranking.value[cros],
        high=ranking.high[cros],
        group=ranking.group[cros],
        place=place[cros],
        id=cros if id is None else id,
    )


def scaled(weights: npt.ArrayLike, n: int) -> Floats:
    """Return weights that sum to 1.

    Raises
    ------
    ValueError
        When one is missing, negative or not finite, or none is above 0.
    """
    given = checked(weights, n, "weights")
    if not given.any():
        raise ValueError("at least one weight must be above 0")
    given = given / given.max()  # so that no sum is too large
    return given / given.sum()


def checked(numbers: npt.ArrayLike, n: int, what: str) -> Floats:
    """Return `n` finite numbers, none negative, or raise ValueError."""
    given = np.array(numbers, np.float64)
    if given.shape != (n,):
        raise ValueError(f"{what}: {n} are needed, {given.size} were given")
    if not (np.isfinite(given) & (given >= 0)).all():
        raise ValueError(f"{what} must be finite and not negative")
    return given


def _names(given: npt.ArrayLike | None, n: int, what: str) -> Ints:
    if given is None:
        return np.arange(n)
    names = _column(given, n, what)
    if np.unique(names).size != n or names.min(initial=0) < 0:
        raise ValueError(f"{what} must be distinct and not negative")
    return names


def _column(given: npt.ArrayLike, n: int, what: str) -> Ints:
    column = np.array(given)
    if column.shape != (n,) or (n and column.dtype.kind not in "iu"):
        raise ValueError(f"{what}: one whole number is needed for each CRO")
    return column.astype(np.int64)
