"""What pages and API show of rankings."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone

from catalog.models import Claim
from matching import blind
from matching.models import Group, Ranking, RankingEntry, RankingRun, RankingWork
from sponsors.models import Study

SLOW_AFTER = dt.timedelta(seconds=20)
"""A ranking takes a second or two; after so long something is in its way."""


class RankingState(StrEnum):
    """How the newest ranking stands to what is known now."""

    FRESH = "fresh"
    UPDATING = "updating"
    FAILED = "failed"
    NEVER = "never"


class RunState(StrEnum):
    """What became of somebody's request for a ranking."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class RankingGroup:
    """The kept entries of one group, best first, and how many CROs it has."""

    group: Group
    count: int
    entries: tuple[RankingEntry, ...]


@dataclass(frozen=True)
class RankingStatus:
    """A study's newest ranking and how fresh it is.

    `since` says since when it is behind (updating, failed) or when it was
    computed (fresh); `error` why the last attempt failed.
    """

    study: Study
    ranking: Ranking | None
    state: RankingState
    since: dt.datetime | None
    error: str

    @property
    def is_settled(self) -> bool:
        """Whether asking again soon will show nothing new by itself."""
        return self.state is not RankingState.UPDATING

    @property
    def is_slow(self) -> bool:
        """Whether a ranking is longer on its way than it should be."""
        return not self.is_settled and self._waited > SLOW_AFTER

    @property
    def token(self) -> str:
        """Changes with whatever the page would show differently."""
        newest = self.ranking.pk if self.ranking else None
        tens = "" if self.is_settled else int(self._waited.total_seconds() // 10)
        return f"{newest}-{self.state}-{tens}"

    @property
    def _waited(self) -> dt.timedelta:
        return timezone.now() - self.since if self.since else dt.timedelta()


@dataclass(frozen=True)
class RankingPage(RankingStatus):
    """The same with all entries that are kept."""

    groups: tuple[RankingGroup, ...]


def ranking_status(study: Study) -> RankingStatus:
    """Say how a study's newest ranking stands; the study must be the reader's.

    Two queries.
    """
    # The work first: a ranking published between the two reads then shows as
    # updating for one more look, and never an old one as fresh.
    work = RankingWork.objects.filter(study=study).first()
    ranking = Ranking.objects.filter(study=study).first()
    if ranking:
        ranking.study = study  # whoever shows it asks the study whether names show
    return _status(study, work, ranking)


def ranking_statuses(studies: Iterable[Study]) -> list[RankingStatus]:
    """Say the same of many studies; the parameters of their rankings stay behind.

    Two queries, whatever their number; the work first, as for one.
    """
    asked = list(studies)
    works = RankingWork.objects.in_bulk([study.pk for study in asked])
    newest = Ranking.objects.filter(study__in=asked).newest().defer("parameters")
    rankings = {ranking.study_id: ranking for ranking in newest}
    return [
        _status(study, works.get(study.pk), rankings.get(study.pk)) for study in asked
    ]


def _status(
    study: Study, work: RankingWork | None, ranking: Ranking | None
) -> RankingStatus:
    state = _state(work, ranking)
    since = None
    if state is RankingState.FRESH and ranking is not None:
        since = ranking.computed_at
    elif work is not None and work.is_due:
        since = work.changed_at
    return RankingStatus(
        study=study,
        ranking=ranking,
        state=state,
        since=since,
        error=work.error if work and state is RankingState.FAILED else "",
    )


def ranking_page(study: Study) -> RankingPage:
    """Gather a study's newest ranking with its entries and their CROs.

    Three queries, whatever the number of entries.
    """
    status = ranking_status(study)
    groups = _groups(status.ranking) if status.ranking else ()
    return RankingPage(**vars(status), groups=groups)


@dataclass(frozen=True)
class Option:
    """A kept place to choose."""

    cro_id: int
    position: int
    slug: str
    name: str


def kept_places(study: Study, ranking: Ranking) -> list[Option]:
    """All places kept of a study's ranking, best first, as its readers may see them.

    One query.
    """
    kept = ranking.entries.select_related("cro").order_by("position")
    entries = blind.shown(study, kept.defer("leaves", "gates", "reasons"))
    return [
        Option(entry.cro_id, entry.position, entry.cro.slug, entry.cro.name)
        for entry in entries
    ]


def claims_behind(entry: RankingEntry) -> dict[str, Claim]:
    """The claims an entry's reasons and gates stand on, by uuid."""
    uuids = {
        uuid
        for reason in entry.reasons
        for fact in reason["facts"]
        for uuid in fact["claims"]
    }
    claims = Claim.objects.filter(uuid__in=uuids).select_related("source", "term")
    return {str(claim.uuid): claim for claim in claims}


def _state(work: RankingWork | None, ranking: Ranking | None) -> RankingState:
    if work is not None and work.has_failed:
        return RankingState.FAILED
    if work is not None and work.is_due:
        return RankingState.UPDATING
    return RankingState.NEVER if ranking is None else RankingState.FRESH


def _groups(ranking: Ranking) -> tuple[RankingGroup, ...]:
    counts = {
        Group.ELIGIBLE: ranking.n_eligible,
        Group.CONDITIONAL: ranking.n_conditional,
        Group.NEAR_MISS: ranking.n_near_miss,
        Group.EXCLUDED: ranking.n_excluded,
    }
    kept: dict[int, list[RankingEntry]] = {group: [] for group in Group}
    for entry in ranking.entries.select_related("cro").order_by("position"):
        kept[entry.group].append(entry)
    return tuple(
        RankingGroup(group, counts[group], tuple(kept[group])) for group in Group
    )


def run_state(run: RankingRun) -> RunState:
    """Return what became of a run: its state follows from the study's work."""
    work = RankingWork.objects.get(study=run.study_id)
    if work.done >= run.wanted:
        return RunState.DONE
    if work.has_failed:
        return RunState.FAILED
    return RunState.RUNNING if work.is_running else RunState.QUEUED
