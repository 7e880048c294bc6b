"""The keeper: parent of the embedded servers for as long as anybody uses them.

Every command that needs the servers holds a connection to the keeper's socket.
The kernel closes it however the command ends, and with the last one the keeper
stops the servers. So no command stops what another still uses, and nothing
outlives a `kill -9`. A server that dies by itself is started again (revival.py).

What it says on a connection, one JSON object a line: `{"state": "ready",
"notes": [...]}`, again with every note to come, or `{"state": "failed",
"message": ...}`. A command that leaves
sends `bye` and reads to the end, which comes once the servers are stopped, or
at once if others still use them.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cro_portal.embedded import servers
from cro_portal.embedded.children import Children
from cro_portal.embedded.errors import EmbeddedServerError, tail
from cro_portal.embedded.paths import Layout
from cro_portal.embedded.revival import LATELY_SECONDS, Revival

LOOK_SECONDS = 0.5
HEARD_SECONDS = 5
FIRST_USER_SECONDS = 5
"""So long the servers wait for whoever had them started: it may have been killed."""


@dataclass
class Server:
    """One server: how it is started, and the signal that ends it in good order."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    signal: signal.Signals
    log: Path
    process: subprocess.Popen[bytes]
    revival: Revival = field(default_factory=Revival)


class Keeper:
    """Starts both servers, counts their users, stops them after the last."""

    def __init__(self, layout: Layout, *, durable: bool) -> None:
        self.layout = layout
        self.durable = durable
        self.selector = selectors.DefaultSelector()
        self.users: set[socket.socket] = set()
        self.leaving: set[socket.socket] = set()
        self.servers: list[Server] = []
        self.told_to_stop = False
        self.notes: list[str] = []

    def listen(self) -> None:
        path = self.layout.keeper_socket
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        path.chmod(0o600)
        self.listener.listen(64)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def start_servers(self) -> None:
        self.notes += servers.make_postgres_data(self.layout)
        self.notes += servers.clear_left_overs(self.layout)
        # SIGINT is PostgreSQL's "fast" shutdown.
        logs = self.layout.logs
        postgres = partial(servers.start_postgres, self.layout, durable=self.durable)
        redis = partial(servers.start_redis, self.layout)
        for name, start, number, log in (
            ("PostgreSQL", postgres, signal.SIGINT, logs / "postgres.log"),
            ("Redis", redis, signal.SIGTERM, logs / "redis.log"),
        ):
            self.servers.append(Server(name, start, number, log, start()))

    def serve(self) -> None:
        """Keep the servers until the last user has left, or one keeps dying.

        If nobody ever comes, give up after `FIRST_USER_SECONDS`.
        """
        patience = time.monotonic() + FIRST_USER_SECONDS
        while not self.told_to_stop and (self.users or time.monotonic() < patience):
            for key, _ in self.selector.select(LOOK_SECONDS):
                if key.fileobj is self.listener:
                    self._welcome()
                    patience = 0.0
                else:
                    self._read(key.fileobj)  # type: ignore[arg-type]
            for server in self.servers:
                self._revive(server)

    def _welcome(self) -> None:
        user, _ = self.listener.accept()
        user.settimeout(HEARD_SECONDS)  # whoever does not listen holds up nobody
        self.users.add(user)
        self.selector.register(user, selectors.EVENT_READ)
        self._tell(user, state="ready", notes=self.notes)
        self.notes = []

    def _read(self, user: socket.socket) -> None:
        try:
            data = user.recv(64)
        except OSError:
            data = b""
        self.selector.unregister(user)
        self.users.discard(user)
        if data and not self.users:
            self.leaving.add(user)  # waits until the servers are stopped
        else:
            user.close()

    def _revive(self, server: Server) -> None:
        """Start `server` again, after a pause, if it has ended by itself."""
        if server.revival.is_due:
            try:
                server.process = server.start()
            except EmbeddedServerError as error:
                self._plan(server, str(error))
            else:
                server.revival.due = None
                self._note(f"{server.name} runs again.")
        elif server.revival.due is None and server.process.poll() is not None:
            code = server.process.returncode
            self._plan(server, f"{server.name} stopped by itself (exit {code}).")

    def _plan(self, server: Server, what: str) -> None:
        """Plan the next start of `server`, or give up if there were too many."""
        pause = server.revival.plan()
        if pause is None:
            raise EmbeddedServerError(
                f"{what} That was too often: {len(server.revival.deaths)} times within "
                f"{LATELY_SECONDS} s. The end of {server.log}:\n{tail(server.log)}"
            )
        self._note(f"{what} It is started again in {pause:g} s.")

    def _note(self, sentence: str) -> None:
        for user in self.users:
            self._tell(user, state="ready", notes=[sentence])

    def fail(self, message: str) -> None:
        """Tell everybody who uses or waits for the servers what went wrong."""
        # Whoever started us may not have connected yet.
        self.listener.settimeout(0 if self.users else HEARD_SECONDS)
        with suppress(BlockingIOError, TimeoutError):
            while True:
                self.users.add(self.listener.accept()[0])
                self.listener.settimeout(0)
        for user in self.users:
            self._tell(user, state="failed", message=message)

    def _tell(self, user: socket.socket, **what: object) -> None:
        with suppress(OSError):
            user.sendall(json.dumps(what).encode() + b"\n")

    def close(self) -> None:
        """Stop the servers, then let go of everybody who waits for it."""
        self.layout.keeper_socket.unlink(missing_ok=True)
        self.listener.close()
        # Of an `up` that was killed. First, since a worker whose Redis is gone
        # waits for it and does not end.
        Children(self.layout).clear_left_overs()
        for server in reversed(self.servers):
            servers.stop(server.process, server.signal)
        for user in self.users | self.leaving:
            user.close()

    def on_signal(self, *_: object) -> None:
        self.told_to_stop = True


def keep(layout: Layout, *, durable: bool, listening: int) -> None:
    """Be the keeper; a byte goes to file descriptor `listening` once it can be asked.

    A keeper that is still stopping its servers is waited for.
    """
    with servers.locked(layout.var / "keeper.lock"):
        keeper = Keeper(layout, durable=durable)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, keeper.on_signal)
        keeper.listen()
        os.write(listening, b"1")
        os.close(listening)
        try:
            keeper.start_servers()
            keeper.serve()
        except EmbeddedServerError as error:
            keeper.fail(str(error))
        except Exception as error:
            keeper.fail(servers.explain("the servers", str(error), layout.var).args[0])
            traceback.print_exc()
        finally:
            keeper.close()


def main() -> None:
    """Leave the command that started us: a daemon, child of nobody."""
    var, durable = sys.argv[1:]
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os._exit(0 if os.read(reading, 1) else 1)
    os.close(reading)
    os.setsid()
    keep(Layout(Path(var)), durable=durable == "durable", listening=writing)


if __name__ == "__main__":
    main()
