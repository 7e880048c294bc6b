"""Scenarios: kept by name, never in the way of the stored ranking, nobody else's."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from rest_framework.test import APIClient

from matching import scenarios, services
from matching.models import Ranking, Scenario
from matching.scenario_api import ScenarioSerializer
from sponsors.choices import Role
from sponsors.models import Study
from sponsors.needs import need_of_study
from tests.changes import mark_changed
from tests.cro_portal.api.conftest import is_problem
from tests.factories import (
    ClaimFactory,
    MembershipFactory,
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
    """Two CROs: one has the must, the other all but the must."""
    study = StudyFactory.create(sponsor=member.sponsor, title="A trial of something")
    must = TermFactory.create(code="must-have", label="Must have this")
    nice = TermFactory.create(scheme__code="technology", code="nice", label="Nice")
    RequirementFactory.create(study=study, term=must, importance="must")
    RequirementFactory.create(study=study, term=nice, importance="high")
    has = ClaimFactory.create(term=must, cro__name="Has It").cro
    lacks = ClaimFactory.create(term=nice, cro__name="Lacks It").cro
    ClaimFactory.create(cro=has, term=nice, answer=False)
    ClaimFactory.create(cro=lacks, term=must, answer=False)
    mark_changed(has, lacks)
    with transaction.atomic():
        services.want_rankings([study.pk])
    assert services.recompute(study.pk)
    return study


@pytest.fixture
def client(client, member):
    client.force_login(member.user)
    return client


@pytest.fixture
def api(member):
    api = APIClient()
    api.force_authenticate(member.user)
    return api


def points(study, **changed):
    criteria = Ranking.objects.get(study=study).parameters["criteria"]
    return dict.fromkeys([each["code"] for each in criteria], 10.0) | changed


def keep(study, name="Other", importances=None, reason="", **changed):
    return scenarios.create(
        study=study,
        by=None,
        name=name,
        points=points(study, **changed),
        importances=importances or {},
        reason=reason,
    )


def names(scenario):
    return [row["cro"].name for row in scenarios.places(scenario)]


def test_giving_up_a_must_lets_a_cro_in_and_changes_nothing_else(study):
    stored = Ranking.objects.get()
    strict = keep(study)
    lenient = keep(
        study,
        "Lenient",
        {("service", "must-have"): "waived"},
        reason="  A  partner has it ",
        technology=100,
    )

    assert names(strict) == ["Has It", "Lacks It"]
    assert strict.result["counts"]["near_miss"] == 1
    assert names(lenient) == ["Lacks It", "Has It"]
    assert lenient.result["counts"]["eligible"] == 2
    assert sum(c["first"] for c in lenient.result["cros"]) == pytest.approx(1)
    assert lenient.changes == [
        {
            "scheme": "service",
            "code": "must-have",
            "label": "Must have this",
            "before": "must",
            "importance": "waived",
            "reason": "A partner has it",
        }
    ]
    after = Ranking.objects.get()
    assert (after.pk, after.digest, after.parameters) == (
        stored.pk,
        stored.digest,
        stored.parameters,
    )
    assert lenient.base_digest == stored.digest != lenient.digest
    study.refresh_from_db()
    assert study.version == 1


def test_the_same_question_has_the_same_digest_and_places(study):
    one, two = keep(study, "One"), keep(study, "Two")
    assert (one.digest, one.result) == (two.digest, two.result)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"technology": float("nan")}, "lie from 0 to 100"),
        ({"technology": float("inf")}, "lie from 0 to 100"),
        ({"technology": -1.0}, "lie from 0 to 100"),
        ({"technology": 1e9}, "lie from 0 to 100"),
        ({"technology": None}, "Say points for Technology"),
        ({"technology": True}, "must be a number"),
        ({"geography": 1.0}, "is no criterion this study asks about"),
    ],
)
def test_weights_that_say_nothing_are_refused(study, changed, words):
    with pytest.raises(ValidationError, match=words):
        keep(study, **changed)


def test_all_zero_is_refused(study):
    with pytest.raises(ValidationError, match="needs more than 0 points"):
        keep(study, **dict.fromkeys(points(study), 0.0))


@pytest.mark.parametrize(
    ("importances", "words"),
    [
        ({("service", "nothing"): "low"}, "does not ask for"),
        ({("technology", "nice"): "waived"}, "no must-have"),
        ({("technology", "nice"): "huge"}, "is no importance"),
    ],
)
def test_changes_that_cannot_be_are_refused(study, importances, words):
    with pytest.raises(ValidationError, match=words):
        keep(study, importances=importances)


def test_a_name_is_there_once_in_a_study(study):
    keep(study, " Quality  first ")
    with pytest.raises(ValidationError, match="Give this one another name"):
        keep(study, "quality FIRST")
    other = keep(study, "Other")
    with pytest.raises(ValidationError, match="already"):
        scenarios.rename(scenario=other, name="Quality first")
    assert scenarios.rename(scenario=other, name="OTHER").name == "OTHER"
    with pytest.raises(IntegrityError), transaction.atomic():
        Scenario.objects.filter(pk=other.pk).update(name="quality First")


def test_a_study_keeps_so_many(study, monkeypatch):
    monkeypatch.setattr(scenarios, "MAX_SCENARIOS", 1)
    keep(study, "One")
    with pytest.raises(ValidationError, match="Delete one"):
        keep(study, "Two")


def test_a_ranking_that_is_behind_is_no_base(study):
    study.version = 2
    study.save()
    with pytest.raises(ValidationError, match="has changed since its ranking"):
        keep(study)


def test_an_edit_while_it_is_ranked_is_not_kept_under_the_old_version(
    study, monkeypatch
):
    def edited_before(pk):
        Study.objects.filter(pk=pk).update(version=2)
        return need_of_study(pk)

    monkeypatch.setattr(scenarios, "need_of_study", edited_before)
    with pytest.raises(ValidationError, match="has changed since its ranking"):
        keep(study)
    assert not Scenario.objects.exists()


# Pages


def address(name, study, *args):
    return reverse(f"matching:scenario-{name}", args=[study.pk, *args])


def test_saved_from_the_what_if_page_listed_and_set_side_by_side(client, study):
    form = points(study, technology=100) | {
        "name": "Tools first",
        "ask:service:must-have": "waived",
    }
    refused = client.post(address("create", study), form)
    assert "Say why must-haves are given up." in refused.text
    assert not Scenario.objects.exists()
    form["reason"] = "A partner has it"
    response = client.post(address("create", study), form, follow=True)
    assert "is kept" in response.text
    assert "Must have this: given up instead of must have" in response.text
    assert "“A partner has it”, " in response.text
    scenario = Scenario.objects.get()

    both = client.get(address("compare", study), {"s": scenario.pk}).text
    assert "Lacks It" in both
    assert "another place than stored" in both
    detail = client.get(address("detail", study, scenario.pk)).text
    assert "Tools first" in detail


def test_a_refused_scenario_keeps_what_was_typed(client, study):
    form = points(study, technology=100) | {"name": ""}
    response = client.post(address("create", study), form)
    assert "Give the scenario a name" in response.text
    assert response.context["form"]["technology"].value() == "100"
    keep(study, "Taken")
    taken = client.post(address("create", study), form | {"name": "taken"})
    assert "has a scenario “taken” already" in taken.text
    bad = client.post(address("create", study), form | {"technology": "nan"})
    assert "Give a number of points" in bad.text
    assert Scenario.objects.count() == 1


def test_renamed_and_deleted_after_a_question(client, study):
    scenario = keep(study, "First")
    own = address("detail", study, scenario.pk)
    assert "Second" in client.post(own, {"name": "Second"}, follow=True).text
    assert "Give the scenario a name" in client.post(own, {"name": " "}).text
    ask = address("delete", study, scenario.pk)
    assert "Delete “Second”?" in client.get(ask).text
    assert Scenario.objects.exists()
    client.post(ask)
    assert not Scenario.objects.exists()


def test_odd_choices_to_compare_lead_back(client, study):
    for asked in ([], ["nonsense"], ["00000000-0000-0000-0000-000000000000"]):
        response = client.get(address("compare", study), {"s": asked}, follow=True)
        assert "Choose from one to four" in response.text


def test_five_are_too_many_to_compare(client, study):
    kept = [keep(study, f"No {n}").pk for n in range(5)]
    text = client.get(address("compare", study), {"s": kept}).text
    assert "Only the first four" in text


def test_of_another_tenant_nothing_is_found(client, api, study):
    other = StudyFactory.create()
    row = keep(study)
    Scenario.objects.filter(pk=row.pk).update(study=other)
    for pk in (other.pk, study.pk):
        for name in ("detail", "delete"):
            path = reverse(f"matching:scenario-{name}", args=[pk, row.pk])
            assert client.get(path).status_code == 404
            assert client.post(path).status_code == 404
        one = f"/api/v1/studies/{pk}/scenarios/{row.pk}/"
        assert api.get(one).status_code == 404
        assert api.delete(one).status_code == 404
    assert client.get(address("list", other)).status_code == 404
    assert client.post(address("create", other)).status_code == 404
    assert api.get(f"/api/v1/studies/{other.pk}/scenarios/").status_code == 404
    compared = client.get(address("compare", study), {"s": row.pk}, follow=True)
    assert "Choose from one" in compared.text
    assert Scenario.objects.exists()


def test_who_only_reads_keeps_none(client, study, member):
    reader = MembershipFactory.create(sponsor=member.sponsor, role=Role.EVALUATOR)
    client.force_login(reader.user)
    scenario = keep(study)
    assert client.get(address("list", study)).status_code == 200
    assert client.post(address("create", study)).status_code == 403
    assert client.post(address("delete", study, scenario.pk)).status_code == 403


@pytest.mark.parametrize("n", [1, 20])
def test_queries_do_not_grow_with_rows(client, study, n, django_assert_num_queries):
    row = keep(study)
    for at in range(n - 1):
        row.pk, row.name = None, f"Copy {at}"
        row.save(force_insert=True)
    with django_assert_num_queries(4):
        client.get(address("list", study))


def test_a_blind_study_shows_no_name(client, api, study):
    scenario = keep(study)
    study.is_blind = True
    study.save()
    own = address("detail", study, scenario.pk)
    beside = address("compare", study) + f"?s={scenario.pk}"
    for path in (own, beside, f"/api/v1/studies/{study.pk}/scenarios/{scenario.pk}/"):
        text = (api if path.startswith("/api") else client).get(path).content.decode()
        assert "Has It" not in text
        assert "CRO " in text


# API


def test_the_api_makes_lists_shows_and_deletes(api, study):
    base = f"/api/v1/studies/{study.pk}/scenarios/"
    body = {
        "name": "By program",
        "weights": points(study, technology=90),
        "changes": [{"scheme": "service", "code": "must-have", "importance": "low"}],
    }
    made = api.post(base, body, format="json")
    assert made.status_code == 201, made.content
    data = made.json()
    assert made["Location"] == data["url"]
    assert set(data) == set(ScenarioSerializer().fields)
    assert set(data["results"][0]) == set(
        ScenarioSerializer().fields["results"].child.fields
    )
    assert data["counts"]["eligible"] == 2
    assert [each["name"] for each in api.get(base).json()["results"]] == ["By program"]
    assert api.get(data["url"]).json() == data
    again = api.post(base, body, format="json")
    assert is_problem(again, 400)
    assert again.json()["errors"][0]["pointer"] == "/name"
    assert api.delete(data["url"]).status_code == 204
    assert api.get(data["url"]).status_code == 404


def test_the_api_refuses_what_is_no_number(api, study):
    base = f"/api/v1/studies/{study.pk}/scenarios/"
    for value in (-1, 1e9, "x", "5", True, None, int("9" * 400)):
        body = {"name": "Bad", "weights": points(study, technology=value)}
        assert is_problem(api.post(base, body, format="json"), 400), value
    text = json.dumps({"name": "Bad", "weights": points(study, technology=1)})
    text = text.replace('"technology": 1', '"technology": NaN')
    answer = api.post(base, text, content_type="application/json")
    assert is_problem(answer, 400)


def test_the_api_asks_why_a_must_is_given_up(api, study):
    base = f"/api/v1/studies/{study.pk}/scenarios/"
    change = {"scheme": "service", "code": "must-have", "importance": "waived"}
    body = {"name": "Without", "weights": points(study), "changes": [change]}
    refused = api.post(base, body, format="json")
    assert is_problem(refused, 400)
    assert refused.json()["errors"][0]["pointer"] == "/reason"
    made = api.post(base, body | {"reason": "A partner has it"}, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["reason"] == "A partner has it"


def test_the_api_refuses_a_name_it_does_not_know(api, study):
    base = f"/api/v1/studies/{study.pk}/scenarios/"
    body = {"name": "Misspelt", "weights": points(study)}
    change = {"scheme": "service", "code": "must-have", "importance": "low"}
    for wrong in (
        body | {"chnges": [change]},
        body | {"changes": [change | {"importanze": "low"}]},
    ):
        answer = api.post(base, wrong, format="json")
        assert is_problem(answer, 400)
        assert "There is no such field. Did you mean" in answer.content.decode()
    assert not Scenario.objects.exists()
