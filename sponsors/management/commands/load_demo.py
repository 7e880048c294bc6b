"""Load the fictional market, and people, tenants and studies to try it with."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress, TaskID

from catalog.demo.rows import N_CROS
from catalog.services.demo import load_demo_market
from cro_portal.accounts.demo import DEMO_ACCOUNTS, DEMO_PASSWORD
from sponsors.demo import load_demo_demand


class Command(BaseCommand):
    help = (
        "Load a fictional market of CROs with claims and trials, and demo accounts, "
        "tenants and studies. The same --cros and --seed give the same market; "
        "a second run changes nothing, another size or seed replaces it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--cros",
            type=int,
            default=N_CROS,
            help=f"Number of CROs (default {N_CROS}).",
        )
        parser.add_argument(
            "--seed", type=int, default=1, help="Which market (default 1)."
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="Load it outside DEBUG too: the accounts' password is public.",
        )

        parser.add_argument(
            "--vocabularies",
            action="store_true",
            help="Bring the vocabularies up to date before (load_vocabularies).",
        )
        parser.add_argument(
            "--no-list",
            dest="list_accounts",
            action="store_false",
            help="Do not list the accounts and their password at the end.",
        )

    def handle(
        self,
        *,
        cros: int,
        seed: int,
        force: bool,
        vocabularies: bool,
        list_accounts: bool,
        **options: Any,
    ) -> None:
        if not settings.DEBUG and not force:
            raise CommandError(
                "The demo makes accounts, one of them an administrator, whose "
                "password anybody can read in the source. Outside DEBUG that opens "
                "the portal to everybody: say --force if you mean it."
            )
        if vocabularies:
            call_command("load_vocabularies", stdout=self.stdout)
        began = time.monotonic()
        try:
            with self._progress() as bar:
                market = load_demo_market(n_cros=cros, seed=seed, progress=bar.tell)
            demand = load_demo_demand()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        seconds = time.monotonic() - began
        if market.is_new:
            rows = ", ".join(f"{n:,} {name}" for name, n in market.rows.items())
            self.stdout.write(f"Loaded in {seconds:.1f} s: {rows}.")
        else:
            self.stdout.write("This market is loaded already; nothing changed.")
        if demand.users or demand.tenants or demand.studies:
            self.stdout.write(
                f"Accounts made: {demand.users}; tenants: {demand.tenants}; "
                f"studies: {demand.studies}."
            )
        else:
            self.stdout.write("The demo's accounts and tenants are there already.")
        if list_accounts:
            for account in DEMO_ACCOUNTS:
                self.stdout.write(f"  {account.email}  {DEMO_PASSWORD}  {account.does}")

    def _progress(self) -> "_Bars | _Lines":
        if self.stderr.isatty():
            return _Bars()
        return _Lines(self)


class _Bars:
    """Progress bars on a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def tell(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total)
        self._progress.update(self._tasks[step], completed=done)


class _Lines:
    """A line at a step's end, for logs and pipes."""

    def __init__(self, command: BaseCommand) -> None:
        self._command = command

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._command.stderr.flush()

    def tell(self, step: str, done: int, total: int) -> None:
        if done >= total:
            self._command.stderr.write(f"{step}: {total:,}")
