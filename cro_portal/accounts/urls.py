"""Addresses of signing in and out, and of a person's tokens."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from cro_portal.accounts import tokens, views

app_name = "accounts"
urlpatterns = [
    path("login/", views.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password-reset/", views.PasswordReset.as_view(), name="password-reset"),
    path(
        "password-reset/sent/",
        views.PasswordResetSent.as_view(),
        name="password-reset-sent",
    ),
    path(
        "password-reset/<uidb64>/<token>/",
        views.PasswordResetConfirm.as_view(),
        name="password-reset-confirm",
    ),
    path(
        "password-reset/complete/",
        views.PasswordResetComplete.as_view(),
        name="password-reset-complete",
    ),
    path("tokens/", tokens.token_list, name="token-list"),
    path("tokens/<uuid:pk>/revoke/", tokens.token_revoke, name="token-revoke"),
]
