"""Where the embedded servers keep their data and their sockets."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parents[2]

SOCKET_PATH_LIMIT = 100
"""Bytes a unix socket's path may have (108 on Linux, 104 on macOS), less a margin."""


@dataclass(frozen=True)
class Layout:
    """Folders of one pair of embedded servers; two layouts never share a file."""

    var: Path

    @property
    def postgres_data(self) -> Path:
        return self.var / "postgres"

    @property
    def redis_data(self) -> Path:
        return self.var / "redis"

    @property
    def sockets(self) -> Path:
        """`var/run`, or a short private folder when that path is too long for a socket."""
        run = self.var / "run"
        if len(os.fsencode(str(run / ".s.PGSQL.5432"))) <= SOCKET_PATH_LIMIT:
            return run
        digest = hashlib.sha256(os.fsencode(str(run))).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"cro-portal-{os.getuid()}-{digest}"

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    def database_url(self, role: str) -> str:
        return f"postgresql://{role}@{quote(str(self.sockets), safe='')}/cro"

    def redis_url(self) -> str:
        return f"unix://{self.redis_socket}"


def layout() -> Layout:
    """Return the layout in force: `CRO_VAR`, or `var/` beside manage.py."""
    return Layout(Path(os.environ.get("CRO_VAR") or PROJECT / "var").resolve())
