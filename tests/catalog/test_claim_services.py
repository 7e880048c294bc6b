"""Claims change by services, which tell who listens in the same transaction."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from catalog.choices import BEST_TIER, ClaimStatus, SourceKind, Tier
from catalog.models import CatalogState, Claim
from catalog.services.claims import (
    accept_claim,
    announce_change,
    dispute_claim,
    record_claim,
    return_claim,
    withdraw_claim,
)
from catalog.signals import catalog_changed
from tests.factories import ClaimFactory, CROFactory, SourceFactory, TermFactory

pytestmark = pytest.mark.django_db
PROPOSED = ClaimStatus.PROPOSED


@pytest.fixture
def announced():
    """Collect which CROs the catalogue says have changed."""
    heard = []

    def hear(sender, cro_ids, **kwargs):
        heard.append(list(cro_ids))

    catalog_changed.connect(hear)
    yield heard
    catalog_changed.disconnect(hear)


def test_a_change_raises_the_version_and_marks_the_cros(announced):
    one, other = CROFactory.create(), CROFactory.create()
    announce_change([one.pk, one.pk])
    one.refresh_from_db()
    other.refresh_from_db()
    assert one.catalog_version == CatalogState.objects.get().version
    assert other.catalog_version == 0
    assert announced == [[one.pk]]


def test_a_change_of_nothing_is_not_announced(announced):
    announce_change([])
    assert announced == []
    assert not CatalogState.objects.exists()


def test_a_recorded_claim_waits_for_a_curator(user, announced):
    claim = record_claim(
        cro=CROFactory.create(),
        term=TermFactory.create(),
        answer=False,
        tier=Tier.ATTESTED,
        observed_on=dt.date(2026, 5, 1),
        by=user,
    )
    assert (claim.status, claim.delivery, claim.asserted_by) == (PROPOSED, "", user)
    assert announced == []


def test_a_claim_against_the_rules_is_not_recorded(user):
    with pytest.raises(ValidationError, match="name their source"):
        record_claim(
            cro=CROFactory.create(),
            term=TermFactory.create(),
            answer=True,
            tier=Tier.REGISTER,
            observed_on=dt.date(2026, 5, 1),
            by=user,
        )
    assert not Claim.objects.exists()


def test_accepting_supersedes_the_older_of_the_same_source_only(user, announced):
    source = SourceFactory.create()
    new = ClaimFactory.create(status=PROPOSED, source=source)
    same = {"cro": new.cro, "term": new.term, "observed_on": dt.date(2024, 1, 1)}
    older = ClaimFactory.create(**same, source=source)
    elsewhere = ClaimFactory.create(**same, source=SourceFactory.create())
    scoped = ClaimFactory.create(**same, source=source, country=TermFactory.create())
    unsourced = ClaimFactory.create(**same)
    accept_claim(claim=new, by=user)
    statuses = dict(Claim.objects.values_list("pk", "status"))
    assert statuses.pop(older.pk) == ClaimStatus.SUPERSEDED
    assert set(statuses) == {new.pk, elsewhere.pk, scoped.pk, unsourced.pk}
    assert set(statuses.values()) == {ClaimStatus.ACCEPTED}
    assert announced == [[new.cro_id]]
    new.refresh_from_db()
    assert new.verified_by == user
    assert new.verified_at is not None


def test_the_same_claim_is_not_accepted_twice(user, announced):
    claim = ClaimFactory.create()
    twin = ClaimFactory.create(cro=claim.cro, term=claim.term, status=PROPOSED)
    with pytest.raises(ValidationError, match="accepted already"):
        accept_claim(claim=twin, by=user)
    twin.refresh_from_db()
    assert twin.status == PROPOSED
    assert announced == []


@pytest.mark.parametrize(
    ("service", "before", "after", "is_heard"),
    [
        (return_claim, ClaimStatus.PROPOSED, ClaimStatus.WITHDRAWN, False),
        (dispute_claim, ClaimStatus.ACCEPTED, ClaimStatus.DISPUTED, True),
        (withdraw_claim, ClaimStatus.ACCEPTED, ClaimStatus.WITHDRAWN, True),
        (withdraw_claim, ClaimStatus.PROPOSED, ClaimStatus.WITHDRAWN, False),
        (withdraw_claim, ClaimStatus.DISPUTED, ClaimStatus.WITHDRAWN, False),
    ],
)
def test_setting_a_claim_aside(service, before, after, is_heard, user, announced):
    claim = ClaimFactory.create(status=before)
    service(claim=claim, by=user, reason="The certificate is gone.")
    claim.refresh_from_db()
    assert claim.status == after
    assert claim.note.endswith("The certificate is gone.")
    assert claim.verified_by == user
    assert announced == ([[claim.cro_id]] if is_heard else [])


@pytest.mark.parametrize(
    ("service", "status"),
    [
        (return_claim, ClaimStatus.ACCEPTED),
        (dispute_claim, ClaimStatus.PROPOSED),
        (withdraw_claim, ClaimStatus.SUPERSEDED),
    ],
)
def test_a_step_that_does_not_follow_is_refused(service, status, user, announced):
    claim = ClaimFactory.create(status=status)
    with pytest.raises(ValidationError, match="cannot be"):
        service(claim=claim, by=user, reason="No.")
    assert announced == []


def test_a_step_is_judged_by_the_row_and_not_by_what_was_read(user):
    claim = ClaimFactory.create(status=PROPOSED)
    withdraw_claim(claim=claim, by=user, reason="By somebody else.")
    with pytest.raises(ValidationError, match="withdrawn cannot be accepted"):
        accept_claim(claim=claim, by=user)


def test_a_step_that_was_done_says_so(user):
    with pytest.raises(ValidationError, match="This claim is already accepted"):
        accept_claim(claim=ClaimFactory.create(), by=user)


def test_a_claim_of_the_future_is_not_recorded(user):
    with pytest.raises(ValidationError, match="2099-01-01 lies in the future"):
        record_claim(
            cro=CROFactory.create(),
            term=TermFactory.create(),
            answer=True,
            tier=Tier.ATTESTED,
            observed_on=dt.date(2099, 1, 1),
            by=user,
        )


def test_every_kind_of_source_has_a_best_tier():
    assert set(BEST_TIER) == set(SourceKind)


@pytest.mark.parametrize("kind", SourceKind)
@pytest.mark.parametrize("tier", Tier)
def test_a_claim_is_accepted_with_no_better_tier_than_its_source_gives(
    user, kind, tier
):
    source = SourceFactory.create(kind=kind)
    claim = ClaimFactory.create(source=source, tier=tier, status=PROPOSED)
    if tier >= BEST_TIER[kind]:
        assert accept_claim(claim=claim, by=user).status == ClaimStatus.ACCEPTED
    else:
        with pytest.raises(ValidationError, match="at best"):
            accept_claim(claim=claim, by=user)


@pytest.mark.parametrize("reason", ["", "  "])
def test_setting_aside_needs_a_reason(reason, user):
    claim = ClaimFactory.create()
    with pytest.raises(ValidationError, match="Say why"):
        dispute_claim(claim=claim, by=user, reason=reason)
    claim.refresh_from_db()
    assert claim.status == ClaimStatus.ACCEPTED


def test_a_reason_that_is_too_long_is_refused(user):
    claim = ClaimFactory.create()
    with pytest.raises(ValidationError, match="at most 300"):
        dispute_claim(claim=claim, by=user, reason="x" * 400)
