"""From weights to a panel and a freeze, with the keyboard and without JavaScript."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from matching import hints
from matching import services as rankings
from sponsors import services
from sponsors.models import PersonalWeights, WeightsFreeze
from sponsors.weighing import weigh
from tests.changes import mark_changed
from tests.factories import (
    ClaimFactory,
    MembershipFactory,
    RequirementFactory,
    StudyFactory,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study(member, monkeypatch):
    monkeypatch.setattr(hints, "_send", lambda *hint: None)
    study = StudyFactory.create(sponsor=member.sponsor, title="A trial of something")
    RequirementFactory.create(study=study, term__scheme__code="country")
    asked = RequirementFactory.create(study=study)
    for _ in range(3):
        mark_changed(ClaimFactory.create(term=asked.term).cro)
    rankings.want_rankings([study.pk])
    assert rankings.recompute(study.pk)
    return study


@pytest.mark.parametrize("javascript", [True, False])
def test_from_ranks_to_a_panel_and_the_freeze(
    open_page, session_of, member, study, javascript
):
    def follows(share):
        """Wait until the result shows what was typed; it does so only with a script."""
        if javascript:
            page.locator("#result").get_by_text(share, exact=True).wait_for()

    at = f"/studies/{study.pk}/weights/"
    page = open_page(at, javascript=javascript, cookies=session_of(member.user))
    page.get_by_role("button", name="Hide the names of CROs").click()
    page.get_by_text("Names are hidden").first.wait_for()

    # One's own first, as ranks, by keyboard alone.
    page.get_by_role("link", name="Only mine").press("Enter")
    page.get_by_role("link", name="Rank order").press("Enter")
    for label, rank in (("Geography", "1"), ("Services", "2"), ("Quality", "3")):
        page.get_by_label(label, exact=True).focus()
        page.keyboard.type(rank)
    for label in (
        "Expertise",
        "Project management",
        "Technology",
        "Scalability",
        "Fit",
    ):
        page.get_by_label(label, exact=True).select_option("")
    follows("61 %")
    page.get_by_role("button", name="Show the result").press("Enter")
    page.locator("#result").get_by_text("61 %", exact=True).wait_for()
    assert not PersonalWeights.objects.exists()
    page.get_by_role("button", name="Save as mine").press("Enter")
    page.get_by_role("heading", name="Who would win under whose weights").wait_for()
    assert PersonalWeights.objects.get().raw == {
        "geography": 1,
        "services": 2,
        "quality": 3,
    }
    winners = page.get_by_role("table", name="").first
    assert "CRO " in winners.inner_text()
    assert "Fictional" not in page.locator("main").inner_text()

    # Then the study's, as swings, and the freeze.
    page.goto(page.url.replace("/panel/", "/weights/?way=swing"))
    page.get_by_label("Expertise", exact=True).fill("40")
    page.get_by_label("Geography", exact=True).fill("100")
    follows("28 %")
    page.get_by_role("button", name="Save the weights").click()
    page.get_by_text("The weights are saved.").wait_for()
    page.goto(page.url + "weights/")
    page.get_by_role("button", name="Freeze the saved weights").press("Enter")
    page.get_by_text("The weights are frozen.").wait_for()
    assert WeightsFreeze.objects.get().weights.method == "swing"
    page.get_by_role("link", name="See its ranking").click()
    assert "Fictional" in page.locator("main").inner_text()


def test_the_result_follows_what_is_typed(open_page, session_of, member, study):
    at = f"/studies/{study.pk}/weights/?way=swing"
    page = open_page(at, cookies=session_of(member.user))
    for label in ("Expertise", "Project management", "Technology", "Scalability"):
        page.get_by_label(label, exact=True).fill("0")
    page.get_by_label("Geography", exact=True).fill("100")
    for label in ("Services", "Quality", "Fit"):
        page.get_by_label(label, exact=True).fill("10")
    page.locator("#result").get_by_text("Geography alone weighs 83 %").wait_for()
    study.refresh_from_db()
    assert study.version == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_weights_has_a_barrier_and_each_fits_a_phone(
    open_page, session_of, member, study, scheme
):
    for values in ("device", "large-phase-3"):
        services.set_personal_weights(
            study=study,
            by=MembershipFactory.create(sponsor=study.sponsor).user,
            weighing=weigh("template", template=values),
        )
    services.freeze_weights(study=study, expected_version=1, by=member.user)
    cookies = session_of(member.user)
    for path in (
        "weights/",
        "weights/?way=rank",
        "weights/?way=swing",
        "weights/pairs/",
        "weights/mine/",
        "panel/",
    ):
        page = open_page(
            f"/studies/{study.pk}/{path}", width=390, scheme=scheme, cookies=cookies
        )
        found = Axe().run(
            page, options={"resultTypes": ["violations"], "preload": False}
        )
        assert found.violations_count == 0, (path, found.generate_report())
        overflow = "document.documentElement.scrollWidth > innerWidth"
        assert not page.evaluate(overflow), path
