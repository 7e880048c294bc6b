from django.apps import AppConfig


class MatchingConfig(AppConfig):
    name = "matching"

    def ready(self) -> None:
        """Listen to the signals of the apps below."""
        from matching import receivers  # noqa: F401
