"""Import trials: read in batches that survive a kill, merge in one transaction."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from catalog import identity
from catalog.choices import ImportState
from catalog.importers.sources import TrialSource
from catalog.importers.streams import Broken, Found
from catalog.models import ImportRun, StagedTrial
from catalog.services.claims import announce_change
from catalog.services.directory import current_resolver
from catalog.services.identity import UnsureMention, note_unsure
from catalog.services.import_lookups import Lookups, Resolver, StagedRow
from catalog.services.state import raise_catalog_version
from cro_portal.common.copying import copy_rows

LOCK = "catalog.import_trials"
MAX_PROBLEMS = 100
FORGOTTEN = dt.timedelta(days=14)
"""An import that stopped so long ago is not taken up again; it begins anew."""
LARGE_SPONSOR = 50
MID_SPONSOR = 10
"""A sponsor's size by the trials it leads in this copy of the registers."""

Progress = Callable[[int, float], None]
"""Told how many records were read and which share of the source that is, 0 to 1."""


class ImportIsRunning(Exception):
    """Another import holds the lock; the message says so to a person."""


@dataclass
class ImportReport:
    """What an import did, or with a dry run would do."""

    n_read: int = 0
    n_new: int = 0
    n_changed: int = 0
    n_same: int = 0
    n_older: int = 0
    n_broken: int = 0
    n_unmatched: int = 0
    n_unsure: int = 0
    n_roles: int = 0
    n_new_unsure: int = 0
    resumed_at: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)
    surprises: dict[str, int] = field(default_factory=dict)
    sample: list[dict[str, Any]] = field(default_factory=list)


def import_trials(
    *,
    source: TrialSource,
    resolver: Resolver | None = None,
    dry_run: bool = False,
    restart: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Bring the trials of a source into the catalogue.

    A record is written when it is newer than what the catalogue has, or as new and
    different; the same source twice changes nothing. A run that was killed is
    taken up where it was, unless `restart`. What readers see changes once, at the
    end. A dry run changes nothing.

    Raises
    ------
    ImportIsRunning
        When another import is at work.
    ValidationError
        When there are no vocabularies yet.
    """
    tell = progress or _say_nothing
    with _only_one():
        lookups = Lookups(resolver or current_resolver(), timezone.localdate())
        if not lookups.has_terms:
            raise ValidationError(
                "There are no conditions and countries to look words up in: run "
                "manage.py load_vocabularies first."
            )
        if dry_run:
            return _rehearse(source, lookups, tell)
        run = _open_run(source, restart)
        report = ImportReport(resumed_at=run.position)
        try:
            _stage(run, source, lookups, tell)
            with transaction.atomic():
                _merge(run, lookups.resolver, report)
        except Exception as error:
            ImportRun.objects.filter(pk=run.pk).update(
                state=ImportState.FAILED, error=f"{type(error).__name__}: {error}"
            )
            raise
    return report


def _say_nothing(n_read: int, share: float) -> None:
    """Stand in for a progress bar."""


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the imports' lock; the database drops it when this process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [LOCK])
        if not cursor.fetchone()[0]:
            running = ImportRun.objects.filter(state=ImportState.RUNNING).first()
            which = f" ({running})" if running else ""
            raise ImportIsRunning(
                f"Another import of trials is running{which}. Wait until it has "
                "finished, then start this one again."
            )
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [LOCK])


def _open_run(source: TrialSource, restart: bool) -> ImportRun:
    """Take up the unfinished run of this source, or begin one."""
    digest = source.digest()
    open_runs = ImportRun.objects.exclude(state=ImportState.DONE)
    open_runs.filter(updated_at__lt=timezone.now() - FORGOTTEN).delete()
    unfinished = open_runs.filter(digest=digest)
    if restart:
        unfinished.delete()
    run = unfinished.first()
    if run is None:
        return ImportRun.objects.create(
            kind=source.kind, source=source.label[:500], digest=digest
        )
    run.state, run.error = ImportState.RUNNING, ""
    run.save(update_fields=["state", "error", "updated_at"])
    return run


def _rehearse(source: TrialSource, lookups: Lookups, tell: Progress) -> ImportReport:
    """Do all of it but the writing, and take it back."""
    report = ImportReport()
    with transaction.atomic():
        run = ImportRun.objects.create(
            kind=source.kind,
            source=source.label[:500],
            digest=f"rehearsal {id(source)}",
        )
        _stage(run, source, lookups, tell)
        _classify(run)
        _count(run, report)
        report.sample = _sample()
        transaction.set_rollback(True)
    return report


def _stage(
    run: ImportRun, source: TrialSource, lookups: Lookups, tell: Progress
) -> None:
    """Read what is left; each batch is committed with the position after it."""
    lookups.surprises.update(run.surprises)
    tell(run.position, 0.0)
    columns = ["run_id", "position", "digest", *StagedRow._fields]
    for batch in source.batches(position=run.position, page_token=run.page_token):
        found = [item for item in batch.items if isinstance(item, Found)]
        broken = [item for item in batch.items if isinstance(item, Broken)]
        rows = lookups.rows([item.record for item in found])
        first = run.position
        with transaction.atomic():
            for _ in copy_rows(
                StagedTrial._meta.db_table,
                columns,
                ((run.pk, first + n, row.digest(), *row) for n, row in enumerate(rows)),
            ):
                pass
            run.position, run.page_token = batch.position, batch.page_token
            run.n_broken += len(broken)
            room = MAX_PROBLEMS - len(run.problems)
            run.problems += [
                {"place": item.place[:300], "message": item.message[:500]}
                for item in broken[: max(room, 0)]
            ]
            run.surprises = dict(lookups.surprises.most_common())
            run.save()
        tell(run.position, batch.share)


def _merge(run: ImportRun, resolver: Resolver, report: ImportReport) -> None:
    """Write what was staged, tell who listens, and close the run."""
    _classify(run)
    _count(run, report)
    changed = bool(report.n_new or report.n_changed)
    cros: set[int] = set()
    if changed:
        cros = _write_trials()
        cros |= _size_sponsors()
    report.n_new_unsure = note_unsure(_unsure(resolver))
    if cros:
        announce_change(cros)
    elif changed:
        raise_catalog_version()
    run.staged.all().delete()
    run.state, run.finished_at = ImportState.DONE, timezone.now()
    run.save()


CLASSIFY = """
    CREATE TEMPORARY TABLE picked ON COMMIT DROP AS
    SELECT best.*, kept.id AS kept_id,
           CASE WHEN kept.id IS NULL THEN 'new'
                WHEN best.version COLLATE "C" > kept.record_version COLLATE "C"
                     THEN 'changed'
                WHEN best.version COLLATE "C" < kept.record_version COLLATE "C"
                     THEN 'older'
                WHEN best.digest = kept.record_digest
                     OR best.detail < kept.record_detail THEN 'same'
                ELSE 'changed' END AS verdict
      FROM (SELECT DISTINCT ON (register, registry_id) *
              FROM catalog_stagedtrial WHERE run_id = %(run)s
             ORDER BY register, registry_id, version COLLATE "C" DESC, detail DESC,
                      position DESC) AS best
      LEFT JOIN catalog_trial AS kept
        ON kept.register = best.register AND kept.registry_id = best.registry_id
"""
COUNTS = """
    SELECT count(*) FILTER (WHERE verdict = 'new'),
           count(*) FILTER (WHERE verdict = 'changed'),
           count(*) FILTER (WHERE verdict = 'same'),
           count(*) FILTER (WHERE verdict = 'older'),
           count(*) FILTER (WHERE cro_ids = '{}' AND unsure = '[]'),
           coalesce(sum(cardinality(cro_ids))
                    FILTER (WHERE verdict IN ('new', 'changed')), 0)
      FROM picked
"""
UNSURE = """
    SELECT name, domain, one ->> 'country', one ->> 'field', one ->> 'day', n, examples
      FROM (SELECT u ->> 'name' AS name, u ->> 'domain' AS domain,
                   (array_agg(u ORDER BY registry_id, u))[1] AS one,
                   count(DISTINCT registry_id) AS n,
                   (array_agg(DISTINCT registry_id))[:5] AS examples
              FROM picked, jsonb_array_elements(unsure) AS u
             GROUP BY 1, 2) AS found
     ORDER BY name, domain
"""
COLUMNS = list(
    StagedRow._fields[
        StagedRow._fields.index("title") : StagedRow._fields.index("condition_ids")
    ]
)
UPDATE_TRIALS = f"""
    UPDATE catalog_trial AS kept
       SET ({", ".join(COLUMNS)}, record_version, record_detail, record_digest,
            retrieved_on, updated_at)
         = ({", ".join(f"new.{column}" for column in COLUMNS)}, new.version,
            new.detail, new.digest, current_date, now())
      FROM picked AS new WHERE new.verdict = 'changed' AND kept.id = new.kept_id
"""
INSERT_TRIALS = f"""
    INSERT INTO catalog_trial (register, registry_id, {", ".join(COLUMNS)},
           sponsor_size, record_version, record_detail, record_digest, retrieved_on,
           created_at, updated_at)
    SELECT register, registry_id, {", ".join(COLUMNS)}, '', version, detail, digest,
           current_date, now(), now()
      FROM picked WHERE verdict = 'new'
     ORDER BY register, registry_id
"""
TOUCHED_CROS = """
    SELECT role.cro_id FROM catalog_trialrole AS role
      JOIN picked ON picked.kept_id = role.trial_id AND picked.verdict = 'changed'
    UNION
    SELECT unnest(cro_ids) FROM picked WHERE verdict IN ('new', 'changed')
"""
LINK_NEW = """
    UPDATE picked SET kept_id = trial.id FROM catalog_trial AS trial
     WHERE picked.verdict = 'new' AND trial.register = picked.register
       AND trial.registry_id = picked.registry_id
"""
CHILDREN = (
    (
        "catalog_trialcondition",
        "term_id, certainty",
        "condition_ids, condition_certainties",
    ),
    ("catalog_trialcountry", "country_id, n_sites", "country_ids, country_sites"),
    (
        "catalog_trialrole",
        "cro_id, kind, name_as_written, certainty",
        "cro_ids, role_kinds, role_names, role_certainties",
    ),
)
KEPT = {"catalog_trialrole": " AND NOT is_by_hand"}
"""What of a changed record's rows is not the import's own."""
SIZE = """
    WITH led AS (
        SELECT sponsor_key, count(*) AS n FROM catalog_trial
         WHERE register IN ('ctgov', 'ctis') AND sponsor_key <> ''
         GROUP BY sponsor_key
    ), sized AS (
        UPDATE catalog_trial AS trial SET sponsor_size = found.size
          FROM (SELECT sponsor_key,
                       CASE WHEN n >= %(large)s THEN 'large'
                            WHEN n >= %(mid)s THEN 'mid' ELSE 'small' END AS size
                  FROM led) AS found
         WHERE trial.register IN ('ctgov', 'ctis')
           AND trial.sponsor_key = found.sponsor_key
           AND trial.sponsor_size <> found.size
        RETURNING trial.id
    )
    SELECT DISTINCT cro_id FROM catalog_trialrole
     WHERE trial_id IN (SELECT id FROM sized)
"""
FORGET_SIZE = """
    UPDATE catalog_trial SET sponsor_size = ''
     WHERE register IN ('ctgov', 'ctis') AND sponsor_key = '' AND sponsor_size <> ''
"""
SAMPLE = """
    SELECT picked.registry_id, picked.verdict, picked.title, picked.lead_sponsor,
           picked.start_date,
           array(SELECT label FROM catalog_term WHERE id = ANY (condition_ids)),
           array(SELECT name FROM catalog_cro WHERE id = ANY (cro_ids) ORDER BY name)
      FROM picked ORDER BY cardinality(cro_ids) DESC, position LIMIT 10
"""


def _classify(run: ImportRun) -> None:
    """Say of each staged record, the newest of a trial, what merging it does."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.picked")
        cursor.execute(CLASSIFY, {"run": run.pk})
        cursor.execute("ANALYZE picked")


def _count(run: ImportRun, report: ImportReport) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        (
            run.n_new,
            run.n_changed,
            run.n_same,
            run.n_older,
            run.n_unmatched,
            run.n_roles,
        ) = cursor.fetchone()
        cursor.execute(f"SELECT count(*) FROM ({UNSURE}) AS found")
        run.n_unsure = cursor.fetchone()[0]
    for name in ("new", "changed", "same", "older", "broken", "unmatched", "unsure"):
        setattr(report, f"n_{name}", getattr(run, f"n_{name}"))
    report.n_read, report.n_roles = run.position, run.n_roles
    report.problems, report.surprises = run.problems, run.surprises


def _write_trials() -> set[int]:
    """Write new and changed trials with what hangs on them; give the CROs touched."""
    with connection.cursor() as cursor:
        cursor.execute(TOUCHED_CROS)
        cros = {pk for (pk,) in cursor.fetchall()}
        cursor.execute(UPDATE_TRIALS)
        cursor.execute(INSERT_TRIALS)
        cursor.execute(LINK_NEW)
        cursor.execute("ANALYZE picked")
        for table, columns, arrays in CHILDREN:
            cursor.execute(
                f"DELETE FROM {table} USING picked"
                " WHERE verdict = 'changed' AND trial_id = kept_id"
                f"{KEPT.get(table, '')}"
            )
            cursor.execute(
                f"INSERT INTO {table} (trial_id, {columns}) SELECT kept_id, found.*"
                f" FROM picked, unnest({arrays}) AS found"
                " WHERE verdict IN ('new', 'changed') ORDER BY kept_id"
                " ON CONFLICT DO NOTHING"  # a curator's row says the same
            )
    return cros


def _size_sponsors() -> set[int]:
    """Give every sponsor its size class; return the CROs whose record it changes."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_SIZE)
        cursor.execute(SIZE, {"large": LARGE_SPONSOR, "mid": MID_SPONSOR})
        return {pk for (pk,) in cursor.fetchall()}


def _unsure(resolver: Resolver) -> list[UnsureMention]:
    """Gather the unsure names, each as one of its trials has it, with some of these."""
    with connection.cursor() as cursor:
        cursor.execute(UNSURE)
        rows = cursor.fetchall()
    mentions = [
        identity.Mention(
            name=name,
            domain=domain,
            country=country,
            day=dt.date.fromisoformat(day) if day else None,
            field=kind,
        )
        for name, domain, country, kind, day, *_ in rows
    ]
    answers = resolver.resolve_many(mentions)
    return [
        UnsureMention(mention, answer, n_trials, tuple(examples))
        for mention, answer, (*_, n_trials, examples) in zip(
            mentions, answers, rows, strict=True
        )
    ]


def _sample() -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(SAMPLE)
        names = ("id", "verdict", "title", "sponsor", "start", "conditions", "cros")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
