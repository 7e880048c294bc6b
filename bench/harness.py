"""What every measurement shares: timing, rows, the table, `var/bench.json`."""

import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

OUTPUT = Path("var/bench.json")


@dataclass(frozen=True)
class Row:
    """One measurement, and what stands beside it. `ratio` is beside / value."""

    name: str
    n: int
    value: float
    unit: str
    beside: str = ""
    beside_value: float | None = None
    ratio: float | None = None


def row(
    name: str,
    n: int,
    value: float,
    unit: str,
    beside: str = "",
    beside_value: float | None = None,
) -> Row:
    """Make a row; the ratio says how many times `beside` is of `value`."""
    ratio = beside_value / value if beside_value is not None and value else None
    return Row(name, n, value, unit, beside, beside_value, ratio)


def median_ms(work: Callable[[], object], repeats: int = 9, warm_up: int = 2) -> float:
    """Return the median wall time of `work`, in milliseconds."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def copy_bytes_per_ms() -> float:
    """Return measured memory bandwidth: bytes read and written by a numpy copy."""
    source = np.ones(16_000_000)
    target = np.empty_like(source)
    return 2 * source.nbytes / median_ms(lambda: np.copyto(target, source), 7)


HEAD = f"{'name':38}{'n':>9}{'value':>12} {'unit':7}{'beside':34}{'ratio':>9}"


def line(found: Row) -> str:
    """Write a row as a line under HEAD."""
    beside = found.beside
    if found.beside_value is not None:
        beside += f" {found.beside_value:.4g}"
    ratio = f"{found.ratio:.4g}" if found.ratio is not None else ""
    return (
        f"{found.name:38}{found.n:>9}{found.value:>12.4g} {found.unit:7}"
        f"{beside:34}{ratio:>9}"
    )


def write(rows: Iterable[Row], names: Iterable[str], at: int | None = None) -> None:
    """Write the rows; rows of measurements that did not run now stay.

    Of a measurement that ran at one size only, rows of other sizes stay as well.
    """
    new = [asdict(found) for found in rows]
    ran = tuple(f"{name}:" for name in names)
    old = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else []
    kept = [
        found
        for found in old
        if not found["name"].startswith(ran) or at not in (None, found["n"])
    ]
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(kept + new, indent=1) + "\n")
