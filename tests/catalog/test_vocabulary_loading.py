"""Vocabulary files are checked as a whole, and the tables follow them."""

import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from catalog.importers.vocabulary import VocabularyFilesError, read_vocabularies
from catalog.models import CatalogState, Scheme, Term
from catalog.services.state import raise_catalog_version
from catalog.services.vocabulary import load_vocabularies
from catalog.signals import vocabulary_changed
from catalog.vocabulary import TermResolver

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


@pytest.mark.django_db
def test_the_command_says_what_it_did(folder, capsys):
    call_command("load_vocabularies", folder=folder, dry_run=True)
    assert "Dry run: nothing was written." in capsys.readouterr().out
    call_command("load_vocabularies", folder=folder)
    assert "service: 2 created" in capsys.readouterr().out
    call_command("load_vocabularies", folder=folder)
    assert "nothing changed" in capsys.readouterr().out


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


# Deprecated terms


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
