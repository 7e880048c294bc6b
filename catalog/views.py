"""The catalogue's pages."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from catalog import profile
from catalog.choices import CROStatus, Tier
from catalog.models import CRO
from cro_portal.common.htmx import HtmxRequest, render_page

TRIALS_A_PAGE = 25


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    overview = profile.overview(on=timezone.localdate())
    return render(request, "home.html", {"overview": overview})


@require_safe
def cro_detail(request: HtmxRequest, slug: str) -> HttpResponse:
    cro = get_object_or_404(
        CRO.objects.published().select_related("successor"), slug=slug
    )
    if cro.status == CROStatus.MERGED and cro.successor:
        query = urlencode({"formerly": cro.name})
        return redirect(f"{cro.successor.get_absolute_url()}?{query}")
    former = request.GET.get("formerly", "")
    context = {
        "cro": cro,
        "predecessor": cro.predecessors.filter(name=former).first() if former else None,
        "tiers": Tier.choices,
        "aliases": cro.aliases.select_related("source"),
        "profile": profile.profile(cro, on=timezone.localdate()),
        "trials": Paginator(profile.track_record(cro), TRIALS_A_PAGE).get_page(
            request.GET.get("page")
        ),
    }
    return render_page(request, "catalog/cro_detail.html", context, partial="trials")
