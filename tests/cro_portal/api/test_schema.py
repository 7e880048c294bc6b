"""The OpenAPI description: what it says, and that the API keeps to it.

`schema.yml` beside this file is the contract as last agreed. After a change that
is meant, write it anew: `manage.py spectacular --file tests/cro_portal/api/schema.yml`.
"""

import datetime as dt
from functools import cache
from pathlib import Path

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from catalog.models import CatalogState
from matching import hints
from sponsors.choices import Role
from tests.cro_portal.api.conftest import is_problem
from tests.factories import (
    ClaimFactory,
    MembershipFactory,
    StudyFactory,
    TermFactory,
)

CONTRACT = Path(__file__).with_name("schema.yml")


@cache
def description():
    return SchemaGenerator().get_schema(public=True)


def test_description_is_valid_openapi():
    validate_schema(description())


def test_contract_changes_only_on_purpose():
    written = OpenApiYamlRenderer().render(description(), renderer_context={}).decode()
    assert written == CONTRACT.read_text(), (
        "The API's contract changed. If that is meant, write it anew:"
        f" manage.py spectacular --file {CONTRACT.relative_to(Path.cwd())}"
    )


def test_every_operation_has_tag_summary_and_problems():
    for path, item in description()["paths"].items():
        for method, operation in item.items():
            assert operation["tags"], (path, method)
            assert operation["summary"], (path, method)
            assert {"400", "401", "404", "429"} <= operation["responses"].keys()


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/yaml"])
def test_description_is_open_to_all(client, accept):
    response = client.get("/api/v1/schema/", headers={"accept": accept})
    assert response.status_code == 200
    assert b"3.1.0" in response.content


def test_docs_page_loads_nothing_from_elsewhere(client):
    response = client.get("/api/v1/docs/")
    page = response.content.decode()
    assert response.status_code == 200
    assert "https://" not in page
    assert "<script>" not in page


def test_root_leads_to_the_rest(client, signed_in):
    for address in client.get("/api/v1/").json().values():
        assert signed_in.get(address, HTTP_ACCEPT="*/*").status_code in (200, 405)


# Whatever is sent, the API answers as described


@pytest.fixture
def world(db, monkeypatch, make_token):
    """Fill the tables a little; return the values that parameters may take."""
    monkeypatch.setattr(hints, "_send", lambda *hint: None)
    CatalogState.objects.get_or_create(pk=1)
    claim = ClaimFactory.create(term__code="monitoring", cro__slug="aldermoor")
    TermFactory.create(scheme__code="country", code="pl", label="Poland")
    member = MembershipFactory.create(role=Role.OWNER)
    study = StudyFactory.create(sponsor=member.sponsor)
    _, token = make_token(member.user, expiry=dt.timedelta(days=1))
    return {
        "token": token,
        "slug": claim.cro.slug,
        "scheme": "service",
        "id": str(study.pk),
        "pk": str(study.pk),
    }


OPERATIONS = [
    (method, path)
    for path, item in description()["paths"].items()
    for method in item
    if method in {"get", "post", "patch"}
]


CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]
OFTEN = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def connection_kept():
    """Let requests end without closing the connection the test's rows are in."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("connection_kept")
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_api_keeps_to_its_description(world, method, path, mode):
    schema = schemathesis.openapi.from_dict(description())
    operation = schema[path][method]
    operation.app = schema.app = get_wsgi_application()
    headers = {"Authorization": f"Bearer {world['token']}"}
    if method == "patch":
        headers["If-Match"] = "*"

    @OFTEN
    @given(case=operation.as_strategy(generation_mode=mode))
    def play(case):
        # Mostly of things that are there; a random id only ever gives a 404.
        known = {name: world[name] for name in case.path_parameters if name in world}
        case.path_parameters.update(known)
        case.headers.update(headers)
        case.call_and_validate(checks=CHECKS)

    try:
        play()
    except Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE, "nothing can be sent"


# What no generator thinks of

BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"\xff\xfe{}",
    b'{"title": "\\u0000"}',
    b'{"title": "\\ud800"}',
    b"[" * 5000,
    b'{"requirements": ' * 5000,
    b'{"participants": 1e400}',
    b'{"participants": ' + b"9" * 10_000 + b"}",
    b'{"title": "a", "title": "b"}',
    b'{"weights": {"fit": NaN}}',
    b'{"requirements": [[[]]]}',
    b'{"record": [[[[]]]]}',
    b'{"record": {"protocolSection": []}}',
    b'{"record": {"protocolSection": {"identificationModule": {"nctId": 5}}}}',
]
TYPES = [
    "application/json",
    "application/json; charset=latin-1",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
]


@pytest.mark.parametrize("address", ["studies/", "studies/{id}/", "match/"])
@pytest.mark.parametrize("content_type", TYPES)
def test_odd_bodies_are_problems_not_failures(client, world, address, content_type):
    method = "PATCH" if "{id}" in address else "POST"
    for body in BODIES:
        response = client.generic(
            method,
            "/api/v1/" + address.format(**world),
            body,
            content_type=content_type,
            headers={"authorization": f"Bearer {world['token']}", "if-match": "*"},
        )
        empty_is_fine = body == b"" and response.status_code == 200
        if not empty_is_fine:
            assert 400 <= response.status_code < 500, (body, response.content)
            is_problem(response, response.status_code)


QUERIES = [
    "page=%FF",
    "page[]=1",
    "q=" + "x" * 5000,
    "%00=1",
    "page=1&page=x",
    "limit=" + "9" * 999,
]


@pytest.mark.parametrize("query", QUERIES)
def test_odd_queries_are_problems_not_failures(client, world, query):
    headers = {"authorization": f"Bearer {world['token']}"}
    for address in (
        "cros/",
        "cros/aldermoor/claims/",
        "cros/aldermoor/trials/",
        "suggest/",
        "vocabularies/",
        "vocabularies/service/",
        "studies/",
        "studies/{id}/ranking/",
    ):
        response = client.get(
            f"/api/v1/{address.format(**world)}?{query}", headers=headers
        )
        assert response.status_code < 500
        if response.status_code >= 400:
            is_problem(response, response.status_code)
