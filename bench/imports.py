"""What an import of whole registers costs, beside json and bulk_create.

The 62,239 real trials of `CRO_SHARED_DATA`, in a database of its own with the
vocabularies and the directory. Beside stands the plainest way: decode each line,
make a `Trial` of its bare fields, `bulk_create` 2,000 at a time, with no terms,
countries or names looked up. Each runs in a process of its own, for its peak
memory. Then 1,000 newer records come in, and the snapshot is refreshed.
"""

import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.management import call_command
from django.db import connection

from bench import portal  # noqa: F401 before any model
from bench.browse_page import scratch_database
from bench.harness import Row, row
from catalog import snapshot
from catalog.importers.sources import FileSource
from catalog.models import Trial
from catalog.services.imports import import_trials
from cro_portal.embedded import paths, session

FILE = "trials/trials_before_2018.jsonl.gz"
BATCH = 2_000
N_REFRESH = 1_000


def measure() -> Iterator[Row]:
    shared = os.environ.get("CRO_SHARED_DATA")
    if not shared:
        print("imports: left out, CRO_SHARED_DATA does not lead to the real trials.")
        return
    path = Path(shared) / FILE
    with session.running(paths.layout(), durable=False), scratch_database():
        plain = run_apart("plain", path)
        connection.cursor().execute("TRUNCATE catalog_trial CASCADE")
        call_command("load_vocabularies", verbosity=0)
        call_command("load_directory", verbosity=0)
        ours = run_apart("import", path)
        again = run_apart("import", path)
        yield row(
            "imports: records a second", ours["n"], ours["n"] / ours["seconds"], "1/s",
            "json + bulk_create, bare", plain["n"] / plain["seconds"],
        )  # fmt: skip
        yield row("imports: all of them", ours["n"], ours["seconds"], "s")
        yield row("imports: CPU of the importer", ours["n"], ours["cpu"], "s")
        yield row("imports: again, nothing new", again["n"], again["seconds"], "s")
        yield row(
            "imports: peak memory", ours["n"], ours["peak_mb"], "MB",
            "json + bulk_create, bare", plain["peak_mb"],
        )  # fmt: skip
        yield from refreshed(path)


def refreshed(path: Path) -> Iterator[Row]:
    """Import newer records of trials that CROs have, and refresh the snapshot."""
    snapshot.forget()
    snapshot.current()
    wanted = set(
        Trial.objects.filter(roles__isnull=False)
        .order_by("registry_id")
        .values_list("registry_id", flat=True)
        .distinct()[:N_REFRESH]
    )
    with TemporaryDirectory() as folder, gzip.open(path) as lines:
        newer = Path(folder) / "newer.jsonl"
        records = (json.loads(line) for line in lines)
        with newer.open("w") as out:
            for record in records:
                if record["nct_id"] in wanted:
                    record["record_as_of"] = date.today().isoformat()  # noqa: DTZ011
                    out.write(json.dumps(record) + "\n")
        began = time.perf_counter()
        report = import_trials(source=FileSource(newer))
        imported = time.perf_counter()
        snapshot.current()
        done = time.perf_counter()
    assert report.n_changed == len(wanted), report
    yield row("imports: newer records", len(wanted), imported - began, "s")
    yield row("imports: refresh after them", len(wanted), 1e3 * (done - imported), "ms")


def run_apart(what: str, path: Path) -> dict[str, float]:
    """Run `python -m bench.imports WHAT PATH` on this database."""
    name = connection.settings_dict["NAME"]
    environment = {**os.environ, "BENCH_IMPORTS_DATABASE": name}
    done = subprocess.run(
        [sys.executable, "-m", "bench.imports", what, str(path)],
        check=True, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def bulk_create(path: Path) -> int:
    """Write the bare fields of every line that has a number."""
    n = 0
    batch: list[Trial] = []
    with gzip.open(path) as lines:
        for line in lines:
            found = json.loads(line)
            batch.append(
                Trial(
                    register="ctgov",
                    registry_id=found["nct_id"],
                    title=found["title"],
                    overall_status=found["overall_status"],
                    conditions_as_written=found["conditions"],
                    intervention_types=found["intervention_types"],
                    lead_sponsor=found["lead_sponsor"],
                    sponsor_key=found["lead_sponsor"].lower(),
                )
            )
            if len(batch) == BATCH:
                n += len(Trial.objects.bulk_create(batch))
                batch = []
    return n + len(Trial.objects.bulk_create(batch))


def main(what: str, path: Path) -> None:
    connection.settings_dict["NAME"] = os.environ["BENCH_IMPORTS_DATABASE"]
    began, cpu = time.perf_counter(), time.process_time()
    if what == "plain":
        n = bulk_create(path)
    else:
        n = import_trials(source=FileSource(path)).n_read
    measured = {
        "n": n,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
