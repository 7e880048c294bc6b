"""Pieces of the list's page that are made once are never out of date."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.http import QueryDict
from django.shortcuts import render
from django.test import Client
from django.urls import reverse
from django.utils.safestring import SafeString

from catalog import browse_views, catalogue, fragments
from catalog.browse import browse
from catalog.models import CRO, Term
from catalog.serializers import CRORowSerializer
from catalog.services.claims import announce_change
from cro_portal.common import frames
from tests.changes import mark_changed, mark_vocabulary_changed
from tests.factories import (
    ClaimFactory,
    CROFactory,
    TermFactory,
    TrialRoleFactory,
    UserFactory,
)
from tests.workers import database_url

pytestmark = pytest.mark.django_db(transaction=True)

SERVE = """
import sys
import django
django.setup()
from django.test import Client
client = Client(SERVER_NAME="localhost")
for line in sys.stdin:
    text = client.get("/cros/").content.decode()
    print(" ".join(text.split()), flush=True)
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "folder", lambda: tmp_path)
    catalogue.forget()
    yield
    catalogue.forget()


@contextmanager
def another_process(tmp_path):
    """Give a function that asks another process of the portal for the page."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "CRO_VAR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "cro_portal.settings.test",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask():
        process.stdin.write("\n")
        process.stdin.flush()
        return process.stdout.readline()

    try:
        yield ask
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(20)


def page(client, query=""):
    return client.get(f"{reverse('catalog:cro-list')}?{query}").content.decode()


def rows(text):
    """Return the cards: what stands outside has tokens of its own each time."""
    return re.search(r'<ol class="cro-list".*?</ol>', text, re.DOTALL)[0]


def test_a_change_shows_at_once_here_and_in_another_process(client, tmp_path):
    claim = ClaimFactory.create(
        cro__name="Baltica", term__scheme__code="service", term__code="writing"
    )
    other = CROFactory.create(name="Aldermoor")
    mark_changed(claim.cro, other)

    with another_process(tmp_path) as elsewhere:
        for text in (page(client), elsewhere(), elsewhere()):
            assert "Baltica" in text
            assert re.search(r"<dd>Writing</dd>", text)

        CRO.objects.filter(pk=claim.cro_id).update(name="Batavia", slug="batavia")
        announce_change([claim.cro_id])
        for text in (page(client), elsewhere()):
            assert "Baltica" not in text
            assert 'href="/cros/batavia/"' in text
            assert "Aldermoor" in text

        claim.delete()
        announce_change([claim.cro_id])
        TrialRoleFactory.create(cro=other)
        announce_change([other.pk])
        for text in (page(client), elsewhere()):
            assert "<dd>Writing</dd>" not in text
            assert "<dt>trials</dt><dd>1</dd>" in text

        Term.objects.filter(pk=claim.term_id).update(label="Medical writing")
        ClaimFactory.create(cro=other, term=claim.term)
        mark_vocabulary_changed()
        mark_changed(other)
        for text in (page(client), elsewhere()):
            assert "<dd>Medical writing</dd>" in text
            assert '<span class="facet__label">Medical writing</span>' in text


def test_cards_already_made_need_no_row(client, django_assert_num_queries):
    cros = CROFactory.create_batch(20)
    mark_changed(*cros)
    first = rows(page(client))

    with django_assert_num_queries(1):  # which catalogue it is
        assert rows(page(client)) == first


def test_only_what_changed_is_made_anew(client, django_assert_num_queries):
    cros = CROFactory.create_batch(6)
    mark_changed(*cros)
    page(client)
    before = catalogue.current().kept
    mark_changed(cros[3])

    after = catalogue.current().kept

    assert (len(before), len(after)) == (6, 5)


def test_the_cards_that_are_kept_are_bounded():
    kept = catalogue.Kept(size=10)
    for cro in range(100):
        kept.put(cro, "cards", f"card {cro}")

    assert len(kept) == 10
    assert kept.get(99, "cards") == "card 99"
    assert kept.get(0, "cards") is None


def test_chosen_and_not_known_are_of_the_request_not_of_the_card(client):
    asked = TermFactory.create(scheme__code="service", code="writing")
    cros = CROFactory.create_batch(2)
    mark_vocabulary_changed()
    mark_changed(*cros)
    page(client)
    slug = cros[0].slug

    assert "not known:</span> Writing" in page(client, f"service={asked.code}")
    assert "not known:</span> Writing" not in page(client)
    assert f'name="remove" value="{slug}"' in page(client, f"tray={slug}")
    assert f'name="remove" value="{slug}"' not in page(client)


def test_html_in_names_and_labels_stays_text(client):
    ClaimFactory.create(
        cro=CROFactory.create(name="<b>Baltica</b>"),
        term=TermFactory.create(scheme__code="service", code="x", label="<i>X</i>"),
    )

    for view in ("cards", "table"):
        text = page(client, f"view={view}")
        assert "&lt;b&gt;Baltica" in text
        assert "&lt;i&gt;X" in text
        assert "<b>" not in text
        assert "<i>X" not in text


def test_the_conditions_found_stand_best_first():
    for code in ("lymphoma-b", "lymphoma", "lymphoma-a"):
        ClaimFactory.create(
            term=TermFactory.create(scheme__code="condition", code=code, label=code)
        )
    found = Term.objects.of("condition").search("lymphoma")

    shown = browse(QueryDict("find=lymphoma"))

    (facet,) = [one for one in shown.facets if one.name == "condition"]
    assert [value.code for value in facet.values] == [term.code for term in found]


# Whole lists, kept by address


def test_an_address_asked_again_is_not_made_again(
    client, monkeypatch, django_assert_num_queries
):
    mark_changed(*CROFactory.create_batch(3))
    first = rows(page(client, "sort=name&view=cards"))
    monkeypatch.setattr(browse_views, "browse", None)

    with django_assert_num_queries(1):  # which catalogue it is
        assert rows(page(client, "view=cards&sort=name")) == first


def test_each_visitor_sees_their_own_tray_in_a_kept_list():
    one, other = CROFactory.create_batch(2)
    mark_changed(one, other)
    mine, theirs, nobody = Client(), Client(), Client()
    theirs.force_login(UserFactory.create())
    mine.post(reverse("catalog:tray"), {"add": one.slug})
    theirs.post(reverse("catalog:tray"), {"add": other.slug})

    for _ in range(2):
        for visitor, chosen in ((mine, [one]), (theirs, [other]), (nobody, [])):
            text = page(visitor)
            pressed = re.findall(r'value="([^"]*)" aria-pressed="true"', text)
            in_tray = re.findall(
                r'name="remove" value="([^"]*)" class="compare-tray__item', text
            )
            assert pressed == in_tray == [cro.slug for cro in chosen]


def test_no_token_is_kept():
    CROFactory.create()
    visitors = [Client(enforce_csrf_checks=True) for _ in range(2)]
    texts = [page(visitor) for visitor in visitors]
    tokens = [set(re.findall(r'csrf-?token": "(\w+)"', text)) for text in texts]
    secrets = [visitor.cookies["csrftoken"].value for visitor in visitors]

    assert [len(found) for found in tokens] == [1, 1]
    assert tokens[0] != tokens[1]
    for found, text in zip(tokens, texts, strict=True):
        assert set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', text)) == (
            found
        )
    kept = repr(frames._frames._things) + repr(catalogue.current().pages._things)
    assert not any(one in kept for one in (*tokens[0], *tokens[1], *secrets))
    (token,) = tokens[1]
    change = {"clear": "1", "csrfmiddlewaretoken": token}
    assert visitors[1].post(reverse("catalog:tray"), change).status_code == 302
    change["csrfmiddlewaretoken"] = tokens[0].pop()
    assert visitors[1].post(reverse("catalog:tray"), change).status_code == 403


@pytest.mark.parametrize("visitor", ["nobody", "person", "curator"])
def test_a_page_put_together_is_the_page_rendered(client, monkeypatch, visitor):
    cro = CROFactory.create(name="Tom & Baltica")
    mark_changed(cro)
    if visitor != "nobody":
        is_staff = visitor == "curator"
        client.force_login(UserFactory.create(name="<Ada>", is_staff=is_staff))
    client.post(reverse("catalog:tray"), {"add": cro.slug})

    def rendered(request, name, inside, *, also):
        context = {key: SafeString(html.decode()) for key, html in inside.items()}
        return render(request, name, context)

    def text():
        return re.sub(r"\w{64}", "", page(client, "q=tom+%22%26%3Cb%3E"))

    first, kept = text(), text()
    monkeypatch.setattr(browse_views, "render_in_frame", rendered)

    assert first == kept == text()
    assert 'value="tom &quot;&amp;&lt;b&gt;"' in first
    assert 'name="next" value="/cros/?q=tom+%22%26%3Cb%3E"' in first
    assert ("&lt;Ada&gt;" in first) == (visitor != "nobody")
    assert ("Curation" in first) == (visitor == "curator")


def test_a_message_is_shown_once_and_to_nobody_else(client):
    CROFactory.create()
    page(client)
    client.post(reverse("catalog:tray"), {"add": "nobody"})

    said = 'class="message message--'
    assert said in page(client)
    assert said not in page(client)
    assert said not in page(Client())


def test_a_mark_of_somebody_else_is_only_text(client):
    CROFactory.create()
    odd = quote(f"{frames.MARK}part\0 {fragments.SLOT[:5]}\0 \0")

    for _ in range(2):
        text = client.get(f"/cros/?country={odd}&q={odd}&find={odd}&tray={odd}")
        assert text.status_code == 200
        assert 'class="cro-list"' in page(client)


def test_what_is_kept_by_address_is_bounded(client, monkeypatch):
    mark_changed(CROFactory.create())
    held = catalogue.current()
    monkeypatch.setattr(held.pages, "room", 100_000)

    for i in range(30):
        page(client, f"utm={i}")

    assert 1 < len(held.pages) < 30
    assert held.pages.used <= 100_000
    assert held.pages.used == sum(
        sum(map(len, part.pieces)) + sum(len(b) + len(c) for _, b, c in part.buttons)
        for part, _ in held.pages._things.values()
    )


def test_an_answer_asked_again_is_not_made_again(
    api, user, monkeypatch, django_assert_num_queries
):
    api.force_authenticate(user)
    claim = ClaimFactory.create(
        cro__name="Baltica",
        term=TermFactory.create(scheme__code="service", code="writing"),
    )
    mark_vocabulary_changed()
    mark_changed(claim.cro)
    address = "/api/v1/cros/?facets=1&service=writing&page_size=5"
    first = api.get(address)
    made = CRORowSerializer.to_representation
    monkeypatch.setattr(CRORowSerializer, "to_representation", None)

    with django_assert_num_queries(1):  # which catalogue it is
        again = api.get("/api/v1/cros/?service=writing&page_size=5&facets=1")
    assert (again.content, again["Catalog-As-Of"], again["Content-Type"]) == (
        first.content,
        first["Catalog-As-Of"],
        "application/json",
    )
    assert first.json()["facets"]["service"] == {"writing": 1}

    monkeypatch.setattr(CRORowSerializer, "to_representation", made)
    elsewhere = api.get(address, SERVER_NAME="127.0.0.1").json()
    assert elsewhere["results"][0]["url"].startswith("http://127.0.0.1/")
    claim.delete()
    announce_change([claim.cro_id])
    changed = api.get(address)
    assert changed["ETag"] != first["ETag"]
    assert not changed.json()["facets"]["service"]
    assert changed.json()["count_known"] == 0
    assert api.get(f"{address}&service=wrting").status_code == 400


def test_only_the_renderers_media_type_makes_another_answer(api, user):
    api.force_authenticate(user)
    mark_changed(CROFactory.create())

    plain = api.get("/api/v1/cros/")
    indented = api.get(
        "/api/v1/cros/", headers={"accept": "application/json; indent=2"}
    )

    assert plain.json() == indented.json()
    assert indented.content.startswith(b"{\n  ")
    assert api.get("/api/v1/cros/").content == plain.content
