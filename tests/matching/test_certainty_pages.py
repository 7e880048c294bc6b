"""How sure a ranking is, on its pages: found, under way, stopped, failed, refused."""

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from matching import certainty, robustness, services
from matching.models import MAX_ATTEMPTS, Ranking, Robustness
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
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("hinted"),
]

PAGES = ["certainty"]
POSTS = ["certainty-cancel", "certainty-start"]


@pytest.fixture
def study(member):
    return StudyFactory.create(sponsor=member.sponsor, title="A trial of something")


@pytest.fixture
def client(client, member):
    client.force_login(member.user)
    return client


def rank(study, *cros):
    mark_changed(*cros)
    with transaction.atomic():
        study_changed.send(sender=Study, study_id=study.pk)
    assert services.recompute(study.pk)
    return Ranking.objects.filter(study=study).first()


def sure(ranking):
    assert robustness.compute(ranking.pk)
    return ranking


@pytest.fixture
def market(study):
    """Alpha offers both things asked, Beta one, of Gamma nothing is known."""
    first = RequirementFactory.create(study=study, importance="high")
    second = RequirementFactory.create(study=study, importance="high")
    alpha = ClaimFactory.create(term=first.term, cro__name="Alpha").cro
    ClaimFactory.create(cro=alpha, term=second.term)
    beta = ClaimFactory.create(term=first.term, cro__name="Beta").cro
    ClaimFactory.create(cro=beta, term=second.term, answer=False)
    gamma = CROFactory.create(name="Gamma")
    return alpha, beta, gamma


@pytest.fixture
def ranking(study, market):
    return rank(study, *market)


def url(name, study, **query):
    return reverse(f"matching:{name}", args=[study.pk], query=query)


def test_the_ranking_says_how_often_each_is_first(client, study, ranking):
    sure(ranking)
    found = certainty.certainty_of(ranking)
    text = client.get(url("ranking", study)).text
    for chance in found.chances.values():
        assert chance.first_words.capitalize() in text
        assert chance.top3_words in text
    for tie in found.ties:
        assert tie.title in text
    assert found.headline in text


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "in none of the draws"),
        (0.001, "in fewer than 1 of 100 draws"),
        (0.62, "in 62 of 100 draws"),
        (0.999, "in more than 99 of 100 draws"),
        (1.0, "in every draw"),
    ],
)
def test_shares_are_never_more_exact_than_they_are(share, words):
    assert certainty.in_draws(share) == words


def test_equal_cros_are_not_distinguishable(client, study):
    asked = RequirementFactory.create(study=study, importance="high")
    cros = [ClaimFactory.create(term=asked.term).cro for _ in range(3)]
    sure(rank(study, *cros))
    text = client.get(url("ranking", study)).text
    assert "Not distinguishable: 3 CROs" in text
    assert "The first place is a tie" in text
    page = client.get(url("certainty", study)).text
    assert "The order among them says nothing." in page


def test_musts_set_cros_apart_whatever_is_drawn(client, study):
    asked = RequirementFactory.create(study=study, importance="must")
    eligible = ClaimFactory.create(term=asked.term).cro
    sure(rank(study, eligible, CROFactory.create()))
    assert "Before the next by its must-haves" in client.get(url("ranking", study)).text


def test_while_it_is_worked_out_the_page_asks_again_and_then_stops(
    client, study, ranking
):
    Robustness.objects.update(progress=0.4)
    whole = client.get(url("ranking", study))
    assert 'value="40"' in whole.text
    assert '<meta http-equiv="refresh"' in whole.text
    asked = url("ranking", study, certainty=1)
    part = client.get(asked, headers={"HX-Request": "true"})
    assert "every 1s" in part.text
    assert "Alpha" not in part.text
    assert "HX-Retarget" not in part.headers

    sure(ranking)
    done = client.get(asked, headers={"HX-Request": "true"})
    assert done.headers["HX-Retarget"] == "#ranking"
    assert "Alpha" in done.text
    assert "every 1s" not in done.text
    assert "certainty=1" not in done.text


def test_the_page_of_certainty_renews_itself_when_it_is_done(client, study, ranking):
    asked = url("certainty", study, certainty=1)
    headers = {"HX-Request": "true"}
    assert "every 1s" in client.get(asked, headers=headers).text
    sure(ranking)
    assert client.get(asked, headers=headers).headers["HX-Refresh"] == "true"


def test_it_is_stopped_and_started_again(client, study, ranking):
    response = client.post(url("certainty-cancel", study), follow=True)
    assert "Stopped." in response.text
    assert "the work was stopped" in response.text
    assert not robustness.compute(ranking.pk)
    again = client.post(url("certainty-cancel", study), follow=True)
    assert "There was nothing to stop" in again.text

    client.post(url("certainty-start", study))
    sure(ranking)
    assert certainty.certainty_of(ranking).is_done


def test_a_ranking_from_before_can_be_asked_for(client, study, ranking):
    Robustness.objects.all().delete()
    assert "was never worked out" in client.get(url("ranking", study)).text
    client.post(url("certainty-start", study))
    assert Robustness.objects.get().state == Robustness.State.WANTED


def test_a_failure_says_why_and_offers_to_try_again(client, study, ranking):
    Robustness.objects.update(attempts=MAX_ATTEMPTS, error="out of luck")
    text = client.get(url("ranking", study)).text
    assert "could not be worked out" in text
    assert "out of luck" in text
    assert "Try again" in text


def test_the_first_place_hangs_on_weights_that_can_be_checked(
    client, study, ranking, market
):
    alpha, *_ = market
    sure(ranking)
    text = client.get(url("certainty", study)).text
    assert "How often at which rank" in text
    assert f"{alpha.name} leads" in text
    assert "Surely before" in text


def test_without_a_result_the_bands_are_there_all_the_same(client, study, ranking):
    text = client.get(url("certainty", study)).text
    assert "Where the scores may lie" in text
    assert "How often at which rank" not in text


@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize(("name", "queries"), [("certainty", 9), ("ranking", 9)])
def test_queries_do_not_grow_with_rows(
    client, study, n, name, queries, django_assert_num_queries
):
    asked = RequirementFactory.create(study=study)
    sure(rank(study, *(ClaimFactory.create(term=asked.term).cro for _ in range(n))))
    with django_assert_num_queries(queries):
        client.get(url(name, study))


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_a_study_without_a_ranking_lead_to_it(client, study, name):
    response = client.get(url(name, study))
    assert response.status_code == 302
    assert response.url == url("ranking", study)


@pytest.mark.parametrize("name", PAGES)
def test_a_stale_ranking_says_so(client, study, ranking, name):
    with transaction.atomic():
        study_changed.send(sender=Study, study_id=study.pk)
    assert "This is about the ranking before that" in client.get(url(name, study)).text


@pytest.mark.parametrize("name", PAGES)
def test_nobody_in_the_running(client, study, name):
    asked = RequirementFactory.create(study=study, importance="must")
    rank(study, ClaimFactory.create(term=asked.term, answer=False).cro)
    assert client.get(url(name, study)).status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_another_tenants_are_not_found(client, study, ranking, name):
    client.force_login(MembershipFactory.create().user)
    assert client.get(url(name, study)).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_who_is_not_signed_in_is_asked_to(client, study, name):
    client.logout()
    assert reverse("accounts:login") in client.get(url(name, study)).url


@pytest.mark.parametrize("name", POSTS)
def test_posts_refuse_strangers_readers_and_archived_studies(
    client, study, ranking, name
):
    address = url(name, study)
    Membership.objects.update(role=Role.OBSERVER)
    assert "Stop</button>" not in client.get(url("ranking", study)).text
    assert client.post(address).status_code == 403
    Membership.objects.update(role=Role.OWNER)
    Study.objects.update(archived_at=timezone.now())
    assert client.get(url("certainty", study)).status_code == 200
    assert client.post(address).status_code == 403
    client.force_login(MembershipFactory.create().user)
    assert client.post(address).status_code == 404
    assert Robustness.objects.get().state == Robustness.State.WANTED
