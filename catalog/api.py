"""The catalogue and its vocabularies in the API. Read-only."""

from collections.abc import Mapping, Sequence
from typing import Any

import django_filters as filters
from django.db.models import Count, F, Prefetch, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.encoding import force_bytes
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import catalogue, search
from catalog.catalogue import Held
from catalog.choices import ClaimStatus, Tier
from catalog.filtersets import CROFilterSet, Found
from catalog.models import CRO, CatalogState, Claim, Scheme, Term, Trial, TrialRole
from catalog.serializers import (
    AS_OF_HELP,
    ClaimSerializer,
    CRODetailSerializer,
    CROPageSerializer,
    CRORowSerializer,
    SchemeSerializer,
    SuggestionSerializer,
    SuggestionsSerializer,
    TermSerializer,
    TrialSerializer,
)
from catalog.snapshot import State
from cro_portal.common.caching import answer_with_etag
from cro_portal.common.filters import TrueFalseFilter, refuse_unknown_parameters
from cro_portal.common.paging import Pages, whole_number
from cro_portal.common.problems import InvalidQuery
from cro_portal.common.routes import Router

AS_OF = "Catalog-As-Of"


def catalog_state() -> str:
    """Name the state of the catalogue, its words and the day claims expire by."""
    state = CatalogState.objects.first() or CatalogState()
    return _as_of(state)


def _as_of(state: CatalogState | State) -> str:
    return f"{state.version}.{state.vocabulary_version}.{timezone.localdate()}"


def dated(body: Mapping[str, Any], as_of: str) -> Response:
    """Answer with the state of the catalogue in the body and in a header."""
    return Response({**body, "as_of": as_of}, headers={AS_OF: as_of})


@extend_schema_view(
    list=extend_schema(
        tags=["CROs"],
        summary="Find CROs",
        description=(
            "The same filters as the page /cros/: what is chosen inside a facet is"
            " any of, between facets all must hold. Known matches come first; CROs of"
            " which something is not known follow and say so. A code that does not"
            " exist is a 400 that names the nearest. The answer carries an ETag; send"
            " it as If-None-Match and get 304 as long as the catalogue has not changed."
        ),
        parameters=[
            OpenApiParameter(
                "facets",
                enum=["0", "1"],
                description="1 adds how many CROs show each value.",
            ),
            OpenApiParameter(
                "fields",
                description="Fields of the rows, separated by commas; all if left out.",
            ),
            OpenApiParameter("page", int, description=Pages.page_query_description),
            OpenApiParameter(
                "page_size", int, description=Pages.page_size_query_description
            ),
        ],
        responses=forced_singular_serializer(CROPageSerializer),
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
    other_parameters = ("facets", "fields")

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
        return CRORowSerializer if self.action == "list" else CRODetailSerializer

    def list(  # type: ignore[override]  # the framework takes any response
        self, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        held = catalogue.current()
        as_of = _as_of(held.state)
        return answer_with_etag(request, as_of, lambda: self._page(held))

    def _page(self, held: Held) -> HttpResponse:
        """Answer with the page; what was written for an address is kept."""
        request = self.request
        params = sorted((name, *given) for name, given in request.query_params.lists())
        form = request.accepted_media_type
        key = "json", form, request.build_absolute_uri(request.path), *params
        written: bytes | None = held.pages.get(key)
        if written is None:
            body, held = self._body()
            context = self.get_renderer_context()
            text = request.accepted_renderer.render(body, form, context)
            written = force_bytes(text)
            held.pages.put(key, written, len(written))
        return HttpResponse(
            written,
            content_type=request.accepted_renderer.media_type,
            headers={AS_OF: _as_of(held.state)},
        )

    def _body(self) -> tuple[dict[str, Any], Held]:
        """Return what the page says, and the catalogue it tells of."""
        params = self.request.query_params
        found: Found = self.filter_queryset(self.get_queryset())
        wants_facets = _one_of(params, "facets", ("0", "1")) == "1"
        fields = _wanted(params, "fields", CRORowSerializer.Meta.fields)
        rows = self.paginate_queryset(found)
        context = {**self.get_serializer_context(), "found": found, "fields": fields}
        page = self.get_paginated_response(
            CRORowSerializer(rows, many=True, context=context).data
        ).data
        body = {
            "count": page["count"],
            "count_known": found.total.total_known,
            "count_unknown": found.total.n_unknown,
            "next": page["next"],
            "previous": page["previous"],
            "results": page["results"],
        }
        if wants_facets:
            body["facets"] = _facet_counts(found)
        return {**body, "as_of": _as_of(found.held.state)}, found.held

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        cro, as_of = self.get_object(), catalog_state()
        context = {**self.get_serializer_context(), "as_of": as_of}
        return answer_with_etag(
            request,
            as_of,
            lambda: dated(CRODetailSerializer(cro, context=context).data, as_of),
        )


def _facet_counts(found: Found) -> dict[str, dict[str, int]]:
    counts = found.held.facets.counts(found.query)
    return {
        facet: {
            code: number
            for code, number in zip(
                counts.codes(facet), counts.numbers(facet).tolist(), strict=True
            )
            if number
        }
        for facet in counts
    }


def _one_of(params: QueryDict, name: str, allowed: Sequence[str]) -> str:
    value = params.get(name, allowed[0])
    if value not in allowed:
        raise InvalidQuery({name: [f"{name} is one of {', '.join(allowed)}."]})
    return value


def _wanted(params: QueryDict, name: str, known: Sequence[str]) -> list[str]:
    """Read names separated by commas; none means all."""
    names = [one.strip() for one in ",".join(params.getlist(name)).split(",")]
    wanted = [one for one in names if one]
    if odd := [one for one in wanted if one not in known]:
        raise InvalidQuery(
            {name: [f"There is no field {odd[0][:80]}. Fields: {', '.join(known)}."]}
        )
    return wanted


class DatedPages(Pages):
    """Pages that also say of which state of the catalogue they tell."""

    def get_paginated_response_schema(self, schema: Any) -> Any:
        page = super().get_paginated_response_schema(schema)
        page["properties"]["as_of"] = {"type": "string", "description": AS_OF_HELP}
        page["required"] = [*page["required"], "as_of"]
        return page


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
    pagination_class = DatedPages
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

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        as_of = catalog_state()
        return answer_with_etag(
            request,
            as_of,
            lambda: dated(super(ClaimViewSet, self).list(request).data, as_of),
        )


@extend_schema_view(
    list=extend_schema(
        tags=["CROs"],
        operation_id="cros_trials_list",
        summary="The registered trials that name a CRO, the newest first",
        description=(
            "Trials in which it was only a site are left out. A sponsor need not name"
            " its CRO in a register: a trial that is not here may still have been run."
        ),
    )
)
class TrialViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Trial]):
    serializer_class = TrialSerializer
    pagination_class = DatedPages
    queryset = Trial.objects.none()

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Trial.objects.none()
        cro = get_object_or_404(CRO.objects.published(), slug=self.kwargs["slug"])
        roles = TrialRole.objects.experience().filter(cro=cro)
        return (
            Trial.objects.experience_of([cro])
            .select_related("phase")
            .prefetch_related(
                "conditions",
                "countries",
                Prefetch("roles", queryset=roles, to_attr="roles_of_cro"),
            )
            .order_by(F("start_date").desc(nulls_last=True), "pk")
        )

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        as_of = catalog_state()
        return answer_with_etag(
            request,
            as_of,
            lambda: dated(super(TrialViewSet, self).list(request).data, as_of),
        )


class SuggestView(APIView):
    """What somebody who types may mean."""

    @extend_schema(
        tags=["CROs"],
        summary="Suggest CROs and codes by the beginning of a name",
        parameters=[
            OpenApiParameter(
                "q",
                required=True,
                description="What was typed, up to 200 characters.",
            ),
            OpenApiParameter(
                "limit", int, description="How many: 1 to 20, 8 if left out."
            ),
        ],
        responses=SuggestionsSerializer,
    )
    def get(self, request: Request) -> Response:
        params = request.query_params
        refuse_unknown_parameters(params, {"q", "limit"})
        words = params.get("q", "")
        if not words.strip("\0 ") or len(words) > search.TEXT_LENGTH:
            raise InvalidQuery({"q": ["Give 1 to 200 characters."]})
        limit = whole_number(params.get("limit", "8"), parameter="limit", largest=20)
        as_of = catalog_state()
        found = search.suggest(words, limit)
        return dated({"results": SuggestionSerializer(found, many=True).data}, as_of)


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
router.register(
    r"cros/(?P<slug>[-a-zA-Z0-9_]+)/trials", TrialViewSet, basename="cro-trial"
)
router.register("vocabularies", SchemeViewSet, basename="scheme")
router.register(
    r"vocabularies/(?P<scheme>[-a-zA-Z0-9_]+)", TermViewSet, basename="term"
)
