"""The parts of the API that belong to no app."""

from typing import Any

from django.urls import Resolver404, resolve
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

OpenApiRenderers = [
    OpenApiJsonRenderer2,  # application/json
    OpenApiYamlRenderer2,  # application/yaml
    OpenApiJsonRenderer,
    OpenApiYamlRenderer,
]


class Router(SimpleRouter):
    """Routes of one app; the identifier of an object is what its view says."""

    include_format_suffixes = False


@extend_schema(exclude=True)
class ApiRoot(APIView):
    """Where to begin."""

    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        names = ("cro-list", "scheme-list", "study-list", "match", "schema", "docs")
        return Response(
            {
                name.removesuffix("-list"): reverse(f"api:{name}", request=request)
                for name in names
            }
        )


@extend_schema(exclude=True)
class UnknownAddress(APIView):
    """Answer every address the API does not have."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(_what_is_wrong_with(request.path))

    def get(self, request: Request) -> None:
        """Never runs: `initial` refuses every method."""


def _what_is_wrong_with(path: str) -> str:
    if not path.endswith("/"):
        try:
            found = resolve(path + "/")
        except Resolver404:
            found = None
        if found and found.func.__dict__.get("cls") is not UnknownAddress:
            return f"Addresses of the API end with a slash: {path}/"
    return "The API has no such address. The description is at /api/v1/docs/."
