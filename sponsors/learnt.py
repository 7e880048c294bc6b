"""Criteria weights learnt from the choices that sponsors disclosed in registers.

Offered beside the method's default and never used unasked: they tell what past
choices agree with, not what made a good choice (docs/backtest.md).
"""

import datetime as dt
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

LEARNT_WEIGHTS_FILE: Final = (
    Path(__file__).resolve().parent / "data" / "learnt_weights.json"
)
LEARNT: Final = "learnt"
DEFAULT: Final = "default"


@dataclass(frozen=True)
class LearntWeights:
    """Weights by criterion and where they come from."""

    weights: dict[str, float]
    learnt_on: dt.date
    choices: int


@cache
def learnt_weights() -> LearntWeights:
    """Read the weights that came with this release; `manage.py calibrate` makes them."""
    content = json.loads(LEARNT_WEIGHTS_FILE.read_text(encoding="utf-8"))
    return LearntWeights(
        weights=content["weights"],
        learnt_on=dt.date.fromisoformat(content["learnt_on"]),
        choices=content["choices"],
    )
