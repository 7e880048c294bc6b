"""Import trials from files or the register's API."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from catalog.importers.pages import ApiError, Pages
from catalog.importers.sources import ApiSource, FileSource, TrialSource
from catalog.services.imports import ImportIsRunning, ImportReport, import_trials

LINE_SECONDS = 10.0
SHOWN = 10


class Command(BaseCommand):
    help = (
        "Import trials: ClinicalTrials.gov API v2 JSON (a record, a list, a page, "
        "lines), its older XML, the CSV exports of its search page, EU CTIS JSON; "
        "packed with gzip or ZIP, or a directory of such files. The same source twice "
        "changes nothing; an import that was stopped goes on where it was."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("path", nargs="?", type=Path, help="A file or directory.")
        which.add_argument(
            "--api",
            action="store_true",
            help="Follow the pages of the register's API (needs the network).",
        )
        parser.add_argument(
            "--query",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="With --api: a parameter such as query.spons=Parexel or "
            "filter.advanced=AREA[LastUpdatePostDate]RANGE[2026-01-01,MAX].",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Say what would change, with a sample, and change nothing.",
        )
        parser.add_argument(
            "--restart",
            action="store_true",
            help="Read a source from its beginning, where an earlier import stopped.",
        )

    def handle(
        self,
        *,
        path: Path | None,
        api: bool,
        query: list[str],
        dry_run: bool,
        restart: bool,
        **options: Any,
    ) -> None:
        source = self._api(query) if api else self._files(path, query)
        began = time.monotonic()
        try:
            with self._progress() as bar:
                report = import_trials(
                    source=source, dry_run=dry_run, restart=restart, progress=bar.tell
                )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except (ImportIsRunning, ApiError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. What was read is kept: the same command goes on from there.",
                returncode=130,
            ) from None
        self._tell(report, time.monotonic() - began, dry_run)

    def _files(self, path: Path | None, query: list[str]) -> TrialSource:
        if query:
            raise CommandError("--query goes with --api only.")
        if path is None or not path.exists():
            raise CommandError(f"There is no file or directory {path}.")
        return FileSource(path)

    def _api(self, query: list[str]) -> TrialSource:
        asked: dict[str, str] = {}
        for text in query:
            name, equals, value = text.partition("=")
            if not (name and equals and value):
                raise CommandError(f"--query takes NAME=VALUE, not {text!r}.")
            asked[name] = value
        return ApiSource(Pages(settings.CRO_CTGOV_API), asked)

    def _tell(self, report: ImportReport, seconds: float, dry_run: bool) -> None:
        would = "Would be " if dry_run else ""
        if report.resumed_at:
            self.stdout.write(
                f"Went on after {report.resumed_at:,} records read earlier."
            )
        self.stdout.write(
            f"Read {report.n_read:,} records in {seconds:.1f} s. {would}new: "
            f"{report.n_new:,}, changed: {report.n_changed:,}; same: "
            f"{report.n_same:,}, older than the catalogue's: {report.n_older:,}, "
            f"broken: {report.n_broken:,}."
        )
        self.stdout.write(
            f"{report.n_roles:,} roles of organizations in new and changed trials; "
            f"{report.n_unmatched:,} trials name no organization of the directory; "
            f"{report.n_unsure:,} names need a curator's look"
            + ("." if dry_run else f", {report.n_new_unsure:,} of them new.")
        )
        for problem in report.problems[:SHOWN]:
            self.stdout.write(f"  broken: {problem['place']}: {problem['message']}")
        if report.n_broken > SHOWN:
            self.stdout.write(
                f"  and {report.n_broken - SHOWN:,} more; the first hundred are kept "
                "with the import in the admin."
            )
        for sentence, n in list(report.surprises.items())[:SHOWN]:
            self.stdout.write(f"  {n:,} times: {sentence}")
        for row in report.sample:
            names = ", ".join(row["cros"]) or "no organization"
            conditions = ", ".join(row["conditions"]) or "no condition"
            self.stdout.write(
                f"  {row['id']} ({row['verdict']}) {row['title'][:60]}: "
                f"{row['sponsor'] or 'no sponsor'}; {conditions[:80]}; {names}"
            )

    def _progress(self) -> "_Bar | _Lines":
        return _Bar() if self.stderr.isatty() else _Lines(self)


class _Bar:
    """A progress bar with rate and time left, on a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("Importing trials"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("", total=1.0, said="")
        self._pace = _Pace()

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def tell(self, n_read: int, share: float) -> None:
        said = f"{n_read:,} records, {self._pace.rate(n_read):,.0f} a second"
        self._progress.update(self._task, completed=share, said=said)


class _Lines:
    """A line now and then, for logs and pipes."""

    def __init__(self, command: BaseCommand) -> None:
        self._command = command
        self._pace = _Pace()
        self._last = time.monotonic()

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._command.stderr.flush()

    def tell(self, n_read: int, share: float) -> None:
        rate, left = self._pace.rate(n_read), self._pace.seconds_left(share)
        if time.monotonic() - self._last < LINE_SECONDS and share < 1:
            return
        self._last = time.monotonic()
        self._command.stderr.write(
            f"{n_read:,} records read, {rate:,.0f} a second"
            + (f", about {left:,.0f} s left" if left else "")
        )


class _Pace:
    """How fast it goes since this process began, leaving out what was there."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first: int | None = None

    def rate(self, n_read: int) -> float:
        if self._first is None:
            self._first = n_read
        seconds = time.monotonic() - self._began
        return (n_read - self._first) / seconds if seconds else 0.0

    def seconds_left(self, share: float) -> float | None:
        if not 0 < share < 1:
            return None
        return (time.monotonic() - self._began) * (1 - share) / share
