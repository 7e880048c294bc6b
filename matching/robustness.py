"""How sure stored rankings are: wanted, worked out, published, cancelled.

Each published ranking wants it once, for the first CROs in the running. As with
rankings the database holds what is to do; a hint may be lost, a worker may die,
two may start at once.
"""

import datetime as dt
import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from matching import engine, hints
from matching.engine import draws
from matching.engine.decision import Decision, decide
from matching.engine.robustness import Facts, smaa, value_of_facts, word
from matching.engine.robustness import Robustness as Answer
from matching.models import (
    Group,
    Ranking,
    RankingEntry,
    Robustness,
    RobustnessLease,
)

logger = logging.getLogger(__name__)

N_CROS = 60
"""So many first CROs in the running are compared."""
KEPT_FACTS = 50
"""Missing facts kept, the most valuable first."""
KEPT_RANKS = 20
"""Ranks kept of each CRO's acceptability."""

HINTS_A_SWEEP = 20
PROGRESS_EVERY_SECONDS = 0.5


class Stopped(Exception):
    """The work was cancelled, or somebody else has it."""


def want(ranking: Ranking) -> Robustness:
    """Ask how sure a ranking is. Call it inside the transaction that stores it.

    Asked twice, nothing changes. What the same inputs gave before is taken over,
    and what the study's older rankings still want is no longer worth the work.
    """
    n_draws = draws.DEFAULT_DRAWS
    seed, digest = _origin(ranking, n_draws)
    known = Robustness.objects.filter(digest=digest, state=Robustness.State.DONE)
    result = known.values_list("result", flat=True).first()
    row, is_new = Robustness.objects.get_or_create(
        ranking=ranking,
        defaults={
            "digest": digest,
            "seed": seed,
            "n_draws": n_draws,
            "result": result,
            "state": Robustness.State.WANTED
            if result is None
            else Robustness.State.DONE,
            "progress": 0.0 if result is None else 1.0,
        },
    )
    older = Robustness.objects.filter(
        ranking__study=ranking.study_id, state=Robustness.State.WANTED
    )
    older.exclude(pk=row.pk).update(state=Robustness.State.CANCELLED)
    if is_new and result is None:
        transaction.on_commit(partial(hints.robustness, ranking.pk))
    return row


@transaction.atomic
def cancel(*, ranking: Ranking) -> bool:
    """Stop the work on a ranking; a worker at it notices soon. False if it is over."""
    wanted = Robustness.objects.filter(ranking=ranking, state=Robustness.State.WANTED)
    return bool(wanted.update(state=Robustness.State.CANCELLED, lease_until=None))


@transaction.atomic
def want_again(*, ranking: Ranking) -> bool:
    """Take up work that was cancelled or failed; False if there is none."""
    stopped = Robustness.objects.filter(ranking=ranking).exclude(
        state=Robustness.State.DONE
    )
    if not stopped.update(
        state=Robustness.State.WANTED, attempts=0, progress=0.0, error=""
    ):
        return False
    transaction.on_commit(partial(hints.robustness, ranking.pk))
    return True


@transaction.atomic
def start(*, ranking: Ranking) -> None:
    """Ask by hand: take up what was stopped, or begin what nobody asked for yet."""
    if not want_again(ranking=ranking):
        want(ranking)


def compute(ranking_id: uuid.UUID) -> bool:
    """Do the work on one ranking if it is due; True if a result was published.

    Whatever goes wrong is written to the row, and logged.
    """
    lease = Robustness.objects.lease(
        ranking_id, dt.timedelta(seconds=settings.RANKING_LEASE_SECONDS)
    )
    if lease is None:
        return False
    try:
        row = Robustness.objects.select_related("ranking").get(pk=ranking_id)
        result = _work_out(row, _Progress(lease))
    except Stopped:
        return False
    except Robustness.DoesNotExist:
        return False  # its ranking went meanwhile
    except (KeyboardInterrupt, SystemExit):
        held = Robustness.objects.held(lease)
        held.update(lease_until=Now(), attempts=F("attempts") - 1)
        raise
    except Exception as error:
        logger.exception("How sure ranking %s is could not be worked out.", ranking_id)
        held = Robustness.objects.held(lease)
        held.update(lease_until=Now(), error=f"{type(error).__name__}: {error}")
        return False
    return bool(
        Robustness.objects.held(lease).update(
            state=Robustness.State.DONE, result=result, progress=1.0, lease_until=None
        )
    )


def sweep() -> int:
    """Hint at work that is due, whatever became of its hint; return how many rows."""
    due = Robustness.objects.due().order_by("wanted_at", "pk")
    found = list(due.values_list("pk", flat=True)[:HINTS_A_SWEEP])
    for ranking_id in found:
        hints.robustness(ranking_id)
    return len(found)


def decision_of_stored(ranking: Ranking) -> tuple[Decision, list[RankingEntry]]:
    """Return the decision between the first stored CROs in the running, best first."""
    kept = (
        ranking.entries.in_the_running().order_by("position").defer("reasons", "gates")
    )
    entries = list(kept[:N_CROS])
    return decision_between(ranking, entries), entries


def decision_between(ranking: Ranking, entries: Sequence[RankingEntry]) -> Decision:
    """Return the decision between some entries of a ranking, in the order given."""
    leaves = ranking.parameters["leaves"]
    criteria = list(dict.fromkeys(leaf["criterion"] for leaf in leaves))
    of = [criteria.index(leaf["criterion"]) for leaf in leaves]
    low, value, high = (
        np.array([[leaf[end] for leaf in entry.leaves] for entry in entries]).reshape(
            len(entries), len(leaves)
        )
        for end in ("low", "value", "high")
    )
    return decide(
        criteria=criteria,
        weights=np.bincount(of, [leaf["weight"] for leaf in leaves], len(criteria)),
        criterion=of,
        share_inside=[leaf["share_inside"] for leaf in leaves],
        low=low,
        value=value,
        high=high,
        group=[entry.group for entry in entries],
        place=[entry.position for entry in entries],
        id=[entry.cro_id for entry in entries],
    )


def result_json(
    decision: Decision, entries: list[RankingEntry], answer: Answer, facts: Facts
) -> dict[str, Any]:
    """Write down an answer for the page and the API.

    `cros` stand best first: {cro, position, first, top3, ranks, central_weights,
    confidence, admitted}, null where the method gives none. `wins[i][j]` is
    P(cros[i] before cros[j]). `groups` are {cros: positions in `cros`,
    before_next, word}. `facts` are {cro, leaf, value, at_low, at_high}, the most
    valuable first, `leaf` a position in the ranking's leaves.
    """
    asked = np.argwhere(facts.value > 0)
    order = np.argsort(-facts.value[tuple(asked.T)], kind="stable")[:KEPT_FACTS]
    return {
        "cros": [
            {
                "cro": entry.cro_id,
                "position": entry.position,
                "first": float(answer.first[row]),
                "top3": float(answer.top3[row]),
                "ranks": answer.acceptability[row, :KEPT_RANKS].tolist(),
                "central_weights": dict(
                    zip(
                        decision.criteria,
                        answer.central_weights[row].tolist(),
                        strict=True,
                    )
                )
                if answer.first[row]
                else None,
                "confidence": None
                if np.isnan(answer.confidence[row])
                else float(answer.confidence[row]),
                "admitted": float(facts.admitted[row]),
            }
            for row, entry in enumerate(entries)
        ],
        "wins": answer.wins.tolist(),
        "groups": [
            {
                "cros": list(group.rows),
                "before_next": group.before_next,
                "word": None if group.before_next is None else word(group.before_next),
            }
            for group in answer.tie_groups
        ],
        "facts": [
            {
                "cro": entries[row].cro_id,
                "leaf": leaf,
                "value": float(facts.value[row, leaf]),
                "at_low": float(facts.at_low[row, leaf]),
                "at_high": float(facts.at_high[row, leaf]),
            }
            for row, leaf in asked[order].tolist()
        ],
    }


def work_out(
    decision: Decision,
    entries: list[RankingEntry],
    *,
    seed: int,
    n_draws: int,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Draw, count and write the answer down (`result_json`).

    `progress` is told the share done; what it raises stops the work.
    """
    rule = draws.stated(decision.weights, len(decision.criteria))
    tell = progress or (lambda share: None)
    answer = smaa(
        decision,
        rule,
        seed=seed,
        n_draws=n_draws,
        progress=lambda share: tell(share / 2),
    )
    facts = value_of_facts(
        decision,
        rule,
        seed=seed,
        n_draws=n_draws,
        progress=lambda share: tell((1 + share) / 2),
    )
    return result_json(decision, entries, answer, facts)


def at_once(
    ranking: Ranking, entries: Sequence[RankingEntry], *, n_draws: int
) -> Robustness:
    """Work out how sure a ranking is that is not stored; nothing is stored.

    `entries` stand best first; the first N_CROS in the running are compared.

    Raises
    ------
    ValueError
        When the number of draws is out of bounds.
    """
    running = [entry for entry in entries if entry.group <= Group.CONDITIONAL][:N_CROS]
    seed, digest = _origin(ranking, n_draws)
    return Robustness(
        digest=digest,
        seed=seed,
        n_draws=n_draws,
        state=Robustness.State.DONE,
        progress=1.0,
        result=work_out(
            decision_between(ranking, running), running, seed=seed, n_draws=n_draws
        ),
    )


def _origin(ranking: Ranking, n_draws: int) -> tuple[int, str]:
    """Return the seed, and the digest of all that a result follows from."""
    seed = int(ranking.digest[:15], 16)
    inputs = f"{engine.VERSION}:{ranking.digest}:{seed}:{n_draws}:{N_CROS}"
    return seed, hashlib.sha256(inputs.encode()).hexdigest()


def _work_out(row: Robustness, progress: "_Progress") -> dict[str, Any]:
    decision, entries = decision_of_stored(row.ranking)
    return work_out(
        decision, entries, seed=row.seed, n_draws=row.n_draws, progress=progress
    )


class _Progress:
    """Writes down how far the work is, now and then; stops it when it is not ours."""

    def __init__(self, lease: RobustnessLease) -> None:
        self.lease = lease
        self.next_at = time.monotonic()

    def __call__(self, share: float) -> None:
        if time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + PROGRESS_EVERY_SECONDS
        duration = dt.timedelta(seconds=settings.RANKING_LEASE_SECONDS)
        held = Robustness.objects.held(self.lease)
        if not held.update(progress=min(share, 1.0), lease_until=Now() + duration):
            raise Stopped
