"""Curators' admin: every way to change the catalogue announces the change."""

import datetime as dt
import re

import pytest
from django.contrib.auth.models import Permission
from django.template import engines
from django.urls import reverse

from catalog.choices import ClaimStatus
from catalog.models import CRO, Alias, CatalogState, Claim, Term, TrialRole
from catalog.signals import catalog_changed, vocabulary_changed
from sponsors.demo import curators
from tests.factories import (
    ClaimFactory,
    CROFactory,
    SourceFactory,
    TermFactory,
    TrialFactory,
    TrialRoleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def lenient_templates(monkeypatch):
    """Let Unfold's own templates ask for variables that are not there."""
    monkeypatch.setattr(engines["django"].engine, "string_if_invalid", "")


@pytest.fixture
def curator(client):
    user = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def announced():
    """Collect which CROs the catalogue says have changed."""
    heard = []

    def hear(sender, cro_ids, **kwargs):
        heard.append(sorted(cro_ids))

    catalog_changed.connect(hear)
    yield heard
    catalog_changed.disconnect(hear)


def url(model, page, *arguments):
    return reverse(f"admin:catalog_{model}_{page}", args=arguments)


def form_of(client, address):
    """Give what a browser would send of a page's form, nothing changed."""
    context = client.get(address).context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.initial_forms]
    data = {}
    for form in forms:
        for bound in form:
            if hasattr(bound.field.widget, "decompress"):
                value = bound.field.widget.decompress(bound.value())
                for suffix, part in enumerate(value):
                    data[f"{bound.html_name}_{suffix}"] = part or ""
                continue
            value = bound.value()
            if callable(value):
                value = value()
            if value is None or value is False:
                continue
            prepared = bound.field.prepare_value(value)
            data[bound.html_name] = "on" if value is True else prepared
    return data


def post(client, address, **changes):
    data = {**form_of(client, address), **changes}
    response = client.post(address, {k: v for k, v in data.items() if v is not None})
    if response.status_code == 200:
        context = response.context
        inlines = [i.formset.errors for i in context["inline_admin_formsets"]]
        pytest.fail(f"refused: {context['adminform'].form.errors} {inlines}")
    return response


def assert_announced(announced, *cros):
    assert announced == [sorted(cro.pk for cro in cros)]
    version = CatalogState.objects.get().version
    for cro in CRO.objects.filter(pk__in=[cro.pk for cro in cros]):
        assert cro.catalog_version == version


def test_an_added_claim_is_announced(client, curator, announced):
    cro, term = CROFactory.create(), TermFactory.create()
    post(
        client,
        url("claim", "add"),
        cro=cro.pk,
        term=term.pk,
        answer="on",
        delivery="own",
        tier=4,
        observed_on="2026-05-01",
        status="accepted",
        qualifiers="{}",
    )
    assert Claim.objects.get().cro == cro
    assert_announced(announced, cro)


def test_an_edited_claim_is_announced(client, curator, announced):
    claim = ClaimFactory.create()
    post(
        client,
        url("claim", "change", claim.pk),
        delivery="partner",
        reason="Misread before.",
    )
    claim.refresh_from_db()
    assert (claim.delivery, claim.note) == ("partner", "Corrected: Misread before.")
    assert_announced(announced, claim.cro)


def test_a_claim_given_to_another_cro_is_announced_for_both(client, curator, announced):
    claim, other = ClaimFactory.create(), CROFactory.create()
    post(client, url("claim", "change", claim.pk), cro=other.pk, reason="Moved.")
    assert_announced(announced, claim.cro, other)


def test_a_deleted_claim_is_announced(client, curator, announced):
    claim = ClaimFactory.create()
    client.post(url("claim", "delete", claim.pk), {"post": "yes"})
    assert not Claim.objects.exists()
    assert_announced(announced, claim.cro)


def test_claims_deleted_together_are_announced_once(client, curator, announced):
    claims = ClaimFactory.create_batch(3)
    client.post(
        url("claim", "changelist"),
        {
            "action": "delete_selected",
            "_selected_action": [claim.pk for claim in claims],
            "post": "yes",
        },
    )
    assert not Claim.objects.exists()
    assert_announced(announced, *(claim.cro for claim in claims))


def test_an_edited_cro_and_its_inlines_are_announced_once(client, curator, announced):
    cro = CROFactory.create()
    Alias.objects.create(cro=cro, name="Old name")
    post(
        client,
        url("cro", "change", cro.pk),
        name="New name",
        **{"aliases-0-name": "Older name"},
    )
    assert cro.aliases.get().name == "Older name"
    assert_announced(announced, cro)


def test_a_claim_is_neither_changed_nor_deleted_on_its_cro_s_page(client, curator):
    claim = ClaimFactory.create()
    changes = {"claims-0-delivery": "partner", "claims-0-DELETE": "on"}
    post(client, url("cro", "change", claim.cro.pk), **changes)
    assert Claim.objects.get().delivery == "own"


def test_a_claim_reads_as_a_sentence(client, curator):
    claim = ClaimFactory.create(cro__name="Helviniden", term__label="Data management")
    page = client.get(url("claim", "change", claim.pk)).content.decode()
    assert "Helviniden: Data management, yes" in page
    assert "img/mark.svg" in page


def test_the_list_of_claims_names_cros_and_writes_days_plainly(client, curator):
    ClaimFactory.create(observed_on=dt.date(2026, 6, 1))
    page = client.get(url("claim", "changelist")).content.decode()
    assert "1 June 2026" in page
    assert not re.search(r">\s*Cro\s*<", page)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"observed_on": "2099-01-01"}, "2099-01-01 lies in the future"),
        ({"tier": 1}, "gives “T3 Document seen by a curator” at best"),
        ({"delivery": "partner"}, "say why it changes"),
    ],
)
def test_an_accepted_claim_is_not_spoilt(client, curator, announced, changes, sentence):
    claim = ClaimFactory.create(source=SourceFactory.create())
    address = url("claim", "change", claim.pk)
    answer = client.post(address, {**form_of(client, address), **changes})
    assert sentence in answer.content.decode()
    assert announced == []


def test_an_accepted_claim_is_not_deleted_by_a_curator(client, announced):
    curator = UserFactory.create(is_staff=True)
    curator.user_permissions.set(Permission.objects.filter(codename__contains="claim"))
    client.force_login(curator)
    accepted = ClaimFactory.create()
    proposed = ClaimFactory.create(status=ClaimStatus.PROPOSED)
    answer = client.post(url("claim", "delete", accepted.pk), {"post": "yes"})
    assert "withdraw it instead" in answer.content.decode()
    page = act(client, "delete_selected", accepted, proposed, post="yes")
    assert "withdraw it instead" in page.content.decode()
    assert Claim.objects.count() == 2
    client.post(url("claim", "delete", proposed.pk), {"post": "yes"})
    assert Claim.objects.get() == accepted


def test_a_cro_with_claims_is_not_deleted_by_a_curator(client, announced):
    curator = UserFactory.create(is_staff=True)
    curator.groups.add(curators())
    client.force_login(curator)
    full = ClaimFactory.create(status=ClaimStatus.WITHDRAWN).cro
    empty = CROFactory.create()
    answer = client.post(url("cro", "delete", full.pk), {"post": "yes"})
    assert f"{full.name}: its 1 claim would go with it" in answer.content.decode()
    assert "status Draft" in answer.content.decode()
    chosen = {"_selected_action": [full.pk, empty.pk], "post": "yes"}
    page = client.post(
        url("cro", "changelist"), {"action": "delete_selected", **chosen}
    )
    assert "only an administrator" in page.content.decode()
    assert CRO.objects.count() == 2
    assert announced == []
    client.post(url("cro", "delete", empty.pk), {"post": "yes"})
    assert CRO.objects.get() == full


def test_a_superuser_deletes_a_cro_with_its_claims(client, curator, announced):
    cro = ClaimFactory.create().cro
    client.post(url("cro", "delete", cro.pk), {"post": "yes"})
    assert not Claim.objects.exists()
    assert announced == [[cro.pk]]


def test_an_added_cro_is_announced(client, curator, announced):
    post(client, url("cro", "add"), name="Brelvane", slug="brelvane", status="listed")
    assert_announced(announced, CRO.objects.get())


def test_deleted_cros_are_announced(client, curator, announced):
    one, two = CROFactory.create_batch(2)
    client.post(url("cro", "delete", one.pk), {"post": "yes"})
    client.post(
        url("cro", "changelist"),
        {"action": "delete_selected", "_selected_action": [two.pk], "post": "yes"},
    )
    assert announced == [[one.pk], [two.pk]]


def test_a_role_moved_in_its_trial_is_announced_for_both(client, curator, announced):
    role, other = TrialRoleFactory.create(), CROFactory.create()
    post(
        client,
        url("trial", "change", role.trial.pk),
        **{"roles-0-cro": other.pk},
    )
    role.refresh_from_db()
    assert role.cro == other
    first = CRO.objects.exclude(pk=other.pk).get()
    assert_announced(announced, first, other)


def test_a_deleted_trial_is_announced_for_its_cros(client, curator, announced):
    role = TrialRoleFactory.create()
    client.post(url("trial", "delete", role.trial.pk), {"post": "yes"})
    assert not TrialRole.objects.exists()
    assert_announced(announced, role.cro)


def test_a_trial_of_nobody_announces_nothing(client, curator, announced):
    trial = TrialFactory.create()
    post(client, url("trial", "change", trial.pk), title="Another title")
    assert announced == []


def test_an_edited_role_is_announced(client, curator, announced):
    role = TrialRoleFactory.create()
    post(client, url("trialrole", "change", role.pk), kind="official")
    assert_announced(announced, role.cro)


def test_a_role_is_marked_as_a_curators_when_they_change_it(client, curator):
    role = TrialRoleFactory.create(kind="collaborator")
    address = url("trialrole", "change", role.pk)

    post(client, address)
    role.refresh_from_db()
    assert not role.is_by_hand

    post(client, address, kind="official")
    role.refresh_from_db()
    assert role.is_by_hand


def test_a_refused_edit_announces_nothing(client, curator, announced):
    claim = ClaimFactory.create()
    address = url("claim", "change", claim.pk)
    data = {**form_of(client, address), "delivery": ""}
    response = client.post(address, data)
    assert "A yes says who delivers" in response.content.decode()
    assert announced == []


def test_an_edited_term_is_announced_as_vocabulary(client, curator):
    heard = []

    def hear(sender, scheme, **kwargs):
        heard.append(scheme)

    term = TermFactory.create()
    vocabulary_changed.connect(hear)
    try:
        post(client, url("term", "change", term.pk), label="Better label")
    finally:
        vocabulary_changed.disconnect(hear)
    assert heard == [term.scheme_id]
    assert CatalogState.objects.get().vocabulary_version == 2


def act(client, action, *claims, **more):
    return client.post(
        url("claim", "changelist"),
        {"action": action, "_selected_action": [c.pk for c in claims], **more},
        follow=True,
    )


def test_accepts_what_may_be_accepted_and_names_the_rest(client, curator, announced):
    proposed = ClaimFactory.create(status=ClaimStatus.PROPOSED)
    withdrawn = ClaimFactory.create(status=ClaimStatus.WITHDRAWN)
    page = act(client, "accept", proposed, withdrawn).content.decode()
    assert "1 claim accepted." in page
    assert "A claim that is withdrawn cannot be accepted." in page
    proposed.refresh_from_db()
    assert proposed.status == ClaimStatus.ACCEPTED
    assert proposed.verified_by == curator
    assert_announced(announced, proposed.cro)


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("give_back", ClaimStatus.PROPOSED, ClaimStatus.WITHDRAWN),
        ("dispute", ClaimStatus.ACCEPTED, ClaimStatus.DISPUTED),
        ("withdraw", ClaimStatus.ACCEPTED, ClaimStatus.WITHDRAWN),
    ],
)
def test_setting_aside_asks_why_first(client, curator, action, before, after):
    claim = ClaimFactory.create(status=before)
    page = act(client, action, claim).content.decode()
    assert str(claim.cro) in page
    claim.refresh_from_db()
    assert claim.status == before
    act(client, action, claim, reason=" ")
    claim.refresh_from_db()
    assert claim.status == before
    act(client, action, claim, reason="The site closed.")
    claim.refresh_from_db()
    assert claim.status == after
    assert "The site closed." in claim.note


def test_who_may_only_look_has_no_actions(client):
    reader = UserFactory.create(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_claim"))
    client.force_login(reader)
    claim = ClaimFactory.create(status=ClaimStatus.PROPOSED)
    act(client, "accept", claim)
    claim.refresh_from_db()
    assert claim.status == ClaimStatus.PROPOSED


def test_terms_are_found_by_a_synonym(client, curator):
    found = TermFactory.create(synonyms=["heart attack"])
    TermFactory.create()
    page = client.get(url("term", "changelist"), {"q": "attack"})
    assert list(page.context["cl"].queryset) == [found]


def test_pages_of_many_terms_stay_small(client, curator):
    claim = ClaimFactory.create()
    TermFactory.create_batch(300, scheme=claim.term.scheme)
    for address in (
        url("claim", "change", claim.pk),
        url("cro", "change", claim.cro.pk),
    ):
        assert client.get(address).content.decode().count("<option") < 120


@pytest.mark.parametrize(
    ("model", "factory"),
    [
        ("cro", CROFactory),
        ("claim", ClaimFactory),
        ("source", SourceFactory),
        ("term", TermFactory),
        ("trial", TrialFactory),
        ("trialrole", TrialRoleFactory),
    ],
)
def test_a_list_asks_as_often_for_20_rows_as_for_one(
    client, curator, model, factory, django_assert_max_num_queries
):
    factory.create()
    address = url(model, "changelist")
    client.get(address)
    with django_assert_max_num_queries(100) as for_one:
        client.get(address)
    factory.create_batch(19)
    with django_assert_max_num_queries(len(for_one)):
        page = client.get(address)
    assert page.context["cl"].result_count == 20


def test_a_cro_with_many_claims_shows_a_page_of_them(
    client, curator, django_assert_max_num_queries
):
    cro = CROFactory.create()
    ClaimFactory.create_batch(60, cro=cro)
    with django_assert_max_num_queries(90):
        page = client.get(url("cro", "change", cro.pk))
    claims = page.context["inline_admin_formsets"][2].formset
    assert len(claims.initial_forms) == 10
    assert Term.objects.count() == 60
