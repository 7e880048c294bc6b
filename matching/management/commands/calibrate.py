"""Learn weights from the CROs that sponsors disclosed."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from matching.backtest import files, learnt, records
from sponsors.learnt import LEARNT_WEIGHTS_FILE


class Command(BaseCommand):
    help = (
        "Learn non-negative weights from the disclosed choices of a split and write the "
        "two files that come with a release: the evidence model's and the criteria's."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--split", default="train", help="Pairs to learn from (default: train)."
        )
        parser.add_argument("--pairs", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--trials", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--dry-run", action="store_true", help="Print the weights, write nothing."
        )

    def handle(self, **options: Any) -> None:
        try:
            found = records.read(
                files.trial_files(options["trials"]), files.pair_files(options["pairs"])
            )
            weights, n = learnt.calibrate(found, files.words(), options["split"])
        except records.BacktestFileError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Learnt from {n} choices of the split {weights.split}.")
        for title, part in (
            ("Evidence model", weights.evidence),
            ("Criteria", weights.criteria),
        ):
            self.stdout.write(f"\n{title}")
            for name, weight in part.items():
                self.stdout.write(f"  {name:20}{weight:8.4f}")
        if not options["dry_run"]:
            learnt.write(
                weights,
                n=n,
                digest=found.digest,
                learnt_on=timezone.localdate().isoformat(),
                evidence_file=learnt.EVIDENCE_WEIGHTS_FILE,
                criteria_file=LEARNT_WEIGHTS_FILE,
            )
