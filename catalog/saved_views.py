"""The searches a person keeps: list, make, look at what changed, delete."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from catalog import catalogue, search
from catalog.browse import chips_of, read_address, words_of
from catalog.models import SavedSearch
from catalog.saved import changes, named
from catalog.services.saved import mark_seen, save_search

NAMES_SHOWN = 50


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=80, help_text="As you will look for it: “Rare disease, Iberia”."
    )


def _own(request: HttpRequest, uuid: UUID) -> SavedSearch:
    return get_object_or_404(SavedSearch.objects.visible_to(request.user), uuid=uuid)


@login_required
@require_safe
def saved_list(request: HttpRequest) -> HttpResponse:
    searches = SavedSearch.objects.visible_to(request.user)
    return render(
        request, "catalog/saved_list.html", {"changes": changes(list(searches))}
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def saved_create(request: HttpRequest) -> HttpResponse:
    """Ask for a name and keep the search of the address."""
    held = catalogue.current()
    query, _ = search.parse(request.GET, held)
    address = read_address(request.GET, query)
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_search(
                user=request.user,  # type: ignore[arg-type]  # signed in
                name=form.cleaned_data["name"],
                query=address.filters,
            )
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, f"The search “{saved.name}” is kept.")
            return redirect("catalog:saved-list")
    context = {
        "form": form,
        "chips": chips_of(address, held.facets, words_of(held)),
        "back": address.url(),
    }
    return render(request, "catalog/saved_create.html", context)


@login_required
@require_safe
def saved_detail(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Show which CROs came in and which left since it was last marked as seen."""
    saved = _own(request, uuid)
    change = changes([saved])[0]
    context = {
        "change": change,
        "run_url": f"{reverse('catalog:cro-list')}?{saved.query}",
        "entered": named(change.entered[:NAMES_SHOWN]),
        "left": named(change.left[:NAMES_SHOWN]),
    }
    return render(request, "catalog/saved_detail.html", context)


@login_required
@require_POST
def saved_seen(request: HttpRequest, uuid: UUID) -> HttpResponse:
    saved = mark_seen(saved=_own(request, uuid))
    messages.success(request, f"Changes of “{saved.name}” are counted from now on.")
    return redirect("catalog:saved-list")


@login_required
@require_POST
def saved_delete(request: HttpRequest, uuid: UUID) -> HttpResponse:
    saved = _own(request, uuid)
    saved.delete()
    messages.success(request, f"The search “{saved.name}” is deleted.")
    return redirect("catalog:saved-list")
