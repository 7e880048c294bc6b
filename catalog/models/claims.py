"""CROs and the sourced claims about them."""

import datetime as dt
import uuid
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from catalog.choices import (
    BEST_TIER,
    RESERVED_SLUGS,
    AliasKind,
    Aspect,
    ClaimStatus,
    CROStatus,
    Delivery,
    SourceKind,
    Tier,
)
from catalog.models.vocabulary import Scheme, Term
from cro_portal.common.models import TimestampedModel


class CatalogState(models.Model):
    """The catalogue's version: one row, raised by every change of it.

    Raising it takes the row's lock until commit, so versions become visible in
    order, and "changed since version n" misses nothing.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=1)
    vocabulary_version = models.BigIntegerField(default=1)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(name="catalog_state_is_one_row", condition=Q(id=1))
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class Source(TimestampedModel):
    """Where a claim comes from."""

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=SourceKind)
    title = models.CharField(max_length=300)
    url = models.URLField(max_length=500, blank=True)
    publisher = models.CharField(max_length=200, blank=True)
    published_on = models.DateField(null=True, blank=True)
    retrieved_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return self.title


RECORD_OF_SCHEME = {
    "therapeutic_area": "trial__conditions",
    "condition": "trial__conditions",
    "phase": "trial__phase",
    "country": "trial__countries",
    "region": "trial__countries",
}
"""Schemes that a trial itself shows, with the way from a role to the term."""


def _counted(rows: "models.QuerySet[Any]", field: str) -> Coalesce:
    """Count the distinct values of `field` in rows of one CRO; none is 0."""
    counts = rows.values("cro").annotate(n=Count(field, distinct=True)).values("n")
    return Coalesce(Subquery(counts), 0)


class CROQuerySet(models.QuerySet["CRO"]):
    """Questions the portal asks about CROs. Every method chains."""

    def listed(self) -> "CROQuerySet":
        """Keep the CROs a sponsor may see."""
        return self.filter(status=CROStatus.LISTED)

    def published(self) -> "CROQuerySet":
        """Keep the CROs that have a page: listed, and those that merged or closed."""
        return self.exclude(status=CROStatus.DRAFT)

    def named(self, text: str) -> "CROQuerySet":
        """Keep CROs with all words of `text` in one of their names."""
        names = Q()
        aliases = Q()
        for word in text.split():
            names &= Q(name__icontains=word)
            aliases &= Q(name__icontains=word)
        return self.filter(
            names | Exists(Alias.objects.filter(aliases, cro=OuterRef("pk")))
        )

    def showing(self, term: Term, *, on: dt.date) -> "CROQuerySet":
        """Keep CROs with a yes valid on that day, or a trial, on `term` or below it.

        EXISTS and not a join, so a CRO never appears twice.
        """
        terms = Term.objects.narrower(term)
        claims = Claim.objects.valid(on).filter(answer=True, term__in=terms)
        shown = Q(Exists(claims.filter(cro=OuterRef("pk"))))
        if field := RECORD_OF_SCHEME.get(term.scheme_id):
            roles = self._roles().filter(cro=OuterRef("pk"))
            shown |= Q(Exists(roles.filter(**{f"{field}__in": terms})))
        return self.filter(shown)

    def for_list(self) -> "CROQuerySet":
        """Listed CROs with what a card shows: n_claims, n_trials, last_observed_on."""
        claims = Claim.objects.shown().filter(cro=OuterRef("pk")).order_by()
        roles = self._roles().filter(cro=OuterRef("pk")).order_by()
        return self.listed().annotate(
            n_claims=_counted(claims, "pk"),
            n_trials=_counted(roles, "trial"),
            last_observed_on=Subquery(
                claims.values("cro").annotate(last=Max("observed_on")).values("last")
            ),
        )

    def _roles(self) -> "models.QuerySet[Any]":
        """Return the roles that are experience; their model stands above this one."""
        return apps.get_model("catalog", "TrialRole").objects.experience()


class CRO(TimestampedModel):
    """A contract research organization: identity only; all else is a claim."""

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)
    website = models.URLField(max_length=300, blank=True)
    summary = models.CharField(
        max_length=500, blank=True, help_text="One or two plain sentences, no praise."
    )
    status = models.CharField(max_length=10, choices=CROStatus, default=CROStatus.DRAFT)
    is_fictional = models.BooleanField(
        default=False, help_text="Invented for the demo; marked so wherever shown."
    )
    successor = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="predecessors",
        help_text="The CRO it became part of.",
    )
    succeeded_on = models.DateField(null=True, blank=True)
    catalog_version = models.BigIntegerField(
        default=0, help_text="Catalogue version at its last change.", editable=False
    )

    objects = CROQuerySet.as_manager()

    class Meta:
        verbose_name = "CRO"
        verbose_name_plural = "CROs"
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                name="catalog_cro_merged_has_a_successor",
                condition=~Q(status=CROStatus.MERGED) | Q(successor__isnull=False),
                violation_error_message="Say which CRO it merged into.",
            ),
            models.CheckConstraint(
                name="catalog_cro_is_not_its_own_successor",
                condition=Q(successor__isnull=True) | ~Q(successor=F("pk")),
                violation_error_message="A CRO cannot succeed itself.",
            ),
            models.CheckConstraint(
                name="catalog_cro_slug_is_not_reserved",
                condition=~Q(slug__in=RESERVED_SLUGS),
                violation_error_message=(
                    "A page of the portal has this address: make the slug longer."
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["catalog_version"], name="catalog_cro_version"),
            models.Index(fields=["status", "name"], name="catalog_cro_listing"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("catalog:cro-detail", args=[self.slug])


class Alias(models.Model):
    """Another name of a CRO, with the time it was in use."""

    cro = models.ForeignKey(
        CRO, on_delete=models.CASCADE, related_name="aliases", verbose_name="CRO"
    )
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=15, choices=AliasKind, default=AliasKind.BRAND)
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    source = models.ForeignKey(
        Source, null=True, blank=True, on_delete=models.PROTECT, related_name="aliases"
    )

    class Meta:
        verbose_name_plural = "aliases"
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cro", "kind", "name"], name="catalog_alias_once_per_cro"
            ),
            models.CheckConstraint(
                name="catalog_alias_dates_in_order",
                condition=Q(valid_to__isnull=True)
                | Q(valid_from__isnull=True)
                | Q(valid_to__gte=F("valid_from")),
                violation_error_message="A name cannot end before it begins.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ClaimQuerySet(models.QuerySet["Claim"]):
    """Questions about claims. Every method chains."""

    def accepted(self) -> "ClaimQuerySet":
        """Keep the claims that count (whether expired is a question of the day)."""
        return self.filter(status=ClaimStatus.ACCEPTED)

    def valid(self, on: dt.date) -> "ClaimQuerySet":
        """Keep the accepted claims that have not expired before that day."""
        return self.accepted().filter(
            Q(expires_on__isnull=True) | Q(expires_on__gte=on)
        )

    def shown(self) -> "ClaimQuerySet":
        """Keep the claims a sponsor may read: what counts and what is in dispute."""
        return self.filter(status__in=(ClaimStatus.ACCEPTED, ClaimStatus.DISPUTED))

    def contradicted(self) -> "ClaimQuerySet":
        """Keep what readers see as a no although a registered trial shows the thing.

        Claims scoped to a country or an area, or to an aspect of presence, are left
        out: a trial does not speak to them alone.
        """
        return self.shown().filter(
            Q(answer=False, aspect="", country=None, area=None)
            & RawSQL(SHOWN_BY_A_TRIAL, (), output_field=models.BooleanField())  # noqa: S611 - a constant
        )


IN_THE_TREE = """EXISTS (
                  SELECT 1 FROM catalog_trialcondition AS studied
                    JOIN catalog_term AS term ON term.id = studied.term_id,
                         unnest(term.tree_numbers) AS own,
                         unnest(said.tree_numbers) AS wider
                   WHERE studied.trial_id = trial.id
                     AND starts_with(own || '.', wider || '.'))"""
SHOWN_BY_A_TRIAL = f"""
    EXISTS (
      SELECT 1 FROM catalog_term AS said, catalog_trialrole AS role
        JOIN catalog_trial AS trial ON trial.id = role.trial_id
       WHERE said.id = catalog_claim.term_id
         AND role.cro_id = catalog_claim.cro_id AND role.kind <> 'facility'
         AND CASE said.scheme_id
             WHEN 'phase' THEN trial.phase_id IN (
                  SELECT id FROM catalog_term WHERE said.id IN (id, parent_id))
             WHEN 'country' THEN EXISTS (
                  SELECT 1 FROM catalog_trialcountry AS place
                   WHERE place.trial_id = trial.id AND place.country_id = said.id)
             WHEN 'condition' THEN {IN_THE_TREE}
             WHEN 'therapeutic_area' THEN {IN_THE_TREE}
             ELSE false END)
"""  # noqa: S608 - made of constants
"""Whether a trial of the CRO shows the term of a claim, or one below it."""


class Claim(TimestampedModel):
    """A statement about a CRO: yes or no on a term, by whom, since when, how sure.

    Unknown is the absence of a claim. `value` carries the number of a metric in
    the term's unit; `qualifiers` what only some terms have: `product`,
    `is_validated` (technology), `number`, `issuer` (certificate).
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    cro = models.ForeignKey(
        CRO, on_delete=models.CASCADE, related_name="claims", verbose_name="CRO"
    )
    term = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="claims")
    answer = models.BooleanField(help_text="Yes or no; unknown is no claim at all.")
    aspect = models.CharField(
        max_length=15,
        choices=Aspect,
        blank=True,
        default=Aspect.UNSPECIFIED,
        help_text="For a country: which kind of presence.",
    )
    country = models.ForeignKey(
        Term,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Holds only in this country or region.",
    )
    area = models.ForeignKey(
        Term,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Holds only in this therapeutic area.",
    )
    delivery = models.CharField(
        max_length=10, choices=Delivery, blank=True, default=Delivery.OWN
    )
    value = models.DecimalField(
        max_digits=16,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="The number of a metric, in the unit of its term.",
    )
    qualifiers = models.JSONField(default=dict, blank=True)
    tier = models.PositiveSmallIntegerField(choices=Tier)
    source = models.ForeignKey(
        Source, null=True, blank=True, on_delete=models.PROTECT, related_name="claims"
    )
    observed_on = models.DateField(help_text="The day the fact was true.")
    expires_on = models.DateField(null=True, blank=True)
    status = models.CharField(
        max_length=12, choices=ClaimStatus, default=ClaimStatus.PROPOSED
    )
    asserted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="asserted_claims",
    )
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="verified_claims",
    )
    verified_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)

    objects = ClaimQuerySet.as_manager()

    class Meta:
        ordering = ["cro_id", "term_id", "tier", "-observed_on", "pk"]
        constraints = [
            models.CheckConstraint(
                name="catalog_claim_tier_is_known",
                condition=Q(tier__gte=1, tier__lte=5),
            ),
            models.CheckConstraint(
                name="catalog_claim_delivery_only_with_yes",
                condition=Q(answer=True, delivery__in=Delivery.values)
                | Q(answer=False, delivery=""),
                violation_error_message=(
                    "A yes says who delivers; a no leaves the delivery empty."
                ),
            ),
            models.CheckConstraint(
                name="catalog_claim_value_only_with_yes",
                condition=Q(value__isnull=True) | Q(answer=True),
                violation_error_message="A number goes with the answer yes.",
            ),
            models.CheckConstraint(
                name="catalog_claim_expires_after_observed",
                condition=Q(expires_on__isnull=True)
                | Q(expires_on__gte=F("observed_on")),
                violation_error_message="A claim cannot expire before it was observed.",
            ),
            models.CheckConstraint(
                name="catalog_claim_good_evidence_has_a_source",
                condition=Q(tier__gte=Tier.ATTESTED) | Q(source__isnull=False),
                violation_error_message="Tiers T1 to T3 name their source.",
            ),
            models.CheckConstraint(
                name="catalog_claim_verifier_has_a_time",
                condition=Q(verified_by__isnull=True) | Q(verified_at__isnull=False),
            ),
            models.UniqueConstraint(
                name="catalog_claim_accepted_once",
                fields=[
                    "cro",
                    "term",
                    "answer",
                    "aspect",
                    "country",
                    "area",
                    "delivery",
                    "value",
                    "tier",
                    "source",
                    "observed_on",
                ],
                condition=Q(status=ClaimStatus.ACCEPTED),
                nulls_distinct=False,
                violation_error_message="The same claim is accepted already.",
            ),
        ]
        indexes = [
            models.Index(fields=["term", "cro"], name="catalog_claim_by_term"),
        ]

    def __str__(self) -> str:
        """Read the CRO and the term: lists fetch both with `select_related`."""
        return f"{self.cro}: {self.term}, {'yes' if self.answer else 'no'}"

    def clean(self) -> None:
        """Refuse what no row can hold: facts of the future, a tier above its source.

        Raises
        ------
        ValidationError
            By field.
        """
        # A form that refused a field leaves it None and still asks here.
        observed_on = cast("dt.date | None", self.observed_on)
        tier = cast("int | None", self.tier)
        problems = {}
        if observed_on is not None and observed_on > timezone.now().date():
            problems["observed_on"] = (
                f"{observed_on:%Y-%m-%d} lies in the future; say the day on which"
                " the fact was true."
            )
        if tier is not None and self.source is not None:
            best = BEST_TIER[SourceKind(self.source.kind)]
            if tier < best:
                problems["tier"] = (
                    f"A source of the kind “{self.source.get_kind_display()}” gives"
                    f" “{best.label}” at best. Choose that tier or a weaker one, or"
                    " name a better source."
                )
        if problems:
            raise ValidationError(problems)


class CompleteList(TimestampedModel):
    """A curator's word that all yes-claims of a list are there for a CRO.

    Then a term of the list without a claim is a no (METHOD section 2).
    """

    cro = models.ForeignKey(
        CRO,
        on_delete=models.CASCADE,
        related_name="complete_lists",
        verbose_name="CRO",
    )
    scheme = models.ForeignKey(Scheme, on_delete=models.PROTECT, related_name="+")
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    declared_on = models.DateField()

    class Meta:
        ordering = ["cro_id", "scheme_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["cro", "scheme"], name="catalog_completelist_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.scheme_id} complete"
