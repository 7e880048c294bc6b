"""How close two MeSH tree numbers are, as ranges of a sorted list.

Sorted by their parts, tree numbers under one prefix stand together, so every
rule of closeness is a range, or the rows of one depth in a range.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TreeNumber = tuple[str, ...]

SAME, NEAR, SECOND, TOP = 4, 3, 2, 1
"""Levels of closeness: same or narrower; parent or sibling; branches; 0 none."""

CLOSENESS = (0.0, 0.1, 0.25, 0.5, 1.0)
"""What a trial at each level counts."""

_AFTER_ALL = "\U0010ffff"


def parse(tree_number: str) -> TreeNumber:
    """Split `C04.588.894` into its parts."""
    return tuple(tree_number.split("."))


@dataclass(frozen=True)
class Near:
    """Rows `start` to `stop` of the sorted list are at `level`.

    With `depths`, only the rows of these numbers of parts.
    """

    level: int
    start: int
    stop: int
    depths: tuple[int, ...] = ()


def near(tree: Sequence[TreeNumber], asked: TreeNumber) -> Iterator[Near]:
    """List where the sorted `tree` is close to `asked`, farthest first.

    A later range overrules an earlier one, so the closest rule decides.
    """
    depth = len(asked)
    yield Near(TOP, *under(tree, asked[:1]))
    if depth >= 2:
        yield Near(SECOND, *under(tree, asked[:2]))
        yield Near(NEAR, *under(tree, asked[:-1]), depths=(depth - 1, depth))
    yield Near(SAME, *under(tree, asked))


def under(tree: Sequence[TreeNumber], prefix: TreeNumber) -> tuple[int, int]:
    """Return the range of the sorted `tree` at or under `prefix`."""
    return bisect_left(tree, prefix), bisect_left(tree, (*prefix, _AFTER_ALL))
