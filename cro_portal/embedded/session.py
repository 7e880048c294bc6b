"""Have the embedded servers up for the time of one management command."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cro_portal.embedded import paths, servers

NEEDS_NO_DATABASE = {
    "",
    "help",
    "version",
    "--help",
    "--version",
    "check",
    "collectstatic",
    "doctor",
    "makemessages",
    "startapp",
    "up",
}
RUNS_AS_OWNER = {"migrate", "makemigrations", "sqlmigrate", "flush", "dbshell"}


@contextmanager
def servers_for(argv: Sequence[str]) -> Iterator[None]:
    """Start what `argv` needs and what no URL names; stop it afterwards."""
    command = argv[1] if len(argv) > 1 else ""
    if command in RUNS_AS_OWNER:
        os.environ.setdefault("CRO_AS_OWNER", "1")
    if command in NEEDS_NO_DATABASE or (
        os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    ):
        yield
        return
    with servers.running(paths.layout()):
        yield
