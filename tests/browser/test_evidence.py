"""Real CROs: a curator reads a register in, a sponsor matches a record against it."""

import json
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import call_command

from catalog.models import TrialRole
from tests.catalog.importers.ctgov_records import make_study
from tests.factories import MembershipFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def record(number, sponsor, collaborator):
    made = make_study()
    protocol = made["protocolSection"]
    protocol["identificationModule"]["nctId"] = f"NCT{number:08d}"
    protocol["sponsorCollaboratorsModule"] = {
        "leadSponsor": {"name": sponsor, "class": "INDUSTRY"},
        "collaborators": [{"name": collaborator, "class": "INDUSTRY"}],
    }
    return made


@pytest.fixture
def register(tmp_path):
    """Read three records in: two of Medpace, one of Quintiles, which is IQVIA today."""
    cache.clear()
    call_command("load_vocabularies", verbosity=0)
    call_command("load_directory", stdout=StringIO())
    copy = tmp_path / "trials.jsonl"
    copy.write_text(
        "".join(
            json.dumps(record(*one)) + "\n"
            for one in (
                (99000001, "Fictional Biotech", "Medpace, Inc."),
                (99000002, "Fictional Biotech", "Medpace"),
                (99000003, "Other Fictional Pharma", "Quintiles, Inc."),
            )
        )
    )
    call_command("import_trials", str(copy), stdout=StringIO(), stderr=StringIO())
    assert TrialRole.objects.count() == 3


def test_from_a_copy_of_a_register_to_a_ranking_of_real_cros(
    register, open_page, session_of, hinting, start_worker, tmp_path
):
    start_worker()
    member = MembershipFactory.create()
    page = open_page("/cros/medpace/experience/", cookies=session_of(member.user))
    page.get_by_role("heading", name="2 trials", exact=True).wait_for()
    link = page.get_by_role("link", name="NCT99000001")
    assert link.get_attribute("href").endswith("/study/NCT99000001")
    page.get_by_text("Collaborator: “Medpace, Inc.”").wait_for()
    page.get_by_role("link", name="Fictional Biotech").click()
    page.wait_for_url("**sponsor=**")

    page.goto(page.url.split("/cros/")[0] + "/cros/quintiles/experience/")
    page.get_by_text("You asked for the former").wait_for()
    page.get_by_role("link", name="Add the inherited trials").click()
    page.get_by_text("inherited from Quintiles").wait_for()

    asked = tmp_path / "record.json"
    asked.write_text(json.dumps(record(99000009, "Fictional Biotech", "Nobody")))
    page.goto(page.url.split("/cros/")[0] + "/studies/new/")
    page.get_by_label("File").set_input_files(asked)
    page.get_by_role("button", name="Read the record").click()
    page.wait_for_url("**/edit/**")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The study is saved.").wait_for()
    page.get_by_role("main").get_by_role("link", name="Ranking").first.click()
    first = page.locator(".ranking-entry").first
    first.wait_for(timeout=20_000)
    first.get_by_role("link", name="Medpace").first.wait_for()
    first.get_by_text("Why?").click()
    first.get_by_role("link", name="NCT99000001").first.wait_for()
