"""One template for a whole page and for the part of it that htmx asks for."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request as `HtmxMiddleware` leaves it."""

    htmx: HtmxDetails


def render_page(
    request: HtmxRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    partial: str,
    target: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render `template`, or only its `partial` when htmx asks for a part.

    htmx gets the whole page for a boosted link, unless it goes to the element with
    the id `target`, and when it restores its history. `Vary` keeps a cache from
    giving the one for the other.
    """
    is_whole = request.htmx.boosted and (not target or request.htmx.target != target)
    wants_part = (
        request.htmx and not is_whole and not request.htmx.history_restore_request
    )
    name = f"{template}#{partial}" if wants_part else template
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request", *(["HX-Target"] if target else [])])
    return response
