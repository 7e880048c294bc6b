"""Weights moved in a real browser: at once by the script, then by the server."""

import pytest
from django.core.management import call_command

from catalog import snapshot
from matching import hints, services
from sponsors.models import Study
from tests.browser.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ROWS = """[...document.querySelectorAll(".whatif-table tbody tr")].map(
    (row) => [...row.cells].map((cell) => cell.textContent.trim()))"""
MARKS = """[...document.querySelectorAll(".whatif__line")].map((line) => [
    line.dataset.criterion, line.querySelector("[data-mark]").textContent,
    line.querySelector(".whatif__mark").getAttribute("visibility") || "visible",
    line.querySelector(".whatif__mark").getAttribute("x")])"""


@pytest.fixture
def study(settings, monkeypatch):
    """A demo study with 60 CROs ranked for it, and somebody who owns it."""
    monkeypatch.setattr(hints, "_send", lambda *hint: None)
    settings.DEBUG = True  # the demo's passwords are known to everybody
    call_command("load_vocabularies", verbosity=0)
    call_command("load_demo", "--cros", "60", "--seed", "1", verbosity=0)
    settings.DEBUG = False
    snapshot.forget()
    for pk in Study.objects.values_list("pk", flat=True):
        services.recompute(pk)
    found = Study.objects.filter(sponsor__members__email="sponsor@demo.example")
    yield found.filter(rankings__n_conditional__gt=1).first()
    snapshot.forget()


@pytest.fixture
def owner(study):
    return study.sponsor.members.get(email="sponsor@demo.example")


def what_if(study):
    return f"/studies/{study.pk}/ranking/what-if/"


def set_points(page, label, points):
    page.get_by_label(label, exact=True).fill(str(points))


def test_script_and_server_come_to_the_same(open_page, session_of, study, owner):
    page = open_page(what_if(study), cookies=session_of(owner))
    before = page.evaluate(ROWS)
    server_marks = page.evaluate(MARKS)

    set_points(page, "Geography", 0)
    set_points(page, "Expertise", 3)
    set_points(page, "Quality", 90)
    by_script = page.evaluate(ROWS)
    marks_by_script = page.evaluate(MARKS)
    assert by_script != before
    assert any(row[1].startswith("up") for row in by_script)
    wait_until(page, "!!document.querySelector('[data-confirmed]')")

    assert page.evaluate(ROWS) == by_script
    page.get_by_label("Quality", exact=True).press("Enter")  # the whole page again
    page.wait_for_load_state()
    wait_until(page, "!!document.querySelector('.whatif__slide:not([hidden])')")
    assert page.evaluate(ROWS) == by_script
    for ours, theirs in zip(page.evaluate(MARKS), marks_by_script, strict=True):
        assert ours[:3] == theirs[:3]
        if ours[2] == "visible":
            assert float(ours[3]) == pytest.approx(float(theirs[3]), abs=0.002)
    page.get_by_role("link", name="Back to the stored weights").click()
    wait_until(page, "!!document.querySelector('.whatif__slide:not([hidden])')")
    assert page.evaluate(ROWS) == before
    assert page.evaluate(MARKS) == server_marks


def test_a_slider_is_moved_by_the_keyboard(open_page, session_of, study, owner):
    page = open_page(what_if(study), cookies=session_of(owner))
    slider = page.get_by_label("Services, points")
    slider.focus()
    slider.press("End")
    assert page.get_by_label("Services", exact=True).input_value() == "100"
    slider.press("ArrowLeft")
    assert page.get_by_label("Services", exact=True).input_value() == "99"
    wait_until(page, "!!document.querySelector('[data-confirmed]')")


def test_all_zero_says_what_to_do_and_keeps_the_order(
    open_page, session_of, study, owner
):
    page = open_page(what_if(study), cookies=session_of(owner))
    before = page.evaluate(ROWS)
    for number in page.locator(".whatif__points").all():
        number.fill("0")
    page.get_by_text("needs more than 0 points").first.wait_for()
    wait_until(page, "document.body.textContent.includes('by the stored weights')")
    assert [row[2] for row in page.evaluate(ROWS)] == [row[2] for row in before]


def test_without_a_script_a_button_weighs(open_page, session_of, study, owner):
    page = open_page(what_if(study), javascript=False, cookies=session_of(owner))
    page.get_by_label("Quality", exact=True).fill("95")
    page.get_by_label("Expertise", exact=True).fill("0")
    page.get_by_role("button", name="Weigh again").click()
    page.get_by_text("confirmed by the server").wait_for()
    assert page.get_by_label("Quality", exact=True).input_value() == "95"
    assert page.locator(".whatif-row--up").count() > 0
