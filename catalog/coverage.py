"""Where the CROs of a query work: by country, and by therapeutic area and region."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from catalog import catalogue, maps, snapshot
from catalog.index.coverage import Coverage
from catalog.index.query import Query
from catalog.index.wider import Wider, wider
from catalog.snapshot import Snapshot
from cro_portal.common.cache import remember

REGIONS: Final = (
    "northern-america",
    "latin-america",
    "northern-europe",
    "western-europe",
    "southern-europe",
    "eastern-europe-un",
    "northern-africa",
    "sub-saharan-africa",
    "western-asia",
    "central-asia",
    "southern-asia",
    "south-eastern-asia",
    "eastern-asia",
    "oceania",
)
"""Sub-regions of UN M49, Oceania as one: every country lies in exactly one."""
KEPT_SECONDS: Final = 24 * 60 * 60


class CountryCount(NamedTuple):
    """CROs in a country; `n_trials` of them with a registered trial there."""

    code: str
    label: str
    n_cros: int
    n_with_trials: int


@dataclass(frozen=True)
class Covered:
    """Where `n_cros` CROs work.

    `countries` do not heed the countries of the query, and `numbers` (areas by
    regions) neither its areas nor its regions: they say what choosing would find.
    """

    n_cros: int
    countries: tuple[CountryCount, ...]  # the most CROs first
    areas: tuple[tuple[str, str], ...]  # code and label
    regions: tuple[tuple[str, str], ...]
    numbers: tuple[tuple[int, ...], ...]

    @property
    def marks(self) -> Mapping[str, maps.Mark]:
        """What the world map says of each country."""
        return {
            country.code: maps.Mark(
                country.label,
                country.n_cros,
                words=(
                    f"{country.n_cros:,} CRO{'s' * (country.n_cros != 1)},"
                    f" {country.n_with_trials:,} with trials there"
                ),
            )
            for country in self.countries
        }


_lock = threading.Lock()
_held: tuple[Snapshot, Wider, Coverage] | None = None


def covered(query: Query) -> Covered:
    """Count where the CROs of a query work. Call it outside of a transaction."""
    held = catalogue.current()
    if held.state.has_own_writes or query.choices or query.text is not None:
        return _counted(held, query)
    key = f"coverage-1:{held.state.version}.{held.state.vocabulary_version}"
    return remember(
        f"{key}.{held.state.mark}.{held.facets.on}",
        lambda: _counted(held, query),
        seconds=KEPT_SECONDS,
    )


def _counted(held: catalogue.Held, query: Query) -> Covered:
    coverage, index, label_of = _current(), held.facets, held.terms.label_of

    def without(*facets: str) -> Query:
        kept = tuple(one for one in query.choices if one.facet not in facets)
        return replace(query, choices=kept)

    def labelled(facet: str, codes: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((code, label_of.get((facet, code), code)) for code in codes)

    present = index.counts(without("country"), ("country",))["country"]
    with_trials = dict(
        zip(
            coverage.countries,
            coverage.with_trials(index.found(without("country"))).tolist(),
            strict=True,
        )
    )
    countries = [
        CountryCount(code, label, present[code].yes, with_trials.get(code, 0))
        for code, label in labelled("country", list(present))
        if ("country", code) in label_of
    ]
    heat = coverage.heat(index.found(without("area", "region")))
    return Covered(
        n_cros=len(index.found(query)),
        countries=tuple(sorted(countries, key=lambda one: (-one.n_cros, one.label))),
        areas=labelled("area", coverage.areas),
        regions=labelled("region", coverage.regions),
        numbers=tuple(tuple(row) for row in heat.tolist()),
    )


def _current() -> Coverage:
    """The track record of the catalogue as it is now; built once for each."""
    global _held
    seen = snapshot.current()
    held = _held
    if held is not None and held[0] is seen:
        return held[2]
    with _lock:
        held = _held
        if held is not None and held[0] is seen:
            return held[2]
        # Working out what lies in what takes longer than all the rest.
        knows_words = held is not None and held[0].vocabulary is seen.vocabulary
        lies_in = held[1] if held and knows_words else wider(seen.vocabulary)
        made = Coverage.build(
            seen.arrays, seen.vocabulary, regions=REGIONS, wider_terms=lies_in
        )
        _held = (seen, lies_in, made)
        return made
