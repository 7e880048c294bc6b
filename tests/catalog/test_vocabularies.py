"""The vocabulary files, the command that loads them, and finding terms in them."""

import csv
import datetime as dt
import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from catalog.importers.vocabulary import (
    COLUMNS,
    FOLDER,
    VocabularyFilesError,
    read_vocabularies,
)
from catalog.models import CatalogState, Scheme, Term
from catalog.services.state import raise_catalog_version
from catalog.services.vocabulary import load_vocabularies
from catalog.signals import vocabulary_changed
from catalog.text import lookup_key
from catalog.vocabulary import TermResolver, nearest_codes
from tests.factories import SchemeFactory, TermFactory

SCHEMES = "code\tlabel\tcode_system\tcode_system_version\tdescription\n"
TODAY = dt.date(2026, 6, 1)


@pytest.fixture
def folder(tmp_path):
    """Give a small folder of valid files that a test may spoil."""
    write(tmp_path, "schemes", SCHEMES + "service\tService\nmetric\tMetric\n")
    write(
        tmp_path,
        "service",
        "code\tlabel\tparent\tsynonyms\tbroader\tdeprecated_on\treplaced_by\n"
        "data\tData\n"
        "data-management\tData management\tdata\tCDM\n",
    )
    write(
        tmp_path,
        "metric",
        "code\tlabel\tunit\tdirection\tmin\tmax\nshare\tShare\tshare\tup\t0\t1\n",
    )
    return tmp_path


def write(folder, name, text):
    (folder / f"{name}.tsv").write_text(text, encoding="utf-8")


def append(folder, name, text):
    path = folder / f"{name}.tsv"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def load(folder, **kwargs):
    return load_vocabularies(folder=folder, today=TODAY, **kwargs)


def heard(calls):
    def receiver(sender, scheme, **kwargs):
        calls.append(scheme)

    return receiver


@pytest.fixture
def announced():
    """Collect the schemes announced as changed."""
    calls = []
    receiver = heard(calls)
    vocabulary_changed.connect(receiver)
    yield calls
    vocabulary_changed.disconnect(receiver)


# Loading


@pytest.mark.django_db
def test_load_writes_terms_and_a_second_load_changes_nothing(folder, announced):
    report = load(folder)

    child = Term.objects.get(code="data-management")
    assert child.parent.code == "data"
    assert child.synonyms == ["CDM"]
    assert report.changed_schemes == sorted(announced) == ["metric", "service"]
    version = CatalogState.objects.get()

    announced.clear()
    again = load(folder)
    assert again.changed_schemes == announced == []
    after = CatalogState.objects.get()
    assert after.version == version.version
    assert after.vocabulary_version == version.vocabulary_version


@pytest.mark.django_db
def test_load_raises_both_versions_once_when_something_changed(folder):
    load(folder)
    before = CatalogState.objects.get()
    append(folder, "service", "data-lake\tData lake\tdata\n")
    load(folder)
    after = CatalogState.objects.get()

    assert after.version == before.version + 1
    assert after.vocabulary_version == before.vocabulary_version + 1


@pytest.mark.django_db
def test_load_deprecates_a_vanished_term_and_revives_it(folder):
    original = (folder / "service.tsv").read_text()
    load(folder)
    write(folder, "service", "code\tlabel\ndata\tData\n")

    assert load(folder).deprecated == [("service", "data-management")]
    gone = Term.objects.get(code="data-management")
    assert gone.deprecated_on == TODAY
    later = load_vocabularies(folder=folder, today=dt.date(2027, 1, 1))
    assert later.changed_schemes == []

    write(folder, "service", original)
    load(folder)
    back = Term.objects.get(code="data-management")
    assert (back.pk, back.deprecated_on) == (gone.pk, None)


@pytest.mark.django_db
def test_load_sets_the_successor_of_a_deprecated_term(folder):
    load(folder)
    pk = Term.objects.get(code="data-management").pk
    write(
        folder,
        "service",
        "code\tlabel\tdeprecated_on\treplaced_by\n"
        "data\tData\n"
        "data-management\tData management\t2026-05-01\tdata\n",
    )
    load(folder)

    old = Term.objects.get(pk=pk)
    assert old.replaced_by.code == "data"
    assert old.parent is None


@pytest.mark.django_db
def test_load_moves_broader_links_with_the_files(folder):
    append(folder, "schemes", "region\tRegion\ncountry\tCountry\n")
    write(folder, "region", "code\tlabel\neu\tEU\nasia\tAsia\n")
    write(folder, "country", "code\tlabel\tbroader\npl\tPoland\tregion:asia\n")
    load(folder)
    write(folder, "country", "code\tlabel\tbroader\npl\tPoland\tregion:eu\n")
    report = load(folder)

    assert report.terms == {("country", "updated"): 1}
    assert [t.code for t in Term.objects.get(code="pl").broader.all()] == ["eu"]


@pytest.mark.django_db
def test_dry_run_writes_nothing(folder, announced):
    report = load(folder, dry_run=True)

    assert report.terms["service", "created"] == 2
    assert not Scheme.objects.exists()
    assert announced == []


@pytest.mark.django_db
def test_load_leaves_schemes_without_a_file_alone(folder):
    other = Term.objects.create(
        scheme=Scheme.objects.create(code="other", label="Other"),
        code="kept",
        label="Kept",
    )
    load(folder)

    other.refresh_from_db()
    assert other.deprecated_on is None


# Files that contradict themselves

HEADER = "code\tlabel\tparent\tsynonyms\tbroader\tdeprecated_on\treplaced_by\n"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("service", HEADER + "a\tA\tnowhere\n", "service.tsv:2: parent 'nowhere'"),
        ("service", HEADER + "a\tA\na\tB\n", "service.tsv:3: code 'a' stands at"),
        ("service", HEADER + "a\tA\tb\nb\tB\ta\n", "parent runs in a circle: a -> b"),
        ("service", HEADER + "a\tA\ta\n", "'a' is its own parent"),
        ("service", HEADER + "Big\tA\n", "service.tsv:2: 'Big' is no code"),
        ("service", HEADER + "a\n", "service.tsv:2: 'a' has no label"),
        ("service", HEADER + "a\tA\t\tB\nb\tB\n", "'b' is a name of 'a' too"),
        ("service", HEADER + "a\tA\t\tx||y\n", "synonyms has an empty entry"),
        ("service", HEADER + "a\tA\t\tx|x\n", "synonyms names 'x' twice"),
        ("service", HEADER + "a\tA\t\t\teu\n", "broader takes scheme:code"),
        ("service", HEADER + "a\tA\t\t\tregion:eu\n", "region:eu does not exist"),
        ("service", HEADER + "a\tA\t\t\tservice:a\n", "'a' is broader than itself"),
        ("service", HEADER + "a\tA\t\t\t\tsoon\n", "'soon' is no date"),
        ("service", HEADER + "a\tA\t\t\t\t\tb\nb\tB\n", "say in deprecated_on"),
        ("service", HEADER + "a\tA\t\t\t\t\t\t\tz\n", "9 cells, but the header"),
        ("service", "code\tlabel\tcolour\na\tA\tred\n", "unknown column 'colour'"),
        ("service", "code\tlabel\tcode\na\tA\tb\n", "column 'code' stands twice"),
        ("service", "code\na\n", "the column 'label' is missing"),
        (
            "metric",
            "code\tlabel\tunit\tdirection\tmin\tmax\nm\tM\tdays\tup\t5\t1\n",
            "metric.tsv:2: min of 'm' must be below its max",
        ),
        (
            "metric",
            "code\tlabel\tunit\tdirection\tmin\nm\tM\tdays\tup\tnan\n",
            "metric.tsv:2: min 'nan' is not a number",
        ),
        ("metric", "code\tlabel\tunit\nm\tM\tdays\n", "direction of 'm' must be"),
        ("metric", "code\tlabel\tdirection\nm\tM\tup\n", "metric 'm' has no unit"),
        ("stray", "code\tlabel\n", "stray.tsv: no scheme of this name"),
        ("schemes", "code\tlabel\nservice\tS\n", "schemes.tsv:2: the columns must be"),
    ],
)
def test_reading_names_file_line_and_problem(folder, name, text, problem):
    write(folder, name, text)
    with pytest.raises(VocabularyFilesError) as error:
        read_vocabularies(folder)
    assert problem in str(error.value)


def test_reading_tells_every_problem_at_once(folder):
    write(folder, "service", HEADER + "Big\tA\nc\tC\tnowhere\n")
    (folder / "metric.tsv").unlink()
    with pytest.raises(VocabularyFilesError) as error:
        read_vocabularies(folder)
    assert len(error.value.problems) == 3


def test_reading_says_when_a_file_is_not_utf8(folder):
    (folder / "service.tsv").write_bytes(b"code\tlabel\na\t\xff\n")
    with pytest.raises(VocabularyFilesError, match=r"service.tsv: not UTF-8"):
        read_vocabularies(folder)


@pytest.mark.django_db
def test_the_command_loads_nothing_from_bad_files(folder):
    write(folder, "service", HEADER + "a\tA\tnowhere\n")
    with pytest.raises(CommandError, match=r"service.tsv:2: parent 'nowhere'"):
        call_command("load_vocabularies", folder=folder)
    assert not Scheme.objects.exists()


# The version


@pytest.mark.django_db
def test_raise_catalog_version_makes_the_row_and_counts_up():
    first = raise_catalog_version()
    assert raise_catalog_version() == first + 1
    state = CatalogState.objects.get()
    assert (state.version, state.vocabulary_version) == (first + 1, 1)


@pytest.mark.django_db(transaction=True)
def test_raise_catalog_version_wants_a_transaction():
    with pytest.raises(transaction.TransactionManagementError):
        raise_catalog_version()


# The project's own files


@pytest.fixture(scope="module")
def files():
    return read_vocabularies()


@pytest.fixture
def loaded(db):
    return load_vocabularies(today=TODAY)


@pytest.mark.django_db
def test_the_command_says_what_it_did(capsys):
    call_command("load_vocabularies", dry_run=True)
    assert "Dry run: nothing was written." in capsys.readouterr().out
    call_command("load_vocabularies")
    assert "country: 250 created" in capsys.readouterr().out
    call_command("load_vocabularies")
    assert "nothing changed" in capsys.readouterr().out


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
    wide = TermFactory.create(scheme=scheme, tree_numbers=["C04.588"])
    narrow = TermFactory.create(scheme=scheme, tree_numbers=["C04.588.180"])
    TermFactory.create(scheme=scheme, tree_numbers=["C04.5881"])

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
def test_resolver_follows_a_deprecated_term_to_its_successor(folder):
    write(
        folder,
        "service",
        HEADER + "new\tNew\nold\tOld\t\t\t\t2026-01-01\tnew\n"
        "dead\tDead\t\t\t\t2026-01-01\n",
    )
    load(folder)
    resolver = TermResolver.load(["service"])

    assert resolver.find("service", "Old").code == "new"
    assert resolver.find("service", "Dead") is None


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
