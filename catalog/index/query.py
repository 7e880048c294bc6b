"""What is asked of the catalogue's index, and what it answers.

A fact about a CRO is yes, no or unknown. A choice is met where the fact is in the
chosen state, missed where it is known to be in another, and open where it is not
known. Inside a facet one choice that is met is enough, or all must be (`all_of`);
every excluded choice must be missed; between facets all must hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from catalog.index.arrays import Ints

State: TypeAlias = Literal["yes", "no", "unknown"]
Through: TypeAlias = Literal["", "own", "partner"]

SCHEME_OF_FACET: Final[Mapping[str, str]] = MappingProxyType(
    {
        "area": "therapeutic_area",
        "condition": "condition",
        "phase": "phase",
        "country": "country",
        "region": "region",
        "regulator": "regulator",
        "service": "service",
        "technology": "technology",
        "modality": "modality",
        "population": "population",
        "type": "cro_type",
        "certification": "certification",
        "engagement": "engagement",
    }
)
"""Facets whose values are the terms of a scheme, in the order of a page."""

BANDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "size": ("micro", "small", "mid", "large", "unknown"),
        "evidence": ("a", "b", "c", "d"),
        "verified": ("1y", "2y", "older", "never"),
    }
)
"""Facets whose values are bands of a number.

`size`: staff in full-time equivalents, under 50, 500, 5,000, and above.
`evidence`: share of tiers T1 to T3 among the claims valid today: a from 1/2, b from
1/4, c above 0; d none, also where nothing is claimed.
`verified`: days since the newest observation among them: up to 365, up to 730, more.
"""

DELIVERY_FACETS: Final = ("service", "technology")
"""Facets that tell own work from that of an affiliate or a named partner."""

THROUGH: Final[tuple[Through, ...]] = ("own", "partner")

FACETS: Final = (*SCHEME_OF_FACET, *BANDS)

SORTS: Final = ("relevance", "name", "trials", "countries", "size", "verified")


class Choice(NamedTuple):
    """A fact that is asked for: a value of a facet in a state.

    `delivery` is for services and technologies: `own`, or `partner` (an affiliate
    or a named partner). An excluded choice asks that the fact is not so.
    """

    facet: str
    code: str
    state: State = "yes"
    delivery: Through = ""
    excluded: bool = False


@dataclass(frozen=True)
class Query:
    """Which CROs, in which order.

    `text` holds the keys of the CROs that a search of words found, best first;
    None without a search. Facets in `all_of` want all their choices.
    """

    choices: tuple[Choice, ...] = ()
    all_of: frozenset[str] = frozenset()
    text: Sequence[int] | Ints | None = None
    include_unknown: bool = True
    sort: str = "relevance"


@dataclass(frozen=True, eq=False)
class Page:
    """A part of the CROs found: those known to match first, then those open.

    `total` counts all that were found, `total_known` those known to match, and
    `n_unknown` those of whom a chosen fact is not known, shown or not. `ids` are
    the keys of the CROs of this page, in order. Beside each, `marks` names the
    choices not known, and `disputed` those that equally good sources dispute.
    """

    total: int
    total_known: int
    n_unknown: int
    ids: Ints
    marks: tuple[tuple[Choice, ...], ...]
    disputed: tuple[tuple[Choice, ...], ...]


class Count(NamedTuple):
    """CROs that the other facets leave: with a yes on a value, and not known."""

    yes: int
    unknown: int | None = None
