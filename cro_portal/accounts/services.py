"""Changes of what people may do with their account."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction

from cro_portal.accounts.models import ApiToken, TokenScope, User

MAX_TOKENS = 20
MAX_DAYS = 365


@transaction.atomic
def create_token(
    *, user: User, name: str, scope: TokenScope, days: int
) -> tuple[ApiToken, str]:
    """Make a token that works for `days` days; the second value is the secret.

    The secret is known now and never again.

    Raises
    ------
    ValidationError
        When the person has too many tokens, or the days are not 1 to `MAX_DAYS`.
    """
    if not 1 <= days <= MAX_DAYS:
        raise ValidationError({"days": f"A token works for 1 to {MAX_DAYS} days."})
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if ApiToken.objects.visible_to(user).count() >= MAX_TOKENS:
        raise ValidationError(
            f"You have {MAX_TOKENS} tokens. Revoke one you no longer use first."
        )
    return ApiToken.objects.create(
        user=user, name=name, scope=scope, expiry=dt.timedelta(days=days)
    )


def revoke_token(*, token: ApiToken) -> None:
    """Make a token stop working at once."""
    token.delete()
