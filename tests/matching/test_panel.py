"""Who would win under whose weights, and CROs without their names."""

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import CRO
from matching import blind, services
from matching.models import Ranking
from matching.panel import panel
from sponsors import services as sponsors
from sponsors.models import Study
from sponsors.signals import study_changed
from sponsors.weighing import CODES, weigh
from tests.changes import mark_changed
from tests.factories import (
    ClaimFactory,
    CROFactory,
    MembershipFactory,
    RequirementFactory,
    StudyFactory,
    TermFactory,
    TrialRoleFactory,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("hinted"),
]


def only(code):
    return weigh("points", dict.fromkeys(CODES, 0) | {code: 100})


@pytest.fixture
def client(client, member):
    client.force_login(member.user)
    return client


@pytest.fixture
def study(member):
    """One CRO is the better one on services, the other on technology."""
    study = StudyFactory.create(sponsor=member.sponsor, title="A trial of something")
    monitoring = TermFactory.create(scheme__code="service", label="Monitoring")
    edc = TermFactory.create(scheme__code="technology", label="EDC")
    for term in (monitoring, edc):
        RequirementFactory.create(study=study, term=term)
    for name, able, unable in (("Alpha", monitoring, edc), ("Beta", edc, monitoring)):
        cro = CROFactory.create(
            name=f"{name} Research", slug=f"{name.lower()}-research"
        )
        ClaimFactory.create(cro=cro, term=able)
        ClaimFactory.create(cro=cro, term=unable, answer=False)
        TrialRoleFactory.create(cro=cro, trial__registry_id=f"DEMO-{name}")
        mark_changed(cro)
    return study


def gives(study, weighing, **fields):
    person = MembershipFactory.create(sponsor=study.sponsor, **fields).user
    sponsors.set_personal_weights(study=study, by=person, weighing=weighing)
    return person


def ranked(study):
    with transaction.atomic():
        study_changed.send(sender=Study, study_id=study.pk)
    assert services.recompute(study.pk)


def page(name, study, *args):
    return reverse(f"matching:{name}", args=[study.pk, *args])


def text_of(response):
    return response.content.decode()


def test_two_people_with_different_winners(client, study):
    one, two = gives(study, only("services")), gives(study, only("technology"))
    found = panel(study)
    assert [(cro.name, people) for cro, people in found.winners] == [
        ("Alpha Research", [one]),
        ("Beta Research", [two]),
    ]
    assert {cro.name for cro in found.in_every_top} == {
        "Alpha Research",
        "Beta Research",
    }
    widest = found.spreads[0]
    assert (widest.low, widest.high) == (0, 1)
    services_apart = next(s for s in found.spreads if s.criterion.code == "services")
    assert (services_apart.lowest, services_apart.highest) == ([two], [one])
    shown = text_of(client.get(page("panel", study)))
    assert "Different weights, different winners" in shown
    assert Ranking.objects.count() == 0  # nothing is stored


def test_one_person_alone_is_told_so(client, study):
    gives(study, only("technology"))
    shown = text_of(client.get(page("panel", study)))
    assert "One person has given weights" in shown
    assert "Where they are furthest apart" not in shown
    assert shown.index("Beta Research") < shown.index("Alpha Research")


def test_nobody_yet(client, study):
    shown = text_of(client.get(page("panel", study)))
    assert "Nobody has given weights yet" in shown
    assert "The study" in shown


def test_all_of_one_mind(client, study):
    for _ in range(3):
        gives(study, only("services"))
    shown = text_of(client.get(page("panel", study)))
    assert "Under everybody’s weights the first is <strong>Alpha Research" in shown
    assert "all 100 %" in shown


@pytest.mark.parametrize("n", [1, 8])
def test_the_panel_costs_the_same_for_any_number(
    client, study, n, django_assert_num_queries
):
    for at in range(n):
        gives(study, only("services" if at % 2 else "technology"))
    client.get(page("panel", study))  # the catalogue is in memory from here on
    with django_assert_num_queries(22):
        assert client.get(page("panel", study)).status_code == 200


def test_weights_that_no_longer_rank_anything_say_why(client, study):
    gives(study, only("technology"))
    study.requirements.filter(term__scheme_id="technology").delete()
    found = panel(study)
    assert found.voices[0].problem
    assert found.winners == []
    assert found.voices[0].problem in text_of(client.get(page("panel", study)))


def test_the_panel_is_the_tenants(client, study):
    gives(study, only("services"))
    stranger = StudyFactory.create()
    assert client.get(page("panel", stranger)).status_code == 404
    client.force_login(MembershipFactory.create().user)
    assert client.get(page("panel", study)).status_code == 404


def test_who_left_is_not_heard(study):
    person = gives(study, only("services"))
    person.memberships.update(is_active=False)
    assert panel(study).voices == []


# Without names


@given(st.uuids(), st.integers(0, 10**7))
def test_a_code_stands_for_one_cro(study_id, cro_id):
    code = blind.code_of(study_id, cro_id)
    assert blind.cro_of(study_id, code) == cro_id
    assert len(code) == (4 if cro_id < 160_000 else 6)


def test_codes_are_distinct_and_differ_between_studies(study):
    codes = [blind.code_of(study.pk, n) for n in range(5000)]
    assert len(set(codes)) == 5000
    other = StudyFactory.build().pk
    assert sum(blind.code_of(other, n) == codes[n] for n in range(500)) < 5


@pytest.mark.parametrize("text", ["", "A", "BCD", "BCDA", "bcdf", "B" * 40, "ÄÖÜß"])
def test_other_letters_stand_for_nobody(study, text):
    assert blind.cro_of(study.pk, text) is None


def leaks(text):
    return [
        name
        for name in ("Alpha", "Beta", "alpha-research", "beta-research", "DEMO-")
        if name in text
    ]


@pytest.fixture
def hidden(member, study):
    ranked(study)
    return sponsors.hide_names(study=study, by=member.user)


def test_no_page_or_answer_names_a_cro_while_names_are_hidden(client, study, hidden):
    gives(study, only("services"))
    alpha = CRO.objects.get(slug="alpha-research")
    code = blind.code_of(study.pk, alpha.pk)
    shown = text_of(client.get(page("ranking", study)))
    assert f"CRO {code}" in shown
    assert leaks(shown) == []
    shown = text_of(client.get(page("why", study, f"cro-{code.lower()}")))
    assert f"Why CRO {code} is at place" in shown
    assert leaks(shown) == []
    shown = text_of(client.get(page("panel", study)))
    assert f"CRO {code}" in shown
    assert leaks(shown) == []
    answer = client.get(reverse("api:study-ranking", args=[study.pk]))
    assert leaks(text_of(answer)) == []
    results = answer.json()["ranking"]["results"]
    assert f"cro-{code.lower()}" in [one["cro"]["slug"] for one in results]
    assert all(
        fact["claims"] == fact["trials"] == []
        for one in results
        for reason in one["reasons"]
        for fact in reason["facts"]
    )


def test_a_name_finds_no_place_while_names_are_hidden(client, study, hidden):
    answer = client.get(page("ranking", study), {"find": "Alpha"})
    assert answer.status_code == 200
    assert "Alpha Research" not in text_of(answer)
    assert "No listed CRO is called" not in text_of(answer)
    assert client.get(page("why", study, "alpha-research")).status_code == 404


def test_a_place_not_kept_has_its_reasons_without_names_too(client, study, hidden):
    ranking = Ranking.objects.get()
    ranking.entries.all().delete()
    alpha = CRO.objects.get(slug="alpha-research")
    slug = blind.masked(study, alpha).slug
    shown = text_of(client.get(page("why", study, slug)))
    assert "is at place" in shown
    assert leaks(shown) == []


def test_after_the_freeze_all_have_their_names_and_the_ranking_is_the_same(
    client, member, study, hidden
):
    before = Ranking.objects.get()
    code = blind.code_of(study.pk, CRO.objects.get(slug="alpha-research").pk)
    sponsors.freeze_weights(
        study=hidden, expected_version=hidden.version, by=member.user
    )
    services.recompute(study.pk)
    shown = text_of(client.get(page("ranking", study)))
    assert "Alpha Research" in shown
    assert code not in shown
    assert Ranking.objects.get().digest == before.digest
    assert client.get(page("why", study, "alpha-research")).status_code == 200
    assert client.get(page("why", study, f"cro-{code.lower()}")).status_code == 404


@pytest.mark.parametrize("name", ["what-if", "certainty"])
def test_pages_behind_the_ranking_hide_names_too(client, study, hidden, name):
    shown = text_of(client.get(page(name, study)))
    code = blind.code_of(study.pk, CRO.objects.get(slug="alpha-research").pk)
    assert f"CRO {code}" in shown
    assert leaks(shown) == []


def test_no_named_cro_is_held_against_a_study_that_hides_names(client, study, hidden):
    query = {"cro": ["alpha-research", "beta-research"], "study": str(study.pk)}
    for name in ("cro-compare", "cro-compare-csv", "cro-compare-xlsx"):
        answer = client.get(reverse(f"matching:{name}"), query)
        assert answer.status_code == 403
        assert "names of CROs are hidden in this study" in text_of(answer)
