import pytest

from cro_portal.accounts.models import ApiToken, TokenScope
from tests.factories import UserFactory


@pytest.fixture
def signed_in(api, user):
    """Return a client with a session-like sign-in."""
    api.force_authenticate(user)
    return api


@pytest.fixture
def make_token(db):
    def make(user=None, scope=TokenScope.WRITE, **kwargs):
        user = user or UserFactory.create()
        return ApiToken.objects.create(user=user, name="test", scope=scope, **kwargs)

    return make


def is_problem(response, status):
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "instance"} <= body.keys()
    return body
