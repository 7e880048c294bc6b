"""Components that have to compute; the others are plain includes.

Values and widths of scores are shares in [0, 1] here and whole points of 100 on
the page: a number is never more exact than it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import template
from django.core.paginator import Page
from django.http import QueryDict
from django.utils.http import urlencode

register = template.Library()

UNKNOWN_WIDTH = 0.5
"""An interval at least this wide counts as not known (METHOD section 5)."""
ENOUGH_EVIDENCE = 0.5
"""Under this coverage no score is shown as a headline (METHOD section 5)."""


def points(share: float) -> int:
    """Turn a share in [0, 1] into whole points of 100, halves up."""
    return int(share * 100 + 0.5)


@register.filter(name="points")
def points_filter(share: float) -> int:
    return points(share)


@register.filter
def tenths(share: float) -> str:
    """Write a share in [0, 1] in points of 100 with one digit, for parts of a sum."""
    return f"{share * 100:.1f}"


@register.filter
def signed(share: float) -> str:
    """Write a difference of shares in points of 100, with its sign."""
    text = f"{share * 100:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


@register.inclusion_tag("components/score_bar.html")
def score_bar(value: float | None, label: str = "Score") -> dict[str, Any]:
    """Show a value in [0, 1]; None is shown as not known, never as 0."""
    return {"points": None if value is None else points(value), "label": label}


@register.inclusion_tag("components/interval_bar.html")
def interval_bar(
    low: float,
    value: float,
    high: float,
    label: str = "Score",
    *,
    words: bool = True,
) -> dict[str, Any]:
    """Show an interval `low <= value <= high` in [0, 1]."""
    return {
        "low": points(low),
        "value": points(value),
        "high": points(high),
        "width": points(high) - points(low),
        "is_unknown": low <= 0 and high >= 1,
        "label": label,
        "show_words": words,
    }


@register.inclusion_tag("components/contribution_bar.html")
def contribution_bar(
    criteria: Sequence[Mapping[str, Any]],
    contributions: Sequence[float],
    name: str = "What the score is made of",
    *,
    details: str = "",
) -> dict[str, Any]:
    """Show a score as the sum of its criteria.

    `criteria` have `code`, `label` and `weight` (shares that sum to 1);
    `contributions` stand in the same order and sum to the score. `details` is
    "legend", "table" or "" (the bar alone).
    """
    rows = [
        {
            "code": criterion["code"],
            "label": criterion["label"],
            "points": f"{100 * part:.1f}",
            "weight_percent": f"{100 * criterion['weight']:.0f}",
            "width": f"{100 * part:.3f}",
        }
        for criterion, part in zip(criteria, contributions, strict=True)
    ]
    total = points(sum(contributions))
    return {"rows": rows, "total": total, "details": details, "name": name}


@register.inclusion_tag("components/coverage.html")
def coverage(share: float) -> dict[str, Any]:
    """Show how much of the score rests on known facts, as a share in [0, 1]."""
    percent = points(share)
    return {
        "percent": percent,
        "cells": [percent >= 10 * cell + 5 for cell in range(10)],
        "is_low": share < ENOUGH_EVIDENCE,
        "words": f"{percent} % known",
    }


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(
    context: template.Context, page: Page, noun: str, one: str = ""
) -> dict[str, Any]:
    """Link the pages of a list and keep the rest of the query.

    `noun` is the plural, `one` the word for a single thing where dropping the s
    does not give it. `page.paginator` must offer what Django's Paginator does.
    """
    return page_links(context["request"].GET, page, noun, one)


def page_links(
    params: QueryDict, page: Page, noun: str, one: str = ""
) -> dict[str, Any]:
    """Return what the component `pagination` takes."""
    rest = urlencode(
        [
            (name, value)
            for name, values in params.lists()
            for value in values
            if name != "page"
        ]
    )

    def url(number: int) -> str:
        return f"?{rest}&page={number}" if rest else f"?page={number}"

    numbers: Iterable[int | str] = []
    if page.paginator.num_pages > 1:
        numbers = page.paginator.get_elided_page_range(
            page.number, on_each_side=1, on_ends=1
        )
    return {
        "page": page,
        "links": [
            {"number": n, "url": url(n) if isinstance(n, int) else None}
            for n in numbers
        ],
        "previous_url": (
            url(page.previous_page_number()) if page.has_previous() else ""
        ),
        "next_url": url(page.next_page_number()) if page.has_next() else "",
        "noun": noun if page.paginator.count != 1 else one or noun.removesuffix("s"),
    }


@register.filter
def quantity(value: Decimal, attributes: Mapping[str, Any]) -> str:
    """Write the number of a metric with its unit, shares (`unit` "share") in percent.

    No digits are added to what was claimed.
    """
    unit = str(attributes.get("unit", ""))
    if unit.startswith("share"):
        return f"{(value * 100).normalize():f} %{unit.removeprefix('share')}"
    number = f"{value.normalize():,f}"
    return number if unit in {"", "count"} else f"{number} {unit}"


@register.filter
def at(mapping: Mapping[Any, Any], key: Any) -> Any:
    """Look a key up that the template only holds in a variable; it must be there."""
    return mapping[key]
