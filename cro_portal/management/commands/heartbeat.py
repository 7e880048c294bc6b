"""The health check of worker and sweeper, for containers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cro_portal import health


class Command(BaseCommand):
    """Exit 0 if a worker ran a task of the sweeper's lately, else 1."""

    help = "Say when a worker last ran a task that the sweeper sent."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        age = health.heartbeat_age()
        if age is None or age > health.OLD_HEARTBEAT_SECONDS:
            seen = "never" if age is None else f"{age:.0f} s ago"
            raise CommandError(f"A worker last ran a task of the sweeper {seen}.")
        self.stdout.write(f"A worker ran a task of the sweeper {age:.0f} s ago.")
