"""Sweep without Celery: rankings come about even where Redis is gone."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, close_old_connections

from matching import services

EVERY_SECONDS = 2.0


class Command(BaseCommand):
    help = (
        "Tell the workers of rankings that are behind, every two seconds, and compute "
        "those no worker took in time. Needs the database only. Any number may run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="Sweep once and end.")

    def handle(self, **options: Any) -> None:
        if options["once"]:
            self.stdout.write(f"Told the workers of {services.sweep()} rankings.")
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            close_old_connections()
            try:
                services.sweep()
            except OperationalError as error:  # the database restarts: it comes back
                self.stderr.write(f"The database did not answer: {error}")
            stop.wait(EVERY_SECONDS)
