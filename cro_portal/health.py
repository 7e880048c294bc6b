"""Is the portal alive, and can it serve? For load balancers and `manage.py up`."""

import time
from functools import cache

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

HEARTBEAT_KEY = "cro:heartbeat"
"""Set by a task that beat sends and the worker runs: proves all three parts."""

OLD_HEARTBEAT_SECONDS = 30
"""Beat sends one every 5 s: so many may be lost, or wait for both of a worker's hands."""

REDIS_SECONDS = 0.5


def redis_client() -> redis.Redis:
    """Return a client that gives up soon: nobody waits for Redis."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


@cache
def _migrations_on_disk() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations or ())


def missing_migrations() -> list[str]:
    """Return the migrations this code has and the database has not."""
    applied = set(MigrationRecorder(connection).applied_migrations())
    return sorted(f"{app}.{name}" for app, name in _migrations_on_disk() - applied)


def heartbeat_age() -> float | None:
    """Return the seconds since a worker ran a task of beat's; None if not known."""
    client = redis_client()
    try:
        value = client.get(HEARTBEAT_KEY)
    except redis.RedisError:
        return None
    finally:
        client.close()
    return None if value is None else max(0.0, time.time() - float(value))


def redis_problem() -> str:
    """Return what is wrong with Redis, or an empty text."""
    client = redis_client()
    try:
        client.ping()
    except redis.RedisError as error:
        return str(error) or type(error).__name__
    finally:
        client.close()
    return ""


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that this process is alive. Asks nobody else."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer whether requests can be served: 200, or 503 without the database.

    Without Redis the portal saves and shows everything, only rankings wait for
    the sweep: that is `degraded`, and still 200.
    """
    checks = {"database": "ok", "migrations": "ok", "redis": "ok"}
    try:
        missing = missing_migrations()
    except DatabaseError:
        checks |= {"database": "unreachable", "migrations": "unknown"}
    else:
        if missing:
            checks["migrations"] = f"missing: {', '.join(missing)}"
    if redis_problem():
        checks["redis"] = "unreachable"
    if checks["migrations"] != "ok":
        return JsonResponse({"status": "unavailable", "checks": checks}, status=503)
    status = "ready" if checks["redis"] == "ok" else "degraded"
    return JsonResponse({"status": status, "checks": checks})
