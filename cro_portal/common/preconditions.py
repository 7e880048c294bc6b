"""If-Match: a change that names the state it was made upon."""

from django.utils.http import parse_etags
from rest_framework.request import Request

from cro_portal.common.problems import PreconditionFailed, PreconditionRequired


def require_match(request: Request, etag: str) -> None:
    """Refuse a change without If-Match (428), or of another state than `etag` (412)."""
    header = request.headers.get("If-Match")
    if header is None:
        raise PreconditionRequired
    given = parse_etags(header)
    if given != ["*"] and etag not in given:
        raise PreconditionFailed
