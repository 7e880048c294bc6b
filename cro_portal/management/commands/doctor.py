"""Say what is wrong with this installation, and how to mend each thing."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection

from catalog.models import Term
from cro_portal import health
from cro_portal.embedded import paths, servers, session
from cro_portal.embedded.errors import EmbeddedServerError
from cro_portal.management.commands.up import (
    port_number,
    port_problem,
    running_portal,
)

OLDEST_POSTGRES = 150000
STARTING_SECONDS = 120
"""So long `up` may take until it serves; the first start loads the demo before."""


@dataclass(frozen=True)
class Finding:
    """What one check found. `mend` says what to do when it is not well."""

    name: str
    well: bool
    said: str
    mend: str = ""


class Command(BaseCommand):
    """Run every check; exit 1 if one is not well."""

    help = (
        "Check Python, disk, var/, port, servers, roles, tables and words, say "
        "whether the portal runs, and if it does, whether its worker works."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port",
            help="Default: the running portal's, else PORT, else 8000.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.layout = paths.layout()
        self.up = running_portal(self.layout)
        given = options["port"]
        wanted = None if given is None else port_number(str(given))
        self.served_at = wanted or port_number(os.environ.get("PORT") or "8000")
        self.port = self.served_at
        if self.up and (port := urlsplit(self.up[0].split()[-1]).port):
            self.served_at = port
            self.port = wanted or port
        self.answers = self.portal_answers()
        ill = 0
        with ExitStack() as stack:
            for finding in self.findings(stack):
                mark = "✓" if finding.well else "✗"
                self.stdout.write(f"{mark} {finding.name:<14}{finding.said}")
                if not finding.well:
                    ill += 1
                    self.stdout.write(f"  {'':<14}{finding.mend}")
        if ill:
            self.stdout.write(f"\n{ill} to mend.")
            sys.exit(1)
        if self.is_running:
            self.stdout.write("\nAll is well.")
        else:
            self.stdout.write("\nNothing to mend. The portal is not running.")

    def findings(self, stack: ExitStack) -> Iterator[Finding]:
        """Yield each finding; what depends on an ill one is left out."""
        yield self.python()
        yield self.check_port()
        yield self.portal()
        if session.is_embedded():
            yield (folder := self.var())
            if not folder.well:
                return
            yield (disk := self.disk())
            if not disk.well:
                return
            yield (embedded := self.embedded(stack))
            if not embedded.well:
                return
        yield (database := self.asked("PostgreSQL", self.database))
        yield (redis_found := self.redis())
        if database.well:
            yield self.asked("Roles", self.roles)
            yield (tables := self.asked("Tables", self.tables))
            if tables.well:
                yield self.asked("Vocabularies", self.vocabularies)
        if redis_found.well and self.is_running:
            yield self.heartbeat()

    # --- the machine -------------------------------------------------------

    def python(self) -> Finding:
        version = ".".join(map(str, sys.version_info[:3]))
        return Finding(
            "Python",
            sys.version_info >= (3, 11),
            version,
            "Install Python 3.11 or newer, remove .venv and run `make demo`.",
        )

    def portal_answers(self) -> bool:
        web = HTTPConnection("127.0.0.1", self.served_at, timeout=2)
        try:
            web.request("GET", "/healthz", headers={"Host": "localhost"})
            return b'"status": "ok"' in web.getresponse().read()
        except (OSError, HTTPException):
            return False
        finally:
            web.close()

    @property
    def is_running(self) -> bool:
        return self.answers or self.up is not None

    def check_port(self) -> Finding:
        if self.port == self.served_at:
            if self.answers:
                return Finding("Port", True, f"{self.port}: the portal answers")
            if self.up:
                return Finding("Port", True, f"{self.port} is the running portal's")
        problem = port_problem("127.0.0.1", self.port)
        said, _, mend = problem.partition(". ")
        return Finding("Port", not problem, said or f"{self.port} is free", mend)

    def portal(self) -> Finding:
        """Say whether it runs. That it does not is nothing to mend by itself."""
        if not self.is_running:
            said = "The portal is not running: start it with `make demo`"
            return Finding("Portal", True, said)
        if self.up is None:
            return Finding("Portal", True, "running, not started by `manage.py up`")
        who, seconds = self.up
        if self.answers:
            return Finding("Portal", True, f"running for {seconds:.0f} s: {who}")
        return Finding(
            "Portal",
            seconds < STARTING_SECONDS,
            f"started {seconds:.0f} s ago and does not answer yet: {who}",
            f"Look into {self.layout.logs}/web.log, or start the portal again. "
            "A large demo may take longer to load; its terminal shows how far it is.",
        )

    def var(self) -> Finding:
        try:
            servers.make_folders(self.layout)
        except EmbeddedServerError as error:
            return Finding("var/", False, str(self.layout.var), str(error))
        return Finding("var/", True, f"{self.layout.var} can be written to")

    def disk(self) -> Finding:
        needed = (
            servers.NEXT_START_MEGABYTES
            if self.layout.postgres_data.exists()
            else servers.FIRST_START_MEGABYTES
        )
        try:
            servers.check_space(self.layout, needed)
        except EmbeddedServerError as error:
            return Finding("Disk", False, "too full", str(error))
        return Finding("Disk", True, f"more than {needed} MB are free")

    def embedded(self, stack: ExitStack) -> Finding:
        try:
            lease = session.acquire(self.layout)
        except EmbeddedServerError as error:
            return Finding("Servers", False, "do not start", str(error))
        stack.callback(lease.release)
        said = "; ".join(["the embedded ones run", *lease.notes])
        return Finding("Servers", True, said)

    # --- the database ------------------------------------------------------

    def asked(self, name: str, check: Callable[[], Finding]) -> Finding:
        """Run a check that asks the database, which may be away."""
        try:
            return check()
        except DatabaseError as error:
            return Finding(
                name,
                False,
                str(error).strip(),
                "Check DATABASE_URL; unset it to use the embedded PostgreSQL. If a "
                "table is refused, grant cro_app what docs/operations.md lists.",
            )

    def database(self) -> Finding:
        connection.ensure_connection()
        number = connection.connection.server_version  # such as 180004
        return Finding(
            "PostgreSQL",
            number >= OLDEST_POSTGRES,
            f"{number // 10000}.{number % 10000} answers",
            "The portal needs PostgreSQL 15 or newer.",
        )

    def roles(self) -> Finding:
        with connection.cursor() as cursor:
            cursor.execute(
                "select current_user, rolsuper or rolbypassrls, "
                "(select count(*) from pg_class c join pg_namespace n "
                " on n.oid = c.relnamespace where c.relowner = r.oid "
                " and n.nspname = 'public') "
                "from pg_roles r where rolname = current_user"
            )
            role, is_mighty, owned = cursor.fetchone()
        return Finding(
            "Roles",
            not is_mighty and not owned,
            f"the portal is {role}, which owns {owned} tables",
            "Let the portal sign in as a role that is no superuser, cannot bypass "
            "row-level security and owns no table, and name the owner in "
            "DATABASE_OWNER_URL (docs/operations.md).",
        )

    def tables(self) -> Finding:
        missing = health.missing_migrations()
        return Finding(
            "Tables",
            not missing,
            f"{len(missing)} migrations are missing" if missing else "up to date",
            "Run `manage.py migrate`, or `manage.py up`, which does it first.",
        )

    def vocabularies(self) -> Finding:
        count = Term.objects.count()
        return Finding(
            "Vocabularies",
            count > 0,
            f"{count} terms",
            "Run `manage.py load_vocabularies`, or `make demo`.",
        )

    # --- Redis and who works through it ------------------------------------

    def redis(self) -> Finding:
        problem = health.redis_problem()
        return Finding(
            "Redis",
            not problem,
            problem or "answers",
            "Check REDIS_URL; unset it to use the embedded Redis. Without it the "
            "portal serves, but rankings wait.",
        )

    def heartbeat(self) -> Finding:
        """Look when a task sent by beat was last run by a worker."""
        age = health.heartbeat_age()
        if age is not None and age < health.OLD_HEARTBEAT_SECONDS:
            return Finding("Worker", True, f"ran a task of the sweeper {age:.0f} s ago")
        patience = health.OLD_HEARTBEAT_SECONDS if self.answers else STARTING_SECONDS
        if self.up and self.up[1] < patience:
            return Finding("Worker", True, "just starting, like the rest of the portal")
        said = "never seen" if age is None else f"last seen {age:.0f} s ago"
        return Finding(
            "Worker",
            False,
            said,
            f"Look into {self.layout.logs}/worker.log and sweeper.log, and start the "
            "portal again; with servers of your own start `celery -A cro_portal "
            "worker` and `beat`.",
        )
