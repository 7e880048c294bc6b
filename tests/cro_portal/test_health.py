import pytest
from django.db import OperationalError, connection
from django.urls import reverse

from cro_portal import health
from cro_portal.tasks import heartbeat


def test_healthz_asks_nobody(client):
    # Without the `db` mark a query would fail.
    assert client.get(reverse("healthz")).json() == {"status": "ok"}


@pytest.mark.django_db
def test_readyz_is_ready(client):
    response = client.get(reverse("readyz"))
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "redis": "ok"},
    }


@pytest.mark.django_db
def test_readyz_is_degraded_and_serves_without_redis(client, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nothing.sock"
    response = client.get(reverse("readyz"))
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["checks"]["redis"] == "unreachable"


@pytest.mark.django_db
def test_readyz_is_a_503_when_a_migration_is_missing(client):
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'sponsors'")
    response = client.get(reverse("readyz"))
    assert response.status_code == 503
    assert "sponsors.0001_initial" in response.json()["checks"]["migrations"]


@pytest.mark.django_db
def test_readyz_is_a_503_without_the_database(client):
    def refuse(*_):
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse):
        response = client.get(reverse("readyz"))
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "unreachable"


def test_heartbeat_is_young_after_the_task_and_unknown_without_redis(
    settings, tmp_path
):
    heartbeat()
    assert 0 <= health.heartbeat_age() < 5
    settings.REDIS_URL = f"unix://{tmp_path}/nothing.sock"
    assert health.heartbeat_age() is None


def test_pages_say_what_they_may_load(client):
    policy = client.get(reverse("healthz")).headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy


@pytest.mark.django_db
@pytest.mark.ignore_template_errors  # the admin's own templates
def test_only_the_admin_may_run_inline_scripts(client):
    response = client.get(reverse("admin:login"))
    assert "'unsafe-eval'" in response.headers["Content-Security-Policy"]
