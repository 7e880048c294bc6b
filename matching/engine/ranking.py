"""Rank all CROs for one study (method, sections 3 to 5)."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from matching.engine import mesh
from matching.engine.asked import Asked, criterion_weights, digest
from matching.engine.inputs import IMPORTANCES, Bools, Floats, Int8s, Ints, Need
from matching.engine.knowledge import Known
from matching.engine.leaves import LEAVES, TREE, Answers, is_asked
from matching.engine.prepared import Prepared, order_by
from matching.engine.results import (
    CONDITIONAL,
    ELIGIBLE,
    EXCLUDED,
    FAIL,
    NEAR_MISS,
    PASS,
    UNKNOWN,
    Leaf,
    Ranking,
    is_known,
)

MUST = IMPORTANCES.index("must")
PASSING_VALUE = 0.5


def rank(prepared: Prepared, need: Need) -> Ranking:
    """Rank every CRO of a prepared catalogue for a study.

    No CRO's value depends on the others. The same inputs give the same bytes.

    Raises
    ------
    ValueError
        With a sentence for the user, when the need makes no sense.
    """
    asked = Asked(prepared, need)
    leaves = _leaves(asked, criterion_weights(need.weights))
    answers = Answers(asked)
    n = prepared.n_cros
    # A leaf's values stand together in memory: leaves are rows until the end.
    low, value, high = (np.empty((len(leaves), n)) for _ in range(3))
    score, score_low, score_high, evidence = (np.zeros(n) for _ in range(4))
    part = np.empty(n)
    for i, leaf in enumerate(leaves):
        LEAVES[leaf.name](answers, (low[i], value[i], high[i]))
        for total, end in ((score, value), (score_low, low), (score_high, high)):
            np.multiply(end[i], leaf.weight, out=part)
            total += part
        np.multiply(is_known(low[i], high[i]), leaf.weight, out=part)
        evidence += part
    np.minimum(score_high, 1.0, out=score_high)  # rounding must not pass the end
    np.minimum(score, score_high, out=score)
    np.minimum(score_low, score, out=score_low)
    requirement, gates = _gates(answers)
    group = _groups(gates, np.isin(requirement, need.waived))
    return Ranking(
        leaves=leaves,
        low=low.T,
        value=value.T,
        high=high.T,
        score=score,
        score_low=score_low,
        score_high=score_high,
        evidence=np.minimum(evidence, 1.0),
        gate_requirement=requirement,
        gates=gates,
        group=group,
        order=_order(group, score, score_low, prepared),
        digest=digest(prepared, need),
        answers=answers,
    )


class Relaxation(NamedTuple):
    """Musts to relax, as positions in the need's requirements, and who that frees."""

    requirements: tuple[int, ...]
    n_freed: int


def smallest_relaxations(ranking: Ranking, need: Need) -> tuple[Relaxation, ...]:
    """Return all smallest sets of musts to relax so that somebody becomes eligible.

    Empty when somebody is eligible. The set that frees most CROs comes first;
    of those that free as many, the one with the first musts.
    """
    if not ranking.group.size or (ranking.group == ELIGIBLE).any():
        return ()
    open_ = ~np.isin(ranking.gate_requirement, need.waived)
    in_the_way = (ranking.gates != PASS) & open_
    number = in_the_way.sum(axis=1)
    nearest = in_the_way[number == number.min()]
    sets, frees = np.unique(nearest, axis=0, return_counts=True)
    found = [
        Relaxation(tuple(ranking.gate_requirement[chosen].tolist()), int(count))
        for chosen, count in zip(sets, frees, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.n_freed, one.requirements)))


def _leaves(asked: Asked, weights: Mapping[str, float]) -> tuple[Leaf, ...]:
    """Return the leaves this study asks about; their weights sum to 1."""
    kept = {
        criterion: {name: w for name, w in inside.items() if is_asked(name, asked)}
        for criterion, inside in TREE.items()
    }
    total = sum(weights[criterion] for criterion, inside in kept.items() if inside)
    if total <= 0:
        raise ValueError(
            "The study asks nothing of the criteria that have a weight. "
            "Give a weight to another criterion, or add requirements."
        )
    return tuple(
        Leaf(
            criterion=criterion,
            name=name,
            weight=weights[criterion] / total * (w / sum(inside.values())),
            share_inside=w / sum(inside.values()),
        )
        for criterion, inside in kept.items()
        for name, w in inside.items()
    )


def _gates(answers: Answers) -> tuple[Ints, Int8s]:
    """Return the musts and each CRO's state on each: (n_cros, n_gates)."""
    asked = answers.asked
    musts = np.flatnonzero(asked.need.requirements.importance == MUST)
    gates = np.full((musts.size, answers.record.n_cros), UNKNOWN, np.int8)
    for gate, j in zip(gates, musts.tolist(), strict=True):
        term = int(asked.need.requirements.term[j])
        known = answers.known(term)
        gate[known.cro] = state_of_known(known)
        shown = shown_by_record(answers, term)
        if shown is not None:
            gate[shown] = PASS
    return musts, gates.T


def state_of_known(known: Known) -> Int8s:
    """Return pass, fail or unknown by what claims and complete lists tell."""
    state = np.where(known.value >= PASSING_VALUE, PASS, FAIL).astype(np.int8)
    state[~is_known(known.low, known.high)] = UNKNOWN
    return state


def shown_by_record(answers: Answers, term: int) -> Bools | None:
    """By CRO: a related trial that counts; None where trials cannot show it."""
    asked, record = answers.asked, answers.record
    scheme = asked.scheme(term)
    if scheme in ("country", "region"):
        return record.ran_in(term).dated > 0
    if scheme == "phase":
        return record.has_any(record.in_phase((term,)))
    if scheme in ("condition", "therapeutic_area"):
        return record.has_any(np.flatnonzero(record.levels((term,)) >= mesh.NEAR))
    return None


def _groups(gates: Int8s, is_waived: Bools) -> Int8s:
    """Return each CRO's group; a waived gate is passed."""
    counted = gates.T[~is_waived]
    fails = np.zeros(gates.shape[0], np.int8)
    open_ = np.zeros(gates.shape[0], bool)
    for gate in counted:
        fails += gate == FAIL
        open_ |= gate == UNKNOWN
    group = np.where(open_, CONDITIONAL, ELIGIBLE).astype(np.int8)
    group[fails == 1] = NEAR_MISS
    group[fails > 1] = EXCLUDED
    return group


def _order(group: Int8s, score: Floats, score_low: Floats, prepared: Prepared) -> Ints:
    """Return the CROs best first: by group, V, V(l), then name and id.

    One sort of numbers that hold group, V to about 13 digits and place by name;
    then the few whose V is the same as far as that, but not all of it, are put
    in order.
    """
    n = score.size
    row_bits = max(1, (n - 1).bit_length())
    score_bits = min(50, 61 - row_bits)
    scaled = score * (1 << score_bits)  # exact: only the exponent changes
    whole = scaled.astype(np.int64)
    packed = group.astype(np.int64)
    packed <<= score_bits + 1
    packed |= (1 << score_bits) - whole
    packed <<= row_bits
    packed |= prepared.name_rank
    packed.sort()
    order = prepared.by_name[packed & ((1 << row_bits) - 1)]
    packed >>= row_bits
    tie = np.flatnonzero(packed[1:] == packed[:-1])
    above, below = order[tie], order[tie + 1]
    tie = tie[(score[above] != score[below]) | (score_low[above] != score_low[below])]
    if tie.size:
        # All rows of a run of ties that is not settled by name alone.
        run = np.concatenate(([0], np.cumsum(packed[1:] != packed[:-1])))
        is_open = np.zeros(run[-1] + 1, bool)
        is_open[run[tie]] = True
        place = np.flatnonzero(is_open[run])
        cros = order[place]
        rest = scaled[cros] - whole[cros]
        order[place] = _settle(cros, run[place], rest, score_low[cros])
    return order


def _settle(cros: Ints, run: Ints, score: Floats, score_low: Floats) -> Ints:
    """Order each run of CROs by V, then V(l), then as they stand.

    `score` is in [0, 1) what V has beyond the start that a run shares. By far
    most differ in the first digits; the others are few.
    """
    fine, low = (
        ((1.0 - end) * (1 << 30)).astype(np.int64) for end in (score, score_low)
    )
    order = order_by(run, fine, low)
    score, score_low = score[order], score_low[order]
    fine, low = fine[order], low[order]
    is_same = (run[1:] == run[:-1]) & (fine[1:] == fine[:-1])
    is_open = is_same & (
        (score[1:] != score[:-1])
        | ((low[1:] == low[:-1]) & (score_low[1:] != score_low[:-1]))
    )
    if is_open.any():
        place = np.flatnonzero(np.isin(run, run[1:][is_open]))
        order[place] = order[place][
            np.lexsort((order[place], -score_low[place], -score[place], run[place]))
        ]
    return cros[order]
