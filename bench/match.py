"""From rows to rankings: the catalogue in memory, and a change until it is fresh.

It makes a database of its own on the embedded servers, fills it by SQL, measures
with a real web server and worker, and drops it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from bench import portal, served  # noqa: F401 `portal` before any model
from bench.harness import Row, row
from catalog import snapshot
from catalog.models import CRO, CatalogState, Claim, Scheme, Term
from catalog.services.state import raise_catalog_version
from catalog.signals import catalog_changed
from cro_portal.common import memory
from cro_portal.embedded import paths, session
from matching import features, services
from matching.models import RankingWork
from sponsors.models import Requirement, Sponsor, Study
from sponsors.needs import need_of_study

SMALL, LARGE = 200, 10_000
CLAIMS_EACH = 40
TERMS = {"service": 300, "technology": 60, "condition": 200, "country": 60}
ASKED = {"service": 8, "technology": 3, "condition": 2, "country": 4}

FILL_CROS = """
INSERT INTO catalog_cro (uuid, slug, name, website, summary, status, is_fictional,
                         catalog_version, created_at, updated_at)
SELECT gen_random_uuid(), 'cro-' || i, 'Fictional Research ' || i, '', '', 'listed',
       true, 1, now(), now()
  FROM generate_series(%(first)s, %(last)s) AS i
"""
FILL_CLAIMS = """
INSERT INTO catalog_claim (uuid, cro_id, term_id, answer, aspect, delivery, qualifiers,
                           tier, observed_on, status, note, created_at, updated_at)
SELECT gen_random_uuid(), c.id, (%(terms)s::bigint[])[1 + (c.id * 31 + k * 17) %% %(n)s],
       (c.id + k) %% 7 <> 0, '', CASE (c.id + k) %% 7 WHEN 0 THEN '' ELSE 'own' END, '{}',
       4 + (c.id + k) %% 2, date '2026-01-01' - (k * 11), 'accepted', '', now(), now()
  FROM catalog_cro c, generate_series(1, %(each)s) AS k
 WHERE c.slug IN (SELECT 'cro-' || i FROM generate_series(%(first)s, %(last)s) AS i)
"""
FILL_TRIALS = """
WITH made AS (
  INSERT INTO catalog_trial (register, registry_id, title, study_type, overall_status,
         conditions_as_written, intervention_types, participants, n_sites, start_date,
         lead_sponsor, sponsor_key, sponsor_class, sponsor_size, record_version,
         other_ids, interventions, record_detail, record_digest, created_at, updated_at)
  SELECT 'demo', 'DEMO-' || c.id || '-' || k, 'A trial', 'INTERVENTIONAL', '', '{}',
         '{}', 50 + (c.id * k) %% 900, 5 + k, date '2012-01-01' + ((c.id * k * 37) %% 5000)::int,
         'S', 'sponsor ' || (c.id * k) %% 800, 'INDUSTRY', 'mid', '',
         '{}', '{}', 0, '', now(), now()
    FROM catalog_cro c, generate_series(1, 3) AS k
   WHERE c.slug IN (SELECT 'cro-' || i FROM generate_series(%(first)s, %(last)s) AS i)
  RETURNING id, split_part(registry_id, '-', 2)::bigint AS cro_id
), roles AS (
  INSERT INTO catalog_trialrole (trial_id, cro_id, kind, name_as_written, certainty)
  SELECT id, cro_id, 'collaborator', '', 1 FROM made
), conditions AS (
  INSERT INTO catalog_trialcondition (trial_id, term_id, certainty)
  SELECT id, (%(conditions)s::bigint[])[1 + (id * 13) %% %(n_conditions)s], 1 FROM made
)
INSERT INTO catalog_trialcountry (trial_id, country_id)
SELECT id, (%(countries)s::bigint[])[1 + (id * 7 + k * 11) %% %(n_countries)s]
  FROM made, generate_series(1, 3) AS k
"""


def make_words() -> dict[str, list[int]]:
    """Make the vocabularies; return the terms' keys by scheme."""
    for scheme in TERMS:
        Scheme.objects.create(code=scheme, label=scheme)
    Term.objects.bulk_create(
        Term(
            scheme_id=scheme,
            code=f"{scheme}-{i}",
            label=f"{scheme} {i}",
            tree_numbers=[f"C{i % 20:02}.{i}"] if scheme == "condition" else [],
        )
        for scheme, n in TERMS.items()
        for i in range(n)
    )
    return {
        scheme: list(Term.objects.of(scheme).values_list("pk", flat=True))
        for scheme in TERMS
    }


@transaction.atomic
def fill(words: dict[str, list[int]], first: int, last: int) -> None:
    terms = [pk for keys in words.values() for pk in keys]
    values = {
        "first": first,
        "last": last,
        "each": CLAIMS_EACH,
        "terms": terms,
        "n": len(terms),
        "conditions": words["condition"],
        "n_conditions": len(words["condition"]),
        "countries": words["country"],
        "n_countries": len(words["country"]),
    }
    with connection.cursor() as cursor:
        for sql in (FILL_CROS, FILL_CLAIMS, FILL_TRIALS):
            cursor.execute(sql, values)
    raise_catalog_version(vocabulary=True)


def make_study(words: dict[str, list[int]]) -> Study:
    sponsor = Sponsor.objects.create(name="Bench", kind="biotech")
    study = Study.objects.create(
        sponsor=sponsor, title="Bench", participants=300, n_sites=40
    )
    Requirement.objects.bulk_create(
        Requirement(
            study=study,
            term_id=pk,
            importance="must" if at == 0 and scheme == "service" else "high",
            since_version=1,
        )
        for scheme, n in ASKED.items()
        for at, pk in enumerate(words[scheme][:n])
    )
    return study


def change_a_claim() -> None:
    """Change one claim as a curator does: claim, version and mark in one go."""
    with transaction.atomic():
        claim = Claim.objects.filter(answer=True).order_by("?").first()
        claim.tier = 4 if claim.tier == 5 else 5
        claim.save(update_fields=["tier"])
        version = raise_catalog_version()
        CRO.objects.filter(pk=claim.cro_id).update(catalog_version=version)
        catalog_changed.send(sender=Claim, cro_ids=[claim.cro_id])


def seconds(function, times: int = 1) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return taken


def percentile_95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def question(study: Study) -> dict[str, object]:
    """Write what the study needs as the API takes it."""
    return {
        "participants": study.participants,
        "requirements": [
            {"scheme": scheme, "code": code, "importance": importance}
            for scheme, code, importance in study.requirements.values_list(
                "term__scheme", "term__code", "importance"
            )
        ],
    }


@contextmanager
def worker() -> Iterator[None]:
    """Run a real worker with beat on the bench's database."""
    database = connection.settings_dict
    url = (
        f"postgresql://{database['USER']}@{quote(database['HOST'], safe='')}"
        f"/{database['NAME']}"
    )
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "cro_portal", "worker"),
                    *("--concurrency", "1", "--beat", "--loglevel", "INFO"),
                    *("--schedule", f"{folder}/beat"),
                ],
                env={
                    **os.environ,
                    "DATABASE_URL": url,
                    "DATABASEOWNER_URL": url,
                    "REDIS_URL": settings.REDIS_URL,
                },
                stdout=out,
                stderr=out,
            )
        try:
            while "ready." not in log.read_text():
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait()


def until_fresh() -> float:
    """Change a claim; return the seconds from its commit to a fresh ranking."""
    change_a_claim()
    began = time.perf_counter()
    while RankingWork.objects.behind().exists():
        time.sleep(0.005)
        if time.perf_counter() - began > 60:
            raise TimeoutError("the ranking did not become fresh within a minute")
    return time.perf_counter() - began


def measure() -> Iterator[Row]:
    with session.running(paths.layout(), durable=False), scratch_database():
        yield from _measure()


def _measure() -> Iterator[Row]:
    words = make_words()
    study = make_study(words)
    spec = need_of_study(study.pk).spec

    fill(words, 1, SMALL)
    services.compute_now(spec, limit=25)
    memory.spare_what_is_loaded()  # as every process of the portal does
    taken = seconds(lambda: services.compute_now(spec, limit=25), 100)
    yield row(
        "match:compute-now-p95", SMALL, percentile_95(taken) * 1e3, "ms", "target", 60.0
    )

    with served.portal() as port:
        visitor, body = served.signed_in(port), question(study)
        for _ in range(6):  # both workers get warm
            visitor.reconnect()
            visitor.timed("/api/v1/match/", body)
        taken = [visitor.timed("/api/v1/match/", body) for _ in range(200)]
    yield row("match:post", SMALL, statistics.median(taken), "ms")
    yield row("match:post-p95", SMALL, percentile_95(taken), "ms", "target", 60.0)
    yield row("match:load-average", 1, os.getloadavg()[0], "")

    fill(words, SMALL + 1, LARGE)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    snapshot.forget()
    [whole] = seconds(snapshot.current)
    [by_orm] = seconds(lambda: list(Claim.objects.accepted()))
    yield row(
        "match:catalogue-load",
        LARGE,
        whole * 1e3,
        "ms",
        "claims as model objects",
        by_orm * 1e3,
    )
    refreshed, prepared = [], []
    for _ in range(10):
        change_a_claim()
        refreshed += seconds(snapshot.current)
        prepared += seconds(lambda: features.prepared(snapshot.current()))
    yield row(
        "match:catalogue-refresh",
        LARGE,
        statistics.median(refreshed) * 1e3,
        "ms",
        "loaded whole",
        whole * 1e3,
    )
    yield row("match:prepare", LARGE, statistics.median(prepared) * 1e3, "ms")
    taken = seconds(lambda: services.compute(study.pk), 10)
    yield row("match:compute-250-kept", LARGE, statistics.median(taken) * 1e3, "ms")

    with worker():
        until_fresh()  # the worker loads the catalogue once
        taken = [until_fresh() for _ in range(20)]
    median = statistics.median(taken) * 1e3
    yield row("match:claim-until-fresh", LARGE, median, "ms")
    p95 = percentile_95(taken) * 1e3
    yield row("match:claim-until-fresh-p95", LARGE, p95, "ms", "target", 2000.0)


@contextmanager
def scratch_database() -> Iterator[None]:
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        CatalogState.objects.get_or_create(id=1)
        CatalogState.objects.update(version=F("version") + 1)
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
