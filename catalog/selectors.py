"""What a page or an answer about the catalogue gathers."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Max, Q

from catalog.models import CRO, Claim, TrialRole


@dataclass(frozen=True)
class SchemeFacts:
    """Accepted claims of one scheme; `is_complete`: a term without claim is a no."""

    scheme: str
    yes: int
    no: int
    is_complete: bool


@dataclass(frozen=True)
class CROFacts:
    """How much is known of a CRO."""

    n_claims: int
    n_trials: int
    latest_observation: dt.date | None
    claims_by_scheme: tuple[SchemeFacts, ...]


def cro_facts(cro: CRO) -> CROFacts:
    """Count what is known of a CRO: three queries, whatever their size."""
    rows = list(
        Claim.objects.accepted()
        .filter(cro=cro)
        .order_by("term__scheme")
        .values("term__scheme")
        .annotate(
            yes=Count("pk", filter=Q(answer=True)),
            no=Count("pk", filter=Q(answer=False)),
            latest=Max("observed_on"),
        )
    )
    complete = set(cro.complete_lists.values_list("scheme", flat=True))
    counted = {row["term__scheme"]: (row["yes"], row["no"]) for row in rows}
    return CROFacts(
        n_claims=sum(yes + no for yes, no in counted.values()),
        n_trials=TrialRole.objects.experience()
        .filter(cro=cro)
        .aggregate(n=Count("trial", distinct=True))["n"],
        latest_observation=max((row["latest"] for row in rows), default=None),
        claims_by_scheme=tuple(
            SchemeFacts(scheme, *counted.get(scheme, (0, 0)), scheme in complete)
            for scheme in sorted(counted.keys() | complete)
        ),
    )
