"""The index in this process and in its file is that of the database, always."""

import datetime as dt
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.db import connection, transaction

from catalog import catalogue, snapshot
from catalog.choices import CROStatus
from catalog.index import store
from catalog.index.query import Choice, Query
from catalog.models import CRO
from tests.catalog.index import market
from tests.changes import mark_changed, mark_vocabulary_changed
from tests.factories import AliasFactory, ClaimFactory, CROFactory, TermFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "folder", lambda: tmp_path)
    catalogue.forget()
    yield tmp_path
    catalogue.forget()


def only_file(folder):
    (path,) = folder.glob("index-*.npz")
    return path


def assert_same(one, other):
    left, right = store.to_arrays(one.facets), store.to_arrays(other.facets)
    assert left.keys() == right.keys()
    for name, array in left.items():
        assert array.dtype == right[name].dtype, name
        np.testing.assert_array_equal(array, right[name], err_msg=name)
    assert one.names.names == other.names.names
    assert one.names.keys == other.names.keys
    assert one.names.owner.tolist() == other.names.owner.tolist()


def never(*args, **kwargs):
    raise AssertionError("this was not to be called")


def test_unchanged_it_costs_one_query(django_assert_num_queries):
    mark_changed(ClaimFactory.create().cro)
    first = catalogue.current()
    with django_assert_num_queries(1):
        assert catalogue.current() is first


@pytest.mark.parametrize("seed", range(4))
def test_refreshed_by_cros_it_equals_made_anew(seed, monkeypatch):
    monkeypatch.setattr(snapshot, "MANY", 1.0)
    chance = random.Random(seed)
    terms = market.store_terms()
    cros = market.store_cros(chance, terms, 12)
    mark_changed(*cros)
    catalogue.current()
    for _ in range(5):
        changed = chance.sample(cros, 3)
        for cro in changed:
            what = chance.randrange(4)
            if what == 0:
                cro.claims.all().delete()
                cro.complete_lists.all().delete()
            elif what == 1:
                cro.complete_lists.all().delete()
                market.store_facts(chance, terms, cro)
            elif what == 2:
                cro.status = chance.choice([CROStatus.LISTED, CROStatus.DRAFT])
                cro.name = chance.choice(["Aardvark", "Zygote"])
                cro.save()
            else:
                cro.trial_roles.all().delete()
        new = market.store_cros(chance, terms, chance.randrange(2))
        cros += new
        with monkeypatch.context() as patch:
            patch.setattr(catalogue, "_made", never)
            mark_changed(*changed, *new)
            refreshed = catalogue.current()
        with transaction.atomic():  # made for this transaction alone
            CRO.objects.filter(pk=cros[0].pk).update(summary="changed")
            anew = catalogue.current()
            transaction.set_rollback(True)
        assert_same(refreshed, anew)


def test_a_thousand_changes_cost_one_refresh(monkeypatch):
    cros = [claim.cro for claim in ClaimFactory.create_batch(20)]
    mark_changed(*cros)
    catalogue.current()
    loads = []
    load = snapshot.load_cros
    monkeypatch.setattr(
        snapshot, "load_cros", lambda **since: loads.append(since) or load(**since)
    )
    for change in range(1000):
        mark_changed(cros[change % 3])

    with ThreadPoolExecutor(4) as pool:

        def ask(_):
            try:
                return catalogue.current()
            finally:
                connection.close()

        found = set(pool.map(ask, range(8)))

    assert len(loads) == 1
    assert len(found) == 1


def test_a_deleted_cro_is_gone():
    cros = CROFactory.create_batch(10)
    mark_changed(*cros)
    catalogue.current()
    cros[0].delete()
    mark_changed(cros[1])
    assert catalogue.current().facets.ids.tolist() == [cro.pk for cro in cros[1:]]


def test_new_words_make_new_columns():
    claim = ClaimFactory.create()
    mark_changed(claim.cro)
    assert not catalogue.current().facets.has("service", "new-service")
    new = TermFactory.create(code="new-service")
    ClaimFactory.create(cro=claim.cro, term=new)
    mark_vocabulary_changed()
    mark_changed(claim.cro)

    found = catalogue.current().facets.search(
        Query((Choice("service", "new-service"),))
    )

    assert found.ids.tolist() == [claim.cro_id]
    assert found.total_known == 1


def test_a_claim_that_expired_yesterday_is_out_today(monkeypatch):
    claim = ClaimFactory.create(expires_on=dt.date(2026, 9, 1))
    mark_changed(claim.cro)
    query = Query((Choice("service", claim.term.code),))
    day = dt.date(2026, 9, 1)
    monkeypatch.setattr(catalogue.timezone, "localdate", lambda: day)
    assert catalogue.current().facets.search(query).total_known == 1
    day = dt.date(2026, 9, 2)
    assert catalogue.current().facets.search(query).total_known == 0


def test_what_is_rolled_back_is_never_held():
    cro = ClaimFactory.create().cro
    mark_changed(cro)
    before = catalogue.current()
    with transaction.atomic():
        term = ClaimFactory.create(cro=cro).term
        mark_changed(cro)
        assert catalogue.current().facets.has("service", term.code)
        transaction.set_rollback(True)
    assert catalogue.current() is before


# The file


def test_a_new_process_reads_the_file(own_folder, monkeypatch):
    cro = ClaimFactory.create().cro
    AliasFactory.create(cro=cro, name="Älter")
    mark_changed(cro)
    made = catalogue.current()
    catalogue.forget()
    monkeypatch.setattr(snapshot, "load_cros", never)
    monkeypatch.setattr(snapshot, "load_vocabulary", never)

    assert_same(catalogue.current(), made)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"not an index at all",
    ],
    ids=["empty", "cut off", "one bit", "something else"],
)
def test_a_damaged_file_is_told_and_made_anew(own_folder, caplog, damage):
    mark_changed(ClaimFactory.create().cro)
    made = catalogue.current()
    path = only_file(own_folder)
    path.write_bytes(damage(path.read_bytes()))
    catalogue.forget()

    with caplog.at_level(logging.WARNING, "catalog.catalogue"):
        again = catalogue.current()

    assert_same(again, made)
    assert [record.getMessage() for record in caplog.records] == [
        f"The index in {path} cannot be read and is made anew:"
        f" {path.name} is damaged or cut off"
    ]
    catalogue.forget()
    assert_same(catalogue.current(), made)  # and the file is whole again


def test_a_file_without_what_an_index_needs_is_made_anew(own_folder, caplog):
    mark_changed(ClaimFactory.create().cro)
    made = catalogue.current()
    path = only_file(own_folder)
    arrays = store.read(path)
    del arrays["headcount"]
    store.write(path, arrays)
    catalogue.forget()

    assert_same(catalogue.current(), made)
    assert "is made anew" in caplog.text


def test_a_file_of_an_older_format_or_version_is_not_read_and_goes(own_folder):
    cro = ClaimFactory.create().cro
    mark_changed(cro)
    catalogue.current()
    old = only_file(own_folder)
    former = own_folder / old.name.replace(
        f"index-{store.FORMAT}-", f"index-{store.FORMAT - 1}-"
    )
    former.write_bytes(b"of a former release")
    mark_changed(cro)

    catalogue.current()

    assert only_file(own_folder) not in (old, former)


def test_without_a_place_for_files_it_works_and_says_so(monkeypatch, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(catalogue, "folder", lambda: blocked / "index")
    cro = ClaimFactory.create().cro
    mark_changed(cro)

    assert catalogue.current().facets.ids.tolist() == [cro.pk]
    assert "cannot be written" in caplog.text


def test_while_one_makes_the_index_the_others_wait_for_its_file(monkeypatch):
    """Two processes: their lock is of the file, so threads without ours show it."""
    mark_changed(ClaimFactory.create().cro)
    makers = []
    make = catalogue._made

    def slowly(state, on):
        makers.append(threading.get_ident())
        time.sleep(0.2)
        return make(state, on)

    monkeypatch.setattr(catalogue, "_made", slowly)
    found = []

    def as_another_process():
        with catalogue._only_process():
            state, on = snapshot.read_state(), 20_000
            found.append(catalogue._read(state, on) or catalogue._make_and_write(on))
        connection.close()

    threads = [threading.Thread(target=as_another_process) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(makers) == 1
    assert_same(found[0], found[1])
    assert_same(found[0], found[2])


def test_threads_at_once_see_what_was_committed_before_they_asked():
    cro = ClaimFactory.create().cro
    mark_changed(cro)
    wrong = []
    stop = threading.Event()
    committed = [snapshot.read_state().version]

    def read():
        while not stop.is_set():
            at_least = committed[0]
            seen = catalogue.current().state.version
            if seen < at_least:
                wrong.append((seen, at_least))
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(8):
        ClaimFactory.create(cro=cro)
        mark_changed(cro)
        committed[0] = snapshot.read_state().version
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
