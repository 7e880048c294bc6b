"""The page that finds CROs, and what it suggests while somebody types."""

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from catalog import fragments, search
from catalog.browse import VIEWS, browse, read_address
from catalog.index.query import Choice
from catalog.tray import tray_of
from cro_portal.common.htmx import HtmxRequest
from cro_portal.common.templates import component, render_fast
from cro_portal.common.templatetags.ui import page_links

TARGET = "browse"
"""The part of the page that htmx exchanges."""
NOT_FOR_THE_MAP = frozenset({"page", "view"})


@require_safe
def cro_list(request: HtmxRequest) -> HttpResponse:
    found = browse(request.GET)
    address = found.address
    is_part = request.htmx.target == TARGET and not request.htmx.history_restore_request
    part = render_fast(
        "catalog/browse.jinja",
        {
            "browse": found,
            "is_part": is_part,
            "facets": found.facets,
            "rows": fragments.listing(
                address.view,
                found.cards,
                tray_of(request).slugs,
                found.page.start_index(),
            ),
            "views": [
                (label, replace(address, view=view).url(), view == address.view)
                for view, label in VIEWS.items()
            ],
            "names": [
                (name, f"{address.path}?{urlencode({'q': name})}")
                for name in found.names
            ],
            "pagination": component(
                "pagination", **page_links(request, found.page, "CROs")
            ),
            "map_url": _map_url(request),
            "save_url": reverse("catalog:saved-create"),
        },
    )
    if is_part:
        response = HttpResponse(part)
        response.headers["HX-Push-Url"] = address.url(found.page.number)
    else:
        context = {"part": part, "q": address.q}
        response = render(request, "catalog/cro_list.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _map_url(request: HtmxRequest) -> str:
    pairs = [
        (name, value)
        for name, values in request.GET.lists()
        for value in values
        if name not in NOT_FOR_THE_MAP
    ]
    query = urlencode(pairs)
    return reverse("catalog:coverage") + (f"?{query}" if query else "")


@require_safe
def suggest(request: HtmxRequest) -> HttpResponse:
    """Suggest CROs to open and filters to add, for what was typed so far."""
    narrowed = request.GET.copy()
    words = (narrowed.pop("q", None) or [""])[-1]
    address = read_address(narrowed, search.parse(narrowed)[0])
    labels = {one.name: one.label for one in search.FACET_FIELDS}
    options = []
    for one in search.suggest(words):
        if one.kind == "cro":
            kind, url = "CRO", reverse("catalog:cro-detail", args=[one.value])
        else:
            kind = labels[one.kind]
            url = address.adding(Choice(one.kind, one.value)).url()
        options.append((kind, one.label, one.also, url))
    return render(request, "catalog/suggestions.html", {"options": options})
