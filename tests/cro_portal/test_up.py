"""`manage.py up` and `doctor`, as a person runs them: real processes throughout."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
import redis

from cro_portal.embedded import paths, servers, session
from cro_portal.health import HEARTBEAT_KEY, OLD_HEARTBEAT_SECONDS
from cro_portal.management.commands.up import lock_file
from tests.cro_portal.embedded.conftest import make_layout, processes_of, remove

SECONDS = 90


@pytest.fixture(scope="module")
def layout():
    layout = make_layout()
    yield layout
    remove(layout)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(layout):
    outside = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CRO_AS_OWNER")
    return {
        **{k: v for k, v in os.environ.items() if k not in outside},
        "CRO_VAR": str(layout.var),
        "DJANGO_SETTINGS_MODULE": "cro_portal.settings.dev",
    }


def manage(layout, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=paths.PROJECT,
        env=environment(layout),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@pytest.fixture
def up(layout, port):
    """Run `up` until it says where it serves."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(port)],
        cwd=paths.PROJECT,
        env=environment(layout),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    assert "Ctrl-C" in said, said
    yield process
    if process.poll() is None:
        process.terminate()
    process.communicate(timeout=SECONDS)
    wait_until(lambda: not left(layout))


def left(layout):
    """Return what is left of the portal in `layout`: servers and Python processes."""
    ours = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CRO_VAR") == str(layout.var):
                ours.append(process)
        except psutil.Error:
            continue
    return [
        p
        for p in {*ours, *processes_of(layout)}
        if p.is_running() and p.status() != psutil.STATUS_ZOMBIE
    ]


def wait_until(condition, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def readyz(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return json.load(connection.getresponse())
    finally:
        connection.close()


def serves(port):
    try:
        return readyz(port)["status"] == "ready"
    except (OSError, http.client.HTTPException):
        return False


def heartbeat(layout):
    """Return when a worker last ran a task of the sweeper's (Unix seconds)."""
    with redis.Redis.from_url(layout.redis_url()) as client:
        try:
            return float(client.get(HEARTBEAT_KEY) or 0)
        except redis.RedisError:
            return None


def child_of(layout, name):
    """Return the process id of a child; 0 where `up` is just writing or gone."""
    try:
        noted = json.loads((layout.var / "children.json").read_text())
    except (FileNotFoundError, ValueError):
        noted = []
    return next((child["pid"] for child in noted if child["name"] == name), 0)


def test_serves_and_leaves_nothing_after_term(layout, up, port):
    assert readyz(port)["status"] == "ready"
    second = manage(layout, "up", "--port", str(port))
    assert second.returncode
    assert f"running already: process {up.pid} at http://127.0.0.1" in second.stderr
    # A command in another terminal uses the servers, and leaves them running.
    assert manage(layout, "showmigrations", "catalog").returncode == 0
    assert readyz(port)["status"] == "ready"
    wait_until(lambda: manage(layout, "heartbeat").returncode == 0)
    said = manage(layout, "doctor").stdout  # finds the port by itself
    assert f"✓ Port          {port}: the portal answers" in said
    assert f"process {up.pid} at http://127.0.0.1:{port}/" in said
    assert "ran a task of the sweeper" in said
    up.send_signal(signal.SIGTERM)
    assert "Stopped." in up.communicate(timeout=SECONDS)[0]
    assert up.returncode == 0
    wait_until(lambda: not left(layout), seconds=2)


def test_whatever_is_killed_runs_again_and_the_rest_stays(layout, up, port):
    wait_until(lambda: heartbeat(layout))  # the worker has begun
    killed = {name: child_of(layout, name) for name in ("worker", "sweeper", "web")}
    os.kill(servers.redis_process(layout), signal.SIGKILL)
    answer = readyz(port)  # while Redis is away, or just back
    assert answer["status"] in {"degraded", "ready"}
    assert answer["checks"]["database"] == "ok"
    os.kill(killed["worker"], signal.SIGKILL)
    os.kill(killed["sweeper"], signal.SIGKILL)
    at = time.time()
    wait_until(lambda: (heartbeat(layout) or 0) > at)
    assert child_of(layout, "web") == killed["web"]
    os.kill(killed["web"], signal.SIGKILL)
    wait_until(
        lambda: child_of(layout, "web") not in {0, killed["web"]} and serves(port)
    )
    up.send_signal(signal.SIGTERM)
    said = up.communicate(timeout=SECONDS)[0]
    assert up.returncode == 0
    assert "Redis stopped by itself (exit -9). It is started again in 0.5 s." in said
    assert "Redis runs again." in said
    for name in killed:
        assert (
            f"The {name} stopped by itself (exit -9); it is started again in 0.5 s."
            in said
        )


def test_child_that_keeps_dying_is_named_and_stops_the_rest(layout, up):
    killed = set()
    while up.poll() is None:
        pid = child_of(layout, "sweeper")
        if pid and pid not in killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    said = up.communicate(timeout=SECONDS)[0]
    assert len(killed) == 5
    assert up.returncode == 1
    assert "The sweeper stopped by itself (exit -9), 5 times within 60 s" in said
    assert "sweeper.log" in said
    wait_until(lambda: not left(layout), seconds=2)


def test_second_signal_ends_even_a_child_that_does_not_listen(layout, up):
    os.kill(child_of(layout, "worker"), signal.SIGSTOP)  # TERM does nothing now
    up.send_signal(signal.SIGINT)
    time.sleep(1)
    started = time.monotonic()
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=SECONDS)
    assert time.monotonic() - started < 15
    wait_until(lambda: not left(layout), seconds=2)


def test_killed_up_leaves_no_process(layout, up):
    up.kill()
    up.communicate(timeout=SECONDS)
    wait_until(lambda: not left(layout))


def test_port_in_use_is_a_sentence(layout, port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        result = manage(layout, "up", "--port", str(port))
        said = manage(layout, "doctor", "--port", str(port))
    assert result.returncode == 1
    assert f"Port {port} cannot be used" in result.stderr
    assert "PORT=" in result.stderr
    assert "Traceback" not in result.stderr
    assert said.returncode == 1
    assert f"✗ Port          Port {port} cannot be used" in said.stdout


@pytest.mark.parametrize("text", ["", "http", "0", "70000", "８０００"])
def test_port_that_is_no_number_is_a_sentence(layout, text):
    for command in ("up", "doctor"):
        result = manage(layout, command, f"--port={text}")
        assert result.returncode == 1
        assert "must be a number, 1 to 65535" in result.stderr
        assert "Traceback" not in result.stderr


def test_doctor_says_how_to_mend_each_thing_then_that_nothing_is_left(layout, port):
    manage(layout, "migrate")
    ill = manage(layout, "doctor", "--port", str(port))
    manage(layout, "load_vocabularies")
    with session.running(layout), redis.Redis.from_url(layout.redis_url()) as client:
        client.set(HEARTBEAT_KEY, time.time())  # of a portal that has just stopped
        well = manage(layout, "doctor", "--port", str(port))
    assert ill.returncode == 1
    assert "✓ Roles         the portal is cro_app, which owns 0 tables" in ill.stdout
    assert "✗ Vocabularies  0 terms" in ill.stdout
    assert "load_vocabularies" in ill.stdout
    assert well.returncode == 0
    assert "The portal is not running: start it with `make demo`" in well.stdout
    assert "Worker" not in well.stdout
    assert "All is well" not in well.stdout


def test_doctor_names_a_portal_that_runs_and_does_not_answer(layout, port):
    servers.make_folders(layout)
    file = lock_file(layout)
    with servers.locked(file):
        file.write_text(f"process 1 at http://127.0.0.1:{port}/")
        assert "✓ Portal        started" in manage(layout, "doctor").stdout
        os.utime(file, (time.time() - 900,) * 2)
        result = manage(layout, "doctor")
    assert result.returncode == 1
    assert "✗ Portal        started 90" in result.stdout
    assert "web.log" in result.stdout


def test_doctor_says_when_the_worker_of_a_running_portal_is_silent(layout, up, port):
    wait_until(lambda: heartbeat(layout))
    os.kill(child_of(layout, "sweeper"), signal.SIGSTOP)
    os.kill(child_of(layout, "worker"), signal.SIGSTOP)
    long_ago = time.time() - OLD_HEARTBEAT_SECONDS - 9
    os.utime(lock_file(layout), (long_ago,) * 2)
    with redis.Redis.from_url(layout.redis_url()) as client:
        client.set(HEARTBEAT_KEY, long_ago)
    result = manage(layout, "doctor")
    os.kill(child_of(layout, "sweeper"), signal.SIGCONT)
    os.kill(child_of(layout, "worker"), signal.SIGCONT)
    assert result.returncode == 1
    assert "✗ Worker        last seen" in result.stdout
    assert "worker.log" in result.stdout


def test_doctor_stops_at_a_var_it_cannot_use(layout, port):
    blocked = layout.var.parent / "file"
    blocked.write_text("")
    result = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--port", str(port)],
        cwd=paths.PROJECT,
        env=environment(layout) | {"CRO_VAR": str(blocked)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert result.returncode == 1
    assert "Move it away" in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
