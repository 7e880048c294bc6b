"""The directory of real organizations: the file, its load, and what it settles."""

import csv
import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from catalog.choices import AliasKind, CROStatus
from catalog.importers.directory import (
    COLUMNS,
    DirectoryFileError,
    read_directory,
)
from catalog.models import CRO, Alias, CatalogState, Claim, Source
from catalog.services.claims import announce_change
from catalog.services.directory import current_resolver, load_directory
from tests.factories import AliasFactory, CROFactory, TrialRoleFactory

SOUND = {
    "slug": "oldco", "name": "Oldcoresearch", "kind": "full", "status": "listed",
    "source": "Web site of Oldcoresearch", "sure": "yes",
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(*rows):
        path = tmp_path / "organizations.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(SOUND | row for row in rows)
        return path

    return write


def test_the_file_is_sound_and_says_where_from():
    rows = read_directory()
    assert len(rows) >= 190
    assert all(row.source for row in rows)
    by_slug = {row.slug: row for row in rows}
    quintiles = by_slug["quintiles"]
    assert (quintiles.successor, quintiles.succeeded_on) == (
        "iqvia",
        dt.date(2016, 10, 3),
    )
    assert all(not row.successor for row in rows if not row.is_sure)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"slug": "Old Co"}, "slug “Old Co”"),
        ({"name": ""}, "name “”"),
        ({"kind": "best"}, "kind “best”"),
        ({"status": "draft"}, "status “draft”"),
        ({"country": "USA"}, "country “USA”"),
        ({"source": ""}, "source “”"),
        ({"source_url": "javascript:alert(1)"}, "source_url"),
        ({"sure": "perhaps"}, "sure “perhaps”"),
        ({"domains": "not a domain"}, "no plain domain"),
        ({"names": "Name [former 2016..2015]"}, "ends before it begins"),
        ({"names": "Name [once]"}, "neither a kind nor a time"),
        ({"names": "Name [former ..2016-13]"}, "is no date"),
        ({"names": "[former]"}, "is no name"),
        ({"status": "merged"}, "has a successor"),
        ({"successor": "nobody"}, "is not in the file"),
        ({"successor": "oldco"}, "round in a circle"),
    ],
)
def test_a_wrong_cell_is_told_with_its_place(write, change, told):
    with pytest.raises(
        DirectoryFileError, match=told.replace("“", ".").replace("”", ".")
    ):
        read_directory(write(change))


def test_a_slug_twice_and_other_columns_are_refused(write, tmp_path):
    with pytest.raises(DirectoryFileError, match="stands twice"):
        read_directory(write({}, {}))
    (tmp_path / "x.csv").write_text("slug,name\na,b\n")
    with pytest.raises(DirectoryFileError, match="columns should be"):
        read_directory(tmp_path / "x.csv")
    with pytest.raises(DirectoryFileError, match="cannot be read"):
        read_directory(tmp_path / "none.csv")


def test_times_of_names_are_whole_years_and_months(write):
    path = write(
        {"names": "Old [former 2010..2012-02] | New [2012-03..] | OC [abbreviation]"}
    )
    old, new, short = read_directory(path)[0].names
    assert (old.valid_from, old.valid_to) == (dt.date(2010, 1, 1), dt.date(2012, 2, 29))
    assert (new.valid_from, new.valid_to) == (dt.date(2012, 3, 1), None)
    assert (old.kind, new.kind, short.kind) == ("former", "brand", "abbreviation")


def test_a_doubtful_merger_is_not_stated(write):
    path = write(
        {}, {"slug": "b", "successor": "oldco", "succeeded_on": "2010", "sure": "no"}
    )
    assert read_directory(path)[1].successor == ""


@pytest.mark.django_db
def test_the_load_writes_identity_and_nothing_else():
    report = load_directory()
    assert len(report.created) == report.total == CRO.objects.count()
    assert not CRO.objects.filter(is_fictional=True).exists()
    assert not Claim.objects.exists()
    assert not Alias.objects.filter(source=None).exists()
    quintiles = CRO.objects.get(slug="quintiles")
    assert (quintiles.status, quintiles.successor.slug) == (CROStatus.MERGED, "iqvia")
    assert quintiles.succeeded_on == dt.date(2016, 10, 3)
    former = Alias.objects.get(cro__slug="iqvia", name="Quintiles")
    assert (former.kind, former.valid_to) == (AliasKind.FORMER, dt.date(2016, 10, 3))
    assert former.source.url.startswith("https://www.sec.gov/")
    domain = Alias.objects.get(cro__slug="iqvia", kind=AliasKind.DOMAIN)
    assert (domain.source.title, domain.source.url) == (
        "Web site of IQVIA",
        "https://iqvia.com/",
    )


@pytest.mark.django_db
def test_a_second_load_changes_nothing(capsys):
    call_command("load_directory")
    before = CatalogState.objects.get().version
    n_sources = Source.objects.count()
    AliasFactory.create(cro=CRO.objects.get(slug="iqvia"), name="A curator's name")
    call_command("load_directory")
    assert "up to date" in capsys.readouterr().out
    assert CatalogState.objects.get().version == before
    assert Source.objects.count() == n_sources
    assert Alias.objects.filter(name="A curator's name").exists()


@pytest.mark.django_db
def test_a_changed_file_changes_what_it_says(write):
    load_directory(path=write({}, {"slug": "newco", "name": "Newcoresearch"}))
    path = write(
        {
            "status": "merged", "successor": "newco", "succeeded_on": "2019-04",
            "names": "Oldco [2001..]",
        },
        {"slug": "newco", "name": "Newcoresearch"},
    )  # fmt: skip
    planned = load_directory(path=path, dry_run=True)
    assert CRO.objects.get(slug="oldco").status == CROStatus.LISTED
    assert planned.updated == ["oldco"]
    load_directory(path=path)
    old = CRO.objects.get(slug="oldco")
    assert (old.status, old.successor.slug) == (CROStatus.MERGED, "newco")
    assert old.succeeded_on == dt.date(2019, 4, 1)
    found = current_resolver().resolve("Oldcoresearch GmbH")
    assert (found.organization, found.successor) == ("oldco", "newco")


@pytest.mark.django_db
def test_a_demo_cro_at_a_real_address_stops_the_load():
    CROFactory.create(slug="iqvia", is_fictional=True)
    with pytest.raises(CommandError, match=r"(?s)Nothing was loaded.*iqvia"):
        call_command("load_directory")
    assert CRO.objects.count() == 1


@pytest.mark.django_db
def test_a_broken_file_stops_the_load(write):
    with pytest.raises(CommandError, match="mend this first"):
        call_command("load_directory", file=write({"kind": "best"}))


@pytest.mark.django_db
def test_the_resolver_of_the_database_knows_old_names_owners_and_countries():
    load_directory()
    resolver = current_resolver()
    found = resolver.resolve("Quintiles, Inc.", day=dt.date(2008, 1, 1))
    assert (found.organization, found.successor) == ("quintiles", "iqvia")
    assert resolver.resolve("Kendle").successor == "syneos-health"
    assert resolver.resolve("SCRI").answer == "unsure"
    assert resolver.resolve("SCRI", country="sg").organization == "scri-singapore"


@pytest.mark.django_db(transaction=True)
def test_the_resolver_is_kept_until_the_catalogue_changes(django_assert_num_queries):
    cro = CROFactory.create(
        slug="acro", name="Acroresearch", is_fictional=False, status=CROStatus.LISTED
    )
    announce_change([cro.pk])
    kept = current_resolver()
    with django_assert_num_queries(1):
        assert current_resolver() is kept
    AliasFactory.create(cro=cro, name="Bcroresearch")
    announce_change([cro.pk])
    assert current_resolver().resolve("Bcroresearch").organization == "acro"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "note"),
    [
        ("quintiles", "“Quintiles” is today"),
        ("covance", "“Covance” is today"),
        ("western", ""),
        ("iqvia", ""),
    ],
)
def test_the_search_finds_an_old_name_and_says_so(client, words, note):
    load_directory()
    page = client.get("/cros/", {"q": words}).content.decode()
    assert ("is today" in page) == bool(note)
    assert note in page
    if note:
        assert {"quintiles": "/cros/iqvia/", "covance": "/cros/fortrea/"}[words] in page


@pytest.mark.django_db
def test_another_brand_is_told_as_such(client):
    load_directory()
    page = client.get("/cros/", {"q": "pharmaceutical product"}).content.decode()
    assert "“Pharmaceutical Product Development” is another name of" in page


@pytest.mark.django_db
def test_a_page_of_the_successor_tells_mergers_and_labels_what_is_inherited(client):
    load_directory()
    role = TrialRoleFactory.create(cro=CRO.objects.get(slug="quintiles"))
    announce_change([role.cro_id])
    page = client.get("/cros/iqvia/").content.decode()
    assert "Quintiles</a> became part of it" in page or "Quintiles became part" in page
    tab = client.get("/cros/iqvia/", {"tab": "experience", "inherited": "1"})
    assert tab.status_code == 200
    assert client.get("/cros/quintiles/").status_code == 302


@pytest.mark.django_db
def test_a_search_for_an_earlier_name_of_a_merged_one_finds_its_owner(client):
    load_directory()

    page = client.get(reverse("catalog:cro-list"), {"q": "PRA International"})

    words = " ".join(page.content.decode().split())
    assert "“PRA International” is today" in words
    assert ">ICON</a>" in words
