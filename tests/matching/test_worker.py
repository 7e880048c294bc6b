"""With a real Celery worker in its own process, and with Redis away."""

import signal
import time

import pytest
from django.conf import settings as portal
from django.db import connection, transaction

from matching import hints, services
from matching.models import Ranking, RankingEntry, RankingWork
from sponsors.models import Study
from sponsors.signals import study_changed
from tests.changes import mark_changed
from tests.factories import ClaimFactory, RequirementFactory, StudyFactory
from tests.workers import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def study():
    study = StudyFactory.create()
    study.claim = ClaimFactory.create(
        term=RequirementFactory.create(study=study, importance="must").term
    )
    mark_changed(study.claim.cro)
    return study


@transaction.atomic
def save(study):
    Study.objects.filter(pk=study.pk).update(title="Renamed")
    study_changed.send(sender=Study, study_id=study.pk)


def is_done():
    return not RankingWork.objects.behind().exists()


def test_a_worker_ranks_what_is_saved_and_what_the_catalogue_changes(
    study, hinting, start_worker
):
    start_worker()
    save(study)
    wait_for(is_done, "the worker should rank the saved study", 10)
    assert Ranking.objects.count() == 1

    with transaction.atomic():
        study.claim.answer, study.claim.delivery = False, ""
        study.claim.save()
        mark_changed(study.claim.cro, announce=True)
    wait_for(is_done, "the sweep should pass the change on", 10)

    old, new = Ranking.objects.order_by("catalog_version")
    assert old.n_eligible == 1
    assert (new.n_eligible, new.n_near_miss) == (0, 1)


def test_killed_in_the_middle_it_is_finished_by_another_and_nothing_doubles(
    study, hinting, start_worker
):
    first = start_worker(CRO_RANKING_LEASE_SECONDS="2")
    RankingWork.objects.raise_wanted([study.pk], afresh=True)
    # Hold the worker in the middle: it takes the work, then waits for the study.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE sponsors_requirement")
        hints.recompute(study.pk)
        wait_for(
            lambda: RankingWork.objects.get().lease_no == 1,
            "the worker should take the work",
        )
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert RankingWork.objects.get().is_due

    start_worker()
    wait_for(lambda: services.sweep() == 1, "the lease should run out", 15)
    wait_for(is_done, "the second worker should finish", 15)

    assert Ranking.objects.count() == 1
    assert RankingEntry.objects.count() == 1
    assert RankingWork.objects.get().lease_no == 2


def test_redis_stopped_a_save_succeeds_and_the_sweep_catches_up(
    study, hinting, settings
):
    hinting.kill()
    hinting.wait()
    lost = hints.counts["lost"]

    began = time.monotonic()
    save(study)
    assert time.monotonic() - began < 1.5

    assert hints.counts["lost"] == lost + 1
    assert RankingWork.objects.get().is_due
    settings.RANKING_INLINE_AFTER_SECONDS = 0
    services.sweep()
    assert is_done()
    assert Ranking.objects.count() == 1


def test_redis_frozen_a_save_does_not_wait_for_it(study, hinting):
    hints.recompute(study.pk)  # a connection from before the frost
    hinting.send_signal(signal.SIGSTOP)
    for _ in range(2):
        lost = hints.counts["lost"]
        began = time.monotonic()
        save(study)
        assert time.monotonic() - began < 1.5
        assert hints.counts["lost"] == lost + 1

    hinting.send_signal(signal.SIGCONT)
    sent = hints.counts["sent"]
    assert services.sweep() == 1
    assert hints.counts["sent"] == sent + 1


def test_hints_give_up_before_the_workers_do():
    options = hints.publisher("redis://localhost").conf.broker_transport_options
    assert options["socket_timeout"] < 1
    assert options["socket_connect_timeout"] < 1
    assert portal.CELERY_BROKER_TRANSPORT_OPTIONS["socket_timeout"] > 1
