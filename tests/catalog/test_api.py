"""The catalogue as integrators read it."""

import datetime as dt

import pytest
from django.db.models import F

from catalog.choices import (
    ClaimStatus,
    CROStatus,
    Register,
    RoleKind,
    SourceKind,
    Tier,
)
from catalog.models import (
    CRO,
    Alias,
    CatalogState,
    CompleteList,
    Source,
    TrialCondition,
    TrialCountry,
)
from tests.changes import mark_changed
from tests.cro_portal.api.conftest import is_problem
from tests.factories import (
    ClaimFactory,
    CROFactory,
    SchemeFactory,
    TermFactory,
    TrialFactory,
    TrialRoleFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(api, user):
    api.force_authenticate(user)
    return api


def test_list_holds_listed_cros_only(signed_in):
    listed = CROFactory.create(name="Listed")
    CROFactory.create(status=CROStatus.DRAFT)
    CROFactory.create(status=CROStatus.CLOSED)
    CROFactory.create(status=CROStatus.MERGED, successor=listed)

    page = signed_in.get("/api/v1/cros/").json()

    assert [cro["name"] for cro in page["results"]] == ["Listed"]
    assert page.keys() == {
        "count",
        "count_known",
        "count_unknown",
        "next",
        "previous",
        "results",
        "as_of",
    }
    assert page["results"][0] == {
        "id": str(listed.uuid),
        "slug": listed.slug,
        "url": f"http://testserver/api/v1/cros/{listed.slug}/",
        "name": "Listed",
        "website": "",
        "summary": "",
        "status": "listed",
        "is_fictional": True,
        "unknown": [],
        "disputed": [],
    }


def test_pages_lead_to_all_rows_once(signed_in):
    CROFactory.create_batch(7)
    address, names = "/api/v1/cros/?page_size=3", []
    while address:
        page = signed_in.get(address).json()
        assert page["count"] == 7
        names += [cro["name"] for cro in page["results"]]
        address = page["next"]
    assert len(names) == len(set(names)) == 7


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=0", 400),
        ("page=-1", 400),
        ("page=text", 400),
        ("page=", 400),
        ("page=1.5", 400),
        ("page=²", 400),
        ("page=" + "9" * 5000, 400),
        ("page=1000000000", 404),
        ("page=2", 404),
        ("page_size=0", 400),
        ("page_size=101", 400),
        ("page_size=x", 400),
        ("page=%00", 400),
        ("pagesize=3", 400),
    ],
)
@pytest.mark.parametrize("address", ["cros/", "vocabularies/"])
def test_odd_pages_are_problems(signed_in, query, status, address):
    is_problem(signed_in.get(f"/api/v1/{address}?{query}"), status)


def test_misspelt_parameter_is_refused_with_a_hint(signed_in):
    answer = is_problem(signed_in.get("/api/v1/cros/?pagesize=3"), 400)
    assert answer["errors"] == [
        {
            "parameter": "pagesize",
            "detail": "There is no such parameter. Did you mean page_size?",
            "code": "invalid",
        }
    ]


def test_detail_tells_identity_and_how_much_is_known(signed_in):
    new = CROFactory.create(name="New")
    cro = CROFactory.create(
        name="Old",
        status=CROStatus.MERGED,
        successor=new,
        succeeded_on=dt.date(2024, 1, 1),
    )
    Alias.objects.create(cro=cro, name="Older", kind="former")
    service = TermFactory.create()
    ClaimFactory.create(cro=cro, term=service, observed_on=dt.date(2025, 3, 1))
    ClaimFactory.create(cro=cro, answer=False, observed_on=dt.date(2025, 2, 1))
    ClaimFactory.create(cro=cro, status=ClaimStatus.PROPOSED)
    CompleteList.objects.create(
        cro=cro,
        scheme=SchemeFactory.create(code="phase"),
        declared_on=dt.date(2026, 1, 1),
    )
    role = TrialRoleFactory.create(cro=cro)
    TrialRoleFactory.create(cro=cro, trial=role.trial, kind=RoleKind.LEAD)
    TrialRoleFactory.create(cro=cro, kind=RoleKind.FACILITY)

    answer = signed_in.get(f"/api/v1/cros/{cro.slug}/").json()

    assert answer["aliases"] == [
        {"name": "Older", "kind": "former", "valid_from": None, "valid_to": None}
    ]
    assert answer["successor"]["slug"] == new.slug
    assert answer["facts"] == {
        "n_claims": 2,
        "n_trials": 1,
        "latest_observation": "2025-03-01",
        "claims_by_scheme": [
            {"scheme": "phase", "yes": 0, "no": 0, "is_complete": True},
            {"scheme": "service", "yes": 1, "no": 1, "is_complete": False},
        ],
    }


def test_draft_reads_like_an_unknown_cro(signed_in):
    draft = CROFactory.create(status=CROStatus.DRAFT)
    for tail in ("", "claims/"):
        hidden = is_problem(signed_in.get(f"/api/v1/cros/{draft.slug}/{tail}"), 404)
        unknown = is_problem(signed_in.get(f"/api/v1/cros/nobody/{tail}"), 404)
        assert hidden | {"instance": ""} == unknown | {"instance": ""}


def test_claims_carry_their_provenance(signed_in):
    source = Source.objects.create(
        kind=SourceKind.REGISTER, title="A register", url="https://register.example/1"
    )
    country = TermFactory.create(scheme__code="country", code="pl", label="Poland")
    claim = ClaimFactory.create(
        source=source, tier=Tier.REGISTER, country=country, value="2.5"
    )
    ClaimFactory.create(cro=claim.cro, status=ClaimStatus.WITHDRAWN)

    page = signed_in.get(f"/api/v1/cros/{claim.cro.slug}/claims/").json()

    assert page["count"] == 1
    row = page["results"][0]
    assert row["id"] == str(claim.uuid)
    assert row["term"] == {
        "scheme": "service",
        "code": claim.term.code,
        "label": claim.term.label,
    }
    assert row["source"]["url"] == "https://register.example/1"
    assert row["country"]["code"] == "pl"
    assert (row["value"], row["tier"], row["answer"]) == (2.5, 1, True)
    assert row["expires_on"] is None
    assert not {"asserted_by", "verified_by", "note"} & row.keys()


def test_claims_are_filtered(signed_in):
    cro = CROFactory.create()
    yes = ClaimFactory.create(cro=cro)
    ClaimFactory.create(cro=cro, answer=False, term__scheme__code="technology")
    address = f"/api/v1/cros/{cro.slug}/claims/"

    def ids(query):
        return [row["id"] for row in signed_in.get(address + query).json()["results"]]

    assert ids("?answer=true") == [str(yes.uuid)]
    assert ids("?scheme=service") == [str(yes.uuid)]
    assert ids(f"?term={yes.term.code}&tier=4") == [str(yes.uuid)]
    assert ids("?tier=1") == []
    is_problem(signed_in.get(address + "?tier=9"), 400)
    is_problem(signed_in.get(address + "?scheme=%00"), 400)


def test_vocabularies_count_terms_in_use(signed_in):
    TermFactory.create()
    TermFactory.create(deprecated_on=dt.date(2025, 1, 1))
    page = signed_in.get("/api/v1/vocabularies/").json()
    assert [(row["code"], row["n_terms"]) for row in page["results"]] == [
        ("service", 1)
    ]


def test_terms_are_found_and_deprecated_ones_on_request(signed_in):
    region = TermFactory.create(scheme__code="region", code="eastern-europe")
    poland = TermFactory.create(scheme__code="country", code="pl", label="Poland")
    poland.broader.add(region)
    TermFactory.create(
        scheme__code="country",
        code="yu",
        label="Yugoslavia",
        deprecated_on=dt.date(2003, 7, 23),
        replaced_by=poland,
    )

    def codes(query=""):
        page = signed_in.get(f"/api/v1/vocabularies/country/{query}").json()
        return [row["code"] for row in page["results"]]

    assert codes() == ["pl"]
    assert codes("?include_deprecated=true") == ["pl", "yu"]
    assert codes("?q=pola") == ["pl"]
    assert codes("?q=yugo") == []
    row = signed_in.get("/api/v1/vocabularies/country/").json()["results"][0]
    assert row["broader"][0]["code"] == "eastern-europe"
    is_problem(signed_in.get("/api/v1/vocabularies/nothing/"), 404)
    is_problem(signed_in.get("/api/v1/vocabularies/country/?q=%00"), 400)
    is_problem(
        signed_in.get("/api/v1/vocabularies/country/?include_deprecated=maybe"), 400
    )


def test_unchanged_catalogue_is_a_304(signed_in):
    cro = CROFactory.create()
    CatalogState.objects.get_or_create(pk=1)
    for address in ("/api/v1/cros/", f"/api/v1/cros/{cro.slug}/"):
        first = signed_in.get(address)
        etag = first.headers["ETag"]
        again = signed_in.get(address, headers={"if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag

        CatalogState.objects.filter(pk=1).update(version=F("version") + 1)
        changed = signed_in.get(address, headers={"if-none-match": etag})
        assert changed.status_code == 200
        assert changed.headers["ETag"] != etag
        is_problem(signed_in.get(address, headers={"if-match": etag}), 412)


def test_every_filter_has_its_own_etag(signed_in):
    tags = {
        signed_in.get(f"/api/v1/cros/?page_size={n}").headers["ETag"] for n in (1, 2)
    }
    assert len(tags) == 2


@pytest.mark.parametrize("n", [1, 20])
def test_lists_cost_the_same_at_any_length(signed_in, django_assert_max_num_queries, n):
    cro = CROFactory.create()
    term = TermFactory.create()
    for _ in range(n):
        claim = ClaimFactory.create(cro=cro, term__parent=term)
        claim.term.broader.add(term)
        CROFactory.create()
        role = TrialRoleFactory.create(cro=cro, trial__phase=term)
        TrialCountry.objects.create(trial=role.trial, country=term)
        TrialCondition.objects.create(trial=role.trial, term=term)
    with django_assert_max_num_queries(4):
        signed_in.get(f"/api/v1/cros/{cro.slug}/claims/")
    with django_assert_max_num_queries(7):
        signed_in.get(f"/api/v1/cros/{cro.slug}/trials/")
    with django_assert_max_num_queries(4):
        signed_in.get("/api/v1/vocabularies/service/")
    with django_assert_max_num_queries(6):
        signed_in.get(f"/api/v1/cros/{cro.slug}/")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("n", [1, 20])
def test_the_list_costs_three_queries(signed_in, django_assert_num_queries, n):
    mark_changed(*(claim.cro for claim in ClaimFactory.create_batch(n)))
    signed_in.get("/api/v1/cros/")
    with django_assert_num_queries(3):
        signed_in.get("/api/v1/cros/?sort=name")
    with django_assert_num_queries(3):
        signed_in.get("/api/v1/cros/?facets=1&fields=slug")
    signed_in.get("/api/v1/suggest/?q=fictional")
    with django_assert_num_queries(3):
        signed_in.get("/api/v1/suggest/?q=fictional")


def test_list_takes_the_filters_of_the_page(signed_in):
    service = TermFactory.create(code="monitoring")
    offering = ClaimFactory.create(term=service, cro__name="Aldermoor").cro
    CROFactory.create(name="Birchfield")

    def slugs(query):
        page = signed_in.get(f"/api/v1/cros/?{query}").json()
        return [cro["slug"] for cro in page["results"]]

    other = CRO.objects.get(name="Birchfield")
    assert slugs("service=monitoring") == [offering.slug, other.slug]
    assert slugs("service=monitoring&unknown=0") == [offering.slug]
    assert slugs("service=-monitoring") == [other.slug]
    assert slugs("q=alder") == [offering.slug]
    assert slugs("q=nobody") == []
    assert slugs("sort=name") == [offering.slug, other.slug]


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("service=monitorin", "service", "Did you mean monitoring?"),
        ("service=monitoring:maybe", "service", "There is no service"),
        ("size=tiny", "size", "micro or small or mid or large or unknown"),
        ("sort=price", "sort", "price"),
        ("service_mode=some", "service_mode", "some"),
        ("unknown=2", "unknown", "2"),
        ("q=" + "x" * 10_000, "q", "200"),
        ("q=%00", "q", "Null characters"),
        ("&".join(f"service=x{i}" for i in range(900)), "service", "There is no"),
    ],
)
def test_what_a_filter_cannot_use_is_refused(signed_in, query, parameter, words):
    TermFactory.create(code="monitoring")
    answer = is_problem(signed_in.get(f"/api/v1/cros/?{query}"), 400)
    errors = [error for error in answer["errors"] if error["parameter"] == parameter]
    assert words in errors[0]["detail"]


@pytest.fixture
def three(signed_in):
    """One CRO that does monitoring, one of whom nobody knows, one that does not."""
    service = TermFactory.create(code="monitoring")
    knows = ClaimFactory.create(term=service, cro__name="Yes", cro__slug="yes").cro
    CROFactory.create(name="Perhaps", slug="perhaps")
    ClaimFactory.create(term=service, answer=False, cro__name="No", cro__slug="no")
    ClaimFactory.create(cro=knows, term__scheme__code="phase", term__code="phase-2")
    return signed_in


def test_what_is_not_known_is_marked_and_counted(three):
    page = three.get("/api/v1/cros/?service=monitoring:own").json()

    assert [(row["slug"], row["unknown"]) for row in page["results"]] == [
        ("yes", []),
        ("perhaps", ["service=monitoring:own"]),
    ]
    assert (page["count"], page["count_known"], page["count_unknown"]) == (2, 1, 1)
    only = three.get("/api/v1/cros/?service=monitoring&unknown=0").json()
    assert (only["count"], only["count_known"], only["count_unknown"]) == (1, 1, 1)


def test_disputed_facts_are_marked(signed_in):
    claim = ClaimFactory.create(term__code="monitoring")
    ClaimFactory.create(cro=claim.cro, term=claim.term, answer=False)
    page = signed_in.get("/api/v1/cros/?service=monitoring").json()
    assert page["results"][0]["disputed"] == ["service=monitoring"]


def test_facets_count_what_the_others_leave(three):
    assert "facets" not in three.get("/api/v1/cros/?facets=0").json()

    facets = three.get("/api/v1/cros/?service=monitoring&facets=1").json()["facets"]

    assert facets["service"] == {"monitoring": 1}
    assert facets["service:own"] == {"monitoring": 1}
    assert facets["phase"] == {"phase-2": 1}
    assert facets["size"] == {"unknown": 2}
    assert facets["country"] == {}


def test_fields_are_selected(three):
    page = three.get("/api/v1/cros/?fields=slug, name&fields=unknown&sort=name").json()
    assert page["results"][0] == {"slug": "no", "name": "No", "unknown": []}


@pytest.mark.parametrize(
    ("query", "parameter", "hint"),
    [
        ("facets=yes", "facets", "facets is one of 0, 1."),
        ("facets=", "facets", "facets is one of 0, 1."),
        ("fields=slug,phone", "fields", "There is no field phone."),
        ("fields=" + "x" * 10_000, "fields", "There is no field xxx"),
        ("fields=<script>", "fields", "There is no field <script>."),
        ("service=monitorin", "service", "There is no service “monitorin”. Did you"),
        ("service=%27%20OR%201=1--", "service", "There is no service “' or 1=1--”."),
        ("service=%E2%80%AEgnirotinom", "service", "There is no service"),
        ("sort=price", "sort", ""),
        ("cursor=abc", "cursor", "There is no such parameter."),
        ("&".join(f"service=x{n}" for n in range(500)), "service", "There is no"),
    ],
)
def test_odd_list_queries_are_refused(three, query, parameter, hint):
    answer = is_problem(three.get(f"/api/v1/cros/?{query}"), 400)
    error = answer["errors"][0]
    assert error["parameter"] == parameter
    assert error["detail"].lower().startswith(hint.lower())
    assert "left out" not in error["detail"]


def test_repeated_values_count_once(three):
    once = three.get("/api/v1/cros/?service=monitoring").json()
    twice = three.get("/api/v1/cros/?service=monitoring&service=monitoring").json()
    assert once["results"] == twice["results"]


def test_every_answer_says_of_when_it_is(three):
    addresses = ("cros/", "cros/yes/", "cros/yes/claims/", "cros/yes/trials/")
    for address in (*addresses, "suggest/?q=yes"):
        answer = three.get(f"/api/v1/{address}")
        version, vocabulary, day = answer.json()["as_of"].split(".")
        assert answer.headers["Catalog-As-Of"] == f"{version}.{vocabulary}.{day}"
        assert dt.date.fromisoformat(day)


def test_trials_lead_to_their_register(signed_in):
    cro = CROFactory.create()
    phase = TermFactory.create(scheme__code="phase", code="phase-2", label="Phase 2")
    poland = TermFactory.create(scheme__code="country", code="pl", label="Poland")
    trial = TrialFactory.create(
        register=Register.CTGOV,
        registry_id="NCT01234567",
        title="A trial",
        phase=phase,
        start_date=dt.date(2020, 5, 1),
    )
    TrialCountry.objects.create(trial=trial, country=poland)
    TrialRoleFactory.create(cro=cro, trial=trial, kind=RoleKind.LEAD)
    TrialRoleFactory.create(cro=cro, trial=trial, kind=RoleKind.COLLABORATOR)
    TrialRoleFactory.create(trial=trial, kind=RoleKind.OFFICIAL)
    TrialRoleFactory.create(cro=cro, kind=RoleKind.FACILITY)
    undated = TrialRoleFactory.create(cro=cro).trial

    page = signed_in.get(f"/api/v1/cros/{cro.slug}/trials/?page_size=1").json()

    assert page["count"] == 2
    (row,) = page["results"]
    assert row["id"] == "NCT01234567"
    assert row["url"] == "https://clinicaltrials.gov/study/NCT01234567"
    assert row["phase"]["code"] == "phase-2"
    assert [term["code"] for term in row["countries"]] == ["pl"]
    assert row["roles"] == [RoleKind.COLLABORATOR, RoleKind.LEAD]
    assert row["participants"] is None  # not known is not 0
    (last,) = signed_in.get(page["next"]).json()["results"]
    assert (last["id"], last["url"], last["phase"]) == (undated.registry_id, "", None)
    is_problem(signed_in.get(f"/api/v1/cros/{cro.slug}/trials/?page=3"), 404)
    is_problem(signed_in.get(f"/api/v1/cros/{cro.slug}/trials/?phase=x"), 400)


def test_trials_and_claims_of_a_draft_are_not_there(signed_in):
    draft = CROFactory.create(status=CROStatus.DRAFT)
    TrialRoleFactory.create(cro=draft)
    is_problem(signed_in.get(f"/api/v1/cros/{draft.slug}/trials/"), 404)
    is_problem(signed_in.get(f"/api/v1/cros/{draft.slug}/claims/"), 404)


def test_suggestions_name_cros_and_codes(three):
    found = three.get("/api/v1/suggest/?q=monitor").json()["results"]
    assert [(row["kind"], row["value"]) for row in found] == [("service", "monitoring")]
    found = three.get("/api/v1/suggest/?q=perh&limit=1").json()["results"]
    assert found == [
        {"kind": "cro", "label": "Perhaps", "value": "perhaps", "also": ""}
    ]
    assert three.get("/api/v1/suggest/?q=%E2%80%AEzzz").json()["results"] == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=",
        "q=%20",
        "q=%00",
        "q=" + "x" * 201,
        "q=a&limit=0",
        "q=a&limit=21",
        "q=a&limit=text",
        "query=a",
    ],
)
def test_odd_suggestions_are_refused(signed_in, query):
    is_problem(signed_in.get(f"/api/v1/suggest/?{query}"), 400)


def test_the_api_asks_who_you_are(api, db):
    for address in ("cros/", "suggest/?q=a", "cros/x/trials/"):
        is_problem(api.get(f"/api/v1/{address}"), 401)
