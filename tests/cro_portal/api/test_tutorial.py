"""The requests of docs/api.md and README.md, as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

from matching import hints, services
from tests.factories import ClaimFactory, MembershipFactory, TermFactory

PROJECT = Path(__file__).parents[3]
EXPECTED = [200] * 6 + [201, 202] + [200] * 5


def requests_of(file):
    blocks = re.findall(r"```sh\n(.*?)```", (PROJECT / file).read_text(), re.DOTALL)
    text = "\n".join(blocks)
    return [
        line for line in re.split(r"\n(?=curl|export)", text) if line.startswith("curl")
    ]


def send(client, command, values):
    for name, value in values.items():
        command = command.replace(f"${name}", value)
    words = iter(shlex.split(command)[1:])
    method, headers, body, address = "GET", {}, "", ""
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case "-s" | "-i":
                pass
            case _:
                address = word
    kind = headers.pop("Content-Type", "application/json")
    return client.generic(method, address, body, content_type=kind, headers=headers)


@pytest.mark.django_db
def test_every_request_of_the_tutorial_works(client, make_token, monkeypatch):
    monkeypatch.setattr(hints, "_send", lambda *hint: None)
    TermFactory.create(scheme__code="phase", code="phase-2")
    TermFactory.create(scheme__code="country", code="pl", label="Poland")
    ClaimFactory.create(term__code="data-management")
    _, token = make_token(MembershipFactory.create().user)
    values = {"PORTAL": "/api/v1", "TOKEN": token}
    answers = []
    for command in requests_of("docs/api.md"):
        response = send(client, command, values)
        answers.append(response)
        if response.status_code == 201:
            values["STUDY"] = response.json()["id"]
        elif response.status_code == 202:
            values["RUN"] = response.json()["id"]
            services.recompute(response.json()["study"])

    assert [answer.status_code for answer in answers] == EXPECTED
    *first, ranking, changed, weighed, archived = [answer.json() for answer in answers]
    cros, terms, found, none, suggested, matched, _, _, run = first
    assert cros["count"] == 1
    assert terms["results"][0]["code"] == "pl"
    assert [row["unknown"] for row in found["results"]] == [
        ["phase=phase-2", "country=pl"]
    ]
    assert found["facets"]["service:own"] == {"data-management": 1}
    assert none["count"] == 0
    assert suggested["results"][0]["value"] == "data-management"
    assert len(matched["results"]) == 1
    assert run["state"] == "done"
    assert ranking["ranking"]["results"]
    assert changed["participants"] == 300
    assert weighed["current"]["percent"]["geography"] == 21
    assert archived["archived_at"]


@pytest.mark.django_db
def test_the_request_of_the_readme_works(client, make_token):
    TermFactory.create(scheme__code="phase", code="phase-2")
    TermFactory.create(scheme__code="country", code="pl", label="Poland")
    ClaimFactory.create(term__code="data-management")
    _, token = make_token(MembershipFactory.create().user)

    (command,) = requests_of("README.md")
    answer = send(client, command, {"TOKEN": token})

    assert answer.status_code == 200
    assert len(answer.json()["results"]) == 1
