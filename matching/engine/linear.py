"""The smallest change of weights that makes some sums no longer negative."""

from typing import NamedTuple

import numpy as np

from matching.engine.inputs import Floats

_ZERO = 1e-11


class Shift(NamedTuple):
    """New weights, or the proof that there are none.

    `mixture` is (n_rows,), sums to 1 and, as a sum of rows, is below 0 in every
    column: whatever the weights, some row stays negative. One of the two is None.
    """

    weights: Floats | None
    mixture: Floats | None


def least_shift(rows: Floats, weights: Floats) -> Shift:
    """Return weights with `rows @ weights >= 0` and the least sum of changes.

    Weights stay at least 0 and sum to 1. Exact but for rounding (1e-11): a
    linear program of up to twice as many unknowns as weights, solved by the dual
    simplex method with Bland's rule, which cannot go round in circles.
    """
    n, k = rows.shape
    # Unknowns: what is added to each weight, then what is taken, each >= 0 and
    # costing 1. A row of the table reads: basic + sum of others = last column.
    gain = np.hstack((-rows, rows, (rows @ weights)[:, None]))
    taken = np.hstack((np.zeros((k, k)), np.eye(k), weights[:, None]))
    balance = np.concatenate((np.ones(k), -np.ones(k), [0.0]))
    table = np.vstack((gain, taken, balance, -balance))
    cost = np.ones(2 * k)
    others = np.arange(2 * k)
    basic = 2 * k + np.arange(table.shape[0])
    while (negative := np.flatnonzero(table[:, -1] < -_ZERO)).size:
        row = negative[basic[negative].argmin()]
        columns = np.flatnonzero(table[row, :-1] < -_ZERO)
        if not columns.size:
            slack = np.zeros(2 * k + table.shape[0])
            slack[others] = np.maximum(table[row, :-1], 0.0)
            slack[basic[row]] = 1.0
            mixture = slack[2 * k : 2 * k + n]
            return Shift(None, mixture / mixture.sum())
        ratio = cost[columns] / -table[row, columns]
        least = columns[ratio <= ratio.min() + _ZERO]
        column = least[others[least].argmin()]
        _pivot(table, cost, int(row), int(column))
        basic[row], others[column] = others[column], basic[row]
    change = np.zeros(2 * k + table.shape[0])
    change[basic] = table[:, -1]
    found = np.maximum(weights + change[:k] - change[k : 2 * k], 0.0)
    return Shift(found / found.sum(), None)


def _pivot(table: Floats, cost: Floats, row: int, column: int) -> None:
    """Let a row's basic unknown and a column's other unknown change places."""
    pivot = table[row, column]
    factors = table[:, column].copy()
    factors[row] = 0.0
    table[row] /= pivot
    table[row, column] = 1 / pivot
    away = factors != 0
    table[away] -= factors[away, None] * table[row]
    table[away, column] = -factors[away] / pivot
    factor = cost[column]
    cost -= factor * table[row, :-1]
    cost[column] = -factor / pivot
