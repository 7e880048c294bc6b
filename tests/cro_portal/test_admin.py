"""The admin beyond the catalogue: people, tenants, rankings."""

import datetime as dt

import pytest
from django.contrib import admin
from django.template import engines
from django.urls import reverse

from cro_portal.accounts.models import User
from matching.models import MAX_ATTEMPTS, RankingWork
from sponsors.models import Study
from tests.factories import MembershipFactory, StudyFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def lenient_templates(monkeypatch):
    """Let Unfold's own templates ask for variables that are not there."""
    monkeypatch.setattr(engines["django"].engine, "string_if_invalid", "")


@pytest.fixture
def superuser(client):
    user = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def test_every_list_opens_and_can_be_searched(client, superuser):
    StudyFactory.create()
    for model in admin.site._registry:
        if model._meta.app_label in {"catalog", "sponsors", "matching", "accounts"}:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
            assert client.get(reverse(name), {"q": "a"}).status_code == 200


def test_a_sponsor_does_not_get_in(client, member):
    client.force_login(member.user)
    assert client.get(reverse("admin:index")).status_code == 302


def test_a_person_is_added_by_mail_address(client, superuser):
    client.post(
        reverse("admin:accounts_user_add"),
        {
            "email": "new@sponsor.example",
            "name": "New Person",
            "usable_password": "true",
            "password1": "long enough 12",
            "password2": "long enough 12",
        },
    )
    assert User.objects.get(email="new@sponsor.example").check_password(
        "long enough 12"
    )


def test_a_mail_address_in_another_case_is_refused(client, superuser):
    UserFactory.create(email="new@sponsor.example")
    page = client.post(
        reverse("admin:accounts_user_add"),
        {
            "email": "New@sponsor.example",
            "usable_password": "true",
            "password1": "long enough 12",
            "password2": "long enough 12",
        },
    )
    assert "Somebody uses this e-mail address already." in page.content.decode()


def test_a_person_can_be_edited(client, superuser):
    person = UserFactory.create()
    address = reverse("admin:accounts_user_change", args=[person.pk])
    assert client.get(address).status_code == 200
    client.post(address, {"email": person.email, "name": "Other", "is_active": "on"})
    person.refresh_from_db()
    assert person.name == "Other"


def test_a_study_is_to_look_at_only(client, superuser):
    study = StudyFactory.create(title="Kept as it is")
    address = reverse("admin:sponsors_study_change", args=[study.pk])
    assert "Kept as it is" in client.get(address).content.decode()
    assert client.post(address, {"title": "Changed"}).status_code == 403
    assert Study.objects.get().title == "Kept as it is"


def test_a_failed_ranking_is_tried_again(client, superuser):
    study = StudyFactory.create()
    RankingWork.objects.all().delete()
    work = RankingWork.objects.create(
        study=study,
        attempts=MAX_ATTEMPTS,
        error="Boom",
        changed_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    assert work.has_failed
    page = client.post(
        reverse("admin:matching_rankingwork_changelist"),
        {"action": "retry", "_selected_action": [work.pk]},
        follow=True,
    )
    assert "Asked for 1 rankings anew." in page.content.decode()
    work.refresh_from_db()
    assert work.attempts == 0
    assert not work.has_failed


@pytest.mark.parametrize("rows", [1, 20])
def test_the_list_of_studies_asks_as_often_for_any_number(
    client, superuser, rows, django_assert_max_num_queries
):
    StudyFactory.create_batch(rows)
    with django_assert_max_num_queries(12):
        client.get(reverse("admin:sponsors_study_changelist"))


@pytest.mark.parametrize("rows", [1, 20])
def test_the_list_of_members_asks_as_often_for_any_number(
    client, superuser, rows, django_assert_max_num_queries
):
    MembershipFactory.create_batch(rows)
    with django_assert_max_num_queries(12):
        client.get(reverse("admin:sponsors_membership_changelist"))
