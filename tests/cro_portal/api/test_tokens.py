"""Who gets in, and what a token allows."""

import datetime as dt

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cro_portal.accounts import services
from cro_portal.accounts.models import ApiToken, TokenScope
from tests.cro_portal.api.conftest import is_problem
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def get(api, header, address="/api/v1/cros/"):
    return api.get(address, headers={"authorization": header})


@pytest.mark.parametrize("word", ["Bearer", "bearer", "Token"])
def test_token_opens_the_api(api, make_token, word):
    _, token = make_token()
    assert get(api, f"{word} {token}").status_code == 200


def test_nobody_without_token_or_session_gets_in(api):
    response = api.get("/api/v1/cros/")
    is_problem(response, 401)
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer a b",
        "Bearer unknown",
        "Bearer é",
        "Bearer \x00",
        "Token " + "x" * 5000,
    ],
)
def test_bad_token_is_a_401(api, db, header):
    is_problem(get(api, header), 401)


def test_expired_token_says_so(api, make_token):
    _, token = make_token(expiry=dt.timedelta(seconds=-1))
    assert "expired" in is_problem(get(api, f"Bearer {token}"), 401)["detail"]


def test_token_of_a_closed_account_is_refused(api, make_token):
    _, token = make_token(UserFactory.create(is_active=False))
    is_problem(get(api, f"Bearer {token}"), 401)


def test_token_is_stored_as_its_hash_only(make_token):
    stored, token = make_token()
    row = ApiToken.objects.filter(pk=stored.pk).values_list().get()
    assert token not in map(str, row)
    assert len(token) > 60


def test_token_costs_one_query(api, make_token, django_assert_num_queries):
    _, token = make_token()
    with django_assert_num_queries(1):
        get(api, f"Bearer {token}", "/api/v1/")


def test_read_token_may_not_write(api, make_token):
    _, token = make_token(scope=TokenScope.READ)
    response = api.post(
        "/api/v1/studies/", {}, headers={"authorization": f"Bearer {token}"}
    )
    answer = is_problem(response, 403)
    assert answer["detail"] == (
        "This token may only read. Make one with the scope write."
    )


def test_session_without_csrf_token_may_not_write(user):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get("/api/v1/cros/").status_code == 200
    is_problem(client.post("/api/v1/studies/", {}, format="json"), 403)


PAGE = "/accounts/tokens/"


@pytest.fixture
def page(client, user):
    client.force_login(user)
    return client


def test_token_is_made_shown_once_and_works(page, user, api):
    response = page.post(PAGE, {"name": "Nightly", "scope": "read", "days": 30})
    secret = response.context["secret"]
    assert secret in response.content.decode()
    assert secret not in page.get(PAGE).content.decode()

    token = ApiToken.objects.get()
    assert (token.user, token.name, token.scope) == (user, "Nightly", "read")
    assert 29 <= (token.expiry - timezone.now()).days <= 30
    assert get(api, f"Bearer {secret}").status_code == 200


def test_revoked_token_stops_working_at_once(page, user, api, make_token):
    token, secret = make_token(user)
    response = page.post(f"{PAGE}{token.uuid}/revoke/", follow=True)
    assert "no longer works" in response.content.decode()
    is_problem(get(api, f"Bearer {secret}"), 401)


def test_nobody_sees_or_revokes_the_token_of_another(page, make_token):
    token, _ = make_token()
    assert token.name not in page.get(PAGE).content.decode().split("Make a token")[0]
    assert page.post(f"{PAGE}{token.uuid}/revoke/").status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": ""}, "This field is required"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": "366"}, "less than or equal to 365"),
        ({"days": "many"}, "Enter a whole number"),
        ({"scope": "everything"}, "not one of the available choices"),
        ({"name": "x\x00"}, "Null characters"),
    ],
)
def test_bad_token_wishes_are_explained_and_kept(page, values, says):
    typed = {"name": "Import", "scope": "write", "days": "7"} | values
    response = page.post(PAGE, typed)
    assert response.status_code == 422
    assert says in response.content.decode()
    if "name" not in values:
        assert 'value="Import"' in response.content.decode()
    assert not ApiToken.objects.exists()


def test_a_person_has_at_most_twenty_tokens(page, user, make_token):
    for _ in range(services.MAX_TOKENS):
        make_token(user)
    response = page.post(PAGE, {"name": "x", "scope": "read", "days": 1})
    assert "Revoke one" in response.content.decode()
    assert ApiToken.objects.count() == services.MAX_TOKENS


@pytest.mark.parametrize("n", [1, 20])
def test_token_page_costs_the_same_at_any_length(
    page, user, make_token, django_assert_max_num_queries, n
):
    for _ in range(n):
        make_token(user)
    with django_assert_max_num_queries(4):
        page.get(PAGE)


def test_every_page_leads_to_the_tokens(client, user):
    client.force_login(user)
    assert 'href="/accounts/tokens/"' in client.get("/method/").content.decode()
