import pytest


@pytest.fixture
def signed_in(api, user):
    """Return a client with a session-like sign-in."""
    api.force_authenticate(user)
    return api


def is_problem(response, status):
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "instance"} <= body.keys()
    return body
