"""The processes the portal consists of, said once for every place that runs them.

`manage.py up`, docker-compose.yml and .ci/run start exactly these; a test compares
the compose file with them. `CRO_PROCESS` names to a process what it is.
"""

import os
from urllib.parse import parse_qs, urlsplit

APPLICATION = "cro_portal.wsgi:application"
WEB_WORKERS = 2
TASK_WORKERS = 2

DATABASE_LIMITS = {
    "web": {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "15s",
    },
    "worker": {
        "statement_timeout": "60s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
    },
}
"""PostgreSQL's time limits by process. Commands have none: a load may take long."""


def current() -> str:
    """Return which process this is: web, worker, sweeper, or else command."""
    return os.environ.get("CRO_PROCESS", "command")


def web(*, host: str, port: int) -> list[str]:
    """Return the arguments of Python for the web server."""
    return [
        *("-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)),
        *("--workers", str(WEB_WORKERS), "--respawn-failed-workers"),
        *("--workers-kill-timeout", "10", "--no-ws", APPLICATION),
    ]


def worker() -> list[str]:
    """Return the arguments of Python for the worker that computes rankings."""
    return [
        *("-m", "celery", "-A", "cro_portal", "worker", "--loglevel", "INFO"),
        *("--concurrency", str(TASK_WORKERS), "--hostname", "worker@%h"),
    ]


def sweeper() -> list[str]:
    """Return the arguments of Python for beat, which wakes the sweep."""
    return ["-m", "celery", "-A", "cro_portal", "beat", "--loglevel", "WARNING"]


def environment(process: str) -> dict[str, str]:
    """Return what `process` needs in its environment beside everybody's."""
    kind = {"CRO_PROCESS": process}
    if process == "worker":
        # A TERM lets running tasks finish for a while, then hands them back.
        kind["REMAP_SIGTERM"] = "SIGQUIT"
    return kind


def broker_url(redis_url: str) -> str:
    """Write a Redis address the way Celery wants it: it has its own for sockets."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    login = f"{parts.netloc}" if parts.netloc else ""
    return f"redis+socket://{login}{parts.path}?virtual_host={database}"
