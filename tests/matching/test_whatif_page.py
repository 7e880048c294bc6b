"""A ranking at other weights: the same order in the groups, and nothing stored."""

from dataclasses import replace

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import services, whatif
from matching.engine.decision import decide
from matching.engine.sensitivity import break_even
from matching.models import Group, Ranking, RankingEntry
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.needs import need_of_study
from tests.changes import mark_changed
from tests.factories import (
    ClaimFactory,
    CROFactory,
    RequirementFactory,
    StudyFactory,
    TermFactory,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("hinted"),
]


@pytest.fixture
def study(member):
    return StudyFactory.create(sponsor=member.sponsor, title="A trial of something")


@pytest.fixture
def client(client, member):
    client.force_login(member.user)
    return client


def rank(study):
    mark_changed()
    with transaction.atomic():
        services.want_rankings([study.pk])
    assert services.recompute(study.pk)


def market(study, n=2):
    """`n` CROs strong in services and one in technology; the study asks for both."""
    service = RequirementFactory.create(study=study)
    technology = RequirementFactory.create(
        study=study, term=TermFactory.create(scheme__code="technology")
    )
    names = [f"Server {at}" for at in range(n)]
    cros = [
        ClaimFactory.create(term=service.term, cro__name=name).cro for name in names
    ]
    techie = ClaimFactory.create(term=technology.term, cro__name="Techie").cro
    for cro in cros:
        ClaimFactory.create(cro=cro, term=technology.term, answer=False)
    ClaimFactory.create(cro=techie, term=service.term, answer=False)
    rank(study)
    return techie


def address(study):
    return reverse("matching:what-if", args=[study.pk])


def points_of(study, **changed):
    criteria = Ranking.objects.filter(study=study).first().parameters["criteria"]
    shown = {c["code"]: whatif.shown(c["weight"] * 100) for c in criteria}
    return shown | changed


def test_untouched_it_is_the_stored_order(client, study):
    market(study)
    response = client.get(address(study))
    assert "Nothing here changes the stored ranking" in response.text
    assert "The order is that of the stored ranking" in response.text
    posted = client.post(address(study), points_of(study))
    assert posted.context["found"].n_moved == 0


def test_other_weights_make_another_order_and_store_nothing(client, study):
    techie = market(study)
    before = Ranking.objects.get()
    response = client.post(address(study), points_of(study, technology=100, services=0))

    first = response.context["places"][0]
    assert (first.cro, first.was, first.moved_words) == (techie, 3, "up 2")
    assert "up 2" in response.text
    after = Ranking.objects.get()
    assert (after.pk, after.parameters) == (before.pk, before.parameters)
    study.refresh_from_db()
    assert study.version == 1


def test_the_places_are_those_of_a_ranking_with_these_weights(client, study):
    market(study)
    given = dict.fromkeys(points_of(study), 20) | {"technology": 60, "services": 10}
    places = client.post(address(study), given).context["places"]
    spec = need_of_study(study.pk).spec
    from_scratch = services.compute_now(
        replace(spec, weights=dict.fromkeys(DEFAULT_WEIGHTS, 0.0) | given),
        limit=25,
    )
    assert [(p.cro.pk, p.score) for p in places] == [
        (entry.cro_id, pytest.approx(entry.score)) for entry in from_scratch.entries
    ]


def test_htmx_gets_the_places_alone(client, study):
    market(study)
    part = client.post(
        address(study), points_of(study), headers={"HX-Request": "true"}
    ).text
    assert "<html" not in part
    assert "confirmed by the server" in part


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("nan", "Give a number of points"),
        ("inf", "Give a number of points"),
        ("-1", "Give 0 points or more"),
        ("1e9", "Give at most 100 points"),
        ("", "0 leaves it out"),
        ("lots", "Give a number of points"),
    ],
)
def test_a_bad_weight_is_refused_and_kept(client, study, bad, words):
    market(study)
    response = client.post(address(study), points_of(study, services=bad))
    assert words in response.text
    assert response.context["form"]["services"].value() == bad
    assert "The order is by the stored weights" in response.text


def test_all_zero_is_refused(client, study):
    market(study)
    zero = dict.fromkeys(points_of(study), "0")
    assert "needs more than 0 points" in client.post(address(study), zero).text


def test_somebody_elses_study_is_not_found(client):
    other = StudyFactory.create()
    assert client.get(address(other)).status_code == 404
    assert client.post(address(other), {}).status_code == 404


def test_without_a_ranking_it_leads_to_its_page(client, study):
    assert client.get(address(study)).url == reverse(
        "matching:ranking", args=[study.pk]
    )


def test_with_nobody_in_the_running_it_says_so(client, study):
    asked = RequirementFactory.create(study=study, importance="must")
    ClaimFactory.create(term=asked.term, answer=False)
    rank(study)
    assert "No CRO is in the running" in client.get(address(study)).text


@pytest.mark.parametrize("n", [1, 20])
def test_queries_do_not_grow_with_rows(client, study, n, django_assert_num_queries):
    market(study, n)
    with django_assert_num_queries(7):
        client.get(address(study))


unit = st.floats(0, 1, allow_nan=False)
tables = st.integers(2, 5).flatmap(
    lambda k: st.tuples(
        st.lists(st.lists(unit, min_size=k, max_size=k), min_size=2, max_size=6),
        st.lists(st.floats(0.1, 100), min_size=k, max_size=k),
    )
)


@given(tables)
@settings(max_examples=60, deadline=None)
def test_at_a_mark_the_first_two_are_level(table):
    values, points = table
    decision = decide(
        criteria=[f"c{k}" for k in range(len(points))],
        weights=points,
        low=values,
        value=values,
        high=values,
    )
    entries = [
        RankingEntry(position=at, group=Group.ELIGIBLE, cro=CROFactory.build())
        for at in range(1, len(values) + 1)
    ]
    found = whatif.weigh(decision, entries, points)
    scores = [place.score for place in found.places]
    assert scores == sorted(scores, reverse=True)
    two = [place.was - 1 for place in found.places[:2]]
    for k, mark in enumerate(found.marks):
        if mark.points is None:
            continue
        at_mark = [*points[:k], mark.points, *points[k + 1 :]]
        first, second = (
            sum(p * v for p, v in zip(at_mark, values[row], strict=True)) for row in two
        )
        assert first == pytest.approx(second, rel=1e-6, abs=1e-6)


def test_a_mark_is_the_methods_break_even_weight():
    values = [[0.9, 0.2], [0.3, 0.8]]
    decision = decide(
        criteria=["a", "b"], weights=[60, 40], low=values, value=values, high=values
    )
    entries = [
        RankingEntry(position=at, group=0, cro=CROFactory.build()) for at in (1, 2)
    ]
    marks = whatif.weigh(decision, entries, [60, 40]).marks
    weight = break_even(decision)[0, 0, 1]
    assert weight == pytest.approx(0.5)  # 0.6 w = 0.6 (1 - w)
    assert marks[0].points == pytest.approx(40)
    assert marks[0].words == "The first two change places at 40.0 points."
