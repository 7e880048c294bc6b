"""The commands ask, help, wait and stop well."""

import os
import signal
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from matching import services
from matching.management.commands import recompute as recompute_command
from matching.management.commands import sweep as sweep_command
from matching.models import MAX_ATTEMPTS, Ranking, RankingWork
from tests.factories import StudyFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("hinted"),
]


def test_all_and_wait_computes_every_study(capsys):
    StudyFactory.create_batch(3)
    call_command("recompute", "--all", "--wait")
    assert Ranking.objects.count() == 3
    assert not RankingWork.objects.behind().exists()
    out, err = capsys.readouterr()
    assert "3 rankings are fresh." in out
    assert "3/3" in err


def test_twice_stores_nothing_anew():
    StudyFactory.create()
    call_command("recompute", "--all", "--wait")
    call_command("recompute", "--all", "--wait")
    assert Ranking.objects.count() == 1


def test_one_study_only(hinted):
    study, other = StudyFactory.create_batch(2)
    call_command("recompute", "--study", str(study.pk))
    assert list(RankingWork.objects.values_list("pk", flat=True)) == [study.pk]
    assert hinted == [("matching.tasks.sweep",)]
    assert not Ranking.objects.exists()
    assert other.pk


def test_an_unknown_study_is_a_sentence():
    with pytest.raises(CommandError, match="There is no study"):
        call_command("recompute", "--study", str(uuid.uuid4()))


def test_no_study_at_all_is_no_error(capsys):
    call_command("recompute", "--all", "--wait")
    assert "There is no study yet." in capsys.readouterr().out


def test_failures_are_named(monkeypatch):
    study = StudyFactory.create()
    monkeypatch.setattr(recompute_command, "POLL_SECONDS", 0)

    def broken(*args):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(services.engine, "rank", broken)
    with pytest.raises(CommandError, match=f"{study.pk}: RuntimeError: the disk"):
        call_command("recompute", "--all", "--wait")
    assert RankingWork.objects.get().attempts == MAX_ATTEMPTS


def test_control_c_leaves_the_marks_standing(monkeypatch):
    StudyFactory.create_batch(2)

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(services.engine, "rank", interrupted)
        with pytest.raises(CommandError, match="What was asked for stands") as stopped:
            call_command("recompute", "--all", "--wait")
    assert stopped.value.returncode == 130
    assert RankingWork.objects.due().count() == 2
    call_command("recompute", "--all", "--wait")
    assert Ranking.objects.count() == 2


def test_sweeping_needs_no_celery(settings, capsys):
    settings.RANKING_INLINE_AFTER_SECONDS = 0
    StudyFactory.create()
    call_command("recompute", "--all")
    call_command("sweep", "--once")
    assert Ranking.objects.count() == 1
    assert "Told the workers of 1 rankings." in capsys.readouterr().out


def test_the_sweeper_outlives_a_failing_database_and_ends_on_a_signal(
    monkeypatch, capsys
):
    kept = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
    }
    calls = []

    def sweep():
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("gone")
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(services, "sweep", sweep)
    monkeypatch.setattr(sweep_command, "EVERY_SECONDS", 0.01)
    try:
        call_command("sweep")
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert len(calls) == 2
    assert "did not answer" in capsys.readouterr().err
