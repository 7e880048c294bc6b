"""Load the directory of real organizations into the database."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.importers.directory import FILE, DirectoryFileError
from catalog.services.directory import load_directory


class Command(BaseCommand):
    help = (
        "Make the real organizations, their names and mergers what the directory "
        "file says. Running it again changes nothing; nothing is ever deleted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--file", type=Path, default=FILE, help="The file, if not the project's."
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Say what would change, and change nothing.",
        )

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        try:
            report = load_directory(path=file, dry_run=dry_run)
        except DirectoryFileError as error:
            raise CommandError(
                f"Nothing was loaded; mend this first:\n{error}"
            ) from error
        except ValidationError as error:
            raise CommandError(f"Nothing was loaded. {error.messages[0]}") from error
        if report.is_empty:
            self.stdout.write(
                f"The directory is up to date: {report.total} organizations."
            )
            return
        self.stdout.write(
            f"{len(report.created)} organizations created, {len(report.updated)}"
            f" updated; {report.n_names} names added, {report.n_names_changed} changed."
        )
        if dry_run:
            self.stdout.write("Dry run: nothing was written.")
