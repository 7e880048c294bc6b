"""Telling the workers that there is something to do. A hint may be lost.

Hints are published through a Celery app of their own, whose sockets give up
after half a second: saving never waits for Redis. What is lost the sweeper finds.
"""

import logging
import uuid
from collections import Counter
from typing import Any

from celery import Celery
from django.conf import settings

logger = logging.getLogger(__name__)

SOCKET_SECONDS = 0.5
EXPIRES_SECONDS = 60

counts: Counter[str] = Counter()
"""How many hints this process has `sent` and `lost`."""


def publisher(broker_url: str) -> Celery:
    """Make an app that only publishes, and gives up soon."""
    app = Celery("cro_portal_hints", set_as_current=False)
    app.conf.update(
        broker_url=broker_url,
        broker_transport_options={
            **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
            "socket_timeout": SOCKET_SECONDS,
            "socket_connect_timeout": SOCKET_SECONDS,
        },
        task_ignore_result=True,
    )
    return app


_app = publisher(settings.CELERY_BROKER_URL)


def recompute(study_id: uuid.UUID) -> None:
    """Hint that a study's ranking is due. Never raises, never waits long."""
    _send("matching.tasks.recompute_ranking", str(study_id))


def robustness(ranking_id: uuid.UUID) -> None:
    """Hint that it should be worked out how sure a ranking is. Never raises."""
    _send("matching.tasks.compute_robustness", str(ranking_id))


def sweep() -> None:
    """Hint that there is much to do. Never raises, never waits long."""
    _send("matching.tasks.sweep")


def _send(task: str, *args: Any) -> None:
    try:
        _app.send_task(task, args, retry=False, expires=EXPIRES_SECONDS)
    except Exception:  # whatever Redis does, the work row stands
        counts["lost"] += 1
        logger.warning("Lost a hint to %s; the sweeper will find it.", task)
        logger.debug("Why the hint was lost:", exc_info=True)
    else:
        counts["sent"] += 1
