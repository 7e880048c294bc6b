"""The question people try first, on the fictional market, as a newcomer asks it."""

import re

import pytest
from django.core.cache import cache
from django.core.management import call_command

from catalog.services.demo import load_demo_market

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STEPS = {
    "rare": "Rare diseases",
    "phase 2": "Phase 2 Phase",
    "poland": "Poland",
    "spain": "Spain",
    "edc": "Electronic data capture",
}
"""What a newcomer types, and the suggestion taken."""


@pytest.fixture(autouse=True)
def market():
    cache.clear()
    call_command("load_vocabularies", verbosity=0)
    load_demo_market(n_cros=60, seed=1)


def test_a_small_cro_with_edc_and_rare_phase_2_trials_in_poland_and_spain(open_page):
    page = open_page("/")

    for words, suggestion in STEPS.items():
        page.get_by_role("combobox", name="Name, service").fill(words)
        page.get_by_role("option", name=suggestion).first.click()
        chip = suggestion.removesuffix(" Phase")
        page.locator(".filter-chip").get_by_text(chip).wait_for()
    page.get_by_label("All of these, not just one").first.check()
    page.wait_for_url("**country_mode=all**")
    page.get_by_label("Filters", exact=True).get_by_role(
        "link", name=re.compile("^own")
    ).click()
    page.wait_for_url("**technology=edc%3Aown**")
    for size in ("Under 50 people", "50 to 499 people"):
        page.get_by_role("checkbox", name=re.compile(f"^{size}")).check()
        page.locator(".filter-chip").get_by_text(size).wait_for()
    page.locator(".results__count").get_by_text("known to match").wait_for()

    page.get_by_role("checkbox", name="Include CROs with no information").uncheck()
    page.wait_for_url("**unknown=0**")
    found = page.locator(".cro-card__name a")
    assert found.count() >= 1
    found.first.click()
    page.get_by_role("link", name="Experience").click()
    page.locator("#tab-experience[aria-current]").wait_for()
    assert page.locator("td", has_text="Phase 2").count() >= 4
