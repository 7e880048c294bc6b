"""The weights of a study as integrators read and set them."""

import pytest
from rest_framework.test import APIClient

from sponsors import services
from sponsors.choices import Role
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.models import Study
from sponsors.weighing import CODES
from tests.cro_portal.api.conftest import is_problem
from tests.factories import MembershipFactory, RequirementFactory, StudyFactory

pytestmark = pytest.mark.django_db
SEVEN = dict.fromkeys(CODES, 7)


@pytest.fixture
def owner(member):
    client = APIClient()
    client.force_authenticate(member.user)
    return client


@pytest.fixture
def study(member, words):
    study = StudyFactory.create(sponsor=member.sponsor)
    RequirementFactory.create(study=study, term=words.asthma)
    return study


def address(study, what="weights/"):
    return f"/api/v1/studies/{study.pk}/{what}"


def post(client, study, body, etag="*"):
    return client.post(address(study), body, headers={"if-match": etag})


def test_without_any_the_methods_hold(owner, study):
    answer = owner.get(address(study))
    shown = answer.json()
    assert shown["current"]["method"] == "default"
    assert shown["current"]["values"] == DEFAULT_WEIGHTS
    assert sum(shown["current"]["percent"].values()) == 100
    assert (shown["frozen"], shown["hides_names"], shown["history"]) == (
        None,
        False,
        [],
    )
    etag = answer.headers["ETag"]
    again = owner.get(address(study), headers={"if-none-match": etag})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("body", "percent"),
    [
        ({"method": "points", "answers": SEVEN}, {"fit": 12, "expertise": 13}),
        (
            {"method": "rank", "answers": {"expertise": 1, "fit": 2, "quality": None}},
            {"expertise": 75, "fit": 25, "quality": 0},
        ),
        (
            {
                "method": "swing",
                "answers": dict.fromkeys(CODES, 0) | {"expertise": 100, "fit": 25},
            },
            {"expertise": 80, "fit": 20},
        ),
        ({"method": "template", "template": "device"}, {"quality": 12}),
    ],
)
def test_each_way_makes_a_version_with_its_answers(owner, study, body, percent):
    etag = owner.get(address(study)).headers["ETag"]
    answer = post(owner, study, body, etag)
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["current"]["method"] == body["method"]
    assert shown["current"]["percent"].items() >= percent.items()
    if body["method"] != "template":
        given = {c: a for c, a in body["answers"].items() if a is not None}
        assert shown["current"]["answers"] == given
    assert shown["history"] == [shown["current"]]
    assert answer.headers["ETag"] != etag
    is_problem(post(owner, study, body, etag), 412)
    is_problem(owner.post(address(study), body), 428)


@pytest.mark.parametrize(
    ("body", "pointer", "sentence"),
    [
        ({}, "/method", "missing"),
        ({"method": "dice"}, "/method", "Give one of default, template, points"),
        ({"method": "template"}, "/template", "Name one of the templates"),
        ({"method": "template", "template": "best"}, "/template", "Give one of"),
        ({"method": "points"}, "/answers", "Expertise: say a number"),
        ({"method": "points", "answers": SEVEN | {"fit": -1}}, "/answers/fit", "least"),
        ({"method": "points", "answers": {"fitt": 1}}, "/answers/fitt", "Did you mean"),
        (
            {"method": "points", "answers": dict.fromkeys(CODES, 0)},
            "/answers",
            "above 0",
        ),
        (
            {
                "method": "points",
                "answers": dict.fromkeys(CODES, 0) | {"technology": 1},
            },
            "/answers",
            "No ranking is possible like this",
        ),
        ({"method": "swing", "answers": SEVEN}, "/answers", "No swing has 100"),
        ({"method": "rank", "answers": {"fit": 1.5}}, "/answers", "whole number"),
        ({"method": "rank"}, "/answers", "Rank at least one"),
        ({"method": "rank", "answers": [1]}, "/answers", "Give an object"),
    ],
)
def test_bad_answers_are_pointed_at(owner, study, body, pointer, sentence):
    errors = is_problem(post(owner, study, body), 400)["errors"]
    assert errors[0]["pointer"] == pointer
    assert sentence in errors[0]["detail"]
    study.refresh_from_db()
    assert study.version == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(owner, study, number):
    body = f'{{"method": "points", "answers": {{"fit": {number}}}}}'
    answer = owner.generic(
        "POST",
        address(study),
        body,
        content_type="application/json",
        headers={"if-match": "*"},
    )
    is_problem(answer, 400)


def test_after_the_freeze_a_reason_is_asked_for(owner, member, study):
    services.freeze_weights(study=study, expected_version=1, by=member.user)
    body = {"method": "points", "answers": SEVEN}
    [error] = is_problem(post(owner, study, body), 400)["errors"]
    assert error["pointer"] == "/reason"
    patched = owner.patch(
        address(study, ""), {"weights": SEVEN}, headers={"if-match": "*"}
    )
    assert "weights/ with a reason" in is_problem(patched, 409)["detail"]
    shown = post(owner, study, body | {"reason": "New board."}).json()
    assert shown["frozen"]["by"] == str(member.user)
    assert [one["reason"] for one in shown["history"]] == ["New board.", ""]
    assert [one["is_frozen"] for one in shown["history"]] == [False, True]


def test_who_may(member, owner, study):
    stranger = StudyFactory.create()
    is_problem(owner.get(address(stranger)), 404)
    is_problem(post(owner, stranger, {"method": "default"}), 404)
    reader = APIClient()
    seat = MembershipFactory.create(sponsor=member.sponsor, role=Role.OBSERVER)
    reader.force_authenticate(seat.user)
    assert reader.get(address(study)).status_code == 200
    is_problem(post(reader, study, {"method": "default"}), 403)
    Study.objects.filter(pk=study.pk).update(is_blind=True)
    assert owner.get(address(study)).json()["hides_names"] is True


@pytest.mark.parametrize("n", [1, 20])
def test_the_history_costs_the_same(owner, member, study, n, django_assert_num_queries):
    for at in range(n):
        study = services.set_weights(
            study=study,
            expected_version=at + 1,
            by=member.user,
            values=SEVEN | {"fit": at + 8},
        )
    with django_assert_num_queries(6):
        assert len(owner.get(address(study)).json()["history"]) == n
