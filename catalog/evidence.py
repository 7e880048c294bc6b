"""What the catalogue holds of public registers: where from, how new, how much."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q
from django.db.models.functions import ExtractYear

from catalog.choices import ImportState, Register
from catalog.models import CatalogState, ImportRun, Trial, TrialCountry, TrialRole
from cro_portal.common.cache import remember

IMPORTS_SHOWN = 10


@dataclass(frozen=True)
class Copy:
    """The copy of one register.

    `newest` is the day of its newest record, by the register; `first` and `last`
    say when records came into this catalogue. None: no record says.
    """

    register: str
    label: str
    n_trials: int
    n_naming: int
    newest: dt.date | None
    first: dt.date | None
    last: dt.date | None


@dataclass(frozen=True)
class Tally:
    """Trials of a year or a country, and how many of them name a CRO."""

    key: str
    label: str
    n_trials: int
    n_naming: int


@dataclass(frozen=True)
class Held:
    """The trials of real registers; those of the demo stand beside, and count nowhere."""

    copies: Sequence[Copy]
    n_trials: int
    n_naming: int
    n_cros: int
    n_without_names: int
    n_demo: int
    years: Sequence[Tally]
    n_undated: int
    countries: Sequence[Tally]
    n_without_country: int


def held() -> Held:
    """Count what the catalogue holds; kept until it changes."""
    state = CatalogState.objects.first() or CatalogState()
    return remember(
        f"evidence:{state.version}:{state.vocabulary_version}", _held, seconds=24 * 3600
    )


def imports() -> Sequence[ImportRun]:
    """Return the last imports that came to their end."""
    done = ImportRun.objects.filter(state=ImportState.DONE)
    return list(done.order_by("-finished_at", "-pk")[:IMPORTS_SHOWN])


def _held() -> Held:
    """Count: six queries."""
    roles = TrialRole.objects.experience()
    trials = Trial.objects.annotate(
        names_a_cro=Exists(roles.filter(trial=OuterRef("pk")))
    ).order_by()
    naming = Count("pk", filter=Q(names_a_cro=True))
    real = trials.exclude(register=Register.DEMO)
    by_register = {
        row["register"]: row
        for row in trials.values("register").annotate(
            n=Count("pk"),
            naming=naming,
            newest=Max("record_version", filter=Q(record_version__regex=A_DAY)),
            first=Min("retrieved_on"),
            last=Max("retrieved_on"),
        )
    }
    copies = [
        Copy(
            register=register.value,
            label=str(register.label),
            n_trials=row["n"],
            n_naming=row["naming"],
            newest=dt.date.fromisoformat(row["newest"][:10]) if row["newest"] else None,
            first=row["first"],
            last=row["last"],
        )
        for register in (Register.CTGOV, Register.CTIS)
        if (row := by_register.get(register))
    ]
    years: dict[int | None, Tally] = {
        row["year"]: Tally(str(row["year"]), str(row["year"]), row["n"], row["naming"])
        for row in real.annotate(year=ExtractYear("start_date"))
        .values("year")
        .annotate(n=Count("pk"), naming=naming)
    }
    undated = years.pop(None, None)
    of_country = (
        TrialCountry.objects.exclude(trial__register=Register.DEMO)
        .order_by()
        .annotate(names_a_cro=Exists(roles.filter(trial=OuterRef("trial"))))
        .values(code=F("country__code"), label=F("country__label"))
        .annotate(n=Count("pk"), naming=naming)
    )
    countries = [
        Tally(row["code"], row["label"], row["n"], row["naming"]) for row in of_country
    ]
    demo = by_register.get(Register.DEMO)
    return Held(
        copies=copies,
        n_trials=sum(copy.n_trials for copy in copies),
        n_naming=sum(copy.n_naming for copy in copies),
        n_cros=roles.exclude(trial__register=Register.DEMO)
        .order_by()
        .aggregate(n=Count("cro", distinct=True))["n"],
        n_without_names=real.filter(lead_sponsor="").count(),
        n_demo=demo["n"] if demo else 0,
        years=_without_gaps({year: one for year, one in years.items() if year}),
        n_undated=undated.n_trials if undated else 0,
        countries=sorted(countries, key=lambda one: (-one.n_trials, one.label)),
        n_without_country=real.filter(trial_countries__isnull=True).count(),
    )


A_DAY = r"^\d{4}-\d{2}-\d{2}"


def _without_gaps(found: dict[int, Tally]) -> list[Tally]:
    """Put years in order, with a 0 for those between that have no trial."""
    if not found:
        return []
    span = range(min(found), max(found) + 1)
    return [found.get(year, Tally(str(year), str(year), 0, 0)) for year in span]
