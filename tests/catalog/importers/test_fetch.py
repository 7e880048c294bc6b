"""Against a real server on this machine that answers like the register, or badly."""

import json
import time

import httpx
import pytest

from catalog.importers import fetch
from catalog.importers.records import RecordError
from tests.catalog.importers.ctgov_records import make_study
from tests.catalog.importers.register import register, send

NUMBER = "NCT99000001"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def the_study(handler):
    send(handler, body=json.dumps(make_study()).encode())


def test_a_study_is_fetched_by_its_number():
    with register(the_study) as (url, requests):
        record = fetch.fetch_study(NUMBER, base_url=url + "/")
    assert record.registry_id == NUMBER
    assert requests == [(f"/api/v2/studies/{NUMBER}?format=json", fetch.USER_AGENT)]


def test_a_number_that_moved_is_noted():
    def answer(handler):
        if "NCT99000009" in handler.path:
            send(handler, 301, Location=f"/api/v2/studies/{NUMBER}")
        else:
            the_study(handler)

    with register(answer) as (url, _):
        record = fetch.fetch_study("NCT99000009", base_url=url)
    assert record.notes == ("The register answers NCT99000009 with NCT99000001.",)


def too_large(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b" " * 100_000)
    except OSError:
        pass


def half(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")


def silent(handler):
    time.sleep(1.0)


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(50):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda h: send(h, 404), "no study with the number NCT99000001"),
        (lambda h: send(h, 429), "too many requests"),
        (lambda h: send(h, 503), "has a fault at the moment (503)"),
        (lambda h: send(h, 403), "refused the request (403)"),
        (lambda h: send(h, 200, b"<html>hello</html>"), "not with a study's record"),
        (lambda h: send(h, 200, b'{"studies": []}'), "not with a study's record"),
        (lambda h: send(h, 302, Location="/again"), "round in circles"),
        (too_large, "larger than 5 MB"),
        (half, "cannot be reached"),
        (silent, "did not answer in time"),
        (drip, "did not answer in time"),
    ],
    ids=[
        "unknown number",
        "too many",
        "fault",
        "refused",
        "a web page",
        "other json",
        "circles",
        "too large",
        "half an answer",
        "silent",
        "drip",
    ],
)
def test_a_bad_answer_becomes_a_sentence(answer, sentence):
    with register(answer) as (url, _), pytest.raises(RecordError) as caught:
        fetch.fetch_study(
            NUMBER,
            base_url=url,
            timeout=httpx.Timeout(0.3),
            deadline_seconds=0.5,
        )
    assert sentence in str(caught.value)


def test_without_a_network_it_says_so():
    with register(the_study) as (url, _):
        pass  # nobody listens there any more
    with pytest.raises(RecordError, match="cannot be reached from this server"):
        fetch.fetch_study(NUMBER, base_url=url)


@pytest.mark.parametrize(
    "text",
    [
        "NCT99000001",
        " nct99000001 ",
        "NCT 99000001",
        "https://clinicaltrials.gov/study/NCT99000001?tab=table",
        "NCT99000001, that is nct99000001",
    ],
)
def test_the_number_is_found_in_what_a_person_types(text):
    assert fetch.find_nct_number(text) == NUMBER


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no NCT number"),
        ("NCT9900000", "no NCT number"),
        ("NCT990000012", "no NCT number"),
        ("XNCT99000001", "no NCT number"),
        ("NCT٩٩٠٠٠٠٠١", "no NCT number"),
        ("NCT99000001 NCT99000002", "one of them at a time"),
    ],
)
def test_what_is_no_number_is_refused(text, sentence):
    with pytest.raises(RecordError, match=sentence):
        fetch.find_nct_number(text)
