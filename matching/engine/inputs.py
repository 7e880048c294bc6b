"""What the engine works on: the catalogue and a study's need, as plain arrays.

Terms, CROs, trials and sponsors are dense indices (0…n-1); -1 means none. Days
are counted from 1970-01-01; `NO_DAY` means not known or never. Codes for
delivery, aspect and so on are the positions in the tuples below.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Int32s: TypeAlias = npt.NDArray[np.int32]
Int8s: TypeAlias = npt.NDArray[np.int8]
Bools: TypeAlias = npt.NDArray[np.bool_]
Indices: TypeAlias = Ints | Int32s
"""Positions in another array."""

NO_DAY = np.iinfo(np.int32).max

DELIVERIES = ("own", "affiliate", "partner")
ASPECTS = ("", "headquarters", "legal_entity", "staff")
IMPORTANCES = ("must", "high", "medium", "low")
SIZE_CLASSES = ("", "small", "mid", "large")

CRITERIA = (
    "expertise",
    "geography",
    "services",
    "project_management",
    "technology",
    "scalability",
    "quality",
    "fit",
)


@dataclass(frozen=True)
class Terms:
    """The vocabulary. Index i is term i everywhere.

    `scheme` and `code` are read for the schemes and metrics the method names:
    condition, therapeutic_area, phase, country, regulator, service, technology,
    modality, population, certification, engagement, metric.
    `tree` holds the MeSH tree numbers of conditions and therapeutic areas: one
    (term, tree number) pair a row. `member_term`, `wider_term` are links across
    lists, a pair a row: a country and a region it lies in, a region and a wider
    one, and a regulator and the countries or regions it speaks for (either way
    round).
    """

    scheme: tuple[str, ...]
    code: tuple[str, ...]
    label: tuple[str, ...]
    parent: Int32s  # (n_terms,) -1 none; a narrower yes answers a wider question
    tree_term: Int32s  # (n_tree,)
    tree_number: tuple[str, ...]  # (n_tree,)
    member_term: Int32s  # (n_links,)
    wider_term: Int32s  # (n_links,)


@dataclass(frozen=True)
class Claims:
    """Accepted claims, a row each, in any order."""

    cro: Int32s
    term: Int32s
    answer: Bools
    aspect: Int8s  # position in ASPECTS
    country: Int32s  # scope, term index or -1
    area: Int32s  # scope, term index or -1
    delivery: Int8s  # position in DELIVERIES, -1 with a no
    value: Floats  # NaN where the claim has no number
    tier: Int8s  # 1 (best) to 5
    observed: Int32s  # day
    expires: Int32s  # day, NO_DAY never
    id: Ints  # primary key, for the reasons


@dataclass(frozen=True)
class Trials:
    """Registered trials that any CRO took part in, with CSR lists of their terms."""

    start: Int32s  # day, NO_DAY not known
    phase: Int32s  # term index or -1
    participants: Floats  # NaN not known
    n_sites: Floats  # NaN not known
    n_countries: Int32s  # 0 not known
    sponsor: Int32s  # dense index of the lead sponsor, -1 not known
    sponsor_size: Int8s  # position in SIZE_CLASSES
    condition_at: Ints  # (n_trials + 1,) offsets into condition_term
    condition_term: Int32s
    country_at: Ints  # (n_trials + 1,) offsets into country_term
    country_term: Int32s
    id: Ints  # primary key, for the reasons


@dataclass(frozen=True)
class Catalogue:
    """Everything known of all listed CROs at one catalogue version.

    `role_cro`, `role_trial`: one row per (CRO, trial), facilities left out, no
    pair twice. `complete_cro`, `complete_scheme`: lists declared complete.
    `size_class_shares`: share of all registered trials with a known size class
    that sponsors of each class lead, in the order of SIZE_CLASSES (first is 0).
    """

    n_cros: int
    cro_id: Ints  # (n_cros,) primary keys
    cro_name: tuple[str, ...]  # breaks ties
    terms: Terms
    claims: Claims
    trials: Trials
    role_cro: Int32s
    role_trial: Int32s
    complete_cro: Int32s
    complete_scheme: tuple[str, ...]
    size_class_shares: Floats  # (4,)


@dataclass(frozen=True)
class Requirements:
    """What the study asks for, a row each."""

    term: Int32s
    importance: Int8s  # position in IMPORTANCES
    share: Floats  # countries only, NaN: equal shares of what the others leave


@dataclass(frozen=True)
class Need:
    """A study's question. NaN and NO_DAY mean the study does not say."""

    requirements: Requirements
    weights: dict[str, float]  # criterion -> weight >= 0, any scale
    as_of: int  # day to which claims age
    start: int  # planned start; NO_DAY: as_of
    participants: float
    n_sites: float
    is_rare: bool
    further_studies: int
    staff_needed: float  # full-time equivalents; NaN: by the method's rule
    sponsor_size: int  # position in SIZE_CLASSES, 0 not known
    waived: tuple[int, ...] = ()  # positions in requirements whose gate is waived
