"""The page that shows where CROs work counts and leads to the list."""

import csv

import pytest
from django.core.cache import cache
from django.urls import reverse

from catalog import catalogue, snapshot
from catalog.coverage import REGIONS
from catalog.data.make_world_map import COUNTRIES
from catalog.models import TrialCondition, TrialCountry
from tests.changes import mark_vocabulary_changed
from tests.factories import ClaimFactory, CROFactory, TermFactory, TrialRoleFactory

pytestmark = pytest.mark.django_db
ADDRESS = "/cros/coverage/"


@pytest.fixture(autouse=True)
def nothing_held(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "folder", lambda: tmp_path)
    cache.clear()
    snapshot.forget()
    catalogue.forget()
    yield
    snapshot.forget()
    catalogue.forget()


@pytest.fixture
def world():
    europe = TermFactory.create(
        scheme__code="region", code="southern-europe", label="Southern Europe"
    )
    spain = TermFactory.create(scheme__code="country", code="es", label="Spain")
    spain.broader.add(europe)
    malta = TermFactory.create(scheme__code="country", code="mt", label="Malta")
    malta.broader.add(europe)
    TermFactory.create(scheme__code="country", code="fr", label="France")
    oncology = TermFactory.create(
        scheme__code="therapeutic_area",
        code="c04",
        label="Oncology",
        tree_numbers=["C04"],
    )
    lymphoma = TermFactory.create(
        scheme__code="condition", code="lymphoma", tree_numbers=["C04.557"]
    )
    phase = TermFactory.create(scheme__code="phase", code="phase-2")
    return {
        "spain": spain,
        "malta": malta,
        "oncology": oncology,
        "lymphoma": lymphoma,
        "phase": phase,
    }


def add_cro(world, *, claims=(), trial_in=(), conditions=()):
    cro = CROFactory.create()
    for name in claims:
        ClaimFactory.create(cro=cro, term=world[name])
    if trial_in:
        trial = TrialRoleFactory.create(cro=cro).trial
        for name in trial_in:
            TrialCountry.objects.create(trial=trial, country=world[name])
        for name in conditions:
            TrialCondition.objects.create(trial=trial, term=world[name])
    return cro


def countries(response):
    return {
        row["label"]: (row["n_cros"], row["n_with_trials"])
        for row in response.context["countries"]
    }


def test_regions_part_the_world():
    regions_of = {}
    with (COUNTRIES.parent / "region.tsv").open(encoding="utf-8", newline="") as lines:
        parent = {
            row["code"]: row["parent"] for row in csv.DictReader(lines, delimiter="\t")
        }
    with COUNTRIES.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            found = set()
            for link in (row["broader"] or "").split("|"):
                code = link.removeprefix("region:")
                while code:
                    found.add(code)
                    code = parent.get(code, "")
            regions_of[row["code"]] = found & set(REGIONS)
    assert {
        code: len(regions) for code, regions in regions_of.items() if code != "aq"
    } == (dict.fromkeys(regions_of.keys() - {"aq"}, 1))


def test_claims_and_trials_are_counted_apart(client, world):
    add_cro(world, claims=["spain"])
    add_cro(world, trial_in=["spain", "malta"], conditions=["lymphoma"])

    response = client.get(ADDRESS)

    assert countries(response) == {"Spain": (2, 1), "Malta": (1, 1)}
    ((head, cells),) = response.context["heat"].rows
    assert head.label == "Oncology"
    assert [cell.number for cell in cells] == [1]
    assert cells[0].url == reverse("catalog:cro-list") + (
        "?area=c04&region=southern-europe"
    )
    content = response.content.decode()
    assert 'href="/cros/?country=es"' in content
    assert "in 1 further countr" in content


def test_links_keep_the_rest_of_the_query(client, world):
    add_cro(world, claims=["phase", "spain"])
    add_cro(world, trial_in=["malta"])

    response = client.get(
        ADDRESS, {"phase": "phase-2", "country": "mt", "unknown": "0", "page": "3"}
    )

    # Choosing another country would give one CRO: the country does not narrow itself.
    assert countries(response) == {"Spain": (1, 0)}
    assert response.context["covered"].n_cros == 0
    assert response.context["country_address"] == (
        "/cros/?phase=phase-2&unknown=0&country={code}"
    )


def test_unknown_values_are_told_and_the_rest_counts(client, world):
    add_cro(world, claims=["spain"])
    response = client.get(ADDRESS, {"country": "spian", "phase": "<script>"})
    assert countries(response) == {"Spain": (1, 0)}
    content = response.content.decode()
    assert "There is no country “spian”" in content
    assert "<script>alert" not in content
    assert "There is no phase “&lt;script&gt;”" in content


@pytest.mark.parametrize(
    "query",
    ["q=" + "x" * 10_000, "q=%00%1f%E2%80%AE", "country=%27%3B--", "page=-1"],
)
def test_odd_queries_give_a_page(client, world, query):
    add_cro(world, claims=["spain"])
    assert client.get(f"{ADDRESS}?{query}").status_code == 200


def test_empty_catalogue_says_so(client):
    assert "There is nothing to map" in client.get(ADDRESS).content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("n", [1, 20])
def test_queries_do_not_grow(client, world, n, django_assert_max_num_queries):
    for _ in range(n):
        add_cro(world, claims=["spain"], trial_in=["malta"], conditions=["lymphoma"])
    mark_vocabulary_changed()
    for query in ({}, {"phase": "phase-2"}):
        client.get(ADDRESS, query)
        with django_assert_max_num_queries(4):
            response = client.get(ADDRESS, query)
        assert countries(response) == {"Malta": (n, n), "Spain": (n, 0)}
