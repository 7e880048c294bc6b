"""Rankings in the API: stored ones, runs, and matching on the spot."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cro_portal.accounts.authentication import person
from cro_portal.common.filters import refuse_unknown_parameters
from cro_portal.common.paging import whole_number
from cro_portal.common.routes import Router
from matching import blind, selectors, services
from matching.models import RankingEntry, RankingRun
from matching.serializers import (
    MATCH_EXAMPLE,
    MatchSerializer,
    RankingSerializer,
    RunSerializer,
    StoredRankingSerializer,
    ranking_json,
)
from sponsors.api import study_to_change
from sponsors.models import Study

DEFAULT_LIMIT, MAX_LIMIT = 25, 200
LIMIT = OpenApiParameter(
    "limit",
    {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_LIMIT,
        "default": DEFAULT_LIMIT,
    },
    description="Places of `results`, and as many of `near_misses` at most.",
)


def _limit(request: Request) -> int:
    refuse_unknown_parameters(request.query_params, {"limit"})
    text = request.query_params.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    return whole_number(text, parameter="limit", largest=MAX_LIMIT)


class MatchView(APIView):
    """Rank CROs for a study that is not stored."""

    stores_nothing = True
    throttle_scope = "match"

    @extend_schema(
        operation_id="match",
        tags=["Rankings"],
        summary="Rank CROs for a study at once; nothing is stored",
        parameters=[LIMIT],
        request=MatchSerializer,
        responses={200: RankingSerializer},
        examples=[OpenApiExample("A study", value=MATCH_EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        limit = _limit(request)
        serializer = MatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        ranked = services.compute_now(serializer.validated_data["spec"], limit=limit)
        return Response(ranking_json(ranked.ranking, ranked.entries))


class StudyRankingView(APIView):
    """The ranking of one study."""

    @extend_schema(
        operation_id="studies_ranking_retrieve",
        tags=["Rankings"],
        summary="The newest stored ranking of a study",
        description=(
            "`state` says whether a newer one is on its way. While a study hides the"
            " names of CROs, each has a code for name and slug, and its facts name"
            " neither claims nor trials."
        ),
        parameters=[LIMIT],
        responses={200: StoredRankingSerializer},
    )
    def get(self, request: Request, pk: str) -> Response:
        study = get_object_or_404(Study.objects.visible_to(request.user), pk=pk)
        limit = _limit(request)
        page = selectors.ranking_page(study)
        ranking = page.ranking
        entries: list[RankingEntry] = []
        if ranking:
            kept = ranking.entries.select_related("cro").order_by("position")
            entries += kept.in_the_running()[:limit]
            entries += kept.near_misses()[:limit]
        entries = blind.shown(study, entries)
        return Response(
            {
                "state": page.state,
                "since": page.since,
                "error": page.error,
                "study_version": ranking.study_version if ranking else None,
                "computed_at": ranking.computed_at if ranking else None,
                "ranking": ranking_json(ranking, entries) if ranking else None,
            }
        )

    @extend_schema(
        operation_id="studies_ranking_create",
        tags=["Rankings"],
        summary="Ask for a fresh ranking",
        description="Poll the run until its state is done or failed.",
        request=None,
        responses={
            202: OpenApiResponse(RunSerializer, description="It will be computed."),
        },
    )
    def post(self, request: Request, pk: str) -> Response:
        study = study_to_change(person(request), pk)
        run = services.request_run(study=study, by=person(request))
        data = _show(run, request)
        return Response(data, status=202, headers={"Location": data["url"]})


def _show(run: RankingRun, request: Request) -> dict[str, Any]:
    return dict(RunSerializer(run, context={"request": request}).data)


@extend_schema_view(
    retrieve=extend_schema(
        tags=["Rankings"], summary="What became of a request for a ranking"
    )
)
class RunViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet[RankingRun]):
    queryset = RankingRun.objects.none()
    serializer_class = RunSerializer
    lookup_value_regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

    def get_queryset(self) -> Any:
        return RankingRun.objects.visible_to(self.request.user)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(_show(self.get_object(), request))


router = Router()
router.register("runs", RunViewSet, basename="run")
