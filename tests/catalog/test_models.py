"""The database keeps the rules of the catalogue."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.urls import URLPattern, URLResolver, get_resolver

from catalog.choices import RESERVED_SLUGS, CROStatus, Tier
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


def test_a_slug_that_is_part_of_an_address_is_refused():
    cro = CROFactory.build(slug="compare")
    with pytest.raises(ValidationError, match="make the slug longer"):
        cro.full_clean()
    with pytest.raises(IntegrityError, match="slug_is_not_reserved"):
        cro.save()


def test_every_word_that_stands_where_a_slug_does_is_reserved():
    words = set()
    for route in addresses(get_resolver()):
        folder, found, rest = route.removeprefix("api/v1/").partition("cros/")
        word, slash, _ = rest.partition("/")
        if found and not folder and slash and not set(word) & set("<(["):
            words.add(word)

    assert words == set(RESERVED_SLUGS)


def addresses(resolver, prefix=""):
    """Give every route below a resolver, written without the marks of patterns."""
    for one in resolver.url_patterns:
        route = prefix + str(one.pattern).lstrip("^").removesuffix(r"\Z")
        if isinstance(one, URLResolver):
            yield from addresses(one, route)
        elif isinstance(one, URLPattern):
            yield route
