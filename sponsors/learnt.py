"""Criteria weights learnt from the choices that sponsors disclosed in registers.

Offered beside the method's default and never used unasked: they tell what past
choices agree with, not what made a good choice (docs/backtest.md).
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

LEARNT_WEIGHTS_FILE: Final = (
    Path(__file__).resolve().parent / "data" / "learnt_weights.json"
)
LEARNT_WEIGHTS_LABEL: Final = "Weights learnt from disclosed choices"


@dataclass(frozen=True)
class LearntWeights:
    """Weights by criterion, sum 1, and where they come from."""

    weights: dict[str, float]
    learnt_on: str  # ISO date
    split: str
    choices: int


@cache
def learnt_weights() -> LearntWeights:
    """Read the weights that came with this release; `manage.py calibrate` makes them."""
    content = json.loads(LEARNT_WEIGHTS_FILE.read_text(encoding="utf-8"))
    return LearntWeights(
        weights=content["weights"],
        learnt_on=content["learnt_on"],
        split=content["split"],
        choices=content["choices"],
    )
