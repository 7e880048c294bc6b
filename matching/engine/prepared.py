"""The catalogue made ready: what every study's ranking shares, sorted once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from matching.engine import mesh
from matching.engine.inputs import (
    ASPECTS,
    DELIVERIES,
    NO_DAY,
    Catalogue,
    Claims,
    Floats,
    Int8s,
    Int32s,
    Ints,
    Terms,
    Trials,
)
from matching.engine.rates import ShrunkRates

DAYS_PER_YEAR = 365.25
EXPERIENCE_HALF_LIFE_DAYS = 6 * DAYS_PER_YEAR

N_TIERS = 5
DELIVERY_BITS = 2
"""A claim's key is (tier, day observed, delivery), better is larger; see `claim_keys`."""

CONDITION_SCHEMES = frozenset({"condition", "therapeutic_area"})
PLACE_SCHEMES = frozenset({"country", "region"})


@dataclass(frozen=True)
class ClaimTable:
    """Claims of one kind, by slot (term and aspect), CRO, and key, best last.

    `at` are offsets by slot, `slot = term * len(ASPECTS) + aspect`.
    """

    at: Ints  # (n_slots + 1,)
    cro: Int32s
    key: Int32s
    expires: Int32s
    country: Int32s
    area: Int32s
    value: Floats
    id: Ints
    first_expiry: Int32s  # (n_slots,) NO_DAY where none expires

    def rows(self, slot: int, as_of: int) -> Ints | slice:
        """Return the rows of a slot that have not expired on `as_of`."""
        start, stop = int(self.at[slot]), int(self.at[slot + 1])
        if self.first_expiry[slot] >= as_of:
            return slice(start, stop)
        return start + np.flatnonzero(self.expires[start:stop] >= as_of)


@dataclass(frozen=True)
class Csr:
    """Lists of rows: list i is `row[at[i]:at[i + 1]]`."""

    at: Ints
    row: Int32s

    def of(self, i: int) -> Int32s:
        return self.row[self.at[i] : self.at[i + 1]]


@dataclass(frozen=True)
class Roles:
    """The track record: one row per (CRO, trial), sorted by CRO."""

    at: Ints  # (n_cros + 1,)
    cro: Int32s
    trial: Int32s
    start: Int32s  # NO_DAY not known
    weight: Floats  # 2^((start - epoch) / six years), 0 where not known
    phase: Int32s
    sponsor_size: Int8s
    n_countries: Int32s  # 0 not known
    participants: Floats  # 0 not known
    n_sites: Floats  # 0 not known
    undated: Int32s  # roles whose start is not known
    epoch: int  # latest known start


@dataclass(frozen=True)
class Prepared:
    """A catalogue version, ready to rank any study. Treat it as read only."""

    catalogue: Catalogue
    digest: bytes
    yes: ClaimTable  # without scope
    no: ClaimTable  # without scope
    scoped: ClaimTable  # yes, only in a country or area
    valued: ClaimTable  # yes with a number, without scope
    days: Int32s  # (n_days,) days of observation, the day part of keys
    roles: Roles
    tree: Sequence[mesh.TreeNumber]  # sorted; terms without a number have their own
    tree_term: Int32s
    roles_of_tree: Csr  # by position in `tree`
    tree_depth_of_roles: Int8s  # beside `roles_of_tree.row`
    roles_of_country: Csr  # by term
    trees_of_term: Mapping[int, tuple[mesh.TreeNumber, ...]]
    narrower: Mapping[int, tuple[int, ...]]  # one step down: by parent, or link
    countries_of_regulator: Mapping[int, tuple[int, ...]]
    term_of_code: Mapping[tuple[str, str], int]
    complete: Mapping[str, Int32s]  # scheme -> sorted CROs
    sponsor_at: Ints  # (n_cros + 1,) offsets by CRO into the two below
    sponsor_first: Int32s  # first start of a trial of the CRO for a sponsor
    sponsor_again: Int32s  # next later start, NO_DAY none
    name_rank: Ints  # (n_cros,) place by name, then id
    rates: ShrunkRates

    @property
    def n_cros(self) -> int:
        return self.catalogue.n_cros


def prepare(catalogue: Catalogue) -> Prepared:
    """Sort and index a catalogue for `rank` and `explain`.

    Costs seconds for 100,000 CROs; keep the result per catalogue version.

    Raises
    ------
    ValueError
        When an array's indices lie outside the catalogue.
    """
    _check(catalogue)
    claims, terms = catalogue.claims, catalogue.terms
    days, keys = claim_keys(claims)
    is_scoped = (claims.country >= 0) | (claims.area >= 0)
    tables = {
        name: _claim_table(catalogue, keys, keep)
        for name, keep in {
            "yes": claims.answer & ~is_scoped,
            "no": ~claims.answer & ~is_scoped,
            "scoped": claims.answer & is_scoped,
            "valued": claims.answer & ~is_scoped & ~np.isnan(claims.value),
        }.items()
    }
    roles = _roles(catalogue)
    tree, tree_term = _tree(terms)
    roles_of_tree = _roles_of_tree(catalogue, roles, tree_term)
    depth = np.array([len(number) for number in tree], np.int8)
    trees_of_term: dict[int, tuple[mesh.TreeNumber, ...]] = {}
    for term, number in zip(tree_term.tolist(), tree, strict=True):
        trees_of_term[term] = (*trees_of_term.get(term, ()), number)
    sponsor_at, sponsor_first, sponsor_again = _sponsors(catalogue, roles)
    names = sorted(
        range(catalogue.n_cros),
        key=lambda i: (catalogue.cro_name[i], int(catalogue.cro_id[i])),
    )
    name_rank = np.empty(catalogue.n_cros, np.int64)
    name_rank[names] = np.arange(catalogue.n_cros)
    return Prepared(
        catalogue=catalogue,
        digest=_digest(catalogue),
        **tables,
        days=days,
        roles=roles,
        tree=tree,
        tree_term=tree_term,
        roles_of_tree=roles_of_tree,
        tree_depth_of_roles=np.repeat(depth, np.diff(roles_of_tree.at)),
        roles_of_country=_roles_of(
            catalogue.trials.country_at,
            catalogue.trials.country_term,
            roles.trial,
            len(terms.code),
        ),
        trees_of_term=trees_of_term,
        narrower=_narrower(terms),
        countries_of_regulator=_countries_of_regulator(terms),
        term_of_code={
            (scheme, code): term
            for term, (scheme, code) in enumerate(
                zip(terms.scheme, terms.code, strict=True)
            )
        },
        complete=_complete(catalogue),
        sponsor_at=sponsor_at,
        sponsor_first=sponsor_first,
        sponsor_again=sponsor_again,
        name_rank=name_rank,
        rates=ShrunkRates(),
    )


def claim_keys(claims: Claims) -> tuple[Int32s, Int32s]:
    """Return the days of observation, sorted, and each claim's key.

    Of claims that answer alike, the one with the largest key counts: the best
    tier, then the newest, then the nearest delivery. The key also tells the
    interval: `key >> DELIVERY_BITS` is (tier, day), the lowest bits say who
    delivers (own 3, affiliate 2, partner 1, a no 0).
    """
    days, day = np.unique(claims.observed, return_inverse=True)
    rank = (N_TIERS - claims.tier.astype(np.int64)) * days.size + day
    delivery = np.where(
        claims.answer, len(DELIVERIES) - np.maximum(claims.delivery, 0), 0
    )
    keys = (rank << DELIVERY_BITS) | delivery
    return days.astype(np.int32), keys.astype(np.int32)


def _claim_table(
    catalogue: Catalogue, keys: Int32s, keep: npt.NDArray[np.bool_]
) -> ClaimTable:
    claims = catalogue.claims
    scheme_is_country = np.array([s == "country" for s in catalogue.terms.scheme], bool)
    aspect = np.where(scheme_is_country[claims.term], claims.aspect, 0)
    slot = claims.term.astype(np.int64) * len(ASPECTS) + aspect
    rows = np.flatnonzero(keep)
    # Of equal keys the smaller number counts: it comes last.
    order = np.lexsort(
        (claims.id[rows], -claims.value[rows], keys[rows], claims.cro[rows], slot[rows])
    )
    rows = rows[order]
    n_slots = len(catalogue.terms.code) * len(ASPECTS)
    at = np.searchsorted(slot[rows], np.arange(n_slots + 1))
    first_expiry = np.full(n_slots, NO_DAY, np.int32)
    np.minimum.at(first_expiry, slot[rows], claims.expires[rows])
    return ClaimTable(
        at=at,
        cro=claims.cro[rows],
        key=keys[rows],
        expires=claims.expires[rows],
        country=claims.country[rows],
        area=claims.area[rows],
        value=claims.value[rows],
        id=claims.id[rows],
        first_expiry=first_expiry,
    )


def _roles(catalogue: Catalogue) -> Roles:
    trials = catalogue.trials
    order = np.lexsort((trials.id[catalogue.role_trial], catalogue.role_cro))
    cro, trial = catalogue.role_cro[order], catalogue.role_trial[order]
    start = trials.start[trial]
    is_dated = start != NO_DAY
    epoch = int(start[is_dated].max(initial=0))
    age = np.where(is_dated, epoch - start.astype(np.int64), 0)
    return Roles(
        at=np.searchsorted(cro, np.arange(catalogue.n_cros + 1)),
        cro=cro,
        trial=trial,
        start=start,
        weight=np.where(is_dated, np.exp2(-age / EXPERIENCE_HALF_LIFE_DAYS), 0.0),
        phase=trials.phase[trial],
        sponsor_size=trials.sponsor_size[trial],
        n_countries=trials.n_countries[trial],
        participants=np.nan_to_num(trials.participants[trial], nan=0.0),
        n_sites=np.nan_to_num(trials.n_sites[trial], nan=0.0),
        undated=np.flatnonzero(~is_dated).astype(np.int32),
        epoch=epoch,
    )


def _tree(terms: Terms) -> tuple[list[mesh.TreeNumber], Int32s]:
    """Sort the tree numbers; give terms without one a tree of their own."""
    numbered = set(terms.tree_term.tolist())
    rows = [
        (mesh.parse(number), term)
        for term, number in zip(
            terms.tree_term.tolist(), terms.tree_number, strict=True
        )
    ]
    rows += [
        ((f"\0{term}",), term)
        for term, scheme in enumerate(terms.scheme)
        if scheme in CONDITION_SCHEMES and term not in numbered
    ]
    rows.sort()
    return [number for number, _ in rows], np.array([t for _, t in rows], np.int32)


def _roles_of_tree(catalogue: Catalogue, roles: Roles, tree_term: Int32s) -> Csr:
    trials = catalogue.trials
    of_term = _roles_of(
        trials.condition_at,
        trials.condition_term,
        roles.trial,
        len(catalogue.terms.code),
    )
    lengths = np.diff(of_term.at)[tree_term]
    at = np.concatenate(([0], np.cumsum(lengths)))
    shift = np.repeat(of_term.at[tree_term] - at[:-1], lengths)
    return Csr(at=at, row=of_term.row[np.arange(at[-1]) + shift])


def _roles_of(trial_at: Ints, trial_term: Int32s, role_trial: Int32s, n: int) -> Csr:
    """Turn each trial's list of terms into each term's list of roles, in order."""
    lengths = np.diff(trial_at)[role_trial]
    ends = np.cumsum(lengths)
    role = np.repeat(np.arange(role_trial.size, dtype=np.int32), lengths)
    within = np.arange(role.size) - np.repeat(ends - lengths, lengths)
    term = trial_term[np.repeat(trial_at[role_trial], lengths) + within]
    order = np.lexsort((role, term))
    return Csr(at=np.searchsorted(term[order], np.arange(n + 1)), row=role[order])


def _narrower(terms: Terms) -> dict[int, tuple[int, ...]]:
    """Return the terms one step below each: by parent, or by link for places."""
    below: dict[int, list[int]] = {}
    for term, parent in enumerate(terms.parent.tolist()):
        if parent >= 0:
            below.setdefault(parent, []).append(term)
    for member, wider in zip(
        terms.member_term.tolist(), terms.wider_term.tolist(), strict=True
    ):
        if terms.scheme[wider] == "region" and terms.scheme[member] in PLACE_SCHEMES:
            below.setdefault(wider, []).append(member)
    return {term: tuple(sorted(set(found))) for term, found in below.items()}


def _countries_of_regulator(terms: Terms) -> dict[int, tuple[int, ...]]:
    """Return the countries and regions each regulator is linked with."""
    found: dict[int, set[int]] = {}
    for pair in zip(terms.member_term.tolist(), terms.wider_term.tolist(), strict=True):
        for regulator, place in (pair, pair[::-1]):
            if (
                terms.scheme[regulator] == "regulator"
                and terms.scheme[place] in PLACE_SCHEMES
            ):
                found.setdefault(regulator, set()).add(place)
    return {term: tuple(sorted(places)) for term, places in found.items()}


def _complete(catalogue: Catalogue) -> dict[str, Int32s]:
    by_scheme: dict[str, list[int]] = {}
    for cro, scheme in zip(
        catalogue.complete_cro.tolist(), catalogue.complete_scheme, strict=True
    ):
        by_scheme.setdefault(scheme, []).append(cro)
    return {
        scheme: np.unique(np.array(cros, np.int32))
        for scheme, cros in by_scheme.items()
    }


def _sponsors(catalogue: Catalogue, roles: Roles) -> tuple[Ints, Int32s, Int32s]:
    """Return, per CRO and sponsor, the first start and the next later one."""
    sponsor = catalogue.trials.sponsor[roles.trial]
    rows = np.flatnonzero((sponsor >= 0) & (roles.start != NO_DAY))
    triples = np.stack([roles.cro[rows], sponsor[rows], roles.start[rows]])
    cro, sponsor, start = np.unique(triples, axis=1)  # sorted, no start twice
    is_first = np.ones(cro.size, bool)
    is_first[1:] = (cro[1:] != cro[:-1]) | (sponsor[1:] != sponsor[:-1])
    first = np.flatnonzero(is_first)
    has_more = np.append(~is_first, False)[first + 1]
    again = np.full(first.size, NO_DAY, np.int32)
    again[has_more] = start[first[has_more] + 1]
    at = np.searchsorted(cro[first], np.arange(catalogue.n_cros + 1))
    return at, start[first], again


def _check(catalogue: Catalogue) -> None:
    """Refuse indices that point outside the catalogue."""
    n_terms, n_trials = len(catalogue.terms.code), catalogue.trials.start.size
    for name, array, stop in (
        ("claims.cro", catalogue.claims.cro, catalogue.n_cros),
        ("claims.term", catalogue.claims.term, n_terms),
        ("role_cro", catalogue.role_cro, catalogue.n_cros),
        ("role_trial", catalogue.role_trial, n_trials),
        ("complete_cro", catalogue.complete_cro, catalogue.n_cros),
        ("trials.condition_term", catalogue.trials.condition_term, n_terms),
        ("trials.country_term", catalogue.trials.country_term, n_terms),
    ):
        if array.size and (array.min() < 0 or array.max() >= stop):
            raise ValueError(f"{name} must lie in 0 to {stop - 1}")


def _digest(catalogue: Catalogue) -> bytes:
    """Hash every array of the catalogue, with its name, type and shape."""
    digest = hashlib.sha256()
    for part in (catalogue, catalogue.terms, catalogue.claims, catalogue.trials):
        for field in fields(part):
            value = getattr(part, field.name)
            if not isinstance(value, Terms | Claims | Trials):
                add_to_digest(digest, field.name, value)
    return digest.digest()


def add_to_digest(digest: "hashlib._Hash", name: str, value: object) -> None:
    """Add a named array, number or tuple of texts in one canonical form."""
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        digest.update(f"{name}:{array.dtype.str}{array.shape};".encode())
        digest.update(array.data)
    else:
        digest.update(f"{name}:{value!r};".encode())
