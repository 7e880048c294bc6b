"""Finding a CRO as a newcomer does: by clicking, by keyboard, without JavaScript."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache

from catalog.models import Term
from tests.browser.waiting import stands_above, wait_until
from tests.factories import ClaimFactory, CROFactory, TermFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TERMS = {
    "therapeutic_area": {"rare-diseases": "Rare diseases", "c04": "Oncology"},
    "phase": {"phase-2": "Phase 2", "phase-3": "Phase 3"},
    "country": {"pl": "Poland", "es": "Spain", "de": "Germany"},
    "technology": {"edc": "Electronic data capture", "ctms": "Trial management"},
    "metric": {"headcount-fte": "Staff"},
}
WANTED = ("rare-diseases", "phase-2", "pl", "es", "edc")
NEVER_ASKED = (
    "/cros/?technology=ctms:own&country=pl&country=es&country_mode=all&unknown=0"
)


@pytest.fixture(autouse=True)
def market():
    """Make one CRO that is wanted, others that lack one thing, and one nobody knows."""
    cache.clear()
    terms = {
        code: TermFactory.create(scheme__code=scheme, code=code, label=label)
        for scheme, labels in TERMS.items()
        for code, label in labels.items()
    }

    def make(name, codes=WANTED, staff=120, delivery="own"):
        cro = CROFactory.create(name=name)
        for code in codes:
            way = delivery if code == "edc" else "own"
            ClaimFactory.create(cro=cro, term=terms[code], delivery=way)
        ClaimFactory.create(cro=cro, term=terms["headcount-fte"], value=staff)
        return cro

    make("Iberica Baltica")
    make("Too large", staff=4000)
    make("Through a partner", delivery="partner")
    make("Only in Poland", codes=("rare-diseases", "phase-2", "pl", "edc"))
    make("Oncology in Germany", codes=("c04", "phase-3", "de", "ctms"))
    CROFactory.create_batch(25)
    assert Term.objects.count() == len(terms)


def box(page, label):
    return page.get_by_role("checkbox", name=re.compile(f"^{label}"))


def names(page):
    return page.locator(".cro-card__name").all_inner_texts()


def when_found(page, n):
    page.locator(".results__count strong").get_by_text(n, exact=True).wait_for()


def test_a_newcomer_finds_the_cro_by_clicking(open_page):
    page = open_page("/cros/")
    filters = page.get_by_label("Filters", exact=True)

    box(page, "50 to 499 people").check()
    page.get_by_role("link", name="Remove the filter Size: 50 to 499 people").wait_for()
    box(page, "Electronic data capture").check()
    filters.get_by_role("link", name=re.compile("^own")).click()
    page.get_by_role(
        "link", name="Remove the filter Technology: Electronic data capture, own"
    ).wait_for()
    for label in ("Rare diseases", "Phase 2", "Poland", "Spain"):
        box(page, label).check()
        page.locator(".filter-chip").get_by_text(label).wait_for()
    box(page, "All of these, not just one").check()
    page.locator(".results__count").get_by_text("1 known to match").wait_for()

    assert page.locator(".cro-card__name").first.inner_text() == "Iberica Baltica"
    assert "technology=edc%3Aown" in page.url
    assert "country_mode=all" in page.url
    assert "find=" not in page.url

    box(page, "Include CROs with no information").uncheck()
    when_found(page, "1")
    assert names(page) == ["Iberica Baltica"]


def test_the_back_button_takes_back_one_choice(open_page):
    page = open_page("/cros/")
    box(page, "Poland").check()
    page.locator(".filter-chip").wait_for()
    box(page, "Spain").check()
    page.locator(".filter-chip").nth(1).wait_for()

    page.go_back()
    page.locator(".filter-chip").nth(1).wait_for(state="detached")

    assert page.url.endswith("/cros/?country=pl")
    poland = box(page, "Poland")
    assert poland.is_checked()
    page.go_back()
    page.locator(".filter-chip").wait_for(state="detached")
    assert page.url.endswith("/cros/")


def test_the_keyboard_is_enough(open_page):
    page = open_page("/cros/")
    page.get_by_role("combobox", name="Name, service").focus()
    page.keyboard.type("onc", delay=20)
    page.get_by_role("option", name="Oncology Therapeutic area").wait_for()

    page.keyboard.press("Escape")
    assert not page.locator("#find-q-suggestions").is_visible()
    field = page.get_by_role("combobox", name="Name, service")
    href = ""
    while "area=c04" not in href:
        page.keyboard.press("ArrowDown")
        chosen = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
        assert chosen.get_attribute("aria-selected") == "true"
        href = chosen.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cros/?area=c04")

    page.locator("#phase-phase-3").focus()
    page.keyboard.press("Space")
    page.locator(".filter-chip").nth(1).wait_for()

    assert page.url.endswith("?area=c04&phase=phase-3")
    wait_until(page, "document.activeElement.id === 'phase-phase-3'")
    assert names(page)[0] == "Oncology in Germany"


def test_a_suggested_filter_joins_those_chosen(open_page):
    page = open_page("/cros/?country=pl&view=table")
    page.get_by_role("combobox", name="Name, service").focus()
    page.keyboard.type("electronic", delay=20)
    page.get_by_role("option", name="Electronic data capture").click()

    page.wait_for_url("**/cros/?country=pl&technology=edc&view=table")


def test_without_javascript_the_page_is_the_same(open_page):
    address = "/cros/?country=pl&technology=edc%3Aown"
    plain, rich = open_page(address, javascript=False), open_page(address)
    box(rich, "Phase 2").check()
    rich.locator(".filter-chip").nth(2).wait_for()

    box(plain, "Phase 2").check()
    plain.get_by_role("button", name="Show", exact=True).click()

    text = ".browse__parts"
    assert names(plain) == names(rich)
    assert (
        plain.locator("#results").inner_text() == rich.locator("#results").inner_text()
    )
    count = f"{text} .facet__row input:checked"
    assert plain.locator(count).count() == rich.locator(count).count() == 3


def test_on_a_phone_the_filters_open_above_the_list(open_page):
    page = open_page("/cros/", width=390)
    poland = box(page, "Poland")
    assert not poland.is_visible()

    box(page, "Show the filters").check()
    poland.check()
    page.locator(".filter-chip").wait_for()

    assert poland.is_visible()
    wait_until(page, stands_above(".facets", "#results"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    "path",
    [
        "/cros/?country=pl&technology=edc:own&open=technology&find=x&service=juggling",
        "/cros/?view=table&area=c04",
        NEVER_ASKED,
        "/cros/saved/",
        "/cros/saved/new/?country=pl",
    ],
    ids=["filtered", "table", "nothing", "saved", "save"],
)
def test_no_barrier(open_page, session_of, path, width, scheme):
    user = UserFactory.create()
    page = open_page(path, width=width, scheme=scheme, cookies=session_of(user))
    if width == 390 and "saved" not in path:
        box(page, "Show the filters").check()

    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False})

    assert found.violations_count == 0, found.generate_report()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
