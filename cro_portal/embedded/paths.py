"""Where the embedded servers keep their data and their sockets."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parents[2]

SOCKET_PATH_LIMIT = 100
"""Bytes a unix socket's path may have (108 on Linux, 104 on macOS), less a margin."""

NOBODY = 65534
"""PostgreSQL refuses to run as root; as root we run it as this user."""

ANNEXES = Path("/var/lib/cro-portal")
"""Root only: where PostgreSQL's files go when other users cannot enter `var/`."""


def open_to_nobody(path: Path) -> bool:
    """Say whether user `nobody` may walk down to `path` (its missing end counts)."""
    for folder in (path, *path.parents):
        try:
            found = folder.stat()
        except FileNotFoundError:
            continue
        if not stat.S_ISDIR(found.st_mode):
            continue
        bit = stat.S_IXUSR if found.st_uid == NOBODY else stat.S_IXOTH
        if not found.st_mode & bit:
            return False
    return True


@dataclass(frozen=True)
class Layout:
    """Folders of one pair of embedded servers; two layouts never share a file."""

    var: Path

    @property
    def digest(self) -> str:
        return hashlib.sha256(os.fsencode(str(self.var))).hexdigest()[:16]

    @property
    def annex(self) -> Path:
        return ANNEXES / self.digest

    @property
    def postgres_home(self) -> Path:
        """`var/`, unless we are root and PostgreSQL's user could not enter it."""
        if os.geteuid() == 0 and not open_to_nobody(self.var):
            return self.annex
        return self.var

    @property
    def postgres_data(self) -> Path:
        return self.postgres_home / "postgres"

    @property
    def redis_data(self) -> Path:
        return self.var / "redis"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def sockets(self) -> Path:
        """`run` beside the data, or a short private folder.

        That is when the path is too long for a socket, or has a comma or a quote,
        which PostgreSQL's programs take for a list of folders.
        """
        run = self.postgres_home / "run"
        is_short = len(os.fsencode(str(run / ".s.PGSQL.5432"))) <= SOCKET_PATH_LIMIT
        if is_short and not set(str(run)) & {",", '"'}:
            return run
        # Whoever made this folder first is checked before it is used.
        return Path("/tmp") / f"cro-portal-{os.geteuid()}-{self.digest}"  # noqa: S108

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def keeper_socket(self) -> Path:
        return self.sockets / "keeper.sock"

    def database_url(self, role: str) -> str:
        return f"postgresql://{role}@{quote(str(self.sockets), safe='')}/cro"

    def redis_url(self, database: int = 0) -> str:
        return f"unix://{quote(str(self.redis_socket))}?db={database}"


def layout() -> Layout:
    """Return the layout in force: `CRO_VAR`, or `var/` beside manage.py."""
    return Layout(Path(os.environ.get("CRO_VAR") or PROJECT / "var").resolve())
