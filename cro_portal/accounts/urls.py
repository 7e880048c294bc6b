"""Addresses of signing in and out, and of a person's tokens."""

from django.urls import path

from cro_portal.accounts import tokens

app_name = "accounts"
urlpatterns = [
    path("tokens/", tokens.token_list, name="token-list"),
    path("tokens/<uuid:pk>/revoke/", tokens.token_revoke, name="token-revoke"),
]
