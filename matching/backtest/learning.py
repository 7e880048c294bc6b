"""Learns non-negative weights from disclosed choices (conditional logit)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from matching.engine.inputs import Floats

STEPS: Final = 5_000
SMALLEST_GAIN: Final = 1e-12


@dataclass(frozen=True)
class Choice:
    """A study, the CROs it could have taken and the one it took.

    `leaves` is (n_cros, n_leaves), larger is nearer; `taken` is a row of it.
    """

    leaves: Floats
    taken: int


def learn(choices: Sequence[Choice], penalty: float) -> Floats:
    """Return the weights, none below 0, under which the choices are most likely.

    P(c is taken) is proportional to exp(leaves of c times weights). The penalty
    times the sum of squared weights is taken off the log-likelihood: it keeps
    weights small where the choices tell little. The problem is convex, so the
    answer does not depend on where the search begins.

    Raises
    ------
    ValueError
        Without a choice, or with a penalty that is not above 0.
    """
    if not choices:
        raise ValueError("There is no choice to learn from.")
    if not penalty > 0:
        raise ValueError("The penalty must be above 0.")
    n = choices[0].leaves.shape[1]
    weights = ahead = np.zeros(n)
    loss = _loss(choices, weights, penalty)
    step, momentum = 1.0, 1.0
    for _ in range(STEPS):
        at, gradient = _loss_and_gradient(choices, ahead, penalty)
        while True:
            new = np.maximum(0.0, ahead - step * gradient)
            move = new - ahead
            found = _loss(choices, new, penalty)
            if found <= at + gradient @ move + (move @ move) / (2 * step):
                break
            step /= 2
        if found > loss and momentum > 1.0:  # went too far: start anew from here
            ahead, momentum = weights, 1.0
            continue
        gain = loss - found
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / faster * (new - weights)
        weights, loss, momentum = new, found, faster
        if 0 <= gain <= SMALLEST_GAIN * (1 + abs(loss)):
            break
    return weights


def _loss(choices: Sequence[Choice], weights: Floats, penalty: float) -> float:
    total = penalty * float(weights @ weights)
    for choice in choices:
        scores = choice.leaves @ weights
        top = scores.max()
        total += top + np.log(np.exp(scores - top).sum()) - scores[choice.taken]
    return float(total)


def _loss_and_gradient(
    choices: Sequence[Choice], weights: Floats, penalty: float
) -> tuple[float, Floats]:
    total = penalty * float(weights @ weights)
    gradient = 2 * penalty * weights
    for choice in choices:
        scores = choice.leaves @ weights
        top = scores.max()
        chance = np.exp(scores - top)
        all_ = chance.sum()
        total += top + np.log(all_) - scores[choice.taken]
        gradient += (chance / all_) @ choice.leaves - choice.leaves[choice.taken]
    return float(total), gradient
