"""The page that says where the track records come from."""

import datetime as dt
import re
from pathlib import Path

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from catalog.choices import ImportKind, ImportState, Register, RoleKind
from catalog.models import ImportRun, Term, TrialCountry
from catalog.services.state import raise_catalog_version
from matching.evidence_page import Backtest, Resolver
from tests.factories import CROFactory, TermFactory, TrialFactory, TrialRoleFactory

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(autouse=True)
def _nothing_cached(db):
    cache.clear()


def show(client):
    response = client.get(reverse("evidence"))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def make_trials(n=1, *, register=Register.CTGOV, **fields):
    poland = Term.objects.filter(code="pl").first() or TermFactory.create(
        scheme__code="country", code="pl", label="Poland"
    )
    made = TrialFactory.create_batch(n, register=register, **fields)
    TrialCountry.objects.bulk_create(
        TrialCountry(trial=trial, country=poland) for trial in made
    )
    return made


def test_without_a_register_it_says_how_one_comes_in(client):
    page = show(client)

    assert "No register has been read yet" in page
    assert "manage.py import_trials" in page


def test_it_counts_what_is_held_and_who_is_named(client):
    named, site, _ = make_trials(
        3,
        start_date=dt.date(2015, 3, 1),
        record_version="2024-05-06",
        retrieved_on=dt.date(2026, 2, 3),
    )
    TrialRoleFactory.create(trial=named, kind=RoleKind.COLLABORATOR)
    TrialRoleFactory.create(trial=named, kind=RoleKind.OFFICIAL)
    TrialRoleFactory.create(trial=site, kind=RoleKind.FACILITY)

    page = show(client)

    row = '<th scope="row">ClinicalTrials.gov</th><td class="number">3</td><td class="number">1</td>'
    assert row in page
    assert "6 May 2024" in page
    assert "3 February 2026" in page
    for first in ("2015", "Poland"):
        assert (
            f'<tr><th scope="row">{first}</th><td class="number">3</td>'
            '<td class="number">1</td></tr>'
        ) in page


def test_trials_of_the_demo_are_told_apart_and_not_counted(client):
    make_trials(2, register=Register.DEMO)

    page = show(client)

    assert "No register has been read yet" in page
    assert "2 trials of the demo were invented" in page


def test_it_lists_imports_that_came_to_their_end(client):
    make_trials()
    for n, state in enumerate((ImportState.DONE, ImportState.RUNNING)):
        ImportRun.objects.create(
            kind=ImportKind.FILE,
            source=f"copy-{n}.jsonl.gz",
            digest=str(n),
            state=state,
            position=62_239,
            finished_at=timezone.now() if state == ImportState.DONE else None,
        )

    page = show(client)

    assert "copy-0.jsonl.gz" in page
    assert "62,239" in page
    assert "copy-1.jsonl.gz" not in page


def test_it_asks_as_much_of_the_database_for_one_trial_as_for_twenty(
    client, django_assert_num_queries
):
    cro = CROFactory.create()
    queries = 8
    for n in (1, 20):
        for trial in make_trials(n):
            TrialRoleFactory.create(trial=trial, cro=cro)
        raise_catalog_version()
        with django_assert_num_queries(queries):
            show(client)


def test_its_figures_are_those_of_the_documents():
    evidence = (DOCS / "evidence.md").read_text(encoding="utf-8")
    backtest = (DOCS / "backtest.md").read_text(encoding="utf-8")
    names, choices = Resolver(), Backtest()

    assert (
        f"| half held out | {names.n_names:,} | {names.right_percent} % "
        f"| {names.n_labelled} | {names.found_percent} % |"
    ) in evidence
    assert f"{choices.n_pairs} pairs of" in backtest
    assert f"{choices.n_listed} CROs listed in the mean" in backtest
    assert f"earlier trial): {choices.ceiling_percent}%" in backtest
    assert metrics(backtest, "portal (default weights)") == (
        f"{choices.mrr:.3f} ({choices.mrr_low:.3f} to {choices.mrr_high:.3f})",
        f"{choices.first_ten_percent / 100:.3f}",
    )
    assert metrics(backtest, "popularity") == (
        f"{choices.popularity:.3f} (0.089 to 0.141)",
        f"{choices.popularity_first_ten_percent / 100:.3f}",
    )
    assert metrics(backtest, "same sponsor before")[0].startswith(
        f"{choices.same_sponsor:.3f} "
    )


def metrics(text, ranking):
    """Give the MRR with its interval, and hit@10, of the first table."""
    row = re.search(rf"^\| {re.escape(ranking)} +\|(.*)\|$", text, re.MULTILINE)
    cells = [cell.strip() for cell in row.group(1).split("|")]
    return cells[0], cells[3].split()[0]
