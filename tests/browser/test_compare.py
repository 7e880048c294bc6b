"""The flow of a comparison: tick two in the list, compare, differences, export."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache

from tests.browser.waiting import stands_above, wait_until
from tests.factories import (
    ClaimFactory,
    CROFactory,
    MembershipFactory,
    RequirementFactory,
    StudyFactory,
    TermFactory,
    TrialRoleFactory,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def cros():
    cache.clear()
    phase = TermFactory.create(scheme__code="phase", label="Phase 2")
    same, other = TermFactory.create(label="Alike"), TermFactory.create(label="Apart")
    made = []
    for name, n in (("Aster", 3), ("Birch", 1)):
        cro = CROFactory.create(
            name=name, slug=name.lower(), website="https://x.example"
        )
        ClaimFactory.create(cro=cro, term=same)
        for _ in range(n):
            TrialRoleFactory.create(cro=cro, trial__phase=phase)
        made.append(cro)
    ClaimFactory.create(cro=made[0], term=other, delivery="partner")
    return made


@pytest.fixture
def study(cros):
    member = MembershipFactory.create()
    study = StudyFactory.create(sponsor=member.sponsor, title="Tea in adults")
    claim = cros[0].claims.first()
    RequirementFactory.create(study=study, term=claim.term, importance="must")
    RequirementFactory.create(study=study)
    return study, member.user


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_comparison_has_no_barrier_and_fits(
    open_page, session_of, study, width, scheme
):
    wanted, user = study
    page = open_page(
        f"/cros/compare/?cro=aster&cro=birch&cro=nobody&study={wanted.pk}",
        width=width,
        scheme=scheme,
        cookies=session_of(user),
    )

    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False})

    assert found.violations_count == 0, found.generate_report()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_the_first_column_stays_in_sight_on_a_phone(open_page):
    page = open_page("/cros/compare/?cro=aster&cro=birch", width=390)
    fact = page.locator("#services th[scope=row]").first
    before = fact.bounding_box()["x"]

    page.locator(".compare-scroll").evaluate("box => box.scrollLeft = 120")

    assert abs(fact.bounding_box()["x"] - before) < 2


@pytest.mark.parametrize("javascript", [True, False])
def test_two_are_ticked_compared_and_exported(open_page, javascript):
    page = open_page("/cros/", javascript=javascript)

    for name in ("Aster", "Birch"):
        page.get_by_role("button", name=f"Compare {name}").click()
        page.locator(".compare-tray__item", has_text=name).wait_for()
        page.get_by_role("button", name=f"Compare {name}", pressed=True).wait_for()
    page.locator("#compare-tray").get_by_role("link", name="Compare").click()
    page.wait_for_url("**/cros/compare/?cro=aster&cro=birch")
    assert page.locator("th", has_text="Alike").count() == 1
    page.get_by_role("switch", name="Only differences").click()
    page.wait_for_url("**diff=1**")

    page.locator("th", has_text="Alike").wait_for(state="detached")
    assert page.locator("th", has_text="Apart").count() == 1
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert download.value.suggested_filename.endswith(".csv")


def test_the_keyboard_alone_ticks_and_compares(open_page):
    page = open_page("/cros/")
    for name in ("Aster", "Birch"):
        page.get_by_role("button", name=f"Compare {name}").focus()
        page.keyboard.press("Enter")
        page.locator(".compare-tray__item", has_text=name).wait_for()
        page.get_by_role("button", name=f"Compare {name}", pressed=True).wait_for()
    wait_until(page, "document.activeElement.value === 'birch'")

    page.locator(".compare-tray__item", has_text="Aster").focus()
    page.keyboard.press("Enter")
    page.locator(".compare-tray__item", has_text="Aster").wait_for(state="detached")
    wait_until(page, "document.activeElement.closest('#compare-tray')")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.wait_for_url("**/cros/compare/?cro=birch")
    switch = page.get_by_label("Add a CRO by name")
    switch.focus()
    page.keyboard.type("aster")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cros/compare/?cro=birch&cro=aster")


def test_a_suggested_cro_is_added_by_keyboard(open_page):
    page = open_page("/cros/compare/?cro=birch&diff=1")
    page.get_by_role("combobox", name="Add a CRO by name").focus()
    page.keyboard.type("ast", delay=20)
    page.get_by_role("option", name="Aster").wait_for()

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**/cros/compare/?cro=birch&cro=aster&diff=1")


def test_a_seventh_is_refused_by_a_message(open_page, cros):
    others = CROFactory.create_batch(5)
    tray = "&".join(f"tray={cro.slug}" for cro in [cros[0], *others])
    page = open_page(f"/cros/?{tray}")

    page.get_by_role("button", name="Compare Birch").click()

    page.get_by_text("Take one out of the comparison, then add Birch.").wait_for()


def test_on_paper_the_whole_table_stands_above_what_follows(open_page):
    page = open_page("/cros/compare/?cro=aster&cro=birch")

    page.emulate_media(media="print")

    wait_until(page, stands_above("table.compare", "#picture-title"))
