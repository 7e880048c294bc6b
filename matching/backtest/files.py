"""Which files a run reads: those named, or the shared ones."""

import os
from collections.abc import Sequence
from pathlib import Path

from catalog.importers.vocabulary import read_vocabularies
from matching.backtest.records import BacktestFileError
from matching.backtest.words import Words

SHARED = "CRO_SHARED_DATA"
TRIALS, PAIRS = "trials_before_2018.jsonl.gz", "cro_pairs.csv"


def trial_files(named: Sequence[Path] | None) -> list[Path]:
    return list(named) if named else [_shared(TRIALS, "--trials")]


def pair_files(named: Sequence[Path] | None) -> list[Path]:
    return list(named) if named else [_shared(PAIRS, "--pairs")]


def words() -> Words:
    """Read the vocabulary files of this release."""
    return Words.of(read_vocabularies().terms)


def _shared(name: str, option: str) -> Path:
    folder = os.environ.get(SHARED)
    if not folder:
        raise BacktestFileError(
            f"Name the file with {option}, or set {SHARED} to the folder of shared data."
        )
    return Path(folder) / "trials" / name
