from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "cro_portal.accounts"
    label = "accounts"
