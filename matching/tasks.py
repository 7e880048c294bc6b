"""What the workers run: thin, and safe to lose, to run twice, late and at once."""

import uuid

from celery import shared_task

from matching import robustness, services


@shared_task(ignore_result=True)
def recompute_ranking(study_id: str) -> None:
    """Rank a study anew if somebody wants it and nobody else is at it."""
    services.recompute(uuid.UUID(study_id))


@shared_task(ignore_result=True)
def compute_robustness(ranking_id: str) -> None:
    """Work out how sure a ranking is if that is due and nobody else is at it."""
    robustness.compute(uuid.UUID(ranking_id))


@shared_task(ignore_result=True)
def sweep() -> None:
    """Find the work that is behind, whatever became of its hints."""
    services.sweep()
    robustness.sweep()
