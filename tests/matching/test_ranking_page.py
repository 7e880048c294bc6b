"""The ranking page and its reasons, in each of their states."""

import datetime as dt

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from catalog.choices import Tier
from catalog.models import Source
from matching import presentation, robustness, services
from matching.models import MAX_ATTEMPTS, Ranking, RankingWork
from matching.selectors import ranking_page, ranking_status
from sponsors.choices import Role
from sponsors.models import Membership, Study
from sponsors.signals import study_changed
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


def announce(study):
    with transaction.atomic():
        study_changed.send(sender=Study, study_id=study.pk)


@pytest.fixture
def study(member):
    return StudyFactory.create(sponsor=member.sponsor, title="A trial of something")


@pytest.fixture
def client(client, member):
    client.force_login(member.user)
    return client


def ranked(study, *cros):
    mark_changed(*cros)
    announce(study)
    assert services.recompute(study.pk)


def page_of(study, **query):
    return reverse("matching:ranking", args=[study.pk], query=query)


def market(study, n):
    """`n` CROs, each with own staff for what the study demands."""
    asked = RequirementFactory.create(study=study, importance="must")
    cros = [ClaimFactory.create(term=asked.term).cro for _ in range(n)]
    ranked(study, *cros)
    return cros


def test_never_ranked_offers_to_rank(client, study):
    response = client.get(page_of(study))
    assert "Not ranked yet" in response.text
    assert "Rank the CROs" in response.text


def test_asking_for_a_ranking_makes_one(client, study):
    (cro,) = market(study, 1)
    response = client.post(
        reverse("matching:ranking-refresh", args=[study.pk]), follow=True
    )
    assert "being computed again" in response.text
    assert RankingWork.objects.get(study=study).is_due
    assert services.recompute(study.pk)
    assert cro.name in client.get(page_of(study)).text


def test_groups_are_counted_and_listed(client, study):
    asked = RequirementFactory.create(study=study, importance="must")
    eligible = ClaimFactory.create(term=asked.term).cro
    near_miss = ClaimFactory.create(term=asked.term, answer=False).cro
    unknown = CROFactory.create()
    ranked(study, eligible, near_miss, unknown)

    text = client.get(page_of(study)).text
    assert (
        text.index(eligible.name)
        < text.index(unknown.name)
        < text.index(near_miss.name)
    )
    only = client.get(page_of(study, group="conditional")).text
    assert unknown.name in only
    assert eligible.name not in only


def test_without_must_haves_none_is_said_to_be_met(client, study):
    cro = CROFactory.create()
    ranked(study, cro)
    text = client.get(page_of(study)).text
    assert cro.name in text
    assert "the study has no must-have" in text
    assert "every must-have is met" not in text

    RequirementFactory.create(study=study, importance="must")
    ranked(study)
    assert "the study has no must-have" not in client.get(page_of(study)).text


def test_an_unknown_group_or_page_shows_what_there_is(client, study):
    (cro,) = market(study, 1)
    for query in ({"group": "nonsense"}, {"page": "-3"}, {"page": "x"}):
        assert cro.name in client.get(page_of(study, **query)).text


@pytest.mark.parametrize("n", [1, 20])
def test_queries_do_not_grow_with_rows(client, study, n, django_assert_num_queries):
    market(study, n)
    with django_assert_num_queries(9):
        client.get(page_of(study))


def test_little_evidence_is_no_headline(client, study):
    market(study, 1)
    text = client.get(page_of(study)).text
    assert "Not enough evidence" in text
    assert "Missing above all" in text


def test_no_eligible_names_the_fewest_musts(client, study):
    asked = RequirementFactory.create(study=study, importance="must")
    ranked(study, ClaimFactory.create(term=asked.term, answer=False).cro)
    text = client.get(page_of(study, group="eligible")).text
    assert "No CRO is known to meet every must-have" in text
    assert f"somebody to be eligible: {asked.term.label}" in text
    assert f"<strong>{asked.term.label}</strong>: makes 1 CRO eligible" in text


def test_no_cro_at_all(client, study):
    ranked(study)
    assert "The catalogue lists no CRO" in client.get(page_of(study)).text


def test_updating_polls_its_own_part_and_stops(client, study):
    market(study, 1)
    announce(study)
    part = client.get(page_of(study), headers={"HX-Request": "true"}).text
    assert "every 1s" in part
    assert "<html" not in part
    assert services.recompute(study.pk)
    assert robustness.compute(Ranking.objects.get().pk)
    assert "every 1s" not in client.get(page_of(study)).text


def test_an_open_page_learns_that_it_is_behind(client, study):
    market(study, 1)
    seen = ranking_status(study).token
    asked = page_of(study, seen=seen)
    headers = {"HX-Request": "true"}
    assert client.get(asked, headers=headers).status_code == 204
    announce(study)
    part = client.get(asked, headers=headers)
    assert "Updating" in part.text
    assert "seen=" not in part.text


def test_a_ranking_long_on_its_way_says_so(client, study):
    market(study, 1)
    announce(study)
    RankingWork.objects.update(changed_at=timezone.now() - dt.timedelta(minutes=1))
    assert "longer than usual" in client.get(page_of(study)).text


def test_a_place_that_is_not_kept_is_found_by_name(client, study, monkeypatch):
    asked = RequirementFactory.create(study=study, importance="must")
    first = ClaimFactory.create(term=asked.term, cro__name="Alpha Clinical").cro
    last = CROFactory.create(name="Omega Research")
    monkeypatch.setattr(services, "KEPT_PLACES", 1)
    ranked(study, first, last)
    assert "1 place shown" in client.get(page_of(study)).text

    response = client.get(page_of(study, find="omega"), follow=True)
    assert "Why Omega Research is at place 2" in response.text
    assert "computed just now" in response.text
    assert "No listed CRO is called" in client.get(page_of(study, find="zzz")).text
    several = client.get(page_of(study, find="a")).text
    assert "Omega Research" in several


def test_what_is_strong_is_never_the_weakest_link(client, study):
    market(study, 3)
    page = ranking_page(study)
    for group in page.groups:
        for entry in group.entries:
            view = presentation.entry_view(page.ranking, entry)
            assert view.weakest not in view.strongest
            assert all(leaf.is_known for leaf in view.strongest)


def test_failed_says_so_and_offers_to_try_again(client, study):
    market(study, 1)
    announce(study)
    RankingWork.objects.update(attempts=MAX_ATTEMPTS, error="weights are odd")
    text = client.get(page_of(study)).text
    assert "could not be computed" in text
    assert "weights are odd" in text
    assert "Try again" in text


def test_why_links_claims_and_trials(client, study):
    condition = TermFactory.create(
        scheme__code="condition", code="asthma", label="Asthma", tree_numbers=["C08.1"]
    )
    RequirementFactory.create(study=study, term=condition)
    asked = RequirementFactory.create(study=study, term__label="Data management")
    source = Source.objects.create(kind="document", title="Its capability brochure")
    claim = ClaimFactory.create(term=asked.term, tier=Tier.DOCUMENT, source=source)
    role = TrialRoleFactory.create(cro=claim.cro, trial__register="ctgov")
    role.trial.trial_conditions.create(term=condition)
    role.trial.start_date = "2024-01-01"
    role.trial.save()
    ranked(study, claim.cro)

    url = reverse("matching:why", args=[study.pk, claim.cro.slug])
    text = client.get(url).text
    assert "Data management: yes, with own staff or entity." in text
    assert "Its capability brochure" in text
    assert f"/claims/{claim.uuid}/" in text
    assert f"https://clinicaltrials.gov/study/{role.trial.registry_id}" in text
    assert "1 registered trial in the conditions asked for or related ones" in text
    assert "2024" in text
    part = client.get(url, headers={"HX-Request": "true"}).text
    assert "Its capability brochure" in part
    assert "<html" not in part


def test_another_tenants_ranking_is_not_found(client, study):
    (cro,) = market(study, 1)
    client.force_login(MembershipFactory.create().user)
    assert client.get(page_of(study)).status_code == 404
    why = reverse("matching:why", args=[study.pk, cro.slug])
    assert client.get(why).status_code == 404
    refresh = reverse("matching:ranking-refresh", args=[study.pk])
    assert client.post(refresh).status_code == 404


def test_a_reader_may_not_ask_for_a_fresh_one(client, study):
    market(study, 1)
    Membership.objects.update(role=Role.OBSERVER)
    assert "rank again" not in client.get(page_of(study)).text
    refresh = reverse("matching:ranking-refresh", args=[study.pk])
    assert client.post(refresh).status_code == 403


def test_who_is_not_signed_in_is_asked_to(client, study):
    client.logout()
    response = client.get(page_of(study))
    assert response.status_code == 302
    assert reverse("accounts:login") in response.url


def standing(client, study):
    """What the list of studies says of a study's ranking."""
    text = client.get(reverse("sponsors:study-list")).text
    start = text.index(f'id="ranked-{study.pk}"')
    return text[start : text.index("</td>", start)]


def test_the_list_of_studies_says_how_each_ranking_stands(client, member, study):
    ranked(study, CROFactory.create())
    Ranking.objects.update(computed_at=timezone.now() - dt.timedelta(minutes=5))
    ranked(study, CROFactory.create())
    assert Ranking.objects.filter(study=study).count() == 2
    assert "now" in standing(client, study)  # of the newest of the two

    failed = StudyFactory.create(sponsor=member.sponsor)
    announce(failed)
    RankingWork.objects.filter(study=failed).update(attempts=MAX_ATTEMPTS)
    never = StudyFactory.create(sponsor=member.sponsor)
    assert "could not be computed" in standing(client, failed)
    assert "not ranked yet" in standing(client, never)


def test_the_list_of_studies_asks_again_while_one_is_updating(client, member, study):
    ranked(study, CROFactory.create())
    behind = StudyFactory.create(sponsor=member.sponsor)
    announce(behind)
    text = client.get(reverse("sponsors:study-list")).text
    assert f'hx-select-oob="#rankings-awaited,#ranked-{behind.pk}"' in text
    assert "updating" in standing(client, behind)

    assert services.recompute(behind.pk)
    text = client.get(reverse("sponsors:study-list")).text
    assert "hx-select-oob" not in text
    assert "updating" not in standing(client, behind)
