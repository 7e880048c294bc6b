"""How sure a ranking is, on its pages: found, under way, stopped, failed, refused."""

import uuid
from io import BytesIO

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from matching import certainty, outlook, questions, robustness, services, versus
from matching.models import MAX_ATTEMPTS, Ranking, Robustness
from sponsors.choices import Role
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.models import Membership, Study, Weights
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

PAGES = ["certainty", "versus", "questions", "changes"]
EXPORTS = ["questions-csv", "questions-xlsx"]
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


@pytest.mark.parametrize("name", ["certainty", "questions"])
def test_the_address_of_the_progress_opens_as_the_whole_page(
    client, study, ranking, name
):
    asked = url(name, study, certainty=1)
    assert "</html>" in client.get(asked).text
    sure(ranking)
    done = client.get(asked)
    assert "</html>" in done.text
    assert "HX-Refresh" not in done.headers


def test_who_is_level_with_the_first_turns_it_at_once(study):
    one = RequirementFactory.create(study=study, importance="high")
    other = RequirementFactory.create(
        study=study, importance="high", term__scheme__code="technology"
    )
    weights = dict.fromkeys(DEFAULT_WEIGHTS, 0.0)
    weights |= {"services": 10.0, "technology": 10.0}
    Weights.objects.create(
        study=study, since_version=1, values=weights, raw=weights, method="points"
    )
    alpha = ClaimFactory.create(term=one.term, cro__name="Alpha").cro
    beta = ClaimFactory.create(term=other.term, cro__name="Beta").cro
    ClaimFactory.create(cro=alpha, term=other.term, answer=False)
    ClaimFactory.create(cro=beta, term=one.term, answer=False)
    ranking = sure(rank(study, alpha, beta))

    page = outlook.outlook(ranking, certainty.certainty_of(ranking))

    assert page.lead == 0
    first, second = page.leader, page.runner_up
    strong, weak = "services", "technology"
    if first == beta:
        strong, weak = weak, strong
    turns = {turn.code: turn for turn in page.turns}
    assert turns[strong].below == second
    assert turns[strong].low == turns[strong].weight == 0.5
    assert (turns[strong].high, turns[strong].above) == (1.0, None)
    assert turns[weak].above == second
    assert turns[weak].high == turns[weak].weight == 0.5
    assert (turns[weak].low, turns[weak].below) == (0.0, None)


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


def test_why_one_is_before_another(client, study, ranking, market):
    sure(ranking)
    alpha, beta, gamma = market
    text = client.get(url("versus", study, a=alpha.slug, b=beta.slug)).text
    assert "Why Alpha before Beta" in text
    assert "Alpha is clearly before Beta" in text
    assert "What would put Beta first" in text
    assert "The nearest weights that bring it level" in text
    assert "The fewest missing answers that would do it" in text
    turned = client.get(url("versus", study, a=gamma.slug, b=alpha.slug)).text
    assert "Why Gamma after Alpha" in turned
    assert "It is first already." in turned


def test_the_leads_sum_to_the_difference_of_the_scores(ranking, market):
    entries = {entry.cro.name: entry for entry in ranking.entries.all()}
    a, b = entries["Alpha"], entries["Gamma"]
    found = versus.versus(
        ranking.study, ranking, (a, b), certainty.certainty_of(ranking)
    )
    assert found.lead == pytest.approx(a.score - b.score)
    sizes = [abs(lead.lead) for lead in found.leads]
    assert sizes == sorted(sizes, reverse=True)
    assert found.to_first.facts


@pytest.mark.parametrize("query", [{"b": "nobody"}, {"a": "alpha", "b": "alpha"}])
def test_two_that_cannot_be_compared_are_named(client, study, ranking, market, query):
    if "a" in query:
        query = dict.fromkeys(query, market[0].slug)
    text = client.get(url("versus", study, **query)).text
    assert "Choose" in text
    assert "What sets them apart" not in text


def test_what_speaks_against_is_as_plain_as_what_speaks_for(
    client, study, ranking, market
):
    sure(ranking)
    _, beta, gamma = market
    why = reverse("matching:why", args=[study.pk, beta.slug])
    text = client.get(why).text
    against = text[text.index("What speaks against it") :]
    assert ": no." in against[: against.index("why__block")]
    assert "Weakest link" in text
    assert "How the points add up" in text
    assert url("versus", study) in text
    of_gamma = client.get(reverse("matching:why", args=[study.pk, gamma.slug])).text
    assert "Nothing that is known." in of_gamma


def test_what_to_ask_comes_by_value(client, study, ranking):
    sure(ranking)
    found = questions.questions_of(study, ranking, certainty.certainty_of(ranking))
    values = [one.value for one in found.questions]
    assert values == sorted(values, reverse=True)
    assert {one.cro.name for one in found.questions} >= {"Gamma"}
    text = client.get(url("questions", study)).text
    first = found.questions[0]
    assert first.text in text
    assert f"First in {first.now_words} of 100 draws now" in text


def test_an_open_must_is_asked_about(client, study):
    asked = RequirementFactory.create(
        study=study, importance="must", term__label="Monitoring"
    )
    sure(rank(study, ClaimFactory.create(term=asked.term).cro, CROFactory.create()))
    text = client.get(url("questions", study)).text
    assert "Must-have: Monitoring" in text
    assert "Do you offer Monitoring with your own staff" in text


def test_questions_leave_as_sheets_in_which_nothing_is_a_formula(
    client, study, ranking, market
):
    Study.objects.update(title="=cmd()")
    market[2].name = "=Gamma"
    market[2].save()
    sure(ranking)
    csv = client.get(url("questions-csv", study))
    text = csv.content.decode("utf-8-sig")
    assert "'=Gamma" in text
    assert ",=" not in text
    assert 'filename="questions-' in csv.headers["Content-Disposition"]
    book = load_workbook(BytesIO(client.get(url("questions-xlsx", study)).content))
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert "'=Gamma" in [cell.value for cell in cells]
    assert "f" not in {cell.data_type for cell in cells}


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_of_another_tenant_are_not_found(client, study, ranking, name):
    client.force_login(MembershipFactory.create().user)
    assert client.get(url(name, study)).status_code == 404


def test_what_changed_names_who_moved_and_the_fact(client, study, ranking, market):
    first = client.get(url("changes", study)).text
    assert "This is the first ranking" in first
    *_, gamma = market
    wanted = study.requirements.get(term__claims__answer=False).term
    ClaimFactory.create(cro=gamma, term=wanted)
    study.requirements.exclude(term=wanted).update(importance="low")
    rank(study, *market)

    text = client.get(url("changes", study)).text
    assert "Up from place 3 to 2" in text
    assert "Before:" in text
    assert f"{wanted.label}: not known." in text
    assert f"{wanted.label}: yes, with own staff or entity." in text
    assert '<td data-label="Before">High</td>' in text


def test_a_new_ranking_with_the_same_places_says_that_nobody_moved(
    client, study, ranking
):
    copy = Ranking.objects.get()
    entries = list(copy.entries.all())
    copy.pk, copy.computed_at = uuid.uuid4(), timezone.now()
    copy.save(force_insert=True)
    for entry in entries:
        entry.pk, entry.ranking = None, copy
        entry.save()
    text = client.get(url("changes", study)).text
    assert "Nobody: every place" in text
    assert "Nothing. What moved, moved through the catalogue." in text


@pytest.mark.parametrize("n", [1, 20])
def test_queries_of_changes_do_not_grow_with_moves(
    client, study, n, django_assert_num_queries
):
    asked = RequirementFactory.create(study=study)
    cros = [ClaimFactory.create(term=asked.term).cro for _ in range(n)]
    rank(study, *cros)
    RequirementFactory.create(study=study)
    rank(study, *cros)
    with django_assert_num_queries(12):
        text = client.get(url("changes", study)).text
    assert text.count('class="move"') == n


@pytest.mark.parametrize("n", [2, 20])
@pytest.mark.parametrize(
    ("name", "queries"),
    [
        ("certainty", 9),
        ("ranking", 9),
        ("versus", 10),
        ("questions", 8),
        ("changes", 7),
    ],
)
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


@pytest.mark.parametrize("name", [*PAGES, *EXPORTS[:1]])
def test_no_name_shows_while_names_are_hidden(client, study, ranking, market, name):
    sure(ranking)
    rank(study, ClaimFactory.create(cro=market[2]).cro)
    robustness.compute(Ranking.objects.first().pk)
    Study.objects.update(is_blind=True)
    answer = client.get(url(name, study)).content.decode()
    for cro in market:
        assert cro.name not in answer
        assert f"/{cro.slug}/" not in answer
        assert f'"{cro.slug}"' not in answer


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
