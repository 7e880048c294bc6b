"""Everything in one terminal: database, Redis, worker, sweeper and web server."""

import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from catalog.demo.rows import N_CROS
from cro_portal import health, processes
from cro_portal.accounts.demo import DEMO_ACCOUNTS, DEMO_PASSWORD
from cro_portal.embedded import paths, servers, session
from cro_portal.embedded.children import Children
from cro_portal.embedded.errors import EmbeddedServerError, tail

READY_SECONDS = 60
LOOK_SECONDS = 0.2


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent a signal."""


class Command(BaseCommand):
    """Start what the portal needs, in order, and stop it in the reverse order."""

    help = (
        "Start PostgreSQL and Redis (unless DATABASE_URL and REDIS_URL name yours), "
        "bring the tables up to date, start the worker, the sweeper and the web "
        "server, and stop them all on Ctrl-C. --demo loads the demo first, --real the "
        "directory of real organizations; the two belong into databases of their own."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument(
            "--port", default=os.environ.get("PORT") or "8000", help="Default 8000."
        )
        first = parser.add_mutually_exclusive_group()
        first.add_argument(
            "--demo", action="store_true", help="Load vocabularies and the demo."
        )
        first.add_argument(
            "--real",
            action="store_true",
            help="Load vocabularies and the directory of real organizations.",
        )
        parser.add_argument(
            "--cros",
            type=int,
            default=int(os.environ.get("DEMO_CROS") or N_CROS),
            help=f"How many CROs the demo has. Default {N_CROS}.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.signals = 0
        self.layout = paths.layout()
        self.children = Children(self.layout)
        self.host, self.port = options["host"], port_number(options["port"])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        try:
            servers.make_folders(self.layout)
            with ExitStack() as stack:
                stack.enter_context(self.only_one())
                self.run(
                    stack,
                    demo=options["demo"],
                    real=options["real"],
                    cros=options["cros"],
                )
        except Stopped:
            self.stdout.write("Stopped.")
        except EmbeddedServerError as error:
            raise CommandError(str(error)) from error

    def run(self, stack: ExitStack, *, demo: bool, real: bool, cros: int) -> None:
        self.notes(self.children.clear_left_overs())
        self.check_port()
        lease = None
        if session.is_embedded():
            with self.step("PostgreSQL and Redis"):
                lease = session.acquire(self.layout)
            stack.callback(lease.release)
            self.notes(lease.notes)
        stack.callback(self.stop_children)
        self.migrate()
        if demo:
            # One command, since each takes seconds to begin with. The accounts come
            # last, with the address (`welcome`).
            load = ("load_demo", "--vocabularies", "--cros", str(cros), "--no-list")
            self.command("Vocabularies and demo", *load)
        if real:
            self.command("Vocabularies", "load_vocabularies", "--verbosity", "0")
            self.command("Real organizations", "load_directory")
        self.start_children()
        self.welcome(demo=demo)
        while True:
            self.look(lease)
            time.sleep(LOOK_SECONDS)

    # --- steps -------------------------------------------------------------

    def migrate(self) -> None:
        """Bring the tables up to date; quick when they are."""
        try:
            missing = health.missing_migrations()
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer: {error}Check DATABASE_URL, or unset "
                "it to use the embedded PostgreSQL."
            ) from error
        if missing:
            self.command("Tables", "migrate", "--verbosity", "0")

    def command(self, title: str, *arguments: str) -> None:
        """Run a management command; its output is shown below the step's title."""
        with self.step(title):
            process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=paths.PROJECT,
                env=os.environ.copy(),
                start_new_session=True,
            )
            try:
                while process.poll() is None:
                    self.check_signals()
                    time.sleep(LOOK_SECONDS / 4)
            except Stopped:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                raise
            if process.returncode:
                raise CommandError(
                    f"`manage.py {shlex.join(arguments)}` failed; what it said is "
                    "above. Nothing was left running."
                )

    def start_children(self) -> None:
        # The demo shows the pages people get; CRO_DEBUG=1 shows a developer's.
        shared = {"CRO_DEBUG": os.environ.get("CRO_DEBUG", "0")}
        lines = {
            "worker": processes.worker(),
            "sweeper": processes.sweeper(),
            "web": processes.web(host=self.host, port=self.port),
        }
        with self.step("Worker, sweeper, web server"):
            for name, arguments in lines.items():
                self.children.start(
                    name, arguments, shared | processes.environment(name)
                )
            deadline = time.monotonic() + READY_SECONDS
            while not self.is_ready():
                self.check_signals()
                if child := self.children.died():  # what it cannot even begin with
                    raise CommandError(
                        f"{child.death}. The end of {child.log}:\n{tail(child.log)}"
                    )
                if time.monotonic() > deadline:
                    log = self.layout.logs / "web.log"
                    raise CommandError(
                        f"The web server did not answer within {READY_SECONDS} s. "
                        f"The end of {log}:\n{tail(log)}"
                    )
                time.sleep(LOOK_SECONDS / 4)

    def is_ready(self) -> bool:
        """Say whether /readyz answers 200 with JSON: ours, and ready."""
        connection = http.client.HTTPConnection(self.address(), self.port, timeout=5)
        try:
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            response = connection.getresponse()
            return response.status == 200 and "checks" in json.load(response)
        except (OSError, ValueError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def welcome(self, *, demo: bool) -> None:
        lines = ["", f"  http://{self.address()}:{self.port}/", ""]
        if demo:
            width = max(len(account.email) for account in DEMO_ACCOUNTS)
            lines += [
                f"  {account.email:<{width}}  {account.does}"
                for account in DEMO_ACCOUNTS
            ]
            lines += [f"  The password of all four: {DEMO_PASSWORD}", ""]
        lines.append(f"Logs are in {self.layout.logs}. Ctrl-C stops everything.")
        self.stdout.write("\n".join(lines))
        self.stdout.flush()

    # --- watching and stopping ---------------------------------------------

    def look(self, lease: session.Lease | None) -> None:
        """Have what stopped by itself started again, and say so.

        Raises when somebody wants us to stop, or when a part keeps dying.
        """
        self.check_signals()
        if lease:
            if failure := lease.failure():
                raise CommandError(failure)
            self.notes(lease.notes)
        self.notes(self.children.revive())

    def on_signal(self, number: int, frame: object) -> None:
        self.signals += 1
        if self.signals > 1:
            self.children.kill()

    def check_signals(self) -> None:
        if self.signals:
            raise Stopped

    def stop_children(self) -> None:
        """Stop the web server first: nobody may ask for what is going away."""
        if not self.children.running:
            return
        self.stdout.write("\nStopping …")
        for child in reversed(self.children.running.copy()):
            self.children.stop(child)

    # --- small things ------------------------------------------------------

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Hold the lock of `up`; its file says who holds it."""
        file = lock_file(self.layout)
        with servers.locked(file, wait=False) as ours:
            if not ours:
                raise CommandError(
                    f"The portal is running already: {_holder(file)}. Stop it with "
                    "Ctrl-C in its terminal, or set CRO_VAR to a folder of its own "
                    "to run a second one."
                )
            file.write_text(
                f"process {os.getpid()} at http://{self.address()}:{self.port}/"
            )
            yield

    def check_port(self) -> None:
        problem = port_problem(self.host, self.port)
        if problem:
            raise CommandError(problem)

    def address(self) -> str:
        return "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104

    def notes(self, notes: list[str]) -> None:
        for note in notes:
            self.stdout.write(f"  {note}")
        self.stdout.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step while it runs, and how long it took."""
        start = time.monotonic()
        if self.stdout.isatty():
            self.stdout.write(f"… {title}", ending="\r")
            self.stdout.flush()
        yield
        self.check_signals()
        self.stdout.write(f"✓ {title:<32}{time.monotonic() - start:6.1f} s")
        self.stdout.flush()


def port_number(text: str) -> int:
    """Read a port; a `CommandError` for what is none."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise CommandError(f"PORT is {text!r}; it must be a number, 1 to 65535.")
    return int(text)


def port_problem(host: str, port: int) -> str:
    """Return a sentence if nobody could serve at `host:port`, else an empty text."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return f"Port {port} is reserved. Choose one above 1023: PORT=8001."
        except OSError as error:
            return (
                f"Port {port} cannot be used ({error.strerror}). Choose "
                f"another: PORT={port + 1 if port < 65535 else 8000}."
            )
    return ""


def lock_file(layout: paths.Layout) -> Path:
    """Return the file `up` holds locked as long as it runs; it says who that is."""
    return layout.var / "up.lock"


def running_portal(layout: paths.Layout) -> tuple[str, float] | None:
    """Return what `up` says of itself and for how many seconds it has run.

    None when no `up` of this `var/` runs.
    """
    file = lock_file(layout)
    if not file.exists():
        return None
    with servers.locked(file, wait=False) as ours:
        if ours:
            return None
    return _holder(file), max(0.0, time.time() - file.stat().st_mtime)


def _holder(file: Path) -> str:
    return file.read_text() or "another process"
