"""The project's vocabulary files, and finding terms in them."""

import csv
import datetime as dt
import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from catalog.importers.vocabulary import COLUMNS, FOLDER, read_vocabularies
from catalog.models import Term
from catalog.services.vocabulary import load_vocabularies
from catalog.text import lookup_key
from catalog.vocabulary import TermResolver, nearest_codes
from tests.factories import SchemeFactory, TermFactory

TODAY = dt.date(2026, 6, 1)


@pytest.fixture(scope="module")
def files():
    return read_vocabularies()


@pytest.fixture(scope="module")
def vocabularies(django_db_setup, django_db_blocker):
    """Load the files once for all tests here, and take them out again."""
    around = transaction.atomic()
    with django_db_blocker.unblock():
        around.__enter__()
        load_vocabularies(today=TODAY)
    yield
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def loaded(vocabularies, db):
    """The terms of the files are in the database."""


@pytest.mark.django_db
def test_a_second_load_of_the_files_changes_nothing(loaded):
    report = load_vocabularies(today=TODAY)
    assert report.changed_schemes == []
    assert report.total == Term.objects.count() > 5000


def test_every_file_describes_its_columns():
    guide = (FOLDER.parents[2] / "docs" / "vocabularies.md").read_text(encoding="utf-8")
    missing = [name for name in COLUMNS if f"`{name}`" not in guide]
    assert missing == []


def test_every_small_list_describes_its_terms(files):
    plain = {"country", "condition"}
    bare = [row.key for row in files.terms if not row.description]
    assert [key for key in bare if key[0] not in plain] == []


FEATURE_ROWS = [
    *range(23, 54),
    *range(54, 60),
    *range(60, 65),
    *range(66, 76),
    *range(77, 83),
    *range(82, 89),
]


@pytest.mark.parametrize("number", sorted(set(FEATURE_ROWS)))
def test_every_thing_the_mission_names_has_a_term(files, number):
    row = f"S{number}"
    assert [
        term.code
        for term in files.terms
        if row in term.attributes.get("feature_rows", [])
    ]


@pytest.mark.parametrize(
    ("scheme", "name", "code"),
    [
        ("service", "Protocol development", "protocol-development"),
        ("service", "Site audit", "quality-audits"),
        ("service", "SUSAR reporting", "safety-reporting"),
        ("service", "RWE", "real-world-evidence"),
        ("technology", "ePRO tools", "epro"),
        ("technology", "AI/ML for risk-based monitoring", "ai-risk-based-monitoring"),
        (
            "technology",
            "Real-time safety monitoring systems",
            "real-time-safety-monitoring",
        ),
        ("cro_type", "Global full-service CRO", "global-full-service"),
        ("engagement", "Extension of the team", "strategic-partnership"),
        ("sponsor_type", "Biotechnology sponsor", "biotechnology"),
        ("dct_level", "Hybrid trial model", "hybrid"),
        ("modality", "Drug / therapy", "drug"),
        ("region", "Latin America", "latin-america"),
        ("market_class", "Emerging market", "emerging-markets"),
        ("therapeutic_area", "Neoplasms", "c04"),
        ("regulator", "Food and Drug Administration", "fda"),
        ("certification", "21 CFR Part 11", "part-11"),
        ("population", "Pediatric", "paediatric"),
        ("metric", "Start-up time", "startup-days"),
    ],
)
def test_terms_are_found_by_the_trades_words(loaded, scheme, name, code):
    assert TermResolver.load([scheme]).find(scheme, name).code == code


@pytest.mark.django_db
def test_regulators_are_keyed_to_places(loaded):
    regulators = Term.objects.of("regulator")
    assert regulators.count() >= 30
    assert not regulators.filter(broader__isnull=True).exists()


@pytest.mark.django_db
def test_all_iso_countries_have_codes_and_a_region(loaded):
    iso = Term.objects.of("country").exclude(code="xk")
    assert iso.count() == 249
    assert all(
        set(term.attributes) >= {"alpha3", "numeric"} for term in iso.only("attributes")
    )
    placed = iso.filter(broader__scheme="region").values_list("code", flat=True)
    assert {term.code for term in iso} - set(placed) == {"aq"}


# Narrower


def codes(terms, scheme):
    return {term.code for term in terms if term.scheme_id == scheme}


@pytest.mark.django_db
def test_narrower_goes_from_clusters_to_countries(loaded):
    eea = Term.objects.narrower(Term.objects.get(scheme="region", code="eea"))
    assert codes(eea, "country") >= {"pl", "de", "no", "is", "li"}
    assert len(codes(eea, "country")) == 30
    assert codes(eea, "region") == {"eea", "eu"}
    assert codes(eea, "regulator") == set()

    emerging = Term.objects.get(code="emerging-markets").narrower()
    assert {"in", "br", "pl"} <= codes(emerging, "country")
    assert "us" not in codes(emerging, "country")


@pytest.mark.django_db
def test_narrower_goes_down_the_tree_and_chains(loaded):
    group = Term.objects.get(scheme="service", code="clinical-operations")
    below = Term.objects.current().narrower(group).of("service")
    assert {"clinical-operations", "on-site-monitoring"} <= codes(below, "service")
    assert "biostatistics" not in codes(below, "service")


@pytest.mark.django_db
def test_narrower_of_a_country_is_the_country_alone(loaded):
    poland = Term.objects.get(scheme="country", code="pl")
    assert list(poland.narrower()) == [poland]


@pytest.mark.django_db
def test_narrower_is_one_query(loaded, django_assert_num_queries):
    area = Term.objects.get(scheme="therapeutic_area", code="c04")
    with django_assert_num_queries(1):
        list(area.narrower())


@pytest.mark.django_db
def test_narrower_goes_down_the_mesh_trees(loaded):
    oncology = Term.objects.get(scheme="therapeutic_area", code="c04")
    cancers = codes(oncology.narrower(), "condition")
    assert {"breast-neoplasms", "lymphoma", "melanoma"} <= cancers
    assert "asthma" not in cancers
    assert codes(oncology.narrower(), "therapeutic_area") == {"c04"}

    # Vaginal candidiasis stands in several trees; its parent is in one of them.
    urogenital = Term.objects.get(scheme="therapeutic_area", code="c13")
    assert "candidiasis-vulvovaginal" in codes(urogenital.narrower(), "condition")
    breast = Term.objects.get(scheme="condition", code="breast-neoplasms")
    below = codes(breast.narrower(), "condition")
    assert "triple-negative-breast-neoplasms" in below
    assert "neoplasms" not in below


@pytest.mark.django_db
def test_narrower_compares_whole_tree_numbers():
    scheme = SchemeFactory.create(code="condition")
    wide = TermFactory.create(scheme=scheme, tree_numbers=["Z01.588"])
    narrow = TermFactory.create(scheme=scheme, tree_numbers=["Z01.588.180"])
    TermFactory.create(scheme=scheme, tree_numbers=["Z01.5881"])

    assert set(wide.narrower()) == {wide, narrow}


# Search


@pytest.mark.django_db
def test_search_puts_the_name_itself_first(loaded):
    found = [term.code for term in Term.objects.of("service").search("data management")]
    assert found[0] == "data-management"
    assert Term.objects.search("eCOA")[0].code == "epro"
    assert "poland" not in found


@pytest.mark.django_db
def test_search_wants_every_word_and_takes_text_literally(loaded):
    countries = Term.objects.of("country")
    assert [t.code for t in countries.search("united king")] == ["gb"]
    assert not countries.search("100%").exists()
    assert not countries.search("(").filter(code="pl").exists()
    assert not countries.search("   ").exists()


# Resolving


@pytest.mark.django_db
def test_resolver_understands_countries_phases_and_modalities(
    loaded, django_assert_num_queries
):
    with django_assert_num_queries(1):
        resolver = TermResolver.load()

    with django_assert_num_queries(0):
        for name in ["Korea, Republic of", "south korea", "KOR", "kr"]:
            assert resolver.resolve_country(name).code == "kr"
        assert resolver.resolve_country("COTE D'IVOIRE").code == "ci"
        assert resolver.resolve_country("Atlantis") is None
        assert resolver.resolve_country("") is None
        assert resolver.resolve_phase(["PHASE2", "PHASE1"]).code == "phase-1-2"
        assert resolver.resolve_phase(["Phase 2/Phase 3"]).code == "phase-2-3"
        assert resolver.resolve_phase(["NA"]).code == "phase-na"
        assert resolver.resolve_phase(["N/A"]).code == "phase-na"
        assert resolver.resolve_phase([]) is None
        assert resolver.resolve_phase(["PHASE9"]) is None
        assert resolver.resolve_modality("DRUG").code == "drug"
        supplement = resolver.resolve_modality("Dietary Supplement")
        assert supplement.code == "dietary-supplement"
        assert resolver.resolve_modality("OTHER") is None


@pytest.mark.django_db
def test_nearest_codes_helps_with_a_slip(loaded):
    assert nearest_codes("service", "data-managment")[0] == "data-management"
    assert nearest_codes("country", "Polnad")[0] == "pl"
    assert nearest_codes("service", "zzqqxx") == []


@given(st.text())
def test_lookup_key_of_a_key_is_the_key(text):
    assert lookup_key(lookup_key(text)) == lookup_key(text)


# Conditions


def test_conditions_stand_in_every_branch_of_the_disease_trees(files):
    numbers = {
        number
        for row in files.terms
        if row.scheme == "condition"
        for number in row.tree_numbers
    }
    branches = {f"C{n:02}" for n in range(1, 27)} | {"F03"}
    assert branches <= numbers
    orphans = [
        number
        for number in numbers
        if number[:3] in branches
        and "." in number
        and number.rpartition(".")[0] not in numbers
    ]
    assert orphans == []
    areas = {row.code for row in files.terms if row.scheme == "therapeutic_area"}
    assert areas == {branch.lower() for branch in branches} | {"rare-diseases"}


def test_a_conditions_parent_is_above_its_first_tree_number(files):
    by_code = {row.code: row for row in files.terms if row.scheme == "condition"}
    for row in by_code.values():
        assert row.tree_numbers, row.place
        if row.parent:
            above = row.tree_numbers[0].rpartition(".")[0]
            assert above in by_code[row.parent].tree_numbers, row.place


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("heart attack", "myocardial-infarction"),
        ("NSCLC", "carcinoma-non-small-cell-lung"),
        ("Non-Small-Cell Lung Carcinoma", "carcinoma-non-small-cell-lung"),
        ("breast cancer", "breast-neoplasms"),
        ("COPD", "pulmonary-disease-chronic-obstructive"),
        ("type 2 diabetes", "diabetes-mellitus-type-2"),
        ("BREAST NEOPLASMS", "breast-neoplasms"),
    ],
)
def test_conditions_are_found_by_everyday_names(loaded, name, code):
    assert TermResolver.load(["condition"]).resolve_condition(name).code == code


@pytest.mark.django_db
def test_a_mesh_id_wins_over_the_name_and_may_be_padded(loaded):
    resolver = TermResolver.load(["condition"])
    assert resolver.resolve_condition("as written", "D001943").label == (
        "Breast Neoplasms"
    )
    padded = resolver.resolve_condition("", "D000014947")
    assert padded.label == "Wounds and Injuries"
    assert resolver.resolve_condition("Breast Neoplasms", "D999999").code == (
        "breast-neoplasms"
    )
    assert resolver.resolve_condition("nothing known", "D999999") is None


# Real data

needs_data = pytest.mark.skipif(
    not os.environ.get("CRO_SHARED_DATA"),
    reason="CRO_SHARED_DATA is not set: the real registry data is not here",
)


def shared(*parts):
    return Path(os.environ["CRO_SHARED_DATA"], *parts)


@needs_data
@pytest.mark.django_db
def test_every_country_a_register_names_resolves(loaded):
    resolver = TermResolver.load(["country"])
    with shared("geo", "ctgov_country_names.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    states_gone = {"Former Serbia and Montenegro", "Former Yugoslavia"}
    wrong = [
        row["ctgov_name"]
        for row in rows
        if row["ctgov_name"] not in states_gone
        and (
            (term := resolver.resolve_country(row["ctgov_name"])) is None
            or (row["iso2"] and term.code != row["iso2"].lower())
        )
    ]
    assert wrong == []


@needs_data
@pytest.mark.django_db
def test_conditions_of_whole_records_resolve(loaded):
    resolver = TermResolver.load(["condition"])
    meshes = [
        mesh
        for path in shared("ctgov_v2").glob("*.json")
        for mesh in json.loads(path.read_text(encoding="utf-8"))
        .get("derivedSection", {})
        .get("conditionBrowseModule", {})
        .get("meshes", [])
    ]
    unknown = [
        mesh["term"]
        for mesh in meshes
        if not resolver.resolve_condition(mesh["term"], mesh["id"])
    ]
    assert meshes
    assert len(unknown) <= 0.05 * len(meshes), unknown


@needs_data
@pytest.mark.django_db
def test_names_of_the_registered_trials_resolve(loaded):
    resolver = TermResolver.load()
    total = Counter()
    unknown = Counter()
    with gzip.open(shared("trials", "trials_before_2018.jsonl.gz"), "rt") as lines:
        for line in lines:
            trial = json.loads(line)
            for name in trial["mesh_conditions"] or []:
                total["condition"] += 1
                unknown["condition"] += resolver.resolve_condition(name) is None
            for name in trial["countries"] or []:
                total["country"] += 1
                unknown["country"] += resolver.resolve_country(name) is None
            if trial["phase"]:
                total["phase"] += 1
                unknown["phase"] += resolver.resolve_phase([trial["phase"]]) is None
    assert unknown["condition"] <= 0.01 * total["condition"]
    assert unknown["country"] <= 0.001 * total["country"]
    assert unknown["phase"] <= 0.001 * total["phase"]
