"""Change the tray that is kept in an account."""

from collections.abc import Callable, Sequence

from django.db import transaction

from catalog.models import CRO, TrayItem
from cro_portal.accounts.models import User


@transaction.atomic
def change_tray(
    *, user: User, change: Callable[[Sequence[CRO]], Sequence[CRO]]
) -> list[CRO]:
    """Replace a person's tray by what `change` makes of it; return the new one.

    The account's row is locked meanwhile, so that of two tabs neither loses what
    the other added. What `change` raises leaves the tray as it was.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    items = TrayItem.objects.visible_to(user)
    before = [item.cro for item in items.select_related("cro")]
    after = list(change(before))
    if after != before:
        items.delete()
        TrayItem.objects.bulk_create(
            TrayItem(user=user, cro=cro, place=place)
            for place, cro in enumerate(after, start=1)
        )
    return after
