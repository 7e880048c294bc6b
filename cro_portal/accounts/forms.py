"""What people fill in to get in."""

from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.core.exceptions import ValidationError

from cro_portal.accounts import limits

TOO_MANY = "too_many"


class SignInForm(auth_forms.AuthenticationForm):
    """E-mail address and password, tried only so often."""

    username = forms.EmailField(
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )
    error_messages = {
        **auth_forms.AuthenticationForm.error_messages,
        "invalid_login": (
            "This e-mail address and password do not belong together. Mind capital"
            " letters in the password."
        ),
        TOO_MANY: (
            "Too many attempts. Wait 15 minutes, then try again; or set a new password"
            " by the link below."
        ),
    }

    def clean(self) -> dict[str, Any]:
        email = self.cleaned_data.get("username")
        if not email or not self.cleaned_data.get("password"):
            return self.cleaned_data
        address = limits.network_address(self.request) if self.request else ""
        who = (email.casefold(), address)
        allowed = [
            limits.SIGN_IN.allows(*who),
            limits.SIGN_IN_NETWORK.allows(address),
        ]
        if not all(allowed):
            raise ValidationError(self.error_messages[TOO_MANY], code=TOO_MANY)
        cleaned = super().clean()
        limits.SIGN_IN.forget(*who)
        return cleaned


class PasswordResetForm(auth_forms.PasswordResetForm):
    """Asks for a mail; too many of them are dropped without a word."""

    def __init__(self, *args: Any, address: str = "", **kwargs: Any) -> None:
        self.address = address
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail address"

    def save(self, *args: Any, **kwargs: Any) -> None:
        email = self.cleaned_data["email"].casefold()
        allowed = [
            limits.RESET.allows(email),
            limits.RESET_NETWORK.allows(self.address),
        ]
        if all(allowed):
            super().save(*args, **kwargs)
