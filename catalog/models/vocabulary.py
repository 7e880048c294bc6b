"""The words: one table of terms for every coded list."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q


class Scheme(models.Model):
    """A coded list: services, countries, conditions and so on."""

    code = models.SlugField(primary_key=True, max_length=40)
    label = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    code_system = models.CharField(
        max_length=100, blank=True, help_text="Whose codes these are, such as MeSH."
    )
    code_system_version = models.CharField(max_length=40, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.label


class TermQuerySet(models.QuerySet["Term"]):
    """Questions about terms. Every method chains."""

    def of(self, scheme: str) -> "TermQuerySet":
        return self.filter(scheme_id=scheme)

    def current(self) -> "TermQuerySet":
        """Keep the terms a new claim or requirement may use."""
        return self.filter(deprecated_on__isnull=True)


class Term(models.Model):
    """A word of a coded list.

    `parent` is the one place in the list's own tree; `broader` are further
    wider terms, also of other lists (Poland is in the EU and in Eastern Europe).
    MeSH conditions have their places in `tree_numbers`, one or several.
    """

    scheme = models.ForeignKey(Scheme, on_delete=models.PROTECT, related_name="terms")
    code = models.SlugField(max_length=100, allow_unicode=False)
    label = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    broader = models.ManyToManyField(
        "self", symmetrical=False, blank=True, related_name="members"
    )
    external_code = models.CharField(
        max_length=60, blank=True, help_text="Its code in the code system, if known."
    )
    synonyms = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    tree_numbers = ArrayField(
        models.CharField(max_length=80),
        default=list,
        blank=True,
        help_text="MeSH tree numbers, such as C04.588.894.",
    )
    attributes = models.JSONField(
        default=dict,
        blank=True,
        help_text="What only this list has: unit, direction and bounds of a metric…",
    )
    position = models.PositiveIntegerField(default=0)
    deprecated_on = models.DateField(null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaces"
    )

    objects = TermQuerySet.as_manager()

    class Meta:
        ordering = ["scheme_id", "position", "label", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["scheme", "code"], name="catalog_term_code_is_unique_in_scheme"
            ),
            models.CheckConstraint(
                name="catalog_term_is_not_its_own_parent",
                condition=Q(parent__isnull=True) | ~Q(parent=F("pk")),
            ),
            models.CheckConstraint(
                name="catalog_term_replaced_only_when_deprecated",
                condition=Q(replaced_by__isnull=True) | Q(deprecated_on__isnull=False),
                violation_error_message="Say since when the replaced term is deprecated.",
            ),
        ]
        indexes = [
            GinIndex(fields=["tree_numbers"], name="catalog_term_tree_numbers"),
            models.Index(
                fields=["scheme", "external_code"], name="catalog_term_external_code"
            ),
        ]

    def __str__(self) -> str:
        return self.label
