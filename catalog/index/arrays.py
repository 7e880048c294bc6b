"""The published catalogue as flat arrays: numpy and the standard library only.

Rows name CROs, terms and trials by primary key, so that the rows of some CROs
can be replaced without renumbering the others; `Dense` turns keys into 0…n-1.
Days are counted from 1970-01-01, `NO_DAY` is not known or never. Codes are
positions in the tuples below; a key of 0 means none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Int32s: TypeAlias = npt.NDArray[np.int32]
Int16s: TypeAlias = npt.NDArray[np.int16]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

NO_DAY = np.iinfo(np.int32).max
NO_KEY = 0

DELIVERIES = ("own", "affiliate", "partner")
ASPECTS = ("", "headquarters", "legal_entity", "staff")
SIZE_CLASSES = ("", "small", "mid", "large")

RowsT = TypeVar("RowsT", bound="Rows")


@dataclass(frozen=True, eq=False)
class Rows:
    """A table by column: all columns are arrays of one length."""

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        return tuple(column.name for column in fields(cls))

    @classmethod
    def of(cls: type[RowsT], columns: Mapping[str, npt.NDArray[Any]]) -> RowsT:
        """Make the table, checking that the columns are as long as each other."""
        lengths = {len(columns[name]) for name in cls.columns()}
        if len(lengths) > 1:
            raise ValueError(f"columns of {cls.__name__} differ in length: {lengths}")
        return cls(**{name: columns[name] for name in cls.columns()})

    def __len__(self) -> int:
        return len(getattr(self, self.columns()[0]))

    def take(self: RowsT, rows: npt.NDArray[Any]) -> RowsT:
        """Keep the rows of a mask or of positions, in that order."""
        return type(self)(
            **{name: getattr(self, name)[rows] for name in self.columns()}
        )

    def joined(self: RowsT, more: RowsT) -> RowsT:
        return type(self)(
            **{
                name: np.concatenate([getattr(self, name), getattr(more, name)])
                for name in self.columns()
            }
        )

    def sorted_by(self: RowsT, *keys: str) -> RowsT:
        """Order by the first key, ties by the next."""
        order = np.lexsort([getattr(self, key) for key in reversed(keys)])
        return self.take(order)


@dataclass(frozen=True, eq=False)
class CRORows(Rows):
    id: Ints


@dataclass(frozen=True, eq=False)
class ClaimRows(Rows):
    """Accepted claims."""

    id: Ints
    cro: Ints
    term: Ints
    answer: Bools
    aspect: Int16s  # position in ASPECTS
    country: Ints  # term, NO_KEY everywhere
    area: Ints  # term, NO_KEY all areas
    delivery: Int16s  # position in DELIVERIES, -1 with a no
    value: Floats  # NaN without a number
    tier: Int16s
    observed: Int32s  # day
    expires: Int32s  # day, NO_DAY never


@dataclass(frozen=True, eq=False)
class RoleRows(Rows):
    """One row per CRO and trial, facilities left out."""

    cro: Ints
    trial: Ints


@dataclass(frozen=True, eq=False)
class CompleteRows(Rows):
    """Lists a curator declared complete; `scheme` is text."""

    cro: Ints
    scheme: npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class TrialRows(Rows):
    """Trials with a role of a listed CRO."""

    id: Ints
    start: Int32s  # day, NO_DAY not known
    phase: Ints  # term, NO_KEY not known
    participants: Floats  # NaN not known
    n_sites: Floats  # NaN not known
    n_countries: Int32s  # 0 not known
    sponsor: Ints  # a hash of the lead sponsor, 0 not known
    sponsor_size: Int16s  # position in SIZE_CLASSES


@dataclass(frozen=True, eq=False)
class TrialTermRows(Rows):
    """A condition or a country of a trial."""

    trial: Ints
    term: Ints


@dataclass(frozen=True, eq=False)
class TermRows(Rows):
    """The vocabulary, ordered by id; `scheme`, `code` and `label` are text."""

    id: Ints
    parent: Ints  # NO_KEY none
    scheme: npt.NDArray[np.object_]
    code: npt.NDArray[np.object_]
    label: npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class BroaderRows(Rows):
    """A term and a wider one beside its parent, such as a country and its region."""

    term: Ints
    broader: Ints


@dataclass(frozen=True, eq=False)
class TreeRows(Rows):
    """A term and one of its MeSH tree numbers (text)."""

    term: Ints
    number: npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Dense:
    """Keys to positions: `Dense(ids).of(keys)` is -1 where a key is not in `ids`.

    `ids` are distinct, ascending and above 0.
    """

    ids: Ints
    _position: Ints = field(init=False, repr=False)

    def __post_init__(self) -> None:
        position = np.full(int(self.ids.max(initial=0)) + 2, -1, dtype=np.int64)
        position[self.ids] = np.arange(len(self.ids))
        object.__setattr__(self, "_position", position)

    def of(self, keys: Ints) -> Ints:
        known_end = len(self._position) - 1  # its last place is never a key: -1
        return self._position[np.minimum(keys, known_end)]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """All terms."""

    terms: TermRows
    broader: BroaderRows
    trees: TreeRows

    @cached_property
    def dense(self) -> Dense:
        return Dense(self.terms.id)


@dataclass(frozen=True, eq=False)
class CatalogueArrays:
    """All listed CROs and what is known of them.

    Every table is in a canonical order (CROs and trials by id; claims by CRO and
    id; roles by CRO and trial; a trial's terms by trial and term), so the same
    catalogue gives the same arrays however they were brought up to date.
    `size_class_counts` counts all registered trials by SIZE_CLASSES.
    """

    cros: CRORows
    names: Mapping[int, str]  # by CRO id
    claims: ClaimRows
    complete: CompleteRows
    roles: RoleRows
    trials: TrialRows
    conditions: TrialTermRows
    countries: TrialTermRows
    size_class_counts: Ints

    @cached_property
    def dense_cros(self) -> Dense:
        return Dense(self.cros.id)

    @cached_property
    def dense_trials(self) -> Dense:
        return Dense(self.trials.id)


def in_order(arrays: CatalogueArrays) -> CatalogueArrays:
    """Put every table into its canonical order."""
    return replace(
        arrays,
        cros=arrays.cros.sorted_by("id"),
        claims=arrays.claims.sorted_by("cro", "id"),
        complete=arrays.complete.sorted_by("cro", "scheme"),
        roles=arrays.roles.sorted_by("cro", "trial"),
        trials=arrays.trials.sorted_by("id"),
        conditions=arrays.conditions.sorted_by("trial", "term"),
        countries=arrays.countries.sorted_by("trial", "term"),
    )


def replace_cros(
    arrays: CatalogueArrays, ids: Iterable[int], new_rows: CatalogueArrays
) -> CatalogueArrays:
    """Replace all rows of the CROs `ids` by those in `new_rows`.

    A CRO of `ids` that has no row in `new_rows` is no longer listed. The trials
    in `new_rows` replace their older rows; trials that no role names any more
    are dropped. The counts by size class are those of `new_rows`.
    """
    changed = np.fromiter(ids, dtype=np.int64)
    gone = set(changed.tolist())
    names = {key: name for key, name in arrays.names.items() if key not in gone}
    roles = _exchange(arrays.roles, "cro", changed, new_rows.roles)
    fresh = new_rows.trials.id
    used = np.unique(roles.trial)
    return in_order(
        CatalogueArrays(
            cros=_exchange(arrays.cros, "id", changed, new_rows.cros),
            names={**names, **new_rows.names},
            claims=_exchange(arrays.claims, "cro", changed, new_rows.claims),
            complete=_exchange(arrays.complete, "cro", changed, new_rows.complete),
            roles=roles,
            trials=_used(
                _exchange(arrays.trials, "id", fresh, new_rows.trials), "id", used
            ),
            conditions=_used(
                _exchange(arrays.conditions, "trial", fresh, new_rows.conditions),
                "trial",
                used,
            ),
            countries=_used(
                _exchange(arrays.countries, "trial", fresh, new_rows.countries),
                "trial",
                used,
            ),
            size_class_counts=new_rows.size_class_counts,
        )
    )


def _exchange(rows: RowsT, key: str, gone: Ints, more: RowsT) -> RowsT:
    return rows.take(~np.isin(getattr(rows, key), gone)).joined(more)


def _used(rows: RowsT, key: str, used: Ints) -> RowsT:
    return rows.take(np.isin(getattr(rows, key), used))


def offsets(owner: Ints, n_owners: int) -> Ints:
    """CSR offsets (n_owners + 1,) of rows ordered by their owner's position."""
    return np.searchsorted(owner, np.arange(n_owners + 1)).astype(np.int64)
