"""Names in registers that wait for a curator to say who is meant."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog.choices import MatchDecision
from catalog.models.claims import CRO
from cro_portal.common.models import TimestampedModel


class OrganizationMatchQuerySet(models.QuerySet["OrganizationMatch"]):
    """Questions about unsure names. Every method chains."""

    def open(self) -> "OrganizationMatchQuerySet":
        """Keep the names nobody has decided on."""
        return self.filter(decision=MatchDecision.OPEN)

    def strangers(self) -> "OrganizationMatchQuerySet":
        """Keep the names a curator called none of the directory."""
        return self.filter(decision=MatchDecision.NONE)


class OrganizationMatch(TimestampedModel):
    """A name in a register that may be an organization of the directory.

    `key` is the name without legal form, case, accents and punctuation. What a
    curator decides becomes an alias, or keeps the name out, in later imports.
    """

    key = models.CharField(max_length=400, editable=False)
    name_as_written = models.CharField(max_length=400, blank=True)
    domain = models.CharField(max_length=255, blank=True)
    n_trials = models.PositiveIntegerField(
        default=1, help_text="Trials that name it so, in the import with the most."
    )
    examples = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="Registry numbers of some trials that name it so.",
    )
    proposals: Any = models.JSONField(
        default=list,
        blank=True,
        help_text="Organizations that may be meant, as slug and certainty, best first.",
    )
    reasons = ArrayField(models.TextField(), default=list, blank=True)
    likeliest = models.ForeignKey(
        CRO,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The best of the proposals.",
    )
    decision = models.CharField(
        max_length=5, choices=MatchDecision, blank=True, default=MatchDecision.OPEN
    )
    cro = models.ForeignKey(
        CRO,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="matches",
        verbose_name="CRO",
        help_text="Who it is, by a curator's word.",
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = OrganizationMatchQuerySet.as_manager()

    class Meta:
        verbose_name = "unsure name"
        ordering = ["-n_trials", "key", "domain"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "domain"], name="catalog_organizationmatch_once"
            ),
            models.CheckConstraint(
                name="catalog_organizationmatch_names_something",
                condition=~Q(key="", domain=""),
            ),
            models.CheckConstraint(
                name="catalog_organizationmatch_says_who",
                condition=Q(decision__in=("same", "other"), cro__isnull=False)
                | Q(decision__in=("", "none"), cro__isnull=True),
                violation_error_message="Say which CRO it is.",
            ),
            models.CheckConstraint(
                name="catalog_organizationmatch_decision_has_a_time",
                condition=Q(decision="") | Q(decided_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["decision", "-n_trials"], name="catalog_match_queue")
        ]

    def __str__(self) -> str:
        return self.name_as_written or self.domain
