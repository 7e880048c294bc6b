"""Searches people keep."""

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from cro_portal.common.models import TimestampedModel

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from cro_portal.accounts.models import User


class SavedSearchQuerySet(models.QuerySet["SavedSearch"]):
    """Questions about saved searches. Every method chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "SavedSearchQuerySet":
        """Keep the searches of that person; nobody else sees them."""
        return self.filter(user=user.pk) if user.is_authenticated else self.none()


class SavedSearch(TimestampedModel):
    """A search of the catalogue with a name, and what it found when last looked at.

    `query` is the part of the address that decides which CROs are found. `seen`
    holds their keys, packed by `catalog.saved`.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="saved_searches",
    )
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=4000, blank=True)
    seen = models.BinaryField(default=b"")
    seen_at = models.DateTimeField()

    objects = SavedSearchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "saved searches"
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"],
                name="catalog_saved_search_name_once_a_person",
                violation_error_message="You have a search of this name; choose another.",
            )
        ]

    def __str__(self) -> str:
        return self.name
