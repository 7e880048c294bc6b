"""What the home page gathers."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from catalog.index.query import SCHEME_OF_FACET
from catalog.models import CRO, CatalogState, Claim, Source, Term, TrialRole
from catalog.models.claims import RECORD_OF_SCHEME
from cro_portal.common.cache import remember


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
    """What the home page says of the catalogue; a list nobody shows is left out."""

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
FIRST = {
    "region": ("europe", "americas", "asia", "oceania", "africa"),
}
"""What stands first in a list, as people look for it: continents, then clusters."""
ONLY_IN_FILTERS = {
    "therapeutic_area": frozenset({"c23"}),
    "region": frozenset({"ich-founding"}),
}
"""Top terms nobody begins a search with, though a filter needs them: signs and
symptoms are no area a sponsor works in, and ICH regions are no place."""


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
    groups = (
        _tile_group(scheme, title, vocabulary_version, claims, roles)
        for scheme, title in TILE_SCHEMES.items()
    )
    return Overview(
        n_cros=listed.count(),
        n_claims=claims.count(),
        n_trials=roles.aggregate(n=Count("trial", distinct=True))["n"],
        n_sources=Source.objects.filter(claims__in=claims).distinct().count(),
        groups=[group for group in groups if any(tile.n_cros for tile in group.tiles)],
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
    hidden = ONLY_IN_FILTERS.get(scheme, frozenset())
    shown = [tile for tile in tiles if tile.code not in hidden]
    first = FIRST.get(scheme, ())
    if first or len(shown) > TILES_SHOWN:
        shown.sort(
            key=lambda tile: (
                first.index(tile.code) if tile.code in first else len(first),
                -tile.n_cros,
                tile.label,
            )
        )
    return TileGroup(
        parameter=FACET_OF_SCHEME[scheme],
        title=title,
        tiles=shown[:TILES_SHOWN],
        n_more=len(tiles) - len(shown[:TILES_SHOWN]),
    )
