import datetime as dt

import pytest
from django.core.cache import cache
from django.urls import reverse

from catalog.choices import ClaimStatus, CROStatus, RoleKind
from catalog.models import CRO, CatalogState
from tests.factories import (
    AliasFactory,
    ClaimFactory,
    CROFactory,
    TermFactory,
    TrialFactory,
    TrialRoleFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_cached():
    cache.clear()


TODAY = dt.date(2026, 9, 1)


def page(client, name="catalog:cro-list", *args, **query):
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def phase(code="phase-2", **kwargs):
    return TermFactory.create(
        scheme__code="phase", code=code, label=code.replace("-", " ").title(), **kwargs
    )


# QuerySet


def test_showing_lists_each_cro_once():
    term = TermFactory.create()
    cro = CROFactory.create()
    ClaimFactory.create(cro=cro, term=term, tier=4)
    ClaimFactory.create(cro=cro, term=term, tier=5)

    assert list(CRO.objects.showing(term, on=TODAY)) == [cro]


def test_showing_counts_a_narrower_yes_and_not_a_wider_one():
    wide = TermFactory.create()
    narrow = TermFactory.create(scheme=wide.scheme, parent=wide)
    has_wide = ClaimFactory.create(term=wide).cro
    has_narrow = ClaimFactory.create(term=narrow).cro

    assert set(CRO.objects.showing(wide, on=TODAY)) == {has_wide, has_narrow}
    assert set(CRO.objects.showing(narrow, on=TODAY)) == {has_narrow}


@pytest.mark.parametrize(
    "fields",
    [
        {"answer": False, "delivery": ""},
        {"status": ClaimStatus.PROPOSED},
        {"status": ClaimStatus.DISPUTED},
        {"expires_on": dt.date(2026, 8, 31)},
    ],
    ids=["a no", "not yet accepted", "disputed", "expired"],
)
def test_showing_needs_a_valid_yes(fields):
    claim = ClaimFactory.create(**fields)

    assert not CRO.objects.showing(claim.term, on=TODAY).exists()


def test_a_claim_is_valid_on_the_day_it_expires():
    claim = ClaimFactory.create(expires_on=TODAY)

    assert CRO.objects.showing(claim.term, on=TODAY).exists()


def test_a_trial_shows_its_phase_but_a_site_shows_nothing():
    term = phase()
    role = TrialRoleFactory.create(trial=TrialFactory.create(phase=term))
    TrialRoleFactory.create(trial=role.trial, kind=RoleKind.FACILITY)

    assert list(CRO.objects.showing(term, on=TODAY)) == [role.cro]


def test_named_finds_former_names_and_needs_all_words_in_one_name():
    cro = CROFactory.create(name="Baltica Trials")
    AliasFactory.create(cro=cro, name="Amber Clinical")

    assert list(CRO.objects.named("clinical  AMBER")) == [cro]
    assert not CRO.objects.named("baltica amber").exists()


# Home


def test_home_counts_what_the_list_finds(client):
    parent = TermFactory.create(code="operations", label="Operations")
    child = TermFactory.create(scheme=parent.scheme, parent=parent)
    ClaimFactory.create(term=child)
    ClaimFactory.create(term=parent)
    ClaimFactory.create(term=parent, cro__status=CROStatus.DRAFT)

    text = page(client, "home")

    assert '?service=operations"' in text
    assert '<span class="tile__count">2<' in text
    assert "Order is never sold" in text
    assert "<strong>2</strong> CROs" in page(client, service="operations")


def test_home_counts_anew_when_the_catalogue_changes(client):
    state, _ = CatalogState.objects.get_or_create(pk=1)
    ClaimFactory.create(term__code="writing")
    assert "<dd>1</dd>" in page(client, "home")

    CROFactory.create()
    state.version += 1
    state.save()

    assert "<dd>2</dd>" in page(client, "home")


def test_home_begins_with_continents_and_leaves_out_what_is_no_place(client):
    for code in ("ich-founding", "eu", "africa", "europe"):
        region = TermFactory.create(scheme__code="region", code=code, label=code)
        ClaimFactory.create_batch(3 if code == "eu" else 1, term=region)
    cache.clear()
    regions = next(
        group
        for group in client.get(reverse("home")).context["overview"].groups
        if group.parameter == "region"
    )
    assert [tile.code for tile in regions.tiles] == ["europe", "africa", "eu"]
    assert regions.n_more == 1


def test_home_without_a_catalogue_says_so(client):
    assert "The catalogue is empty" in page(client, "home")


# One CRO


def test_a_draft_is_not_there(client):
    cro = CROFactory.create(status=CROStatus.DRAFT)

    assert client.get(cro.get_absolute_url()).status_code == 404


def test_a_merged_cro_leads_to_its_successor_and_says_why(client):
    successor = CROFactory.create(name="Baltica")
    former = CROFactory.create(
        name="Amber", status=CROStatus.MERGED, successor=successor
    )

    response = client.get(former.get_absolute_url(), follow=True)

    assert response.redirect_chain[0][0].startswith(successor.get_absolute_url())
    assert "Amber became part of Baltica" in response.content.decode()


def test_nobody_can_put_words_on_the_page(client):
    cro = CROFactory.create()

    text = page(client, "catalog:cro-detail", cro.slug, formerly="Evil words")

    assert "Evil words" not in text


def test_home_leaves_out_lists_of_which_no_cro_shows_anything(client):
    TermFactory.create(scheme__code="service", label="Monitoring")
    ClaimFactory.create(term__scheme__code="technology", term__label="Own EDC")

    text = client.get(reverse("home")).content.decode()

    assert "Own EDC" in text
    assert "Monitoring" not in text
