"""What the page of one CRO and the home page gather."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import Count, F, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.choices import ClaimStatus
from catalog.index.query import SCHEME_OF_FACET
from catalog.models import (
    CRO,
    CatalogState,
    Claim,
    Scheme,
    Source,
    Term,
    Trial,
    TrialCountry,
    TrialRole,
)
from catalog.models.claims import RECORD_OF_SCHEME
from cro_portal.common.cache import remember

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


@dataclass(frozen=True)
class ClaimLine:
    """A claim as the page shows it."""

    claim: Claim
    is_expired: bool
    is_disputed: bool


@dataclass(frozen=True)
class SchemeBlock:
    """All that is claimed on one list of terms."""

    scheme: Scheme
    lines: Sequence[ClaimLine]
    is_complete: bool


@dataclass(frozen=True)
class Profile:
    """What is known of a CRO: claims by list, and how many facts that makes.

    `n_known` of `n_facts` counts the terms of `PROFILE_SCHEMES` with a claim valid
    on the day, or in a list that a curator declared complete.
    """

    blocks: Sequence[SchemeBlock]
    n_known: int
    n_facts: int


def _question(claim: Claim) -> tuple[Any, ...]:
    return (claim.term_id, claim.aspect, claim.country_id, claim.area_id)


def _disputed(claims: Iterable[Claim], on: dt.date) -> set[int]:
    """Find claims in dispute: marked so, or contradicted within the best tier."""
    disputed: set[int] = set()
    questions: dict[tuple[Any, ...], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.status == ClaimStatus.DISPUTED:
            disputed.add(claim.pk)
        elif claim.expires_on is None or claim.expires_on >= on:
            questions[_question(claim)].append(claim)
    for answers in questions.values():
        best = min(claim.tier for claim in answers)
        top = [claim for claim in answers if claim.tier == best]
        if len({claim.answer for claim in top}) > 1:
            disputed.update(claim.pk for claim in top)
    return disputed


def profile(cro: CRO, *, on: dt.date) -> Profile:
    """Gather the claims on a CRO: four queries, however many there are."""
    claims = list(
        Claim.objects.shown()
        .filter(cro=cro)
        .select_related("term__scheme", "country", "area", "source")
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
    complete = set(cro.complete_lists.values_list("scheme_id", flat=True))
    schemes = {claim.term.scheme_id: claim.term.scheme for claim in claims}
    schemes |= Scheme.objects.in_bulk(sorted(complete - schemes.keys()))
    disputed = _disputed(claims, on)
    lines: dict[str, list[ClaimLine]] = {
        code: [
            ClaimLine(
                claim=claim,
                is_expired=claim.expires_on is not None and claim.expires_on < on,
                is_disputed=claim.pk in disputed,
            )
            for claim in group
        ]
        for code, group in groupby(claims, key=lambda claim: claim.term.scheme_id)
    }
    facts = dict(
        Term.objects.current()
        .filter(scheme__in=PROFILE_SCHEMES)
        .order_by()
        .values_list("scheme")
        .annotate(Count("pk"))
    )
    known = sum(
        total
        if code in complete
        else len(
            {
                line.claim.term_id
                for line in lines.get(code, [])
                if not line.is_expired and line.claim.term.deprecated_on is None
            }
        )
        for code, total in facts.items()
    )
    blocks = [
        SchemeBlock(scheme, lines.get(code, []), code in complete)
        for code, scheme in sorted(
            schemes.items(), key=lambda item: (item[1].position, item[0])
        )
    ]
    return Profile(blocks=blocks, n_known=known, n_facts=sum(facts.values()))


def track_record(cro: CRO) -> QuerySet[Trial]:
    """Return the trials of a CRO, newest first, each with its own roles in them.

    `n_countries` is 0 where the record names none; `cro_roles` lists the roles.
    """
    roles = TrialRole.objects.experience().filter(cro=cro)
    countries = (
        TrialCountry.objects.filter(trial=OuterRef("pk"))
        .order_by()
        .values("trial")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return (
        Trial.objects.filter(pk__in=roles.values("trial"))
        .select_related("phase")
        .annotate(n_countries=Coalesce(Subquery(countries), 0))
        .prefetch_related(Prefetch("roles", queryset=roles, to_attr="cro_roles"))
        .order_by(F("start_date").desc(nulls_last=True), "register", "registry_id")
    )


@dataclass(frozen=True)
class Tile:
    """A term to begin with, and how many listed CROs show it."""

    code: str
    label: str
    n_cros: int


@dataclass(frozen=True)
class TileGroup:
    """The tiles of one list; `parameter` is the filter of the CRO list."""

    parameter: str
    title: str
    tiles: Sequence[Tile]
    n_more: int


@dataclass(frozen=True)
class Overview:
    """What the home page says of the catalogue."""

    n_cros: int
    n_claims: int
    n_trials: int
    n_sources: int
    groups: Sequence[TileGroup]


TILE_SCHEMES = {
    "therapeutic_area": "Therapeutic area",
    "region": "Region",
    "service": "Service",
    "phase": "Phase",
    "technology": "Technology",
}
FACET_OF_SCHEME = {scheme: facet for facet, scheme in SCHEME_OF_FACET.items()}
TILES_SHOWN = 12
"""Tiles of one list on the home page; the others are in the filters."""


def overview(*, on: dt.date) -> Overview:
    """Count the catalogue for the home page; kept until the catalogue changes."""
    state = CatalogState.objects.first() or CatalogState()
    return remember(
        f"overview:{state.version}:{state.vocabulary_version}:{on}",
        lambda: _overview(state.vocabulary_version, on),
        seconds=3600,
    )


def _overview(vocabulary_version: int, on: dt.date) -> Overview:
    listed = CRO.objects.listed()
    claims = Claim.objects.valid(on).filter(cro__in=listed)
    roles = TrialRole.objects.experience().filter(cro__in=listed)
    return Overview(
        n_cros=listed.count(),
        n_claims=claims.count(),
        n_trials=roles.aggregate(n=Count("trial", distinct=True))["n"],
        n_sources=Source.objects.filter(claims__in=claims).distinct().count(),
        groups=[
            _tile_group(scheme, title, vocabulary_version, claims, roles)
            for scheme, title in TILE_SCHEMES.items()
        ],
    )


def _terms_within(tops: Sequence[Term]) -> dict[int, set[int]]:
    """Return the keys of each term and all below it: slow, and seldom different."""
    return {
        top.pk: set(Term.objects.narrower(top).values_list("pk", flat=True))
        for top in tops
    }


def _tile_group(
    scheme: str,
    title: str,
    vocabulary_version: int,
    claims: QuerySet[Claim],
    roles: QuerySet[TrialRole],
) -> TileGroup:
    """Count the CROs of every top term of a list, as the filter would find them."""
    tops = list(Term.objects.of(scheme).current().filter(parent__isnull=True))
    terms_of = remember(
        f"terms-within:{scheme}:{vocabulary_version}",
        lambda: _terms_within(tops),
        seconds=24 * 3600,
    )
    wanted = set().union(*terms_of.values())
    cros_of: dict[int, set[int]] = defaultdict(set)
    for term, cro in (
        claims.filter(answer=True, term__in=wanted)
        .order_by()
        .values_list("term", "cro")
        .distinct()
    ):
        cros_of[term].add(cro)
    if field := RECORD_OF_SCHEME.get(scheme):
        for term, cro in (
            roles.filter(**{f"{field}__in": wanted})
            .order_by()
            .values_list(field, "cro")
            .distinct()
        ):
            cros_of[term].add(cro)
    tiles = [
        Tile(
            code=top.code,
            label=top.label,
            n_cros=len(set().union(*(cros_of[term] for term in terms_of[top.pk]))),
        )
        for top in tops
    ]
    shown = tiles
    if len(tiles) > TILES_SHOWN:
        shown = sorted(tiles, key=lambda tile: (-tile.n_cros, tile.label))[:TILES_SHOWN]
    return TileGroup(
        parameter=FACET_OF_SCHEME[scheme],
        title=title,
        tiles=shown,
        n_more=len(tiles) - len(shown),
    )
