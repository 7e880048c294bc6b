"""Similar CROs and the peers' numbers, by hand-made catalogues."""

import datetime as dt

import numpy as np
import pytest

from catalog import snapshot
from catalog.choices import CROStatus
from catalog.index import peers
from catalog.index.similar import similar
from tests.factories import ClaimFactory, CROFactory, TermFactory

pytestmark = pytest.mark.django_db
TODAY = (dt.date(2026, 9, 1) - dt.date(1970, 1, 1)).days
NOBODY = (np.array([], np.int64), np.array([]))


def cro_with(*terms, **kwargs):
    cro = CROFactory.create(**kwargs)
    for term in terms:
        ClaimFactory.create(cro=cro, term=term)
    return cro


def alike(cro, staff=NOBODY, n=5):
    held = snapshot.current()
    return similar(held.arrays, held.vocabulary, cro.pk, staff, on=TODAY, n=n)


def test_the_more_terms_are_shared_the_more_alike():
    a, b, c = (TermFactory.create() for _ in range(3))
    me = cro_with(a, b)
    half, same = cro_with(a, c), cro_with(a, b)
    cro_with(c)

    found = alike(me)

    assert [x.cro for x in found] == [same.pk, half.pk]
    assert [x.score for x in found] == pytest.approx([1, 1 / 3])
    assert set(found[0].shared["service"]) == {a.pk, b.pk}


def test_a_size_nobody_knows_weighs_nothing():
    term = TermFactory.create()
    me, near, unsaid = (cro_with(term) for _ in range(3))
    staff = (np.array([me.pk, near.pk]), np.array([100.0, 1000.0]))

    found = {x.cro: x for x in alike(me, staff)}

    assert found[unsaid.pk].score == pytest.approx(1)
    assert found[near.pk].score == pytest.approx(0.35 / 0.55)
    assert found[unsaid.pk].staff is None


def test_an_expired_yes_a_no_and_an_unlisted_cro_are_not_shared():
    term = TermFactory.create()
    me = cro_with(term)
    ClaimFactory.create(term=term, expires_on=dt.date(2026, 8, 31))
    ClaimFactory.create(term=term, answer=False)
    cro_with(term, status=CROStatus.DRAFT)

    assert alike(me) == []


def test_a_cro_without_facts_or_not_listed_is_like_nobody():
    term = TermFactory.create()
    cro_with(term)

    assert alike(CROFactory.create()) == []
    assert alike(cro_with(term, status=CROStatus.CLOSED)) == []


def test_a_band_is_of_the_best_claim_of_each_cro():
    term = TermFactory.create(scheme__code="metric")
    cros = [CROFactory.create() for _ in range(5)]
    for cro, value in zip(cros, (10, 20, 30, 40, 50), strict=True):
        ClaimFactory.create(cro=cro, term=term, value=value, tier=4)
        ClaimFactory.create(cro=cro, term=term, value=999, tier=5)

    ids, values = peers.best_values(
        snapshot.current().arrays.claims, term=term.pk, on=TODAY
    )

    assert ids.tolist() == [cro.pk for cro in cros]
    assert peers.band(values) == peers.Band(14, 30, 46, 5)
    assert peers.band(values[:4]) is None


def test_a_ratio_needs_both_numbers_and_a_whole():
    part = (np.array([1, 2, 3, 4]), np.array([5.0, 1.0, 2.0, 9.0]))
    whole = (np.array([1, 3, 4]), np.array([10.0, 0.0, 3.0]))

    assert peers.ratios(part, whole).tolist() == [0.5]
