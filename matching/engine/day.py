"""What a day alone decides, the same for every study: how old the claims are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from matching.engine.inputs import Floats, Int32s, Ints
from matching.engine.prepared import DAYS_PER_YEAR, DELIVERY_BITS, Prepared

HALF_WIDTHS = (0.35, 0.20, 0.10, 0.05, 0.03)
"""Half-width of a fresh claim, T5 first, as in claim keys."""

CLAIM_HALF_LIFE_DAYS = 4 * DAYS_PER_YEAR

DAYS_KEPT = 2
"""Today, and yesterday around midnight."""

Interval: TypeAlias = tuple[Floats, Floats, Floats]


class Stated(NamedTuple):
    """A number that some CROs state, a row each."""

    cro: Int32s  # rising
    number: Floats
    half_width: Floats  # in parts of the leaf's scale
    claim: Ints


@dataclass(frozen=True)
class Day:
    """The claims of a prepared catalogue on one day. Treat it as read only."""

    prepared: Prepared
    as_of: int
    _stated: dict[str, Stated] = field(default_factory=dict)
    _leaves: dict[str, Interval] = field(default_factory=dict)

    @cached_property
    def half_widths(self) -> Floats:
        """Half-width of a claim by `key >> DELIVERY_BITS`: tier, then day."""
        age = np.maximum(0, self.as_of - self.prepared.days.astype(np.int64))
        fresh = np.array(HALF_WIDTHS)[:, None]
        widened = 1.0 - np.exp2(-age / CLAIM_HALF_LIFE_DAYS)
        return (fresh + (0.5 - fresh) * widened).ravel()

    def stated_rows(self, term: int) -> Ints:
        """Return the unexpired rows of `Valued` on one term."""
        table = self.prepared.valued
        start, stop = int(table.at[term]), int(table.at[term + 1])
        return start + np.flatnonzero(table.expires[start:stop] >= self.as_of)

    def stated(self, code: str) -> Stated:
        """Return a metric as CROs state it: the best tier, the newest, the smaller."""
        if code not in self._stated:
            self._stated[code] = self._read(code)
        return self._stated[code]

    def _read(self, code: str) -> Stated:
        term = self.prepared.term_of_code.get(("metric", code))
        table = self.prepared.valued
        rows = np.zeros(0, np.int64) if term is None else self.stated_rows(term)
        is_last = np.ones(rows.size, bool)
        is_last[:-1] = table.cro[rows[1:]] != table.cro[rows[:-1]]
        rows = rows[is_last]
        return Stated(
            table.cro[rows],
            table.value[rows],
            self.half_widths[table.key[rows] >> DELIVERY_BITS],
            table.id[rows],
        )

    def leaf(self, name: str, work_out: Callable[["Day"], Interval]) -> Interval:
        """Return a leaf that every study reads alike, worked out once."""
        if name not in self._leaves:
            self._leaves[name] = work_out(self)
        return self._leaves[name]


def day_of(prepared: Prepared, as_of: int) -> Day:
    """Return a day of a prepared catalogue; the latest few are kept.

    Threads may work out the same day twice, which does no harm.
    """
    found = prepared.days_seen.get(as_of)
    if found is None:
        found = Day(prepared, as_of)
        for other in sorted(prepared.days_seen)[: 1 - DAYS_KEPT]:
            prepared.days_seen.pop(other, None)
        prepared.days_seen[as_of] = found
    return found
