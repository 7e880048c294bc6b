"""Matching and rankings as integrators use them."""

import datetime as dt
import uuid

import pytest
from rest_framework.test import APIClient

from matching import robustness, services
from matching.models import Ranking, RankingRun, RankingWork
from matching.serializers import RankingSerializer, StoredRankingSerializer
from sponsors.choices import Role
from sponsors.models import Study
from tests.cro_portal.api.conftest import is_problem
from tests.factories import (
    ClaimFactory,
    CROFactory,
    MembershipFactory,
    RequirementFactory,
    StudyFactory,
    TermFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
MATCH = "/api/v1/match/"


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def owner(member):
    return client_of(member.user)


@pytest.fixture
def service(db):
    """Return a service with a CRO that offers it, one that does not, one unknown."""
    service = TermFactory.create(code="monitoring", label="Monitoring")
    TermFactory.create(code="data-management", label="Data management")
    ClaimFactory.create(cro__name="Yes Ltd", cro__slug="yes", term=service)
    ClaimFactory.create(
        cro__name="No Ltd", cro__slug="no", term=service, answer=False, delivery=""
    )
    CROFactory.create(name="Unknown Ltd", slug="unknown")
    return service


@pytest.fixture
def study(member, service):
    study = StudyFactory.create(sponsor=member.sponsor)
    RequirementFactory.create(study=study, term=service, importance="must")
    return study


NEED = {
    "requirements": [{"scheme": "service", "code": "monitoring", "importance": "must"}]
}


def fields_of(serializer, data):
    """Return where the JSON and its description differ: names only, all levels."""
    differences = []
    for name, field in serializer.fields.items():
        value = data.get(name, "missing")
        child = getattr(field, "child", field)
        if value == "missing":
            differences.append(name)
        elif hasattr(child, "fields") and value is not None:
            rows = value if isinstance(value, list) else [value]
            for row in rows:
                differences += [f"{name}.{d}" for d in fields_of(child, row)]
    return differences + sorted(data.keys() - serializer.fields.keys())


def test_match_ranks_explains_and_stores_nothing(owner, service):
    response = owner.post(MATCH, NEED)
    assert response.status_code == 200, response.content
    body = response.json()

    assert body["counts"] == {
        "eligible": 1,
        "conditional": 1,
        "near_miss": 1,
        "excluded": 0,
    }
    assert [row["cro"]["slug"] for row in body["results"]] == ["yes", "unknown"]
    assert [row["cro"]["slug"] for row in body["near_misses"]] == ["no"]
    assert [row["gates"][0]["state"] for row in body["results"]] == ["pass", "unknown"]
    assert "asked" in body["results"][1]["gates"][0]["sentence"]
    assert len(body["digest"]) == 64
    assert not Ranking.objects.exists()
    assert not Study.objects.exists()


def test_parts_of_every_score_sum_to_it(owner, service):
    body = owner.post(MATCH, NEED).json()
    assert sum(leaf["weight"] for leaf in body["leaves"]) == pytest.approx(1)
    for row in body["results"] + body["near_misses"]:
        parts = [leaf["contribution"] for leaf in row["leaves"]]
        assert sum(parts) == pytest.approx(row["score"], abs=1e-9)
        assert row["score_low"] <= row["score"] <= row["score_high"]


def test_reasons_name_the_claims_they_stand_on(owner, service):
    first = owner.post(MATCH, NEED).json()["results"][0]
    facts = [fact for reason in first["reasons"] for fact in reason["facts"]]
    claims = owner.get("/api/v1/cros/yes/claims/").json()["results"]
    assert {row["id"] for row in claims} <= {
        c for fact in facts for c in fact["claims"]
    }
    assert all(fact["sentence"].endswith(".") for fact in facts)


def test_same_question_gives_same_answer(owner, service):
    first, second = (owner.post(MATCH, NEED) for _ in range(2))
    assert first.content == second.content


def test_answer_is_as_described(owner, service, study):
    body = owner.post(MATCH, NEED).json()
    assert fields_of(RankingSerializer(), body) == []
    services.want_rankings([study.pk])
    assert services.recompute(study.pk)
    stored = owner.get(f"/api/v1/studies/{study.pk}/ranking/").json()
    assert fields_of(StoredRankingSerializer(), stored) == []


def test_record_and_what_is_typed_beside_it_are_matched_together(owner, service):
    record = {
        "protocolSection": {
            "identificationModule": {"nctId": "NCT01234567", "briefTitle": "T"},
            "designModule": {"enrollmentInfo": {"count": 80}},
        }
    }
    body = owner.post(MATCH, NEED | {"record": record, "n_sites": 7}).json()
    assert (body["need"]["participants"], body["need"]["n_sites"]) == (80, 7)
    assert [row["code"] for row in body["requirements"]] == ["monitoring"]


def test_limit_keeps_the_first_places(owner, service):
    body = owner.post(f"{MATCH}?limit=1", NEED).json()
    assert [row["cro"]["slug"] for row in body["results"]] == ["yes"]
    for limit in ("0", "-1", "201", "1e3", "all", "9" * 40):
        is_problem(owner.post(f"{MATCH}?limit={limit}", NEED), 400)
    is_problem(owner.post(f"{MATCH}?limits=3", NEED), 400)


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        (
            {"requirements": [{"scheme": "service", "code": "data-managment"}]},
            "/requirements/0/code",
            "data-management",
        ),
        ({"participants": "many"}, "/participants", "whole number"),
        ({"weights": {"fit": 0}}, "/weights", "0 means that a criterion does not"),
        ({"requirements": "pl"}, "/requirements", "list"),
        ({"record": {}}, "/record", ""),
    ],
)
def test_study_that_cannot_be_matched_is_refused(owner, service, body, pointer, says):
    answer = is_problem(owner.post(MATCH, body), 400)
    assert answer["errors"][0]["pointer"] == pointer
    assert says in answer["errors"][0]["detail"]


def test_shares_beyond_the_whole_are_refused(owner, db):
    for code in ("pl", "de"):
        TermFactory.create(scheme__code="country", code=code)
    rows = [{"scheme": "country", "code": code, "share": 0.6} for code in ("pl", "de")]
    answer = is_problem(owner.post(MATCH, {"requirements": rows}), 400)
    assert answer["errors"][0]["pointer"] == "/requirements"
    assert "120%" in answer["errors"][0]["detail"]


def test_question_that_asks_nothing_is_answered_or_refused(owner, service):
    assert owner.post(MATCH, {}).status_code in (200, 400)


def test_read_token_may_match(api, make_token, service):
    _, token = make_token(scope="read")
    response = api.post(MATCH, NEED, headers={"authorization": f"Bearer {token}"})
    assert response.status_code == 200


# Stored rankings and runs


def ranking_of(study):
    return f"/api/v1/studies/{study.pk}/ranking/"


def test_match_says_how_sure_it_is_when_asked(owner, service):
    plain = owner.post(MATCH, NEED).json()
    assert (plain["robustness"], plain["groups"], plain["questions"]) == (None, [], [])

    asked = f"{MATCH}?robustness=1&draws=500&limit=1"
    response = owner.post(asked, NEED)
    body = response.json()
    assert fields_of(RankingSerializer(), body) == []
    assert body["digest"] == plain["digest"]
    assert len(body["results"]) == 1
    assert body["robustness"]["n_draws"] == 500
    first = {one["cro"]: one["first"] for one in body["robustness"]["cros"]}
    assert first == {"yes": 1.0, "unknown": 0.0}
    assert [group["cros"] for group in body["groups"]] == [["yes"], ["unknown"]]
    assert "unknown" in {one["cro"] for one in body["questions"]}
    assert owner.post(asked, NEED).content == response.content


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("robustness=yes", "Give 0 or 1."),
        ("robustness=1&draws=0", "Give a whole number from 1 to 10000."),
        ("robustness=1&draws=1000000000", "Give a whole number from 1 to 10000."),
    ],
)
def test_odd_draws_are_refused(owner, service, query, says):
    response = owner.post(f"{MATCH}?{query}", NEED)
    assert response.status_code == 400
    assert says in response.content.decode()


def test_nobody_eligible_names_the_smallest_relaxations(owner, service):
    both = [
        {"scheme": "service", "code": code, "importance": "must"}
        for code in ("monitoring", "data-management")
    ]
    body = owner.post(MATCH, {"requirements": both}).json()
    assert [
        ([term["code"] for term in one["terms"]], one["n_freed"])
        for one in body["relaxations"]
    ] == [(["data-management"], 1)]


def test_a_stored_ranking_says_how_sure_it_is_once_that_is_known(owner, study, hinted):
    services.want_rankings([study.pk])
    services.recompute(study.pk)
    waiting = owner.get(ranking_of(study)).json()["ranking"]
    assert waiting["robustness"]["state"] == "waiting"
    assert waiting["groups"] == []

    robustness.compute(Ranking.objects.get().pk)
    response = owner.get(ranking_of(study)).json()
    assert fields_of(StoredRankingSerializer(), response) == []
    stored = response["ranking"]
    matched = owner.post(f"{MATCH}?robustness=1", NEED).json()
    for part in ("robustness", "groups", "questions", "relaxations"):
        assert stored[part] == matched[part]


def test_ranking_is_asked_for_polled_and_read(owner, study, hinted):
    nothing = owner.get(ranking_of(study)).json()
    assert (nothing["state"], nothing["ranking"]) == ("never", None)

    asked = owner.post(ranking_of(study))
    assert asked.status_code == 202
    run = asked.headers["Location"]
    assert owner.get(run).json() == asked.json()
    assert asked.json()["state"] == "queued"
    assert owner.get(ranking_of(study)).json()["state"] == "updating"

    services.recompute(study.pk)
    assert owner.get(run).json()["state"] == "done"
    stored = owner.get(asked.json()["ranking"]).json()
    assert (stored["state"], stored["study_version"]) == ("fresh", 1)
    matched = owner.post(MATCH, NEED).json()
    assert stored["ranking"]["results"] == matched["results"]
    limited = owner.get(ranking_of(study) + "?limit=1").json()
    assert len(limited["ranking"]["results"]) == 1


def test_failed_run_says_so(owner, study, hinted):
    run = owner.post(ranking_of(study)).json()["url"]
    RankingWork.objects.filter(study=study).update(attempts=5, error="It broke.")
    assert owner.get(run).json()["state"] == "failed"
    stored = owner.get(ranking_of(study)).json()
    assert (stored["state"], stored["error"]) == ("failed", "It broke.")


def test_others_rankings_and_runs_read_like_unknown_ones(owner, study, hinted):
    run = owner.post(ranking_of(study)).json()["url"]
    other = client_of(MembershipFactory.create().user)
    curator = client_of(UserFactory.create(is_staff=True, is_superuser=True))
    unknown = uuid.uuid4()
    for client in (other, curator):
        for method, hidden, nothing in (
            ("get", ranking_of(study), f"/api/v1/studies/{unknown}/ranking/"),
            ("post", ranking_of(study), f"/api/v1/studies/{unknown}/ranking/"),
            ("get", run, f"/api/v1/runs/{unknown}/"),
        ):
            answers = [
                is_problem(getattr(client, method)(address), 404) | {"instance": ""}
                for address in (hidden, nothing)
            ]
            assert answers[0] == answers[1]
    assert RankingRun.objects.count() == 1


def test_reading_role_reads_the_ranking_and_does_not_ask_for_one(study):
    reader = MembershipFactory.create(sponsor=study.sponsor, role=Role.OBSERVER)
    client = client_of(reader.user)
    assert client.get(ranking_of(study)).status_code == 200
    is_problem(client.post(ranking_of(study)), 403)
    assert not RankingRun.objects.exists()


def test_nobody_signed_in_gets_nothing(study):
    for response in (
        APIClient().get(ranking_of(study)),
        APIClient().post(ranking_of(study)),
        APIClient().get(f"/api/v1/runs/{uuid.uuid4()}/"),
        APIClient().post(MATCH, NEED),
    ):
        is_problem(response, 401)


@pytest.mark.parametrize("n", [1, 20])
def test_queries_do_not_grow_with_the_number_of_cros(
    owner, study, django_assert_max_num_queries, n
):
    for _ in range(n):
        ClaimFactory.create(
            term__code=f"term-{uuid.uuid4()}", observed_on=dt.date(2026, 1, 1)
        )
    owner.post(MATCH, NEED)  # the catalogue comes into memory
    with django_assert_max_num_queries(16):
        owner.post(MATCH, NEED)
    services.want_rankings([study.pk])
    services.recompute(study.pk)
    with django_assert_max_num_queries(7):
        owner.get(ranking_of(study))
