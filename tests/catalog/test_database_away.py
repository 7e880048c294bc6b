"""The database cannot be reached any more, while the index is still in memory."""

import pytest
from django.db import connection

from catalog import catalogue
from tests.factories import ClaimFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

UNUSED_PORT = 1
PAGES = (
    "/",
    "/cros/?country=pl",
    "/cros/suggest/?q=tea",
    "/cros/coverage/",
    "/cros/baltica/",
    "/cros/compare/?cro=baltica",
)
OF_ONESELF = ("/cros/saved/", True)
API = ("cros/", "cros/?facets=1&q=tea", "cros/baltica/", "suggest/?q=tea")


@pytest.fixture
def cut_off():
    """Make every further connection go where no database listens."""
    ClaimFactory.create(cro__slug="baltica", term__scheme__code="country")
    catalogue.current()
    kept = dict(connection.settings_dict)

    def cut():
        connection.close()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": UNUSED_PORT}

    yield cut
    connection.close()
    connection.settings_dict.update(kept)


@pytest.mark.parametrize(
    ("path", "is_signed_in"),
    [*((path, is_it) for path in PAGES for is_it in (False, True)), OF_ONESELF],
)
def test_a_page_says_so_whole_and_plainly(client, cut_off, path, is_signed_in):
    if is_signed_in:
        client.force_login(UserFactory.create())
    cut_off()

    response = client.get(path)

    assert response.status_code == 503
    assert response.headers["Retry-After"]
    text = response.content.decode()
    assert "Away for a moment" in text
    assert text.count("<h1") == 1
    assert text.rstrip().endswith("</html>")


@pytest.mark.parametrize("path", API)
def test_the_api_says_so_as_a_problem(api, make_token, cut_off, path):
    _, token = make_token()
    cut_off()

    address = f"/api/v1/{path}"
    response = api.get(address, headers={"authorization": f"Bearer {token}"})

    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"]
    assert response.json()["status"] == 503


def test_it_works_again_once_the_database_is_back(client, cut_off):
    kept = dict(connection.settings_dict)
    cut_off()
    assert client.get("/cros/").status_code == 503

    connection.close()
    connection.settings_dict.update(kept)

    assert client.get("/cros/").status_code == 200
