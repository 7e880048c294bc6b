"""How long the test of the ranking takes on the real valid split: under a minute.

Needs the shared registry data; without CRO_SHARED_DATA it measures nothing.
"""

import os
import time
from collections.abc import Iterator

from bench import portal  # noqa: F401 before any model
from bench.harness import Row, row
from matching.backtest import files, learnt, records, run

TARGET_SECONDS = 60.0


def measure() -> Iterator[Row]:
    if not os.environ.get(files.SHARED):
        return
    began = time.perf_counter()
    found = records.read(files.trial_files(None), files.pair_files(None))
    read = time.perf_counter()
    yield row("backtest:read", len(found.trials), read - began, "s")
    report = run.run(found, files.words(), learnt.read(), run.Parameters())
    whole = time.perf_counter() - began
    yield row("backtest:whole", report.n, whole, "s", "target", TARGET_SECONDS)
