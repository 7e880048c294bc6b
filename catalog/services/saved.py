"""Keeping searches."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from catalog.models import SavedSearch
from catalog.saved import found_by, pack
from cro_portal.accounts.models import User

MOST_SEARCHES = 50
"""Searches of one person."""


def save_search(*, user: User, name: str, query: str) -> SavedSearch:
    """Keep a search under a name, as seen now; a name is used once a person."""
    seen = pack(found_by(query))
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if SavedSearch.objects.visible_to(user).count() >= MOST_SEARCHES:
            raise ValidationError(
                f"You have {MOST_SEARCHES} saved searches. Delete one first."
            )
        saved = SavedSearch(
            user=user,
            name=" ".join(name.split()),
            query=query,
            seen=seen,
            seen_at=timezone.now(),
        )
        saved.full_clean()
        saved.save()
    return saved


def mark_seen(*, saved: SavedSearch) -> SavedSearch:
    """Remember what the search finds now; changes count from here."""
    saved.seen = pack(found_by(saved.query))
    saved.seen_at = timezone.now()
    saved.save(update_fields=["seen", "seen_at", "updated_at"])
    return saved
