"""The page on which people make and revoke their API tokens."""

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from cro_portal.accounts import services
from cro_portal.accounts.models import ApiToken, TokenScope, User


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=100, help_text="What it is for, such as “Nightly import”."
    )
    scope = forms.ChoiceField(
        label="What it may do", choices=TokenScope.choices, initial=TokenScope.READ
    )
    days = forms.IntegerField(
        label="Days it works",
        min_value=1,
        max_value=services.MAX_DAYS,
        initial=90,
        help_text=f"At most {services.MAX_DAYS}.",
    )


def _person(request: HttpRequest) -> User:
    """Return who asks; the views are for people who are signed in."""
    assert isinstance(request.user, User)  # noqa: S101 - `login_required` saw to it
    return request.user


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def token_list(request: HttpRequest) -> HttpResponse:
    """Show a person's tokens; a new one's secret stands on the page just once."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    secret = ""
    if form.is_valid():
        try:
            _, secret = services.create_token(
                user=_person(request), **form.cleaned_data
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            form = TokenForm()
    tokens = ApiToken.objects.visible_to(_person(request))
    context = {"form": form, "tokens": tokens, "secret": secret}
    return render(
        request,
        "accounts/token_list.html",
        context,
        status=422 if form.errors else 200,
    )


@login_required
@require_POST
def token_revoke(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(_person(request)), uuid=pk)
    services.revoke_token(token=token)
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("accounts:token-list")
