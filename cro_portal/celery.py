"""The Celery application of the workers."""

import os

from celery import Celery, signals

from cro_portal.common import memory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cro_portal.settings.dev")
app = Celery("cro_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_process_init.connect
def begin(**kwargs: object) -> None:
    memory.spare_what_is_loaded()
