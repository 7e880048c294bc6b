"""Rankings: asked for, leased, computed, published.

The database holds what is to do (`RankingWork`); a worker takes a study's work
for a while, computes outside of any transaction and publishes only while the
work is still its own. All of it may be lost, run twice, late or at once.
"""

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F, Q, Window
from django.db.models.functions import Now, RowNumber

from catalog import snapshot
from catalog.models import CRO
from cro_portal.accounts.models import User
from matching import engine, facts, features, hints, robustness
from matching.engine import results
from matching.engine.inputs import Catalogue
from matching.models import (
    KEPT_NEAR_MISSES,
    KEPT_PLACES,
    MAX_ATTEMPTS,
    Group,
    Lease,
    Ranking,
    RankingEntry,
    RankingRun,
    RankingWork,
)
from sponsors.models import Study
from sponsors.needs import NeedSpec, need_of_study
from sponsors.services import ARCHIVED

logger = logging.getLogger(__name__)


KEPT_RANKINGS = 20
"""Newest rankings kept of a study: each change of the catalogue can make one."""

HINTS_A_SWEEP = 50
HINT_AGAIN_AFTER = dt.timedelta(seconds=10)
INLINE_SECONDS_A_SWEEP = 20


Choice: TypeAlias = Callable[[results.Ranking, Catalogue], list[int]]
"""Which CROs of a ranking are explained, best first."""


@dataclass(frozen=True)
class Ranked:
    """A ranking with its first entries, best first; not saved.

    Study, version and so on of `ranking` are empty where nothing is to be stored.
    """

    ranking: Ranking
    entries: tuple[RankingEntry, ...]


# Asking


def want_rankings(study_ids: Collection[uuid.UUID]) -> None:
    """Ask for fresh rankings of studies. Call it inside the transaction of the change.

    A burst of edits raises one row many times, and is computed once.
    """
    RankingWork.objects.raise_wanted(study_ids, afresh=True)
    for study_id in study_ids:
        transaction.on_commit(partial(hints.recompute, study_id))


def want_anew(study_ids: Collection[uuid.UUID]) -> None:
    """Ask for many rankings by hand, also failed ones, with one hint to the sweeper."""
    RankingWork.objects.raise_wanted(study_ids, afresh=True)
    transaction.on_commit(hints.sweep)


def want_all_rankings() -> None:
    """Ask for fresh rankings of all studies, inside the transaction of the change.

    Whether the catalogue's change moves a ranking is only known once it is
    computed. One hint goes to the sweeper, which tells the workers bit by bit.
    """
    RankingWork.objects.raise_wanted(None, afresh=False)
    transaction.on_commit(hints.sweep)


@transaction.atomic
def request_run(*, study: Study, by: User) -> RankingRun:
    """Ask for a fresh ranking by hand; a failed one is tried anew.

    Raises
    ------
    ValidationError
        If the study is archived.
    """
    if (
        Study.objects.select_for_update(no_key=True).get(pk=study.pk).archived_at
        is not None
    ):
        raise ValidationError(ARCHIVED)
    want_rankings([study.pk])
    work = RankingWork.objects.get(study=study)
    return RankingRun.objects.create(study=study, wanted=work.wanted, requested_by=by)


# Doing


def lease(study_id: uuid.UUID) -> Lease | None:
    """Take a study's work; None if there is none or somebody else is at it."""
    return RankingWork.objects.lease(
        study_id, dt.timedelta(seconds=settings.RANKING_LEASE_SECONDS)
    )


def compute(study_id: uuid.UUID) -> Ranked:
    """Rank all CROs for a study as it is now. Call it outside of any transaction.

    Raises
    ------
    ValidationError
        If what the study asks cannot be ranked; the message says why.
    """
    need = need_of_study(study_id)
    ranked = _rank(need.spec, _first(KEPT_PLACES, KEPT_NEAR_MISSES))
    ranked.ranking.study_id = study_id
    ranked.ranking.study_version = need.study_version
    ranked.ranking.weights_version = need.weights_version
    return ranked


def compute_now(spec: NeedSpec, *, limit: int) -> Ranked:
    """Rank for a question that is not stored.

    The first `limit` CROs and the first `limit` near misses are explained.

    The entries' CROs are loaded. Raises ValidationError as `compute` does.
    """
    ranked = _rank(spec, _first(limit, limit))
    cros = CRO.objects.in_bulk([entry.cro_id for entry in ranked.entries])
    for entry in ranked.entries:
        entry.cro = cros[entry.cro_id]
    return ranked


def place_of(*, study: Study, cro: CRO) -> Ranked:
    """Rank for a study as it is now and explain one CRO's place; nothing is stored.

    For a CRO whose place is not kept. No entry comes back where the catalogue does
    not list it. Raises ValidationError as `compute` does.
    """

    def only(answer: results.Ranking, catalogue: Catalogue) -> list[int]:
        return np.flatnonzero(catalogue.cro_id == cro.pk).tolist()

    ranked = _rank(need_of_study(study.pk).spec, only)
    for entry in ranked.entries:
        entry.cro = cro
    return ranked


@dataclass(frozen=True)
class FirstPlaces:
    """The first CROs in the running under one set of weights, best first.

    `score` is the first one's, 0 to 1, None without one; `problem` says why there
    is no ranking.
    """

    cro_ids: tuple[int, ...]
    score: float | None
    problem: str = ""


def first_places(
    spec: NeedSpec, weights: Sequence[Mapping[str, float]], *, limit: int
) -> list[FirstPlaces]:
    """Rank one question under several weights, over one state of the catalogue.

    Nothing is explained or stored. Raises ValidationError when the question holds
    a term that the vocabulary does not have.
    """
    catalogue = snapshot.current()
    as_of = dt.datetime.now(dt.UTC).date()
    prepared = features.prepared(catalogue)
    found = []
    for values in weights:
        need = features.need(catalogue, replace(spec, weights=values), as_of)
        try:
            answer = engine.rank(prepared, need)
        except ValueError as error:
            found.append(FirstPlaces((), None, str(error)))
            continue
        order = answer.order
        first = order[answer.group[order] <= results.CONDITIONAL][:limit]
        found.append(
            FirstPlaces(
                tuple(prepared.catalogue.cro_id[first].tolist()),
                float(answer.score[first[0]]) if first.size else None,
            )
        )
    return found


def _rank(spec: NeedSpec, choose: Choice) -> Ranked:
    began = time.perf_counter()
    catalogue = snapshot.current()
    as_of = dt.datetime.now(dt.UTC).date()
    need = features.need(catalogue, spec, as_of)
    prepared = features.prepared(catalogue)
    try:
        answer = engine.rank(prepared, need)
    except ValueError as error:
        raise ValidationError(str(error)) from error
    explained = engine.explain(answer, choose(answer, prepared.catalogue))
    counts = np.bincount(answer.group, minlength=len(Group)).tolist()
    ranking = Ranking(
        method_version=engine.VERSION,
        catalog_version=catalogue.version,
        as_of=as_of,
        digest=answer.digest,
        parameters=facts.parameters(answer, need, spec, catalogue.vocabulary),
        n_eligible=counts[Group.ELIGIBLE],
        n_conditional=counts[Group.CONDITIONAL],
        n_near_miss=counts[Group.NEAR_MISS],
        n_excluded=counts[Group.EXCLUDED],
    )
    entries = facts.entries(
        ranking, answer, explained, need, prepared.catalogue, catalogue.vocabulary
    )
    ranking.compute_ms = (time.perf_counter() - began) * 1000
    return Ranked(ranking, tuple(entries))


def _first(n_places: int, n_near_misses: int) -> Choice:
    """Choose the first places of those in the running, and the first near misses."""

    def choose(answer: results.Ranking, catalogue: Catalogue) -> list[int]:
        order = answer.order
        group = answer.group[order]
        running = order[group <= results.CONDITIONAL][:n_places]
        near = order[group == results.NEAR_MISS][:n_near_misses]
        return [*running.tolist(), *near.tolist()]

    return choose


@transaction.atomic
def publish(*, lease: Lease, ranked: Ranked) -> bool:
    """Store a ranking if the lease still holds; False, and no change, if not.

    The same digest as the newest ranking's stores nothing anew. The oldest go
    when a study has more than KEPT_RANKINGS.
    """
    held = RankingWork.objects.held(lease)
    if not held.update(done=lease.wanted, lease_until=Now(), attempts=0, error=""):
        return False
    newest = Ranking.objects.filter(study=lease.study_id).first()
    if newest is None or newest.digest != ranked.ranking.digest:
        ranked.ranking.save(force_insert=True)
        RankingEntry.objects.bulk_create(ranked.entries)
        robustness.want(ranked.ranking)
        of_study = Ranking.objects.filter(study=lease.study_id)
        old = of_study.values_list("pk", flat=True)[KEPT_RANKINGS:]
        Ranking.objects.filter(pk__in=list(old)).delete()
    return True


def give_back(*, lease: Lease, error: str, is_final: bool = False) -> None:
    """Say what an attempt died of; the next one may begin at once.

    With `is_final` there is no next one before a person changes something.
    """
    RankingWork.objects.held(lease).update(
        lease_until=Now(),
        error=error,
        attempts=MAX_ATTEMPTS if is_final else F("attempts"),
    )


def recompute(study_id: uuid.UUID) -> bool:
    """Do a study's work if there is any; True if a ranking was published.

    Whatever goes wrong is written to the work row, and logged.
    """
    taken = lease(study_id)
    if taken is None:
        return False
    try:
        is_published = publish(lease=taken, ranked=compute(study_id))
    except ValidationError as error:
        give_back(lease=taken, error=" ".join(error.messages), is_final=True)
        return False
    except Study.DoesNotExist:
        return False  # deleted meanwhile, and the work with it
    except (KeyboardInterrupt, SystemExit):
        RankingWork.objects.held(taken).update(
            lease_until=Now(), attempts=taken.attempt - 1
        )
        raise
    except Exception as error:
        logger.exception(
            "Attempt %d of %d to rank study %s failed.",
            taken.attempt,
            MAX_ATTEMPTS,
            study_id,
        )
        give_back(lease=taken, error=f"{type(error).__name__}: {error}")
        return False
    if RankingWork.objects.due().filter(pk=study_id).exists():
        hints.recompute(study_id)  # it changed again while we computed
    return is_published


# Sweeping


def sweep() -> int:
    """Tell the workers of work that is due, some at a time; return how many rows.

    Safe to run any number of times and at once. The sponsors take turns, so
    that nobody's thousand studies delay another's one. Work that no worker took
    in time is done here, so rankings come about with no worker and no Redis.
    """
    told = _take_turns()
    for study_id in told:
        hints.recompute(study_id)
    _name_the_dead()
    _do_what_nobody_took()
    return len(told)


@transaction.atomic
def _take_turns() -> list[uuid.UUID]:
    """Choose the rows to hint at now and note that they were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('matching.sweep'))")
        if not cursor.fetchone()[0]:
            return []
    again = Now() - HINT_AGAIN_AFTER
    due = (
        RankingWork.objects.due()
        .filter(Q(hinted_at__isnull=True) | Q(hinted_at__lt=again))
        .annotate(
            turn=Window(
                RowNumber(),
                partition_by=F("study__sponsor"),
                order_by=[F("changed_at").asc(), F("pk").asc()],
            )
        )
        .order_by("turn", "changed_at", "pk")
        .values_list("pk", flat=True)
    )
    chosen = list(due[:HINTS_A_SWEEP])
    # A row that is locked is being raised, taken or published: its turn comes.
    free = RankingWork.objects.filter(pk__in=chosen).select_for_update(skip_locked=True)
    told = set(free.values_list("pk", flat=True))
    RankingWork.objects.filter(pk__in=told).update(hinted_at=Now())
    return [pk for pk in chosen if pk in told]


def _name_the_dead() -> None:
    """Give a reason to work whose workers died without saying one."""
    silent = RankingWork.objects.failed().filter(error="")
    n_dead = silent.update(
        error="The worker died each time while it computed. Its log may say why."
    )
    if n_dead:
        logger.error(
            "%d rankings failed: their workers died %d times.", n_dead, MAX_ATTEMPTS
        )


def _do_what_nobody_took() -> None:
    patience = dt.timedelta(seconds=settings.RANKING_INLINE_AFTER_SECONDS)
    waiting = (
        RankingWork.objects.due()
        .filter(changed_at__lt=Now() - patience)
        .order_by("changed_at", "pk")
        .values_list("pk", flat=True)
    )
    until = time.monotonic() + INLINE_SECONDS_A_SWEEP
    for study_id in list(waiting[:HINTS_A_SWEEP]):
        if time.monotonic() > until:
            break
        recompute(study_id)
