"""What a page of the catalogue costs, beside Django's and REST framework's plainest.

Ten thousand CROs of the fictional market in a database of its own, served by granian
with two workers; one client asks over HTTP, ours and the bare one in turn. `bare page`
is a ListView of 25 of the listed CROs, their names and summaries in the site's frame;
`bare json` a list view of REST framework with the serializer of the CROs and no
filters. `page` asks seven addresses again and again, `page-mixed` hundreds of
different ones once each, so that hardly a card was made before.
"""

import os
from collections.abc import Iterator, Sequence

import numpy as np
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import portal, served  # noqa: F401 `portal` before any model
from bench.harness import Row, row
from bench.match import scratch_database
from bench.served import Visitor
from catalog.models import Term
from catalog.services.demo import load_demo_market
from cro_portal.accounts.models import User
from cro_portal.embedded import paths, session

N_CROS = 10_000
ROUNDS = 20
N_MIXED = 200

PAGES = (
    "/cros/",
    "/cros/?area=c04&country=pl",
    "/cros/?technology=edc:own&size=small&country=pl&country=es&country_mode=all",
    "/cros/?service=data-management&sort=trials&area=c10",
    "/cros/?q=oncology&view=table",
    "/cros/?phase=phase-2&region=eastern-europe&unknown=0&page=3",
    "/cros/?open=service&population=paediatric",
)
ANSWERS = tuple(f"/api/v1{address}" for address in PAGES[:3])
WITH_FACETS = tuple(
    f"{address}{'&' if '?' in address else '?'}facets=1" for address in ANSWERS
)


def measure() -> Iterator[Row]:
    with session.running(paths.layout(), durable=False), scratch_database():
        call_command("load_vocabularies", verbosity=0)
        load_demo_market(n_cros=N_CROS, seed=1)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        mixed = mixed_addresses(np.random.default_rng(1))
        with served.portal() as port:
            visitor, user = Visitor(port), served.signed_in(port)
            for known, addresses in ((visitor, PAGES), (user, PAGES + WITH_FACETS)):
                warm_up(known, [*addresses, "/bare/"])
            warm_up(user, ["/bare.json"])
            yield from compared("page-mixed", visitor, mixed, "/bare/", 1)
            yield from compared("page", visitor, PAGES, "/bare/")
            yield from compared("page-signed-in", user, PAGES, "/bare/")
            yield from compared("json", user, ANSWERS, "/bare.json")
            yield from compared("json-with-facets", user, WITH_FACETS, "/bare.json")
        yield from queries()
        yield row("browse_page:load-average", 1, os.getloadavg()[0], "")


def mixed_addresses(chance: np.random.Generator) -> list[str]:
    """Draw addresses of one to three filters and a page, each another one."""
    codes = {
        facet: list(
            Term.objects.of(scheme)
            .current()
            .order_by("pk")
            .values_list("code", flat=True)
        )
        for facet, scheme in (
            ("area", "therapeutic_area"),
            ("country", "country"),
            ("service", "service"),
            ("phase", "phase"),
            ("technology", "technology"),
        )
    }
    found: dict[str, None] = {}
    while len(found) < N_MIXED:
        facets = chance.choice(list(codes), chance.integers(1, 4), replace=False)
        parts = [f"{facet}={chance.choice(codes[facet])}" for facet in facets]
        found[f"/cros/?{'&'.join(parts)}&page={chance.integers(1, 40)}"] = None
    return list(found)


def warm_up(visitor: Visitor, addresses: Sequence[str]) -> None:
    for _ in range(6):  # over both workers
        visitor.reconnect()
        for address in addresses:
            visitor.timed(address)


def compared(
    name: str, visitor: Visitor, mine: Sequence[str], bare: str, rounds: int = ROUNDS
) -> Iterator[Row]:
    """Time both in turn, so that what else the machine does falls on both."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        visitor.reconnect()
        visitor.timed("/healthz")
        for address in mine:
            ours.append(visitor.timed(address))
            theirs.append(visitor.timed(bare))
    for part in (50, 95):
        yield row(
            f"browse_page:{name}-p{part}",
            N_CROS,
            float(np.percentile(ours, part)),
            "ms",
            "bare json" if bare.endswith("json") else "bare page",
            float(np.percentile(theirs, part)),
        )


def queries() -> Iterator[Row]:
    """Count the queries of a page, for a visitor and for who is signed in."""
    client = Client(SERVER_NAME="localhost")
    for name in ("most-queries", "most-queries-signed-in"):
        for address in PAGES:
            client.get(address)  # the words are read once for a vocabulary
        most = 0
        for address in (f"{page}{'&' if '?' in page else '?'}page=5" for page in PAGES):
            with CaptureQueriesContext(connection) as captured:
                client.get(address)
            most = max(most, len(captured))
        yield row(f"browse_page:{name}", N_CROS, most, "SQL", "target", 6.0)
        client.force_login(User.objects.get(email="bench@bench.example"))
