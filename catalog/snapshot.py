"""The published catalogue in this process: arrays that are never out of date.

Every call of `current` asks the database for the catalogue's version. Only what
changed since is fetched; all of it when much changed. The arrays are shared by
all threads and never written.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from django.db import InterfaceError, OperationalError, connection

from catalog.choices import ClaimStatus, CROStatus, RoleKind
from catalog.index.arrays import (
    ASPECTS,
    DELIVERIES,
    NO_DAY,
    SIZE_CLASSES,
    BroaderRows,
    CatalogueArrays,
    ClaimRows,
    CompleteRows,
    CRORows,
    RoleRows,
    TermRows,
    TreeRows,
    TrialRows,
    TrialTermRows,
    Vocabulary,
    in_order,
    replace_cros,
)
from cro_portal.common.db import one_moment

MANY = 0.2
"""Above this share of changed CROs everything is loaded anew."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The catalogue and the vocabulary as of one version."""

    version: int
    vocabulary_version: int
    vocabulary: Vocabulary
    arrays: CatalogueArrays


@dataclass(frozen=True)
class State:
    """Which catalogue the database holds.

    `mark` differs between two states that happen to have the same versions, as
    after a restore: it names the database and the transaction that wrote the row.
    """

    version: int
    vocabulary_version: int
    has_own_writes: bool  # the caller's open transaction has changed something
    mark: str

    def is_of(self, snapshot: Snapshot) -> bool:
        return (
            self.version == snapshot.version
            and self.vocabulary_version == snapshot.vocabulary_version
        )


_lock = threading.Lock()
_held: Snapshot | None = None


def current() -> Snapshot:
    """Return the catalogue as it is now.

    A transaction that has written something gets a snapshot of its own, which
    nobody else sees: it may yet be rolled back. So call it outside of one.
    """
    state = read_state()
    if state.has_own_writes:
        return _load(None, state)
    held = _held
    if held is not None and state.is_of(held):
        return held
    return _refreshed()


def forget() -> None:
    """Drop what this process holds, as after a restore of the database."""
    global _held
    with _lock:
        _held = None


def _refreshed() -> Snapshot:
    """Bring the shared snapshot up to date; one thread does it, the others wait."""
    global _held
    with _lock:
        while True:
            with one_moment():
                state = read_state()
                if _held is not None and state.is_of(_held):
                    return _held
                fresh = _load(_held, state)
                # Where the block joined a transaction, its statements may have
                # seen different moments; versions are committed in order, so an
                # unchanged one proves that they did not.
                if read_state() == state:
                    _held = fresh
                    return fresh


STATE_SQL: Final = (
    "SELECT coalesce(max(version), 0), coalesce(max(vocabulary_version), 0),"
    " pg_current_xact_id_if_assigned() IS NOT NULL,"
    " concat((SELECT oid FROM pg_database WHERE datname = current_database()),"
    " '-', coalesce(max(xmin::text), '0'))"
    " FROM catalog_catalogstate"
)


def read_state() -> State:
    """Ask which catalogue there is now: one query.

    Where it is the first of a request it also proves that the kept connection still
    works, instead of the query Django sends for that alone.
    """
    database: Any = connection  # the stubs do not know about health checks
    is_unproven = database.health_check_enabled and not database.health_check_done
    if database.connection is None or database.in_atomic_block or not is_unproven:
        return _ask_state()
    database.health_check_done = True
    try:
        return _ask_state()
    except (OperationalError, InterfaceError):
        database.close()  # as Django does; the next query connects anew
        return _ask_state()


def _ask_state() -> State:
    with connection.cursor() as cursor:
        cursor.execute(STATE_SQL)
        return State(*cursor.fetchone())


def _load(base: Snapshot | None, state: State) -> Snapshot:
    """Load what changed since `base`; everything without one."""
    if base is not None and _knows_all_terms(base, state):
        vocabulary = base.vocabulary
    else:
        vocabulary = load_vocabulary()
    return Snapshot(
        version=state.version,
        vocabulary_version=state.vocabulary_version,
        vocabulary=vocabulary,
        arrays=_load_arrays(base, state),
    )


def _knows_all_terms(base: Snapshot, state: State) -> bool:
    """Whether the vocabulary still holds; a new term alone need raise no version."""
    last_term = _rows("SELECT coalesce(max(id), 0) FROM catalog_term")[0][0]
    return (
        base.vocabulary_version == state.vocabulary_version
        and last_term == base.vocabulary.terms.id.max(initial=0)
    )


def _load_arrays(base: Snapshot | None, state: State) -> CatalogueArrays:
    if base is None or state.version < base.version:
        return load_cros(since=-1)
    changed, n_listed = changed_since(base.version)
    if len(changed) > MANY * len(base.arrays.cros):
        return load_cros(since=-1)
    arrays = replace_cros(base.arrays, changed, load_cros(since=base.version))
    if len(arrays.cros) != n_listed:  # CROs were deleted and left no version behind
        return load_cros(since=-1)
    return arrays


def changed_since(version: int) -> tuple[list[int], int]:
    """Return the keys of CROs changed after a version, and how many are listed now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(id) FILTER (WHERE catalog_version > %s),"
            " count(*) FILTER (WHERE status = %s) FROM catalog_cro",
            [version, CROStatus.LISTED],
        )
        changed, n_listed = cursor.fetchone()
    return changed or [], n_listed


# Every query below is about listed CROs that changed after version %(since)s.
CHANGED = "JOIN catalog_cro o ON o.id = {cro} AND o.status = %(listed)s" + (
    " AND o.catalog_version > %(since)s"
)
OF_CLAIM, OF_ROLE = CHANGED.format(cro="c.cro_id"), CHANGED.format(cro="r.cro_id")
WITH_TRIALS = (
    "WITH mine AS MATERIALIZED (SELECT DISTINCT r.cro_id, r.trial_id"
    f" FROM catalog_trialrole r {OF_ROLE} WHERE r.kind <> %(facility)s),"
    " trial AS (SELECT DISTINCT trial_id FROM mine)"
)


def load_cros(*, since: int) -> CatalogueArrays:
    """Load the listed CROs that changed after a version, with their trials."""
    values = {
        "listed": CROStatus.LISTED,
        "accepted": ClaimStatus.ACCEPTED,
        "facility": RoleKind.FACILITY,
        "since": since,
        "no_day": int(NO_DAY),
        "aspects": list(ASPECTS),
        "deliveries": list(DELIVERIES),
        "sizes": list(SIZE_CLASSES),
    }
    names = _rows(
        "SELECT id, name FROM catalog_cro"
        " WHERE status = %(listed)s AND catalog_version > %(since)s",
        values,
    )
    complete = _rows(
        "SELECT c.cro_id, c.scheme_id FROM catalog_completelist c " + OF_CLAIM, values
    )
    sizes = dict(
        _rows(
            "SELECT sponsor_size, count(*) FROM catalog_trial"
            " WHERE sponsor_size <> '' GROUP BY sponsor_size",
            values,
        )
    )
    return in_order(
        CatalogueArrays(
            cros=CRORows(id=_keys(key for key, _ in names)),
            names=dict(names),
            claims=ClaimRows.of(_copied(CLAIMS, values, CLAIM_TYPES)),
            complete=CompleteRows(
                cro=_keys(cro for cro, _ in complete),
                scheme=np.array([scheme for _, scheme in complete], dtype="U40"),
            ),
            roles=RoleRows.of(_copied(ROLES, values, {"cro": "i8", "trial": "i8"})),
            trials=TrialRows.of(_copied(TRIALS, values, TRIAL_TYPES)),
            conditions=TrialTermRows.of(_copied(CONDITIONS, values, PAIR_TYPES)),
            countries=TrialTermRows.of(_copied(COUNTRIES, values, PAIR_TYPES)),
            size_class_counts=_keys(sizes.get(size, 0) for size in SIZE_CLASSES),
        )
    )


def load_vocabulary() -> Vocabulary:
    """Load all terms: three queries."""
    terms = _rows(
        "SELECT id, coalesce(parent_id, 0), scheme_id, code, label"
        " FROM catalog_term ORDER BY id"
    )
    broader = _rows(
        "SELECT from_term_id, to_term_id FROM catalog_term_broader ORDER BY 1, 2"
    )
    trees = _rows(
        "SELECT id, number FROM catalog_term, unnest(tree_numbers) AS number"
        " ORDER BY 1, 2"
    )
    ids, parents, schemes, codes, labels = (
        zip(*terms, strict=True) if terms else 5 * ((),)
    )
    return Vocabulary(
        terms=TermRows(
            id=_keys(ids),
            parent=_keys(parents),
            scheme=np.array(schemes, dtype=object),
            code=np.array(codes, dtype=object),
            label=np.array(labels, dtype=object),
        ),
        broader=BroaderRows(
            term=_keys(term for term, _ in broader),
            broader=_keys(wider for _, wider in broader),
        ),
        trees=TreeRows(
            term=_keys(term for term, _ in trees),
            number=np.array([number for _, number in trees], dtype=object),
        ),
    )


CLAIMS = f"""
SELECT c.id, c.cro_id, c.term_id, c.answer,
       (array_position(%(aspects)s::varchar[], c.aspect) - 1)::int2,
       coalesce(c.country_id, 0), coalesce(c.area_id, 0),
       (coalesce(array_position(%(deliveries)s::varchar[], c.delivery), 0) - 1)::int2,
       coalesce(c.value::float8, 'NaN'), c.tier,
       c.observed_on - date '1970-01-01',
       coalesce(c.expires_on - date '1970-01-01', %(no_day)s)
  FROM catalog_claim c {OF_CLAIM}
 WHERE c.status = %(accepted)s
"""
CLAIM_TYPES = {
    "id": "i8",
    "cro": "i8",
    "term": "i8",
    "answer": "?",
    "aspect": "i2",
    "country": "i8",
    "area": "i8",
    "delivery": "i2",
    "value": "f8",
    "tier": "i2",
    "observed": "i4",
    "expires": "i4",
}
ROLES = f"{WITH_TRIALS} SELECT cro_id, trial_id FROM mine"
TRIALS = f"""{WITH_TRIALS}
SELECT t.id, coalesce(t.start_date - date '1970-01-01', %(no_day)s),
       coalesce(t.phase_id, 0), coalesce(t.participants::float8, 'NaN'),
       coalesce(t.n_sites::float8, 'NaN'),
       (SELECT count(*) FROM catalog_trialcountry k WHERE k.trial_id = t.id)::int4,
       CASE t.sponsor_key WHEN '' THEN 0 ELSE hashtextextended(t.sponsor_key, 0) END,
       (array_position(%(sizes)s::varchar[], t.sponsor_size) - 1)::int2
  FROM trial JOIN catalog_trial t ON t.id = trial.trial_id
"""
TRIAL_TYPES = {
    "id": "i8",
    "start": "i4",
    "phase": "i8",
    "participants": "f8",
    "n_sites": "f8",
    "n_countries": "i4",
    "sponsor": "i8",
    "sponsor_size": "i2",
}
CONDITIONS = f"""{WITH_TRIALS}
SELECT k.trial_id, k.term_id
  FROM trial JOIN catalog_trialcondition k ON k.trial_id = trial.trial_id
"""
COUNTRIES = f"""{WITH_TRIALS}
SELECT k.trial_id, k.country_id
  FROM trial JOIN catalog_trialcountry k ON k.trial_id = trial.trial_id
"""
PAIR_TYPES = {"trial": "i8", "term": "i8"}

COPY_HEADER_BYTES = 19
COPY_TRAILER_BYTES = 2


def _rows(sql: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def _keys(numbers: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.fromiter(numbers, dtype=np.int64)


def _copied(
    sql: str, values: Mapping[str, Any], types: Mapping[str, str]
) -> dict[str, npt.NDArray[Any]]:
    """Run a query by COPY and return its columns.

    No column may be NULL and each has a fixed width, so that all rows of the
    binary format have one length and one look at the buffer reads them all.
    """
    row = np.dtype(
        [("n_fields", ">i2")]
        + [
            part
            for name, kind in types.items()
            for part in ((f"{name} bytes", ">i4"), (name, f">{kind}"))
        ]
    )
    buffer = BytesIO()
    with connection.cursor() as cursor:
        query = cursor.mogrify(sql, values).decode()
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", buffer)
    size = buffer.tell() - COPY_HEADER_BYTES - COPY_TRAILER_BYTES
    n_rows, rest = divmod(size, row.itemsize)
    if rest:
        raise ValueError("a row of the copied query is not as wide as declared")
    table = np.frombuffer(buffer.getbuffer(), row, n_rows, COPY_HEADER_BYTES)
    for name in types:
        if np.any(table[f"{name} bytes"] != row[name].itemsize):
            raise ValueError(f"column {name} of the copied query is not as declared")
    return {name: table[name].astype(kind) for name, kind in types.items()}
