"""The page that finds CROs, as a browser gets it."""

import datetime as dt
import re
from urllib.parse import quote

import pytest
from django.db import OperationalError
from django.urls import reverse

from catalog import browse_views, catalogue
from catalog.choices import CROStatus
from catalog.models import CRO, Term
from tests.factories import (
    AliasFactory,
    ClaimFactory,
    CROFactory,
    TermFactory,
    TrialRoleFactory,
)

pytestmark = pytest.mark.django_db

PART = {"HX-Request": "true", "HX-Target": browse_views.TARGET}


def get(client, query="", headers=None):
    address = f"{reverse('catalog:cro-list')}?{query}"
    response = client.get(address, headers=headers or {})
    assert response.status_code == 200
    return response


def page(client, query="", headers=None):
    return get(client, query, headers).content.decode()


def names(text):
    """Return the names of the CROs on a page, in order."""
    return re.findall(r'class="cro-card__name"><a [^>]*>([^<]+)<', text)


def term(scheme, code, **kwargs):
    found = Term.objects.filter(scheme=scheme, code=code).first()
    return found or TermFactory.create(scheme__code=scheme, code=code, **kwargs)


def claim(cro_name, scheme, code, **kwargs):
    """Claim a yes of a CRO, which is made when it is not there."""
    cro = CRO.objects.filter(name=cro_name).first()
    cro = cro or CROFactory.create(name=cro_name)
    return ClaimFactory.create(cro=cro, term=term(scheme, code), **kwargs)


def test_the_list_shows_listed_cros_by_grade_then_name(client):
    CROFactory.create(name="Baltica")
    CROFactory.create(name="Aldermoor")
    CROFactory.create(name="Hidden", status=CROStatus.DRAFT)

    text = page(client)

    assert names(text) == ["Aldermoor", "Baltica"]
    assert "fictional" in text
    assert "never sold" in text


@pytest.mark.parametrize("look", ["", "view=table"])
def test_without_a_claim_there_is_no_grade(client, look):
    CROFactory.create(name="Silent")
    assert 'class="unknown">no claim</span>' in page(client, look)
    assert "grade--" not in page(client, look)
    claim("Silent", "service", "writing", tier=5)
    assert "no claim</span>" not in page(client, look)
    assert "grade--" in page(client, look)


def test_a_filter_shows_its_chip_and_what_it_keeps(client):
    claim("Baltica", "service", "writing")
    claim("Aldermoor", "service", "writing", answer=False)

    text = page(client, "service=writing")

    assert names(text) == ["Baltica"]
    assert "Service: Writing" in text
    assert re.search(r'value="writing" form="find" checked', text)


def test_between_facets_all_hold_and_inside_one_any_or_all(client):
    claim("Both", "country", "pl")
    claim("Both", "country", "es")
    claim("Poland", "country", "pl")
    for cro in CRO.objects.all():
        ClaimFactory.create(cro=cro, term=term("service", "writing"))
    claim("Spain", "country", "es")

    query = "country=pl&country=es&unknown=0"

    assert names(page(client, query)) == ["Both", "Poland", "Spain"]
    assert names(page(client, f"{query}&country_mode=all")) == ["Both"]
    assert names(page(client, f"{query}&service=writing")) == ["Both", "Poland"]


def test_counts_of_a_facet_ignore_its_own_choice(client):
    claim("Poland", "country", "pl")
    claim("Spain", "country", "es")

    text = page(client, "country=pl&unknown=0")

    assert re.search(r'value="es".*?facet__count">1<', text)


def test_who_is_not_known_to_match_comes_last_and_is_marked(client):
    claim("Matches", "service", "writing")
    CROFactory.create(name="Fits perhaps")

    text = page(client, "service=writing")

    assert names(text) == ["Matches", "Fits perhaps"]
    assert "1 known to match, then 1 of which a fact is not known" in text
    assert "not known:</span> Writing" in text
    assert names(page(client, "service=writing&unknown=0&unknown=1")) == names(text)
    assert names(page(client, "service=writing&unknown=0")) == ["Matches"]


def test_own_and_partner_are_told_apart(client):
    claim("Own", "technology", "edc")
    claim("Partner", "technology", "edc", delivery="partner")

    assert names(page(client, "technology=edc:own&unknown=0")) == ["Own"]
    text = page(client, "technology=edc:partner&unknown=0")
    assert names(text) == ["Partner"]
    assert "Technology: Edc, partner" in text
    assert "?technology=edc%3Aown&amp;unknown=0" in text


def test_only_the_first_values_are_shown_until_all_are_asked_for(client):
    for n in range(12):
        claim("Baltica", "service", f"service-{n}")

    text = page(client)
    assert text.count('name="service"') == 10
    assert 'href="/cros/?open=service"' in text

    text = page(client, "open=service&service=service-11")
    assert text.count('name="service"') == 12
    assert 'href="/cros/?service=service-11"' in text


def test_a_tree_is_written_out_downwards(client):
    top = term("service", "data", label="Data")
    term("service", "edc-build", label="EDC build", parent=top)
    claim("Baltica", "service", "edc-build")

    text = page(client, "open=service")

    assert text.index('value="data"') < text.index('value="edc-build"')
    assert "facet__value--1" in text


def test_conditions_are_found_by_their_words(client):
    lymphoma = term("condition", "lymphoma", label="Lymphoma", synonyms=["Hodgkin"])
    TrialRoleFactory.create(cro__name="Baltica").trial.conditions.add(lymphoma)

    text = page(client, "find=hodg")

    assert 'value="lymphoma"' in text
    assert "No condition is called" in page(client, "find=zzzz")


def test_a_card_says_what_is_known_and_what_is_not(client):
    area = term("therapeutic_area", "c04", label="Oncology", tree_numbers=["C04"])
    breast = term("condition", "breast", tree_numbers=["C04.588"])
    claim("Baltica", "cro_type", "regional", observed_on=dt.date(2026, 3, 1))
    claim("Baltica", "country", "pl")
    claim("Baltica", "service", "writing")
    claim("Baltica", "metric", "headcount-fte", value=120)
    role = TrialRoleFactory.create(cro=CRO.objects.get())
    role.trial.conditions.add(breast)

    text = page(client)

    assert "Regional · 50 to 499 people" in text
    assert f"{area.label} <span" in text
    assert "1 trial<" in text
    assert "Pl</dd>" in text
    assert "Writing</dd>" in text
    assert "June 2026" in text
    assert "120" in page(client, "view=table")

    CROFactory.create(name="Nobody knows")
    text = page(client, "q=nobody")
    assert "type not known" in text
    assert "no registered trial" in text


def test_htmx_gets_only_the_part_and_the_clean_address(client):
    CROFactory.create(name="Baltica")
    query = "q=baltica&find=&sort=relevance&unknown=0&unknown=1"

    response = get(client, query, PART)

    assert "<html" not in response.content.decode()
    assert response.headers["HX-Push-Url"] == "/cros/?q=baltica"
    assert {"HX-Request", "HX-Target"} <= set(response.headers["Vary"].split(", "))
    whole = get(client, query, PART | {"HX-History-Restore-Request": "true"})
    assert "<html" in whole.content.decode()


def test_taking_off_the_words_loads_the_page_with_its_search_box(client):
    CROFactory.create(name="Baltica")

    assert 'results__chips" hx-boost' not in page(client, "q=baltica")
    assert 'results__chips" hx-boost' in page(client, "size=small")


def test_pages_keep_the_filters(client):
    CROFactory.create_batch(26)

    text = page(client, "q=Fictional&view=table&page=2")

    assert "26–26 of 26" in text
    assert "?q=Fictional&amp;view=table&amp;page=1" in text


@pytest.mark.parametrize("n", [1, 25])
def test_the_page_asks_few_queries(
    client, user, n, monkeypatch, django_assert_max_num_queries
):
    for one in ClaimFactory.create_batch(n):
        TrialRoleFactory.create(cro=one.cro)
    client.force_login(user)
    held = catalogue.current()
    page(client)
    # A test's own transaction would make the index anew at each request.
    monkeypatch.setattr(catalogue, "current", lambda: held)

    # And one for the catalogue's version, one for other names the words find. Three
    # are for who is signed in: the session, the account, its tray.
    with django_assert_max_num_queries(7):
        assert len(names(page(client, "q=fictional&open=service"))) == n


# Nothing found


def test_nothing_found_offers_what_finds_most(client):
    claim("Poland", "country", "pl")
    claim("Poland", "service", "writing")
    claim("Writes", "service", "writing")
    claim("Nobody", "technology", "edc", answer=False)
    query = "country=pl&service=writing&technology=edc&unknown=0"

    text = page(client, query)

    assert "No CRO is known to match all of this" in text
    assert "<strong>Technology: Edc</strong> removes most: without it, 1 CRO" in text
    assert "Without Technology: Edc" in text
    assert "country=pl&amp;service=writing&amp;unknown=0" in text
    assert "Include CROs with no information" in text
    assert text.count('<li><a class="button"') <= 3


def test_a_misspelt_name_is_guessed(client):
    CROFactory.create(name="Baltica Trials")

    text = page(client, "q=baltika+trials")

    assert "Did you mean" in text
    assert "?q=Baltica%20Trials" in text.replace("+", "%20")


def test_an_empty_catalogue_says_so(client):
    assert "No CRO is listed yet" in page(client)


# Bad input


def test_an_unknown_value_is_told_and_the_rest_kept(client):
    claim("Baltica", "service", "medical-writing")
    claim("Aldermoor", "service", "medical-writing", answer=False)

    text = page(client, "service=medical-writting&service=medical-writing")

    assert "There is no service “medical-writting”" in text
    assert "Did you mean medical-writing?" in text
    assert names(text) == ["Baltica"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("-1", "“-1” is no page"),
        ("two", "“two” is no page"),
        ("%00", "is no page"),
        ("٣", "“٣” is no page"),
        ("1000000000", "is no page"),
        ("999999999", "There is 1 page; this is it."),
        ("7", "There is 1 page; this is it."),
    ],
)
def test_a_page_that_is_not_there_gives_the_nearest(client, given, words):
    CROFactory.create(name="Baltica")

    text = page(client, f"page={given}")

    assert words in text
    assert names(text) == ["Baltica"]


def test_hundreds_of_values_are_cut_and_told(client):
    claim("Baltica", "service", "writing")
    query = "&".join(["service=writing"] + [f"service=x{n}" for n in range(900)])

    text = page(client, query)

    assert names(text) == ["Baltica"]
    assert text.count('class="notice') == 6
    assert "895 more parts of the address" in text


def test_thousands_of_values_are_refused(client):
    response = client.get(reverse("catalog:cro-list") + "?" + 2000 * "service=x&")

    assert response.status_code == 400


@pytest.mark.parametrize(
    "words",
    [
        "x" * 10_000,
        "a\0b\x07\x1b[31m",
        "\u202egnihtyna\u202c שלום",
        "e\u0301\u0301\u0301" * 50,
        "'; DROP TABLE catalog_cro; --",
        '"><script>alert(1)</script>',
        "%_\\",
        "\ud83d",
    ],
    ids=["long", "control", "right to left", "marks", "sql", "html", "like", "half"],
)
def test_any_search_is_answered(client, words):
    CROFactory.create(name="Baltica")

    text = page(client, "q=" + quote(words.encode("utf-8", "surrogatepass")))

    assert "<script>alert" not in text
    assert "\0" not in text
    assert CRO.objects.count() == 1


def test_without_the_database_the_page_says_so(client, monkeypatch):
    CROFactory.create(name="Baltica")
    page(client)

    def away(*args, **kwargs):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("catalog.snapshot.read_state", away)
    response = client.get(reverse("catalog:cro-list"))

    assert response.status_code == 503
    assert "cannot reach its database" in response.content.decode()
    assert "Baltica" not in response.content.decode()


def test_a_cro_taken_off_meanwhile_is_left_out(client, monkeypatch):
    CROFactory.create(name="Baltica")
    gone = CROFactory.create(name="Gone")
    held = catalogue.current()
    monkeypatch.setattr(catalogue, "current", lambda: held)
    CRO.objects.filter(pk=gone.pk).update(status=CROStatus.DRAFT)

    text = page(client)

    assert names(text) == ["Baltica"]
    assert "taken off the list a moment ago" in text


# Suggestions


def test_suggestions_lead_to_cros_and_to_filters(client):
    AliasFactory.create(cro__name="Baltica", cro__slug="baltica", name="Onco Amber")
    claim("Baltica", "therapeutic_area", "c04", answer=True)
    Term.objects.filter(code="c04").update(label="Oncology")

    text = client.get(reverse("catalog:suggest"), {"q": "onc"}).content.decode()

    assert 'href="/cros/baltica/"' in text
    assert 'href="/cros/?area=c04"' in text
    assert "Onco Amber" in text


def test_a_suggested_filter_is_added_to_those_that_hold(client):
    claim("Baltica", "country", "pl")
    claim("Baltica", "country", "es", observed_on=dt.date(2026, 1, 1))
    Term.objects.filter(code="es").update(label="Spain")
    query = {"q": "spa", "country": "pl", "country_mode": "all", "tray": "baltica"}

    text = client.get(reverse("catalog:suggest"), query).content.decode()

    assert "?country=pl&amp;country=es&amp;country_mode=all&amp;tray=baltica" in text


def test_a_search_for_the_name_of_a_filter_offers_the_filter(client):
    claim("Baltica", "therapeutic_area", "rare-diseases")
    Term.objects.filter(code="rare-diseases").update(
        label="Rare diseases", synonyms=["rare disease"]
    )
    claim("Aldermoor", "country", "pl")

    text = page(client, "q=Rare+Disease&country=pl")

    assert "is also a filter" in text
    assert 'href="/cros/?country=pl&amp;area=rare-diseases"' in text
    assert "is also a filter" not in page(client, "q=rare")
    assert "is also a filter" not in page(client, "q=rare+disease&area=rare-diseases")


def test_a_search_of_several_names_is_offered_as_filters(client):
    for scheme, code, label in (
        ("country", "pl", "Poland"),
        ("country", "es", "Spain"),
        ("technology", "edc", "Data capture"),
    ):
        term(scheme, code, label=label)
        claim("Both", scheme, code)
    claim("One", "country", "pl")

    text = page(client, "q=data+capture+in+Poland+and+Spain+both")

    assert "can be read as filters:" in text
    assert "Data capture + Poland + Spain + “both”" in text
    assert (
        "?q=both&amp;technology=edc&amp;country=pl&amp;country=es"
        "&amp;country_mode=all" in text
    )
    assert "also a filter" not in page(client, "q=nobody+knows+this")


def test_nothing_typed_suggests_nothing(client):
    assert not client.get(reverse("catalog:suggest")).content.strip()
