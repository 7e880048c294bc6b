import datetime as dt

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache

from catalog import catalogue as held
from catalog import snapshot
from catalog.choices import ClaimStatus
from catalog.models import TrialCondition, TrialCountry
from catalog.profile.tabs import TABS
from tests.browser.waiting import wait_until
from tests.changes import mark_vocabulary_changed
from tests.factories import (
    AliasFactory,
    ClaimFactory,
    CROFactory,
    TermFactory,
    TrialRoleFactory,
    UserFactory,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def catalogue():
    cache.clear()
    cro = CROFactory.create(name="Baltica Trials", slug="baltica", summary="One line.")
    CROFactory.create_batch(26)
    AliasFactory.create(cro=cro)
    for tier in (4, 5):
        ClaimFactory.create(cro=cro, tier=tier, term__code=f"service-{tier}")
    ClaimFactory.create(cro=cro, status=ClaimStatus.DISPUTED)
    ClaimFactory.create(cro=cro, expires_on=dt.date(2026, 6, 2))
    for scheme in ("region", "phase", "therapeutic_area", "technology"):
        TermFactory.create(scheme__code=scheme)
    TrialRoleFactory.create(cro=cro, trial__title="Efficacy of DX-1 in adults " * 6)
    return cro


@pytest.fixture
def nothing_held(tmp_path, monkeypatch):
    monkeypatch.setattr(held, "folder", lambda: tmp_path)
    snapshot.forget()
    held.forget()
    yield
    snapshot.forget()
    held.forget()


@pytest.fixture
def poland(nothing_held):
    country = TermFactory.create(scheme__code="country", code="pl", label="Poland")
    area = TermFactory.create(
        scheme__code="therapeutic_area", code="c04", tree_numbers=["C04"]
    )
    region = TermFactory.create(scheme__code="region", code="eastern-europe-un")
    country.broader.add(region)
    role = TrialRoleFactory.create()
    TrialCountry.objects.create(trial=role.trial, country=country)
    TrialCondition.objects.create(
        trial=role.trial,
        term=TermFactory.create(scheme__code="condition", tree_numbers=["C04.1"]),
    )
    mark_vocabulary_changed()
    return area


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_maps_have_no_barrier(open_page, poland, scheme, width):
    page = open_page("/cros/coverage/?country=pl", width=width, scheme=scheme)

    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False})

    assert found.violations_count == 0, found.generate_report()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_the_map_leads_to_the_list(open_page, poland):
    page = open_page("/cros/coverage/?unknown=0")

    page.locator(".map__world a .map__place").click()

    page.wait_for_url("**/cros/?unknown=0&country=pl")
    page.go_back()
    page.get_by_role("link", name="1", exact=True).click()
    page.wait_for_url("**/cros/?unknown=0&area=c04&region=eastern-europe-un")


def test_a_chosen_theme_stays(open_page):
    page = open_page("/", scheme="light")

    page.get_by_role("button", name="Dark theme").click()
    page.reload()

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    button = page.get_by_role("button", name="Dark theme")
    assert button.get_attribute("aria-pressed") == "true"


def test_an_opened_list_stays_open(open_page):
    page = open_page("/cros/baltica/")

    page.locator("details > summary").first.click()
    page.reload()

    assert page.locator("details").first.get_attribute("open") is not None


def test_a_tab_is_swapped_and_the_address_and_focus_follow(open_page):
    page = open_page("/cros/baltica/")
    page.evaluate("document.querySelector('h1').dataset.kept = 'yes'")

    page.get_by_role("link", name="Services").press("Enter")
    page.wait_for_url("**/cros/baltica/services/")
    page.locator("#tab-services[aria-current]").wait_for()

    assert page.locator("h1").get_attribute("data-kept") == "yes"
    assert page.title().startswith("Services · Baltica Trials")
    wait_until(page, "document.activeElement.id === 'tab-services'")
    page.go_back()
    page.locator("#tab-overview[aria-current]").wait_for()


def test_a_tab_works_without_javascript(open_page):
    page = open_page("/cros/baltica/", javascript=False)

    page.get_by_role("link", name="Sources").click()
    page.wait_for_url("**/cros/baltica/sources/")

    assert page.locator("#tab-sources[aria-current]").count() == 1
    assert page.locator(".claim--log").count() > 1


def test_an_answer_of_htmx_may_bring_a_message(open_page):
    page = open_page("/")

    page.evaluate("htmx.trigger(document.body, 'toast', {text: 'Saved.'})")
    page.get_by_text("Saved.").wait_for()
    page.get_by_role("button", name="Close this message").click()

    page.get_by_text("Saved.").wait_for(state="detached")


def test_who_is_signed_in_can_sign_out(open_page, session_of):
    page = open_page("/", cookies=session_of(UserFactory.create(name="Pat")))

    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="Sign in").wait_for()


@pytest.mark.parametrize("tab", TABS)
def test_a_profile_on_paper_has_no_controls_and_stays_on_the_sheet(open_page, tab):
    path = "/cros/baltica/" if tab == "overview" else f"/cros/baltica/{tab}/"
    page = open_page(path, width=700)  # about A4 between its margins

    page.emulate_media(media="print")

    controls = page.locator("main nav, button, input, select, .button")
    assert not any(one.is_visible() for one in controls.all())
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert page.get_by_role("heading", level=1).is_visible()


def test_a_claim_named_in_an_address_is_shown_and_marked(open_page, catalogue):
    claim = ClaimFactory.create(cro=catalogue, observed_on=dt.date(2020, 1, 1))
    ClaimFactory.create_batch(60, cro=catalogue)  # newer: the first page is full

    page = open_page(f"/cros/baltica/claims/{claim.uuid}/")

    assert page.url.endswith(f"page=2#claim-{claim.uuid}")
    box = page.locator(f"#claim-{claim.uuid}:target").bounding_box()
    assert 0 <= box["y"] < 900
