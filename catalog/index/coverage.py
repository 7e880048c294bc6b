"""Where CROs have run trials, and in which areas: sets of bits, counted at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from catalog.index import bits
from catalog.index.arrays import CatalogueArrays, Ints, Vocabulary, offsets
from catalog.index.bits import Words
from catalog.index.wider import Wider, wider

_CELLS_AT_ONCE = 4_000_000
"""Pairs of a role and a cell that are worked on at a time, to bound the memory."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """The trials of `ids` (CROs by key, ascending) by country, and by area and region.

    Row i of `by_country` is the set of CROs with a trial in `countries[i]`. Row
    i * len(regions) + j of `by_cell` is the set of CROs with a trial that lies in
    both `areas[i]` and `regions[j]`: the same trial, not one for each.
    """

    ids: Ints
    countries: tuple[str, ...]  # codes, in the order of the vocabulary's keys
    areas: tuple[str, ...]
    regions: tuple[str, ...]
    by_country: Words
    by_cell: Words

    @classmethod
    def build(
        cls,
        arrays: CatalogueArrays,
        vocabulary: Vocabulary,
        *,
        regions: Sequence[str],
        wider_terms: Wider | None = None,
    ) -> "Coverage":
        """Read the track record; `regions` are codes, those not known are left out."""
        lies_in = wider_terms or wider(vocabulary)
        country_at = _columns(vocabulary, "country")
        area_at = _columns(vocabulary, "therapeutic_area")
        region_at = _columns(vocabulary, "region")
        region_place = {
            vocabulary.terms.code[term]: term for term in np.flatnonzero(region_at >= 0)
        }
        known = [code for code in regions if code in region_place]
        region_at[:] = -1
        region_at[[region_place[code] for code in known]] = np.arange(len(known))

        n_trials = len(arrays.trials)
        where = (
            arrays.dense_trials.of(arrays.countries.trial),
            vocabulary.dense.of(arrays.countries.term),
        )
        what = (
            arrays.dense_trials.of(arrays.conditions.trial),
            vocabulary.dense.of(arrays.conditions.term),
        )
        countries = _Lists.of(*where, country_at, lies_in, n_trials)
        in_region = _Lists.of(*where, region_at, lies_in, n_trials)
        in_area = _Lists.of(*what, area_at, lies_in, n_trials)
        # A trial's cells: each of its areas with each of its regions.
        area_trial = np.repeat(np.arange(n_trials), in_area.lengths)
        which, region = in_region.joined_to(area_trial)
        cells = _Lists(
            at=offsets(area_trial[which], n_trials),
            item=in_area.item[which] * len(known) + region,
        )
        cro = arrays.dense_cros.of(arrays.roles.cro)
        trial = arrays.dense_trials.of(arrays.roles.trial)
        n_countries, n_areas = int((country_at >= 0).sum()), int((area_at >= 0).sum())
        return cls(
            ids=arrays.cros.id,
            countries=_codes(vocabulary, country_at),
            areas=_codes(vocabulary, area_at),
            regions=tuple(known),
            by_country=_sets(countries, cro, trial, n_countries, len(arrays.cros)),
            by_cell=_sets(cells, cro, trial, n_areas * len(known), len(arrays.cros)),
        )

    @cached_property
    def everyone(self) -> Words:
        return bits.everything(len(self.ids))

    @cached_property
    def country_totals(self) -> Ints:
        return bits.counts_within(self.by_country, self.everyone)

    @cached_property
    def heat_totals(self) -> Ints:
        return self._heat(self.everyone)

    def with_trials(self, keys: Ints | None = None) -> Ints:
        """Count, by country, the CROs among `keys` (None: all) with a trial there."""
        if keys is None:
            return self.country_totals
        return bits.counts_within(self.by_country, self._set(keys))

    def heat(self, keys: Ints | None = None) -> Ints:
        """Count the CROs among `keys` (None: all): (n_areas, n_regions)."""
        return self.heat_totals if keys is None else self._heat(self._set(keys))

    def _heat(self, base: Words) -> Ints:
        shape = len(self.areas), len(self.regions)
        return bits.counts_within(self.by_cell, base).reshape(shape)

    def _set(self, keys: Ints) -> Words:
        """CROs by key, in any order; those not listed here are passed over."""
        if not len(self.ids):
            return self.everyone
        place = np.searchsorted(self.ids, keys)
        place[place == len(self.ids)] = 0
        return bits.from_rows(place[self.ids[place] == keys], len(self.ids))


@dataclass(frozen=True, eq=False)
class _Lists:
    """A list of items for each of n owners: `item[at[i]:at[i + 1]]`."""

    at: Ints
    item: Ints

    @classmethod
    def of(
        cls, owner: Ints, term: Ints, column: Ints, lies_in: Wider, n: int
    ) -> "_Lists":
        """Give each owner the columns its terms and their wider terms have."""
        which, above = lies_in.pairs(term)
        item = column[above]
        has = np.flatnonzero(item >= 0)
        width = int(column.max(initial=0)) + 1
        keys = np.unique(owner[which[has]] * width + item[has])
        return cls(at=offsets(keys // width, n), item=keys % width)

    @property
    def lengths(self) -> Ints:
        return np.diff(self.at)

    def joined_to(self, owners: Ints) -> tuple[Ints, Ints]:
        """Give (which, item): the items of each of `owners` by its place."""
        lengths = self.lengths[owners]
        which = np.repeat(np.arange(owners.size), lengths)
        ends = np.cumsum(lengths)
        within = np.arange(which.size) - np.repeat(ends - lengths, lengths)
        return which, self.item[np.repeat(self.at[owners], lengths) + within]


def _columns(vocabulary: Vocabulary, scheme: str) -> Ints:
    """Number the terms of a scheme: by term position its column, -1 others."""
    places = np.flatnonzero(vocabulary.terms.scheme == scheme)
    column = np.full(len(vocabulary.terms), -1)
    column[places] = np.arange(places.size)
    return column


def _codes(vocabulary: Vocabulary, column: Ints) -> tuple[str, ...]:
    return tuple(vocabulary.terms.code[column >= 0].tolist())


def _sets(lists: _Lists, cro: Ints, trial: Ints, n_sets: int, n_cros: int) -> Words:
    """Make for each item the set of CROs with a role in a trial that has it."""
    flags = np.zeros((n_sets, n_cros), bool)
    ends = np.cumsum(lists.lengths[trial])
    start = 0
    while start < trial.size:
        done = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, done + _CELLS_AT_ONCE, side="right"))
        stop = max(stop, start + 1)
        which, item = lists.joined_to(trial[start:stop])
        flags[item, cro[start:stop][which]] = True
        start = stop
    return bits.pack(flags)
