"""The words: one table of terms for every coded list."""

import re

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Case, F, Func, IntegerField, Q, Value, When
from django.db.models.expressions import RawSQL

PLACES = ("country", "region", "market_class")
"""Schemes whose terms lie in one another. A regulator is keyed to a country by
`broader` too, but who knows the regulator has not thereby worked in the country."""

# The term itself, then again and again its children, its members of the same scheme
# (or, among places, of another), and the conditions at or below its own MeSH tree numbers.
# Materialized, because a planner without statistics would find them anew for each row.
_NARROWER = """
    WITH RECURSIVE narrower AS (
        SELECT id, scheme_id FROM catalog_term WHERE id = %s
        UNION
        SELECT term.id, term.scheme_id
        FROM narrower AS wider
        CROSS JOIN LATERAL (
            SELECT id FROM catalog_term WHERE parent_id = wider.id
            UNION ALL
            SELECT link.from_term_id
            FROM catalog_term_broader AS link
            WHERE link.to_term_id = wider.id
        ) AS below
        JOIN catalog_term AS term ON term.id = below.id
        WHERE term.scheme_id = wider.scheme_id
           OR (term.scheme_id = ANY(%s) AND wider.scheme_id = ANY(%s))
    ), found AS MATERIALIZED (
        SELECT id FROM narrower
        UNION
        SELECT id FROM catalog_term
        WHERE scheme_id = 'condition'
          AND EXISTS (
            SELECT FROM unnest(tree_numbers) AS place,
                        unnest(%s::text[]) AS top
            WHERE place = top OR starts_with(place, top || '.')
          )
    )
    SELECT id FROM found
"""


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

    def narrower(self, term: "Term") -> "TermQuerySet":
        """Keep `term` and what lies in it: whoever can do these can do the term.

        Down the list's own tree, through `broader` (countries in their regions),
        and for conditions and therapeutic areas down the MeSH trees.
        """
        places = list(PLACES)
        return self.filter(
            pk__in=RawSQL(_NARROWER, [term.pk, places, places, term.tree_numbers])  # noqa: S611 - no user text
        )

    def search(self, text: str) -> "TermQuerySet":
        """Keep terms whose label, code or a synonym has every word of `text`.

        Also the term whose code in the outside code list (D001943) or MeSH tree
        number (C04.588.180) it is. Best first: the name itself, then names that
        begin with it, then the rest. Nothing typed gives nothing.
        """
        text = " ".join(text.split())
        if not text:
            return self.none()
        names = self.alias(
            names=Func(
                F("label"),
                F("code"),
                Func(
                    F("synonyms"),
                    Value("\n"),
                    function="array_to_string",
                    output_field=models.TextField(),
                ),
                template="concat_ws(E'\\n', %(expressions)s)",
                output_field=models.TextField(),
            )
        )
        in_names = Q()
        for word in text.split():
            in_names &= Q(names__icontains=word)
        is_coded = Q(external_code__iexact=text) | Q(
            tree_numbers__contains=[text.upper()]
        )
        names = names.filter(in_names | is_coded)
        pattern = re.escape(text)
        return names.alias(
            nearness=Case(
                When(Q(label__iexact=text) | Q(code__iexact=text) | is_coded, then=0),
                When(names__iregex=rf"(^|\n){pattern}($|\n)", then=1),
                When(label__istartswith=text, then=2),
                When(names__iregex=rf"(^|\n){pattern}", then=3),
                default=4,
                output_field=IntegerField(),
            )
        ).order_by("nearness", "scheme_id", "position", "label", "pk")


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

    def narrower(self) -> TermQuerySet:
        """Give this term and what lies in it; see `TermQuerySet.narrower`."""
        return Term.objects.narrower(self)
