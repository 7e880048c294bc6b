"""The portal's own task; those of the domain are in the apps."""

import time

from celery import shared_task

from cro_portal import health

KEPT_SECONDS = 3600


@shared_task(ignore_result=True, expires=30)
def heartbeat() -> None:
    """Leave the time (Unix seconds) where `manage.py doctor` looks for it."""
    client = health.redis_client()
    try:
        client.set(health.HEARTBEAT_KEY, time.time(), ex=KEPT_SECONDS)
    finally:
        client.close()
