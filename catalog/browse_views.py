"""The page that finds CROs, and what it suggests while somebody types."""

from dataclasses import replace

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.html import escape
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from catalog import catalogue, fragments, search
from catalog.browse import VIEWS, Browse, browse, read_address, shown_text
from catalog.catalogue import Held
from catalog.fragments import Part
from catalog.index.query import Choice
from catalog.tray import tray_of
from cro_portal.common.frames import render_in_frame
from cro_portal.common.htmx import HtmxRequest
from cro_portal.common.templates import component, render_fast
from cro_portal.common.templatetags.ui import page_links

TARGET = "browse"
"""The part of the page that htmx exchanges."""
NOT_FOR_THE_MAP = frozenset({"page", "view"})


@require_safe
def cro_list(request: HtmxRequest) -> HttpResponse:
    held = catalogue.current()
    is_part = request.htmx.target == TARGET and not request.htmx.history_restore_request
    tray = tray_of(request)
    found = _part(request.GET, held, is_part=is_part)
    part = found.for_tray(tray.slugs)
    if is_part:
        response = HttpResponse(part)
        response.headers["HX-Push-Url"] = found.address
    else:
        inside = {
            "part": part,
            "q": escape(shown_text(request.GET)).encode(),
            "tray_page": escape(request.get_full_path()).encode(),
        }
        shown = tuple((cro.slug, cro.name) for cro in tray.cros)
        response = render_in_frame(request, "catalog/cro_list.html", inside, also=shown)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _part(params: QueryDict, held: Held, *, is_part: bool) -> Part:
    """Return the part for these parameters; it is kept as long as the index."""
    key = is_part, *sorted((name, *values) for name, values in params.lists())
    part: Part | None = held.pages.get(key)
    if part is None:
        found = browse(params, held)
        part = _written(params, found, is_part=is_part)
        if not found.n_gone:
            held.pages.put(key, part, part.size)
    return part


def _written(params: QueryDict, found: Browse, *, is_part: bool) -> Part:
    address = found.address
    text = render_fast(
        "catalog/browse.jinja",
        {
            "browse": found,
            "is_part": is_part,
            "facets": found.facets,
            "rows": fragments.listing(
                address.view, found.cards, found.page.start_index()
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
                "pagination", **page_links(params, found.page, "CROs")
            ),
            "map_url": _map_url(params),
            "save_url": reverse("catalog:saved-create"),
        },
    )
    return Part.of(address.url(found.page.number), text, found.cards)


def _map_url(params: QueryDict) -> str:
    pairs = [
        (name, value)
        for name, values in params.lists()
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
