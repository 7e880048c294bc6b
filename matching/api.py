"""Rankings in the API: stored ones, runs, and matching on the spot."""

from collections.abc import Sequence
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
from cro_portal.common.problems import InvalidQuery
from cro_portal.common.routes import Router
from matching import blind, robustness, selectors, services
from matching.certainty import certainty_of, read
from matching.engine import draws
from matching.models import Group, RankingEntry, RankingRun
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


MAX_DRAWS = draws.DEFAULT_DRAWS
ROBUSTNESS = OpenApiParameter(
    "robustness",
    {"type": "integer", "enum": [0, 1], "default": 0},
    description=(
        "1 also says how sure the order is: robustness, groups and questions, of the "
        f"first {robustness.N_CROS} CROs in the running."
    ),
)
DRAWS = OpenApiParameter(
    "draws",
    {"type": "integer", "minimum": 1, "maximum": MAX_DRAWS, "default": MAX_DRAWS},
    description="Draws of weights and values, with robustness=1.",
)


def _n_draws(request: Request) -> int | None:
    """How many draws are wanted; None for none."""
    asked = request.query_params.get("robustness", "0")
    if asked not in ("0", "1"):
        raise InvalidQuery({"robustness": ["Give 0 or 1."]})
    text = request.query_params.get("draws")
    number = (
        MAX_DRAWS
        if text is None
        else whole_number(text, parameter="draws", largest=MAX_DRAWS)
    )
    return number if asked == "1" else None


def _limit(request: Request, *others: str) -> int:
    refuse_unknown_parameters(request.query_params, {"limit", *others})
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
        parameters=[LIMIT, ROBUSTNESS, DRAWS],
        request=MatchSerializer,
        responses={200: RankingSerializer},
        examples=[OpenApiExample("A study", value=MATCH_EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        limit = _limit(request, "robustness", "draws")
        n_draws = _n_draws(request)
        serializer = MatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        spec = serializer.validated_data["spec"]
        if n_draws is None:
            ranked = services.compute_now(spec, limit=limit)
            return Response(ranking_json(ranked.ranking, ranked.entries))
        ranked = services.compute_now(spec, limit=max(limit, robustness.N_CROS))
        found = read(
            ranked.ranking,
            robustness.at_once(ranked.ranking, ranked.entries, n_draws=n_draws),
        )
        compared = [one for one in ranked.entries if one.cro_id in found.chances]
        shown = _first_of_each(ranked.entries, limit)
        return Response(ranking_json(ranked.ranking, shown, found, compared))


def _first_of_each(entries: Sequence[RankingEntry], limit: int) -> list[RankingEntry]:
    """Keep the first places and as many near misses."""
    near = [one for one in entries if one.group == Group.NEAR_MISS]
    running = [one for one in entries if one.group != Group.NEAR_MISS]
    return [*running[:limit], *near[:limit]]


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
        shown: dict[str, Any] | None = None
        if ranking:
            kept = ranking.entries.select_related("cro").order_by("position")
            wanted = max(limit, robustness.N_CROS)
            running = blind.shown(study, kept.in_the_running()[:wanted])
            found = certainty_of(ranking)
            shown = ranking_json(
                ranking,
                [
                    *running[:limit],
                    *blind.shown(study, kept.near_misses()[:limit]),
                ],
                found,
                [one for one in running if one.cro_id in found.chances],
            )
        return Response(
            {
                "state": page.state,
                "since": page.since,
                "error": page.error,
                "study_version": ranking.study_version if ranking else None,
                "computed_at": ranking.computed_at if ranking else None,
                "ranking": shown,
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
