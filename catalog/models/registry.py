"""The track record: trials as public registers show them."""

import datetime as dt
from collections.abc import Iterable

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from catalog.choices import Register, RoleKind, SizeClass, SponsorClass, StudyType
from catalog.models.claims import CRO
from catalog.models.vocabulary import Term
from cro_portal.common.models import TimestampedModel


class TrialQuerySet(models.QuerySet["Trial"]):
    """Questions about trials. Every method chains."""

    def experience_of(self, cros: Iterable[CRO]) -> "TrialQuerySet":
        """Keep the trials in which one of these CROs had a part, each once."""
        roles = TrialRole.objects.experience().filter(cro__in=cros)
        return self.filter(pk__in=roles.values("trial"))


class Trial(TimestampedModel):
    """A registered trial. Empty means the record does not say."""

    register = models.CharField(max_length=10, choices=Register)
    registry_id = models.CharField(max_length=40)
    title = models.CharField(max_length=1000, blank=True)
    study_type = models.CharField(max_length=20, choices=StudyType, blank=True)
    phase = models.ForeignKey(
        Term, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    overall_status = models.CharField(max_length=40, blank=True)
    conditions_as_written = ArrayField(
        models.CharField(max_length=500), default=list, blank=True
    )
    other_ids = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="The sponsor's number and those of other registers.",
    )
    interventions = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="What is tried, as written.",
    )
    intervention_types = ArrayField(
        models.CharField(max_length=40), default=list, blank=True
    )
    conditions = models.ManyToManyField(
        Term, through="TrialCondition", related_name="+"
    )
    countries = models.ManyToManyField(Term, through="TrialCountry", related_name="+")
    participants = models.PositiveIntegerField(null=True, blank=True)
    n_sites = models.PositiveIntegerField(null=True, blank=True)
    start_date = models.DateField(
        null=True,
        blank=True,
        help_text="The first day of the month if only that is known.",
    )
    completion_date = models.DateField(null=True, blank=True)
    lead_sponsor = models.CharField(max_length=300, blank=True)
    sponsor_key = models.CharField(
        max_length=300,
        blank=True,
        help_text="The lead sponsor's name in lower case without legal form.",
    )
    sponsor_class = models.CharField(max_length=10, choices=SponsorClass, blank=True)
    sponsor_size = models.CharField(max_length=5, choices=SizeClass, blank=True)
    record_version = models.CharField(
        max_length=40, blank=True, help_text="The register's own version or date."
    )
    retrieved_on = models.DateField(null=True, blank=True)
    record_detail = models.PositiveSmallIntegerField(
        default=0,
        editable=False,
        help_text="How much the format of the record tells, 0 unknown to 4.",
    )
    record_digest = models.CharField(
        max_length=32,
        blank=True,
        editable=False,
        help_text="Tells whether an import would change anything.",
    )

    objects = TrialQuerySet.as_manager()

    class Meta:
        ordering = ["register", "registry_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["register", "registry_id"], name="catalog_trial_once"
            ),
            models.CheckConstraint(
                name="catalog_trial_dates_in_order",
                condition=Q(start_date__isnull=True)
                | Q(completion_date__isnull=True)
                | Q(completion_date__gte=F("start_date")),
            ),
        ]

    def __str__(self) -> str:
        return self.registry_id

    @property
    def record_day(self) -> dt.date | None:
        """The day of the record by the register; None where it gives no whole day."""
        try:
            return dt.date.fromisoformat(self.record_version[:10])
        except ValueError:
            return None

    @property
    def register_url(self) -> str:
        """The record's page in its register; empty for fictional trials."""
        if self.register == Register.CTGOV:
            return f"https://clinicaltrials.gov/study/{self.registry_id}"
        if self.register == Register.CTIS:
            return f"https://euclinicaltrials.eu/ctis-public/view/{self.registry_id}"
        return ""


class TrialCondition(models.Model):
    """A condition of a trial as a MeSH term, and how sure that is (0 to 1)."""

    trial = models.ForeignKey(
        Trial, on_delete=models.CASCADE, related_name="trial_conditions"
    )
    term = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="+")
    certainty = models.FloatField(default=1.0)

    class Meta:
        ordering = ["trial_id", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "term"], name="catalog_trialcondition_once"
            ),
            models.CheckConstraint(
                name="catalog_trialcondition_certainty_is_a_share",
                condition=Q(certainty__gt=0, certainty__lte=1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial_id}: {self.term_id}"


class TrialCountry(models.Model):
    """A country of a trial, with its number of sites if the record says it."""

    trial = models.ForeignKey(
        Trial, on_delete=models.CASCADE, related_name="trial_countries"
    )
    country = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="+")
    n_sites = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["trial_id", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "country"], name="catalog_trialcountry_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.trial_id}: {self.country_id}"


class TrialRoleQuerySet(models.QuerySet["TrialRole"]):
    """Questions about the part CROs had in trials. Every method chains."""

    def experience(self) -> "TrialRoleQuerySet":
        """Keep the roles that are a CRO's experience; a facility is a site's."""
        return self.exclude(kind=RoleKind.FACILITY)


class TrialRole(models.Model):
    """The part a CRO had in a trial, by the field of the record that names it."""

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="roles")
    cro = models.ForeignKey(
        CRO, on_delete=models.CASCADE, related_name="trial_roles", verbose_name="CRO"
    )
    kind = models.CharField(max_length=20, choices=RoleKind)
    name_as_written = models.CharField(max_length=300, blank=True)
    certainty = models.FloatField(
        default=1.0, help_text="How sure the name is this CRO, 0 to 1."
    )
    is_by_hand = models.BooleanField(
        "entered by hand",
        default=False,
        db_default=False,
        editable=False,
        help_text="A curator made or corrected it; imports leave it alone.",
    )

    objects = TrialRoleQuerySet.as_manager()

    class Meta:
        ordering = ["trial_id", "cro_id", "kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["cro", "trial", "kind"], name="catalog_trialrole_once"
            ),
            models.CheckConstraint(
                name="catalog_trialrole_certainty_is_a_share",
                condition=Q(certainty__gt=0, certainty__lte=1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cro_id} in {self.trial_id}: {self.kind}"
