"""Have the embedded servers up for the time of one command or test run."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cro_portal.embedded import paths, servers
from cro_portal.embedded.errors import EmbeddedServerError, tail
from cro_portal.embedded.paths import Layout

WAIT_SECONDS = 180

NEEDS_NO_DATABASE = {
    "",
    "backtest",
    "calibrate",
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


class Lease:
    """Our use of the servers; they run at least until `release`.

    `notes` are sentences of the keeper's: how the start went, and after each
    `failure` what has happened since.
    """

    def __init__(self, connection: socket.socket, notes: list[str]) -> None:
        self._connection = connection
        self.notes = notes

    def failure(self) -> str | None:
        """Return why the servers are gone, or None while they run."""
        self.notes = []
        while select.select([self._connection], [], [], 0)[0]:
            answer = _read_line(self._connection)
            if answer is None:
                return (
                    "The keeper of PostgreSQL and Redis is gone (was it killed?). "
                    "Start the portal again; its data are safe."
                )
            if answer["state"] == "failed":
                return str(answer["message"])
            self.notes += answer["notes"]
        return None

    def release(self) -> None:
        """Leave. Returns once the servers are stopped, if nobody else uses them."""
        with self._connection as connection:
            try:
                connection.sendall(b"bye\n")
                connection.settimeout(WAIT_SECONDS)
                while connection.recv(4096):
                    pass
            except OSError:
                return


def acquire(layout: Layout, *, durable: bool = True) -> Lease:
    """Use the servers of `layout`, starting them if nobody does so yet.

    Raises `EmbeddedServerError` with a sentence that says what to do.
    """
    servers.make_folders(layout)
    for _ in range(5):
        connection = _connect(layout)
        if connection is None:
            with servers.locked(layout.var / "start.lock"):
                connection = _connect(layout) or _start_keeper(layout, durable)
        connection.settimeout(WAIT_SECONDS)
        try:
            answer = _read_line(connection)
        except TimeoutError:
            answer = None
        if answer is None:  # it was just stopping, or it was killed
            connection.close()
            continue
        if answer["state"] == "failed":
            connection.close()
            raise EmbeddedServerError(str(answer["message"]))
        connection.settimeout(None)
        return Lease(connection, list(answer["notes"]))
    raise EmbeddedServerError(
        "PostgreSQL and Redis would not start. The end of "
        f"{layout.logs / 'keeper.log'}:\n{tail(layout.logs / 'keeper.log')}"
    )


def _connect(layout: Layout) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(layout.keeper_socket))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    return connection


def _start_keeper(layout: Layout, durable: bool) -> socket.socket:
    log = layout.logs / "keeper.log"
    with servers.open_log(log) as output:
        started = subprocess.run(
            [
                *(sys.executable, "-m", "cro_portal.embedded.keeper"),
                *(str(layout.var), "durable" if durable else "quick"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=paths.PROJECT,
            start_new_session=True,
            check=False,
        )
    connection = _connect(layout) if started.returncode == 0 else None
    if connection is None:
        raise EmbeddedServerError(
            f"The keeper of PostgreSQL and Redis did not start. The end of {log}:\n"
            f"{tail(log)}"
        )
    return connection


def _read_line(connection: socket.socket) -> dict | None:
    data = b""
    while not data.endswith(b"\n"):
        try:
            part = connection.recv(1)  # no more: the next line is for the next call
        except ConnectionResetError:
            part = b""
        if not part:
            return None
        data += part
    return json.loads(data)


@contextmanager
def running(layout: Layout, *, durable: bool = True) -> Iterator[Lease]:
    """Have both servers up inside the block."""
    lease = acquire(layout, durable=durable)
    try:
        yield lease
    finally:
        lease.release()


def is_embedded() -> bool:
    """Say whether any embedded server is needed: one of the two has no URL."""
    return not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))


@contextmanager
def servers_for(argv: Sequence[str]) -> Iterator[None]:
    """Have up what the command line `argv` needs and what no URL names."""
    command = argv[1] if len(argv) > 1 else ""
    if command in RUNS_AS_OWNER:
        os.environ.setdefault("CRO_AS_OWNER", "1")
    if command in NEEDS_NO_DATABASE or not is_embedded():
        yield
        return
    try:
        lease = acquire(paths.layout())
    except EmbeddedServerError as error:
        sys.exit(f"{error}\n`manage.py doctor` says more.")
    for note in lease.notes:
        sys.stderr.write(note + "\n")
    try:
        yield
    finally:
        lease.release()
