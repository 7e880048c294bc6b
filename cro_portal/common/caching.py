"""ETags of answers."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from rest_framework.request import Request
from rest_framework.response import Response

from cro_portal.common.problems import PreconditionFailed

Answer = TypeVar("Answer", bound=HttpResponse)


def answer_with_etag(
    request: Request, state: str, answer: Callable[[], Answer]
) -> Answer | Response:
    """Answer 304 without any work when the client holds what `state` stands for.

    `state` changes whenever the answer could. It may be an ETag itself.
    """
    etag = state
    if not state.endswith('"'):
        content = f"{request.get_full_path()} {state}".encode()
        etag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    verdict = get_conditional_response(request._request, etag=etag)
    if verdict is not None and verdict.status_code == 412:
        raise PreconditionFailed
    response: Answer | Response
    response = answer() if verdict is None else Response(status=304)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    return response
