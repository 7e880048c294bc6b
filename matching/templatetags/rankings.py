"""How the rankings of studies stand, on pages of studies."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import template

from matching.selectors import RankingStatus, ranking_statuses
from sponsors.models import Study

register = template.Library()


@register.simple_tag
def rankings_of(studies: Iterable[Study]) -> list[RankingStatus]:
    """Say of each study how its newest ranking stands, in the order given.

    Two queries for all; the studies must be the reader's.
    """
    return ranking_statuses(studies)


@register.inclusion_tag("matching/_awaited.html", takes_context=True)
def rankings_awaited(
    context: template.Context, statuses: Sequence[RankingStatus]
) -> dict[str, Any]:
    """Keep the standing of the rankings that are on their way up to date."""
    return {
        "address": context["request"].get_full_path(),
        "awaited": [status for status in statuses if not status.is_settled],
    }
