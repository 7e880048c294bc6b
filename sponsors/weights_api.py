"""The weights of a study in the API: what holds, all that held, and setting them."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cro_portal.accounts.authentication import person
from cro_portal.common.caching import answer_with_etag
from cro_portal.common.fields import Number, OneOf, StrictSerializer, Text
from cro_portal.common.preconditions import require_match
from cro_portal.common.problems import PreconditionFailed, from_django
from sponsors import selectors, services
from sponsors.api import IF_MATCH, study_etag, study_to_change
from sponsors.choices import WeightMethod
from sponsors.criteria import CRITERIA
from sponsors.models import Study, Weights
from sponsors.serializers import MAX_WEIGHT
from sponsors.weighing import (
    CODES,
    advice,
    template_codes,
    weigh,
    whole_shares,
)
from sponsors.weight_forms import MAX_REASON

SWING_EXAMPLE = {
    "method": "swing",
    "answers": {
        "expertise": 100,
        "geography": 80,
        "services": 60,
        "project_management": 50,
        "technology": 20,
        "scalability": 20,
        "quality": 40,
        "fit": 0,
    },
    "reason": "Agreed in the kick-off.",
}


class AnswersSerializer(StrictSerializer):
    """An answer for each criterion, as the method asks for it."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            criterion.code: Number(
                min_value=0,
                max_value=MAX_WEIGHT,
                required=False,
                allow_null=True,
                help_text=criterion.asks,
            )
            for criterion in CRITERIA
        }


class WeighingInputSerializer(StrictSerializer):
    """Weights as answers in one of the ways."""

    method = OneOf(choices=WeightMethod.choices)
    template = OneOf(
        choices=template_codes(),
        required=False,
        help_text="Which one; for the method template.",
    )
    answers = AnswersSerializer(
        required=False,
        help_text=(
            "points: any scale, all criteria. rank: 1 matters most, equal ranks share,"
            " null or left out weighs nothing. swing: 0 to 100, one of them 100, all"
            " criteria."
        ),
    )
    reason = Text(
        max_length=MAX_REASON,
        required=False,
        help_text="Why they change; needed once the weights are frozen.",
    )


class WeightsRowSerializer(serializers.Serializer[Any]):
    """One version of a study's weights."""

    since_version = serializers.IntegerField(
        help_text="The study's version that brought them; 0 for the method's default."
    )
    method = serializers.ChoiceField(choices=WeightMethod.choices)
    values = serializers.DictField(
        child=serializers.FloatField(), help_text="Criterion to weight, at any scale."
    )
    percent = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Criterion to share in whole percent; they sum to 100.",
    )
    answers = serializers.DictField(
        child=serializers.JSONField(), help_text="The answers as given."
    )
    reason = serializers.CharField(allow_blank=True)
    is_frozen = serializers.BooleanField(help_text="These are the ones frozen.")
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)


class AdviceSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    text = serializers.CharField(help_text="What to do about it.")


class FreezeSerializer(serializers.Serializer[Any]):
    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()


class StudyWeightsSerializer(serializers.Serializer[Any]):
    study_version = serializers.IntegerField()
    current = WeightsRowSerializer()
    advice = AdviceSerializer(many=True, help_text="What is odd about the current.")
    frozen = FreezeSerializer(allow_null=True)
    hides_names = serializers.BooleanField(
        help_text="Whether CROs have codes for names until the weights are frozen."
    )
    history = WeightsRowSerializer(many=True, help_text="The newest first.")


class StudyWeightsView(APIView):
    """What matters how much in one study."""

    @extend_schema(
        operation_id="studies_weights_retrieve",
        tags=["Studies"],
        summary="The weights of a study and all it had before",
        description="The ETag is the study's; POST asks for it.",
        responses={200: StudyWeightsSerializer},
    )
    def get(self, request: Request, pk: str) -> Response:
        study = get_object_or_404(Study.objects.visible_to(request.user), pk=pk)
        return answer_with_etag(request, study_etag(study), lambda: _show(study))

    @extend_schema(
        operation_id="studies_weights_create",
        tags=["Studies"],
        summary="Set the weights by points, ranks, swings or a template",
        description=(
            "Makes a new version; the answers are kept beside the weights. The same"
            " weights again change nothing. Once they are frozen a reason is needed."
        ),
        parameters=[IF_MATCH],
        request=WeighingInputSerializer,
        responses={200: StudyWeightsSerializer},
        examples=[OpenApiExample("Swings", value=SWING_EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, pk: str) -> Response:
        study = study_to_change(person(request), pk)
        require_match(request, study_etag(study))
        serializer = WeighingInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        answers = _whole_ranks(given["method"], given.get("answers", {}))
        try:
            weighing = weigh(given["method"], answers, given.get("template", ""))
            study = services.set_weights(
                study=study,
                expected_version=study.version,
                by=person(request),
                values=weighing.values,
                method=weighing.method,
                raw=weighing.raw,
                reason=given.get("reason", ""),
            )
        except services.StudyChanged:
            raise PreconditionFailed from None
        except ValidationError as error:
            raise from_django(_under_answers(error)) from None
        response = _show(study)
        response.headers["ETag"] = study_etag(study)
        return response


def _whole_ranks(method: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Read 1.0 as the rank 1: JSON has one kind of number."""
    if method != WeightMethod.RANK:
        return dict(answers)
    return {
        code: int(rank) if rank is not None and rank == int(rank) else rank
        for code, rank in answers.items()
    }


def _under_answers(error: ValidationError) -> ValidationError:
    """Point what the service says of weights at what the client sent."""
    if not hasattr(error, "error_dict"):
        return error
    return ValidationError(
        {
            "answers" if name == "weights" else name: errors
            for name, errors in error.error_dict.items()
        }
    )


def _show(study: Study) -> Response:
    history = selectors.weights_history(study)
    held = selectors.held_weights(study)
    freeze = history.freeze
    frozen_id = freeze.weights_id if freeze else None
    return Response(
        {
            "study_version": study.version,
            "current": _row(held, frozen_id),
            "advice": [
                {"title": one.title, "text": one.text}
                for one in advice(held.values, selectors.asked_codes(study))
            ],
            "frozen": {
                "by": str(freeze.frozen_by) if freeze.frozen_by else None,
                "at": freeze.frozen_at,
            }
            if freeze
            else None,
            "hides_names": study.is_blind and freeze is None,
            "history": [_row(one.weights, frozen_id) for one in history.versions],
        }
    )


def _row(weights: Weights, frozen_id: int | None) -> dict[str, Any]:
    return {
        "since_version": weights.since_version,
        "method": weights.method,
        "values": {code: weights.values[code] for code in CODES},
        "percent": whole_shares(weights.values),
        "answers": weights.raw,
        "reason": weights.reason,
        "is_frozen": frozen_id is not None and weights.pk == frozen_id,
        "created_by": str(weights.created_by) if weights.created_by else None,
        "created_at": weights.created_at,
    }
