"""Pages of an API on this machine, which answers like the register, or badly."""

import email.utils
import json
import time

import pytest

from catalog.importers import pages
from catalog.importers.pages import ApiError, Pages
from tests.catalog.importers.register import register, send


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Naps:
    """Sleeps without sleeping, and tells how long it would have taken."""

    def __init__(self):
        self.seconds = []

    def __call__(self, seconds):
        self.seconds.append(seconds)


def page(handler, studies, token=None, **more):
    body = {"studies": studies, **({"nextPageToken": token} if token else {}), **more}
    send(handler, body=json.dumps(body).encode())


def read(url, naps=None, **options):
    asked = Pages(url, sleep=naps or Naps(), clock=lambda: 0.0, **options)
    return list(asked.read({"query.term": "asthma"}))


def test_pages_are_followed_to_the_end():
    def answer(handler):
        chain = {None: ([1, 2], "b"), "b": ([3], "c"), "c": ([], None)}
        studies, token = chain[handler.token]
        page(handler, studies, token, totalCount=3)

    with register(answer) as (url, requests):
        naps = Naps()
        found = read(url, naps)

    assert [one.studies for one in found] == [[1, 2], [3], []]
    assert found[0].total == 3
    assert naps.seconds == [1.2, 1.2]  # between pages, none after the last
    assert "countTotal=true" in requests[0][0]
    assert all("query.term=asthma" in path for path, _ in requests)
    assert all("pageSize=200" in path for path, _ in requests)
    assert {agent for _, agent in requests} == {pages.USER_AGENT}


def test_reading_goes_on_from_a_token():
    def answer(handler):
        page(handler, [handler.token])

    with register(answer) as (url, _):
        (found,) = Pages(url, sleep=Naps()).read({}, token="here")

    assert found.studies == ["here"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_gets_time(status):
    answers = iter([status, status, 200])

    def answer(handler):
        code = next(answers)
        page(handler, [1]) if code == 200 else send(handler, status=code)

    with register(answer) as (url, requests):
        naps = Naps()
        (found,) = read(url, naps)

    assert found.studies == [1]
    assert naps.seconds == [1, 2]
    assert len(requests) == 3


def test_retry_after_is_honoured_in_seconds_and_as_a_date():
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    waits = iter(["7", later, "99999", "soon", None])

    def answer(handler):
        wait = next(waits)
        if wait is None:
            page(handler, [1])
        else:
            send(handler, status=429, **{"Retry-After": wait})

    with register(answer) as (url, _):
        naps = Naps()
        read(url, naps)

    seven, half_a_minute, longest, by_itself = naps.seconds
    assert seven == 7
    assert 25 <= half_a_minute <= 30
    assert longest == 120
    assert by_itself == 8


def test_patience_ends_with_a_sentence():
    with (
        register(lambda handler: send(handler, status=503)) as (url, requests),
        pytest.raises(ApiError, match=r"a fault \(503\).*start the same import"),
    ):
        read(url, attempts=3)

    assert len(requests) == 3


def test_a_body_that_breaks_off_is_asked_for_again():
    bodies = iter([b'{"studies": [1, ', b"<html>", None])

    def answer(handler):
        body = next(bodies)
        page(handler, [1]) if body is None else send(handler, body=body)

    with register(answer) as (url, _):
        (found,) = read(url)

    assert found.studies == [1]


def test_a_connection_that_breaks_off_is_tried_again():
    lengths = iter([500, None])

    def answer(handler):
        if length := next(lengths):
            handler.send_response(200)
            handler.send_header("Content-Length", str(length))
            handler.end_headers()
            handler.wfile.write(b'{"studies"')
        else:
            page(handler, [1])

    with register(answer) as (url, _):
        (found,) = read(url)

    assert found.studies == [1]


def test_a_looped_page_token_is_told_after_what_was_read():
    def answer(handler):
        page(handler, [1], {None: "a", "a": "b", "b": "a"}[handler.token])

    found = []
    with register(answer) as (url, _), pytest.raises(ApiError, match="in a circle"):
        found.extend(
            one.studies for one in Pages(url, sleep=Naps()).read({"query.term": "x"})
        )

    with register(answer) as (url, requests):
        stream = Pages(url, sleep=Naps()).read({})
        assert [next(stream).studies for _ in range(3)] == [[1], [1], [1]]
        with pytest.raises(ApiError, match="in a circle"):
            next(stream)
    assert len(requests) == 3


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"error": "x"},
        {"studies": {"a": 1}},
        {"studies": [], "nextPageToken": 7},
        {"studies": [], "nextPageToken": "x" * 501},
    ],
)
def test_another_schema_is_told(body):
    def answer(handler):
        send(handler, body=json.dumps(body).encode())

    with (
        register(answer) as (url, _),
        pytest.raises(ApiError, match=r"API's|format has"),
    ):
        read(url)


@pytest.mark.parametrize("total", ["many", True, -1, 0, None])
def test_an_odd_total_is_no_total(total):
    with register(lambda handler: page(handler, [], totalCount=total)) as (url, _):
        (found,) = read(url)

    assert found.total is None


def test_a_refused_query_is_not_asked_again():
    with (
        register(lambda handler: send(handler, status=400)) as (url, requests),
        pytest.raises(ApiError, match=r"refuses the query \(400\)"),
    ):
        read(url)

    assert len(requests) == 1


def test_a_page_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(pages, "MAX_PAGE_BYTES", 1000)

    with (
        register(lambda handler: page(handler, ["x" * 5000])) as (url, _),
        pytest.raises(ApiError, match="larger than"),
    ):
        read(url)


def test_a_server_that_is_away_is_told():
    with register(lambda handler: None) as (url, _):
        pass

    with pytest.raises(ApiError, match="cannot be reached"):
        read(url, attempts=2)
