"""The page that shows where CROs work: a world map and a heat map."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog import maps, search
from catalog.coverage import covered
from catalog.index.query import Choice
from catalog.search import MODE

NOT_FOR_THE_LIST = ("page",)


@require_safe
def coverage(request: HttpRequest) -> HttpResponse:
    query, problems = search.parse(request.GET)
    found = covered(query)
    chosen = {
        facet: {one.code for one in query.choices if _is_asked(one, facet)}
        for facet in ("area", "region", "country")
    }
    country_address = list_address(request, country=maps.CODE)
    heat = maps.heat_map(
        found.areas,
        found.regions,
        found.numbers,
        list_address(request, area=maps.AREA, region=maps.REGION),
        chosen=lambda area, region: (
            area in chosen["area"] and region in chosen["region"]
        ),
    )
    context = {
        "problems": problems,
        "covered": found,
        "countries": [
            {
                "label": one.label,
                "n_cros": one.n_cros,
                "n_with_trials": one.n_with_trials,
                "url": country_address.replace(maps.CODE, one.code),
                "is_chosen": one.code in chosen["country"],
            }
            for one in found.countries
            if one.n_cros
        ],
        "n_other_countries": sum(not one.n_cros for one in found.countries),
        "country_address": country_address,
        "list_address": list_address(request),
        "is_filtered": bool(query.choices) or query.text is not None,
        "chosen_countries": chosen["country"],
        "heat": heat,
    }
    return render(request, "catalog/coverage.html", context)


def list_address(request: HttpRequest, **values: str) -> str:
    """Give the address of the list with the rest of the query and these values.

    A value may be a place for one, such as `{code}`; it stays as it is.
    """
    query = request.GET.copy()
    for name in (*NOT_FOR_THE_LIST, *values, *(name + MODE for name in values)):
        query.pop(name, None)
    parts = [query.urlencode(), *(f"{name}={value}" for name, value in values.items())]
    tail = "&".join(part for part in parts if part)
    return reverse("catalog:cro-list") + (f"?{tail}" if tail else "")


def _is_asked(choice: Choice, facet: str) -> bool:
    return choice.facet == facet and choice.state == "yes" and not choice.excluded
