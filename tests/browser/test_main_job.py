"""The main job as a sponsor does it: from a register's record to reasons."""

import json

import pytest
from django.core.management import call_command

from catalog import snapshot
from cro_portal.accounts.demo import DEMO_PASSWORD
from tests.catalog.importers.ctgov_records import make_study

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def market(db, settings):
    settings.DEBUG = True  # the demo's passwords are known to everybody
    call_command("load_vocabularies", verbosity=0)
    call_command("load_demo", "--cros", "60", "--seed", "1", verbosity=0)
    settings.DEBUG = False
    snapshot.forget()
    yield
    snapshot.forget()


def sign_in(page):
    page.get_by_label("E-mail").fill("sponsor@demo.example")
    page.get_by_label("Password", exact=True).fill(DEMO_PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_from_a_record_to_a_ranked_explained_list(
    market, open_page, hinting, start_worker, tmp_path
):
    start_worker()
    record = tmp_path / "record.json"
    record.write_text(json.dumps(make_study()))

    page = open_page("/studies/new/")
    sign_in(page)
    page.get_by_label("File").set_input_files(record)
    page.get_by_role("button", name="Read the record").click()
    page.wait_for_url("**/edit/**")  # the whole page, not only its heading
    page.get_by_role("heading", name="Edit the study").wait_for()
    assert page.get_by_text("from register").count() > 5

    page.locator("summary", has_text="Service").click()
    page.get_by_label("Data management", exact=True).select_option("must")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The study is saved.").wait_for()

    page.get_by_role("main").get_by_role("link", name="Ranking").first.click()
    page.get_by_role("heading", name="CROs ranked for this study").wait_for()
    first = page.locator(".ranking-entry").first
    first.wait_for(timeout=20_000)
    page.locator(".notice--stale").wait_for(state="detached", timeout=20_000)
    page.get_by_text("As of").wait_for()

    first.get_by_text("Why?").click()
    first.get_by_role("heading", name="Services asked for").wait_for()
    assert first.get_by_text("Data management:").count() >= 1


def test_without_a_script_it_is_the_same_job(
    market, open_page, hinting, start_worker, tmp_path
):
    start_worker()
    record = tmp_path / "record.json"
    record.write_text(json.dumps(make_study()))

    page = open_page("/studies/new/", javascript=False)
    sign_in(page)
    page.get_by_label("File").set_input_files(record)
    page.get_by_role("button", name="Read the record").click()
    page.get_by_role("link", name="Leave without saving").click()
    page.get_by_role("main").get_by_role("link", name="Ranking").first.click()
    page.locator(".ranking-entry").first.wait_for(timeout=20_000)  # it renews itself
    page.get_by_text("Why?").first.click()
    page.get_by_role("link", name="All reasons for").first.click()
    page.get_by_role("heading", name="Trials in the condition").wait_for()
