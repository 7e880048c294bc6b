"""How this process collects its garbage."""

import gc
from typing import Final

THRESHOLDS: Final = (10_000, 2, 20)
"""Of `gc.set_threshold`. A ranking makes some 8,000 objects, many of them in circles.
Python's own 700 looks at each of them eleven times while they are in use."""


def spare_what_is_loaded() -> None:
    """Set what this process holds now apart from what the collector looks at.

    Call it once, when everything that stays is loaded. That is some 170,000 objects,
    and each full collection read them all: 60 ms and more within somebody's request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
