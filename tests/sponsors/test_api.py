"""Studies as integrators make, read and change them."""

import json
import uuid

import pytest
from rest_framework.test import APIClient

from sponsors.choices import Role
from sponsors.models import Study, StudyCreation
from tests.cro_portal.api.conftest import is_problem
from tests.factories import MembershipFactory, StudyFactory, TermFactory, UserFactory

pytestmark = pytest.mark.django_db
STUDIES = "/api/v1/studies/"


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def owner(member):
    return client_of(member.user)


@pytest.fixture
def study(member):
    return StudyFactory.create(sponsor=member.sponsor)


def address(study):
    return f"{STUDIES}{study.pk}/"


FULL = {
    "title": "A trial",
    "registry_id": "NCT01234567",
    "study_type": "INTERVENTIONAL",
    "participants": 200,
    "n_sites": 20,
    "start_date": "2027-01-01",
    "end_date": "2028-01-01",
    "sex": "ALL",
    "min_age_years": 18,
    "max_age_years": 65.5,
    "is_rare_disease": False,
    "further_studies": 2,
    "staff_needed_fte": 4.5,
    "sponsor_size": "mid",
    "notes": "Two arms.",
    "requirements": [
        {"scheme": "condition", "mesh_id": "D001943", "importance": "must"},
        {"scheme": "phase", "code": "phase-2"},
        {"scheme": "country", "name": "Deutschland", "share": 0.25},
        {"scheme": "service", "code": "monitoring", "importance": "low"},
    ],
    "weights": {
        "expertise": 5,
        "geography": 1,
        "services": 1,
        "project_management": 0,
        "technology": 0,
        "scalability": 0,
        "quality": 0.5,
        "fit": 0,
    },
}


def test_study_comes_back_as_it_was_sent(owner, words):
    made = owner.post(STUDIES, FULL)
    assert made.status_code == 201, made.content
    body = made.json()
    assert made.headers["Location"] == body["url"]

    read = owner.get(body["url"])
    assert read.json() == body
    assert read.headers["ETag"] == made.headers["ETag"]
    for name in FULL.keys() - {"requirements"}:
        assert body[name] == FULL[name], name
    asked = {
        row["term"]["code"]: (row["importance"], row["share"])
        for row in body["requirements"]
    }
    assert asked == {
        "breast-neoplasms": ("must", None),
        "phase-2": ("high", None),
        "de": ("high", 0.25),
        "monitoring": ("low", None),
    }


def test_study_is_made_from_a_registers_record(owner, words):
    record = {
        "protocolSection": {
            "identificationModule": {
                "nctId": "NCT01234567",
                "briefTitle": "Asthma in children",
            },
            "designModule": {"phases": ["PHASE2"], "enrollmentInfo": {"count": 80}},
        }
    }
    body = owner.post(STUDIES, {"record": record}).json()
    assert (body["title"], body["participants"]) == ("Asthma in children", 80)
    assert "title" in body["from_register"]
    codes = [row["term"]["code"] for row in body["requirements"]]
    assert codes == ["asthma", "phase-2"]  # the title names the disease

    answer = is_problem(owner.post(STUDIES, {"record": record}), 409)
    assert "NCT01234567" in answer["detail"]
    again = owner.post(STUDIES, {"record": record, "accept_duplicate": True})
    assert again.status_code == 201


HUGE = "1" + "0" * 400


@pytest.mark.parametrize(
    ("name", "number"),
    [("participants", "1e400"), ("min_age_years", "1e400"), ("min_age_years", HUGE)],
)
def test_numbers_that_no_machine_holds_are_refused(owner, words, name, number):
    body = json.dumps(FULL | {name: 0}).replace(f'"{name}": 0', f'"{name}": {number}')
    answer = owner.generic("POST", STUDIES, body, content_type="application/json")
    (error,) = is_problem(answer, 400)["errors"]
    assert error["pointer"] == f"/{name}"
    assert not Study.objects.exists()


@pytest.mark.parametrize("record", [{}, [], {"a": 1}, [{}, {}], 5, "NCT01234567", None])
def test_json_of_another_kind_is_no_record(owner, words, record):
    answer = is_problem(owner.post(STUDIES, {"record": record}), 400)
    assert answer["errors"][0]["pointer"] == "/record"


def test_record_goes_alone(owner, words):
    record = {"protocolSection": {"identificationModule": {"nctId": "NCT01234567"}}}
    answer = is_problem(owner.post(STUDIES, {"record": record, "title": "Mine"}), 400)
    assert answer["errors"][0]["pointer"] == "/title"


def one(requirement):
    return {"requirements": [{"scheme": "phase", "code": "phase-2"}, requirement]}


NO_WEIGHT = dict.fromkeys(FULL["weights"], 0)


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"title": ""}, "/title", "at least one letter"),
        ({"title": None}, "/title", "null"),
        ({"title": 5}, "/title", "Give a text"),
        ({"title": "x" * 501}, "/title", "500"),
        ({"participants": 0}, "/participants", "from 1 to 10,000,000"),
        ({"participants": 10**9}, "/participants", "from 1 to 10,000,000"),
        ({"participants": "200"}, "/participants", "whole number"),
        ({"participants": 2.5}, "/participants", "whole number"),
        ({"participants": True}, "/participants", "whole number"),
        ({"participants": [200]}, "/participants", "whole number"),
        ({"n_sites": -1}, "/n_sites", "from 1 to 100,000"),
        ({"start_date": "2027-03"}, "/start_date", "YYYY-MM-DD"),
        ({"start_date": 2027}, "/start_date", "YYYY-MM-DD"),
        ({"start_date": "1899-01-01"}, "/start_date", "from 1 January 1990"),
        ({"start_date": "2999-01-01"}, "/start_date", "to 31 December"),
        ({"end_date": "2999-01-01"}, "/end_date", "to 31 December"),
        ({"end_date": "2026-01-01"}, "/", "before the planned start"),
        ({"min_age_years": 70}, "/", "maximum age"),
        ({"max_age_years": 131}, "/max_age_years", "130"),
        ({"is_rare_disease": "yes"}, "/is_rare_disease", "true or false"),
        ({"further_studies": -1}, "/further_studies", "from 0 to 50"),
        ({"further_studies": 51}, "/further_studies", "from 0 to 50"),
        ({"staff_needed_fte": {}}, "/staff_needed_fte", "Give a number"),
        ({"staff_needed_fte": 0}, "/staff_needed_fte", "equivalents above 0"),
        ({"sponsor_size": "huge"}, "/sponsor_size", "small, mid, large"),
        ({"sex": ["ALL"]}, "/sex", "Give one of"),
        ({"colour": "red"}, "/colour", "no such field"),
        ({"particpants": 5}, "/particpants", "Did you mean participants?"),
        ({"requirements": {}}, "/requirements", "list"),
        ({"requirements": ["pl"]}, "/requirements/0", "Give an object"),
        ({"requirements": [{}] * 301}, "/requirements", "300"),
        (one({"scheme": "colour", "code": "red"}), "/requirements/1/scheme", "one of"),
        (one({"scheme": "country"}), "/requirements/1", "exactly one"),
        (
            one({"scheme": "country", "code": "pl", "name": "Poland"}),
            "/requirements/1",
            "exactly one",
        ),
        (
            one({"scheme": "service", "code": "data-managment"}),
            "/requirements/1/code",
            "Did you mean “Data management” (data-management)",
        ),
        (
            one({"scheme": "service", "code": "old-monitoring"}),
            "/requirements/1/code",
            "use “Monitoring” (monitoring)",
        ),
        (
            one({"scheme": "country", "code": "xx"}),
            "/requirements/1/code",
            "no country",
        ),
        (
            one({"scheme": "country", "name": "Atlantis"}),
            "/requirements/1/name",
            "no c",
        ),
        (
            one({"scheme": "condition", "mesh_id": "D999999"}),
            "/requirements/1/mesh_id",
            "no condition",
        ),
        (
            one({"scheme": "country", "mesh_id": "D001249"}),
            "/requirements/1/mesh_id",
            "Only conditions",
        ),
        (one({"scheme": "phase", "code": "phase-2"}), "/requirements/1/code", "twice"),
        (
            one({"scheme": "phase", "code": "phase-2-3", "share": 0.5}),
            "/requirements/1/share",
            "Only countries",
        ),
        (
            one({"scheme": "country", "code": "pl", "share": 0}),
            "/requirements/1/share",
            "above 0",
        ),
        (
            one({"scheme": "country", "code": "pl", "share": 1.5}),
            "/requirements/1/share",
            "at most 1",
        ),
        (
            one({"scheme": "country", "code": "pl", "importance": "vital"}),
            "/requirements/1/importance",
            "must, high, medium, low",
        ),
        ({"weights": {}}, "/weights", "missing: expertise, geography, services, "),
        ({"weights": {"fitt": 1}}, "/weights/fitt", "Did you mean fit?"),
        ({"weights": NO_WEIGHT}, "/weights", "above 0"),
        ({"weights": NO_WEIGHT | {"fit": -1}}, "/weights/fit", "at least 0"),
        ({"weights": NO_WEIGHT | {"fit": "nan"}}, "/weights/fit", "Give a number"),
        ({"weights": NO_WEIGHT | {"fit": None}}, "/weights/fit", "null"),
        ({"weights": NO_WEIGHT | {"luck": 1}}, "/weights/luck", "no such field"),
        ({"weights": [1, 2]}, "/weights", "Give an object"),
        ({"sponsor": "me"}, "/sponsor", "UUID"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(owner, words, change, pointer, says):
    answer = is_problem(owner.post(STUDIES, FULL | change), 400)
    assert says in answer["errors"][0]["detail"]
    assert answer["errors"][0]["pointer"] == pointer.rstrip("/")
    assert not Study.objects.exists()


def test_what_is_odd_is_stored_and_hinted_at(owner, words):
    made = owner.post(STUDIES, FULL | {"registry_id": "banana"})
    assert made.status_code == 201
    sentences = {hint["field"]: hint["sentence"] for hint in made.json()["hints"]}
    assert "does not look like a registry number" in sentences["registry_id"]


@pytest.mark.parametrize("body", [[], "study", 5, None, True, [{}]])
def test_body_that_is_no_object_is_refused(owner, body):
    response = owner.generic(
        "POST", STUDIES, json.dumps(body), content_type="application/json"
    )
    is_problem(response, 400)


def test_every_error_is_told_at_once(owner, words):
    body = {"participants": "x", "weights": NO_WEIGHT, "colour": 1}
    answer = is_problem(owner.post(STUDIES, body), 400)
    assert {row["pointer"] for row in answer["errors"]} == {
        "/participants",
        "/weights",
        "/colour",
    }


# Changing


def test_change_needs_the_version_it_was_made_upon(owner, study):
    etag = owner.get(address(study)).headers["ETag"]
    is_problem(owner.patch(address(study), {"title": "New"}), 428)

    changed = owner.patch(
        address(study), {"title": "New"}, headers={"if-match": f'"x", {etag}'}
    )
    assert changed.json()["title"] == "New"
    assert changed.json()["version"] == 2

    stale = owner.patch(address(study), {"title": "Old"}, headers={"if-match": etag})
    is_problem(stale, 412)
    study.refresh_from_db()
    assert study.title == "New"


def test_change_replaces_requirements_and_leaves_what_it_does_not_name(owner, words):
    made = owner.post(STUDIES, FULL)
    body = {"requirements": [{"scheme": "country", "code": "fr"}]}
    changed = owner.patch(
        made.json()["url"], body, headers={"if-match": made.headers["ETag"]}
    ).json()
    assert [row["term"]["code"] for row in changed["requirements"]] == ["fr"]
    assert changed["participants"] == 200
    assert changed["weights"] == FULL["weights"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"record": {}}, "/record"),
        ({"sponsor": str(uuid.uuid4())}, "/sponsor"),
        ({"participants": 0}, "/participants"),
        ({"weights": NO_WEIGHT}, "/weights"),
    ],
)
def test_change_that_cannot_be_is_refused(owner, study, body, pointer):
    response = owner.patch(address(study), body, headers={"if-match": "*"})
    assert is_problem(response, 400)["errors"][0]["pointer"] == pointer


def test_unchanged_study_is_a_304(owner, study):
    etag = owner.get(address(study)).headers["ETag"]
    again = owner.get(address(study), headers={"if-none-match": etag})
    assert again.status_code == 304


# Repeating


def test_repeated_request_makes_one_study(owner, words):
    headers = {"idempotency-key": "order-1"}
    first = owner.post(STUDIES, FULL, headers=headers)
    again = owner.post(STUDIES, FULL, headers=headers)
    assert again.status_code == first.status_code == 201
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Study.objects.count() == 1

    other = owner.post(STUDIES, FULL | {"title": "Other"}, headers=headers)
    assert is_problem(other, 422)["type"].endswith("idempotency-key-reused")


def test_key_of_one_person_says_nothing_to_another(owner, words):
    headers = {"idempotency-key": "order-1"}
    owner.post(STUDIES, FULL, headers=headers)
    other = client_of(MembershipFactory.create().user)
    assert "Idempotency-Replayed" not in other.post(STUDIES, FULL, headers=headers)
    assert Study.objects.count() == 2


def test_refused_request_does_not_use_up_its_key(owner, words):
    headers = {"idempotency-key": "order-1"}
    is_problem(owner.post(STUDIES, {"title": ""}, headers=headers), 400)
    assert owner.post(STUDIES, FULL, headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 101, "with blank", "ü"])
def test_odd_key_is_refused(owner, key):
    response = owner.post(STUDIES, FULL, headers={"idempotency-key": key})
    is_problem(response, 400)
    assert not StudyCreation.objects.exists()


# Who


def test_others_studies_read_like_unknown_ones(study):
    other = client_of(MembershipFactory.create().user)
    unknown = f"{STUDIES}{uuid.uuid4()}/"
    for method, body in (("get", None), ("patch", {"title": "Mine"})):
        hidden = is_problem(getattr(other, method)(address(study), body), 404)
        nothing = is_problem(getattr(other, method)(unknown, body), 404)
        assert hidden | {"instance": ""} == nothing | {"instance": ""}
    assert other.get(STUDIES).json()["count"] == 0


@pytest.mark.parametrize("role", [Role.EVALUATOR, Role.QUALITY, Role.OBSERVER])
def test_reading_roles_read_and_do_not_write(study, role):
    reader = MembershipFactory.create(sponsor=study.sponsor, role=role)
    client = client_of(reader.user)
    assert client.get(address(study)).status_code == 200
    change = client.patch(address(study), {"title": "x"}, headers={"if-match": "*"})
    is_problem(change, 403)
    is_problem(client.post(STUDIES, {"title": "x"}), 403)


@pytest.mark.parametrize("role", [Role.OWNER, Role.STUDY_OWNER, Role.PROCUREMENT])
def test_editing_roles_write(study, role):
    editor = MembershipFactory.create(sponsor=study.sponsor, role=role)
    client = client_of(editor.user)
    change = client.patch(address(study), {"title": "x"}, headers={"if-match": "*"})
    assert change.status_code == 200
    assert client.post(STUDIES, {"title": "x"}).status_code == 201


def test_former_members_and_curators_see_nothing(study):
    former = MembershipFactory.create(sponsor=study.sponsor, is_active=False).user
    curator = UserFactory.create(is_staff=True, is_superuser=True)
    for user in (former, curator):
        is_problem(client_of(user).get(address(study)), 404)
        is_problem(client_of(user).post(STUDIES, {"title": "x"}), 403)


def test_nobody_signed_in_gets_nothing(study):
    for response in (
        APIClient().get(STUDIES),
        APIClient().get(address(study)),
        APIClient().post(STUDIES, {"title": "x"}),
        APIClient().patch(address(study), {"title": "x"}),
    ):
        is_problem(response, 401)


def test_member_of_two_sponsors_says_for_which(member):
    other = MembershipFactory.create(user=member.user).sponsor
    client = client_of(member.user)
    answer = is_problem(client.post(STUDIES, {"title": "x"}), 400)
    assert answer["errors"][0]["pointer"] == "/sponsor"

    made = client.post(STUDIES, {"title": "x", "sponsor": str(other.pk)})
    assert made.json()["sponsor"] == str(other.pk)

    strange = MembershipFactory.create().sponsor
    for pk in (strange.pk, uuid.uuid4()):
        response = client.post(STUDIES, {"title": "x", "sponsor": str(pk)})
        assert is_problem(response, 400)["errors"][0]["pointer"] == "/sponsor"


@pytest.mark.parametrize("n", [1, 20])
def test_list_costs_the_same_at_any_length(owner, member, django_assert_num_queries, n):
    StudyFactory.create_batch(n, sponsor=member.sponsor)
    with django_assert_num_queries(2):
        assert owner.get(STUDIES).json()["count"] == n


@pytest.mark.parametrize("n", [1, 20])
def test_making_a_study_costs_the_same_for_any_number_of_requirements(
    owner, django_assert_max_num_queries, n
):
    terms = TermFactory.create_batch(n)
    body = {
        "title": "x",
        "requirements": [{"scheme": "service", "code": term.code} for term in terms],
    }
    with django_assert_max_num_queries(25):
        assert owner.post(STUDIES, body).status_code == 201


def test_archive_and_unarchive(owner, study):
    before = owner.get(address(study))
    archived = owner.post(f"{address(study)}archive/")
    assert archived.status_code == 200
    assert archived.json()["archived_at"]
    assert archived.headers["ETag"] != before.headers["ETag"]
    refused = owner.patch(
        address(study), {"title": "B"}, headers={"If-Match": archived.headers["ETag"]}
    )
    assert is_problem(refused, 409)["detail"].startswith("This study is archived")
    assert is_problem(owner.post(f"{address(study)}ranking/"), 409)
    assert owner.post(f"{address(study)}unarchive/").json()["archived_at"] is None
    assert owner.get(address(study)).headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize("action", ["archive", "unarchive"])
def test_archiving_is_refused_to_readers_and_other_sponsors(study, action):
    reader = MembershipFactory.create(sponsor=study.sponsor, role=Role.OBSERVER)
    stranger = MembershipFactory.create()
    path = f"{address(study)}{action}/"
    assert is_problem(client_of(reader.user).post(path), 403)
    assert is_problem(client_of(stranger.user).post(path), 404)
    study.refresh_from_db()
    assert study.archived_at is None


def test_a_change_may_bring_weights_for_what_it_asks_anew(owner, words):
    only_services = {**NO_WEIGHT, "services": 1}
    made = owner.post(STUDIES, {**FULL, "weights": only_services})
    only_countries = {"requirements": [{"scheme": "country", "code": "pl"}]}
    match = {"if-match": made.headers["ETag"]}
    url = made.json()["url"]
    refused = owner.patch(url, only_countries, headers=match)
    assert refused.status_code == 400
    assert "No ranking is possible" in refused.content.decode()
    both = {**only_countries, "weights": {**NO_WEIGHT, "geography": 1}}
    assert owner.patch(url, both, headers=match).status_code == 200
