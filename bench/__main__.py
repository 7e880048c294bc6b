"""Measure, print a table and write `var/bench.json`: `python -m bench [--only name]`.

A measurement is a module of this package named in MEASUREMENTS with a function
`measure()` that yields rows; the names of its rows begin with the module's. A row is
printed and written as soon as it is measured, so a run that is stopped leaves what
it had. `--only catalogue_index --at 100000` measures one size of those in AT_SIZES.
"""

import argparse
from importlib import import_module

from bench import harness

MEASUREMENTS = (
    "engine",
    "evidence",
    "robustness",
    "match",
    "catalogue_index",
    "browse_page",
    "imports",
    "identity",
    "backtest",
)


AT_SIZES = ("catalogue_index",)
"""Measurements with a function `measure_at(n)`."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=MEASUREMENTS, help="Run one measurement.")
    parser.add_argument(
        "--at", type=int, help=f"Measure at this size only: {', '.join(AT_SIZES)}."
    )
    given = parser.parse_args()
    if given.at is not None and (given.at < 1 or given.only not in AT_SIZES):
        parser.error(f"--at is a size above 0, with --only {' or '.join(AT_SIZES)}")
    names = (given.only,) if given.only else MEASUREMENTS
    print(harness.HEAD, flush=True)
    for name in names:
        module = import_module(f"bench.{name}")
        rows: list[harness.Row] = []
        for row in (
            module.measure() if given.at is None else module.measure_at(given.at)
        ):
            print(harness.line(row), flush=True)
            rows.append(row)
            harness.write(rows, [name], given.at)


main()
