"""The catalogue in memory is what the database says, always."""

import datetime as dt
import random
import threading
from dataclasses import fields

import numpy as np
import pytest
from django.db import connection, transaction

from catalog import choices, snapshot
from catalog.choices import ClaimStatus, CROStatus, RoleKind
from catalog.index import arrays as index
from catalog.models import CompleteList, Trial, TrialCondition, TrialCountry
from tests.changes import mark_changed, mark_vocabulary_changed
from tests.factories import (
    ClaimFactory,
    CROFactory,
    TermFactory,
    TrialFactory,
    TrialRoleFactory,
)


@pytest.fixture(autouse=True)
def nothing_held():
    snapshot.forget()
    yield
    snapshot.forget()


def assert_same(one, other):
    for table in fields(one):
        left, right = getattr(one, table.name), getattr(other, table.name)
        if isinstance(left, index.Rows):
            for column in left.columns():
                a, b = getattr(left, column), getattr(right, column)
                assert a.dtype == b.dtype, (table.name, column)
                np.testing.assert_array_equal(a, b, err_msg=f"{table.name}.{column}")
        else:
            np.testing.assert_equal(left, right)


def test_codes_are_those_of_the_closed_lists():
    assert set(index.ASPECTS) == set(choices.Aspect.values)
    assert set(index.DELIVERIES) == set(choices.Delivery.values)
    assert set(index.SIZE_CLASSES) == set(choices.SizeClass.values)


@pytest.mark.django_db
def test_it_holds_listed_cros_and_accepted_claims_only():
    claim = ClaimFactory.create(
        value=12.5, country=TermFactory.create(), expires_on=dt.date(2030, 1, 1)
    )
    ClaimFactory.create(cro=claim.cro, status=ClaimStatus.PROPOSED)
    ClaimFactory.create(cro__status=CROStatus.DRAFT)
    no = ClaimFactory.create(cro=claim.cro, answer=False, aspect="staff")

    arrays = snapshot.current().arrays

    assert arrays.cros.id.tolist() == [claim.cro_id]
    assert arrays.names == {claim.cro_id: claim.cro.name}
    claims = arrays.claims
    assert claims.id.tolist() == [claim.pk, no.pk]
    assert claims.term.tolist() == [claim.term_id, no.term_id]
    assert claims.country.tolist() == [claim.country_id, 0]
    assert claims.delivery.tolist() == [0, -1]
    assert claims.answer.tolist() == [True, False]
    assert claims.value[0] == 12.5
    assert np.isnan(claims.value[1])
    assert claims.aspect.tolist() == [0, index.ASPECTS.index("staff")]
    assert claims.expires.tolist() == [
        (dt.date(2030, 1, 1) - dt.date(1970, 1, 1)).days,
        index.NO_DAY,
    ]


@pytest.mark.django_db
def test_a_trial_counts_once_and_a_facility_never():
    role = TrialRoleFactory.create()
    TrialRoleFactory.create(cro=role.cro, trial=role.trial, kind=RoleKind.OFFICIAL)
    TrialRoleFactory.create(cro=role.cro, kind=RoleKind.FACILITY)
    TrialFactory.create(sponsor_size="large")
    country = TermFactory.create(scheme__code="country")
    TrialCountry.objects.create(trial=role.trial, country=country)

    arrays = snapshot.current().arrays

    assert arrays.roles.trial.tolist() == [role.trial_id]
    assert arrays.trials.id.tolist() == [role.trial_id]
    assert arrays.trials.n_countries.tolist() == [1]
    assert arrays.trials.start.tolist() == [index.NO_DAY]
    assert arrays.countries.term.tolist() == [country.pk]
    assert arrays.size_class_counts.tolist() == [0, 0, 0, 1]


@pytest.mark.django_db(transaction=True)
def test_a_change_by_another_connection_is_seen_at_once():
    claim = ClaimFactory.create()
    mark_changed(claim.cro)
    assert snapshot.current().arrays.claims.answer.tolist() == [True]

    def change():
        with transaction.atomic():
            claim.answer, claim.delivery = False, ""
            claim.save()
            mark_changed(claim.cro)
        connection.close()

    thread = threading.Thread(target=change)
    thread.start()
    thread.join()
    assert snapshot.current().arrays.claims.answer.tolist() == [False]


@pytest.mark.django_db(transaction=True)
def test_unchanged_it_costs_one_query(django_assert_num_queries):
    mark_changed(ClaimFactory.create().cro)
    first = snapshot.current()
    with django_assert_num_queries(1):
        assert snapshot.current() is first


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_never_held():
    claim = ClaimFactory.create()
    mark_changed(claim.cro)
    before = snapshot.current()

    with transaction.atomic():
        more = ClaimFactory.create(cro=claim.cro)
        mark_changed(claim.cro)
        assert more.pk in snapshot.current().arrays.claims.id
        transaction.set_rollback(True)

    assert snapshot.current() is before


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_that_only_reads_it_is_fresh_and_shared():
    claim = ClaimFactory.create()
    mark_changed(claim.cro)
    with transaction.atomic():
        assert len(snapshot.current().arrays.claims) == 1
    held = snapshot.current()
    with transaction.atomic():
        assert snapshot.current() is held


@pytest.mark.django_db(transaction=True)
def test_new_words_are_seen():
    parent = TermFactory.create(scheme__code="condition", tree_numbers=["C04.588"])
    mark_vocabulary_changed()
    assert snapshot.current().vocabulary.terms.id.tolist() == [parent.pk]
    child = TermFactory.create(scheme=parent.scheme, parent=parent)
    child.broader.add(parent)
    mark_vocabulary_changed()

    vocabulary = snapshot.current().vocabulary

    assert vocabulary.terms.parent.tolist() == [0, parent.pk]
    assert vocabulary.trees.number.tolist() == ["C04.588"]
    assert vocabulary.broader.broader.tolist() == [parent.pk]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_refreshed_by_rows_it_equals_loaded_whole(seed, monkeypatch):
    monkeypatch.setattr(snapshot, "MANY", 1.0)
    chance = random.Random(seed)
    cros = CROFactory.create_batch(8)
    terms = TermFactory.create_batch(4)
    trials = TrialFactory.create_batch(6, sponsor_key="acme", sponsor_size="mid")
    mark_changed(*cros)
    snapshot.current()

    for _ in range(6):
        changed = chance.sample(cros, 3)
        for cro in changed:
            what = chance.randrange(6)
            if what == 0:
                ClaimFactory.create_batch(2, cro=cro)
            elif what == 1:
                cro.claims.all()[:1].get().delete() if cro.claims.exists() else None
            elif what == 2:
                TrialRoleFactory.create(
                    cro=cro, trial=chance.choice(trials), kind=RoleKind.THIRD_PARTY
                ) if not cro.trial_roles.exists() else cro.trial_roles.all().delete()
            elif what == 3:
                cro.status = chance.choice([CROStatus.LISTED, CROStatus.DRAFT])
                cro.save()
            elif what == 4:
                CompleteList.objects.get_or_create(
                    cro=cro,
                    scheme=terms[0].scheme,
                    defaults={"declared_on": dt.date(2026, 1, 1)},
                )
            else:
                trial = cro.trial_roles.values_list("trial", flat=True).first()
                if trial:
                    Trial.objects.filter(pk=trial).update(
                        participants=chance.randrange(1000), phase=terms[1]
                    )
                    TrialCondition.objects.get_or_create(
                        trial_id=trial, term=chance.choice(terms)
                    )
        mark_changed(*changed)
        refreshed = snapshot.current()
        snapshot.forget()
        assert_same(refreshed.arrays, snapshot.current().arrays)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_cro_is_gone():
    cros = CROFactory.create_batch(10)
    mark_changed(*cros)
    snapshot.current()
    cros[0].delete()
    mark_changed(cros[1])
    assert snapshot.current().arrays.cros.id.tolist() == [cro.pk for cro in cros[1:]]


@pytest.mark.django_db(transaction=True)
def test_threads_at_once_each_see_what_was_committed_before_they_asked():
    claim = ClaimFactory.create()
    mark_changed(claim.cro)
    wrong = []
    stop = threading.Event()
    committed = [1]

    def read():
        while not stop.is_set():
            at_least = committed[0]
            seen = len(snapshot.current().arrays.claims)
            if seen < at_least:
                wrong.append((seen, at_least))
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(20):
        ClaimFactory.create(cro=claim.cro)
        mark_changed(claim.cro)
        committed[0] += 1
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


@pytest.mark.django_db(transaction=True)
def test_the_question_for_the_state_proves_a_kept_connection(
    django_assert_num_queries,
):
    before = snapshot.read_state()
    connection.health_check_enabled = True
    try:
        connection.health_check_done = False
        with django_assert_num_queries(1):
            assert snapshot.read_state() == before
        assert connection.health_check_done

        connection.health_check_done = False
        other = connection.copy()
        with other.cursor() as cursor:
            key = connection.connection.info.backend_pid
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [key])
        other.close()
        assert snapshot.read_state() == before
        assert connection.connection.info.backend_pid != key
    finally:
        connection.health_check_enabled = False
