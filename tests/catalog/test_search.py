"""From the words and parameters of people to a query."""

import pytest
from django.http import QueryDict

from catalog import search
from catalog.choices import CROStatus
from catalog.index.query import Choice
from tests.factories import AliasFactory, ClaimFactory, CROFactory, TermFactory

pytestmark = pytest.mark.django_db


def parse(text):
    return search.parse(QueryDict(text))


@pytest.mark.parametrize(
    ("facet", "value", "choice"),
    [
        ("service", "edc", Choice("service", "edc")),
        ("service", " EDC:own ", Choice("service", "edc", "yes", "own")),
        ("technology", "edc:partner", Choice("technology", "edc", "yes", "partner")),
        ("phase", "-phase-2", Choice("phase", "phase-2", excluded=True)),
        ("country", "pl:no", Choice("country", "pl", "no")),
        ("country", "-pl:unknown", Choice("country", "pl", "unknown", excluded=True)),
        ("country", "pl:own", None),
        ("service", "edc:", None),
        ("service", "edc:own:own", None),
    ],
)
def test_a_value_says_code_state_and_delivery(facet, value, choice):
    assert search.read_choice(facet, value) == choice
    if choice:
        assert search.read_choice(facet, search.write_choice(choice)) == choice


def test_what_cannot_be_used_is_told_and_the_rest_holds():
    TermFactory.create(code="monitoring")

    query, problems = parse(
        "service=monitoring&service=monitorin&service=monitoring&size=small"
        "&service_mode=all&sort=price&unknown=0&page=x&service="
    )

    assert query.choices == (Choice("service", "monitoring"), Choice("size", "small"))
    assert query.all_of == {"service"}
    assert query.sort == "relevance"
    assert not query.include_unknown
    assert [(p.parameter, p.value) for p in problems] == [
        ("service", "monitorin"),
        ("sort", "price"),
    ]
    assert problems[0].nearest == ("monitoring",)


def test_thousands_of_values_cost_a_few_queries(django_assert_max_num_queries):
    codes = [TermFactory.create().code for _ in range(search.MAX_CHOICES + 5)]
    known = "&".join(f"service={code}" for code in codes)
    unknown = "&".join(f"country=x{i}" for i in range(800))
    with django_assert_max_num_queries(20):
        query, problems = parse(f"{unknown}&{known}")
    assert len(query.choices) == search.MAX_CHOICES
    assert len(problems) > 800
    assert "At most" in problems[-1].message


@pytest.mark.parametrize(
    "words",
    [
        "x" * 10_000,
        "\x00\x01\x1b[31m",
        "\u202egro\u0301\u0302\u0303" + "\u0301" * 500,
        "مرحبا شركة",
        "'; DROP TABLE catalog_cro; --",
        "<script>alert(1)</script>",
        "%' OR 1=1",
        "👩‍🔬🧪",
        "\ud800",
        "((((*:&|!",
    ],
)
def test_any_words_can_be_searched(words):
    CROFactory.create(name="Baltica")
    params = QueryDict(mutable=True)
    params["q"] = words
    query, problems = search.parse(params)
    assert query.text in (None, ())
    assert [p.parameter for p in problems] == ["q"] * (len(words) > search.TEXT_LENGTH)
    assert search.suggest(words) == []
    assert search.did_you_mean(words) == []


def test_the_very_name_comes_first_then_names_that_begin_so_then_others():
    inside = CROFactory.create(name="Old Alder")
    begins = CROFactory.create(name="Alder Works")
    exact = CROFactory.create(name="Älder")
    former = AliasFactory.create(cro__name="Zeta", name="Alder-Birch").cro
    CROFactory.create(name="Alder Draft", status=CROStatus.DRAFT)

    assert search.text_search("ALDER") == (exact.pk, former.pk, begins.pk, inside.pk)
    assert search.text_search("alder old") == (inside.pk,)
    assert search.text_search("lder") == ()


def test_what_a_cro_does_is_found_by_any_name_of_it():
    wide = TermFactory.create(label="Data services", code="data")
    term = TermFactory.create(
        label="Data management", synonyms=["CDM"], scheme=wide.scheme, parent=wide
    )
    does = ClaimFactory.create(term=term).cro
    ClaimFactory.create(term=term, answer=False)

    for words in ("cdm", "data manag", "data services"):
        assert search.text_search(words) == (does.pk,)
    assert search.text_search("cd") == ()


def test_words_may_come_from_a_name_and_a_term():
    term = TermFactory.create(label="Monitoring")
    both = ClaimFactory.create(term=term, cro__name="Baltica").cro
    ClaimFactory.create(term=term, cro__name="Aldermoor")

    assert search.text_search("baltica monitoring") == (both.pk,)


def test_suggestions_are_typed_and_name_what_was_matched():
    term = TermFactory.create(label="Baltic data", code="balt", synonyms=["Balty"])
    cro = CROFactory.create(name="Baltica")
    former = AliasFactory.create(cro__name="Zeta", name="Baltona").cro
    CROFactory.create(name="Baltdraft", status=CROStatus.DRAFT)

    assert search.suggest("balt") == [
        search.Suggestion("cro", "Baltica", cro.slug),
        search.Suggestion("cro", "Zeta", former.slug, "Baltona"),
        search.Suggestion("service", "Baltic data", term.code),
    ]
    assert search.suggest("balty")[0].also == "Balty"
    assert len(search.suggest("balt", limit=2)) == 2
    assert search.suggest("") == []


def test_a_mistyped_name_is_guessed():
    CROFactory.create(name="Baltica Trials")
    TermFactory.create(label="Biostatistics")

    assert search.did_you_mean("baltika trails") == ["Baltica Trials"]
    assert search.did_you_mean("biostatics") == ["Biostatistics"]
    assert search.did_you_mean("qwertyuiop") == []
