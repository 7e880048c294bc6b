"""The filters of the catalogue, the same for page and API."""

from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from catalog.models import CRO, Term
from catalog.models.claims import CROQuerySet


@extend_schema_field(OpenApiTypes.STR)
class TermFilter(filters.ModelChoiceFilter):
    """Keep CROs that show a term of one scheme, given by its code."""

    def __init__(self, *, scheme: str, empty: str, **kwargs: Any) -> None:
        super().__init__(
            queryset=lambda request: Term.objects.of(scheme).current(),
            to_field_name="code",
            empty_label=empty,
            error_messages={
                "invalid_choice": "There is no such entry; choose one from the list."
            },
            **kwargs,
        )

    def filter(self, qs: CROQuerySet, value: Term | None) -> CROQuerySet:
        return qs if value is None else qs.showing(value, on=timezone.localdate())


class CROFilterSet(filters.FilterSet):
    """The filters of the CRO list."""

    q = filters.CharFilter(
        method="named", label="Name", help_text="Part of a name, also a former one."
    )
    therapeutic_area = TermFilter(
        scheme="therapeutic_area", label="Therapeutic area", empty="Any area"
    )
    phase = TermFilter(scheme="phase", label="Phase", empty="Any phase")
    service = TermFilter(scheme="service", label="Service", empty="Any service")
    country = TermFilter(scheme="country", label="Country", empty="Any country")
    region = TermFilter(scheme="region", label="Region", empty="Any region")
    technology = TermFilter(
        scheme="technology", label="Technology", empty="Any technology"
    )

    class Meta:
        model = CRO
        fields: list[str] = []

    def named(self, qs: CROQuerySet, name: str, value: str) -> QuerySet[CRO]:
        return qs.named(value)
