"""Measure, print a table and write `var/bench.json`: `python -m bench [--only name]`.

A measurement is a module of this package named in MEASUREMENTS with a function
`measure()` that returns rows; the names of its rows begin with the module's.
"""

import argparse
from importlib import import_module

from bench import harness

MEASUREMENTS = (
    "engine",
    "robustness",
    "match",
    "catalogue_index",
    "browse_page",
    "imports",
    "identity",
    "backtest",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=MEASUREMENTS, help="Run one measurement.")
    only = parser.parse_args().only
    names = (only,) if only else MEASUREMENTS
    rows = [
        found for name in names for found in import_module(f"bench.{name}").measure()
    ]
    harness.show(rows)
    harness.write(rows, names)


main()
