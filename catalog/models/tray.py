"""The few CROs a person means to compare, kept in the account."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models.claims import CRO

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from cro_portal.accounts.models import User

TRAY_SIZE = 6
"""CROs that can stand side by side on a page."""


class TrayItemQuerySet(models.QuerySet["TrayItem"]):
    """Questions about trays. Every method chains."""

    def visible_to(self, user: "User | AnonymousUser") -> "TrayItemQuerySet":
        """Keep a person's own; nobody else's tray can be seen."""
        return self.filter(user=user) if user.is_authenticated else self.none()


class TrayItem(models.Model):
    """A CRO in somebody's tray; `place` orders it, 1 first."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    cro = models.ForeignKey(CRO, on_delete=models.CASCADE, related_name="+")
    place = models.PositiveSmallIntegerField()

    objects = TrayItemQuerySet.as_manager()

    class Meta:
        ordering = ["user_id", "place"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "place"], name="catalog_trayitem_one_a_place"
            ),
            models.UniqueConstraint(
                fields=["user", "cro"], name="catalog_trayitem_once"
            ),
            models.CheckConstraint(
                name="catalog_trayitem_place_exists",
                condition=Q(place__gte=1, place__lte=TRAY_SIZE),
                violation_error_message="A tray holds six CROs.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cro_id} at {self.place}"
