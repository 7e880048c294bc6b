import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

import psycopg2
import pytest
import redis

from cro_portal.embedded import paths, servers, session
from cro_portal.embedded.errors import EmbeddedServerError
from cro_portal.embedded.keeper import FIRST_USER_SECONDS
from cro_portal.embedded.paths import Layout
from tests.cro_portal.embedded.conftest import processes_of, query

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can set this up")


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def holder_of(layout):
    """Start a process that uses the servers until it is killed."""
    code = (
        "import sys, time; from pathlib import Path;"
        "from cro_portal.embedded import session; from cro_portal.embedded.paths import Layout;"
        "session.acquire(Layout(Path(sys.argv[1])), durable=False); print('up', flush=True);"
        "time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(layout.var)],
        stdout=subprocess.PIPE,
        cwd=paths.PROJECT,
    )
    assert process.stdout.readline() == b"up\n"
    return process


# --- who may do what -------------------------------------------------------


def test_roles_of_the_application_and_the_owner(made):
    with session.running(made, durable=False):
        query(
            made,
            "cro_owner",
            "create table secret (id int primary key, tenant int)",
            "insert into secret values (1, 1), (2, 2)",
            "alter table secret enable row level security",
            "create policy own on secret using (tenant = 1)",
        )
        rows = query(
            made,
            "cro_app",
            "insert into secret values (3, 1)",
            "update secret set tenant = 1 where id = 3",
            "delete from secret where id = 3",
            "create temp table scratch (id int)",
            "select id from secret",
        )
        assert rows == [(1,)], "the policy holds for the application"
        for refused in (
            "create table mine (id int)",
            "truncate secret",
            "drop table secret",
            "alter table secret disable row level security",
            "create role other",
            "set role cro_owner",
            "set session_replication_role = replica",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                query(made, "cro_app", refused)
        flags = query(
            made,
            "cro_app",
            "select rolname, rolsuper, rolbypassrls, rolcreatedb from pg_roles "
            "where rolname like 'cro_%' order by 1",
        )
        assert flags == [
            ("cro_app", False, False, False),
            ("cro_owner", False, False, True),
        ]
        with pytest.raises(psycopg2.OperationalError, match=r"no pg_hba.conf entry"):
            query(made, "postgres", "select 1")
        query(made, "cro_owner", "drop table secret")


@as_root
def test_another_user_of_the_machine_is_not_let_in(made):
    psql = servers.postgres_bin(made) / "psql"
    with session.running(made, durable=False):
        made.sockets.chmod(0o755)  # even if the folder were open
        result = subprocess.run(
            [psql, made.database_url("cro_app"), "-c", "select 1"],
            capture_output=True,
            text=True,
            check=False,
            user=paths.NOBODY,
            group=paths.NOBODY,
            extra_groups=[],
            cwd="/",
        )
    assert 'Peer authentication failed for user "cro_app"' in result.stderr


# --- who stops what --------------------------------------------------------


def test_last_user_stops_the_servers_and_no_other(made):
    first = session.acquire(made, durable=False)
    second = session.acquire(made, durable=False)
    first.release()
    assert query(made, "cro_app", "select 1") == [(1,)]
    assert second.failure() is None
    second.release()
    wait_until(lambda: not processes_of(made), seconds=2)


def test_data_is_there_again_after_a_restart(made):
    with session.running(made):
        query(made, "cro_owner", "create table kept as select 7 as number")
    with session.running(made):
        assert query(made, "cro_owner", "select * from kept") == [(7,)]
        query(made, "cro_owner", "drop table kept")


def test_two_commands_at_once_share_one_server(made):
    holders = [holder_of(made) for _ in range(2)]
    assert len([p for p in processes_of(made) if "keeper" in str(p.cmdline())]) == 1
    for holder in holders:
        holder.kill()
        holder.communicate()
    wait_until(lambda: not processes_of(made))


def test_killed_command_leaves_no_server(made):
    holder = holder_of(made)
    assert processes_of(made)
    holder.kill()
    holder.communicate()
    wait_until(lambda: not processes_of(made))


def test_killed_keeper_takes_the_servers_along_and_the_next_start_works(made):
    lease = session.acquire(made, durable=False)
    keeper = next(p for p in processes_of(made) if "keeper" in str(p.cmdline()))
    keeper.kill()
    wait_until(lambda: not processes_of(made))
    assert "keeper" in lease.failure()
    lease.release()
    with session.running(made, durable=False):
        assert query(made, "cro_app", "select 1") == [(1,)]


def postgres_process(layout):
    return int((layout.postgres_data / "postmaster.pid").read_text().split()[0])


@pytest.mark.parametrize(
    ("name", "process_of"),
    [("Redis", servers.redis_process), ("PostgreSQL", postgres_process)],
)
def test_server_that_dies_is_started_again(made, name, process_of):
    with session.running(made, durable=False) as lease:
        killed = process_of(made)
        os.kill(killed, signal.SIGKILL)
        said = []

        def runs_again():
            assert lease.failure() is None
            said.extend(lease.notes)
            return f"{name} runs again." in said

        wait_until(runs_again)
        assert f"{name} stopped by itself (exit -9)." in said[0]
        assert "started again in 0.5 s" in said[0]
        assert process_of(made) != killed
        assert query(made, "cro_app", "select 1") == [(1,)]


def test_server_that_keeps_dying_is_named_with_the_end_of_its_log(made):
    lease = session.acquire(made, durable=False)
    try:
        message = None
        deadline = time.monotonic() + 40
        while message is None and time.monotonic() < deadline:
            if pid := servers.redis_process(made):
                os.kill(pid, signal.SIGKILL)
            message = lease.failure()
            time.sleep(0.1)
    finally:
        lease.release()
    # The last of the kills may have come before it answered.
    assert "Redis stopped by itself" in message or "Redis did not start" in message
    assert "That was too often: 5 times" in message
    assert "redis.log" in message
    wait_until(lambda: not processes_of(made), seconds=2)


# --- what a crash may leave ------------------------------------------------


def test_keeper_whose_starter_was_killed_before_it_connected_ends(made):
    servers.make_folders(made)
    keeper = [sys.executable, "-m", "cro_portal.embedded.keeper", str(made.var)]
    subprocess.run([*keeper, "quick"], cwd=paths.PROJECT, check=True)
    wait_until(lambda: servers.redis_process(made))
    wait_until(lambda: not processes_of(made), seconds=FIRST_USER_SECONDS + 10)
    with session.running(made, durable=False):  # and the next start finds no harm
        assert query(made, "cro_app", "select 1") == [(1,)]


def test_stale_pid_file_of_a_reused_process_id_is_set_right(made):
    file = made.postgres_data / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n{made.postgres_data}\n0\n5432\n\n\n")
    (made.redis_data / "redis.pid").write_text(str(os.getpid()))
    with session.running(made, durable=False) as lease:
        assert any("stale postmaster.pid" in note for note in lease.notes)
        assert query(made, "cro_app", "select 1") == [(1,)]


def test_stale_pid_file_of_a_dead_process_does_no_harm(made):
    dead = subprocess.Popen(["true"])
    dead.wait()
    file = made.postgres_data / "postmaster.pid"
    file.write_text(f"{dead.pid}\n{made.postgres_data}\n0\n5432\n\n\n")
    with session.running(made, durable=False) as lease:
        assert lease.notes == []


def test_empty_pid_file_does_no_harm(made):
    (made.postgres_data / "postmaster.pid").touch()
    with session.running(made, durable=False) as lease:
        assert any("empty postmaster.pid" in note for note in lease.notes)


def test_half_made_database_is_made_again(layout):
    unfinished = layout.var / "postgres.new"
    unfinished.mkdir(parents=True)
    layout.var.chmod(0o755)
    (unfinished / "PG_VERSION").write_text("18\n")
    with session.running(layout, durable=False) as lease:
        assert any("cut short" in note for note in lease.notes)
        assert query(layout, "cro_app", "select 1") == [(1,)]


def test_data_of_another_version_is_refused_and_kept(layout):
    layout.postgres_data.mkdir(parents=True)
    layout.var.chmod(0o755)
    (layout.postgres_data / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServerError, match=r"written by PostgreSQL 16.*Dump it"):
        session.acquire(layout)
    assert (layout.postgres_data / "PG_VERSION").read_text() == "16\n"
    wait_until(lambda: not processes_of(layout), seconds=2)


def test_folder_that_is_no_database_is_refused_and_kept(layout):
    layout.postgres_data.mkdir(parents=True)
    layout.var.chmod(0o755)
    (layout.postgres_data / "letter.txt").write_text("mine")
    with pytest.raises(EmbeddedServerError, match=r"no PG_VERSION.*Move it away"):
        session.acquire(layout)
    assert (layout.postgres_data / "letter.txt").exists()


# --- disks and folders -----------------------------------------------------


def test_nearly_full_disk_is_said_before_anything_is_made(layout, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 5 * 2**20))
    servers.make_folders(layout)
    with pytest.raises(EmbeddedServerError, match="5 MB are free, 400 MB are needed"):
        servers.make_postgres_data(layout)
    assert not layout.postgres_data.exists()


@as_root
def test_disk_that_fills_up_is_explained(layout, monkeypatch):
    mounted(layout.var, "size=12m,mode=755")
    monkeypatch.setattr(servers, "check_space", lambda *_: None)
    try:
        servers.make_folders(layout)
        with pytest.raises(EmbeddedServerError, match=r"disk of .* is full.*Free some"):
            servers.make_postgres_data(layout)
    finally:
        subprocess.run(["umount", layout.var], check=True)


@as_root
def test_read_only_folder_is_explained(layout):
    mounted(layout.var, "ro")
    try:
        with pytest.raises(EmbeddedServerError, match="cannot be written to"):
            session.acquire(layout)
    finally:
        subprocess.run(["umount", layout.var], check=True)


def mounted(folder, options):
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount")


def test_var_that_is_a_file_is_explained(layout):
    layout.var.write_text("")
    with pytest.raises(EmbeddedServerError, match=r"is a file.*Move it away"):
        session.acquire(layout)


@pytest.mark.parametrize("name", ["with spaces, and 'quotes\" %41", "long" * 40])
def test_awkward_paths_work(layout, name):
    awkward = Layout(layout.var.parent / name / "var")
    with session.running(awkward, durable=False):
        assert query(awkward, "cro_app", "select 1") == [(1,)]
        with redis.Redis.from_url(awkward.redis_url()) as client:
            assert client.ping()
    wait_until(lambda: not processes_of(awkward), seconds=2)
    shutil.rmtree(awkward.sockets, ignore_errors=True)


@as_root
def test_folder_closed_to_others_works_as_root(layout):
    closed = Layout(layout.var.parent / "closed" / "var")
    closed.var.parent.mkdir(mode=0o700)
    with session.running(closed, durable=False) as lease:
        assert any("PostgreSQL never runs as root" in note for note in lease.notes)
        assert query(closed, "cro_app", "select 1") == [(1,)]
    assert closed.var.parent.stat().st_mode & 0o777 == 0o700
    assert paths.ANNEXES in closed.postgres_data.parents
    shutil.rmtree(closed.annex)


@as_root
def test_programs_closed_to_others_run_from_a_copy(layout, monkeypatch):
    monkeypatch.setattr(servers, "open_to_nobody", lambda _: False)
    programs = servers.postgres_bin(layout)
    assert layout.annex in programs.parents
    said = subprocess.run(
        [programs / "initdb", "--version"],
        capture_output=True,
        text=True,
        check=False,
        user=paths.NOBODY,
        group=paths.NOBODY,
        extra_groups=[],
        cwd="/",
    )
    assert "PostgreSQL) 18" in said.stdout, said.stderr


def test_socket_folder_of_somebody_else_is_refused(layout, tmp_path):
    servers.make_folders(layout)
    layout.sockets.rmdir()
    layout.sockets.symlink_to(tmp_path)
    with pytest.raises(EmbeddedServerError, match="belongs to another user"):
        servers.make_folders(layout)
