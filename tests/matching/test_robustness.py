"""How sure a stored ranking is: wanted once, worked out once, stopped when asked."""

import datetime as dt
import uuid

import pytest
from django.db import IntegrityError, transaction

from matching import robustness, services
from matching.models import MAX_ATTEMPTS, Ranking, Robustness
from matching.tasks import compute_robustness, sweep
from tests.changes import mark_changed
from tests.factories import (
    ClaimFactory,
    CROFactory,
    RequirementFactory,
    StudyFactory,
    UserFactory,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("hinted"),
]
State = Robustness.State


@pytest.fixture
def ranking():
    """Two CROs in the running: one offers what is asked, of one nothing is known."""
    study = StudyFactory.create()
    asked = RequirementFactory.create(study=study, importance="high")
    claim = ClaimFactory.create(term=asked.term)
    mark_changed(claim.cro, CROFactory.create())
    with transaction.atomic():
        services.want_rankings([study.pk])
    assert services.recompute(study.pk)
    return Ranking.objects.get()


def test_a_published_ranking_wants_it_and_a_worker_is_told(ranking, hinted):
    row = ranking.robustness

    assert row.state == State.WANTED
    assert ("matching.tasks.compute_robustness", str(ranking.pk)) in hinted

    compute_robustness(str(ranking.pk))

    row.refresh_from_db()
    assert (row.state, row.progress) == (State.DONE, 1.0)
    first, second = row.result["cros"]
    assert first["first"] + second["first"] == pytest.approx(1)
    assert first["first"] > second["first"]
    assert first["ranks"] == pytest.approx([first["first"], second["first"]])
    assert row.result["wins"][0][1] == pytest.approx(first["first"])
    assert sum(first["central_weights"].values()) == pytest.approx(1, abs=1e-5)
    assert [f["value"] for f in row.result["facts"]] == sorted(
        (f["value"] for f in row.result["facts"]), reverse=True
    )
    assert row.result["facts"]


def test_done_twice_or_wanted_twice_nothing_changes(ranking, hinted):
    assert robustness.compute(ranking.pk)
    result = Robustness.objects.get().result
    hinted.clear()

    assert not robustness.compute(ranking.pk)
    with transaction.atomic():
        robustness.want(ranking)

    assert Robustness.objects.get().result == result
    assert hinted == []


def test_the_same_inputs_give_the_same_result_and_are_not_worked_out_again(
    ranking,
):
    robustness.compute(ranking.pk)
    copy = Ranking.objects.get()
    copy.pk = uuid.uuid4()
    copy.save(force_insert=True)

    with transaction.atomic():
        row = robustness.want(copy)

    assert row.state == State.DONE
    assert row.result == ranking.robustness.result


def test_a_newer_ranking_makes_the_older_one_not_worth_the_work(ranking):
    newer = Ranking.objects.get()
    newer.pk, newer.digest = uuid.uuid4(), "1" * 64
    newer.save(force_insert=True)

    with transaction.atomic():
        robustness.want(newer)

    states = Robustness.objects.values_list("ranking", "state")
    assert dict(states) == {ranking.pk: State.CANCELLED, newer.pk: State.WANTED}


def test_one_worker_at_a_time(ranking):
    assert Robustness.objects.lease(ranking.pk, dt.timedelta(minutes=1))
    assert not robustness.compute(ranking.pk)


def test_cancelled_in_the_middle_the_work_stops_and_may_be_taken_up_again(
    ranking, monkeypatch, hinted
):
    monkeypatch.setattr(robustness, "PROGRESS_EVERY_SECONDS", 0)
    real, seen = robustness._Progress.__call__, []

    def cancel_half_way(progress, share):
        seen.append(share)
        if len(seen) == 3:
            assert robustness.cancel(ranking=ranking)
        real(progress, share)

    monkeypatch.setattr(robustness._Progress, "__call__", cancel_half_way)

    assert not robustness.compute(ranking.pk)

    row = Robustness.objects.get()
    assert (row.state, row.result, len(seen)) == (State.CANCELLED, None, 3)
    assert 0 < row.progress < 1
    assert not robustness.cancel(ranking=ranking)
    assert not robustness.compute(ranking.pk)
    hinted.clear()
    assert robustness.want_again(ranking=ranking)
    assert hinted == [("matching.tasks.compute_robustness", str(ranking.pk))]
    monkeypatch.undo()
    assert robustness.compute(ranking.pk)


def test_a_result_of_a_lease_that_ran_out_is_not_published(ranking, monkeypatch):
    real = robustness._work_out

    def overtaken(row, progress):
        result = real(row, progress)
        Robustness.objects.update(lease_no=row.lease_no + 1)
        return result

    monkeypatch.setattr(robustness, "_work_out", overtaken)

    assert not robustness.compute(ranking.pk)
    assert Robustness.objects.get().state == State.WANTED


def test_what_fails_says_why_and_is_given_up_after_five_attempts(
    ranking, monkeypatch, caplog, hinted
):
    def broken(row, progress):
        raise RuntimeError("no luck")

    monkeypatch.setattr(robustness, "_work_out", broken)
    for _ in range(MAX_ATTEMPTS + 1):
        robustness.compute(ranking.pk)

    row = Robustness.objects.get()
    assert (row.attempts, row.error) == (MAX_ATTEMPTS, "RuntimeError: no luck")
    assert row.has_failed
    hinted.clear()
    sweep()
    assert hinted == []


def test_the_sweep_tells_of_lost_hints(ranking, hinted):
    hinted.clear()

    sweep()

    assert hinted == [("matching.tasks.compute_robustness", str(ranking.pk))]


def test_somebody_elses_is_not_visible(ranking):
    assert not Robustness.objects.visible_to(UserFactory.create()).exists()


def test_the_database_keeps_done_and_result_together(ranking):
    for wrong in ({"state": State.DONE}, {"result": {}}, {"progress": 1.1}):
        with pytest.raises(IntegrityError):
            Robustness.objects.update(**wrong)
