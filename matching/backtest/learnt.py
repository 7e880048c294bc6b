"""Weights learnt from disclosed choices: learnt, written, and read again.

Two lists come of one run. The evidence model's weights (`data/evidence_weights.json`
here) are used by the test and nowhere else. The criteria's weights
(`sponsors/data/learnt_weights.json`) are offered beside the method's default.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from matching import engine
from matching.backtest.learning import Choice, learn
from matching.backtest.records import BacktestFileError, Records
from matching.backtest.words import Words
from matching.backtest.world import Frozen, World
from matching.engine import evidence
from matching.engine.inputs import Floats, Need
from sponsors.criteria import CRITERIA, DEFAULT_WEIGHTS
from sponsors.learnt import LEARNT_WEIGHTS_FILE

EVIDENCE_WEIGHTS_FILE: Final = (
    Path(__file__).resolve().parent.parent / "data" / "evidence_weights.json"
)
PENALTY: Final = 3.0
"""Chosen on the training split alone: learnt before 2010, tried on 2010 to 2013."""

CRITERIA_OF_THE_RECORD: Final = (
    "expertise",
    "geography",
    "project_management",
    "scalability",
    "fit",
)
"""Criteria with a leaf that registers fill; of the others choices tell nothing."""

DIGITS = 4


@dataclass(frozen=True)
class Learnt:
    """Both lists of weights. `split` names the pairs they were learnt from."""

    evidence: Mapping[str, float]  # by leaf of the evidence model
    criteria: Mapping[str, float]  # by criterion, sum 1
    split: str

    @property
    def evidence_weights(self) -> Floats:
        """The evidence model's weights in the order of its leaves."""
        return np.array([self.evidence[leaf] for leaf in evidence.LEAVES])


def calibrate(records: Records, words: Words, split: str) -> tuple[Learnt, int]:
    """Learn both lists from one split; return them and the number of choices.

    Pairs whose CRO had no earlier trial are left out: nothing could find them.

    Raises
    ------
    BacktestFileError
        When the split holds no pair to learn from.
    """
    world = World(records, words)
    by_evidence: list[Choice] = []
    by_criteria: list[Choice] = []
    for pair in records.pairs:
        if pair.split == split:
            frozen = world.before(pair.nct_id)
            row = frozen.at(world.cro(pair))
            if row is not None:
                asked = world.evidence(pair.nct_id)
                by_evidence.append(Choice(evidence.leaves(asked), row))
                by_criteria.append(Choice(criteria_values(frozen, asked.need), row))
    if not by_evidence:
        raise BacktestFileError(
            f"No pair of the split {split!r} names a CRO with an earlier trial."
        )
    weights = learn(by_evidence, PENALTY).tolist()
    found = learn(by_criteria, PENALTY)
    return (
        Learnt(
            evidence={
                leaf: round(weight, DIGITS)
                for leaf, weight in zip(evidence.LEAVES, weights, strict=True)
            },
            criteria=_share_out(found),
            split=split,
        ),
        len(by_evidence),
    )


def criteria_values(frozen: Frozen, need: Need) -> Floats:
    """Return each CRO's value on each criterion of the record; 0 if not asked."""
    ranking = engine.rank(frozen.prepared, need)
    values = np.zeros((frozen.cro.size, len(CRITERIA_OF_THE_RECORD)))
    for leaf, value in zip(ranking.leaves, ranking.value.T, strict=True):
        if leaf.criterion in CRITERIA_OF_THE_RECORD:
            at = CRITERIA_OF_THE_RECORD.index(leaf.criterion)
            values[:, at] += leaf.share_inside * value
    return values


def _share_out(found: Floats) -> dict[str, float]:
    """Share out the default weights of the record's criteria as was learnt.

    The other criteria keep their default: choices in registers tell nothing of
    them, which is no reason to weigh them less.
    """
    total = sum(DEFAULT_WEIGHTS[code] for code in CRITERIA_OF_THE_RECORD)
    if not found.sum() > 0:
        return dict(DEFAULT_WEIGHTS)
    learnt = dict(zip(CRITERIA_OF_THE_RECORD, found / found.sum() * total, strict=True))
    return {
        criterion.code: round(
            float(learnt.get(criterion.code, DEFAULT_WEIGHTS[criterion.code])), DIGITS
        )
        for criterion in CRITERIA
    }


def write(
    learnt: Learnt,
    *,
    n: int,
    digest: str,
    learnt_on: str,
    evidence_file: Path,
    criteria_file: Path,
) -> None:
    """Write both files with where the weights come from."""
    source = {
        "learnt_on": learnt_on,
        "split": learnt.split,
        "choices": n,
        "records_digest": digest,
        "method_version": engine.VERSION,
        "penalty": PENALTY,
    }
    for path, weights in (
        (evidence_file, learnt.evidence),
        (criteria_file, learnt.criteria),
    ):
        content = {**source, "weights": dict(weights)}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read(
    evidence_file: Path = EVIDENCE_WEIGHTS_FILE,
    criteria_file: Path = LEARNT_WEIGHTS_FILE,
) -> Learnt:
    """Read both files.

    Raises
    ------
    BacktestFileError
        When a file is missing, or has not a weight of at least 0 for each name.
    """
    by_leaf = _content(evidence_file, tuple(evidence.LEAVES))
    by_criterion = _content(criteria_file, tuple(DEFAULT_WEIGHTS))
    return Learnt(by_leaf["weights"], by_criterion["weights"], by_leaf["split"])


def _content(path: Path, names: Sequence[str]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        weights = content["weights"]
        right = (
            isinstance(content["split"], str)
            and set(weights) == set(names)
            and all(
                type(w) in (int, float) and 0 <= w < np.inf for w in weights.values()
            )
            and any(weights.values())
        )
    except FileNotFoundError:
        raise BacktestFileError(
            f"{path}: there is no such file. `manage.py calibrate` makes it."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        right = False
    if not right:
        raise BacktestFileError(
            f"{path}: needs a split and a weight of at least 0, some above 0, for each "
            f"of {', '.join(names)}. `manage.py calibrate` makes it anew."
        )
    return content
