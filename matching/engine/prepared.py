"""The catalogue made ready: what every study's ranking shares, sorted once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from matching.engine import mesh
from matching.engine.inputs import (
    DELIVERIES,
    NO_DAY,
    SIZE_CLASSES,
    Bools,
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

if TYPE_CHECKING:
    from matching.engine.day import Day

DAYS_PER_YEAR = 365.25
EXPERIENCE_HALF_LIFE_DAYS = 6 * DAYS_PER_YEAR

N_TIERS = 5
DELIVERY_BITS = 2
"""A claim's key is (tier, day observed, delivery), better is larger; see `claim_keys`."""

NOT_PLAIN = np.iinfo(np.int32).min

CONDITION_SCHEMES = frozenset({"condition", "therapeutic_area"})
PLACE_SCHEMES = frozenset({"country", "region"})


@dataclass(frozen=True)
class Cells:
    """Claims by the question they answer: a cell is a term and a CRO.

    A yes answers its own term and all wider ones, a no its own. Cells stand by
    term, then CRO; their claims, the rows, in the same order. Most cells are
    plain: one key tells all, whatever is asked, until `until`; the others are
    worked out for the day and the study.
    """

    at: Ints  # (n_terms + 1,) offsets of cells
    cro: Int32s  # (n_cells,) rising within a term
    key: Int32s  # (n_cells,) the key that counts in a plain cell
    until: Int32s  # (n_cells,) last day it does; NOT_PLAIN where it never does
    row_at: Ints  # (n_cells + 1,) offsets of rows
    row_claim: Int32s  # position in the catalogue's claims
    claim_key: Int32s  # by claim
    claim_aspect: Int8s  # by claim, 0 but for countries


@dataclass(frozen=True)
class Valued:
    """Unscoped yes claims with a number, by term, CRO and key, the best last."""

    at: Ints  # (n_terms + 1,)
    cro: Int32s
    key: Int32s
    expires: Int32s
    value: Floats
    id: Ints


@dataclass(frozen=True)
class Csr:
    """Lists of rows: list i is `row[at[i]:at[i + 1]]`."""

    at: Ints
    row: Int32s

    def of(self, i: int) -> Int32s:
        return self.row[self.at[i] : self.at[i + 1]]


@dataclass(frozen=True)
class Most:
    """The largest values of a CRO's trials, whatever day the study starts.

    Values are scaled so that a leaf need only divide; 0 where none is known.
    """

    from_role: Floats  # (n_roles + 1,) of this role and the CRO's older dated ones
    undated: Floats | None  # (n_cros,) of roles with no known start; None: no such


@dataclass(frozen=True)
class Roles:
    """The track record: one row per (CRO, trial), by CRO, newest first, undated last."""

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
    newest: Int32s  # roles with a known start, the newest first
    newest_start: Int32s  # minus the start of each, so they rise
    most: Mapping[str, Most]  # countries, participants, sites
    of_size_class: Ints  # (4, n_cros) roles with a known start, by SIZE_CLASSES
    of_any_size: Ints  # (n_cros,) of them, those with a known size class


@dataclass(frozen=True)
class Relations:
    """Pairs of a CRO and a sponsor with a dated trial, and those that came again."""

    n: Ints  # (n_cros,) sponsors
    n_again: Ints  # (n_cros,) sponsors with a later trial, too
    first: Int32s  # start of a pair's first trial, sorted
    first_cro: Int32s
    again: Int32s  # start of a pair's next later trial, sorted
    again_cro: Int32s


@dataclass(frozen=True)
class Prepared:
    """A catalogue version, ready to rank any study. Treat it as read only."""

    catalogue: Catalogue
    digest: bytes
    cells: Cells
    valued: Valued
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
    regions: tuple[int, ...]  # terms
    term_of_code: Mapping[tuple[str, str], int]
    complete: Mapping[str, Bools]  # scheme -> by CRO: its list is complete
    sponsors: Relations
    name_rank: Ints  # (n_cros,) place by name, then id
    by_name: Ints  # (n_cros,) CROs by that place
    rates: ShrunkRates
    days_seen: "dict[int, Day]"  # see `matching.engine.day`

    @property
    def n_cros(self) -> int:
        return self.catalogue.n_cros


def prepare(catalogue: Catalogue) -> Prepared:
    """Sort and index a catalogue for `rank` and `explain`.

    Costs a second and more for 100,000 CROs: keep the result per catalogue version.

    Raises
    ------
    ValueError
        When an array's indices lie outside the catalogue.
    """
    _check(catalogue)
    terms = catalogue.terms
    days, keys = claim_keys(catalogue.claims)
    roles = _roles(catalogue)
    tree, tree_term = _tree(terms)
    narrower = _narrower(terms)
    wider = _wider(terms, narrower, tree, tree_term)
    roles_of_tree = _roles_of_tree(catalogue, roles, tree_term)
    depth = np.array([len(number) for number in tree], np.int8)
    trees_of_term: dict[int, tuple[mesh.TreeNumber, ...]] = {}
    for term, number in zip(tree_term.tolist(), tree, strict=True):
        trees_of_term[term] = (*trees_of_term.get(term, ()), number)
    by_key = sorted(
        zip(
            catalogue.cro_name,
            catalogue.cro_id.tolist(),
            range(catalogue.n_cros),
            strict=True,
        )
    )
    names = np.array([i for _, _, i in by_key], np.int64)
    name_rank = np.empty(catalogue.n_cros, np.int64)
    name_rank[names] = np.arange(catalogue.n_cros)
    return Prepared(
        catalogue=catalogue,
        digest=_digest(catalogue),
        cells=_cells(catalogue, keys, days.size, wider),
        valued=_valued(catalogue, keys),
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
        narrower=narrower,
        countries_of_regulator=_countries_of_regulator(terms),
        regions=tuple(i for i, s in enumerate(terms.scheme) if s == "region"),
        term_of_code={
            (scheme, code): term
            for term, (scheme, code) in enumerate(
                zip(terms.scheme, terms.code, strict=True)
            )
        },
        complete=_complete(catalogue),
        sponsors=_sponsors(catalogue, roles),
        name_rank=name_rank,
        by_name=names,
        rates=ShrunkRates(),
        days_seen={},
    )


def claim_keys(claims: Claims) -> tuple[Int32s, Int32s]:
    """Return the days of observation, sorted, and each claim's key.

    Of claims that answer alike, the one with the largest key counts: the best
    tier, then the newest, then the nearest delivery. The key also tells the
    interval: `key >> DELIVERY_BITS` is (tier, day), the lowest bits say who
    delivers (own 3, affiliate 2, partner 1, a no 0).
    """
    first = int(claims.observed.min(initial=NO_DAY))
    is_seen = np.zeros(int(claims.observed.max(initial=first)) - first + 1, bool)
    is_seen[claims.observed - first] = True
    days = first + np.flatnonzero(is_seen)
    day = (np.cumsum(is_seen) - 1)[claims.observed - first]
    rank = (N_TIERS - claims.tier.astype(np.int64)) * days.size + day
    delivery = np.where(
        claims.answer, len(DELIVERIES) - np.maximum(claims.delivery, 0), 0
    )
    keys = (rank << DELIVERY_BITS) | delivery
    return days.astype(np.int32), keys.astype(np.int32)


def _wider(
    terms: Terms,
    narrower: Mapping[int, tuple[int, ...]],
    tree: Sequence[mesh.TreeNumber],
    tree_term: Int32s,
) -> Csr:
    """Return, for each term, the questions a yes on it answers, itself included."""
    above: dict[int, list[int]] = {}
    for term, below in narrower.items():
        for found in below:
            above.setdefault(found, []).append(term)
    at_number: dict[mesh.TreeNumber, list[int]] = {}
    for number, term in zip(tree, tree_term.tolist(), strict=True):
        at_number.setdefault(number, []).append(term)
    questions: list[set[int]] = [{term} for term in range(len(terms.code))]
    for number, term in zip(tree, tree_term.tolist(), strict=True):
        for depth in range(1, len(number) + 1):
            questions[term].update(at_number.get(number[:depth], ()))
    for term, scheme in enumerate(terms.scheme):
        if scheme not in CONDITION_SCHEMES:
            open_ = [term]
            while open_:
                new = set(above.get(open_.pop(), ())) - questions[term]
                questions[term] |= new
                open_ += new
    lengths = np.array([len(found) for found in questions], np.int64)
    return Csr(
        at=np.concatenate(([0], np.cumsum(lengths))),
        row=np.array([q for found in questions for q in sorted(found)], np.int32),
    )


def _cells(catalogue: Catalogue, keys: Int32s, n_days: int, wider: Csr) -> Cells:
    claims = catalogue.claims
    is_scoped = (claims.country >= 0) | (claims.area >= 0)
    # One row per claim and question: a yes once for each term it answers. A no
    # that holds in one place only does not count.
    lengths = np.where(claims.answer, np.diff(wider.at)[claims.term], ~is_scoped)
    claim = np.repeat(np.arange(claims.cro.size, dtype=np.int32), lengths)
    question = claims.term[claim]
    # A claim answers its own term alone unless `lengths` says more.
    widened = np.flatnonzero((claims.answer & (lengths > 1))[claim])
    if widened.size:
        of = claim[widened]
        within = widened - (np.cumsum(lengths) - lengths)[of]
        question[widened] = wider.row[wider.at[claims.term[of]] + within]
    order = order_by(question, claims.cro[claim])
    claim, question = claim[order], question[order]
    cro = claims.cro[claim]
    is_first = np.ones(claim.size, bool)
    is_first[1:] = (question[1:] != question[:-1]) | (cro[1:] != cro[:-1])
    row_at = np.flatnonzero(is_first)
    is_country = np.array([s == "country" for s in catalogue.terms.scheme], bool)
    aspect = np.where(is_country[claims.term], claims.aspect, 0).astype(np.int8)
    # A no of one aspect says nothing alone.
    is_plain = ~is_scoped & (claims.answer | (aspect == 0))
    key = keys[claim[row_at]]
    until = np.where(is_plain, claims.expires, NOT_PLAIN)[claim[row_at]]
    ends = np.append(row_at, claim.size)
    many = np.flatnonzero(np.diff(ends) > 1)
    if many.size:
        key[many], until[many] = _of_many(
            claims, keys, n_days, aspect, is_scoped, claim, ends, many
        )
    return Cells(
        at=np.searchsorted(question[row_at], np.arange(len(catalogue.terms.code) + 1)),
        cro=cro[row_at],
        key=key,
        until=until,
        row_at=ends,
        row_claim=claim,
        claim_key=keys,
        claim_aspect=aspect,
    )


def _of_many(
    claims: Claims,
    keys: Int32s,
    n_days: int,
    aspect: Int8s,
    is_scoped: Bools,
    claim: Int32s,
    ends: Ints,
    many: Ints,
) -> tuple[Int32s, Int32s]:
    """Return the keys and last days of the cells that several claims speak of."""
    lengths = (ends[1:] - ends[:-1])[many]
    at = np.cumsum(lengths) - lengths
    rows = claim[np.arange(at[-1] + lengths[-1]) + np.repeat(ends[many] - at, lengths)]
    answer, key = claims.answer[rows], keys[rows]
    yes = np.maximum.reduceat(np.where(answer, key, np.int32(-1)), at)
    no = np.maximum.reduceat(np.where(answer, np.int32(-1), key), at)
    first = np.minimum.reduceat(aspect[rows], at)
    last = np.maximum.reduceat(aspect[rows], at)
    tier = n_days << DELIVERY_BITS
    is_plain = (
        ~np.logical_or.reduceat(is_scoped[rows], at)
        & (first == last)
        & ~((yes >= 0) & (no >= 0) & (yes // tier == no // tier))  # disputed
        & ((first == 0) | (yes > no))
    )
    until = np.minimum.reduceat(claims.expires[rows], at)
    return np.maximum(yes, no), np.where(is_plain, until, np.int32(NOT_PLAIN))


def _valued(catalogue: Catalogue, keys: Int32s) -> Valued:
    claims = catalogue.claims
    rows = np.flatnonzero(
        claims.answer
        & ~np.isnan(claims.value)
        & (claims.country < 0)
        & (claims.area < 0)
    )
    # Of equal keys the smaller number counts: it comes last.
    falling = -np.unique(claims.value[rows], return_inverse=True)[1]
    order = order_by(
        claims.term[rows], claims.cro[rows], keys[rows], falling, claims.id[rows]
    )
    rows = rows[order]
    return Valued(
        at=np.searchsorted(claims.term[rows], np.arange(len(catalogue.terms.code) + 1)),
        cro=claims.cro[rows],
        key=keys[rows],
        expires=claims.expires[rows],
        value=claims.value[rows],
        id=claims.id[rows],
    )


def _roles(catalogue: Catalogue) -> Roles:
    trials, n_cros = catalogue.trials, catalogue.n_cros
    start = trials.start[catalogue.role_trial]
    # Newest first, and undated roles last.
    newest = -start.astype(np.int64)
    newest[start == NO_DAY] = newest.max(initial=0) + 1
    order = order_by(catalogue.role_cro, newest, trials.id[catalogue.role_trial])
    cro, trial = catalogue.role_cro[order], catalogue.role_trial[order]
    start = start[order]
    is_dated = start != NO_DAY
    undated = np.flatnonzero(~is_dated).astype(np.int32)
    epoch = int(start[is_dated].max(initial=0))
    age = np.where(is_dated, epoch - start.astype(np.int64), 0)
    sponsor_size = trials.sponsor_size[trial]
    n_countries = trials.n_countries[trial]
    participants = np.nan_to_num(trials.participants[trial], nan=0.0)
    n_sites = np.nan_to_num(trials.n_sites[trial], nan=0.0)
    by_start = order_by(newest[order])[: cro.size - undated.size]
    sized = sponsor_size.astype(np.int64) * n_cros + cro
    n_sizes = len(SIZE_CLASSES)
    of_size_class = np.bincount(sized[is_dated], minlength=n_sizes * n_cros).reshape(
        n_sizes, n_cros
    )
    return Roles(
        at=np.searchsorted(cro, np.arange(n_cros + 1)),
        cro=cro,
        trial=trial,
        start=start,
        weight=np.where(is_dated, np.exp2(-age / EXPERIENCE_HALF_LIFE_DAYS), 0.0),
        phase=trials.phase[trial],
        sponsor_size=sponsor_size,
        n_countries=n_countries,
        participants=participants,
        n_sites=n_sites,
        undated=undated,
        epoch=epoch,
        newest=by_start.astype(np.int32),
        newest_start=-start[by_start],
        most={
            name: _most(cro, undated, values, n_cros)
            for name, values in (
                ("countries", n_countries.astype(np.float64)),
                ("participants", np.log1p(participants)),
                ("sites", np.log1p(n_sites)),
            )
        },
        of_size_class=of_size_class,
        of_any_size=of_size_class[1:].sum(axis=0),
    )


def _most(cro: Int32s, undated: Int32s, values: Floats, n_cros: int) -> Most:
    """Find each role's largest value of it and its CRO's older dated roles."""
    of_undated = None
    if undated.size:
        of_undated = np.zeros(n_cros)
        np.maximum.at(of_undated, cro[undated], values[undated])
        values = values.copy()
        values[undated] = 0.0
    # One running maximum, backwards: a CRO's values stand above all earlier ones'.
    distinct, code = np.unique(values, return_inverse=True)
    floor = (n_cros - 1 - cro.astype(np.int64)) * distinct.size
    largest = np.maximum.accumulate((floor + code)[::-1])[::-1] - floor
    return Most(np.append(distinct[largest], 0.0), of_undated)


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
    order = order_by(term, role)
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


def _complete(catalogue: Catalogue) -> dict[str, Bools]:
    found: dict[str, Bools] = {}
    for cro, scheme in zip(
        catalogue.complete_cro.tolist(), catalogue.complete_scheme, strict=True
    ):
        found.setdefault(scheme, np.zeros(catalogue.n_cros, bool))[cro] = True
    return found


def _sponsors(catalogue: Catalogue, roles: Roles) -> Relations:
    sponsor = catalogue.trials.sponsor[roles.trial]
    rows = np.flatnonzero((sponsor >= 0) & (roles.start != NO_DAY))
    rows = rows[order_by(roles.cro[rows], sponsor[rows], roles.start[rows])]
    cro, sponsor, start = roles.cro[rows], sponsor[rows], roles.start[rows]
    is_same = np.zeros(rows.size + 1, bool)  # as the row before
    is_same[1:-1] = (cro[1:] == cro[:-1]) & (sponsor[1:] == sponsor[:-1])
    is_later = np.zeros(rows.size, bool)
    is_later[1:] = is_same[1:-1] & (start[1:] > start[:-1])
    first = np.flatnonzero(~is_same[:-1])
    # The second of a pair's distinct days: its first row that is later.
    pair = np.cumsum(~is_same[:-1]) - 1
    later = np.flatnonzero(is_later)
    again = later[np.diff(pair[later], prepend=-1) > 0]
    by_first, by_again = order_by(start[first]), order_by(start[again])
    return Relations(
        n=np.bincount(cro[first], minlength=catalogue.n_cros),
        n_again=np.bincount(cro[again], minlength=catalogue.n_cros),
        first=start[first][by_first],
        first_cro=cro[first][by_first],
        again=start[again][by_again],
        again_cro=cro[again][by_again],
    )


def order_by(*columns: npt.NDArray[np.integer[Any]]) -> Ints:
    """Return the order by the first column, ties by the next, then by row.

    What fits into one number is packed with the row and sorted at once: a plain
    sort of numbers is many times faster than one that keeps track of rows.
    """
    n = columns[0].size
    if not n:
        return np.zeros(0, np.int64)
    row_bits = (n - 1).bit_length()
    spans = [(int(column.min()), int(column.max())) for column in columns]
    widths = [(most - least).bit_length() for least, most in spans]
    if sum(widths) + row_bits > 63:
        if len(columns) == 1:
            return np.argsort(columns[0], kind="stable")
        inner = order_by(*columns[1:])
        return inner[order_by(columns[0][inner])]
    packed = np.zeros(n, np.int64)
    for column, (least, _), width in zip(columns, spans, widths, strict=True):
        packed <<= width
        packed += column.astype(np.int64) - least
    packed <<= row_bits
    packed += np.arange(n)
    packed.sort()
    packed &= (1 << row_bits) - 1
    return packed


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
