"""Putting CROs into the tray and taking them out."""

from urllib.parse import parse_qs, urlencode, urlsplit

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from catalog import tray
from cro_portal.common.htmx import HtmxRequest


@require_POST
def change_tray(request: HtmxRequest) -> HttpResponse:
    """Add, remove or keep CROs, then go back to where the visitor was.

    htmx gets the tray instead; the page's script marks the buttons after it.
    """
    keep = request.POST.getlist("keep")
    change = tray.Change(
        add=tuple(request.POST.getlist("add")),
        remove=tuple(request.POST.getlist("remove")),
        keep=tuple(keep) if keep or "clear" in request.POST else None,
    )
    address = request.htmx.current_url_abs_path or request.POST.get("next", "")
    address = _own(request, address)
    shown = parse_qs(urlsplit(address).query).get(tray.PARAMETER, [])
    problem = ""
    try:
        after = tray.apply(request, change, shown)
        if shown:
            address = _with_tray(address, [cro.slug for cro in after.cros])
    except ValidationError as error:
        problem = " ".join(error.messages)
        tray.remember_tray(request, tray.kept_or(request, shown).cros)
    if not request.htmx:
        if problem:
            messages.warning(request, problem)
        return redirect(address)
    response = render(request, "catalog/tray_changed.html", {"tray_page": address})
    if shown:
        response.headers["HX-Replace-Url"] = address
    return (
        trigger_client_event(response, "toast", {"text": problem})
        if problem
        else response
    )


def _own(request: HttpRequest, address: str) -> str:
    """Return an address of ours; the list of CROs for any other."""
    if url_has_allowed_host_and_scheme(address, {request.get_host()}):
        return address
    return reverse("catalog:cro-list")


def _with_tray(address: str, slugs: list[str]) -> str:
    """Put the tray as it is now into an address that carried one."""
    parts = urlsplit(address)
    query = parse_qs(parts.query, keep_blank_values=True)
    query[tray.PARAMETER] = slugs
    return parts._replace(query=urlencode(query, doseq=True)).geturl()
