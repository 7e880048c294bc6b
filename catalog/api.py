"""The catalogue and its vocabularies in the API. Read-only."""

from typing import Any

import django_filters as filters
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.choices import ClaimStatus, Tier
from catalog.filtersets import CROFilterSet
from catalog.models import CRO, CatalogState, Claim, Scheme, Term
from catalog.serializers import (
    ClaimSerializer,
    CRODetailSerializer,
    CROSerializer,
    SchemeSerializer,
    TermSerializer,
)
from cro_portal.common.caching import answer_with_etag
from cro_portal.common.filters import TrueFalseFilter
from cro_portal.common.routes import Router


def catalog_state() -> str:
    """Name the state of the catalogue, its words and the day claims expire by."""
    state = CatalogState.objects.first() or CatalogState()
    return f"{state.version}.{state.vocabulary_version}.{timezone.localdate()}"


@extend_schema_view(
    list=extend_schema(
        tags=["CROs"],
        summary="Find CROs",
        description=(
            "The same filters as the page /cros/. The answer carries an ETag; send it"
            " as If-None-Match and get 304 as long as the catalogue has not changed."
        ),
    ),
    retrieve=extend_schema(
        tags=["CROs"],
        summary="Identity of a CRO, and how much is known of it",
        description="Also of CROs that merged or closed; `successor` says into which.",
    ),
)
class CROViewSet(viewsets.ReadOnlyModelViewSet[CRO]):
    lookup_field = "slug"
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    queryset = CRO.objects.none()
    filterset_class = CROFilterSet

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_queryset(self) -> Any:
        if self.action == "list":
            return CRO.objects.listed()
        return (
            CRO.objects.published()
            .select_related("successor")
            .prefetch_related("aliases")
        )

    def get_serializer_class(self) -> Any:
        return CROSerializer if self.action == "list" else CRODetailSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return answer_with_etag(
            request, catalog_state(), lambda: super(CROViewSet, self).list(request)
        )

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        cro = self.get_object()
        return answer_with_etag(
            request, catalog_state(), lambda: Response(self.get_serializer(cro).data)
        )


class ClaimFilterSet(filters.FilterSet):
    """Which claims of a CRO."""

    scheme = filters.CharFilter(
        field_name="term__scheme", help_text="Code of a scheme."
    )
    term = filters.CharFilter(
        field_name="term__code", help_text="Code of a term, with `scheme`."
    )
    answer = TrueFalseFilter(help_text="Claims that say yes, or that say no.")
    tier = filters.ChoiceFilter(choices=Tier.choices, help_text="1 is the best.")
    status = filters.ChoiceFilter(
        choices=[
            (status.value, status.label)
            for status in (ClaimStatus.ACCEPTED, ClaimStatus.DISPUTED)
        ],
        help_text="Only accepted claims count in a score.",
    )

    class Meta:
        model = Claim
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(
        tags=["CROs"],
        summary="What is claimed of a CRO, by whom, since when, how sure",
        description="Accepted and disputed claims. No claim on a term means unknown.",
    )
)
class ClaimViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Claim]):
    serializer_class = ClaimSerializer
    filterset_class = ClaimFilterSet
    queryset = Claim.objects.none()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Claim.objects.none()
        cro = get_object_or_404(CRO.objects.published(), slug=self.kwargs["slug"])
        return (
            Claim.objects.shown()
            .filter(cro=cro)
            .select_related("term", "country", "area", "source")
            .order_by("term__scheme", "term__position", "term__label", "tier", "pk")
        )


@extend_schema_view(
    list=extend_schema(tags=["Vocabularies"], summary="The schemes and their size")
)
class SchemeViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Scheme]):
    serializer_class = SchemeSerializer
    queryset = Scheme.objects.annotate(
        n_terms=Count("terms", filter=Q(terms__deprecated_on__isnull=True))
    ).order_by("position", "code")


class TermFilterSet(filters.FilterSet):
    """Which terms of a scheme."""

    q = filters.CharFilter(
        method="search", help_text="Words of the label, code or a synonym; best first."
    )
    include_deprecated = TrueFalseFilter(
        method="keep_deprecated", help_text="true also lists terms no longer in use."
    )

    class Meta:
        model = Term
        fields: list[str] = []

    def filter_queryset(self, queryset: Any) -> Any:
        if not self.form.cleaned_data["include_deprecated"]:
            queryset = queryset.current()
        return super().filter_queryset(queryset)

    def keep_deprecated(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset  # `filter_queryset` leaves out the others

    def search(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.search(value)


@extend_schema_view(
    list=extend_schema(
        tags=["Vocabularies"],
        operation_id="vocabularies_terms_list",
        summary="The terms of a scheme",
    )
)
class TermViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Term]):
    serializer_class = TermSerializer
    filterset_class = TermFilterSet
    queryset = Term.objects.none()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Term.objects.none()
        scheme = get_object_or_404(Scheme, code=self.kwargs["scheme"])
        return (
            Term.objects.filter(scheme=scheme)
            .select_related("parent", "replaced_by")
            .prefetch_related("broader")
        )


router = Router()
router.register("cros", CROViewSet, basename="cro")
router.register(
    r"cros/(?P<slug>[-a-zA-Z0-9_]+)/claims", ClaimViewSet, basename="cro-claim"
)
router.register("vocabularies", SchemeViewSet, basename="scheme")
router.register(
    r"vocabularies/(?P<scheme>[-a-zA-Z0-9_]+)", TermViewSet, basename="term"
)
