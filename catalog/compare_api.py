"""CROs side by side in the API: the same data as the page."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api import catalog_state
from catalog.choosing import Chosen, choose
from catalog.comparison import NO, UNKNOWN, VALUE, YES, compare
from catalog.models.tray import TRAY_SIZE
from catalog.serializers import CRORefSerializer
from cro_portal.common.caching import answer_with_etag
from cro_portal.common.filters import refuse_unknown_parameters
from cro_portal.common.problems import InvalidQuery


class ComparedCellSerializer(serializers.Serializer[Any]):
    """What is known of one CRO in one row."""

    state = serializers.ChoiceField(choices=[YES, NO, VALUE, UNKNOWN])
    text = serializers.CharField(help_text="The answer in words.")
    number = serializers.FloatField(
        allow_null=True, help_text="What the row is compared by; null: nothing."
    )
    tier = serializers.IntegerField(
        allow_null=True, min_value=1, max_value=5, help_text="1 is the best evidence."
    )
    observed_on = serializers.DateField(allow_null=True)
    source = serializers.CharField(help_text="Title of the source; empty: none named.")  # type: ignore[assignment]
    source_url = serializers.CharField()
    claim = serializers.CharField(help_text="Id of the best claim; empty: not a claim.")
    doubt = serializers.CharField(help_text="Old or expired; empty: neither.")
    is_disputed = serializers.BooleanField()
    mark = serializers.ChoiceField(
        choices=["", "best", "tied"], help_text="Only where best has a meaning."
    )


class ComparedRowSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="`scheme:term`, or a name of the row.")
    label = serializers.CharField()  # type: ignore[assignment]
    direction = serializers.ChoiceField(choices=["up", "down", "none"])
    is_different = serializers.BooleanField()
    cells = ComparedCellSerializer(many=True, help_text="In the order of `cros`.")


class ComparedGroupSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    rows = ComparedRowSerializer(many=True)


class ComparisonSerializer(serializers.Serializer[Any]):
    """CROs in the order asked for; order is never sold."""

    as_of = serializers.DateField()
    catalog_version = serializers.IntegerField(min_value=0)
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="Such as: merged, shown as successor."
    )
    cros = CRORefSerializer(many=True)
    groups = ComparedGroupSerializer(many=True)


class CompareView(APIView):
    """The comparison of two to six CROs."""

    @extend_schema(
        tags=["CROs"],
        operation_id="cros_compare",
        summary="Compare two to six CROs",
        description=(
            "All that is known of each, side by side, with its evidence. A CRO that"
            " merged is shown as its successor, which `notes` says."
        ),
        parameters=[
            OpenApiParameter(
                "cro",
                {
                    "type": "array",
                    "items": {"type": "string", "maxLength": 100},
                    "minItems": 2,
                    "maxItems": TRAY_SIZE,
                },
                required=True,
                description="Slug of a CRO; repeat the parameter for each.",
            ),
            OpenApiParameter(
                "diff",
                {"type": "string", "enum": ["0", "1"]},
                description="1 leaves out the rows in which all say the same.",
            ),
        ],
        responses=ComparisonSerializer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request.query_params, {"cro", "diff"})
        diff = request.query_params.get("diff", "0")
        if diff not in ("0", "1"):
            raise InvalidQuery({"diff": ["Use 1 for only the differences, or 0."]})
        chosen = choose(request.query_params.getlist("cro"))
        _check(chosen)
        return answer_with_etag(
            request, catalog_state(), lambda: self._answer(chosen, diff == "1")
        )

    def _answer(self, chosen: Chosen, is_diff: bool) -> Response:
        comparison = compare(chosen.cros, on=timezone.localdate())
        if is_diff:
            comparison = comparison.only_differences()
        content = {
            "as_of": comparison.as_of,
            "catalog_version": comparison.catalog_version,
            "notes": chosen.notes,
            "cros": comparison.cros,
            "groups": comparison.groups,
        }
        return Response(ComparisonSerializer(content, context={}).data)


def _check(chosen: Chosen) -> None:
    """Refuse what the page would mend, since a client can send it right."""
    problems = []
    if chosen.unknown:
        named = ", ".join(slug[:100] for slug in chosen.unknown)
        problems.append(
            f"There is no CRO {named}. Find slugs by /api/v1/cros/?q=… and leave it out."
        )
    problems += [
        f"{cro.slug} no longer operates and cannot be compared; leave it out."
        for cro in chosen.closed
    ]
    n = len(chosen.cros) + len(chosen.left_out) + chosen.n_unread
    if n > TRAY_SIZE:
        problems.append(f"{n} CROs are named; name at most {TRAY_SIZE}.")
    elif not problems and n < 2:
        problems.append(
            f"Name 2 to {TRAY_SIZE} CROs, each by a parameter cro; this names {n}."
        )
    if problems:
        raise InvalidQuery({"cro": problems})
