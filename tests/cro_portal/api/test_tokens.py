"""Who gets in, and what a token allows."""

import datetime as dt

import pytest

from cro_portal.accounts.models import ApiToken
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
