"""What a page of the catalogue costs, beside Django's and REST framework's plainest.

Ten thousand CROs of the fictional market in a database of its own; each request
goes through all middleware. `bare` is a ListView of 25 of the listed CROs, their
names and summaries in the site's frame; `bare JSON` a list view of REST framework
with the serializer of the CROs and no filters.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from bench import portal  # noqa: F401 before any model
from bench.harness import Row, row
from catalog.services.demo import load_demo_market
from cro_portal.accounts.models import User
from cro_portal.embedded import paths, session

N_CROS = 10_000
ROUNDS = 20
TEMPLATE = """{% extends "base.html" %}{% block content %}<ul>{% for cro in page_obj %}
<li><a href="{{ cro.get_absolute_url }}">{{ cro.name }}</a> {{ cro.summary }}</li>
{% endfor %}</ul>{{ page_obj.number }} of {{ page_obj.paginator.num_pages }}{% endblock %}"""

PAGES = (
    "/cros/",
    "/cros/?area=c04&country=pl",
    "/cros/?technology=edc:own&size=small&country=pl&country=es&country_mode=all",
    "/cros/?service=data-management&sort=trials&area=c10",
    "/cros/?q=oncology&view=table",
    "/cros/?phase=phase-2&region=eastern-europe&unknown=0&page=3",
    "/cros/?open=service&population=paediatric",
)
ANSWERS = tuple("/api/v1" + address for address in PAGES[:3])


def measure() -> Iterator[Row]:
    with (
        session.running(paths.layout(), durable=False),
        scratch_database(),
        override_settings(ROOT_URLCONF="bench.bare", TEMPLATES=with_bare_template()),
    ):
        call_command("load_vocabularies", verbosity=0)
        load_demo_market(n_cros=N_CROS, seed=1)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        client = Client(SERVER_NAME="localhost")
        yield from compared("page", client, PAGES, ["/bare/"])
        yield from queries(client)
        client.force_login(User.objects.create(email="bench@bench.example"))
        yield from compared("json", client, ANSWERS, ["/bare.json"])


def compared(
    name: str, client: Client, mine: Sequence[str], bare: Sequence[str]
) -> Iterator[Row]:
    """Time both in turn, so that what else the machine does falls on both."""
    ours: list[float] = []
    theirs: list[float] = []
    for address in (*mine, *bare):
        timed(client, address)
    for _ in range(ROUNDS):
        for address in mine:
            ours.append(timed(client, address))
            theirs.extend(timed(client, other) for other in bare)
    for part in (50, 95):
        yield row(
            f"browse_page:{name}-p{part}",
            N_CROS,
            float(np.percentile(ours, part)),
            "ms",
            f"bare {name}",
            float(np.percentile(theirs, part)),
        )


def timed(client: Client, address: str) -> float:
    start = time.perf_counter()
    response = client.get(address)
    took = (time.perf_counter() - start) * 1e3
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}")
    return took


def queries(client: Client) -> Iterator[Row]:
    most = 0
    for address in PAGES:
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        most = max(most, len(captured))
    yield row("browse_page:most-queries", N_CROS, most, "SQL")


def with_bare_template() -> list[dict[str, object]]:
    """Return the site's template settings with the bare list's template added."""
    engine = settings.TEMPLATES[0]
    loaders = [
        (
            "django.template.loaders.cached.Loader",
            [
                ("django.template.loaders.locmem.Loader", {"bare-list.html": TEMPLATE}),
                "django.template.loaders.filesystem.Loader",
                "django.template.loaders.app_directories.Loader",
            ],
        )
    ]
    options = {**engine["OPTIONS"], "loaders": loaders}
    plain = {**engine, "APP_DIRS": False, "OPTIONS": options}
    return [plain, *settings.TEMPLATES[1:]]


@contextmanager
def scratch_database() -> Iterator[None]:
    before = settings.DATABASES["default"]["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)
