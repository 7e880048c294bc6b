"""Leave out CROs that no weights can bring among the first."""

import numpy as np

from matching.engine.decision import Decision
from matching.engine.inputs import Bools, Floats, Ints

_FEW, _MANY = 128, 512
_ROWS_AT_ONCE = 1_024
_SAMPLE = 256


def keep_skyband(
    decision: Decision, values: Floats, n_ranks: int, n_draws: int, always: Ints
) -> Ints:
    """Return the rows that may be among the first `n_ranks`, in the stated order.

    A CRO that stands behind `n_ranks` others which are at least as good on every
    criterion stands behind them whatever the weights. Only the foremost rows are
    tried as those others: what is kept holds the skyband, and may hold more.
    Where a part shows that little would go, or the draws are so few that looking
    costs more than it saves, nothing is left out. The rows of `always` are kept,
    and come first if they are first in the stated order.
    """
    order = decision.order
    group = decision.group[order]
    if order.size <= 4 * max(n_ranks, _FEW) or n_draws < 2 * _MANY:
        return order
    values = values[order]
    keep = np.ones(order.size, bool)
    starts = np.flatnonzero(np.diff(group, prepend=group[0] - 1)).tolist()
    for start, end in zip(starts, [*starts[1:], order.size], strict=True):
        lacking = n_ranks - start
        if lacking <= 0:
            keep[start:] = False
            break
        inside = values[start:end]
        for n_tried in (max(_FEW, 2 * lacking), max(_MANY, 4 * lacking)):
            rows = n_tried + np.flatnonzero(keep[start + n_tried : end])
            if rows.size <= n_tried:
                break
            sample = rows[:: -(-rows.size // _SAMPLE)]
            if _is_behind(inside, n_tried, sample, lacking).mean() < 0.25:
                break
            keep[start + rows[_is_behind(inside, n_tried, rows, lacking)]] = False
    keep |= np.isin(order, always)
    return order[keep]


def _is_behind(values: Floats, n_tried: int, rows: Ints, lacking: int) -> Bools:
    """Say which rows are nowhere better than `lacking` of the first `n_tried`."""
    behind = np.empty(rows.size, bool)
    front = values[:n_tried].T.astype(np.float32)  # steps of 2^-20: exact
    for at in range(0, rows.size, _ROWS_AT_ONCE):
        part = values[rows[at : at + _ROWS_AT_ONCE]].T.astype(np.float32)
        is_below = np.ones((part.shape[1], n_tried), bool)
        for ours, theirs in zip(part, front, strict=True):
            is_below &= ours[:, None] <= theirs
        behind[at : at + _ROWS_AT_ONCE] = is_below.sum(axis=1) >= lacking
    return behind
