"""What a process does before its first work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.changes import mark_changed
from tests.factories import CROFactory
from tests.workers import database_url

WEB = """
import gc
from cro_portal import wsgi
from catalog import catalogue
print(gc.get_freeze_count(), gc.get_threshold()[0], catalogue._held is not None)
"""
WORKER = """
import gc
from celery import signals
from cro_portal.celery import app
signals.worker_process_init.send(sender=None)
print(gc.get_freeze_count(), gc.get_threshold()[0])
"""


def run(script, tmp_path, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "CRO_VAR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "cro_portal.settings.test",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.django_db(transaction=True)
def test_the_web_server_holds_the_catalogue_and_spares_what_it_holds(tmp_path):
    mark_changed(CROFactory.create())
    made = run(WEB, tmp_path, CRO_PROCESS="web", DATABASE_URL=database_url())

    frozen, threshold, holds = made.stdout.split()
    assert int(frozen) > 50_000
    assert (threshold, holds) == ("10000", "True")


def test_the_web_server_starts_without_the_database(tmp_path):
    away = f"postgresql://cro_app@{str(tmp_path).replace('/', '%2F')}/nothing"
    made = run(WEB, tmp_path, CRO_PROCESS="web", DATABASE_URL=away)

    assert made.stdout.split()[2] == "False"
    assert "The catalogue is not loaded ahead" in made.stderr


def test_a_worker_spares_what_it_holds(tmp_path):
    frozen, threshold = run(WORKER, tmp_path).stdout.split()

    assert int(frozen) > 10_000
    assert threshold == "10000"


def test_another_process_is_left_as_it_is(tmp_path):
    made = run(WEB, tmp_path, CRO_PROCESS="command")

    assert made.stdout.split() == ["0", "700", "False"]
