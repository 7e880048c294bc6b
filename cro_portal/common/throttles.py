"""How many requests a person may send a minute."""

import logging
import math
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class PersonThrottle(SimpleRateThrottle):
    """Count requests per person, or per address of who is not signed in.

    The scope is the view's `throttle_scope`, else `read` or `write` by the method;
    the rates stand in the settings. Without Redis nobody is held back: the count is
    a courtesy to the others, not a lock. `request.rate_limit` says limit, remaining
    requests and seconds until the window is empty, for the answer's headers.
    """

    scope = "read"

    def __init__(self) -> None:
        """Leave rate and scope to `allow_request`, which knows the view."""

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        self.scope = getattr(view, "throttle_scope", None) or (
            "read" if request.method in {"GET", "HEAD", "OPTIONS"} else "write"
        )
        self.rate = self.THROTTLE_RATES[self.scope]
        self.num_requests, self.duration = self.parse_rate(self.rate)
        try:
            allowed = super().allow_request(request, view)
        except (RedisError, OSError):
            logger.warning("Requests are not counted: the cache cannot be reached")
            return True
        request._request.rate_limit = self.state()  # type: ignore[attr-defined]
        return bool(allowed)

    def get_cache_key(self, request: "Request", view: "APIView") -> str:
        user = request.user
        ident = user.pk if user.is_authenticated else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}

    def state(self) -> dict[str, int]:
        """Return limit, remaining requests, and seconds until all are free again."""
        limit, seconds = self.num_requests or 0, self.duration or 0
        newest = self.history[0] if self.history else self.now
        return {
            "limit": limit,
            "remaining": max(limit - len(self.history), 0),
            "reset": math.ceil(max(newest + seconds - self.now, 0)),
        }


class RateLimitHeaders:
    """Middleware: tell a client what it may still send, as `RateLimit-*` headers."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        response = self.get_response(request)
        for name, value in getattr(request, "rate_limit", {}).items():
            response.headers[f"RateLimit-{name.capitalize()}"] = str(value)
        return response
