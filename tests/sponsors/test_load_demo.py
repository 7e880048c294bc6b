"""The command that loads the demo: accounts, tenants and studies beside the market."""

from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command, load_command_class

from catalog.demo.rows import N_CROS
from catalog.models import CRO, Scheme, Term
from cro_portal.accounts.demo import DEMO_ACCOUNTS, DEMO_PASSWORD
from cro_portal.accounts.models import User
from sponsors.demo import BIOTECH, TENANTS, curators
from sponsors.models import Membership, Requirement, Sponsor, Study
from sponsors.signals import study_changed
from tests.demo_vocabulary import store_vocabulary

pytestmark = pytest.mark.django_db


@pytest.fixture
def words(settings):
    settings.DEBUG = True
    store_vocabulary()
    stored = {f"{t.scheme_id}/{t.code}" for t in Term.objects.all()}
    studies = [study for tenant in TENANTS for study in tenant.studies]
    for scheme, code in {(w.scheme, w.code) for study in studies for w in study.needs}:
        if f"{scheme}/{code}" in stored:
            continue
        Scheme.objects.get_or_create(code=scheme, defaults={"label": scheme})
        Term.objects.create(scheme_id=scheme, code=code, label=code)


def spoken(*arguments):
    out, err = StringIO(), StringIO()
    call_command("load_demo", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def load(*arguments):
    return spoken("--cros", "10", *arguments)[0]


def test_makes_accounts_that_can_sign_in(words, client):
    out = load()
    for account in DEMO_ACCOUNTS:
        assert account.email in out
        assert client.login(username=account.email, password=DEMO_PASSWORD)
    assert User.objects.get(email="admin@demo.example").is_superuser


def test_says_what_it_made_and_removed_and_no_more(words):
    first, progress = spoken("--cros", "10")
    again, _ = spoken("--cros", "10")
    other, replacing = spoken("--cros", "12", "--no-list")

    assert f"Accounts made: {len(DEMO_ACCOUNTS)}; tenants: {len(TENANTS)}" in first
    assert "there already" not in first
    assert "earlier demo" not in progress
    assert "This market is loaded already" in again
    assert "accounts and tenants are there already" in again
    assert "Tables cleared of the earlier demo: 10" in replacing
    assert DEMO_PASSWORD in again
    assert DEMO_PASSWORD not in other


def test_can_bring_the_vocabularies_up_to_date_before(settings):
    settings.DEBUG = True
    assert "Vocabularies loaded" in load("--vocabularies")
    assert CRO.objects.count() == 10


def test_a_second_run_makes_nothing(words):
    load()
    assert "made" not in load()
    assert CRO.objects.count() == 10


def test_a_second_run_keeps_what_people_changed(words):
    load()
    study = Study.objects.filter(sponsor__name=BIOTECH)[0]
    Study.objects.filter(pk=study.pk).update(title="Mine now")
    admin = User.objects.get(email="admin@demo.example")
    admin.set_password("another")
    admin.save()
    load("--seed", "2")
    study.refresh_from_db()
    admin.refresh_from_db()
    assert study.title == "Mine now"
    assert admin.check_password("another")


def test_tenants_are_apart(words):
    load()
    sponsor = User.objects.get(email="sponsor@demo.example")
    assert {s.name for s in Sponsor.objects.visible_to(sponsor)} == {BIOTECH}
    studies = Study.objects.visible_to(sponsor)
    assert studies.count() == 2
    assert Study.objects.count() == 3
    procurement = Membership.objects.get(user__email="procurement@demo.example")
    assert procurement.role == "procurement"


def test_studies_are_announced_with_their_needs(words):
    heard = []

    def hear(sender, study_id, **kwargs):
        heard.append((study_id, Requirement.objects.filter(study=study_id).count()))

    study_changed.connect(hear)
    try:
        load()
    finally:
        study_changed.disconnect(hear)
    assert {pk for pk, _ in heard} == set(Study.objects.values_list("pk", flat=True))
    assert min(n for _, n in heard) > 5


def test_curators_keep_the_catalogue_and_nothing_else(words):
    load()
    curator = User.objects.get(email="curator@demo.example")
    assert curator.has_perms(["catalog.change_claim", "catalog.add_cro"])
    assert not curator.has_perm("catalog.delete_term")
    assert not curator.has_perm("sponsors.view_study")


def test_permissions_taken_from_curators_stay_taken(words):
    group = curators()
    group.permissions.clear()
    load()
    assert Group.objects.get(name="Curators").permissions.count() == 0


def test_refuses_outside_debug(words, settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="--force"):
        load()
    assert not User.objects.exists()
    load("--force")
    assert User.objects.count() == len(DEMO_ACCOUNTS)


def test_says_how_to_get_missing_terms(settings):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="load_vocabularies"):
        load()


def test_both_ways_to_load_the_demo_have_the_same_number_of_cros(monkeypatch):
    monkeypatch.delenv("DEMO_CROS", raising=False)
    commands = {"sponsors": "load_demo", "cro_portal": "up"}
    defaults = {
        load_command_class(app, name).create_parser("", name).get_default("cros")
        for app, name in commands.items()
    }
    assert defaults == {N_CROS}
