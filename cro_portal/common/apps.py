from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "cro_portal.common"
    label = "common"
