"""Studies in the API."""

import hashlib
import json
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import exceptions, mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cro_portal.accounts.authentication import person
from cro_portal.accounts.models import User
from cro_portal.common.caching import answer_with_etag
from cro_portal.common.preconditions import require_match
from cro_portal.common.problems import (
    Conflict,
    KeyOfAnotherRequest,
    Malformed,
    PreconditionFailed,
)
from cro_portal.common.routes import Router
from sponsors import services
from sponsors.models import Sponsor, Study
from sponsors.serializers import (
    StudyChangeSerializer,
    StudyInputSerializer,
    StudyListSerializer,
    StudySerializer,
)

IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,100}")
FROZEN = (
    "The weights of this study are frozen. POST them to its weights/ with a reason."
)
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="The ETag of the study as you read it.",
)
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Your own name for this request: repeating it makes no second study.",
)


def study_etag(study: Study) -> str:
    return f'"{study.version}-archived"' if study.archived_at else f'"{study.version}"'


def study_to_change(user: User, pk: str) -> Study:
    """Return a study as `study_to_keep`, but 409 while it is archived."""
    study = study_to_keep(user, pk)
    if study.archived_at is not None:
        raise Conflict(services.ARCHIVED)
    return study


def study_to_keep(user: User, pk: str) -> Study:
    """Return a study this person may change: 404 if not visible, 403 if only that."""
    study = Study.objects.visible_to(user).filter(pk=pk).first()
    if study is None:
        raise exceptions.NotFound
    if not Study.objects.editable_by(user).filter(pk=pk).exists():
        raise exceptions.PermissionDenied(
            "Your role at this sponsor reads studies and does not change them."
        )
    return study


@extend_schema_view(
    list=extend_schema(
        tags=["Studies"],
        summary="The studies of your sponsors",
        description="The newest first; `archived_at` is set where one is archived.",
    ),
    retrieve=extend_schema(
        tags=["Studies"],
        summary="A study with its requirements and weights",
        description="The ETag names its version; PATCH asks for it.",
    ),
    create=extend_schema(
        tags=["Studies"],
        summary="Make a study, by hand or from a register's record",
        description=(
            "Its ranking is computed soon after. Send `record` alone to read everything"
            " from a record of ClinicalTrials.gov; 409 when your sponsor has that number."
        ),
        parameters=[KEY],
        request=StudyInputSerializer,
        responses={201: StudySerializer},
    ),
    partial_update=extend_schema(
        tags=["Studies"],
        summary="Change a study",
        description="What is left out stays; `requirements` replaces all of them.",
        parameters=[IF_MATCH],
        request=StudyChangeSerializer,
        responses={200: StudySerializer},
    ),
)
class StudyViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    viewsets.GenericViewSet[Study],
):
    queryset = Study.objects.none()
    serializer_class = StudySerializer
    lookup_value_regex = UUID
    http_method_names = ["get", "head", "options", "post", "patch"]

    def get_queryset(self) -> Any:
        return Study.objects.visible_to(self.request.user)

    def get_serializer_class(self) -> Any:
        return {
            "list": StudyListSerializer,
            "create": StudyInputSerializer,
            "partial_update": StudyChangeSerializer,
        }.get(self.action, StudySerializer)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        study = self.get_object()
        return answer_with_etag(request, study_etag(study), lambda: self._show(study))

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
            raise Malformed("An Idempotency-Key has 1 to 100 visible ASCII characters.")
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if key is None:
            study, is_new = self.perform_create(serializer), True
        else:
            try:
                study, is_new = services.create_once(
                    by=person(request),
                    key=key,
                    digest=_digest(request.data),
                    make=lambda: self.perform_create(serializer),
                )
            except services.KeyReused:
                raise KeyOfAnotherRequest from None
        response = self._show(study, status=201)
        response.headers["Location"] = response.data["url"]
        if not is_new:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    def perform_create(self, serializer: Any) -> Study:  # type: ignore[override]
        values = dict(serializer.validated_data)
        by = person(self.request)
        sponsor = _sponsor_to_act_for(by, values.pop("sponsor", None))
        accept_duplicate = values.pop("accept_duplicate")
        if record := values.pop("record", None):
            try:
                return services.create_study_from_record(
                    sponsor=sponsor,
                    by=by,
                    record=record,
                    accept_duplicate=accept_duplicate,
                )
            except services.DuplicateStudy as duplicate:
                raise Conflict(
                    f"Your sponsor has {duplicate.existing.registry_id} already, as"
                    f" study {duplicate.existing.pk}. Send accept_duplicate to make"
                    " another."
                ) from None
        requirements = values.pop("requirements", ())
        weights = values.pop("weights", None)
        with transaction.atomic():
            study = services.create_study(
                sponsor=sponsor,
                by=by,
                values=values,
                requirements=requirements,
            )
            return _weigh(study, weights, by)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        study = study_to_change(person(request), self.kwargs["pk"])
        require_match(request, study_etag(study))
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        requirements = values.pop("requirements", None)
        weights = values.pop("weights", None)
        try:
            with transaction.atomic():
                study = services.update_study(
                    study=study,
                    expected_version=study.version,
                    by=person(request),
                    values=values,
                    requirements=requirements,
                    weights_follow=weights is not None,
                )
                study = _weigh(study, weights, person(request))
        except services.StudyChanged:
            raise PreconditionFailed from None
        return self._show(study)

    @extend_schema(
        tags=["Studies"],
        summary="Put a study into the archive",
        description="It can be read, not changed, and is not ranked anew.",
        request=None,
        responses={200: StudySerializer},
    )
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        study = study_to_keep(person(request), self.kwargs["pk"])
        return self._show(services.archive_study(study=study))

    @extend_schema(
        tags=["Studies"],
        summary="Take a study out of the archive",
        description="It is ranked anew.",
        request=None,
        responses={200: StudySerializer},
    )
    @action(detail=True, methods=["post"])
    def unarchive(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        study = study_to_keep(person(request), self.kwargs["pk"])
        return self._show(services.unarchive_study(study=study))

    def _show(self, study: Study, status: int = 200) -> Response:
        context = self.get_serializer_context()
        data = StudySerializer(study, context=context).data
        return Response(data, status=status, headers={"ETag": study_etag(study)})


def _weigh(study: Study, weights: dict[str, float] | None, by: User) -> Study:
    if weights is None:
        return study
    try:
        return services.set_weights(
            study=study, expected_version=study.version, by=by, values=weights
        )
    except ValidationError as error:
        if "reason" in error.message_dict:
            raise Conflict(FROZEN) from None
        raise


def _sponsor_to_act_for(user: User, pk: Any) -> Sponsor:
    """Return the sponsor a new study is for: the one named, or the only one."""
    own = Sponsor.objects.visible_to(user)
    if pk is not None and not own.filter(pk=pk).exists():
        raise exceptions.ValidationError(
            {"sponsor": "You are no member of such a sponsor."}
        )
    editable = Sponsor.objects.editable_by(user)
    if pk is not None:
        editable = editable.filter(pk=pk)
    sponsors = list(editable[:2])
    if not sponsors:
        raise exceptions.PermissionDenied(
            "Your role reads studies and does not make them."
        )
    if len(sponsors) > 1:
        raise exceptions.ValidationError(
            {"sponsor": "You may act for several sponsors. Say for which."}
        )
    return sponsors[0]


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


router = Router()
router.register("studies", StudyViewSet, basename="study")
