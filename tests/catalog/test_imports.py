"""Imports of trials: what they write, what they leave alone, and what stops them."""

import datetime as dt
import json
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.urls import reverse
from django.utils import timezone

from catalog.choices import CROStatus, ImportState, RoleKind, SizeClass
from catalog.identity import Resolution
from catalog.importers.ctgov import read_study
from catalog.importers.pages import ApiError, Pages
from catalog.importers.records import CountrySites
from catalog.importers.sources import ApiSource, FileSource
from catalog.models import (
    CatalogState,
    ImportRun,
    OrganizationMatch,
    StagedTrial,
    Term,
    Trial,
    TrialCondition,
    TrialCountry,
    TrialRole,
)
from catalog.services import import_lookups, imports
from catalog.services.directory import current_resolver
from catalog.services.imports import ImportIsRunning, import_trials
from catalog.signals import catalog_changed
from catalog.snapshot import current, forget
from tests.catalog.importers import formats
from tests.catalog.importers.ctgov_records import make_study
from tests.catalog.importers.register import register, send
from tests.factories import (
    AliasFactory,
    CROFactory,
    TermFactory,
    TrialFactory,
    TrialRoleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def words():
    """Make the few terms that the made-up records use."""
    for code, label in (("pl", "Poland"), ("fr", "France"), ("us", "United States")):
        TermFactory.create(scheme__code="country", code=code, label=label)
    return {
        "asthma": TermFactory.create(
            scheme__code="condition",
            code="asthma",
            label="Asthma",
            external_code="D001249",
            tree_numbers=["C08.127.108"],
        ),
        "phase": TermFactory.create(
            scheme__code="phase",
            code="phase-2-3",
            attributes={"ctgov": ["PHASE2", "PHASE3"]},
        ),
    }


@pytest.fixture
def research(words):
    return CROFactory.create(
        slug="fictional-research", name="Fictional Research", is_fictional=False,
        status=CROStatus.LISTED,
    )  # fmt: skip


def study(number=1, version="2026-01-10", **modules):
    made = make_study(**modules)
    protocol = made["protocolSection"]
    protocol["identificationModule"]["nctId"] = f"NCT{number:08d}"
    protocol["statusModule"]["lastUpdatePostDateStruct"] = {"date": version}
    return made


@pytest.fixture
def run_import(tmp_path):
    """Write records to a file of JSON lines and import it."""

    def run(*records, name="trials.jsonl", batch_records=2, **options):
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return import_trials(source=FileSource(path, batch_records), **options)

    return run


@contextmanager
def heard():
    calls = []

    def hear(**kwargs):
        calls.append(kwargs["cro_ids"])

    catalog_changed.connect(hear)
    try:
        yield calls
    finally:
        catalog_changed.disconnect(hear)


def version():
    return CatalogState.objects.get().version if CatalogState.objects.exists() else 1


def test_a_trial_keeps_what_the_record_tells(research, words, run_import):
    report = run_import(study())

    assert (report.n_new, report.n_read, report.n_roles) == (1, 1, 1)
    trial = Trial.objects.get()
    assert trial.registry_id == "NCT00000001"
    assert trial.register == "ctgov"
    assert trial.title == "Made-up Tablets in Adults With Asthma"
    assert trial.phase == words["phase"]
    assert trial.study_type == "INTERVENTIONAL"
    assert trial.overall_status == "NOT_YET_RECRUITING"
    assert trial.conditions_as_written == ["Persistent Asthma", "Rhinitis"]
    assert trial.interventions == ["Made-upine", "Placebo", "Inhaler"]
    assert trial.intervention_types == ["DRUG", "DEVICE"]
    assert (trial.participants, trial.n_sites) == (420, 4)
    assert trial.start_date == dt.date(2027, 3, 1)
    assert trial.completion_date == dt.date(2029, 6, 30)
    assert trial.lead_sponsor == "Made-up Pharma"
    assert trial.sponsor_key == "made up pharma"
    assert (trial.sponsor_class, trial.sponsor_size) == ("INDUSTRY", SizeClass.SMALL)
    assert trial.record_version == "2026-01-10"
    assert list(TrialCondition.objects.values_list("term__code", "certainty")) == [
        ("asthma", 1.0)
    ]
    assert list(TrialCountry.objects.values_list("country__code", "n_sites")) == [
        ("pl", 3),
        ("fr", 1),
    ]
    role = TrialRole.objects.get()
    assert (role.cro, role.kind) == (research, RoleKind.COLLABORATOR)
    assert role.name_as_written == "Fictional Research"
    assert not StagedTrial.objects.exists()


@pytest.mark.parametrize(
    ("counts", "together"), [((3, 2), 5), ((3, None), None), ((None, 2), None)]
)
def test_two_names_of_one_country_add_up_only_if_both_are_known(
    research, counts, together
):
    record = read_study(study(1))
    named = zip(("Poland", "Polska"), counts, strict=True)
    record = replace(record, countries=tuple(CountrySites(*pair) for pair in named))
    Term.objects.filter(scheme="country", code="pl").update(synonyms=["Polska"])
    lookups = import_lookups.Lookups(current_resolver(), dt.date(2026, 9, 30))
    (row,) = lookups.rows([record])
    assert row.country_sites == (together,)


def test_the_same_file_twice_changes_nothing(research, run_import):
    run_import(study(1), study(2))
    rows = list(Trial.objects.values())
    before = version()

    with heard() as calls:
        report = run_import(study(1), study(2))

    assert (report.n_new, report.n_changed, report.n_same) == (0, 0, 2)
    assert list(Trial.objects.values()) == rows
    assert version() == before
    assert calls == []


def test_a_newer_version_replaces_what_hangs_on_the_trial(research, run_import):
    run_import(study(1))
    newer = study(1, version="2026-02-01")
    protocol = newer["protocolSection"]
    protocol["sponsorCollaboratorsModule"]["collaborators"] = []
    protocol["contactsLocationsModule"]["locations"] = [{"country": "United States"}]

    with heard() as calls:
        report = run_import(newer)

    assert (report.n_changed, report.n_new) == (1, 0)
    assert not TrialRole.objects.exists()
    assert [row.country.code for row in TrialCountry.objects.all()] == ["us"]
    assert calls == [[research.pk]]


def test_a_newer_version_leaves_alone_what_a_curator_entered(research, run_import):
    run_import(study(1))
    other = CROFactory.create(is_fictional=False)
    trial = Trial.objects.get()
    by_hand = TrialRoleFactory.create(trial=trial, cro=other, is_by_hand=True)
    TrialRole.objects.filter(cro=research).update(is_by_hand=True, certainty=0.6)

    run_import(study(1, version="2026-02-01"))
    gone = study(1, version="2026-03-01")
    gone["protocolSection"]["sponsorCollaboratorsModule"]["collaborators"] = []
    run_import(gone, name="gone.jsonl")

    kept = TrialRole.objects.order_by("certainty")
    assert [(role.cro, role.certainty) for role in kept] == [
        (research, 0.6),
        (other, by_hand.certainty),
    ]


def test_an_older_version_never_overwrites_a_newer_one(research, run_import):
    run_import(study(1, version="2026-02-01"))

    older = study(1, version="2025-12-31", conditionsModule={"conditions": ["X"]})
    no_version = study(1, version=None)
    report = run_import(older, no_version, name="older.jsonl")

    assert (report.n_older, report.n_changed) == (1, 0)
    assert Trial.objects.get().record_version == "2026-02-01"
    assert Trial.objects.get().conditions_as_written != ["X"]


def test_the_newest_of_several_in_one_file_counts(research, run_import):
    report = run_import(
        study(1, version="2026-02-01"), study(2), study(1, version="2026-01-01")
    )

    assert report.n_new == 2
    assert Trial.objects.get(registry_id="NCT00000001").record_version == "2026-02-01"


def test_a_poorer_format_of_the_same_version_changes_nothing(
    research, run_import, tmp_path
):
    record = study(99000005, version=formats.MERGED["record_as_of"])
    run_import(record)

    report = run_import(formats.MERGED, name="merged.jsonl")

    assert (report.n_same, report.n_changed) == (1, 0)


def test_a_new_name_in_the_directory_counts_at_the_next_import(words, run_import):
    assert run_import(study(1)).n_roles == 0
    CROFactory.create(
        slug="fictional-research", name="Fictional Research", is_fictional=False
    )

    report = run_import(study(1))

    assert (report.n_changed, report.n_roles) == (1, 1)


def test_the_version_is_raised_and_rankings_told_once(research, run_import):
    before = version()

    with heard() as calls:
        run_import(*(study(n) for n in range(1, 8)))

    assert version() == before + 1
    assert calls == [[research.pk]]
    research.refresh_from_db()
    assert research.catalog_version == version()


def test_a_snapshot_sees_the_import(research, run_import):
    forget()
    run_import(study(1))

    assert len(current().arrays.trials) == 1


def test_trials_without_organizations_raise_the_version_but_tell_nobody(
    words, run_import
):
    before = version()

    with heard() as calls:
        report = run_import(study(1))

    assert report.n_unmatched == 1
    assert version() == before + 1
    assert calls == []


class Doubtful:
    """A resolver that is unsure of one name and knows nobody else."""

    def resolve_many(self, mentions):
        return [
            Resolution("unsure", "fictional-research", 0.6, ("Looks alike.",))
            if mention.name.startswith("Fictional")
            else Resolution("no", "", 0.0, ())
            for mention in mentions
        ]


def test_unsure_names_wait_for_a_curator(research, run_import):
    report = run_import(study(1), study(2), resolver=Doubtful())

    assert (report.n_unsure, report.n_new_unsure, report.n_roles) == (1, 1, 0)
    match = OrganizationMatch.objects.get()
    assert match.name_as_written == "Fictional Research"
    assert match.n_trials == 2
    assert match.examples == ["NCT00000001", "NCT00000002"]


def test_an_unsure_name_is_explained_as_a_trial_has_it(research, run_import):
    asked = []

    class Watched(Doubtful):
        def resolve_many(self, mentions):
            asked.append([m for m in mentions if m.name == "Fictional Research"])
            return super().resolve_many(mentions)

    run_import(study(1), study(2), resolver=Watched())

    (read,), (explained,) = asked[0], asked[-1]
    assert read.day is not None
    assert explained == read


def test_a_full_memory_of_names_loses_no_role(research, run_import, monkeypatch):
    monkeypatch.setattr(import_lookups, "MAX_CACHED", 0)

    report = run_import(study(1), study(2), study(3), batch_records=1)

    assert report.n_roles == 3
    assert TrialRole.objects.filter(cro=research).count() == 3


def test_facilities_are_a_sites_experience(words, run_import):
    site = CROFactory.create(slug="site-1", name="Site 1 Unit", is_fictional=False)
    AliasFactory.create(cro=site, name="Novel Zyxwvut Unit")
    record = study(1)
    places = record["protocolSection"]["contactsLocationsModule"]
    places["locations"][0]["facility"] = "Novel Zyxwvut Unit"

    run_import(record)

    assert TrialRole.objects.get().kind == RoleKind.FACILITY
    assert not TrialRole.objects.experience().exists()


def test_sponsors_are_sized_by_the_trials_they_lead(research, run_import, monkeypatch):
    monkeypatch.setattr(imports, "MID_SPONSOR", 2)
    monkeypatch.setattr(imports, "LARGE_SPONSOR", 4)
    run_import(study(1))
    assert Trial.objects.get().sponsor_size == SizeClass.SMALL

    run_import(study(2), study(3))
    assert set(Trial.objects.values_list("sponsor_size", flat=True)) == {"mid"}

    run_import(study(4))
    assert set(Trial.objects.values_list("sponsor_size", flat=True)) == {"large"}


def test_demo_trials_keep_their_sizes_and_rows(research, run_import):
    trial = TrialFactory.create(sponsor_key="made up pharma", sponsor_size="large")
    TrialRoleFactory.create(trial=trial, cro=research)

    run_import(study(1))

    trial.refresh_from_db()
    assert trial.sponsor_size == "large"
    assert Trial.objects.get(register="ctgov").sponsor_size == "small"


def test_broken_records_are_told_and_the_rest_goes_on(research, run_import):
    nameless = study(1)
    del nameless["protocolSection"]["identificationModule"]["nctId"]

    report = run_import(nameless, [], study(2), {"protocolSection": 7}, study(3))

    assert (report.n_new, report.n_broken) == (2, 3)
    assert [p["place"] for p in report.problems] == [
        "trials.jsonl:1", "trials.jsonl:2", "trials.jsonl:4",
    ]  # fmt: skip
    run = ImportRun.objects.get()
    assert (run.state, run.n_broken, run.problems) == (
        ImportState.DONE, 3, report.problems,
    )  # fmt: skip


ODD = {
    "future start": {"statusModule": {"startDateStruct": {"date": "2099-01-01"}}},
    "reversed dates": {
        "statusModule": {
            "startDateStruct": {"date": "2020-05-02"},
            "completionDateStruct": {"date": "2019-01-01"},
        }
    },
    "enrolment": {"designModule": {"enrollmentInfo": {"count": 10**12}}},
    "countries": {
        "contactsLocationsModule": {
            "locations": [{"country": f"Country {n}"} for n in range(5000)]
            + [{"country": "Poland"}]
        }
    },
    "phases": {"designModule": {"phases": ["PHASE9", {"a": 1}]}},
    "types": {
        "statusModule": ["a list"],
        "designModule": "a text",
        "conditionsModule": {"conditions": "Asthma", "keywords": 3},
        "contactsLocationsModule": {"locations": {"country": "Poland"}},
        "sponsorCollaboratorsModule": {"leadSponsor": "X", "collaborators": [1]},
    },
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_records_are_kept_without_what_cannot_be(research, run_import, odd):
    record = make_study(**ODD[odd])

    report = run_import(record)

    assert (report.n_new, report.n_broken) == (1, 0)
    trial = Trial.objects.get()
    assert report.surprises
    if odd == "future start":
        assert trial.start_date is None
    if odd == "reversed dates":
        assert (trial.start_date, trial.completion_date) == (
            dt.date(2020, 5, 2), None,
        )  # fmt: skip
    if odd == "enrolment":
        assert trial.participants is None
    if odd == "countries":
        assert [row.country.code for row in trial.trial_countries.all()] == ["pl"]
        assert "“Country 0” is no country known here." in report.surprises
        assert len(report.surprises) <= 200
    if odd == "phases":
        assert trial.phase is None


def test_a_version_in_the_future_keeps_nothing_out(research, run_import):
    run_import(study(1, version="2098-01-01"))
    assert Trial.objects.get().record_version == ""

    assert run_import(study(1, version="2026-01-01")).n_changed == 1


def test_a_dry_run_counts_and_writes_nothing(research, run_import):
    run_import(study(1))
    state = version()

    report = run_import(
        study(1), study(2), {}, study(1, version="2026-03-01"), dry_run=True
    )

    assert (report.n_new, report.n_changed, report.n_same, report.n_broken) == (
        1, 1, 0, 1,
    )  # fmt: skip
    assert {row["verdict"] for row in report.sample} == {"new", "changed"}
    assert report.sample[0]["cros"] == ["Fictional Research"]
    assert Trial.objects.count() == 1
    assert ImportRun.objects.count() == 1
    assert not StagedTrial.objects.exists()
    assert version() == state


class Killed(BaseException):
    """Stands in for a kill: nothing catches it."""


def test_a_killed_import_goes_on_where_it_was(
    research, run_import, monkeypatch, tmp_path
):
    records = [study(n) for n in range(1, 8)]
    reads = []

    def die_at(n):
        def tell(n_read, share):
            reads.append(n_read)
            if n_read == n:
                raise Killed

        return tell

    with pytest.raises(Killed):
        run_import(*records, progress=die_at(4))
    run = ImportRun.objects.get()
    assert (run.state, run.position) == (ImportState.RUNNING, 4)
    assert StagedTrial.objects.count() == 4
    assert not Trial.objects.exists()  # readers never see half an import

    reads.clear()
    report = run_import(*records, progress=die_at(-1))

    assert report.resumed_at == 4
    assert reads == [4, 6, 7]
    assert (report.n_new, report.n_read) == (7, 7)
    assert Trial.objects.count() == 7
    assert ImportRun.objects.get().state == ImportState.DONE


def test_a_merge_that_failed_is_kept_and_done_next_time(
    research, run_import, monkeypatch
):
    def fail(cros):
        raise RuntimeError("no disk")

    monkeypatch.setattr(imports, "announce_change", fail)
    with pytest.raises(RuntimeError):
        run_import(study(1), study(2))
    run = ImportRun.objects.get()
    assert (run.state, run.error) == (ImportState.FAILED, "RuntimeError: no disk")
    assert not Trial.objects.exists()

    monkeypatch.undo()
    assert run_import(study(1), study(2)).n_new == 2
    run.refresh_from_db()
    assert (run.state, run.error) == (ImportState.DONE, "")


def test_restart_reads_from_the_beginning(research, run_import):
    def die(n_read, share):
        if n_read == 2:
            raise Killed

    with pytest.raises(Killed):
        run_import(*(study(n) for n in range(1, 6)), progress=die)

    report = run_import(*(study(n) for n in range(1, 6)), restart=True)

    assert (report.resumed_at, report.n_new) == (0, 5)
    assert ImportRun.objects.count() == 1


def test_what_stopped_long_ago_is_not_taken_up(research, run_import):
    def die(n_read, share):
        if n_read == 2:
            raise Killed

    records = [study(n) for n in range(1, 6)]
    with pytest.raises(Killed):
        run_import(*records, progress=die)
    ImportRun.objects.update(updated_at=timezone.now() - dt.timedelta(days=15))

    report = run_import(*records)

    assert (report.resumed_at, report.n_new) == (0, 5)
    assert ImportRun.objects.count() == 1


def test_without_vocabularies_nothing_begins(db, run_import):
    with pytest.raises(ValidationError, match="load_vocabularies"):
        run_import(study(1))


@pytest.mark.django_db(transaction=True)
def test_the_second_import_at_once_is_told(words, run_import):
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [imports.LOCK])

            with pytest.raises(ImportIsRunning, match="is running"):
                run_import(study(1))

            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [imports.LOCK])
    finally:
        other.close()
    assert run_import(study(1)).n_new == 1


def texts_of_the_database():
    """Give every text in every table of the portal, arrays and JSON as text."""
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t")  # noqa: S608
            yield from ((table, text) for (text,) in cursor.fetchall())


@pytest.mark.parametrize("name", sorted(formats.files()))
def test_no_person_reaches_the_database(research, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(formats.files()[name])

    report = import_trials(source=FileSource(path))

    assert report.n_new == 1
    for table, text in texts_of_the_database():
        for word in formats.PLANTED:
            assert word not in text.lower(), f"{word} in {table}: {text}"


def test_every_format_at_once_from_a_zip(research, tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, payload in formats.files().items():
            archive.writestr(name, payload)
    out = StringIO()

    call_command("import_trials", str(path), stdout=out, stderr=StringIO())

    assert "Read 7 records" in out.getvalue()
    assert "new: 6, changed: 0" in out.getvalue()
    third = TrialRole.objects.get(kind=RoleKind.THIRD_PARTY)
    assert (third.cro, third.trial.register) == (research, "ctis")


def test_the_command_says_what_a_dry_run_would_do(research, tmp_path):
    path = tmp_path / "trials.jsonl"
    path.write_text(json.dumps(study(1)) + "\n{}\n")
    out = StringIO()

    call_command("import_trials", str(path), "--dry-run", stdout=out, stderr=StringIO())

    said = out.getvalue()
    assert "Would be new: 1" in said
    assert "broken: trials.jsonl:2" in said
    assert "NCT00000001 (new)" in said
    assert "Fictional Research" in said
    assert not Trial.objects.exists()


def test_an_api_import_goes_on_with_the_next_page(research, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    asked = []

    def answer(handler):
        token = handler.token
        asked.append(token)
        if token == "b" and asked.count("b") == 1:
            send(handler, status=400)
        elif token == "b":
            send(handler, body=json.dumps({"studies": [study(3)]}).encode())
        else:
            studies = [study(1), {"protocolSection": 1}, study(2)]
            page = {"totalCount": 4, "studies": studies, "nextPageToken": "b"}
            send(handler, body=json.dumps(page).encode())

    with register(answer) as (url, _):
        source = ApiSource(Pages(url, sleep=lambda seconds: None), {"query.term": "x"})
        with pytest.raises(ApiError, match="refuses"):
            import_trials(source=source)
        run = ImportRun.objects.get()
        assert (run.state, run.position, run.page_token) == (ImportState.FAILED, 3, "b")

        report = import_trials(source=source)

        assert asked == [None, "b", "b"]
        assert (report.n_new, report.n_broken, report.resumed_at) == (3, 1, 3)
        assert report.problems[0]["place"] == "study 2"
        again = import_trials(source=source)
        assert (again.n_same, again.n_new) == (3, 0)


def test_the_command_follows_the_api(research, monkeypatch, settings):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    out = StringIO()

    def answer(handler):
        send(handler, body=json.dumps({"studies": [study(1)]}).encode())

    with register(answer) as (url, requests):
        settings.CRO_CTGOV_API = url
        call_command(
            "import_trials", "--api", "--query", "query.spons=Made-up",
            stdout=out, stderr=StringIO(),
        )  # fmt: skip

    assert "new: 1" in out.getvalue()
    assert "query.spons=Made-up" in requests[0][0]
    assert "cro-portal" in requests[0][1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.json"], "There is no file"),
        (["--api", "--query", "x"], "NAME=VALUE"),
        ([], "one of the arguments"),
    ],
)
def test_a_wrong_call_gets_a_sentence(arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("import_trials", *arguments, stdout=StringIO())


@pytest.mark.ignore_template_errors
def test_curators_see_imports_and_change_nothing_in_them(research, run_import, client):
    run_import(study(1), {})
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    run = ImportRun.objects.get()

    listed = client.get(reverse("admin:catalog_importrun_changelist"))
    shown = client.get(reverse("admin:catalog_importrun_change", args=[run.pk]))

    assert "trials.jsonl" in listed.text
    assert "trials.jsonl:2" in shown.text
    assert client.get(reverse("admin:catalog_importrun_add")).status_code == 403
