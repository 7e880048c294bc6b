"""Asked for, leased, computed, published: whatever happens in between."""

import datetime as dt
import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from catalog import snapshot
from catalog.choices import CROStatus
from catalog.models import CatalogState, TrialCondition
from matching import services
from matching.models import MAX_ATTEMPTS, Group, Ranking, RankingEntry, RankingWork
from matching.selectors import RankingState, RunState, ranking_page, run_state
from matching.tasks import recompute_ranking, sweep
from sponsors.models import Study
from sponsors.needs import NeedSpec, RequirementSpec, need_of_study
from sponsors.services import archive_study, unarchive_study
from sponsors.signals import study_changed
from tests.changes import mark_changed, mark_vocabulary_changed
from tests.factories import (
    ClaimFactory,
    CROFactory,
    RequirementFactory,
    StudyFactory,
    TrialRoleFactory,
    UserFactory,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("hinted"),
]


@pytest.fixture
def study():
    """A study that asks for one service; one of two CROs claims it."""
    study = StudyFactory.create()
    asked = RequirementFactory.create(study=study, importance="must")
    claim = ClaimFactory.create(term=asked.term)
    other = CROFactory.create()
    mark_changed(claim.cro, other)
    study.asked, study.claim, study.other = asked, claim, other
    return study


def announce(study):
    with transaction.atomic():
        study_changed.send(sender=Study, study_id=study.pk)


def work_of(study):
    return RankingWork.objects.get(study=study)


def stored():
    return list(Ranking.objects.values_list("pk", "digest"))


def in_thread(function):
    def run():
        try:
            function()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_change_is_ranked_with_reasons(study):
    role = TrialRoleFactory.create(cro=study.claim.cro, trial__register="ctgov")
    mark_changed(study.claim.cro)
    announce(study)

    assert services.recompute(study.pk) is True

    page = ranking_page(study)
    assert page.state is RankingState.FRESH
    assert page.ranking.study_version == study.version
    assert page.ranking.as_of == timezone.now().date()
    first = min(
        (entry for group in page.groups for entry in group.entries),
        key=lambda entry: entry.position,
    )
    assert first.position == 1
    assert first.cro == study.claim.cro
    facts = [fact for reason in first.reasons for fact in reason["facts"]]
    assert str(study.claim.uuid) in {uuid for fact in facts for uuid in fact["claims"]}
    assert len(first.leaves) == len(page.ranking.parameters["leaves"])
    assert page.ranking.parameters["gates"] == [
        {
            "scheme": study.asked.term.scheme_id,
            "code": study.asked.term.code,
            "label": study.asked.term.label,
            "n_pass": 1,
            "n_fail": 0,
            "n_unknown": 1,
        }
    ]
    assert role.trial.pk  # the track record is there to be read


def test_twice_changes_nothing(study):
    announce(study)
    services.recompute(study.pk)
    before = stored()

    assert services.recompute(study.pk) is False
    announce(study)
    assert services.recompute(study.pk) is True

    assert stored() == before
    assert not work_of(study).is_due


def test_tasks_twice_and_in_reverse_order_end_the_same(study):
    other = StudyFactory.create()
    announce(study)
    announce(other)
    ids = [str(study.pk), str(other.pk)]
    for study_id in ids + ids:
        recompute_ranking(study_id)
    sweep()
    once = stored()
    RankingWork.objects.update(wanted=F("wanted") + 1)
    sweep()
    for study_id in reversed(ids + ids):
        recompute_ranking(study_id)
    sweep()
    assert stored() == once
    assert len(once) == 2
    assert not RankingWork.objects.behind().exists()


def test_at_once_changes_nothing_more(study):
    announce(study)
    threads = [in_thread(lambda: services.recompute(study.pk)) for _ in range(4)]
    for thread in threads:
        thread.join()
    assert len(stored()) == 1
    assert not work_of(study).is_due


def test_old_rankings_are_kept_and_the_newest_is_shown(study):
    announce(study)
    services.recompute(study.pk)
    study.claim.delete()
    mark_changed(study.claim.cro, announce=True)
    services.recompute(study.pk)
    older, newer = Ranking.objects.order_by("catalog_version")
    assert older.catalog_version + 1 == newer.catalog_version
    assert ranking_page(study).ranking == newer


def test_only_the_newest_rankings_of_a_study_are_kept(study, monkeypatch):
    monkeypatch.setattr(services, "KEPT_RANKINGS", 2)
    other = StudyFactory.create()
    RequirementFactory.create(study=other, term=study.asked.term)
    announce(other)
    services.recompute(other.pk)
    kept = []
    for _ in range(3):
        study.claim.observed_on -= dt.timedelta(days=90)
        study.claim.save()
        mark_changed(study.claim.cro, announce=True)
        services.recompute(study.pk)
        kept.append(ranking_page(study).ranking.pk)

    assert len(set(kept)) == 3
    assert set(study.rankings.values_list("pk", flat=True)) == set(kept[1:])
    assert other.rankings.count() == 1


def test_a_late_worker_is_refused(study):
    announce(study)
    late = services.lease(study.pk)
    late_result = services.compute(study.pk)
    RankingWork.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    study.claim.delete()
    mark_changed(study.claim.cro, announce=True)
    services.recompute(study.pk)
    before = stored()

    assert services.publish(lease=late, ranked=late_result) is False

    assert stored() == before


def test_a_lease_keeps_others_away_until_it_runs_out(study):
    announce(study)
    first = services.lease(study.pk)
    assert services.lease(study.pk) is None
    RankingWork.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    second = services.lease(study.pk)
    assert (second.lease_no, second.attempt) == (first.lease_no + 1, 2)


def test_a_change_while_computing_is_computed_after(study, hinted):
    announce(study)
    lease = services.lease(study.pk)
    ranked = services.compute(study.pk)
    announce(study)
    assert services.publish(lease=lease, ranked=ranked)
    assert work_of(study).is_due
    assert ranking_page(study).state is RankingState.UPDATING


def test_no_mark_is_lost_to_a_publication_under_way(study):
    """The mark waits for the row that is being published, and lands."""
    announce(study)
    lease = services.lease(study.pk)
    ranked = services.compute(study.pk)
    with transaction.atomic():
        services.publish(lease=lease, ranked=ranked)
        marker = in_thread(lambda: announce(study))
        marker.join(timeout=0.3)
        assert marker.is_alive(), "the mark should wait for the publication"
    marker.join()
    assert work_of(study).is_due


def test_marks_and_computations_at_once_lose_nothing(study):
    def edit():
        for _ in range(10):
            announce(study)

    def work():
        for _ in range(10):
            services.recompute(study.pk)

    threads = [in_thread(edit), in_thread(edit), in_thread(work), in_thread(work)]
    for thread in threads:
        thread.join()
    services.recompute(study.pk)
    work = work_of(study)
    assert (work.wanted, work.done) == (20, 20)
    assert len(stored()) == 1


def test_a_mark_is_undone_with_its_change(study):
    with pytest.raises(ZeroDivisionError):
        _announce_and_fail(study)
    assert not RankingWork.objects.exists()


@transaction.atomic
def _announce_and_fail(study):
    study_changed.send(sender=Study, study_id=study.pk)
    raise ZeroDivisionError


def test_a_burst_of_edits_is_one_row_and_one_hint_an_edit(study, hinted):
    for _ in range(5):
        announce(study)
    assert work_of(study).wanted == 5
    assert set(hinted) == {("matching.tasks.recompute_ranking", str(study.pk))}
    services.recompute(study.pk)
    assert len(stored()) == 1


@pytest.mark.parametrize("n_studies", [1, 20])
def test_a_catalogue_change_raises_all_by_one_statement_and_one_hint(
    n_studies, hinted, django_assert_num_queries
):
    StudyFactory.create_batch(n_studies)
    with transaction.atomic(), django_assert_num_queries(1):
        services.want_all_rankings()
    assert RankingWork.objects.due().count() == n_studies
    assert hinted == [("matching.tasks.sweep",)]


def test_new_words_raise_all(study):
    mark_vocabulary_changed(announce=True)
    assert work_of(study).is_due


def test_a_changed_claim_is_fresh(study):
    announce(study)
    services.recompute(study.pk)
    score = RankingEntry.objects.get(cro=study.claim.cro).score
    with transaction.atomic():
        study.claim.answer, study.claim.delivery = False, ""
        study.claim.save()
        mark_changed(study.claim.cro, announce=True)

    sweep()
    services.recompute(study.pk)

    newest = ranking_page(study).ranking
    assert newest.catalog_version == CatalogState.objects.get().version
    assert newest.entries.get(cro=study.claim.cro).score < score


def test_a_failure_is_tried_five_times_then_shown_and_waits(study, monkeypatch, caplog):
    announce(study)

    def broken(*args):
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(services.engine, "rank", broken)
        for _ in range(MAX_ATTEMPTS + 3):
            services.recompute(study.pk)
    assert caplog.text.count("failed.") == MAX_ATTEMPTS

    page = ranking_page(study)
    assert page.state is RankingState.FAILED
    assert page.error == "RuntimeError: the disk is full"
    assert page.since is not None
    assert services.recompute(study.pk) is False
    mark_changed(study.claim.cro, announce=True)
    assert services.recompute(study.pk) is False, "only a person starts it again"

    run = services.request_run(study=study, by=UserFactory.create())
    assert run_state(run) is RunState.QUEUED
    assert services.recompute(study.pk) is True
    assert run_state(run) is RunState.DONE
    assert ranking_page(study).state is RankingState.FRESH


def test_what_cannot_be_ranked_is_said_at_once(study, monkeypatch):
    announce(study)

    def refuse(*args):
        raise ValueError("At least one weight must be above 0.")

    monkeypatch.setattr(services.engine, "rank", refuse)
    services.recompute(study.pk)
    run = services.request_run(study=study, by=UserFactory.create())
    services.recompute(study.pk)
    assert ranking_page(study).error == "At least one weight must be above 0."
    assert run_state(run) is RunState.FAILED


def test_a_run_goes_through_its_states(study):
    run = services.request_run(study=study, by=UserFactory.create())
    assert run_state(run) is RunState.QUEUED
    lease = services.lease(study.pk)
    assert run_state(run) is RunState.RUNNING
    services.publish(lease=lease, ranked=services.compute(study.pk))
    assert run_state(run) is RunState.DONE


def test_a_worker_that_dies_each_time_gets_a_reason(study, caplog):
    announce(study)
    for _ in range(MAX_ATTEMPTS):
        assert services.lease(study.pk) is not None
        RankingWork.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    sweep()
    page = ranking_page(study)
    assert page.state is RankingState.FAILED
    assert page.error.startswith("The worker died")
    assert "1 rankings failed" in caplog.text


def test_an_interrupted_attempt_does_not_count(study, monkeypatch):
    announce(study)

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(services.engine, "rank", interrupted)
        with pytest.raises(KeyboardInterrupt):
            services.recompute(study.pk)
    assert work_of(study).attempts == 0
    assert services.recompute(study.pk) is True


def test_a_deleted_study_is_no_error(study, monkeypatch):
    announce(study)
    compute = services.compute

    def delete_first(study_id):
        Study.objects.filter(pk=study_id).delete()
        return compute(study_id)

    monkeypatch.setattr(services, "compute", delete_first)
    assert services.recompute(study.pk) is False
    recompute_ranking(str(study.pk))
    assert not Ranking.objects.exists()


def test_the_sweeper_hints_once_and_again_after_a_while(study, hinted):
    announce(study)
    hinted.clear()
    assert [services.sweep(), services.sweep()] == [1, 0]
    RankingWork.objects.update(hinted_at=timezone.now() - dt.timedelta(seconds=11))
    assert services.sweep() == 1
    assert len(hinted) == 2


def test_the_sweeper_lets_the_sponsors_take_turns(hinted, monkeypatch):
    monkeypatch.setattr(services, "HINTS_A_SWEEP", 2)
    big = StudyFactory.create()
    many = [big, *StudyFactory.create_batch(5, sponsor=big.sponsor)]
    small = StudyFactory.create()
    for study in [*many, small]:
        announce(study)
    hinted.clear()
    services.sweep()
    assert [hint[1] for hint in hinted] == [str(big.pk), str(small.pk)]


def test_only_one_sweeper_hints_at_a_time(study, hinted):
    announce(study)
    hinted.clear()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('matching.sweep'))")
        other = in_thread(services.sweep)
        other.join()
        assert hinted == []
    assert services.sweep() == 1


def test_what_nobody_took_the_sweeper_computes(study):
    announce(study)
    services.sweep()
    assert work_of(study).is_due
    RankingWork.objects.update(changed_at=timezone.now() - dt.timedelta(seconds=61))
    services.sweep()
    assert not work_of(study).is_due
    assert len(stored()) == 1


@pytest.mark.parametrize("n_cros", [1, 20])
def test_computing_costs_the_same_queries_however_many_cros(
    n_cros, study, django_assert_num_queries
):
    condition = RequirementFactory.create(study=study, term__scheme__code="condition")
    for cro in CROFactory.create_batch(n_cros):
        ClaimFactory.create(cro=cro, term=study.asked.term)
        role = TrialRoleFactory.create(cro=cro, trial__start_date=dt.date(2025, 1, 1))
        TrialCondition.objects.create(trial=role.trial, term=condition.term)
    mark_changed(study.claim.cro)
    snapshot.forget()
    services.compute(study.pk)
    with django_assert_num_queries(10):
        ranked = services.compute(study.pk)
    assert any(
        fact["trials"]
        for entry in ranked.entries
        for reason in entry.reasons
        for fact in reason["facts"]
    )


@pytest.mark.parametrize("n_cros", [1, 20])
def test_the_page_costs_three_queries(n_cros, study, django_assert_num_queries):
    mark_changed(*CROFactory.create_batch(n_cros))
    announce(study)
    services.recompute(study.pk)
    with django_assert_num_queries(3):
        page = ranking_page(study)
        names = [entry.cro.name for group in page.groups for entry in group.entries]
    assert len(names) == n_cros + 2
    counts = {group.group: group.count for group in page.groups}
    assert sum(counts.values()) == n_cros + 2


def test_a_study_never_ranked_says_so(study):
    page = ranking_page(study)
    assert (page.state, page.ranking, page.groups) == (RankingState.NEVER, None, ())


def test_ranking_at_once_stores_nothing(study):
    spec = NeedSpec(
        requirements=(RequirementSpec(study.asked.term_id, "must"),),
        weights={"services": 1.0},
    )
    ranked = services.compute_now(spec, limit=1)
    assert [entry.cro for entry in ranked.entries][:1] == [study.claim.cro]
    assert ranked.ranking.digest
    assert not Ranking.objects.exists()
    assert not RankingWork.objects.exists()


def test_stored_and_at_once_agree(study):
    need = need_of_study(study.pk)
    announce(study)
    services.recompute(study.pk)
    now = services.compute_now(need.spec, limit=10)
    newest = ranking_page(study).ranking
    assert now.ranking.digest == newest.digest
    assert now.ranking.parameters == newest.parameters
    stored_entries = {entry.cro_id: entry for entry in newest.entries.all()}
    for entry in now.entries:
        assert entry.reasons == stored_entries[entry.cro_id].reasons


def test_an_unknown_term_is_a_sentence(study):
    spec = NeedSpec(requirements=(RequirementSpec(10**12, "must"),))
    with pytest.raises(ValidationError, match="term the vocabulary does not have"):
        services.compute_now(spec, limit=1)


def test_unlisted_cros_are_not_ranked(study):
    study.claim.cro.status = CROStatus.DRAFT
    study.claim.cro.save()
    mark_changed(study.claim.cro, announce=True)
    services.recompute(study.pk)
    assert [e.cro for e in RankingEntry.objects.all() if e.group < Group.EXCLUDED] in (
        [study.other],
        [],
    )


def test_the_need_is_read_at_the_study_s_version(study):
    study.asked.until_version = 2
    study.asked.save()
    Study.objects.update(version=2)
    assert need_of_study(study.pk).spec.requirements == ()


def test_an_archived_study_is_not_ranked_anew(study):
    announce(study)
    services.recompute(study.pk)
    wanted = work_of(study).wanted
    archive_study(study=study)
    services.want_all_rankings()
    services.want_anew([study.pk])
    with pytest.raises(ValidationError, match="This study is archived"):
        services.request_run(study=study, by=UserFactory.create())
    assert work_of(study).wanted == wanted
    assert services.recompute(study.pk) is False
    unarchive_study(study=study)
    assert services.recompute(study.pk) is True
