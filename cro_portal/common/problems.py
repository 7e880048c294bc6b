"""Errors of the API as `application/problem+json` (RFC 9457)."""

import logging
import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.encoding import escape_uri_path
from rest_framework import exceptions, status
from rest_framework.response import Response

from cro_portal.common.database_away import RETRY_AFTER_SECONDS

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:cro-portal:problem:"

NON_FIELD = "non_field_errors"

TITLES = {
    "invalid": "The request is not valid",
    "malformed": "The body could not be read",
    "not_authenticated": "You are not signed in",
    "authentication_failed": "The token is not valid",
    "permission_denied": "You may not do this",
    "not_found": "Not found",
    "method_not_allowed": "This address does not take that method",
    "not_acceptable": "None of the accepted media types is available",
    "unsupported_media_type": "The media type of the body is not supported",
    "throttled": "Too many requests",
    "too_large": "The body is too large",
    "precondition_required": "An If-Match header is required",
    "precondition_failed": "The object has changed since you read it",
    "conflict": "The request does not fit the state of the object",
    "idempotency_key_reused": "The idempotency key belongs to another request",
    "database_away": "The database cannot be reached",
    "error": "Something went wrong on our side",
}


class Malformed(exceptions.ParseError):
    """A body that is not the JSON we read; `pointer` is where, if that is known."""

    default_code = "malformed"

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.pointer = pointer


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class PreconditionRequired(exceptions.APIException):
    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_code = "precondition_required"
    default_detail = (
        "Send the ETag you read in an If-Match header, so that nobody's change is lost."
    )


class PreconditionFailed(exceptions.APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "precondition_failed"
    default_detail = (
        "Somebody changed it since you read it. Read it again, then repeat."
    )


class InvalidQuery(exceptions.ValidationError):
    """Query parameters that are not valid: `{parameter: [message, …]}`."""


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class KeyOfAnotherRequest(exceptions.APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key came with another body. Use a new one."


class DatabaseAway(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_away"
    default_detail = "The portal cannot reach its database just now. Repeat it later."
    wait = RETRY_AFTER_SECONDS


def pointer_to(*parts: str | int) -> str:
    """Write a JSON pointer (RFC 6901)."""
    return "".join(
        "/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts
    )


def flatten(detail: Any, at: str = "") -> Iterator[dict[str, str]]:
    """Turn a validation error's nested detail into `{pointer, detail, code}` rows."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            yield from flatten(value, at if key == NON_FIELD else at + pointer_to(key))
    elif isinstance(detail, list | tuple):
        for index, item in enumerate(detail):
            nested = isinstance(item, Mapping | list | tuple)
            yield from flatten(item, at + pointer_to(index) if nested else at)
    else:
        code = getattr(detail, "code", "invalid")
        yield {"pointer": at, "detail": str(detail), "code": str(code)}


def from_django(error: DjangoValidationError) -> exceptions.ValidationError:
    """Carry a service's or a model's ValidationError into the API's."""
    if not hasattr(error, "error_dict"):
        return exceptions.ValidationError({NON_FIELD: _messages(error)})
    return exceptions.ValidationError(
        {
            NON_FIELD if field == "__all__" else field: _messages(errors)
            for field, errors in error.error_dict.items()
        }
    )


def _messages(errors: Any) -> list[exceptions.ErrorDetail]:
    return [
        exceptions.ErrorDetail(message, code=error.code or "invalid")
        for error in (getattr(errors, "error_list", errors))
        for message in error.messages
    ]


def problem(
    *,
    status_code: int,
    code: str,
    detail: str,
    instance: str,
    errors: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    """Write the members of a problem; `errors` only when there are some."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + code.replace("_", "-"),
        "title": TITLES.get(code) or HTTPStatus(status_code).phrase,
        "status": status_code,
        "detail": detail,
        "instance": instance,
    }
    return body | {"errors": errors} if errors else body


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Answer every exception of an API view with a problem, also unexpected ones."""
    error = _as_api_exception(exc)
    request = context["request"]
    if error is None:
        logger.error("API request failed", exc_info=exc)
        got_request_exception.send(sender=None, request=request._request)
        error = exceptions.APIException(
            "The request failed and the failure was recorded. Repeat it later."
        )
    headers = {}
    if isinstance(
        error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed
    ) and (challenge := getattr(error, "auth_header", None)):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    code, detail, errors = _describe(error)
    body = problem(
        status_code=error.status_code,
        code=code,
        detail=detail,
        instance=escape_uri_path(request._request.path),
        errors=errors,
    )
    return Response(
        body, status=error.status_code, headers=headers, content_type=CONTENT_TYPE
    )


def _as_api_exception(exc: Exception) -> exceptions.APIException | None:
    match exc:
        case exceptions.APIException():
            return exc
        case Http404():
            return exceptions.NotFound()
        case DjangoPermissionDenied():
            return exceptions.PermissionDenied()
        case DjangoValidationError():
            return from_django(exc)
        case OperationalError() | InterfaceError():
            logger.error("The database cannot be reached", exc_info=exc)
            return DatabaseAway()
        case RequestDataTooBig() | TooManyFieldsSent() | TooManyFilesSent():
            return TooLarge("The body is larger than the portal reads.")
        case (
            BadRequest()
            | SuspiciousOperation()
            | MultiPartParserError()
            | UnreadablePostError()
        ):
            return Malformed("The request could not be read.")
        case _:
            return None


def _describe(
    error: exceptions.APIException,
) -> tuple[str, str, list[dict[str, str]] | None]:
    """Return code, detail and errors of a problem."""
    if isinstance(error, InvalidQuery):
        errors = [
            {"parameter": row["pointer"].strip("/"), **row}
            for row in flatten(error.detail)
        ]
        for row in errors:
            del row["pointer"]
        return "invalid", _count(errors, "query parameter"), errors
    if isinstance(error, exceptions.ValidationError):
        errors = list(flatten(error.detail))
        return "invalid", _count(errors, "value"), errors
    code = str(error.get_codes())
    if isinstance(error, Malformed):
        row = {"pointer": error.pointer, "detail": str(error.detail), "code": code}
        return code, str(error.detail), [row] if error.pointer else None
    return code, str(error.detail), None


def _count(errors: list[dict[str, str]], what: str) -> str:
    n = len(errors)
    are = "is" if n == 1 else "are"
    return f"{n} {what}{'' if n == 1 else 's'} {are} not valid; see errors."
