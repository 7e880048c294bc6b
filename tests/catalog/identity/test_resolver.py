"""Who is meant by a name: legal forms, common words, dates, slips and nonsense."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.identity import Mention, Name, OrganizationEntry, Resolver, core_name

DAY = dt.date

DIRECTORY = [
    OrganizationEntry(
        "quintiles",
        "Quintiles",
        (Name("Quintiles Transnational", "legal"), Name("quintiles.com", "domain")),
        country="us",
        successor="iqvia",
        succeeded_on=DAY(2016, 10, 3),
    ),
    OrganizationEntry(
        "iqvia",
        "IQVIA",
        (
            Name("Quintiles", "former", None, DAY(2016, 10, 3)),
            Name("IQVIA", "brand", DAY(2017, 11, 6)),
            Name("iqvia.com", "domain"),
        ),
        country="us",
    ),
    OrganizationEntry(
        "icon",
        "ICON",
        (Name("ICON Clinical Research"), Name("iconplc.com", "domain")),
        country="ie",
    ),
    OrganizationEntry("pra", "PRA Health Sciences", (Name("PRA", "abbreviation"),)),
    OrganizationEntry("cti", "CTI Clinical Trial and Consulting Services"),
    OrganizationEntry("emmes", "Emmes"),
    OrganizationEntry("premier", "Premier Research"),
    OrganizationEntry("charite-ro", "Charité Research Organisation"),
    OrganizationEntry("synexus", "Synexus"),
    OrganizationEntry(
        "scri-us", "SCRI Development", (Name("SCRI", "abbreviation"),), country="us"
    ),
    OrganizationEntry(
        "scri-sg",
        "Singapore Clinical Research Institute",
        (Name("SCRI", "abbreviation", DAY(2009, 1, 1)), Name("scri.edu.sg", "domain")),
        country="sg",
    ),
]


@pytest.fixture(scope="module")
def resolver():
    return Resolver.build(DIRECTORY)


@pytest.mark.parametrize(
    ("written", "slug"),
    [
        ("Quintiles, Inc.", "quintiles"),
        ("QUINTILES GMBH", "quintiles"),
        ("Quintiles S.p.A.", "quintiles"),
        ("Quintiles Aktiebolag", "quintiles"),
        ("Quintiles (Pty) Ltd", "quintiles"),
        ("Quintiles Japan K.K.", "quintiles"),
        ("The Emmes Company, LLC", "emmes"),
        ("The EMMES Corporation", "emmes"),
        ('"SYNEXUS POLSKA" Sp. z o.o. Oddzial w Gdyni', "synexus"),
        ("ICON Clinical Research S.A.", "icon"),
        ("CHARITE research organisation GmbH", "charite-ro"),
        ("Charite\u0301 Research Organisation", "charite-ro"),
        ("Ｑｕｉｎｔｉｌｅｓ", "quintiles"),
    ],
)
def test_legal_forms_case_and_accents_do_not_matter(resolver, written, slug):
    found = resolver.resolve(written)
    assert (found.answer, found.organization) == ("same", slug)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("ICON", "same"),
        ("ICON plc", "same"),
        ("ICON Development Solutions", "same"),
        ("Icon", "unsure"),
        ("Icon Fertility Partners", "no"),
        ("PRA", "same"),
        ("Pra", "unsure"),
        ("CTI BioPharma", "no"),
        ("CTI-1, LLC", "no"),
        ("ACT Health Group", "no"),
        ("Premier Research Group Limited", "same"),
        ("North Georgia Premier Research", "unsure"),
        ("Premier Research Institute", "unsure"),
        ("Premier Inc", "no"),
        ("Clinical Research", "no"),
    ],
)
def test_a_common_word_needs_more_than_the_word(resolver, written, answer):
    assert resolver.resolve(written).answer == answer


def test_the_domain_settles_a_common_word(resolver):
    found = resolver.resolve("Icon", domain="mail.iconplc.com")
    assert (found.answer, found.organization) == ("same", "icon")
    assert "iconplc.com" in " ".join(found.reasons)


def test_a_domain_alone_is_enough_and_one_against_the_name_is_not(resolver):
    assert resolver.resolve("", domain="quintiles.com").organization == "quintiles"
    assert resolver.resolve("quintiles.com").answer == "same"
    assert resolver.resolve("Pfizer", domain="quintiles.com").answer == "unsure"
    torn = resolver.resolve("Emmes", domain="quintiles.com")
    assert torn.answer == "unsure"
    assert "But the domain quintiles.com is of Quintiles." in torn.reasons


def test_a_shared_name_is_unsure_until_something_tells(resolver):
    torn = resolver.resolve("SCRI")
    assert torn.answer == "unsure"
    assert {p.organization for p in torn.proposals} == {"scri-us", "scri-sg"}
    assert resolver.resolve("SCRI", domain="scri.edu.sg").organization == "scri-sg"
    assert resolver.resolve("SCRI", country="sg").organization == "scri-sg"
    early = resolver.resolve("SCRI", day=DAY(2005, 1, 1))
    assert (early.answer, early.organization) == ("same", "scri-us")
    assert resolver.resolve("SCRI", day=DAY(2012, 1, 1)).answer == "unsure"


def test_a_name_is_who_bore_it_and_the_successor_is_told(resolver):
    found = resolver.resolve("Quintiles, Inc.", day=DAY(2010, 5, 1))
    assert (found.organization, found.successor) == ("quintiles", "iqvia")
    assert "It became part of IQVIA on 3 October 2016." in found.reasons


def test_the_first_of_a_month_stands_for_the_month():
    entries = [
        OrganizationEntry("a", "Acroresearch", (), "", "b", DAY(2019, 4, 1)),
        OrganizationEntry("b", "Bcroresearch"),
    ]
    found = Resolver.build(entries).resolve("Acroresearch")
    assert found.reasons[-1] == "It became part of Bcroresearch in April 2019."


def test_a_name_younger_than_the_trial_is_told(resolver):
    found = resolver.resolve("IQVIA", day=DAY(2010, 5, 1))
    assert found.organization == "iqvia"
    assert found.certainty < resolver.resolve("IQVIA", day=DAY(2019, 1, 1)).certainty
    assert any("written later" in reason for reason in found.reasons)


def test_a_facility_is_a_site(resolver):
    found = resolver.resolve("Quintiles Phase I Unit", field="facility")
    assert (found.answer, found.is_site) == ("same", True)
    assert any("site" in reason for reason in found.reasons)
    assert not resolver.resolve("Quintiles", field="collaborator").is_site


def test_slips_of_the_pen_are_forgiven_one_at_a_time(resolver):
    assert resolver.resolve("Quintilles Ltd").organization == "quintiles"
    assert resolver.resolve("Charité Reserch Organisation").answer == "same"
    assert resolver.resolve("Premiere Reserch").answer != "same"


@pytest.mark.parametrize("nothing", ["", "   ", ".", "–", "\u200b", "🧪", "Ltd."])
def test_nothing_is_nobody(resolver, nothing):
    found = resolver.resolve(nothing)
    assert (found.answer, found.organization) == ("no", "")
    assert found.reasons


@pytest.mark.parametrize("text", ["x" * 10_000, "a. " * 5_000, "Quintiles " * 1_000])
def test_ten_thousand_characters_are_read_at_once(resolver, text):
    assert resolver.resolve(text).answer in ("same", "unsure", "no")


def test_what_a_curator_called_nobody_stays_nobody():
    resolver = Resolver.build(DIRECTORY, strangers=["North Georgia Premier Research"])
    found = resolver.resolve("North Georgia Premier Research, Inc.")
    assert found.answer == "no"
    assert "curator" in found.reasons[0]


def test_a_circle_of_owners_ends():
    resolver = Resolver.build(
        [
            OrganizationEntry("alphacro", "Alphacro", successor="betacro"),
            OrganizationEntry("betacro", "Betacro", successor="alphacro"),
        ]
    )
    assert resolver.resolve("Alphacro").successor == "betacro"


def test_two_entries_of_one_slug_are_refused():
    with pytest.raises(ValueError, match="same slug"):
        Resolver.build([DIRECTORY[0], DIRECTORY[0]])


@given(st.text(max_size=300))
def test_any_text_gets_an_answer_and_the_core_is_stable(text):
    resolver = Resolver.build(DIRECTORY)
    found = resolver.resolve(text, domain=text)
    assert found.answer in ("same", "unsure", "no")
    assert 0 <= found.certainty <= 1
    assert (found.answer == "no") == (found.organization == "")
    assert core_name(core_name(text)) == core_name(text)


@given(st.sampled_from([e.name for e in DIRECTORY]), st.sampled_from(["", "x.org"]))
def test_a_batch_answers_like_one_by_one(name, domain):
    resolver = Resolver.build(DIRECTORY)
    mentions = [Mention(name, domain), Mention("nobody"), Mention(name, domain)]
    assert resolver.resolve_many(mentions) == [
        resolver.resolve(m.name, domain=m.domain) for m in mentions
    ]
