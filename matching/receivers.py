"""What makes a ranking out of date. Runs inside the transaction of the change."""

import uuid
from typing import Any

from django.dispatch import receiver

from catalog.signals import catalog_changed, vocabulary_changed
from matching import services
from sponsors.signals import study_changed


@receiver(study_changed)
def on_study_changed(study_id: uuid.UUID, **kwargs: Any) -> None:
    services.want_rankings([study_id])


@receiver([catalog_changed, vocabulary_changed])
def on_catalogue_changed(**kwargs: Any) -> None:
    services.want_all_rankings()
