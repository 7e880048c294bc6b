"""The world map and the heat map in a template (`{% load maps %}`)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django import template

from catalog import maps

register = template.Library()


@register.inclusion_tag("components/world_map.html")
def world_map(
    values: Mapping[str, maps.Mark],
    url_template: str = "",
    *,
    noun: str = "CROs",
    steps: Sequence[maps.Step] = (),
    chosen: Collection[str] = (),
) -> dict[str, Any]:
    """Draw a map (`catalog.maps.world_map`). Put a table with the same links beside.

    The map itself is hidden from assistive technology and not in the tab order.
    """
    drawn = maps.world_map(values, url_template, noun=noun, steps=steps, chosen=chosen)
    return {"map": drawn, "noun": noun}


@register.inclusion_tag("components/heat_table.html")
def heat_map(heat: maps.HeatMap, caption: str, noun: str = "CROs") -> dict[str, Any]:
    """Draw a table with shaded cells (`catalog.maps.heat_map`)."""
    return {"heat": heat, "caption": caption, "noun": noun}
