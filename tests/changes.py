"""What the catalogue's services do after a change: raise the version."""

from django.db import transaction
from django.db.models import F

from catalog.models import CRO, CatalogState
from catalog.signals import catalog_changed, vocabulary_changed


@transaction.atomic
def mark_changed(*cros, announce=False):
    CatalogState.objects.get_or_create(id=1)
    CatalogState.objects.update(version=F("version") + 1)
    version = CatalogState.objects.get().version
    CRO.objects.filter(pk__in=[cro.pk for cro in cros]).update(catalog_version=version)
    if announce:
        catalog_changed.send(sender=CRO, cro_ids=[cro.pk for cro in cros])


@transaction.atomic
def mark_vocabulary_changed(*, announce=False):
    CatalogState.objects.get_or_create(id=1)
    CatalogState.objects.update(
        version=F("version") + 1, vocabulary_version=F("vocabulary_version") + 1
    )
    if announce:
        vocabulary_changed.send(sender=CRO, scheme="service")
