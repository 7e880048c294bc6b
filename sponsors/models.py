"""Who asks: sponsors, their people, their studies and what each study needs."""

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from catalog.choices import SizeClass, StudyType
from catalog.models import Term
from cro_portal.common.models import TimestampedModel
from sponsors.bounds import BOUNDS, check_end_date, check_start_date
from sponsors.choices import (
    EDITING_ROLES,
    Importance,
    Role,
    Sex,
    SponsorKind,
    WeightMethod,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from cro_portal.accounts.models import User

STUDY_FIELDS = (
    "title",
    "registry_id",
    "study_type",
    "design",
    "participants",
    "n_sites",
    "start_date",
    "end_date",
    "sex",
    "min_age_years",
    "max_age_years",
    "is_rare_disease",
    "further_studies",
    "staff_needed_fte",
    "sponsor_size",
    "notes",
    "conditions_not_coded",
)
"""The fields of a study that a person may set."""


class SponsorQuerySet(models.QuerySet["Sponsor"]):
    """Questions about sponsors. Every method chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "SponsorQuerySet":
        """Keep the sponsors this person is an active member of."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(
            pk__in=Membership.objects.filter(user=user, is_active=True).values(
                "sponsor"
            )
        )

    def editable_by(self, user: "User | AnonymousUser") -> "SponsorQuerySet":
        """Keep the sponsors for which this person may make and change studies."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(
            pk__in=Membership.objects.filter(
                user=user, is_active=True, role__in=EDITING_ROLES
            ).values("sponsor")
        )


class Sponsor(TimestampedModel):
    """A tenant: a company that looks for CROs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=SponsorKind)
    size = models.CharField(max_length=5, choices=SizeClass, blank=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="sponsors"
    )

    objects = SponsorQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class Membership(TimestampedModel):
    """A person's place in a sponsor."""

    sponsor = models.ForeignKey(
        Sponsor, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=12, choices=Role)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["sponsor_id", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["sponsor", "user"],
                name="sponsors_membership_once",
                violation_error_message="This person is a member already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.sponsor_id}: {self.role}"


class StudyQuerySet(models.QuerySet["Study"]):
    """Questions about studies. Every method chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "StudyQuerySet":
        """Keep the studies of sponsors this person is an active member of."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(
            sponsor__in=Membership.objects.filter(user=user, is_active=True).values(
                "sponsor"
            )
        )

    def editable_by(self, user: "User | AnonymousUser") -> "StudyQuerySet":
        """Keep the studies this person may change."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(
            sponsor__in=Membership.objects.filter(
                user=user, is_active=True, role__in=EDITING_ROLES
            ).values("sponsor")
        )

    def current(self) -> "StudyQuerySet":
        """Keep the studies that are not archived."""
        return self.filter(archived_at__isnull=True)

    def archived(self) -> "StudyQuerySet":
        """Keep the archived ones, the newest archived first."""
        return self.filter(archived_at__isnull=False).order_by("-archived_at", "pk")


class Study(TimestampedModel):
    """A study that needs a CRO. What is empty is not known or not decided.

    `version` rises by one with every change of the study, its requirements or
    its weights; a form that saves names the version it read.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sponsor = models.ForeignKey(
        Sponsor, on_delete=models.CASCADE, related_name="studies"
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    title = models.CharField(max_length=500)
    registry_id = models.CharField(
        "registry number",
        max_length=40,
        blank=True,
        help_text="Such as NCT01234567, 2023-501234-12-00 or ISRCTN12345678.",
    )
    study_type = models.CharField(max_length=20, choices=StudyType, blank=True)
    design = models.CharField(
        max_length=300,
        blank=True,
        help_text="Allocation, model, masking, purpose: in the register's words.",
    )
    participants = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=BOUNDS["participants"].validators(),
        help_text="Planned number of participants.",
    )
    n_sites = models.PositiveIntegerField(
        "sites",
        null=True,
        blank=True,
        validators=BOUNDS["n_sites"].validators(),
        help_text="Planned number of sites.",
    )
    start_date = models.DateField(
        "planned start", null=True, blank=True, validators=[check_start_date]
    )
    end_date = models.DateField(
        "planned end", null=True, blank=True, validators=[check_end_date]
    )
    sex = models.CharField(max_length=6, choices=Sex, blank=True)
    min_age_years = models.DecimalField(
        "minimum age, years",
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=BOUNDS["min_age_years"].validators(),
    )
    max_age_years = models.DecimalField(
        "maximum age, years",
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=BOUNDS["max_age_years"].validators(),
    )
    is_rare_disease = models.BooleanField(
        "rare disease",
        null=True,
        blank=True,
        help_text="Rare: the need of comparable trials is 5 instead of 10.",
    )
    further_studies = models.PositiveSmallIntegerField(
        default=0,
        validators=BOUNDS["further_studies"].validators(),
        help_text="Further studies of the programme expected for the CRO.",
    )
    staff_needed_fte = models.DecimalField(
        "staff needed",
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        validators=BOUNDS["staff_needed_fte"].validators(),
        help_text="Full-time equivalents; empty: 2 + sites / 7 + countries / 2.",
    )
    sponsor_size = models.CharField(max_length=5, choices=SizeClass, blank=True)
    notes = models.TextField(blank=True)
    from_register = models.JSONField(
        default=list,
        blank=True,
        help_text="Names of the fields that still hold what the register's record says.",
    )
    conditions_not_coded = models.JSONField(
        default=list,
        blank=True,
        help_text="Conditions as written that no term was found for.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="created_studies",
    )
    archived_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Since when it is put away: kept to read, not ranked anew.",
    )

    is_blind = models.BooleanField(
        default=False,
        editable=False,
        help_text="CROs stay without their names until the weights are frozen.",
    )

    objects = StudyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["-created_at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="sponsors_study_participants_above_zero",
                condition=Q(participants__isnull=True) | Q(participants__gt=0),
                violation_error_message="Leave the participants empty if not known.",
            ),
            models.CheckConstraint(
                name="sponsors_study_sites_above_zero",
                condition=Q(n_sites__isnull=True) | Q(n_sites__gt=0),
                violation_error_message="Leave the sites empty if not known.",
            ),
            models.CheckConstraint(
                name="sponsors_study_dates_in_order",
                condition=Q(start_date__isnull=True)
                | Q(end_date__isnull=True)
                | Q(end_date__gte=F("start_date")),
                violation_error_message="The planned end lies before the planned start. Mend "
                "one of the two.",
            ),
            models.CheckConstraint(
                name="sponsors_study_ages_in_order",
                condition=Q(min_age_years__isnull=True)
                | Q(max_age_years__isnull=True)
                | Q(max_age_years__gte=F("min_age_years")),
                violation_error_message="The maximum age is below the minimum age. Mend one "
                "of the two.",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("sponsors:study-detail", args=[self.pk])

    @property
    def hides_names(self) -> bool:
        """Whether CROs have no names here yet; one query for a blind study."""
        return (
            self.is_blind
            and not WeightsFreeze.objects.filter(study_id=self.pk).exists()
        )


class StudyCreation(models.Model):
    """A request that made a study, known by the key its client gave it.

    The same key again gives the same study, so a request may be repeated when its
    answer was lost.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    key = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the request's body.")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user_id", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"], name="sponsors_study_creation_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.study_id}"


class StudyChange(models.Model):
    """What one version of a study changed in its fields, and who changed it.

    Requirements and weights keep their own versions; together with these rows
    any two versions of a study can be told apart.
    """

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="changes")
    version = models.PositiveIntegerField(help_text="The version it brought.")
    fields = models.JSONField(
        default=dict, help_text="Field to its value before and after, as in JSON."
    )
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study_id", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "version"], name="sponsors_study_change_once"
            )
        ]

    def __str__(self) -> str:
        return f"version {self.version} of {self.study_id}"


class RequirementQuerySet(models.QuerySet["Requirement"]):
    """Questions about requirements. Every method chains."""

    def current(self) -> "RequirementQuerySet":
        """Keep what the study asks for now."""
        return self.filter(until_version__isnull=True)

    def at(self, version: int) -> "RequirementQuerySet":
        """Keep what the study asked for at one of its versions."""
        return self.filter(since_version__lte=version).filter(
            Q(until_version__isnull=True) | Q(until_version__gt=version)
        )


class Requirement(models.Model):
    """One thing a study asks for: a condition, phase, country, service and so on.

    Rows are never changed: a change ends the row at the study's new version
    (`until_version`, exclusive) and begins another.
    """

    study = models.ForeignKey(
        Study, on_delete=models.CASCADE, related_name="requirements"
    )
    term = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="+")
    importance = models.CharField(
        max_length=6, choices=Importance, default=Importance.HIGH
    )
    share = models.FloatField(
        null=True,
        blank=True,
        help_text="For a country: its share of the sites, 0 to 1; empty: equal shares.",
    )
    is_from_register = models.BooleanField(default=False)
    since_version = models.PositiveIntegerField()
    until_version = models.PositiveIntegerField(null=True, blank=True)

    objects = RequirementQuerySet.as_manager()

    class Meta:
        ordering = ["study_id", "term__scheme_id", "-share", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "term"],
                condition=Q(until_version__isnull=True),
                name="sponsors_requirement_once_per_term",
                violation_error_message="The study asks for this already.",
            ),
            models.CheckConstraint(
                name="sponsors_requirement_share_is_a_share",
                condition=Q(share__isnull=True) | Q(share__gt=0, share__lte=1),
                violation_error_message="A share lies above 0 and at most at 1.",
            ),
            models.CheckConstraint(
                name="sponsors_requirement_versions_in_order",
                condition=Q(until_version__isnull=True)
                | Q(until_version__gt=F("since_version")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.term_id}: {self.importance}"


class WeightsQuerySet(models.QuerySet["Weights"]):
    """Questions about weights. Every method chains."""

    def at(self, version: int) -> "WeightsQuerySet":
        """Order so that the first row is what held at a study's version."""
        return self.filter(since_version__lte=version).order_by("-since_version")


class Weights(models.Model):
    """What matters how much in a study: one row per change, never overwritten.

    A study without a row has the default weights of the method.
    """

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="weights")
    since_version = models.PositiveIntegerField(
        help_text="The study's version that brought these weights."
    )
    values = models.JSONField(
        help_text="Criterion to weight: finite, not negative, one above 0; any scale."
    )
    method = models.CharField(
        max_length=8, choices=WeightMethod, default=WeightMethod.POINTS
    )
    raw = models.JSONField(default=dict, blank=True, help_text="The answers as given.")
    after_freeze = models.ForeignKey(
        "WeightsFreeze",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="later_weights",
        help_text="The freeze that these weights depart from.",
    )
    reason = models.TextField(
        blank=True, help_text="Why they were changed; needed after the freeze."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WeightsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "weights"
        ordering = ["study_id", "-since_version"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "since_version"], name="sponsors_weights_once"
            ),
            models.CheckConstraint(
                name="sponsors_weights_after_freeze_have_a_reason",
                condition=Q(after_freeze__isnull=True) | ~Q(reason=""),
                violation_error_message="The weights are frozen: say why they change.",
            ),
        ]

    def __str__(self) -> str:
        return f"weights of {self.study_id} since {self.since_version}"


class WeightsFreeze(models.Model):
    """That a study's weights were settled, when and by whom: once for each study."""

    study = models.OneToOneField(
        Study, on_delete=models.CASCADE, related_name="weights_freeze"
    )
    weights = models.OneToOneField(
        Weights, on_delete=models.CASCADE, related_name="freeze"
    )
    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    frozen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study_id", "pk"]

    def __str__(self) -> str:
        return f"weights of {self.study_id} frozen at {self.frozen_at}"


class PersonalWeightsQuerySet(models.QuerySet["PersonalWeights"]):
    """Questions about what single people think. Every method chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "PersonalWeightsQuerySet":
        """Keep those on studies of sponsors this person is an active member of."""
        return self.filter(study__in=Study.objects.visible_to(user))

    def of_members(self) -> "PersonalWeightsQuerySet":
        """Keep those of people who are still active members of the study's sponsor."""
        member = Membership.objects.filter(
            sponsor=OuterRef("study__sponsor"), user=OuterRef("user"), is_active=True
        )
        return self.filter(Exists(member))


class PersonalWeights(TimestampedModel):
    """What one person thinks matters how much in a study; no ranking follows it."""

    study = models.ForeignKey(
        Study, on_delete=models.CASCADE, related_name="personal_weights"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    values = models.JSONField(help_text="As in Weights.")
    method = models.CharField(max_length=8, choices=WeightMethod)
    raw = models.JSONField(default=dict, blank=True, help_text="The answers as given.")

    objects = PersonalWeightsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "personal weights"
        ordering = ["study_id", "created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "user"], name="sponsors_personalweights_once"
            )
        ]

    def __str__(self) -> str:
        return f"weights of {self.study_id} by {self.user_id}"
