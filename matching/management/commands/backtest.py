"""Test the ranking on CROs that sponsors disclosed."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from matching.backtest import files, learnt, records, run, table
from matching.backtest.world import UNITS


class Command(BaseCommand):
    help = (
        "Hide each disclosed (trial, CRO) pair of a split, rank all CROs known before "
        "the trial began, and print where the disclosed one stands, beside plain "
        "rankings. What the numbers mean: docs/backtest.md."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--split", default="valid", help="Pairs to hide (default: valid)."
        )
        parser.add_argument(
            "--pairs",
            nargs="+",
            type=Path,
            metavar="FILE",
            help="CSV of pairs. Several are read together: earlier pairs are evidence.",
        )
        parser.add_argument(
            "--trials",
            nargs="+",
            type=Path,
            metavar="FILE",
            help="Trials, one JSON object a line, plain or .gz. Several are read together.",
        )
        parser.add_argument(
            "--kinds", nargs="+", default=[], help="Only CROs of these kinds."
        )
        parser.add_argument(
            "--unit",
            choices=UNITS,
            default=UNITS[0],
            help="Rank today's groups, or the names of the trial's day.",
        )
        parser.add_argument(
            "--json", type=Path, metavar="FILE", help="Write all numbers to this file."
        )

    def handle(self, **options: Any) -> None:
        parameters = run.Parameters(
            split=options["split"],
            kinds=tuple(sorted(set(options["kinds"]))),
            unit=options["unit"],
        )
        try:
            found = run.run(
                records.read(
                    files.trial_files(options["trials"]),
                    files.pair_files(options["pairs"]),
                ),
                files.words(),
                learnt.read(),
                parameters,
            )
        except records.BacktestFileError as error:
            raise CommandError(str(error)) from None
        for line in table.lines(found):
            self.stdout.write(line)
        if options["json"]:
            try:
                options["json"].write_text(found.as_json(), encoding="utf-8")
            except OSError as error:
                raise CommandError(f"The JSON was not written: {error}") from None
