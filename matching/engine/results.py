"""What the engine answers."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matching.engine.inputs import Bools, Floats, Int8s, Ints

if TYPE_CHECKING:
    from matching.engine.leaves import Answers

PASS, FAIL, UNKNOWN = 0, 1, 2
ELIGIBLE, CONDITIONAL, NEAR_MISS, EXCLUDED = 0, 1, 2, 3

KNOWN_WIDTH = 0.5
"""An interval narrower than this is known."""

_ROUNDING = 1e-9


def is_known(low: Floats, high: Floats) -> Bools:
    """Say which intervals are known; a width of 0.5 but for rounding is not."""
    return high - low < KNOWN_WIDTH - _ROUNDING


@dataclass(frozen=True)
class Leaf:
    """One leaf of the criteria tree that this study asks about.

    `weight` is its weight in the whole (criterion share times share inside),
    so the weights of all leaves sum to 1.
    """

    criterion: str
    name: str  # condition, phase, modality_population, countries, regulators, …
    weight: float
    share_inside: float


@dataclass(frozen=True)
class Ranking:
    """Every CRO's values for one study. Rows are CROs in the catalogue's order.

    Contributions are `value * weight` per leaf and sum to `score` within 1e-9;
    losses are `(1 - value) * weight`.
    """

    leaves: tuple[Leaf, ...]
    low: Floats  # (n_cros, n_leaves)
    value: Floats  # (n_cros, n_leaves)
    high: Floats  # (n_cros, n_leaves)
    score: Floats  # (n_cros,)
    score_low: Floats
    score_high: Floats
    evidence: Floats  # (n_cros,) sum of the weights of known leaves
    gate_requirement: Ints  # (n_gates,) positions in need.requirements
    gates: Int8s  # (n_cros, n_gates) PASS, FAIL, UNKNOWN
    group: Int8s  # (n_cros,) ELIGIBLE, CONDITIONAL, NEAR_MISS, EXCLUDED
    order: Ints  # (n_cros,) CROs best first
    digest: str  # SHA-256 of the canonical inputs and VERSION
    answers: "Answers" = field(repr=False, compare=False)  # what `explain` goes on

    @cached_property
    def weights(self) -> Floats:
        """(n_leaves,) weights of the leaves in the whole, sum 1."""
        return np.array([leaf.weight for leaf in self.leaves])

    @cached_property
    def known(self) -> Bools:
        """(n_cros, n_leaves): high - low < 0.5."""
        return is_known(self.low, self.high)

    @cached_property
    def contribution(self) -> Floats:
        """(n_cros, n_leaves) value * weight. For a few CROs, index `value` first."""
        return self.value * self.weights


class Fact(NamedTuple):
    """One thing behind a leaf value.

    `kind` is claim, record (track record), complete_list or nothing; `term` the
    requirement's or metric's term, -1 when the fact is of the whole leaf.
    `numbers` hold what the sentence needs: n_eff, n_trials, need, share, value…
    """

    kind: str
    term: int
    low: float
    value: float
    high: float
    is_disputed: bool
    claim_ids: tuple[int, ...]
    trial_ids: tuple[int, ...]  # the most telling first, at most five
    numbers: dict[str, float]


class Reason(NamedTuple):
    """Why a CRO has its value in a leaf: the facts it came from."""

    leaf: int  # position in Ranking.leaves
    low: float
    value: float
    high: float
    contribution: float
    loss: float
    facts: tuple[Fact, ...]


class Explanation(NamedTuple):
    """One CRO's reasons, in the order of the leaves, and its weakest link.

    `weakest` is the leaf with the largest loss; -1 when nothing is lost.
    """

    cro: int
    reasons: tuple[Reason, ...]
    gate_facts: tuple[Fact, ...]  # one per gate, in the order of the gates
    weakest: int
