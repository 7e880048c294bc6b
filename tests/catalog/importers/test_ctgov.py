import dataclasses
import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.importers import ctgov
from catalog.importers.records import (
    CodedTerm,
    CountrySites,
    Mention,
    Organization,
    PartialDate,
    RecordError,
    TrialRecord,
    is_person,
)
from tests.catalog.importers.ctgov_records import (
    make_study,
    needs_real_records,
    real_records,
)


def parse(study):
    return ctgov.parse_study(json.dumps(study))


def test_every_field_is_read():
    assert parse(make_study()) == TrialRecord(
        register="ctgov",
        registry_id="NCT99000001",
        title="Made-up Tablets in Adults With Asthma",
        study_type="INTERVENTIONAL",
        status="NOT_YET_RECRUITING",
        phases=("PHASE2", "PHASE3"),
        conditions=("Persistent Asthma", "Rhinitis"),
        mesh_conditions=(CodedTerm("D001249", "Asthma"),),
        mesh_ancestors=(CodedTerm("D001982", "Bronchial Diseases"),),
        design="Allocation: randomized; Model: parallel; Masking: quadruple; "
        "Purpose: treatment",
        intervention_types=("DRUG", "DEVICE"),
        participants=420,
        min_age_years=Decimal("0.50"),
        max_age_years=Decimal("17.00"),
        sex="ALL",
        healthy_volunteers=False,
        countries=(CountrySites("Poland", 3), CountrySites("France", 1)),
        n_sites=4,
        start=PartialDate(dt.date(2027, 3, 1), "month"),
        completion=PartialDate(dt.date(2029, 6, 30), "day"),
        lead_sponsor=Organization("Made-up Pharma", "INDUSTRY"),
        collaborators=(
            Organization("Fictional Research", "INDUSTRY"),
            Organization("", "INDIV"),
        ),
        notes=(),
        intervention_names=("Made-upine", "Placebo", "Inhaler"),
        mentions=(
            Mention("Made-up Pharma", "lead"),
            Mention("Fictional Research", "collaborator"),
            Mention("Clinic", "official"),
            Mention("", "contact_domain", domain="example.org"),
            Mention("Site 1", "facility", country="Poland"),
            Mention("Site 2", "facility", country="Poland"),
            Mention("Site 3", "facility", country="France"),
            Mention("Site 4", "facility", country="Poland"),
        ),
    )


def test_no_person_is_kept():
    kept = repr(parse(make_study())).lower()
    for planted in ("jane", "planted", "555", "@"):
        assert planted not in kept


def test_ids_version_and_results_contact_are_read():
    study = make_study()
    protocol = study["protocolSection"]
    protocol["identificationModule"]["orgStudyIdInfo"] = {"id": "MU-1"}
    protocol["identificationModule"]["secondaryIdInfos"] = [{"id": "2026-500001-10"}]
    protocol["statusModule"]["lastUpdatePostDateStruct"] = {"date": "2026-04-02"}
    study["resultsSection"] = {
        "moreInfoModule": {
            "pointOfContact": {
                "title": "Jane Planted",
                "organization": "Fictional Research",
                "email": "Jane.Planted@Fictional-Research.EXAMPLE",
                "phone": "+1 555 0100",
            }
        }
    }

    record = parse(study)

    assert record.other_ids == ("MU-1", "2026-500001-10")
    assert record.version == "2026-04-02"
    assert (
        Mention(
            "Fictional Research",
            "results_contact",
            domain="fictional-research.example",
        )
        in record.mentions
    )


@pytest.mark.parametrize(
    ("name", "org_class", "is_one"),
    [
        ("Pamela Planted", "OTHER", True),
        ("Pamela J. Planted", "OTHER", True),
        ("Planted, Pamela", "OTHER", True),
        ("Pamela Planted", "INDIV", True),
        ("Pamela Planted, MD", "", True),
        ("Pamela Planted", "INDUSTRY", False),
        ("Kaiser Permanente", "OTHER", False),
        ("Mayo Clinic", "OTHER", False),
        ("Johns Hopkins University, Baltimore, MD", "OTHER", False),
        ("Dr. Reddy's Laboratories Limited", "INDUSTRY", False),
        ("M.D. Anderson Cancer Center", "OTHER", False),
    ],
)
def test_sponsors_that_are_persons_are_told_apart(name, org_class, is_one):
    assert is_person(name, org_class) is is_one


def test_the_investigator_as_sponsor_loses_the_name():
    study = make_study()
    study["protocolSection"]["sponsorCollaboratorsModule"] = {
        "responsibleParty": {
            "type": "SPONSOR_INVESTIGATOR",
            "investigatorFullName": "jane b PLANTED",
        },
        "leadSponsor": {"name": "PLANTED, Jane", "class": "NETWORK"},
    }

    assert parse(study).lead_sponsor == Organization("", "NETWORK")


def test_mail_addresses_are_cut_out_of_texts():
    study = make_study(conditionsModule={"conditions": ["Asthma j.planted@x.example"]})

    assert parse(study).conditions == ("Asthma",)


def test_the_older_generation_pads_mesh_ids():
    study = make_study()
    study["derivedSection"]["conditionBrowseModule"] = {
        "meshes": [
            {"id": "D000001249", "term": "Asthma"},
            {"id": "D001249", "term": "Asthma"},
            {"id": "D000074924", "term": "Nut and Peanut Hypersensitivity"},
            {"id": "M4401", "term": "Asthma, Exercise-Induced"},
        ],
        "browseLeaves": [{"id": "M4", "name": "Asthma", "relevance": "HIGH"}],
    }
    assert parse(study).mesh_conditions == (
        CodedTerm("D001249", "Asthma"),
        CodedTerm("D000074924", "Nut and Peanut Hypersensitivity"),
        CodedTerm("", "Asthma, Exercise-Induced"),
    )


@pytest.mark.parametrize(
    "wrap", [lambda s: [s], lambda s: {"studies": [s]}], ids=["list", "page"]
)
def test_a_list_of_one_is_that_one(wrap):
    assert parse(wrap(make_study())) == parse(make_study())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_bytes_in_any_unicode_encoding_are_read(encoding):
    payload = json.dumps(make_study()).encode(encoding)
    assert ctgov.parse_study(payload).registry_id == "NCT99000001"


TWO = [make_study(), make_study(identificationModule={"nctId": "NCT99000002"})]
TEXT = json.dumps(make_study())


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ("", "There is nothing in it"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        ("NCT99000001", "This is not JSON: line 1, column 1"),
        (TEXT[:-30], "stops in the middle"),
        (TEXT[: len(TEXT) // 2], "stops in the middle"),
        ("<?xml version='1.0'?><clinical_study/>", "This is XML or a web page"),
        ("[]", "The list of studies is empty"),
        ("null", "it is empty"),
        ("42", "it is a number"),
        ('"NCT99000001"', "it is a text"),
        ('{"type": "FeatureCollection"}', "it has no “protocolSection”"),
        ('{"protocolSection": []}', "it has no “protocolSection”"),
        ('{"FullStudiesResponse": {}}', "older API"),
        (json.dumps(TWO), "Enter the number of one of them: NCT99000001, NCT99000002."),
        (json.dumps({"studies": TWO}), "2 records, and a study is made of one"),
        ("[1, 2]", "2 records, and a study is made of one"),
        ('{"protocolSection": {}}', "NCT number is missing"),
        (
            json.dumps(make_study(identificationModule={"nctId": "NCT1"})),
            "NCT number is “NCT1”",
        ),
        (
            json.dumps(make_study(identificationModule={"nctId": 99000001})),
            "NCT number is missing",
        ),
        ("[" * 5000 + "]" * 5000, "nested deeper"),
        ('{"protocolSection": ' + "1" * 5000 + "}", "too long to read"),
        (b" " * (20 * 1024 * 1024), "has 20.0 MB"),
    ],
)
def test_what_is_no_record_is_refused_with_what_to_do(payload, sentence):
    with pytest.raises(RecordError) as caught:
        ctgov.parse_study(payload)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("count", "value"),
    [
        (None, None),
        (0, None),
        (-5, None),
        (10**12, None),
        (2.5, None),
        (True, None),
        ("many", None),
        ([], None),
        ("250", 250),
        (250.0, 250),
        (1, 1),
    ],
)
def test_participants_are_a_sane_number_or_left_empty_with_a_note(count, value):
    design = {"studyType": "INTERVENTIONAL", "enrollmentInfo": {"count": count}}
    record = parse(make_study(designModule=design))
    assert record.participants == value
    assert (len(record.notes) == 1) is (value is None and count is not None)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026", PartialDate(dt.date(2026, 1, 1), "year")),
        ("2026-03", PartialDate(dt.date(2026, 3, 1), "month")),
        ("2026-03-15", PartialDate(dt.date(2026, 3, 15), "day")),
        ("2026-03-15T10:00", PartialDate(dt.date(2026, 3, 15), "day")),
        ("2026-13", None),
        ("2026-02-30", None),
        ("0026-01-01", None),
        ("soon", None),
    ],
)
def test_a_partial_date_keeps_its_precision(text, date):
    record = parse(make_study(statusModule={"startDateStruct": {"date": text}}))
    assert record.start == date
    assert (len(record.notes) == 1) is (date is None)
    if date:
        assert text.startswith(str(date))


def test_a_completion_before_the_start_is_left_empty():
    status = {
        "startDateStruct": {"date": "2027-03-15"},
        "completionDateStruct": {"date": "2026-01"},
    }
    record = parse(make_study(statusModule=status))
    assert record.start == PartialDate(dt.date(2027, 3, 15), "day")
    assert record.completion is None
    assert "2026-01 lies before the start date 2027-03-15" in record.notes[0]


def test_a_completion_in_the_month_of_the_start_is_kept():
    status = {
        "startDateStruct": {"date": "2027-03-15"},
        "completionDateStruct": {"date": "2027-03"},
    }
    record = parse(make_study(statusModule=status))
    assert record.completion == PartialDate(dt.date(2027, 3, 15), "month")
    assert str(record.completion) == "2027-03"


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("18 Years", "18.00"),
        ("1 Year", "1.00"),
        ("6 Months", "0.50"),
        ("2 Weeks", "0.04"),
        ("30 Days", "0.08"),
        ("N/A", None),
        ("999 Years", None),
        ("old", None),
    ],
)
def test_ages_are_read_as_years(text, years):
    record = parse(make_study(eligibilityModule={"minimumAge": text}))
    assert record.min_age_years == (Decimal(years) if years else None)
    assert (len(record.notes) == 1) is (years is None and text != "N/A")


def test_ages_in_the_wrong_order_are_both_left_empty():
    ages = {"minimumAge": "65 Years", "maximumAge": "18 Years"}
    record = parse(make_study(eligibilityModule=ages))
    assert (record.min_age_years, record.max_age_years) == (None, None)
    assert "below the minimum age" in record.notes[0]


def test_missing_modules_leave_a_record_that_says_nothing():
    record = ctgov.read_study(
        {"protocolSection": {"identificationModule": {"nctId": "nct99000001 "}}}
    )
    assert record.registry_id == record.title == "NCT99000001"
    assert (record.participants, record.n_sites, record.sex) == (None, None, "")
    assert record.notes == (
        "The record has no title; its number stands in for it.",
        "The record names no condition.",
        "The record names no sites, so no countries.",
    )


def test_oddly_typed_fields_become_notes():
    record = parse(
        make_study(
            designModule=["INTERVENTIONAL"],
            conditionsModule={"conditions": "Asthma"},
            eligibilityModule={"sex": "DIVERSE", "healthyVolunteers": "No"},
            contactsLocationsModule={"locations": [{"city": "Rome"}, "Paris"]},
            armsInterventionsModule={"interventions": [{"type": 7}]},
        )
    )
    assert record.n_sites == 1
    assert record.countries == record.intervention_types == record.conditions == ()
    assert set(record.notes) == {
        "“designModule” is a list where an object is expected; it was left out.",
        "“conditions” is a text where a list is expected; it was left out.",
        "The record names no condition.",
        "“DIVERSE” is no sex that the portal knows; it was left empty.",
        "“healthyVolunteers” is a text where true or false is expected; it was left "
        "out.",
        "“locations” is a text where a list of objects is expected; it was left out.",
        "1 of 1 sites name no country.",
        "“type” is a number where a text is expected; it was left out.",
    }


def test_an_unknown_phase_is_noted_and_the_others_kept():
    design = {"phases": ["PHASE2", "PHASE7", "phase2"]}
    record = parse(make_study(designModule=design))
    assert record.phases == ("PHASE2",)
    assert record.notes == ("“PHASE7” is no phase that the portal knows.",)


def test_lone_surrogates_and_nul_never_reach_the_record():
    text = TEXT.replace("Made-up Tablets", "Made\\u0000up \\ud800 Tab\\nlets")
    assert (
        ctgov.parse_study(text).title == "Made up \ufffd Tab lets in Adults With Asthma"
    )
    assert ctgov.parse_study(text.replace("Lodz", "\ud800"))


def storable(value):
    """Tell whether every text in a record could be stored and shown."""
    if isinstance(value, str):
        value.encode()  # a lone surrogate cannot
        return "\0" not in value and "\n" not in value
    if isinstance(value, tuple):
        return all(map(storable, value))
    if dataclasses.is_dataclass(value):
        return all(storable(getattr(value, f.name)) for f in dataclasses.fields(value))
    return True


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)


def paths_of(value, path=()):
    yield path
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield from paths_of(child, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    head, *rest = path
    copy = value.copy()
    copy[head] = replaced(copy[head], rest, new)
    return copy


def assert_record_or_error(payload):
    try:
        record = ctgov.parse_study(payload)
    except RecordError:
        return
    assert isinstance(record, TrialRecord)
    assert storable(record)
    assert record.participants is None or 1 <= record.participants <= 10_000_000


@given(st.binary(max_size=200) | st.text(st.characters(exclude_categories=())))
def test_no_bytes_or_text_make_it_stumble(payload):
    assert_record_or_error(payload)


@given(ANY_JSON)
def test_no_json_makes_it_stumble(value):
    assert_record_or_error(json.dumps(value))


@given(st.data())
@settings(max_examples=300)
def test_no_change_of_one_value_makes_it_stumble(data):
    study = make_study()
    path = data.draw(st.sampled_from(list(paths_of(study))))
    assert_record_or_error(json.dumps(replaced(study, path, data.draw(ANY_JSON))))


@needs_real_records
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_change_of_a_real_record_makes_it_stumble(data):
    file = data.draw(st.sampled_from(real_records()))
    study = json.loads(file.read_bytes())
    study.pop("resultsSection", None)
    path = data.draw(st.sampled_from(list(paths_of(study))))
    assert_record_or_error(json.dumps(replaced(study, path, data.draw(ANY_JSON))))


@needs_real_records
@pytest.mark.parametrize("file", real_records(), ids=lambda file: file.stem)
def test_a_real_record_is_read_whole(file):
    body = json.loads(file.read_bytes())["protocolSection"]
    record = ctgov.parse_study(file.read_bytes())
    assert record.registry_id == file.stem
    assert list(record.conditions) == body["conditionsModule"]["conditions"]
    assert list(record.phases) == body["designModule"].get("phases", [])
    sites = body.get("contactsLocationsModule", {}).get("locations", [])
    assert sum(country.n_sites for country in record.countries) == len(sites)
    assert (record.participants or 0) == body["designModule"]["enrollmentInfo"]["count"]
    assert str(record.start) == body["statusModule"]["startDateStruct"]["date"]
    assert "redacted" not in repr(record).lower()
