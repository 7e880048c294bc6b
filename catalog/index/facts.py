"""What claims and track record say of each CRO and term, as of a day.

Claims answer questions: a CRO, a term, an aspect, a country and an area. The best
tier decides a question (METHOD section 2); where its claims disagree the answer is
yes, and disputed. A CRO has a yes on a term when some question on it, or on a
narrower term, is answered yes: what holds only in a country or an area, it does
somewhere. It has a no when the question without aspect and scope is answered no, or
a curator declared the list complete, and nothing says yes. A trial in which a CRO
had a part is a yes on its phase, countries, conditions and what these lie in.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catalog.index.arrays import (
    DELIVERIES,
    CatalogueArrays,
    ClaimRows,
    Floats,
    Int32s,
    Ints,
    Vocabulary,
    offsets,
)
from catalog.index.query import SCHEME_OF_FACET
from catalog.index.wider import Wider

DOCUMENT_TIER = 3
"""The last tier that somebody besides the CRO stands for."""

GRADES = ((1, 2), (1, 4))
"""Shares of such tiers from which the evidence is a, and b; c is any above 0."""

NEVER = -1

_TIER_BITS = 3


@dataclass(frozen=True, eq=False)
class Pairs:
    """Cells: a CRO and a term, both by position. No cell is there twice."""

    cro: Ints
    term: Ints


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of `n` CROs, by their positions in the arrays.

    Numbers have a row per CRO. `role_areas` has a row per CRO and trial, ordered by
    CRO with the offsets `role_at`: a bit for each therapeutic area of the trial, in
    words of 64 by the area's place in its scheme.
    """

    n: int
    yes: Pairs
    no: Pairs  # never where there is a yes; complete lists are apart
    own: Pairs
    partner: Pairs
    disputed: Pairs
    headcount: Floats  # NaN not known
    newest: Int32s  # day of the newest observation among valid claims, or NEVER
    grade: npt.NDArray[np.uint8]  # position in BANDS["evidence"]
    role_at: Ints
    role_areas: npt.NDArray[np.uint64]  # (n_roles, n_words)


def read_facts(
    arrays: CatalogueArrays, vocabulary: Vocabulary, wider: Wider, *, on: int
) -> Facts:
    """Read the arrays as of a day, counted from 1970-01-01."""
    n, n_terms = len(arrays.cros), len(vocabulary.terms)
    claims = arrays.claims.take(arrays.claims.expires >= on)
    cro = arrays.dense_cros.of(claims.cro)
    term = vocabulary.dense.of(claims.term)
    schemes = vocabulary.terms.scheme
    is_facet = np.isin(schemes, list(SCHEME_OF_FACET.values()))
    asked = np.flatnonzero(is_facet[term]) if len(term) else np.zeros(0, np.int64)

    cells = _Cells(n_terms)
    answers = _answers(
        claims.take(asked), cells.key(cro[asked], term[asked]), vocabulary
    )
    yes = _closed(answers.yes, cells, wider)
    roles = arrays.dense_cros.of(arrays.roles.cro)
    record, role_areas = _record(arrays, vocabulary, cells, wider, roles)
    all_yes = _distinct(np.concatenate([yes, record]))
    return Facts(
        n=n,
        yes=cells.pairs(all_yes),
        no=cells.pairs(np.setdiff1d(answers.no, all_yes, assume_unique=True)),
        own=cells.pairs(_closed(answers.own, cells, wider)),
        partner=cells.pairs(_closed(answers.partner, cells, wider)),
        disputed=cells.pairs(answers.disputed),
        headcount=_headcount(claims, cro, vocabulary, n),
        newest=_newest(claims, cro, n),
        grade=_grades(claims, cro, n),
        role_at=offsets(roles, n),
        role_areas=role_areas,
    )


@dataclass(frozen=True)
class _Cells:
    """A cell as one number."""

    n_terms: int

    def key(self, cro: Ints, term: Ints) -> Ints:
        return cro * self.n_terms + term

    def pairs(self, keys: Ints) -> Pairs:
        width = max(1, self.n_terms)
        return Pairs(cro=keys // width, term=keys % width)


@dataclass(frozen=True, eq=False)
class _Answers:
    """Cells by what the claims on the very term say, sorted, none twice."""

    yes: Ints
    no: Ints
    own: Ints
    partner: Ints
    disputed: Ints


def _answers(claims: ClaimRows, cell: Ints, vocabulary: Vocabulary) -> _Answers:
    part = _part(claims, vocabulary)
    n_parts = int(part.max(initial=0)) + 1
    question = cell * n_parts + part
    order = np.argsort((question << _TIER_BITS) | claims.tier, kind="stable")
    question, cell, part = question[order], cell[order], part[order]
    tier, answer = claims.tier[order], claims.answer[order]
    delivery = claims.delivery[order]
    start = np.flatnonzero(np.diff(question, prepend=-1))
    group = np.repeat(np.arange(start.size), np.diff(np.append(start, question.size)))
    counts = tier == tier[start][group] if start.size else np.zeros(0, bool)
    is_yes = np.bincount(group[counts & answer], minlength=start.size) > 0
    is_no = np.bincount(group[counts & ~answer], minlength=start.size) > 0
    first_cell, first_part = cell[start], part[start]
    says = counts & answer
    own = DELIVERIES.index("own")
    return _Answers(
        yes=_distinct(first_cell[is_yes]),
        no=_distinct(first_cell[is_no & ~is_yes & (first_part == 0)]),
        own=_distinct(cell[says & (delivery == own)]),
        partner=_distinct(cell[says & (delivery != own)]),
        disputed=_distinct(first_cell[is_yes & is_no]),
    )


def _part(claims: ClaimRows, vocabulary: Vocabulary) -> Ints:
    """Number the aspects and scopes there are; 0 is without either."""
    n_terms = len(vocabulary.terms) + 1
    country = vocabulary.dense.of(claims.country) + 1
    area = vocabulary.dense.of(claims.area) + 1
    scope = (claims.aspect * n_terms + country) * n_terms + area
    part = np.zeros(len(scope), np.int64)
    special = np.flatnonzero(scope)
    _, place = np.unique(scope[special], return_inverse=True)
    part[special] = place + 1
    return part


def _closed(cells: Ints, numbered: _Cells, wider: Wider) -> Ints:
    """Add the cells of all wider terms."""
    pairs = numbered.pairs(cells)
    which, term = wider.pairs(pairs.term)
    return _distinct(numbered.key(pairs.cro[which], term))


def _record(
    arrays: CatalogueArrays,
    vocabulary: Vocabulary,
    numbered: _Cells,
    wider: Wider,
    role_cro: Ints,
) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """Return the cells that trials show, and the areas of each role's trial."""
    n_trials, n_terms = len(arrays.trials), len(vocabulary.terms)
    phase = vocabulary.dense.of(arrays.trials.phase)
    with_phase = np.flatnonzero(phase >= 0)
    trial = np.concatenate(
        [
            with_phase,
            arrays.dense_trials.of(arrays.conditions.trial),
            arrays.dense_trials.of(arrays.countries.trial),
        ]
    )
    term = np.concatenate(
        [
            phase[with_phase],
            vocabulary.dense.of(arrays.conditions.term),
            vocabulary.dense.of(arrays.countries.term),
        ]
    )
    which, term = wider.pairs(term)
    shown = _distinct(trial[which] * n_terms + term)  # by trial, then term
    trial, term = shown // max(1, n_terms), shown % max(1, n_terms)

    areas = np.flatnonzero(vocabulary.terms.scheme == "therapeutic_area")
    place = np.full(n_terms, -1)
    place[areas] = np.arange(areas.size)
    is_area = place[term] >= 0
    masks = np.zeros((n_trials, max(1, -(-areas.size // 64))), np.uint64)
    bit = place[term[is_area]]
    np.bitwise_or.at(
        masks,
        (trial[is_area], bit >> 6),
        np.uint64(1) << (bit & 63).astype(np.uint64),
    )

    role_trial = arrays.dense_trials.of(arrays.roles.trial)
    at = offsets(trial, n_trials)
    lengths = np.diff(at)[role_trial]
    ends = np.cumsum(lengths)
    within = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
    row = np.repeat(at[role_trial], lengths) + within
    cells = numbered.key(np.repeat(role_cro, lengths), term[row])
    return _distinct(cells), masks[role_trial]


def _distinct(keys: Ints) -> Ints:
    """Sort keys and drop repeats: for millions far faster than `np.unique`."""
    ordered = np.sort(keys)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _headcount(claims: ClaimRows, cro: Ints, vocabulary: Vocabulary, n: int) -> Floats:
    """Staff by the best tier, the newest within it; of equals the smaller number."""
    terms = vocabulary.terms
    metric = terms.id[(terms.scheme == "metric") & (terms.code == "headcount-fte")]
    rows = np.flatnonzero(
        np.isin(claims.term, metric)
        & claims.answer
        & ~np.isnan(claims.value)
        & (claims.country == 0)
        & (claims.area == 0)
    )
    order = rows[
        np.lexsort(
            (claims.value[rows], -claims.observed[rows], claims.tier[rows], cro[rows])
        )
    ]
    owner, first = np.unique(cro[order], return_index=True)
    headcount = np.full(n, np.nan)
    headcount[owner] = claims.value[order[first]]
    return headcount


def _newest(claims: ClaimRows, cro: Ints, n: int) -> Int32s:
    newest = np.full(n, NEVER, np.int32)
    np.maximum.at(newest, cro, claims.observed)
    return newest


def _grades(claims: ClaimRows, cro: Ints, n: int) -> npt.NDArray[np.uint8]:
    total = np.bincount(cro, minlength=n)
    good = np.bincount(cro[claims.tier <= DOCUMENT_TIER], minlength=n)
    grade = np.full(n, len(GRADES) + 1, np.uint8)
    grade[good > 0] = len(GRADES)
    for place, (part, whole) in reversed(list(enumerate(GRADES))):
        grade[(good > 0) & (good * whole >= total * part)] = place
    return grade
