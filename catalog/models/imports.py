"""How far imports of trials are, and what they have read but not yet merged."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog.choices import ImportKind, ImportState, Register
from cro_portal.common.models import TimestampedModel


class ImportRun(TimestampedModel):
    """One import of trials: what was read, how far it came, what it changed.

    What is read is staged in batches, each with its position; at the end all of it
    is merged in one transaction. A run that was killed is taken up again by the
    next import of the same source.
    """

    kind = models.CharField(max_length=4, choices=ImportKind)
    source = models.CharField(max_length=500, help_text="The file's name or the query.")
    digest = models.CharField(
        max_length=64, help_text="SHA-256 that tells this source from others."
    )
    state = models.CharField(
        max_length=8, choices=ImportState, default=ImportState.RUNNING
    )
    position = models.PositiveIntegerField(
        default=0, help_text="Records read and staged, broken ones included."
    )
    page_token = models.CharField(
        max_length=500, blank=True, help_text="The next page of the API."
    )
    n_new = models.PositiveIntegerField("new", default=0)
    n_changed = models.PositiveIntegerField("changed", default=0)
    n_same = models.PositiveIntegerField("same", default=0)
    n_older = models.PositiveIntegerField(
        "older", default=0, help_text="Records older than the one the catalogue has."
    )
    n_broken = models.PositiveIntegerField("broken", default=0)
    n_unmatched = models.PositiveIntegerField(
        "unmatched",
        default=0,
        help_text="Trials that name no organization of the directory.",
    )
    n_unsure = models.PositiveIntegerField(
        "unsure", default=0, help_text="Names a curator has to look at."
    )
    n_roles = models.PositiveIntegerField("roles", default=0)
    problems: Any = models.JSONField(
        default=list,
        blank=True,
        help_text="The first broken records, each with its place and what is wrong.",
    )
    surprises: Any = models.JSONField(
        default=dict,
        blank=True,
        help_text="Unknown countries and other notes, with their numbers of records.",
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="catalog_importrun_done_has_a_time",
                condition=~Q(state=ImportState.DONE) | Q(finished_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["digest"],
                condition=~Q(state=ImportState.DONE),
                name="catalog_importrun_one_open_per_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}, {self.created_at:%Y-%m-%d %H:%M}"


class StagedTrial(models.Model):
    """A record that was read but not merged, with its terms and CROs looked up.

    No foreign keys: rows are written by COPY and go with their run. The arrays of
    conditions, countries and roles are parallel.
    """

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="staged")
    position = models.PositiveIntegerField()
    register = models.CharField(max_length=10, choices=Register)
    registry_id = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    detail = models.PositiveSmallIntegerField()
    digest = models.CharField(max_length=32)
    title = models.CharField(max_length=1000)
    study_type = models.CharField(max_length=20)
    phase_id = models.BigIntegerField(null=True)
    overall_status = models.CharField(max_length=40)
    conditions_as_written = ArrayField(models.CharField(max_length=500))
    intervention_types = ArrayField(models.CharField(max_length=40))
    interventions = ArrayField(models.CharField(max_length=200))
    other_ids = ArrayField(models.CharField(max_length=60))
    participants = models.PositiveIntegerField(null=True)
    n_sites = models.PositiveIntegerField(null=True)
    start_date = models.DateField(null=True)
    completion_date = models.DateField(null=True)
    lead_sponsor = models.CharField(max_length=300)
    sponsor_key = models.CharField(max_length=300)
    sponsor_class = models.CharField(max_length=10)
    condition_ids = ArrayField(models.BigIntegerField())
    condition_certainties = ArrayField(models.FloatField())
    country_ids = ArrayField(models.BigIntegerField())
    country_sites = ArrayField(models.IntegerField(null=True))
    cro_ids = ArrayField(models.BigIntegerField())
    role_kinds = ArrayField(models.CharField(max_length=20))
    role_names = ArrayField(models.CharField(max_length=300))
    role_certainties = ArrayField(models.FloatField())
    unsure: Any = models.JSONField(default=list)

    class Meta:
        ordering = ["run", "position", "pk"]
        indexes = [
            models.Index(
                fields=["run", "register", "registry_id"], name="catalog_staged_record"
            )
        ]

    def __str__(self) -> str:
        return self.registry_id
