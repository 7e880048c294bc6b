"""The claims on one CRO, as every tab shows them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet

from catalog.choices import AliasKind, ClaimStatus
from catalog.index.facts import DOCUMENT_TIER, GRADES
from catalog.models import CRO, Alias, Claim, Scheme, Term, TrialRole
from catalog.profile.record import TrackRecord
from catalog.profile.register import Verdict, why_stale

PROFILE_SCHEMES = (
    "service",
    "technology",
    "modality",
    "population",
    "regulator",
    "certification",
    "engagement",
    "metric",
)
"""Lists of which every term is a fact to know of a CRO. Countries, conditions and
phases are left out: nobody expects a CRO to answer for each country of the world."""

QUESTIONS = {
    "service": "Which of these do you offer, and with whose staff: your own, an "
    "affiliate’s or a partner’s?",
    "technology": "Do you bring this system? Which product, is it your own, and is it "
    "validated?",
    "modality": "Have you run studies of this kind of product? How many, and when last?",
    "population": "Have you enrolled these participants? In how many studies?",
    "regulator": "Have you submitted to this authority? How often, and when last?",
    "certification": "Do you hold this certificate? Its number, scope, issuer and expiry?",
    "engagement": "Do you work in this way? With a contract you can show?",
    "metric": "What is your number, over which period, and who can confirm it?",
}
"""What to ask a CRO about the terms of a list of which nothing is known."""


@dataclass(frozen=True)
class ClaimLine:
    """A claim as the page shows it.

    `stale` says why it should be asked anew; `verdict` what the registers say to
    it, None where they cannot speak or were not asked.
    """

    claim: Claim
    is_expired: bool
    is_disputed: bool
    stale: str
    verdict: Verdict | None = None

    @property
    def is_current(self) -> bool:
        """Whether it counts today."""
        return self.claim.status == ClaimStatus.ACCEPTED and not self.is_expired


def _question(claim: Claim) -> tuple[Any, ...]:
    return (claim.term_id, claim.aspect, claim.country_id, claim.area_id)


def _disputed(claims: Iterable[Claim], on: dt.date) -> set[int]:
    """Find claims in dispute: marked so, or contradicted within the best tier."""
    disputed: set[int] = set()
    questions: dict[tuple[Any, ...], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.status == ClaimStatus.DISPUTED:
            disputed.add(claim.pk)
        elif claim.status == ClaimStatus.ACCEPTED and (
            claim.expires_on is None or claim.expires_on >= on
        ):
            questions[_question(claim)].append(claim)
    for answers in questions.values():
        best = min(claim.tier for claim in answers)
        top = [claim for claim in answers if claim.tier == best]
        if len({claim.answer for claim in top}) > 1:
            disputed.update(claim.pk for claim in top)
    return disputed


def lines_of(claims: Sequence[Claim], *, on: dt.date) -> list[ClaimLine]:
    """Judge the claims of one CRO on a day; all of them, for disputes need both sides."""
    disputed = _disputed(claims, on)
    return [
        ClaimLine(
            claim=claim,
            is_expired=claim.expires_on is not None and claim.expires_on < on,
            is_disputed=claim.pk in disputed,
            stale=why_stale(
                observed_on=claim.observed_on, expires_on=claim.expires_on, on=on
            ),
        )
        for claim in claims
    ]


def judged(lines: Iterable[ClaimLine], record: TrackRecord) -> list[ClaimLine]:
    """Hold claims against the registers."""
    return [replace(line, verdict=record.verdict(line.claim)) for line in lines]


@dataclass(frozen=True)
class Dossier:
    """A CRO and the claims on it that a sponsor may read, in the order of the lists."""

    cro: CRO
    on: dt.date
    lines: Sequence[ClaimLine]
    complete: frozenset[str]

    def of(self, *schemes: str) -> list[ClaimLine]:
        """Return the claims on the terms of these lists."""
        return [line for line in self.lines if line.claim.term.scheme_id in schemes]

    def yes(self, scheme: str) -> list[ClaimLine]:
        """Return the current yes-claims of a list."""
        return [
            line for line in self.of(scheme) if line.is_current and line.claim.answer
        ]

    def best(self, scheme: str, code: str = "") -> ClaimLine | None:
        """Return the current claim on all of the CRO with the best evidence, the newest."""
        found = [
            line
            for line in self.of(scheme)
            if line.is_current
            and (not code or line.claim.term.code == code)
            and line.claim.country_id is None
            and line.claim.area_id is None
        ]
        return min(
            found,
            key=lambda line: (line.claim.tier, -line.claim.observed_on.toordinal()),
            default=None,
        )

    @cached_property
    def countries(self) -> frozenset[int]:
        """Countries with a presence somebody claims: keys of terms."""
        return frozenset(line.claim.term_id for line in self.yes("country"))


def shown_claims(cro: CRO) -> QuerySet[Claim]:
    """Return the claims a sponsor may read, in the order of the lists."""
    return (
        Claim.objects.shown()
        .filter(cro=cro)
        .select_related("term__scheme", "term__parent", "country", "area", "source")
        .order_by(
            "term__scheme__position",
            "term__scheme_id",
            "term__position",
            "term__label",
            "term_id",
            "tier",
            "-observed_on",
            "pk",
        )
    )


def dossier(cro: CRO, *, on: dt.date) -> Dossier:
    """Read the claims on a CRO: two queries, however many there are."""
    return Dossier(
        cro=cro,
        on=on,
        lines=lines_of(list(shown_claims(cro)), on=on),
        complete=frozenset(cro.complete_lists.values_list("scheme", flat=True)),
    )


# The head of the page

SIZE_BANDS = (
    (50, "Micro", "under 50 people"),
    (500, "Small", "50 to 499 people"),
    (5000, "Mid-sized", "500 to 4,999 people"),
)


def size_band(headcount: float) -> tuple[str, str]:
    """Name the band of a number of full-time equivalents, and say what it spans."""
    for end, name, span in SIZE_BANDS:
        if headcount < end:
            return name, span
    return "Large", "5,000 people or more"


def evidence_grade(n_good: int, n_claims: int) -> str:
    """Grade the share of T1 to T3 as the filters do; "" without any claim."""
    if not n_claims:
        return ""
    for name, (part, whole) in zip("AB", GRADES, strict=True):
        if n_good * whole >= n_claims * part:
            return name
    return "C" if n_good else "D"


@dataclass(frozen=True)
class Head:
    """What stands over all tabs. None or empty is not known."""

    types: Sequence[ClaimLine]
    home: ClaimLine | None
    headcount: ClaimLine | None
    size: str
    size_span: str
    n_countries: int
    n_trials: int
    n_trial_countries: int
    engagement: Sequence[ClaimLine]
    predecessors: Sequence[CRO]
    grade: str
    n_good: int
    n_current: int
    latest: dt.date | None


def head(dossier: Dossier) -> Head:
    """Sum the CRO up: three queries."""
    current = [line for line in dossier.lines if line.is_current]
    n_good = sum(line.claim.tier <= DOCUMENT_TIER for line in current)
    headcount = dossier.best("metric", "headcount-fte")
    size, span = "", ""
    if headcount and headcount.claim.value is not None:
        size, span = size_band(float(headcount.claim.value))
    roles = TrialRole.objects.experience().filter(cro=dossier.cro).order_by()
    homes = [
        line for line in dossier.yes("country") if line.claim.aspect == "headquarters"
    ]
    return Head(
        types=dossier.yes("cro_type"),
        home=min(homes, key=lambda line: line.claim.tier, default=None),
        headcount=headcount,
        size=size,
        size_span=span,
        n_countries=len(dossier.countries),
        n_trials=roles.values("trial").distinct().count(),
        n_trial_countries=roles.filter(trial__countries__isnull=False)
        .values("trial__countries")
        .distinct()
        .count(),
        engagement=dossier.yes("engagement"),
        predecessors=list(ancestors(dossier.cro)),
        grade=evidence_grade(n_good, len(current)),
        n_good=n_good,
        n_current=len(current),
        latest=max((line.claim.observed_on for line in current), default=None),
    )


def ancestors(cro: CRO) -> QuerySet[CRO]:
    """Return the CROs that became part of this one, up to three mergers back."""
    return (
        CRO.objects.published()
        .filter(
            Q(successor=cro)
            | Q(successor__successor=cro)
            | Q(successor__successor__successor=cro)
        )
        .exclude(pk=cro.pk)
        .order_by("succeeded_on", "name", "pk")
    )


# Overview


@dataclass(frozen=True)
class SchemeBlock:
    """All that is claimed on one list of terms."""

    scheme: Scheme
    lines: Sequence[ClaimLine]
    is_complete: bool

    @property
    def n_terms(self) -> int:
        return len({line.claim.term_id for line in self.lines})


def blocks(dossier: Dossier, *schemes: str) -> list[SchemeBlock]:
    """Group the claims on some lists by list; a list declared complete is there too."""
    found = {
        code: list(lines)
        for code, lines in groupby(
            dossier.of(*schemes), key=lambda line: line.claim.term.scheme_id
        )
    }
    known = {code: lines[0].claim.term.scheme for code, lines in found.items()}
    missing = sorted((dossier.complete & set(schemes)) - known.keys())
    if missing:
        known |= Scheme.objects.in_bulk(missing)
    return [
        SchemeBlock(scheme, found.get(code, []), code in dossier.complete)
        for code, scheme in sorted(
            known.items(), key=lambda item: (item[1].position, item[0])
        )
    ]


@dataclass(frozen=True)
class Unknown:
    """The terms of one list of which nothing is known, and what to ask."""

    scheme: Scheme
    question: str
    terms: Sequence[Term]
    n_terms: int


@dataclass(frozen=True)
class Knowledge:
    """How many of the askable facts are known, and which are not.

    Askable are the terms of `PROFILE_SCHEMES` that have no terms below them. Known
    is one with a claim valid on the day, or in a list declared complete.
    """

    n_known: int
    n_facts: int
    unknown: Sequence[Unknown]


def knowledge(dossier: Dossier) -> Knowledge:
    """Tell what is known from what is not: one query."""
    answered = {line.claim.term_id for line in dossier.lines if line.is_current}
    terms = (
        Term.objects.current()
        .filter(scheme__in=PROFILE_SCHEMES)
        .exclude(
            pk__in=Term.objects.current().filter(parent__isnull=False).values("parent")
        )
        .select_related("scheme")
        .order_by("scheme__position", "scheme_id", "position", "label", "pk")
    )
    n_known = n_facts = 0
    unknown = []
    for code, group in groupby(terms, key=lambda term: term.scheme_id):
        of_list = list(group)
        missing = [
            term
            for term in of_list
            if code not in dossier.complete and term.pk not in answered
        ]
        n_facts += len(of_list)
        n_known += len(of_list) - len(missing)
        if missing:
            unknown.append(
                Unknown(of_list[0].scheme, QUESTIONS[code], missing, len(of_list))
            )
    return Knowledge(n_known, n_facts, unknown)


@dataclass(frozen=True)
class Event:
    """Something that happened to the CRO or its name; `on` None: nobody knows when."""

    on: dt.date | None
    words: str
    cro: CRO | None = None
    alias: Alias | None = None


def history(
    cro: CRO, predecessors: Sequence[CRO], aliases: Iterable[Alias]
) -> list[Event]:
    """Tell names and mergers in order, those without a day first."""
    taken = {former.name for former in predecessors}
    events = [
        Event(former.succeeded_on, f"{former.name} became part of it", cro=former)
        for former in predecessors
    ]
    events += [
        Event(alias.valid_to, f"Until then also called {alias.name}", alias=alias)
        for alias in aliases
        if alias.kind == AliasKind.FORMER and alias.name not in taken
    ]
    if cro.successor is not None:
        events.append(
            Event(
                cro.succeeded_on, f"Became part of {cro.successor.name}", cro.successor
            )
        )
    return sorted(events, key=lambda event: (event.on or dt.date.min, event.words))
