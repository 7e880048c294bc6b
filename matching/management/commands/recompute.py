"""Ask for fresh rankings, and wait for them if told to."""

import time
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from matching import services
from matching.models import RankingWork
from sponsors.models import Study

POLL_SECONDS = 0.2


class Command(BaseCommand):
    help = (
        "Ask for fresh rankings of one study or of all. The workers compute them; "
        "with --wait this command helps and shows how far it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--all", action="store_true", help="All studies.")
        which.add_argument("--study", type=uuid.UUID, help="One study, by its id.")
        parser.add_argument(
            "--wait", action="store_true", help="Stay until they are computed."
        )

    def handle(self, **options: Any) -> None:
        wanted = self._ask(options["study"])
        if not wanted:
            self.stdout.write("There is no study yet.")
            return
        if not options["wait"]:
            self.stdout.write(f"Asked for {len(wanted)} rankings; the workers do it.")
            return
        try:
            failed = self._wait(wanted)
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped waiting. What was asked for stands, and the workers go on.",
                returncode=130,
            ) from None
        if failed:
            raise CommandError(
                f"{len(failed)} of {len(wanted)} rankings failed:\n" + "\n".join(failed)
            )
        self.stdout.write(f"{len(wanted)} rankings are fresh.")

    @transaction.atomic
    def _ask(self, study_id: uuid.UUID | None) -> dict[uuid.UUID, int]:
        """Raise the marks; return what each study's work must reach."""
        studies = Study.objects.current()
        if study_id:
            studies = studies.filter(pk=study_id)
            if not studies.exists():
                raise CommandError(f"There is no study {study_id}, or it is archived.")
        services.want_anew(list(studies.order_by("pk").values_list("pk", flat=True)))
        works = RankingWork.objects.filter(study__in=studies)
        return dict(works.values_list("pk", "wanted"))

    def _wait(self, wanted: dict[uuid.UUID, int]) -> list[str]:
        """Compute what no worker has taken until all is done; return failures."""
        failed: dict[uuid.UUID, str] = {}
        open_ = dict(wanted)
        with Progress(
            "[progress.description]{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        ) as progress:
            bar = progress.add_task("Ranking", total=len(wanted))
            for study_id in wanted:
                services.recompute(study_id)
                self._close(open_, failed)
                progress.update(bar, completed=len(wanted) - len(open_))
            while open_:
                time.sleep(POLL_SECONDS)
                for study_id in open_:
                    services.recompute(study_id)
                self._close(open_, failed)
                progress.update(bar, completed=len(wanted) - len(open_))
        return list(failed.values())

    def _close(self, open_: dict[uuid.UUID, int], failed: dict[uuid.UUID, str]) -> None:
        """Take what is done, failed or deleted out of what is open."""
        works = RankingWork.objects.in_bulk(list(open_))
        for study_id, target in list(open_.items()):
            work = works.get(study_id)
            if work is not None and work.done < target and not work.has_failed:
                continue
            if work is not None and work.done < target:
                failed[study_id] = f"{study_id}: {work.error}"
            del open_[study_id]
