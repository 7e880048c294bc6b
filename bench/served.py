"""The portal as it is served: granian with its two workers, asked over HTTP."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from django.test import Client

from cro_portal import processes
from cro_portal.accounts.models import User

PROJECT = Path(__file__).parents[1]
READY_SECONDS = 60


@dataclass
class Visitor:
    """One client with one connection at a time, signed in if it has a cookie."""

    port: int
    cookie: str = ""

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def reconnect(self) -> None:
        """Begin a new connection, which may lead to the other worker."""
        self.connection.close()

    def timed(self, address: str, body: Any = None) -> float:
        """Ask, read the answer to its end; milliseconds."""
        headers = {"Host": "localhost", "Cookie": self.cookie}
        sent = None
        if body is not None:
            sent = json.dumps(body)
            headers |= {"Content-Type": "application/json", **self.may_write()}
        start = time.perf_counter()
        self.connection.request("POST" if sent else "GET", address, sent, headers)
        response = self.connection.getresponse()
        said = response.read()
        took = (time.perf_counter() - start) * 1e3
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{address} answered {response.status}: {said[:300]!r}")
        return took

    def may_write(self) -> dict[str, str]:
        token = "a" * 32
        return {"Cookie": f"{self.cookie}; csrftoken={token}", "X-CSRFToken": token}


def signed_in(port: int) -> Visitor:
    user, _ = User.objects.get_or_create(email="bench@bench.example")
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return Visitor(port, f"{name}={client.cookies[name].value}")


def database_url() -> str:
    database = connection.settings_dict
    host = quote(database["HOST"], safe="")
    return f"postgresql://{database['USER']}@{host}/{database['NAME']}"


@contextmanager
def portal() -> Iterator[int]:
    """Serve the bench's database on a free port, which is given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        **processes.environment("web"),
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "CRO_SECRET_KEY": settings.SECRET_KEY,
        "CRO_VAR": str(settings.VAR_DIR),
        "DJANGO_SETTINGS_MODULE": "bench.settings",
    }
    line = [sys.executable, *processes.web(host="127.0.0.1", port=port)]
    server = subprocess.Popen(
        [*line, "--log-level", "error"], cwd=PROJECT, env=environment
    )
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            Visitor(port).timed("/healthz")
        except OSError as error:
            if time.monotonic() > deadline:
                raise RuntimeError("the web server does not answer") from error
            time.sleep(0.1)
        else:
            return
