"""Load the vocabulary files into the database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.importers.vocabulary import FOLDER, VocabularyFilesError
from catalog.services.vocabulary import LoadReport, load_vocabularies


class Command(BaseCommand):
    help = (
        "Make schemes and terms what the vocabulary files say. Running it again "
        "changes nothing; nothing is ever deleted, only deprecated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--folder",
            type=Path,
            default=FOLDER,
            help="Where the files are, if not in the project.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Say what would change, and change nothing.",
        )

    def handle(self, *, folder: Path, dry_run: bool, **options: Any) -> None:
        try:
            report = load_vocabularies(folder=folder, dry_run=dry_run)
        except VocabularyFilesError as error:
            n = len(error.problems)
            raise CommandError(
                f"Nothing was loaded; mend these {n} places first:\n{error}"
                if n > 1
                else f"Nothing was loaded; mend this first:\n{error}"
            ) from error
        for line in _lines(report, dry_run=dry_run):
            self.stdout.write(line)


def _lines(report: LoadReport, *, dry_run: bool) -> list[str]:
    if not report.changed_schemes:
        return [f"Vocabularies are up to date: {report.total} terms, nothing changed."]
    lines = [
        f"{scheme}: "
        + (
            ", ".join(
                f"{n} {change}"
                for (of, change), n in sorted(report.terms.items())
                if of == scheme
            )
            or "the scheme itself"
        )
        for scheme in report.changed_schemes
    ]
    lines += [f"deprecated: {scheme}/{code}" for scheme, code in report.deprecated]
    if dry_run:
        return [*lines, "Dry run: nothing was written."]
    return [*lines, f"Vocabularies loaded: {report.total} terms."]
