"""Real embedded servers in a `var/` of their own."""

import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from cro_portal.embedded import session
from cro_portal.embedded.paths import Layout


def make_layout():
    # Not tmp_path: as root it is closed to the user PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="cro-test-"))
    folder.chmod(0o755)
    return Layout(folder / "var")


def remove(layout):
    shutil.rmtree(layout.var.parent)
    shutil.rmtree(layout.sockets, ignore_errors=True)
    shutil.rmtree(layout.annex, ignore_errors=True)


@pytest.fixture
def layout():
    """Return the layout of a `var/` that is not there yet."""
    layout = make_layout()
    yield layout
    remove(layout)


@pytest.fixture(scope="module")
def made():
    """Return a layout whose database is made; its servers are not running."""
    layout = make_layout()
    session.acquire(layout, durable=False).release()
    yield layout
    remove(layout)


def processes_of(layout):
    """Return the processes that name a folder of `layout` or have it open."""
    found = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
        except psutil.Error:
            continue
        folders = (layout.var, layout.postgres_home, layout.sockets)
        if any(str(folder) in command for folder in folders):
            found.append(process)
    return found


def query(layout, role, *statements):
    """Run `statements` as `role`; return the rows of the last one."""
    with (
        closing(psycopg2.connect(layout.database_url(role))) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None
