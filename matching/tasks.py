"""What the workers run: thin, and safe to lose, to run twice, late and at once."""

import uuid

from celery import shared_task

from matching import services


@shared_task(ignore_result=True)
def recompute_ranking(study_id: str) -> None:
    """Rank a study anew if somebody wants it and nobody else is at it."""
    services.recompute(uuid.UUID(study_id))


@shared_task(ignore_result=True)
def sweep() -> None:
    """Find the rankings that are behind, whatever became of their hints."""
    services.sweep()
