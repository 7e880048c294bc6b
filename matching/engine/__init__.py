"""How well CROs fit a study, and why: numpy and the standard library only.

The method is written for people in docs/method.md. No Django, clock or chance
in here: the same arrays give the same bytes.
"""

from matching.engine.explaining import explain
from matching.engine.prepared import Prepared, prepare
from matching.engine.ranking import rank, smallest_relaxations
from matching.engine.version import VERSION

__all__ = ["VERSION", "Prepared", "explain", "prepare", "rank", "smallest_relaxations"]
