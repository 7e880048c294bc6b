"""The tabs of a CRO's page: their addresses, counts and contents."""

from collections.abc import Mapping, Sequence

from django.urls import reverse

from catalog.models import CRO
from catalog.profile.countries import countries
from catalog.profile.experience import experience
from catalog.profile.facts import Dossier, Head
from catalog.profile.numbers import quality, team
from catalog.profile.offers import offers
from catalog.profile.overview import overview
from catalog.profile.sources import sources

TABS = {
    "overview": "Overview",
    "experience": "Experience",
    "countries": "Countries",
    "services": "Services",
    "technology": "Technology",
    "team": "Team and capacity",
    "quality": "Quality",
    "sources": "Sources",
}


def tab_url(cro: CRO, tab: str) -> str:
    """Return the address of a tab."""
    if tab == "overview":
        return cro.get_absolute_url()
    return reverse(f"catalog:cro-{tab}", args=[cro.slug])


def tabs(dossier: Dossier, head: Head) -> Sequence[tuple[str, str, int | None]]:
    """Return address, name and count of each tab, for the component."""
    counts = {
        "experience": head.n_trials,
        "countries": head.n_countries,
        "services": len({line.claim.term_id for line in dossier.yes("service")}),
        "technology": len({line.claim.term_id for line in dossier.yes("technology")}),
        "quality": len({line.claim.term_id for line in dossier.yes("certification")}),
        "sources": head.n_current,
    }
    return [
        (tab_url(dossier.cro, tab), label, counts.get(tab))
        for tab, label in TABS.items()
    ]


def gather(
    tab: str, dossier: Dossier, head: Head, parameters: Mapping[str, str]
) -> object:
    """Read what a tab shows; `parameters` are those of the address."""
    match tab:
        case "overview":
            return overview(dossier, head)
        case "experience":
            return experience(dossier.cro, head.predecessors, parameters=parameters)
        case "countries":
            return countries(dossier)
        case "services" | "technology":
            return offers(dossier, tab.removesuffix("s"))
        case "team":
            return team(dossier)
        case "quality":
            return quality(dossier)
        case "sources":
            return sources(dossier.cro, on=dossier.on, parameters=parameters)
    raise ValueError(f"there is no tab {tab}")
