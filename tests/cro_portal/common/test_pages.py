from functools import partial

import pytest
from django.test import Client
from django.views.defaults import bad_request, server_error

from cro_portal.common.gallery import gallery


def test_the_gallery_shows_every_component(rf, db):
    text = gallery(rf.get("/gallery/")).content.decode()

    assert "contribution-bar__part criterion--fit" in text
    assert "gate-chip--unknown" in text


def test_the_gallery_is_for_development(client, db):
    assert client.get("/gallery/").status_code == 404


def test_what_is_not_there_offers_the_search(client, db):
    response = client.get("/nowhere/")

    assert response.status_code == 404
    assert "Looking for a CRO?" in response.content.decode()


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (partial(bad_request, exception=None), "The request cannot be read"),
        (server_error, "The fault is ours"),
    ],
)
def test_a_broken_page_needs_neither_database_nor_user(rf, view, words):
    assert words in view(rf.get("/")).content.decode()


def test_a_forged_form_is_refused_with_words(db):
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {})

    assert response.status_code == 403
    assert "Please send it again" in response.content.decode()
