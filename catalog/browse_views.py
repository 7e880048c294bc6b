"""The page that finds CROs, and what it suggests while somebody types."""

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from catalog import search
from catalog.browse import VIEWS, browse, read_address
from catalog.index.query import Choice
from catalog.tray import tray_of
from cro_portal.common.htmx import HtmxRequest
from cro_portal.common.templates import render_fast

TARGET = "browse"
"""The part of the page that htmx exchanges."""


@require_safe
def cro_list(request: HtmxRequest) -> HttpResponse:
    found = browse(request.GET)
    address = found.address
    parts = {
        "cards": found.cards,
        "start": found.page.start_index(),
        "chosen": tray_of(request).slugs,
    }
    context = {
        "browse": found,
        "facets": render_fast("catalog/facets.jinja", {"facets": found.facets}),
        "rows": render_fast(f"catalog/{address.view}.jinja", parts),
        "views": [
            (label, replace(address, view=view).url(), view == address.view)
            for view, label in VIEWS.items()
        ],
        "names": [
            (name, f"{reverse('catalog:cro-list')}?{urlencode({'q': name})}")
            for name in found.names
        ],
    }
    is_part = request.htmx.target == TARGET and not request.htmx.history_restore_request
    template = "catalog/cro_list.html#part" if is_part else "catalog/cro_list.html"
    response = render(request, template, context)
    if is_part:
        response.headers["HX-Push-Url"] = address.url(found.page.number)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


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
