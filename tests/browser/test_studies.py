"""The pages about studies as a person meets them, with the real vocabulary."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.management import call_command

from catalog.importers.ctgov import read_study
from sponsors import services
from sponsors.models import Study
from tests.browser.waiting import wait_until
from tests.catalog.importers.ctgov_records import make_study

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study(member):
    call_command("load_vocabularies", verbosity=0)
    return services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=read_study(make_study())
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_barrier_and_each_fits_a_phone(
    open_page, session_of, member, study, scheme
):
    cookies = session_of(member.user)
    own = f"/studies/{study.pk}/"
    for path in ("/studies/", "/studies/new/", own, f"{own}edit/", f"{own}weights/"):
        page = open_page(path, width=390, scheme=scheme, cookies=cookies)
        # Its `preload` would fetch the imported sheets from wrong addresses.
        options = {"resultTypes": ["violations"], "preload": False}
        found = Axe().run(page, options=options)
        assert found.violations_count == 0, (path, found.generate_report())
        overflow = "document.documentElement.scrollWidth > innerWidth"
        assert not page.evaluate(overflow), path


def test_a_word_without_end_widens_no_page(open_page, session_of, member, study):
    Study.objects.filter(pk=study.pk).update(title="W" * 300, notes="n" * 10_000)
    cookies = session_of(member.user)
    own = f"/studies/{study.pk}/"
    typed = "x" * 200
    for path in (
        *("/studies/", own, f"{own}edit/", f"{own}weights/", f"{own}ranking/"),
        *(f"/cros/?q={typed}", f"/cros/compare/?add={typed}"),
    ):
        page = open_page(path, width=390, cookies=cookies)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_condition_is_searched_added_and_saved(open_page, session_of, member, study):
    page = open_page(f"/studies/{study.pk}/edit/", cookies=session_of(member.user))

    page.get_by_label("Search condition").press_sequentially("breast neopl")
    page.get_by_role("button", name="Add Breast Neoplasms", exact=True).click()
    page.get_by_label("Breast Neoplasms", exact=True).select_option("must")
    page.get_by_role("button", name="Save").click()

    page.get_by_text("Saved.").wait_for()
    row = study.requirements.current().get(term__code="breast-neoplasms")
    assert row.importance == "must"


def test_a_list_is_opened_by_its_link_and_closed_by_escape(
    open_page, session_of, member, study
):
    page = open_page(f"/studies/{study.pk}/edit/", cookies=session_of(member.user))
    is_open = "document.getElementById('technology').open"
    assert not page.evaluate(is_open)

    page.get_by_role("link", name="Technology", exact=True).click()
    wait_until(page, is_open)
    page.locator("#technology > summary").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")  # in a field the key is the field's
    assert page.evaluate(is_open)
    page.locator("#technology > summary").focus()
    page.keyboard.press("Escape")
    assert not page.evaluate(is_open)
    assert page.evaluate("document.activeElement.matches('#technology > summary')")


def test_the_enter_key_in_a_search_does_not_save(open_page, session_of, member, study):
    page = open_page(f"/studies/{study.pk}/edit/", cookies=session_of(member.user))

    page.get_by_label("Title").fill("Another title")
    page.get_by_label("Search country").fill("portu")
    page.get_by_label("Search country").press("Enter")
    page.get_by_role("button", name="Add Portugal", exact=True).wait_for()

    assert page.get_by_label("Title").input_value() == "Another title"
    study.refresh_from_db()
    assert study.version == 1


def test_without_javascript_names_are_typed(open_page, session_of, member, study):
    page = open_page(
        f"/studies/{study.pk}/edit/",
        javascript=False,
        cookies=session_of(member.user),
    )

    assert not page.get_by_label("Search condition").is_visible()
    page.get_by_label("Add conditions").fill("Breast Neoplasms")
    page.get_by_role("button", name="Save").click()

    page.get_by_text("Saved.").wait_for()
    assert study.requirements.current().filter(term__code="breast-neoplasms").exists()
