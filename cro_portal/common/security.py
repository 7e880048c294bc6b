"""Headers that tell a browser what a page may do."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def policy(**changes: str) -> str:
    """Write the portal's content security policy, with directives changed.

    `policy(script_src="'self'")` replaces `script-src`.
    """
    directives = settings.CONTENT_SECURITY_POLICY | {
        name.replace("_", "-"): value for name, value in changes.items()
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


class ContentSecurityPolicyMiddleware:
    """Say on every page where its scripts, styles and images may come from.

    A view that sets the header itself keeps it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if match and "admin" in match.namespaces:
            header = policy(script_src=settings.ADMIN_SCRIPT_SRC)
        else:
            header = policy()
        response.headers.setdefault("Content-Security-Policy", header)
        return response
