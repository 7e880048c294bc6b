"""Scenarios in the API."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from catalog.serializers import CRORefSerializer
from cro_portal.accounts.authentication import person
from cro_portal.common.fields import Number, OneOf, StrictSerializer, Text
from matching import scenarios
from matching.models import Scenario
from matching.serializers import GROUPS, CountsSerializer
from matching.whatif import MAX_POINTS
from sponsors.api import study_to_change
from sponsors.models import Study


class ScenarioChangeSerializer(StrictSerializer):
    """A requirement and the importance it has in a scenario."""

    scheme = Text(max_length=50)
    code = Text(max_length=200)
    importance = OneOf(choices=scenarios.CHOICES, help_text="`waived` gives up a must.")


class ScenarioInputSerializer(StrictSerializer):
    """A study asked in another way."""

    name = Text(max_length=scenarios.MAX_NAME)
    weights = serializers.DictField(
        child=Number(min_value=0, max_value=MAX_POINTS),
        help_text="Points, 0 to 100, for each criterion the study asks about.",
    )
    changes = ScenarioChangeSerializer(many=True, required=False)
    reason = Text(
        max_length=scenarios.MAX_REASON,
        required=False,
        help_text="Why must-haves are given up; needed if any is.",
    )


class ScenarioLineSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.URLField()
    name = serializers.CharField()
    weights = serializers.DictField(child=serializers.FloatField())
    changes = ScenarioChangeSerializer(many=True)
    reason = serializers.CharField(
        allow_blank=True, help_text="Why must-haves are given up."
    )
    study_version = serializers.IntegerField()
    base_digest = serializers.CharField(help_text="Of the ranking it began from.")
    catalog_version = serializers.IntegerField()
    as_of = serializers.DateField()
    digest = serializers.CharField(help_text="SHA-256 of all inputs.")
    created_at = serializers.DateTimeField()


class ScenarioPlaceSerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField(min_value=1)
    cro = CRORefSerializer()
    group = serializers.ChoiceField(choices=GROUPS)
    score = serializers.FloatField(min_value=0, max_value=1)
    score_low = serializers.FloatField(min_value=0, max_value=1)
    score_high = serializers.FloatField(min_value=0, max_value=1)
    evidence = serializers.FloatField(min_value=0, max_value=1)
    first = serializers.FloatField(
        allow_null=True, help_text="P(first) by SMAA; null where it was not drawn."
    )


class ScenarioSerializer(ScenarioLineSerializer):
    counts = CountsSerializer()
    results = ScenarioPlaceSerializer(many=True)


class ScenarioListSerializer(serializers.Serializer[Any]):
    results = ScenarioLineSerializer(many=True)


class StudyScenariosView(APIView):
    """The scenarios of one study."""

    @extend_schema(
        operation_id="studies_scenarios_list",
        tags=["Rankings"],
        summary="The scenarios kept of a study",
        description="All of them, at most 50, the oldest first; without their places.",
        responses={200: ScenarioListSerializer},
    )
    def get(self, request: Request, pk: str) -> Response:
        study = get_object_or_404(Study.objects.visible_to(request.user), pk=pk)
        kept = Scenario.objects.filter(study=study).for_list()
        return Response({"results": [_line(each, request) for each in kept]})

    @extend_schema(
        operation_id="studies_scenarios_create",
        tags=["Rankings"],
        summary="Rank a study in another way and keep that by name",
        description="Neither the study nor its stored ranking changes.",
        request=ScenarioInputSerializer,
        responses={201: ScenarioSerializer},
    )
    def post(self, request: Request, pk: str) -> Response:
        study = study_to_change(person(request), pk)
        serializer = ScenarioInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        scenario = scenarios.create(
            study=study,
            by=person(request),
            name=given["name"],
            points=given["weights"],
            importances={
                (row["scheme"], row["code"]): row["importance"]
                for row in given.get("changes", ())
            },
            reason=given.get("reason", ""),
        )
        data = _whole(scenario, request)
        return Response(data, status=201, headers={"Location": data["url"]})


class StudyScenarioView(APIView):
    """One scenario."""

    @extend_schema(
        operation_id="studies_scenarios_retrieve",
        tags=["Rankings"],
        summary="A scenario with its places",
        responses={200: ScenarioSerializer},
    )
    def get(self, request: Request, pk: str, scenario: str) -> Response:
        visible = Scenario.objects.visible_to(request.user)
        found = get_object_or_404(visible, pk=scenario, study=pk)
        return Response(_whole(found, request))

    @extend_schema(
        operation_id="studies_scenarios_destroy",
        tags=["Rankings"],
        summary="Delete a scenario",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, pk: str, scenario: str) -> Response:
        study = study_to_change(person(request), pk)
        get_object_or_404(Scenario, pk=scenario, study=study).delete()
        return Response(status=204)


def _line(scenario: Scenario, request: Request) -> dict[str, Any]:
    args = [scenario.study_id, scenario.pk]
    return {
        "id": scenario.pk,
        "url": reverse("api:study-scenario", args=args, request=request),
        "name": scenario.name,
        "weights": scenario.weights,
        "changes": [
            {key: row[key] for key in ("scheme", "code", "importance")}
            for row in scenario.changes
        ],
        "reason": scenarios.reason_of(scenario),
        "study_version": scenario.study_version,
        "base_digest": scenario.base_digest,
        "catalog_version": scenario.catalog_version,
        "as_of": scenario.as_of,
        "digest": scenario.digest,
        "created_at": scenario.created_at,
    }


def _whole(scenario: Scenario, request: Request) -> dict[str, Any]:
    return _line(scenario, request) | {
        "counts": scenario.result["counts"],
        "results": [
            {
                "position": row["position"],
                "cro": {
                    "slug": row["cro"].slug,
                    "name": row["cro"].name,
                    "is_fictional": row["cro"].is_fictional,
                },
                "group": row["group"],
                "score": row["score"],
                "score_low": row["low"],
                "score_high": row["high"],
                "evidence": row["evidence"],
                "first": row["first"],
            }
            for row in scenarios.places(scenario)
        ],
    }
