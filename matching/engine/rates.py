"""Shrunk rates and the quantiles of the Beta distribution behind their intervals."""

import math
from functools import lru_cache

import numpy as np

from matching.engine.inputs import Bools, Floats, Ints

PSEUDO_COUNT = 10.0
"""Observations the declared peer mean counts for."""
TAIL = 0.1
"""Left out at each end: the interval is the central 80 %."""
TABLE_N = 96
"""Whole counts up to here come from a table."""

_TINY = 1e-300
_MAX_TERMS = 20_000


def _fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    """Evaluate the continued fraction of the incomplete beta (modified Lentz).

    Each element stops by itself, so it does not depend on those beside it.
    """
    found = np.empty_like(x)
    open_ = np.arange(x.size)
    c = np.ones_like(x)
    d = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    result = d.copy()
    for m in range(1, _MAX_TERMS):
        step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + step * d)
        c = _away_from_zero(1.0 + step / c)
        result *= d * c
        step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _away_from_zero(1.0 + step * d)
        c = _away_from_zero(1.0 + step / c)
        change = d * c
        result *= change
        goes_on = np.abs(change - 1.0) >= 4e-16
        if not goes_on.all():
            found[open_[~goes_on]] = result[~goes_on]
            open_ = open_[goes_on]
            x, a, b, c, d, result = (part[goes_on] for part in (x, a, b, c, d, result))
        if not open_.size:
            break
    found[open_] = result
    return found


def _away_from_zero(x: Floats) -> Floats:
    return np.where(np.abs(x) < _TINY, _TINY, x)


def _log_beta(a: Floats, b: Floats) -> Floats:
    return np.array(
        [
            math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)
            for x, y in zip(a.tolist(), b.tolist(), strict=True)
        ]
    )


def beta_cdf(x: Floats, a: Floats, b: Floats) -> Floats:
    """Return P(X <= x) for X ~ Beta(a, b), elementwise.

    Parameters
    ----------
    x : (n,) array in [0, 1]
    a, b : (n,) arrays above 0
    """
    return _cdf(x, a, b, _log_beta(a, b))


def _cdf(x: Floats, a: Floats, b: Floats, log_beta: Floats) -> Floats:
    inner = np.clip(x, _TINY, 1 - 2**-53)
    front = np.exp(a * np.log(inner) + b * np.log1p(-inner) - log_beta)
    swap = inner > (a + 1) / (a + b + 2)  # the fraction converges fast below it
    first, second = np.where(swap, b, a), np.where(swap, a, b)
    part = front * _fraction(np.where(swap, 1 - inner, inner), first, second) / first
    result = np.where(swap, 1 - part, part)
    return np.where(x <= 0, 0.0, np.where(x >= 1, 1.0, result))


def beta_quantile(q: float, a: Floats, b: Floats) -> Floats:
    """Return x with P(X <= x) = q for X ~ Beta(a, b), to 1e-12 absolute.

    Newton's steps inside a bracket that every step narrows; where a step would
    leave the bracket, it is halved instead.

    Parameters
    ----------
    q : in (0, 1)
    a, b : (n,) arrays above 0
    """
    low, high = np.zeros_like(a), np.ones_like(a)
    x = a / (a + b)
    log_beta = _log_beta(a, b)
    open_ = np.arange(a.size)
    for _ in range(200):
        xo, ao, bo = x[open_], a[open_], b[open_]
        error = _cdf(xo, ao, bo, log_beta[open_]) - q
        low[open_] = np.where(error < 0, xo, low[open_])
        high[open_] = np.where(error < 0, high[open_], xo)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            density = np.exp(
                (ao - 1) * np.log(xo) + (bo - 1) * np.log1p(-xo) - log_beta[open_]
            )
            new = xo - error / density
        inside = (new > low[open_]) & (new < high[open_])
        new = np.where(inside, new, (low[open_] + high[open_]) / 2)
        x[open_] = new
        done = (np.abs(new - xo) < 1e-14) | (high[open_] - low[open_] < 1e-13)
        open_ = open_[~done]
        if not open_.size:
            break
    return x


class ShrunkRates:
    """Shrunk rates `(s + 10 p0) / (n + 10)` with their central 80 % intervals.

    Quantiles are slow to find and the same counts come again and again, so each
    is found once: small whole counts in a table per peer mean, others by key.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[float, float, float], tuple[float, float]] = {}

    def intervals(
        self, successes: Floats, n: Floats, peer_mean: float
    ) -> tuple[Floats, Floats, Floats]:
        """Return (low, value, high) of each rate, with `low <= value <= high`.

        Parameters
        ----------
        successes, n : (k,) arrays, 0 <= successes <= n
        peer_mean : in [0, 1]
            A mean of 0 or 1 with no observation against it has no width.
        """
        value = (successes + PSEUDO_COUNT * peer_mean) / (n + PSEUDO_COUNT)
        whole = (n <= TABLE_N) & (n == np.floor(n)) & (successes == np.floor(successes))
        low, high = np.empty_like(value), np.empty_like(value)
        if whole.any():
            table = _table(peer_mean)
            at = _place(successes[whole].astype(np.int64), n[whole].astype(np.int64))
            table.find(at)
            low[whole], high[whole] = table.low[at], table.high[at]
        if not whole.all():
            low[~whole], high[~whole] = self._remembered(
                successes[~whole], n[~whole], peer_mean
            )
        # The mean of a very skewed Beta can lie outside its central 80 %.
        return np.minimum(low, value), value, np.maximum(high, value)

    def fill(
        self,
        successes: Ints,
        n: Ints,
        peer_mean: float,
        out: tuple[Floats, Floats, Floats],
    ) -> None:
        """Fill in (low, value, high) of each rate; of none in none (0, 0.5, 1)."""
        table = _table(peer_mean)
        large = np.flatnonzero(n > TABLE_N)
        at = _place(successes, n)
        if large.size:
            at[large] = 0
        table.find(at)
        for end, found in zip(out, (table.low, table.value, table.high), strict=True):
            np.take(found, at, out=end, mode="clip")  # "raise" would copy
        if large.size:
            rates = self.intervals(
                successes[large].astype(np.float64),
                n[large].astype(np.float64),
                peer_mean,
            )
            for end, found in zip(out, rates, strict=True):
                end[large] = found

    def _remembered(
        self, successes: Floats, n: Floats, peer_mean: float
    ) -> tuple[Floats, Floats]:
        keys = [
            (s, count, peer_mean)
            for s, count in zip(successes.tolist(), n.tolist(), strict=True)
        ]
        missing = sorted(set(keys) - self._seen.keys())
        if missing:
            asked = np.array(missing)
            low, high = _central(asked[:, 0], asked[:, 1], peer_mean)
            self._seen.update(
                zip(missing, zip(low.tolist(), high.tolist(), strict=True), strict=True)
            )
        found = np.array([self._seen[key] for key in keys])
        return found[:, 0], found[:, 1]


class _Table:
    """The intervals of all small whole counts, each found when first asked for.

    Two threads may find the same one at once; they write the same numbers.
    """

    def __init__(self, peer_mean: float) -> None:
        self.peer_mean = peer_mean
        n, s = np.tril_indices(TABLE_N + 1)  # row n(n+1)/2 + s
        self.n, self.s = n.astype(np.float64), s.astype(np.float64)
        self.value = (self.s + PSEUDO_COUNT * peer_mean) / (self.n + PSEUDO_COUNT)
        self.low, self.high = np.zeros(n.size), np.ones(n.size)
        self.is_found = np.zeros(n.size, bool)
        self.value[0], self.is_found[0] = 0.5, True  # none in none tells nothing

    def find(self, at: Ints) -> None:
        """Make sure that some rows, all of the same peer mean, are there."""
        if self.is_found[at].all():
            return
        is_asked = np.zeros(self.n.size, bool)
        is_asked[at] = True
        rows = np.flatnonzero(is_asked & ~self.is_found)
        low, high = _central(self.s[rows], self.n[rows], self.peer_mean)
        self.low[rows] = np.minimum(low, self.value[rows])
        self.high[rows] = np.maximum(high, self.value[rows])
        self.is_found[rows] = True


@lru_cache(maxsize=64)
def _table(peer_mean: float) -> _Table:
    """Return the table of one peer mean: the same for every catalogue."""
    return _Table(peer_mean)


def _place(successes: Ints, n: Ints) -> Ints:
    at = n * (n + 1)
    at >>= 1
    at += successes
    return at


def _central(successes: Floats, n: Floats, peer_mean: float) -> tuple[Floats, Floats]:
    a = successes + PSEUDO_COUNT * peer_mean
    b = n - successes + PSEUDO_COUNT * (1 - peer_mean)
    low = np.where(a > 0, 1.0, 0.0)  # all the mass at 1 when b is 0, at 0 when a is 0
    high = low.copy()
    spread: Bools = (a > 0) & (b > 0)
    rows: Ints = np.flatnonzero(spread)
    low[rows] = beta_quantile(TAIL, a[rows], b[rows])
    high[rows] = beta_quantile(1 - TAIL, a[rows], b[rows])
    return low, high
