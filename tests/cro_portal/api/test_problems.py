"""Every error of the API is a problem that says what to do."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.urls import path
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import APIView

from cro_portal.common import problems, throttles
from cro_portal.common.parsers import MAX_DEPTH, parse
from cro_portal.common.problems import Malformed, flatten, from_django, pointer_to
from tests.cro_portal.api.conftest import is_problem


class Echo(APIView):
    permission_classes = []
    authentication_classes = []

    def post(self, request):
        return Response({"got": request.data})

    def get(self, request):
        raise RuntimeError("the secret of the house")


urlpatterns = [path("echo/", Echo.as_view(), name="echo")]
echo = pytest.mark.urls(__name__)


def post(client, body, content_type="application/json"):
    return client.generic("POST", "/echo/", body, content_type=content_type)


@echo
def test_good_json_goes_through(client):
    assert post(client, b'{"a": [1, 2.5, null, "\xc3\xa9"]}').json() == {
        "got": {"a": [1, 2.5, None, "é"]}
    }


@echo
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "line 1"),
        (b'{"a": 1', "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": ' + b"9" * 30 + b"}", "out of range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "out of range"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": "x\\u0000"}', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"[" * 5000 + b"]" * 5000, "nested"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested"),
    ],
)
def test_body_that_cannot_be_read_is_a_400(client, body, says):
    answer = is_problem(post(client, body), 400)
    assert says in answer["detail"]
    assert answer["type"] == "urn:cro-portal:problem:malformed"


@echo
def test_unreadable_value_is_pointed_at(client):
    answer = is_problem(post(client, b'{"a/b": [0, {"~": "\\u0000"}]}'), 400)
    assert answer["errors"][0]["pointer"] == "/a~1b/1/~0"


@echo
def test_body_over_the_limit_is_a_413(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post(client, b'"' + b"a" * 998 + b'"').status_code == 200
    answer = is_problem(post(client, b'"' + b"a" * 999 + b'"'), 413)
    assert "1,000 bytes" in answer["detail"]


@echo
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "multipart/form-data", "application/xml", "nonsense", "a/b; c*=d"],
)
def test_other_media_types_are_a_415(client, content_type):
    is_problem(post(client, b"{}", content_type), 415)


@echo
@pytest.mark.parametrize("accept", ["text/html", "application/xml", "a/b; q*=x'y'z"])
def test_answer_nobody_can_give_is_a_406(client, accept):
    is_problem(client.post("/echo/", headers={"accept": accept}), 406)


@echo
def test_method_the_address_does_not_take_is_a_405(client):
    response = client.delete("/echo/")
    is_problem(response, 405)
    assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


@echo
def test_unexpected_failure_is_a_500_that_tells_nothing(client, caplog):
    client.raise_request_exception = False
    answer = is_problem(client.get("/echo/"), 500)
    assert "secret" not in json.dumps(answer)
    assert "the secret of the house" in caplog.text


@pytest.mark.parametrize(
    "address", ["/api/v1/nothing/", "/api/v1/cros/a/b/c/", "/api/v1/cros/%00/"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_unknown_address_is_a_404_problem(client, address, method):
    is_problem(getattr(client, method)(address), 404)


def test_address_without_slash_says_so(client):
    answer = is_problem(client.get("/api/v1/cros"), 404)
    assert "/api/v1/cros/" in answer["detail"]


def test_nested_errors_become_pointers():
    error = exceptions.ValidationError(
        {
            "title": ["Too long.", "Too odd."],
            "requirements": [{}, {"code": ["Unknown."]}],
            "weights": {"fit": ["Negative."]},
            "non_field_errors": ["Reversed."],
        }
    )
    rows = [(row["pointer"], row["detail"]) for row in flatten(error.detail)]
    assert rows == [
        ("/title", "Too long."),
        ("/title", "Too odd."),
        ("/requirements/1/code", "Unknown."),
        ("/weights/fit", "Negative."),
        ("", "Reversed."),
    ]


def test_service_errors_keep_field_and_code():
    error = ValidationError(
        {"title": ValidationError("Say %(n)d.", code="odd", params={"n": 3})}
    )
    assert list(flatten(from_django(error).detail)) == [
        {"pointer": "/title", "detail": "Say 3.", "code": "odd"}
    ]
    assert list(flatten(from_django(ValidationError("All wrong.")).detail)) == [
        {"pointer": "", "detail": "All wrong.", "code": "invalid"}
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.text(
                st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_whatever_is_sound_json_is_read_as_it_is(value):
    assert parse(json.dumps(value)) == value


@given(st.text())
def test_any_text_is_read_or_refused_with_a_sentence(text):
    refusal = None
    try:
        parse(text)
    except Malformed as error:
        refusal = str(error.detail)
    assert refusal is None or refusal.endswith(".")


def test_deepest_allowed_nesting_is_read():
    parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(Malformed):
        parse("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2))


@given(st.lists(st.text()))
def test_pointers_lead_back_to_their_parts(parts):
    text = pointer_to(*parts)
    back = [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]
    assert back == parts


@pytest.fixture
def rate(monkeypatch):
    def set_rate(text):
        monkeypatch.setattr(
            throttles.PersonThrottle,
            "THROTTLE_RATES",
            {"read": text, "write": text, "match": text},
        )

    return set_rate


def test_too_many_requests_are_a_429_that_says_when(signed_in, rate):
    rate("2/min")
    first = signed_in.get("/api/v1/cros/")
    assert first.headers["RateLimit-Limit"] == "2"
    assert first.headers["RateLimit-Remaining"] == "1"
    signed_in.get("/api/v1/cros/")
    response = signed_in.get("/api/v1/cros/")
    is_problem(response, 429)
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    assert response.headers["RateLimit-Remaining"] == "0"


def test_one_persons_requests_do_not_count_for_another(api, rate, make_token):
    rate("1/min")
    for _ in range(2):
        _, token = make_token()
        headers = {"authorization": f"Bearer {token}"}
        assert api.get("/api/v1/cros/", headers=headers).status_code == 200
    is_problem(api.get("/api/v1/cros/", headers=headers), 429)


def test_without_the_cache_nobody_is_held_back(signed_in, rate, settings, caplog):
    rate("1/min")
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nonexistent/redis.sock",
        }
    }
    for _ in range(3):
        assert signed_in.get("/api/v1/cros/").status_code == 200
    assert "Requests are not counted" in caplog.text


def test_problem_types_have_titles():
    assert all(problems.TITLES.values())
