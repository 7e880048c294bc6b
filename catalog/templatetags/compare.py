"""The tray of a comparison on any page that lists CROs.

A page shows `{% compare_tray %}` once and `{% compare_button cro %}` at each CRO.
The buttons belong to the tray's one form, so a card carries a button and no
token of its own.
"""

from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import CRO
from catalog.tray import tray_of

register = template.Library()


@register.inclusion_tag("components/compare_tray.html", takes_context=True)
def compare_tray(context: template.Context) -> dict[str, Any]:
    """Show what the visitor has chosen to compare.

    Reads `tray_page`, the address of the page it stands on, where a request
    brings the tray alone. The form's token comes from the page.
    """
    request: HttpRequest = context["request"]
    return {
        "tray": tray_of(request),
        "action": reverse("catalog:tray"),
        "next": context.get("tray_page") or request.get_full_path(),
    }


@register.simple_tag(takes_context=True)
def compare_button(context: template.Context, cro: CRO) -> SafeString:
    """Offer to put a CRO into the tray, or to take it out again."""
    is_in = cro.slug in tray_of(context["request"]).slugs
    return format_html(
        '<button type="submit" form="compare-form" class="button button--small'
        ' compare-button" name="{}" value="{}" aria-pressed="{}">Compare'
        '<span class="visually-hidden"> {}</span></button>',
        "remove" if is_in else "add",
        cro.slug,
        "true" if is_in else "false",
        cro.name,
    )
