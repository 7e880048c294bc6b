import datetime as dt
import threading
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog.importers.ctgov import parse_study, read_study
from catalog.importers.records import CountrySites
from matching.engine import inputs, leaves
from matching.engine.asked import LEAF_OF_SCHEME
from sponsors import criteria, services
from sponsors.bounds import BOUNDS
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.models import Requirement, Study, Weights
from sponsors.wanted import SCHEMES, Wanted, find_terms, read_lines
from tests.catalog.importers.ctgov_records import (
    make_study,
    needs_real_records,
    real_records,
)
from tests.factories import MembershipFactory, StudyFactory, TermFactory


def asked(study, version=None):
    """Give what a study asks for: code to (importance, share, from register)."""
    rows = (
        study.requirements.current()
        if version is None
        else study.requirements.at(version)
    )
    return {
        row.term.code: (row.importance, row.share, row.is_from_register)
        for row in rows.select_related("term")
    }


def make(member, *requirements, **values):
    return services.create_study(
        sponsor=member.sponsor,
        by=member.user,
        values={"title": "A study", **values},
        requirements=requirements,
    )


# By hand


def test_a_study_by_hand_has_what_was_said_and_nothing_else(member, words, announced):
    study = make(member, Wanted("service", "monitoring", "must"), participants=100)
    study.refresh_from_db()
    assert (study.version, study.participants, study.n_sites) == (1, 100, None)
    assert study.is_rare_disease is None
    assert study.from_register == []
    assert study.created_by == member.user
    assert asked(study) == {"monitoring": ("must", None, False)}
    assert announced == [(study.pk, True)]


def test_the_announcement_is_inside_the_transaction(
    member, announced, django_db_blocker
):
    with transaction.atomic():
        depth = len(connection.savepoint_ids)
        make(member)
        assert len(announced) == 1
        assert len(connection.savepoint_ids) == depth
    assert announced[0][1]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"participants": 0}, "participants"),
        ({"participants": 10_000_001}, "participants"),
        ({"n_sites": 0}, "n_sites"),
        (
            {"start_date": dt.date(2027, 2, 1), "end_date": dt.date(2027, 1, 1)},
            "__all__",
        ),
        ({"min_age_years": Decimal(65), "max_age_years": Decimal(18)}, "__all__"),
        ({"title": ""}, "title"),
        ({"start_date": dt.date(1989, 12, 31)}, "start_date"),
        ({"start_date": dt.date(2999, 1, 1)}, "start_date"),
        ({"end_date": dt.date(2999, 1, 1)}, "end_date"),
        ({"further_studies": 51}, "further_studies"),
    ],
)
def test_values_that_cannot_be_are_refused(member, values, field):
    with pytest.raises(ValidationError) as caught:
        make(member, **values)
    assert list(caught.value.message_dict) == [field]
    assert not Study.objects.exists()


# Requirements


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            Wanted("condition", "brest-neoplasms"),
            "“brest-neoplasms” is no condition that the portal knows. Did you mean "
            "“Breast Neoplasms” (breast-neoplasms)",
        ),
        (
            Wanted("service", "old-monitoring"),
            "“Site visits” (old-monitoring) is no longer in use; use “Monitoring” "
            "(monitoring) instead.",
        ),
        (Wanted("country", "zz"), "“zz” is no country that the portal knows."),
        (Wanted("metric", "headcount-fte"), "A study cannot ask for “metric”"),
        (Wanted("service", "monitoring", "vital"), "“vital” is no importance"),
        (Wanted("service", "monitoring", share=0.5), "only countries have one"),
        (Wanted("country", "pl", share=0.0), "must be above 0 %"),
        (Wanted("country", "pl", share=float("nan")), "must be above 0 %"),
        (Wanted("country", "pl", share=1.5), "at most 100 %"),
    ],
)
def test_a_requirement_that_makes_no_sense_is_refused(member, words, wanted, sentence):
    with pytest.raises(ValidationError) as caught:
        make(member, wanted)
    [message] = caught.value.message_dict["requirements"]
    assert sentence in message
    assert not Study.objects.exists()


def test_a_requirement_twice_is_refused(member, words):
    twice = [Wanted("service", "monitoring"), Wanted("service", "monitoring", "low")]
    with pytest.raises(ValidationError, match="asked for twice"):
        make(member, *twice)


def test_shares_over_the_whole_are_refused(member, words):
    shares = [Wanted("country", "pl", share=0.7), Wanted("country", "fr", share=0.4)]
    with pytest.raises(ValidationError, match="sum to 110%"):
        make(member, *shares)


def test_terms_are_found_in_one_query(words, django_assert_num_queries):
    wanted = [Wanted("country", "pl"), Wanted("service", "monitoring")]
    with django_assert_num_queries(1):
        assert find_terms(wanted) == [words.pl, words.monitoring]


def test_a_change_ends_rows_and_begins_others_once(member, words, announced):
    study = make(
        member,
        Wanted("service", "monitoring", "high"),
        Wanted("service", "data-management", "low"),
        Wanted("country", "pl"),
    )
    kept = study.requirements.get(term=words.pl)
    services.update_study(
        study=study,
        expected_version=1,
        by=member.user,
        values={"participants": 50},
        requirements=[
            Wanted("service", "monitoring", "must"),
            Wanted("technology", "edc", "medium"),
            Wanted("country", "pl"),
        ],
    )
    study.refresh_from_db()
    assert study.version == 2
    assert asked(study) == {
        "monitoring": ("must", None, False),
        "edc": ("medium", None, False),
        "pl": ("high", None, False),
    }
    assert asked(study, version=1) == {
        "monitoring": ("high", None, False),
        "data-management": ("low", None, False),
        "pl": ("high", None, False),
    }
    assert study.requirements.current().get(term=words.pl) == kept
    assert study.changes.get().fields == {"participants": [None, 50]}
    assert announced == [(study.pk, True)] * 2


def test_saving_what_is_there_changes_nothing(member, words, announced):
    study = make(member, Wanted("country", "pl", share=0.5))
    same = services.update_study(
        study=study,
        expected_version=1,
        by=member.user,
        values={"title": "A study"},
        requirements=[Wanted("country", "pl", share=0.5)],
    )
    assert same.version == 1
    assert len(announced) == 1


def test_a_term_deprecated_later_may_stay_but_not_come_back(member, words):
    study = make(member, Wanted("technology", "edc"))
    words.edc.deprecated_on = dt.date(2026, 2, 1)
    words.edc.save()
    study = services.update_study(
        study=study,
        expected_version=1,
        by=member.user,
        requirements=[Wanted("technology", "edc"), Wanted("country", "pl")],
    )
    assert set(asked(study)) == {"edc", "pl"}
    study = services.update_study(
        study=study, expected_version=2, by=member.user, requirements=[]
    )
    with pytest.raises(ValidationError, match="no longer in use"):
        services.update_study(
            study=study,
            expected_version=3,
            by=member.user,
            requirements=[Wanted("technology", "edc")],
        )


def test_lines_are_read_by_name_code_outside_code_and_share(words):
    read = read_lines("country", " Poland 40 %\n\nDeutschland 12,5%\nfr\nPL\n", "must")
    assert read == [
        Wanted("country", "pl", "must", 0.4),
        Wanted("country", "de", "must", 0.125),
        Wanted("country", "fr", "must"),
    ]
    for number in ("d001249", "C08.127.108", "c08.127.108", "Asthma"):
        read = read_lines("condition", number, "high")
        assert read == [Wanted("condition", "asthma")]


def test_every_bad_line_gets_its_sentence(words):
    with pytest.raises(ValidationError) as caught:
        read_lines("service", "Monitoring\nsite VISITS\nMonitorin\nqqqq", "high")
    first, second, third = caught.value.messages
    assert "use “Monitoring” instead" in first
    assert "Did you mean “Monitoring”?" in second
    assert third == "“qqqq” is no service that the portal knows."


# From a record


def test_a_record_fills_the_study_and_is_marked(member, words):
    study = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=read_study(make_study())
    )
    study.refresh_from_db()
    assert study.title == "Made-up Tablets in Adults With Asthma"
    assert study.registry_id == "NCT99000001"
    assert study.study_type == "INTERVENTIONAL"
    assert study.start_date == dt.date(2027, 3, 1)
    assert study.end_date == dt.date(2029, 6, 30)
    assert (study.participants, study.n_sites, study.sex) == (420, 4, "ALL")
    assert (study.min_age_years, study.max_age_years) == (Decimal("0.5"), Decimal(17))
    assert study.conditions_not_coded == ["Rhinitis"]
    assert "knows the month of the planned start only (2027-03)" in study.notes
    assert study.from_register == sorted(
        [
            "conditions_not_coded",
            "design",
            "end_date",
            "max_age_years",
            "min_age_years",
            "n_sites",
            "participants",
            "registry_id",
            "sex",
            "start_date",
            "study_type",
            "title",
        ]
    )
    assert asked(study) == {
        "asthma": ("high", None, True),
        "phase-2-3": ("high", None, True),
        "drug": ("high", None, True),
        "device": ("high", None, True),
        "paediatric": ("high", None, True),
        "pl": ("high", 0.75, True),
        "fr": ("high", 0.25, True),
    }


def test_the_deepest_known_ancestor_stands_in_for_an_unknown_condition(member, words):
    body = make_study(conditionsModule={"conditions": ["Odd Wheeze"]})
    body["derivedSection"]["conditionBrowseModule"] = {
        "meshes": [{"id": "D099999", "term": "Odd Wheeze"}],
        "ancestors": [
            {"id": "D012140", "term": "Respiratory Tract Diseases"},
            {"id": "D001982", "term": "Bronchial Diseases"},
        ],
    }
    prefill = services.read_record(read_study(body))
    conditions = [w.code for w in prefill.requirements if w.scheme == "condition"]
    assert conditions == ["bronchial-diseases"]
    assert prefill.values["conditions_not_coded"] == ["Odd Wheeze"]


def vague(mesh, **about):
    """A record whose only MeSH term says nothing of the disease."""
    body = make_study(conditionsModule=about)
    body["derivedSection"]["conditionBrowseModule"] = {"meshes": [mesh]}
    return read_study(body)


RECURRENCE = {"id": "D012008", "term": "Recurrence"}
METASTASIS = {"id": "D009362", "term": "Neoplasm Metastasis"}


@pytest.mark.parametrize(
    ("mesh", "about", "codes", "not_coded"),
    [
        (RECURRENCE, {"conditions": ["Breast Neoplasm IDH Wildtype"]}, "breast", []),
        (
            METASTASIS,
            {"conditions": ["Spread"], "keywords": ["late Breast Neoplasms"]},
            "breast",
            ["Spread"],
        ),
        (RECURRENCE, {"conditions": ["Odd"]}, "asthma", ["Odd"]),  # by the title
    ],
)
def test_what_names_no_disease_is_not_taken_for_one(
    words, mesh, about, codes, not_coded
):
    for term, numbers in (
        (RECURRENCE, ["C23.550.291.937"]),
        (METASTASIS, ["C04.697.650.560", "C23.550.727.650.560"]),
    ):
        TermFactory.create(
            scheme__code="condition",
            code=term["term"].lower().replace(" ", "-"),
            label=term["term"],
            external_code=term["id"],
            tree_numbers=numbers,
        )
    prefill = services.read_record(vague(mesh, **about))
    [condition] = [w.code for w in prefill.requirements if w.scheme == "condition"]
    assert condition.startswith(codes)
    assert prefill.values["conditions_not_coded"] == not_coded


def test_a_kind_of_biologic_that_is_named_stands_for_the_broad_type(words):
    biologic = TermFactory.create(
        scheme__code="modality",
        code="biologic",
        label="Biologic",
        attributes={"ctgov_interventions": ["BIOLOGICAL"]},
    )
    cells = TermFactory.create(
        scheme__code="modality", code="cells", label="Cell therapy", parent=biologic
    )
    TermFactory.create(
        scheme__code="modality",
        code="car-t",
        label="Engineered cells",
        synonyms=["CAR-T"],
        parent=cells,
    )
    body = make_study(
        armsInterventionsModule={
            "interventions": [{"type": "BIOLOGICAL", "name": "Allogeneic CAR-T cells"}]
        }
    )
    prefill = services.read_record(read_study(body))
    assert [w.code for w in prefill.requirements if w.scheme == "modality"] == ["car-t"]


def test_a_medicine_s_name_says_its_kind(words):
    for code in ("monoclonal-antibody", "oligonucleotide"):
        TermFactory.create(scheme__code="modality", code=code)
    named = [{"type": "DEVICE", "name": "Tezepelumab"}, {"type": "OTHER", "name": "X"}]
    body = make_study(armsInterventionsModule={"interventions": named})
    prefill = services.read_record(read_study(body))
    assert [w.code for w in prefill.requirements if w.scheme == "modality"] == [
        "device",
        "monoclonal-antibody",
    ]


def test_a_slip_of_the_register_s_coding_is_left_out_and_said(words):
    stray = {"id": "C565324", "term": "Parkinson Disease 4, Autosomal Dominant"}
    TermFactory.create(
        scheme__code="condition", code="p", label=stray["term"], external_code="C565324"
    )
    said = vague(stray, conditions=["Advanced Breast Neoplasm"])
    prefill = services.read_record(said)
    codes = [w.code for w in prefill.requirements if w.scheme == "condition"]
    assert codes == ["breast-neoplasms"]
    assert "“Parkinson Disease 4, Autosomal Dominant”" in prefill.values["notes"]
    kept = services.read_record(vague(stray, conditions=["Familial Parkinson"]))
    codes = [w.code for w in kept.requirements if w.scheme == "condition"]
    assert codes == ["p"]


def test_what_else_a_coded_condition_names_is_taken_too(words):
    polyps = TermFactory.create(
        scheme__code="condition", label="Nasal Polyps", tree_numbers=["C09.603.557"]
    )
    asthma = {"id": "D001249", "term": "Asthma"}
    prefill = services.read_record(
        vague(asthma, conditions=["Asthma With Nasal Polyps"])
    )
    codes = [w.code for w in prefill.requirements if w.scheme == "condition"]
    assert codes == ["asthma", polyps.code]


def test_an_age_nobody_passes_is_no_limit(words):
    ages = {"minimumAge": "18 Years", "maximumAge": "130 Years"}
    prefill = services.read_record(read_study(make_study(eligibilityModule=ages)))
    assert prefill.values["max_age_years"] is None
    assert "maximum age (130 years) leaves nobody out" in prefill.values["notes"]


def test_unknown_countries_are_left_out_and_said(member, words):
    sites = [{"country": "Poland"}, {"country": "Atlantis"}, {"country": "Poland"}]
    body = make_study(contactsLocationsModule={"locations": sites})
    prefill = services.read_record(read_study(body))
    countries = [
        (w.code, w.share) for w in prefill.requirements if w.scheme == "country"
    ]
    assert countries == [("pl", 1.0)]
    assert prefill.values["n_sites"] == 3
    assert (
        "Countries the portal does not know were left out: Atlantis."
        in (prefill.values["notes"])
    )


def test_an_unknown_number_of_sites_leaves_all_shares_empty(words):
    record = replace(
        read_study(make_study()),
        countries=(CountrySites("Poland", 9), CountrySites("France")),
    )
    prefill = services.read_record(record)
    shares = {w.code: w.share for w in prefill.requirements if w.scheme == "country"}
    assert shares == {"pl": None, "fr": None}
    assert "the shares of countries were left empty" in prefill.values["notes"]


def test_a_record_of_another_century_makes_a_study_without_its_dates(member, words):
    body = make_study()
    status = body["protocolSection"]["statusModule"]
    status["startDateStruct"]["date"] = "1962-03"
    status["completionDateStruct"]["date"] = "2999-01-01"
    study = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=read_study(body)
    )
    assert (study.start_date, study.end_date) == (None, None)
    assert "planned start (1962-03) is not one the portal takes" in study.notes
    assert "start_date" not in study.from_register


def test_a_record_that_says_nothing_still_makes_a_study(member, words):
    body = {"protocolSection": {"identificationModule": {"nctId": "NCT99000001"}}}
    study = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=read_study(body)
    )
    assert asked(study) == {}
    assert study.from_register == ["registry_id", "title"]
    assert "names no condition" in study.notes


def test_a_record_of_old_people_and_volunteers(words):
    people = {"minimumAge": "70 Years", "healthyVolunteers": True}
    prefill = services.read_record(read_study(make_study(eligibilityModule=people)))
    codes = {w.code for w in prefill.requirements if w.scheme == "population"}
    assert codes == {"elderly", "healthy-volunteers"}


def test_a_record_takes_few_queries(member, words, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        services.read_record(read_study(make_study()))


def test_the_mark_goes_when_a_person_changes_the_value(member, words):
    study = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=read_study(make_study())
    )
    study = services.update_study(
        study=study,
        expected_version=1,
        by=member.user,
        values={"participants": 500, "n_sites": 4},
        requirements=[
            Wanted("country", "pl", "must", share=0.75),
            Wanted("country", "fr", share=0.2),
        ],
    )
    assert "participants" not in study.from_register
    assert "n_sites" in study.from_register
    assert asked(study) == {"pl": ("must", 0.75, True), "fr": ("high", 0.2, False)}


def test_a_second_study_of_the_same_record_needs_a_yes(member, words):
    record = read_study(make_study())
    first = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=record
    )
    with pytest.raises(services.DuplicateStudy) as caught:
        services.create_study_from_record(
            sponsor=member.sponsor, by=member.user, record=record
        )
    assert caught.value.existing == first
    second = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=record, accept_duplicate=True
    )
    assert second != first


def test_another_sponsor_may_have_the_same_record(member, words):
    other = MembershipFactory.create()
    for one in (member, other):
        services.create_study_from_record(
            sponsor=one.sponsor, by=one.user, record=read_study(make_study())
        )
    assert Study.objects.count() == 2


@needs_real_records
@pytest.mark.parametrize("file", real_records(), ids=lambda file: file.stem)
def test_a_real_record_makes_a_study_that_equals_it(member, words, file):
    record = parse_study(file.read_bytes())
    for country in record.countries:
        if not words_of("country").filter(label=country.name).exists():
            TermFactory.create(scheme__code="country", label=country.name)
    for mesh in record.mesh_conditions:
        if not words_of("condition").filter(external_code=mesh.id).exists():
            TermFactory.create(
                scheme__code="condition", label=mesh.label, external_code=mesh.id
            )
    study = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=record
    )
    study.refresh_from_db()
    assert study.title == record.title
    assert study.registry_id == record.registry_id
    assert (study.study_type, study.design) == (record.study_type, record.design)
    assert (study.participants, study.n_sites) == (record.participants, record.n_sites)
    assert study.start_date == (record.start and record.start.first_day)
    assert study.end_date == (record.completion and record.completion.first_day)
    max_age = record.max_age_years
    if max_age and max_age >= services.NOBODY_IS_OLDER:
        max_age = None
    assert (study.min_age_years, study.max_age_years) == (record.min_age_years, max_age)
    assert study.sex == record.sex
    rows = study.requirements.current().select_related("term")
    assert all(row.is_from_register for row in rows)
    shares = {
        row.term.label: row.share for row in rows if row.term.scheme_id == "country"
    }
    total = sum(country.n_sites for country in record.countries)
    assert shares == {
        country.name: pytest.approx(country.n_sites / total)
        for country in record.countries
    }
    ids = {row.term.external_code for row in rows if row.term.scheme_id == "condition"}
    assert ids >= {mesh.id for mesh in record.mesh_conditions if mesh.id}
    for note in record.notes:
        assert note in study.notes


def words_of(scheme):
    return TermFactory._meta.model.objects.of(scheme)


# Two people at once


def test_a_stale_save_is_refused_and_told_what_changed(member, words, announced):
    study = make(member, Wanted("service", "monitoring"))
    other = MembershipFactory.create(sponsor=member.sponsor).user
    services.update_study(
        study=study, expected_version=1, by=other, values={"participants": 10}
    )
    for change in (
        lambda: services.update_study(
            study=study, expected_version=1, by=member.user, values={"n_sites": 3}
        ),
        lambda: services.set_weights(
            study=study,
            expected_version=1,
            by=member.user,
            values={**criteria.DEFAULT_WEIGHTS, "fit": 1.0},
        ),
    ):
        with pytest.raises(services.StudyChanged) as caught:
            change()
        assert caught.value.study.version == 2
        [what] = caught.value.changes
        assert (what.changed_by, what.fields) == (other, {"participants": [None, 10]})
    study.refresh_from_db()
    assert (study.version, study.n_sites) == (2, None)
    assert not Weights.objects.exists()
    assert len(announced) == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_the_same_time_one_is_told(member):
    study = StudyFactory.create(sponsor=member.sponsor)
    start = threading.Barrier(2)
    results = []

    def save(n):
        try:
            start.wait()
            services.update_study(
                study=Study.objects.get(pk=study.pk),
                expected_version=1,
                by=member.user,
                values={"participants": n},
            )
            results.append(n)
        except services.StudyChanged as changed:
            results.append(changed)
        finally:
            connection.close()

    threads = [threading.Thread(target=save, args=(n,)) for n in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [told] = [r for r in results if isinstance(r, services.StudyChanged)]
    [won] = [r for r in results if isinstance(r, int)]
    study.refresh_from_db()
    assert (study.version, study.participants) == (2, won)
    assert told.changes[0].fields == {"participants": [None, won]}


@pytest.mark.django_db(transaction=True)
def test_the_same_record_twice_at_the_same_time_makes_one_study(member):
    start = threading.Barrier(2)
    results = []

    def upload():
        try:
            start.wait()
            services.create_study_from_record(
                sponsor=member.sponsor, by=member.user, record=read_study(make_study())
            )
            results.append("made")
        except services.DuplicateStudy:
            results.append("told")
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["made", "told"]
    assert Study.objects.count() == 1


# Weights


def test_a_change_of_weights_makes_a_new_row_and_a_new_version(member, announced):
    study = make(member, sponsor_size="small")
    points = dict.fromkeys(criteria.DEFAULT_WEIGHTS, 0) | {"expertise": 60, "fit": 40}
    study = services.set_weights(
        study=study, expected_version=1, by=member.user, values=points
    )
    assert study.version == 2
    row = study.weights.get()
    assert (row.since_version, row.values, row.created_by) == (2, points, member.user)
    assert services.current_weights(study) == points
    again = services.set_weights(
        study=study, expected_version=2, by=member.user, values=points
    )
    assert (again.version, len(announced)) == (2, 2)


def test_a_study_without_weights_has_the_methods(member):
    assert services.current_weights(make(member)) == criteria.DEFAULT_WEIGHTS


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict.fromkeys(criteria.DEFAULT_WEIGHTS, 0), "At least one criterion"),
        ({"fit": -1}, "The weight of Fit must not be negative."),
        ({"fit": float("nan")}, "The weight of Fit must be a finite number."),
        ({"fit": float("inf")}, "The weight of Fit must be a finite number."),
        ({"fit": "5"}, "The weight of Fit must be a number."),
        ({"fit": True}, "The weight of Fit must be a number."),
        ({"fit": None}, "Say a weight for Fit"),
        ({"price": 1}, "“price” is no criterion"),
    ],
)
def test_weights_that_weigh_nothing_are_refused(member, change, sentence):
    study = make(member)
    with pytest.raises(ValidationError) as caught:
        services.set_weights(
            study=study,
            expected_version=1,
            by=member.user,
            values={**criteria.DEFAULT_WEIGHTS, **change},
        )
    [message] = caught.value.message_dict["weights"]
    assert sentence in message
    assert not Weights.objects.exists()


def only(*codes):
    return dict.fromkeys(criteria.DEFAULT_WEIGHTS, 0) | dict.fromkeys(codes, 1)


def test_weights_on_nothing_the_study_asks_are_refused(member, words):
    study = make(member, Wanted("country", "pl"), sponsor_size="")
    weigh = partial(
        services.set_weights, study=study, expected_version=1, by=member.user
    )
    with pytest.raises(ValidationError) as caught:
        weigh(values=only("services", "fit"))
    [message] = caught.value.message_dict["weights"]
    assert "asks about Geography, Project management, Scalability, Quality" in message
    assert not Weights.objects.exists()
    assert weigh(values=only("geography")).version == 2


def test_a_change_that_leaves_nothing_with_a_weight_is_refused(member, words):
    study = make(member, Wanted("country", "pl"), Wanted("service", "monitoring"))
    services.set_weights(
        study=study, expected_version=1, by=member.user, values=only("services")
    )
    change = partial(
        services.update_study, study=study, expected_version=2, by=member.user
    )
    with pytest.raises(ValidationError) as caught:
        change(requirements=[Wanted("country", "pl")])
    assert "No ranking is possible" in caught.value.message_dict["requirements"][0]
    study.refresh_from_db()
    assert (study.version, asked(study).keys()) == (2, {"pl", "monitoring"})


def test_no_staff_at_all_is_no_need(member):
    with pytest.raises(ValidationError) as caught:
        make(member, staff_needed_fte=Decimal(0))
    assert caught.value.message_dict == {
        "staff_needed_fte": [BOUNDS["staff_needed_fte"].sentence]
    }


def test_what_is_asked_is_what_the_engine_takes_as_asked():
    of_leaf = {leaf: code for code, inside in leaves.TREE.items() for leaf in inside}
    assert {
        scheme: of_leaf[LEAF_OF_SCHEME.get(scheme, "services")] for scheme in SCHEMES
    } == criteria.ASKED_BY
    assert set(criteria.ALWAYS_ASKED) == {of_leaf[leaf] for leaf in leaves.ALWAYS_ASKED}


def test_the_criteria_are_the_engines():
    assert tuple(criteria.DEFAULT_WEIGHTS) == inputs.CRITERIA
    assert sum(criteria.DEFAULT_WEIGHTS.values()) == pytest.approx(1)


def test_requirements_of_other_studies_are_left_alone(member, words):
    one = make(member, Wanted("country", "pl"))
    two = make(member, Wanted("country", "pl"))
    services.update_study(
        study=one, expected_version=1, by=member.user, requirements=[]
    )
    assert Requirement.objects.current().get().study == two


# The archive


def test_an_archived_study_is_kept_as_it_is(member, announced):
    study = services.create_study(
        sponsor=member.sponsor, by=member.user, values={"title": "Put away"}
    )
    archived = services.archive_study(study=study)
    again = services.archive_study(study=study)
    assert again.archived_at == archived.archived_at is not None
    assert len(announced) == 1
    for change in (
        lambda: services.update_study(
            study=study, expected_version=1, by=member.user, values={"title": "Other"}
        ),
        lambda: services.set_weights(
            study=study,
            expected_version=1,
            by=member.user,
            values=dict.fromkeys(DEFAULT_WEIGHTS, 1),
        ),
    ):
        with pytest.raises(ValidationError, match="This study is archived"):
            change()
    study.refresh_from_db()
    assert (study.title, study.version) == ("Put away", 1)


def test_a_study_out_of_the_archive_is_announced(member, announced):
    study = StudyFactory.create(sponsor=member.sponsor)
    services.unarchive_study(study=study)
    assert announced == []
    services.archive_study(study=study)
    assert services.unarchive_study(study=study).archived_at is None
    assert announced == [(study.pk, True)]


def test_a_change_does_not_bar_what_points_at_the_study(member):
    """Else it and a worker that publishes the ranking wait for each other."""
    study = StudyFactory.create(sponsor=member.sponsor)
    with CaptureQueriesContext(connection) as asked:
        services.update_study(
            study=study, expected_version=1, by=member.user, values={"n_sites": 7}
        )
    locks = [q["sql"] for q in asked if "FOR " in q["sql"] and "_study" in q["sql"]]
    assert any("FOR NO KEY UPDATE" in sql for sql in locks)
    assert not any("FOR UPDATE" in sql for sql in locks)
