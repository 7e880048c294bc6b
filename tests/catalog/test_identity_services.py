"""The queue of unsure names: noted once, decided once, used by later imports."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.template import engines
from django.urls import reverse

from catalog.choices import AliasKind, CROStatus, MatchDecision
from catalog.identity import Mention, Proposal, Resolution
from catalog.models import Alias, CatalogState, OrganizationMatch
from catalog.services.directory import current_resolver
from catalog.services.identity import (
    UnsureMention,
    accept_match,
    note_unsure,
    reject_match,
)
from tests.factories import AliasFactory, CROFactory, UserFactory

pytestmark = pytest.mark.django_db
NAME = "North Georgia Premier Research"


@pytest.fixture
def premier():
    return CROFactory.create(
        slug="premier-research", name="Premier Research", is_fictional=False,
        status=CROStatus.LISTED,
    )  # fmt: skip


def unsure(name=NAME, domain="", n_trials=1, examples=()):
    found = current_resolver().resolve(name, domain=domain)
    return UnsureMention(Mention(name, domain), found, n_trials, tuple(examples))


@pytest.fixture
def match(premier):
    note_unsure([unsure(n_trials=3, examples=["NCT00000001"])])
    return OrganizationMatch.objects.get()


def test_an_unsure_name_waits_with_its_proposals(premier, match):
    assert match.name_as_written == NAME
    assert match.likeliest == premier
    assert match.proposals[0]["organization"] == "premier-research"
    assert match.reasons
    assert (match.n_trials, match.examples) == (3, ["NCT00000001"])
    assert list(OrganizationMatch.objects.open()) == [match]


def test_whom_the_resolver_chose_is_proposed_first(premier):
    CROFactory.create(
        slug="premier-twin", name="Premier Twin", is_fictional=False,
        status=CROStatus.LISTED,
    )  # fmt: skip
    proposals = (Proposal("premier-research", 0.6), Proposal("premier-twin", 0.6))
    by_country = Resolution(
        "unsure", "premier-twin", 0.6, ("So.",), "", False, proposals
    )
    nobody = Resolution("no", "", 0.0, ("So.",), "", False, proposals)

    note_unsure([UnsureMention(Mention(NAME), by_country)])
    note_unsure([UnsureMention(Mention("Premier"), nobody)])

    chosen, unchosen = OrganizationMatch.objects.order_by("pk")
    assert chosen.likeliest.slug == "premier-twin"
    assert [one["organization"] for one in chosen.proposals] == [
        "premier-twin", "premier-research",
    ]  # fmt: skip
    assert unchosen.likeliest == premier


def test_the_same_import_twice_adds_nothing_and_a_larger_one_raises(match):
    assert note_unsure([unsure(n_trials=3)]) == 0
    assert note_unsure([unsure(NAME + ", Inc.", n_trials=2), unsure(n_trials=3)]) == 0
    match.refresh_from_db()
    assert match.n_trials == 5
    note_unsure([unsure(n_trials=1)])
    match.refresh_from_db()
    assert match.n_trials == 5


def test_nothing_is_not_noted(premier):
    assert note_unsure([unsure(""), unsure(" – ")]) == 0
    assert not OrganizationMatch.objects.exists()


def test_an_accepted_name_is_an_alias_and_the_next_import_is_sure(premier, match):
    curator = UserFactory.create()
    before = CatalogState.objects.get_or_create(pk=1)[0].version
    accept_match(match=match, by=curator)
    match.refresh_from_db()
    assert (match.decision, match.cro) == (MatchDecision.SAME, premier)
    assert match.decided_by == curator
    assert match.decided_at
    assert Alias.objects.get(cro=premier).name == NAME
    assert CatalogState.objects.get().version > before
    found = current_resolver().resolve(NAME + " LLC")
    assert (found.answer, found.organization) == ("same", "premier-research")


def test_another_organization_can_be_said(premier, match):
    other = CROFactory.create(is_fictional=False, status=CROStatus.LISTED)
    accept_match(match=match, by=UserFactory.create(), cro=other)
    match.refresh_from_db()
    assert (match.decision, match.cro) == (MatchDecision.OTHER, other)
    assert current_resolver().resolve(NAME).organization == other.slug


def test_a_rejected_name_is_nobody_in_later_imports(premier, match):
    reject_match(match=match, by=UserFactory.create())
    assert current_resolver().resolve(NAME).answer == "no"
    assert not Alias.objects.exists()


def test_a_decision_is_made_once(match):
    reject_match(match=match, by=UserFactory.create())
    with pytest.raises(ValidationError, match="decided already"):
        accept_match(match=match, by=UserFactory.create())


def test_nobody_proposed_cannot_be_accepted_blindly(match):
    OrganizationMatch.objects.update(likeliest=None)
    with pytest.raises(ValidationError, match="say which CRO"):
        accept_match(match=match, by=UserFactory.create())


@pytest.mark.parametrize(
    "values",
    [{"decision": "same"}, {"decision": "none"}, {"key": "", "domain": ""}],
)
def test_the_database_refuses_half_a_decision(match, values):
    with pytest.raises(IntegrityError), transaction.atomic():
        OrganizationMatch.objects.update(**values)


def test_a_domain_alone_becomes_a_domain(premier):
    twin = CROFactory.create(is_fictional=False, status=CROStatus.LISTED)
    for cro in (premier, twin):
        AliasFactory.create(cro=cro, name="shared.org", kind=AliasKind.DOMAIN)
    note_unsure([unsure("", "mail.shared.org")])
    accept_match(
        match=OrganizationMatch.objects.get(), by=UserFactory.create(), cro=twin
    )
    assert Alias.objects.filter(
        cro=twin, name="mail.shared.org", kind=AliasKind.DOMAIN
    ).exists()
    assert current_resolver().resolve("", domain="mail.shared.org").answer == "same"


def test_fictional_organizations_stay_apart(premier):
    CROFactory.create(name="Inventedcro", is_fictional=True, status=CROStatus.LISTED)
    assert current_resolver().resolve("Inventedcro").answer == "no"


# The curators' pages


@pytest.fixture
def curator_client(client, monkeypatch):
    """Sign a curator in; Unfold's own templates ask for what is not there."""
    monkeypatch.setattr(engines["django"].engine, "string_if_invalid", "")
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


def test_the_queue_is_read_and_decided_in_the_admin(curator_client, premier, match):
    address = reverse("admin:catalog_organizationmatch_changelist")
    assert NAME in curator_client.get(address).content.decode()
    done = curator_client.post(
        address, {"action": "accept", "_selected_action": [match.pk]}, follow=True
    )
    assert "1 name accepted." in done.content.decode()
    again = curator_client.post(
        address, {"action": "reject", "_selected_action": [match.pk]}, follow=True
    )
    assert "It is decided already" in again.content.decode()


@pytest.mark.parametrize("is_none", [True, False])
def test_one_name_is_decided_on_its_page(curator_client, premier, match, is_none):
    address = reverse("admin:catalog_organizationmatch_change", args=[match.pk])
    assert "who may be meant" in curator_client.get(address).content.decode().lower()
    chosen = {"is_none": "on"} if is_none else {"cro": premier.pk}
    curator_client.post(address, chosen, follow=True)
    match.refresh_from_db()
    assert match.decision == ("none" if is_none else "same")
    assert curator_client.get(address).status_code == 200


def test_both_at_once_is_refused_and_kept(curator_client, premier, match):
    address = reverse("admin:catalog_organizationmatch_change", args=[match.pk])
    answer = curator_client.post(address, {"is_none": "on", "cro": premier.pk})
    assert "Either it is a CRO or it is none" in answer.content.decode()
    match.refresh_from_db()
    assert match.decision == MatchDecision.OPEN
