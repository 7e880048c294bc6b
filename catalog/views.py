"""The catalogue's pages."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from catalog import home as home_page
from catalog.choices import CROStatus, Tier
from catalog.models import CRO
from catalog.profile import facts, sources
from catalog.profile import tabs as profile
from cro_portal.common.htmx import HtmxRequest, render_page


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    overview = home_page.overview(on=timezone.localdate())
    return render(request, "home.html", {"overview": overview})


@require_safe
def cro_detail(request: HtmxRequest, slug: str, tab: str = "overview") -> HttpResponse:
    cro = get_object_or_404(
        CRO.objects.published().select_related("successor"), slug=slug
    )
    if cro.status == CROStatus.MERGED and cro.successor:
        query = urlencode({"formerly": cro.name})
        return redirect(f"{profile.tab_url(cro.successor, tab)}?{query}")
    dossier = facts.dossier(cro, on=timezone.localdate())
    head = facts.head(dossier)
    former = request.GET.get("formerly", "")
    context = {
        "cro": cro,
        "head": head,
        "predecessor": next(
            (other for other in head.predecessors if other.name == former), None
        ),
        "tabs": profile.tabs(dossier, head),
        "current": profile.TABS[tab],
        "tab_template": f"catalog/profile/{tab}.html",
        "tab": profile.gather(tab, dossier, head, request.GET),
        "tiers": Tier.choices,
    }
    return render_page(
        request, "catalog/cro_detail.html", context, partial="tab", target="profile"
    )


@require_safe
def claim_detail(request: HttpRequest, slug: str, uuid: UUID) -> HttpResponse:
    """Lead to the place of a claim in the log of its CRO."""
    claim = get_object_or_404(
        sources.logged().filter(cro__in=CRO.objects.published()).select_related("cro"),
        uuid=uuid,
        cro__slug=slug,
    )
    query = urlencode({"page": sources.page_of(claim)})
    return redirect(f"{profile.tab_url(claim.cro, 'sources')}?{query}#claim-{uuid}")
