"""Each format gives the same dataclass, and no person passes any parser."""

import copy
import csv
import datetime as dt
import io

import pytest

from catalog.importers import ctgov_csv, ctgov_merged, ctgov_xml, ctis
from catalog.importers.records import (
    CountrySites,
    Mention,
    Organization,
    PartialDate,
    RecordError,
)
from catalog.importers.streams import Found, Stream
from tests.catalog.importers import formats


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def day(text):
    return PartialDate(dt.date.fromisoformat(text), "day")


def test_the_older_xml_is_read():
    record = ctgov_xml.parse_xml(formats.XML.encode())

    assert record.registry_id == "NCT99000002"
    assert record.study_type == "OBSERVATIONAL"
    assert record.status == "ACTIVE_NOT_RECRUITING"
    assert record.phases == ("PHASE1", "PHASE2")
    assert record.participants == 120
    assert record.intervention_types == ("DIETARY_SUPPLEMENT",)
    assert record.sex == "ALL"
    assert record.start == PartialDate(dt.date(2014, 11, 1), "month")
    assert record.completion == day("2016-03-05")
    assert record.version == "2015-09-01"
    assert record.other_ids == ("MU-2",)
    assert [term.label for term in record.mesh_conditions] == ["Asthma"]
    assert record.countries == (CountrySites("Poland", 1),)
    assert record.lead_sponsor == Organization("Made-up Pharma", "INDUSTRY")
    assert record.mentions == (
        Mention("Made-up Pharma", "lead"),
        Mention("Fictional Research", "collaborator"),
        Mention("Fictional Unit", "official"),
        Mention("Fictional Party", "official"),
        Mention(
            "Fictional Research", "results_contact", domain="fictional-research.example"
        ),
        Mention("", "contact_domain", domain="contact.example"),
        Mention("Fictional Clinic", "facility", country="Poland"),
    )
    assert record.notes == ()


def test_countries_of_an_xml_without_sites_are_read():
    xml = formats.XML.replace("<location>", "<gone>").replace("</location>", "</gone>")
    xml = xml.replace(
        "<lastchanged",
        "<location_countries><country>Peru</country></location_countries><lastchanged",
        1,
    )

    record = ctgov_xml.parse_xml(xml.encode())

    assert record.countries == (CountrySites("Peru", None),)
    assert record.n_sites is None
    assert record.notes == ()


LAUGHS = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<clinical_study><brief_title>&c;</brief_title></clinical_study>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<clinical_study><brief_title>&x;</brief_title></clinical_study>"""


@pytest.mark.parametrize("xml", [LAUGHS, OUTSIDE])
def test_xml_with_entities_is_refused(xml):
    with pytest.raises(RecordError, match="declares a document type"):
        ctgov_xml.parse_xml(xml.encode())


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ("<clinical_study><brief_title>", "This is not XML: line 1"),
        ("<html></html>", "begins with “html”"),
        ("<clinical_study/>", "NCT number is missing"),
        ("<a>" * 100 + "</a>" * 100, "larger or deeper"),
        ('<?xml version="1.0" encoding="none-such"?><a/>', "cannot be read"),
    ],
)
def test_bad_xml_gets_a_sentence(xml, words):
    with pytest.raises(RecordError, match=words):
        ctgov_xml.parse_xml(xml.encode())


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("April 13, 2016", "2016-04-13"),
        ("April 2016", "2016-04"),
        ("2016-04", "2016-04"),
        ("Smarch 2016", "Smarch 2016"),
    ],
)
def test_written_dates_become_iso(text, iso):
    assert ctgov_xml.iso_date(text) == iso


def test_the_old_csv_export_is_read():
    (row,) = rows(formats.OLD_CSV)

    record = ctgov_csv.parse_row(row)

    assert record.registry_id == "NCT99000003"
    assert record.status == "UNKNOWN"
    assert record.conditions == ("Asthma", "Rhinitis")
    assert record.phases == ("PHASE2", "PHASE3")
    assert record.participants == 250
    assert (record.min_age_years, record.max_age_years) == (18, 60)
    assert record.version == "2019-05-04"
    assert record.other_ids == ("MU-3",)
    assert record.lead_sponsor == Organization("", "OTHER")
    assert record.countries == (
        CountrySites("Poland", 1),
        CountrySites("Korea, Republic of", 1),
    )
    assert record.completion == day("2018-06-13")
    assert Mention("Fictional Research", "collaborator") in record.mentions


def test_the_new_csv_export_is_read():
    (row,) = rows(formats.NEW_CSV)

    record = ctgov_csv.parse_row(row)

    assert record.registry_id == "NCT99000004"
    assert record.status == "COMPLETED"
    assert record.phases == ("NA",)
    assert record.start == day("2022-10-01")
    assert record.version == ""
    assert record.mentions == (
        Mention("Made-up Pharma", "lead"),
        Mention("Fictional Research", "collaborator"),
        Mention("Fictional Clinic", "facility", country="Poland"),
    )


def test_a_row_with_too_many_cells_is_refused():
    (row,) = rows(formats.NEW_CSV.rstrip() + ",one,more\n")

    with pytest.raises(RecordError, match="more cells"):
        ctgov_csv.parse_row(row)


def test_merged_lines_are_read():
    record = ctgov_merged.parse_line(formats.MERGED)

    assert record.registry_id == "NCT99000005"
    assert record.status == "UNKNOWN"
    assert record.phases == ("PHASE1", "PHASE2")
    assert record.participants == 64
    assert record.intervention_types == ("DIETARY_SUPPLEMENT",)
    assert record.countries == (CountrySites("Poland"), CountrySites("France"))
    assert record.n_sites == 5
    assert record.lead_sponsor == Organization("", "OTHER")
    assert record.version == "2016-04-13"
    assert record.mentions == (
        Mention("Fictional Research", "collaborator"),
        Mention("Fictional Unit", "official"),
        Mention("Fictional Unit", "facility"),
    )
    assert record.notes == ()


@pytest.mark.parametrize("key", sorted(formats.MERGED.keys() - {"nct_id"}))
@pytest.mark.parametrize("value", [7, "text", ["x", 3], {"a": 1}, None, True])
def test_a_merged_field_of_another_type_does_no_harm(key, value):
    record = ctgov_merged.parse_line({**formats.MERGED, key: value})

    assert record.registry_id == "NCT99000005"


def test_ctis_is_read_with_third_parties():
    record = ctis.parse_trial(formats.CTIS)

    assert record.register == "ctis"
    assert record.registry_id == "2023-500001-32-00"
    assert record.status == "RECRUITING"
    assert record.phases == ("PHASE2", "PHASE3")
    assert record.participants == 160
    assert record.conditions == ("Asthma",)
    assert record.start == day("2023-04-02")
    assert record.completion == day("2025-12-31")
    assert record.version == "2024-05-06"
    assert record.other_ids == ("2021-000001-11", "NCT99000006")
    assert record.countries == (CountrySites("Poland", 1), CountrySites("France"))
    assert record.n_sites is None  # France does not list its own
    assert record.lead_sponsor == Organization("Made-up Pharma", "INDUSTRY")
    assert record.mentions == (
        Mention("Made-up Pharma", "lead"),
        Mention("Fictional Research", "third_party", country="Germany"),
        Mention("Fictional Clinic", "facility", country="Poland"),
    )


@pytest.mark.parametrize(
    ("second", "participants", "n_sites"),
    [
        ({}, None, None),
        ({"recruitmentSubjectCount": 0}, 140, None),
        ({"recruitmentSubjectCount": 20, "trialSites": [{}, {}]}, 160, 3),
    ],
)
def test_what_a_member_state_leaves_open_is_not_taken_as_none(
    second, participants, n_sites
):
    body = copy.deepcopy(formats.CTIS)
    parts = body["authorizedApplication"]["authorizedPartsII"]
    parts[1] = {"mscInfo": {"countryName": "France"}, **second}
    record = ctis.parse_trial(body)
    assert (record.participants, record.n_sites) == (participants, n_sites)


def test_the_older_generation_of_ctis_is_read():
    older = {**formats.CTIS, **formats.CTIS["authorizedApplication"]}
    del older["authorizedApplication"]

    assert ctis.parse_trial(older).mentions == ctis.parse_trial(formats.CTIS).mentions


def test_a_ctis_trial_without_number_is_refused():
    with pytest.raises(RecordError, match="EU CT number is missing"):
        ctis.parse_trial({**formats.CTIS, "ctNumber": None})


@pytest.mark.parametrize("name", sorted(formats.files()))
def test_no_format_lets_a_person_through(tmp_path, name):
    payload = formats.files()[name]
    assert any(word in payload.decode().lower() for word in formats.PLANTED) or (
        name == "new.csv"
    )
    path = tmp_path / name
    path.write_bytes(payload)

    (item,) = Stream(path).read()

    assert isinstance(item, Found), item
    kept = repr(item.record).lower()
    for word in (*formats.PLANTED, "@"):
        assert word not in kept
