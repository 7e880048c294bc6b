"""The database keeps the rules of the catalogue."""

import pytest
from django.db import IntegrityError

from catalog.choices import CROStatus, Tier
from tests.factories import ClaimFactory, CROFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("delivery_only_with_yes", {"answer": False, "delivery": "own"}),
        ("delivery_only_with_yes", {"answer": True, "delivery": ""}),
        ("value_only_with_yes", {"answer": False, "delivery": "", "value": 3}),
        ("good_evidence_has_a_source", {"tier": Tier.REGISTER}),
        ("tier_is_known", {"tier": 6}),
        ("expires_after_observed", {"expires_on": "2020-01-01"}),
    ],
)
def test_claim_is_refused_by(constraint, values):
    with pytest.raises(IntegrityError, match=constraint):
        ClaimFactory.create(**values)


def test_the_same_accepted_claim_twice_is_refused():
    claim = ClaimFactory.create()
    with pytest.raises(IntegrityError, match="accepted_once"):
        ClaimFactory.create(cro=claim.cro, term=claim.term)


def test_merged_cro_names_its_successor():
    with pytest.raises(IntegrityError, match="merged_has_a_successor"):
        CROFactory.create(status=CROStatus.MERGED)
