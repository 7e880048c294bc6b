"""Change what is claimed of CROs, and tell who listens.

Claims go one way: proposed, then accepted or returned; an accepted one may be
disputed, superseded by a newer one of its source, or withdrawn.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from catalog.choices import Aspect, ClaimStatus, Delivery, Tier
from catalog.models import CRO, Claim, Source, Term
from catalog.services.state import raise_catalog_version
from catalog.signals import catalog_changed
from cro_portal.accounts.models import User

PROPOSED, ACCEPTED = ClaimStatus.PROPOSED, ClaimStatus.ACCEPTED
DISPUTED, WITHDRAWN = ClaimStatus.DISPUTED, ClaimStatus.WITHDRAWN


@transaction.atomic
def announce_change(cro_ids: Iterable[int]) -> None:
    """Say that claims, track record, aliases or listing of these CROs changed.

    Call it once, after the change and in its transaction. Without CROs nothing
    happens; keys of CROs that were deleted are welcome.
    """
    ids = sorted(set(cro_ids))
    if not ids:
        return
    version = raise_catalog_version()
    CRO.objects.filter(pk__in=ids).update(catalog_version=version)
    catalog_changed.send(sender=CRO, cro_ids=ids)


@transaction.atomic
def record_claim(
    *,
    cro: CRO,
    term: Term,
    answer: bool,
    tier: Tier,
    observed_on: dt.date,
    by: User | None,
    aspect: str = Aspect.UNSPECIFIED,
    country: Term | None = None,
    area: Term | None = None,
    delivery: str = Delivery.OWN,
    value: Decimal | None = None,
    qualifiers: dict[str, Any] | None = None,
    source: Source | None = None,
    expires_on: dt.date | None = None,
    note: str = "",
) -> Claim:
    """Propose a claim; it counts once a curator accepts it.

    Raises
    ------
    ValidationError
        When the claim breaks a rule of claims.
    """
    claim = Claim(
        cro=cro,
        term=term,
        answer=answer,
        aspect=aspect,
        country=country,
        area=area,
        delivery=delivery if answer else "",
        value=value,
        qualifiers=qualifiers or {},
        tier=tier,
        source=source,
        observed_on=observed_on,
        expires_on=expires_on,
        asserted_by=by,
        note=note,
    )
    claim.full_clean()
    claim.save()
    return claim


@transaction.atomic
def accept_claim(*, claim: Claim, by: User) -> Claim:
    """Let a proposed or disputed claim count.

    Older accepted claims of the same source on the same term, aspect and scope
    are superseded.
    """
    claim = _locked(claim, "accepted", {PROPOSED, DISPUTED})
    claim.status = ACCEPTED
    claim.verified_by, claim.verified_at = by, timezone.now()
    claim.full_clean()
    claim.save()
    if claim.source_id is not None:
        Claim.objects.accepted().exclude(pk=claim.pk).filter(
            cro=claim.cro_id,
            term=claim.term_id,
            aspect=claim.aspect,
            country=claim.country_id,
            area=claim.area_id,
            source=claim.source_id,
            observed_on__lt=claim.observed_on,
        ).update(status=ClaimStatus.SUPERSEDED, updated_at=timezone.now())
    announce_change([claim.cro_id])
    return claim


@transaction.atomic
def return_claim(*, claim: Claim, by: User, reason: str) -> Claim:
    """Give a proposed claim back to who made it; it never counts."""
    claim = _locked(claim, "returned", {PROPOSED})
    return _set_aside(claim, WITHDRAWN, by, f"Returned: {_said(reason)}")


@transaction.atomic
def dispute_claim(*, claim: Claim, by: User, reason: str) -> Claim:
    """Take an accepted claim out of the scores until it is settled."""
    claim = _locked(claim, "disputed", {ACCEPTED})
    claim = _set_aside(claim, DISPUTED, by, f"Disputed: {_said(reason)}")
    announce_change([claim.cro_id])
    return claim


@transaction.atomic
def withdraw_claim(*, claim: Claim, by: User, reason: str) -> Claim:
    """End a claim for good."""
    claim = _locked(claim, "withdrawn", {PROPOSED, ACCEPTED, DISPUTED})
    counted = claim.status == ACCEPTED
    claim = _set_aside(claim, WITHDRAWN, by, f"Withdrawn: {_said(reason)}")
    if counted:
        announce_change([claim.cro_id])
    return claim


def _locked(claim: Claim, what: str, allowed: set[ClaimStatus]) -> Claim:
    """Read the claim anew and keep others from changing it meanwhile."""
    fresh = Claim.objects.select_for_update(of=["self"], no_key=True).get(pk=claim.pk)
    if fresh.status == what:
        raise ValidationError(f"This claim is already {what}.")
    if fresh.status not in allowed:
        raise ValidationError(
            f"A claim that is {fresh.get_status_display().lower()} cannot be {what}."
        )
    return fresh


def _set_aside(claim: Claim, status: ClaimStatus, by: User, note: str) -> Claim:
    claim.status, claim.note = status, note
    claim.verified_by, claim.verified_at = by, timezone.now()
    claim.full_clean(validate_constraints=False)
    claim.save(
        update_fields=["status", "note", "verified_by", "verified_at", "updated_at"]
    )
    return claim


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValidationError("Say why, in a sentence.")
    return reason.strip()
