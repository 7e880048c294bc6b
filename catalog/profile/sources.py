"""The tab Sources: every claim with its evidence and its fate."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet

from catalog.choices import ClaimStatus
from catalog.models import CRO, Claim
from catalog.profile.facts import ClaimLine, judged, lines_of
from catalog.profile.record import track_record

CLAIMS_A_PAGE = 50
STATES = {
    "": "All",
    "current": "Current",
    "disputed": "Disputed",
    "expired": "Expired",
    "superseded": "Superseded",
    "withdrawn": "Withdrawn",
}
LOGGED = (
    ClaimStatus.ACCEPTED,
    ClaimStatus.DISPUTED,
    ClaimStatus.SUPERSEDED,
    ClaimStatus.WITHDRAWN,
)
"""Everything a curator has let in once; what still waits for one is not public."""


@dataclass(frozen=True)
class Filter:
    label: str
    url: str
    n: int
    is_chosen: bool


@dataclass(frozen=True)
class Sources:
    states: Sequence[Filter]
    schemes: Sequence[Filter]
    ignored: Sequence[str]
    page: Page[ClaimLine]


def logged() -> QuerySet[Claim]:
    """Return every claim a curator ever let in."""
    return Claim.objects.filter(status__in=LOGGED)


def logged_claims(cro: CRO) -> list[Claim]:
    """Return the log of a CRO, newest first: one query."""
    return list(
        logged()
        .filter(cro=cro)
        .select_related("term__scheme", "country", "area", "source", "verified_by")
        .order_by("-observed_on", "-pk")
    )


def state_of(line: ClaimLine) -> str:
    """Name the one state a claim is filtered by."""
    if line.claim.status in (ClaimStatus.SUPERSEDED, ClaimStatus.WITHDRAWN):
        return str(line.claim.status)
    if line.is_disputed:
        return "disputed"
    return "expired" if line.is_expired else "current"


def sources(cro: CRO, *, on: dt.date, parameters: Mapping[str, str]) -> Sources:
    """Arrange the log for its filters `state` and `scheme`: four queries."""
    lines = judged(lines_of(logged_claims(cro), on=on), track_record([cro]))
    labels = {
        scheme.code: scheme.label
        for scheme in sorted(
            {line.claim.term.scheme for line in lines},
            key=lambda s: (s.position, s.code),
        )
    }
    wanted = {name: parameters.get(name, "") for name in ("state", "scheme")}
    ignored = []
    for name, known in (("state", STATES), ("scheme", labels)):
        if wanted[name] and wanted[name] not in known:
            ignored.append(f"There is no {name} “{wanted[name][:60]}” here.")
            wanted[name] = ""

    def keep(state: str, scheme: str) -> list[ClaimLine]:
        return [
            line
            for line in lines
            if state in ("", state_of(line))
            and scheme in ("", line.claim.term.scheme_id)
        ]

    def option(label: str, state: str, scheme: str, is_chosen: bool) -> Filter:
        query = {"state": state, "scheme": scheme}
        text = urlencode({name: value for name, value in query.items() if value})
        return Filter(label, f"?{text}", len(keep(state, scheme)), is_chosen)

    return Sources(
        states=[
            option(label, code, wanted["scheme"], code == wanted["state"])
            for code, label in STATES.items()
        ],
        schemes=[
            option(label, wanted["state"], code, code == wanted["scheme"])
            for code, label in {"": "All lists", **labels}.items()
        ],
        ignored=ignored,
        page=Paginator(keep(**wanted), CLAIMS_A_PAGE).get_page(parameters.get("page")),
    )


def page_of(claim: Claim) -> int:
    """Return the page of the unfiltered log on which a claim stands: one query."""
    before = (
        logged()
        .filter(cro=claim.cro_id)
        .filter(
            Q(observed_on__gt=claim.observed_on)
            | Q(observed_on=claim.observed_on, pk__gt=claim.pk)
        )
    )
    return before.count() // CLAIMS_A_PAGE + 1
