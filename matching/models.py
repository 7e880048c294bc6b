"""Rankings, and the work that is still to do on them."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import timezone

from catalog.models import CRO
from cro_portal.common.models import TimestampedModel
from sponsors.models import Study

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from cro_portal.accounts.models import User

KEPT_PLACES = 200
"""So many first places of a ranking are kept with their reasons."""
KEPT_NEAR_MISSES = 50
"""And so many near misses, wherever they stand."""

MAX_ATTEMPTS = 5
"""After so many attempts a ranking has failed and waits for a person."""


class Group(models.IntegerChoices):
    """Where a CRO stands in a ranking, by its gates (METHOD section 3)."""

    ELIGIBLE = 0, "Eligible"
    CONDITIONAL = 1, "Conditional"
    NEAR_MISS = 2, "Near miss"
    EXCLUDED = 3, "Excluded"


class RankingQuerySet(models.QuerySet["Ranking"]):
    """Questions about rankings. Every method chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "RankingQuerySet":
        return self.filter(study__in=Study.objects.visible_to(user))

    def newest(self) -> "RankingQuerySet":
        """Keep the newest of each study."""
        return self.order_by("study_id", "-computed_at", "pk").distinct("study_id")


class Ranking(models.Model):
    """The CROs ranked for one version of a study. Never changed once written."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="rankings")
    study_version = models.PositiveIntegerField()
    weights_version = models.PositiveIntegerField(
        help_text="`since_version` of the weights; 0 for the method's default."
    )
    method_version = models.CharField(max_length=20)
    catalog_version = models.BigIntegerField()
    as_of = models.DateField(help_text="The day ages were counted to.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of all inputs.")
    parameters = models.JSONField(
        help_text="Criteria, leaves and their weights, gates: what the entries share."
    )
    n_eligible = models.PositiveIntegerField()
    n_conditional = models.PositiveIntegerField()
    n_near_miss = models.PositiveIntegerField()
    n_excluded = models.PositiveIntegerField()
    computed_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="By the database's clock."
    )
    compute_ms = models.FloatField(null=True)

    objects = RankingQuerySet.as_manager()

    class Meta:
        ordering = ["-computed_at", "pk"]
        indexes = [
            models.Index(
                fields=["study", "-computed_at"], name="matching_ranking_latest"
            )
        ]

    def __str__(self) -> str:
        return f"ranking {self.digest[:12]}"


class RankingEntryQuerySet(models.QuerySet["RankingEntry"]):
    """Questions about the places of a ranking. Every method chains."""

    def in_the_running(self) -> "RankingEntryQuerySet":
        return self.filter(group__lte=Group.CONDITIONAL)

    def near_misses(self) -> "RankingEntryQuerySet":
        return self.filter(group=Group.NEAR_MISS)

    def for_list(self, group: Group | None) -> "RankingEntryQuerySet":
        """Keep one group, or all with None; the reasons stay behind."""
        kept = self if group is None else self.filter(group=group)
        return kept.select_related("cro").defer("reasons").order_by("position")


class RankingEntry(models.Model):
    """One CRO's place in a ranking, with what its score is made of.

    Scores are in [0, 1]. Only the first places of each group are kept; the
    ranking's counts say how many there are.
    """

    ranking = models.ForeignKey(
        Ranking, on_delete=models.CASCADE, related_name="entries"
    )
    cro = models.ForeignKey(CRO, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(help_text="1 is the first.")
    group = models.PositiveSmallIntegerField(choices=Group)
    score = models.FloatField()
    score_low = models.FloatField()
    score_high = models.FloatField()
    evidence = models.FloatField(help_text="Evidence coverage, 0 to 1.")
    leaves = models.JSONField(
        help_text="Per leaf: low, value, high, contribution, is_known."
    )
    gates = models.JSONField(help_text="Per must: term, state and why.")
    reasons = models.JSONField(
        help_text="Per leaf: the numbers, claim uuids and trials behind it."
    )

    objects = RankingEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "ranking entries"
        ordering = ["ranking_id", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["ranking", "position"], name="matching_rankingentry_position"
            ),
            models.UniqueConstraint(
                fields=["ranking", "cro"], name="matching_rankingentry_cro"
            ),
            models.CheckConstraint(
                name="matching_rankingentry_interval_in_order",
                condition=Q(
                    score_low__gte=0,
                    score__gte=F("score_low"),
                    score_high__gte=F("score"),
                    score_high__lte=1,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.cro_id}"


@dataclass(frozen=True)
class Lease:
    """The right to compute a study's ranking up to `wanted`, until it runs out."""

    study_id: uuid.UUID
    wanted: int
    lease_no: int
    attempt: int


RAISE_WANTED = """
    INSERT INTO matching_rankingwork AS work
           (study_id, wanted, done, lease_no, attempts, changed_at, error)
    SELECT id, 1, 0, 0, 0, statement_timestamp(), ''
      FROM sponsors_study
     WHERE archived_at IS NULL
       AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s::uuid[]))
     ORDER BY id
        ON CONFLICT (study_id) DO UPDATE
       SET wanted = work.wanted + 1,
           hinted_at = NULL,
           changed_at = CASE WHEN work.done < work.wanted THEN work.changed_at
                             ELSE excluded.changed_at END,
           attempts = CASE WHEN %(afresh)s THEN 0 ELSE work.attempts END,
           error = CASE WHEN %(afresh)s THEN '' ELSE work.error END
"""


class RankingWorkQuerySet(models.QuerySet["RankingWork"]):
    """Questions about work, and the two steps that must be one statement each."""

    def behind(self) -> "RankingWorkQuerySet":
        """Keep the work that is not done."""
        return self.filter(done__lt=F("wanted"))

    def due(self) -> "RankingWorkQuerySet":
        """Keep the work somebody should take now: behind, not taken, not failed."""
        return (
            self.behind()
            .filter(attempts__lt=MAX_ATTEMPTS)
            .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=Now()))
        )

    def failed(self) -> "RankingWorkQuerySet":
        """Keep the work that waits for a person."""
        return (
            self.behind()
            .filter(attempts__gte=MAX_ATTEMPTS)
            .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=Now()))
        )

    def raise_wanted(
        self, study_ids: Collection[uuid.UUID] | None, *, afresh: bool
    ) -> None:
        """Ask for fresh rankings of some studies; of all with None.

        Archived studies are left out.

        One statement that waits for whoever holds a row, so that no mark is ever
        lost to a computation that is just being published. With `afresh` the
        attempts are counted anew.
        """
        ids = None if study_ids is None else [str(pk) for pk in study_ids]
        with connection.cursor() as cursor:
            cursor.execute(RAISE_WANTED, {"ids": ids, "afresh": afresh})

    def lease(self, study_id: uuid.UUID, duration: dt.timedelta) -> Lease | None:
        """Take a study's work for a while; None if nobody wants it or it is taken."""
        with transaction.atomic():
            work = (
                self.due()
                .filter(pk=study_id)
                .select_for_update(skip_locked=True)
                .first()
            )
            if work is None:
                return None
            lease = Lease(study_id, work.wanted, work.lease_no + 1, work.attempts + 1)
            self.filter(pk=study_id).update(
                lease_until=Now() + duration,
                lease_no=lease.lease_no,
                attempts=lease.attempt,
                error="",
            )
        return lease

    def held(self, lease: Lease) -> "RankingWorkQuerySet":
        """Keep the row of a lease if nobody took it over and it is not done."""
        return self.filter(
            pk=lease.study_id, lease_no=lease.lease_no, done__lt=lease.wanted
        )


class RankingWork(models.Model):
    """What is to do for a study's ranking: the truth that Celery is only told of.

    `wanted` rises with each change, `done` follows; `lease_no` is the fencing
    number: who publishes must still hold it. `lease_until` in the past says when
    the work was last given back.
    """

    study = models.OneToOneField(
        Study, primary_key=True, on_delete=models.CASCADE, related_name="ranking_work"
    )
    wanted = models.BigIntegerField(default=1)
    done = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_no = models.BigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField(help_text="Since when the ranking is behind.")
    hinted_at = models.DateTimeField(
        null=True, blank=True, help_text="When the sweeper last told a worker."
    )
    error = models.TextField(blank=True, help_text="What the last attempt died of.")

    objects = RankingWorkQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "ranking work"
        ordering = ["study_id"]
        constraints = [
            models.CheckConstraint(
                name="matching_rankingwork_done_within_wanted",
                condition=Q(done__lte=F("wanted")),
            )
        ]
        indexes = [
            models.Index(
                fields=["changed_at"],
                condition=Q(done__lt=F("wanted")),
                name="matching_rankingwork_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.study_id}: {self.done} of {self.wanted}"

    @property
    def is_due(self) -> bool:
        return self.done < self.wanted

    @property
    def is_running(self) -> bool:
        return (
            self.is_due
            and self.lease_until is not None
            and self.lease_until > timezone.now()
        )

    @property
    def has_failed(self) -> bool:
        return self.is_due and self.attempts >= MAX_ATTEMPTS and not self.is_running


class RankingRunQuerySet(models.QuerySet["RankingRun"]):
    """Questions about runs. Every method chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "RankingRunQuerySet":
        return self.filter(study__in=Study.objects.visible_to(user))


class RankingRun(TimestampedModel):
    """Somebody's request for a fresh ranking; its state follows from the work row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="runs")
    wanted = models.BigIntegerField(help_text="The work row's `wanted` it asked for.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = RankingRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return f"run {self.pk}"


@dataclass(frozen=True)
class RobustnessLease:
    """The right to work out how sure a ranking is, until it runs out."""

    ranking_id: uuid.UUID
    lease_no: int
    attempt: int


class RobustnessQuerySet(models.QuerySet["Robustness"]):
    """Questions about how sure rankings are. Every method but `lease` chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "RobustnessQuerySet":
        return self.filter(ranking__in=Ranking.objects.visible_to(user))

    def due(self) -> "RobustnessQuerySet":
        """Keep what somebody should take now: wanted, not taken, not given up."""
        return self.filter(
            state=Robustness.State.WANTED, attempts__lt=MAX_ATTEMPTS
        ).filter(Q(lease_until__isnull=True) | Q(lease_until__lte=Now()))

    def lease(
        self, ranking_id: uuid.UUID, duration: dt.timedelta
    ) -> RobustnessLease | None:
        """Take a row for a while; None if it is not due or somebody else is at it."""
        with transaction.atomic():
            row = (
                self.due()
                .filter(pk=ranking_id)
                .select_for_update(skip_locked=True)
                .first()
            )
            if row is None:
                return None
            lease = RobustnessLease(ranking_id, row.lease_no + 1, row.attempts + 1)
            self.filter(pk=ranking_id).update(
                lease_until=Now() + duration,
                lease_no=lease.lease_no,
                attempts=lease.attempt,
                progress=0.0,
                error="",
            )
        return lease

    def held(self, lease: RobustnessLease) -> "RobustnessQuerySet":
        """Keep the row of a lease if it is still wanted and nobody took it over."""
        return self.filter(
            pk=lease.ranking_id,
            lease_no=lease.lease_no,
            state=Robustness.State.WANTED,
        )


class Robustness(models.Model):
    """How sure a ranking is, by SMAA (METHOD section 7), and the work on it.

    The seed follows from the ranking's digest, so the same inputs give the same
    result, which is then taken over instead of worked out again.
    """

    class State(models.TextChoices):
        WANTED = "wanted", "Wanted"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    ranking = models.OneToOneField(
        Ranking, primary_key=True, on_delete=models.CASCADE, related_name="robustness"
    )
    digest = models.CharField(
        max_length=64, db_index=True, help_text="SHA-256 of all it follows from."
    )
    seed = models.BigIntegerField()
    n_draws = models.PositiveIntegerField()
    state = models.CharField(
        max_length=10, choices=State, default=State.WANTED, db_default=State.WANTED
    )
    progress = models.FloatField(default=0.0, help_text="Share done, 0 to 1.")
    result = models.JSONField(
        null=True, blank=True, help_text="See matching.robustness.result_json."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_no = models.BigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, help_text="What the last attempt died of.")
    wanted_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = RobustnessQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "robustness"
        ordering = ["wanted_at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="matching_robustness_done_has_its_result",
                condition=Q(state="done", result__isnull=False)
                | (~Q(state="done") & Q(result__isnull=True)),
            ),
            models.CheckConstraint(
                name="matching_robustness_progress_is_a_share",
                condition=Q(progress__gte=0, progress__lte=1),
            ),
        ]
        indexes = [
            models.Index(
                fields=["wanted_at"],
                condition=Q(state="wanted"),
                name="matching_robustness_wanted",
            )
        ]

    def __str__(self) -> str:
        return f"{self.ranking_id}: {self.state}"

    @property
    def has_failed(self) -> bool:
        return self.state == self.State.WANTED and self.attempts >= MAX_ATTEMPTS


class ScenarioQuerySet(models.QuerySet["Scenario"]):
    """Questions about scenarios. Every method chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "ScenarioQuerySet":
        return self.filter(study__in=Study.objects.visible_to(user))

    def for_list(self) -> "ScenarioQuerySet":
        """Leave the places behind."""
        return self.select_related("created_by").defer("result")


class Scenario(TimestampedModel):
    """A study ranked by other weights or other must-haves, kept by name.

    Worked out once over the whole catalogue, and never worked out again: it
    shows what held then. Only the name can be changed. The stored rankings of the
    study are not touched.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="scenarios")
    name = models.CharField(max_length=120)
    weights = models.JSONField(help_text="Criterion to points, 0 to 100, as given.")
    changes = models.JSONField(
        help_text="Rows {scheme, code, label, before, importance}; `waived` gives up "
        "a must."
    )
    study_version = models.PositiveIntegerField()
    base_digest = models.CharField(
        max_length=64, help_text="Of the ranking it began from."
    )
    catalog_version = models.BigIntegerField()
    as_of = models.DateField(help_text="The day ages were counted to.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of all inputs.")
    result = models.JSONField(help_text="See matching.scenarios.result_json.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = ScenarioQuerySet.as_manager()

    class Meta:
        ordering = ["study_id", "created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                "study",
                Lower("name"),
                name="matching_scenario_name_once",
                violation_error_message="The study has a scenario of this name. Give "
                "it another.",
            ),
            models.CheckConstraint(
                name="matching_scenario_has_a_name",
                condition=~Q(name=""),
                violation_error_message="Give the scenario a name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("matching:scenario-detail", args=[self.study_id, self.pk])
