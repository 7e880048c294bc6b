"""How well and how fast names are resolved, on the labelled mentions.

Needs `CRO_SHARED_DATA`. A mention is one name of one trial. Precision: of the
names answered "same", how many are the labelled organization. Recall: of the
labelled (trial, brand) pairs, how many have a name answered "same" and right.
Half of the trials (by a hash of their number) were held out while the resolver was
tuned; both halves are told. `python -m bench.identity` also lists the errors, and
the names without a label that are answered "same".
"""

import csv
import datetime as dt
import gzip
import json
import os
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.harness import Row, row
from bench.identity_labels import BRANDS
from catalog.identity import Mention, OrganizationEntry, Resolution, Resolver
from catalog.importers.directory import DirectoryRow, read_directory

SEPARATOR = " ; "
FACILITY_ONLY = "facility-only"


@dataclass(frozen=True)
class Labelled:
    """A name of a trial with the organizations it may be by its labels."""

    trial: str
    mention: Mention
    slugs: frozenset[str]


@dataclass(frozen=True)
class Measured:
    """Counts over a set of trials; `wrong` and `missed` are told name by name."""

    n_same: int
    n_right: int
    n_pairs: int
    n_found: int
    wrong: Counter[tuple[str, str]]  # name, organization it was taken for
    missed: Counter[tuple[str, str]]  # brand, its names

    @property
    def precision(self) -> float:
        return self.n_right / self.n_same

    @property
    def recall(self) -> float:
        return self.n_found / self.n_pairs


def shared_data() -> Path:
    """Return the folder of the shared data. Raises KeyError where it is unset."""
    return Path(os.environ["CRO_SHARED_DATA"])


def resolver_of(rows: Iterable[DirectoryRow]) -> Resolver:
    """Build the resolver over the directory file, without a database."""
    return Resolver.build(
        OrganizationEntry(
            row.slug, row.name, row.names, row.country, row.successor, row.succeeded_on
        )
        for row in rows
    )


def is_held_out(trial: str) -> bool:
    """Tell whether a trial was held out while the resolver was tuned."""
    return zlib.crc32(trial.encode()) % 2 == 1


def labelled(folder: Path) -> list[dict[str, str]]:
    """Read the labelled (trial, brand) pairs."""
    with (folder / "trials" / "all_mentions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def measure_labels(
    resolver: Resolver, pairs: Iterable[dict[str, str]], *, held_out: bool | None = None
) -> Measured:
    """Compare the resolver's answers with the labels; None takes all trials."""
    chosen = [
        pair
        for pair in pairs
        if held_out is None or is_held_out(pair["nct_id"]) == held_out
    ]
    meant: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for pair in chosen:
        for name in pair["matched_text"].split(SEPARATOR):
            meant[pair["nct_id"], name].update(BRANDS[pair["cro"]])
    days = {pair["nct_id"]: _day(pair["start_date"]) for pair in chosen}
    keys = list(meant)
    found: dict[tuple[str, str], Resolution] = dict(
        zip(
            keys,
            resolver.resolve_many([Mention(n, day=days[t]) for t, n in keys]),
            strict=True,
        )
    )
    same = {key: one for key, one in found.items() if one.answer == "same"}
    right = {key for key, one in same.items() if one.organization in meant[key]}
    wrong = Counter(
        (key[1], one.organization) for key, one in same.items() if key not in right
    )
    missed: Counter[tuple[str, str]] = Counter()
    for pair in chosen:
        names = pair["matched_text"].split(SEPARATOR)
        slugs = BRANDS[pair["cro"]]
        if not any(
            (one := same.get((pair["nct_id"], name))) and one.organization in slugs
            for name in names
        ):
            missed[pair["cro"], pair["matched_text"][:150]] += 1
    return Measured(
        n_same=len(same),
        n_right=len(right),
        n_pairs=len(chosen),
        n_found=len(chosen) - sum(missed.values()),
        wrong=wrong,
        missed=missed,
    )


def unlabelled_names(folder: Path) -> Counter[str]:
    """Count the lead sponsors and collaborators of trials without any label."""
    names: Counter[str] = Counter()
    path = folder / "trials" / "trials_before_2018.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            trial = json.loads(line)
            if not trial["cro_found"]:
                names[trial["lead_sponsor"]] += 1
                names.update(one["name"] for one in trial["collaborators"])
    return names


def measure() -> Iterator[Row]:
    folder = shared_data()
    resolver = resolver_of(read_directory())
    pairs = labelled(folder)
    for part, held_out in (("tuned-on", False), ("held-out", True)):
        found = measure_labels(resolver, pairs, held_out=held_out)
        n = found.n_pairs
        yield row(f"identity:precision-{part}", n, found.precision, "share")
        yield row(f"identity:recall-{part}", n, found.recall, "share")
    names = list(unlabelled_names(folder))
    start = time.perf_counter()
    answers = resolver.resolve_many([Mention(name) for name in names])
    seconds = time.perf_counter() - start
    yield row("identity:names", len(names), len(names) / seconds, "names/s")
    n_same = sum(one.answer == "same" for one in answers)
    yield row("identity:same-without-label", len(names), n_same, "names")
    n_unsure = sum(one.answer == "unsure" for one in answers)
    yield row("identity:unsure-without-label", len(names), n_unsure, "names")


def _day(text: str) -> dt.date | None:
    """Read a day or a month; nothing else is a day."""
    try:
        return dt.date.fromisoformat(text if len(text) == 10 else f"{text}-01")
    except ValueError:
        return None


def _show() -> None:
    folder = shared_data()
    resolver = resolver_of(read_directory())
    pairs = labelled(folder)
    for part, held_out in (("tuned on", False), ("held out", True)):
        found = measure_labels(resolver, pairs, held_out=held_out)
        print(
            f"{part}: precision {found.precision:.4f} ({found.n_right}/{found.n_same}"
            f" names), recall {found.recall:.4f} ({found.n_found}/{found.n_pairs})"
        )
        for (name, slug), n in found.wrong.most_common():
            print(f"  wrong  {n:3} {name} -> {slug}")
        for (brand, names), n in found.missed.most_common():
            print(f"  missed {n:3} {brand}: {names}")
    names = unlabelled_names(folder)
    answers = resolver.resolve_many([Mention(name) for name in names])
    for name, one in zip(names, answers, strict=True):
        if one.answer != "no":
            print(f"  {one.answer:6} {names[name]:4} {name} -> {one.organization}")


if __name__ == "__main__":
    _show()
