"""The page that says where the track records come from and what they are worth."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog import evidence as register_copies
from catalog.maps import Mark
from cro_portal.common.charts import bars

FIRST_YEARS = 30
"""The years a chart begins with at most; the table has all."""


@dataclass(frozen=True)
class Resolver:
    """How well names were told, on names held out from making the rules: docs/evidence.md."""

    n_names: int = 1246
    right_percent: float = 99.9
    n_labelled: int = 954
    found_percent: float = 96.8


@dataclass(frozen=True)
class Backtest:
    """How well choices that records disclose were found again: docs/backtest.md."""

    n_pairs: int = 131
    n_listed: int = 99
    ceiling_percent: float = 90.8
    mrr: float = 0.199
    mrr_low: float = 0.159
    mrr_high: float = 0.246
    first_ten_percent: float = 51.9
    popularity: float = 0.112
    popularity_first_ten_percent: float = 41.2
    same_sponsor: float = 0.213


@require_safe
def evidence(request: HttpRequest) -> HttpResponse:
    held = register_copies.held()
    recent = held.years[-FIRST_YEARS:]
    context = {
        "held": held,
        "imports": register_copies.imports(),
        "years": bars({year.label: float(year.n_trials) for year in recent}),
        "year_words": {
            year.label: {
                "words": f"{year.label}: {year.n_trials:,} trials, {year.n_naming:,} of "
                "them name a CRO"
            }
            for year in recent
        },
        "n_earlier_years": len(held.years) - len(recent),
        "marks": {
            country.key: Mark(country.label, number=country.n_trials)
            for country in held.countries
        },
        "resolver": Resolver(),
        "backtest": Backtest(),
    }
    return render(request, "matching/evidence.html", context)
