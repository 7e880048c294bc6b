"""The comparison as integrators read it."""

import pytest

from catalog.choices import CROStatus
from tests.cro_portal.api.conftest import is_problem
from tests.factories import ClaimFactory, CROFactory, TermFactory

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/cros/compare/"


@pytest.fixture
def signed_in(api, user):
    api.force_authenticate(user)
    return api


def refusal(api, **query):
    body = is_problem(api.get(ADDRESS, query), 400)
    return body["errors"][0]


def test_cros_stand_side_by_side_with_their_evidence(signed_in):
    claim = ClaimFactory.create(term__code="monitoring", term__label="Monitoring")
    other = CROFactory.create()

    body = signed_in.get(ADDRESS, {"cro": [other.slug, claim.cro.slug]}).json()

    assert [cro["slug"] for cro in body["cros"]] == [other.slug, claim.cro.slug]
    services = next(group for group in body["groups"] if group["code"] == "services")
    (row,) = services["rows"]
    assert row["code"] == "service:monitoring"
    assert row["is_different"] is True
    assert row["cells"][0]["state"] == "unknown"
    assert row["cells"][0]["number"] is None
    assert row["cells"][1] == {
        "state": "yes",
        "text": "yes, own",
        "number": None,
        "tier": 4,
        "observed_on": "2026-06-01",
        "source": "",
        "source_url": "",
        "claim": str(claim.uuid),
        "doubt": "",
        "is_disputed": False,
        "mark": "",
    }


def test_differences_alone_leave_out_what_is_alike(signed_in):
    term = TermFactory.create()
    slugs = [ClaimFactory.create(term=term).cro.slug for _ in range(2)]

    body = signed_in.get(ADDRESS, {"cro": slugs, "diff": "1"}).json()

    rows = [row for group in body["groups"] for row in group["rows"]]
    assert rows == [row for row in rows if row["is_different"]]
    assert f"service:{term.code}" not in {row["code"] for row in rows}


def test_a_merged_cro_is_followed_with_a_note(signed_in):
    now, other = CROFactory.create_batch(2)
    then = CROFactory.create(name="Then", status=CROStatus.MERGED, successor=now)

    body = signed_in.get(ADDRESS, {"cro": [then.slug, other.slug]}).json()

    assert body["notes"] == [f"Then became part of {now.name}, which is shown instead."]
    assert body["cros"][0]["slug"] == now.slug


@pytest.mark.parametrize(
    ("n", "says"), [(0, "this names 0"), (1, "this names 1"), (7, "7 CROs are named")]
)
def test_too_few_and_too_many_are_refused(signed_in, n, says):
    error = refusal(signed_in, cro=[cro.slug for cro in CROFactory.create_batch(n)])

    assert error["parameter"].startswith("cro")
    assert says in error["detail"]


def test_the_same_cro_twice_is_one(signed_in):
    slug = CROFactory.create().slug

    assert "this names 1" in refusal(signed_in, cro=[slug, slug])["detail"]


@pytest.mark.parametrize("slug", ["nobody", "", "a\0b", "x" * 10_000, "<b>"])
def test_an_unknown_slug_is_named(signed_in, slug):
    cros = CROFactory.create_batch(2)

    error = refusal(signed_in, cro=[slug, *(cro.slug for cro in cros)])

    assert f"There is no CRO {slug[:100]}." in error["detail"]


def test_a_closed_cro_is_refused(signed_in):
    cros = [CROFactory.create(), CROFactory.create(status=CROStatus.CLOSED)]

    error = refusal(signed_in, cro=[cro.slug for cro in cros])

    assert "no longer operates" in error["detail"]


@pytest.mark.parametrize("query", [{"diff": "yes"}, {"cros": "a"}])
def test_other_parameters_are_refused(signed_in, query):
    slugs = [cro.slug for cro in CROFactory.create_batch(2)]

    is_problem(signed_in.get(ADDRESS, {"cro": slugs, **query}), 400)


def test_nothing_has_changed_is_told_by_304(signed_in):
    query = {"cro": [cro.slug for cro in CROFactory.create_batch(2)]}
    etag = signed_in.get(ADDRESS, query).headers["ETag"]

    again = signed_in.get(ADDRESS, query, headers={"If-None-Match": etag})

    assert again.status_code == 304


@pytest.mark.parametrize("n", [2, 6])
def test_two_and_six_take_as_many_queries(signed_in, n, django_assert_max_num_queries):
    slugs = [ClaimFactory.create().cro.slug for _ in range(n)]

    with django_assert_max_num_queries(12):
        signed_in.get(ADDRESS, {"cro": slugs})
