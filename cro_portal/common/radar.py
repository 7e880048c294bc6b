"""A radar chart as numbers: a pure function returns what a template draws as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

RINGS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Axis:
    """A spoke from the middle to (x, y), with its words at (words_x, words_y)."""

    label: str
    x: float
    y: float
    words_x: float
    words_y: float
    anchor: str  # start, middle, end


@dataclass(frozen=True)
class Shape:
    """One series: corners it is known at, and the path through them.

    The path is closed only where every axis is known: a gap is left open, since
    what nobody knows is not drawn as 0.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    path: str


@dataclass(frozen=True)
class Radar:
    axes: tuple[Axis, ...]
    rings: tuple[str, ...]
    shapes: tuple[Shape, ...]
    size: float

    @property
    def middle(self) -> float:
        return self.size / 2


def radar(
    axes: Sequence[str],
    series: Sequence[tuple[str, Sequence[float | None]]],
    *,
    size: float = 320.0,
    edge: float = 92.0,
) -> Radar:
    """Lay out values in [0, 1] on spokes, the first straight up, then clockwise.

    Parameters
    ----------
    axes : at least three labels
    series : (label, one value per axis); None is not known
    """
    if len(axes) < 3:
        raise ValueError("a radar needs three axes")
    middle, reach = size / 2, size / 2 - edge

    def place(at: int, share: float) -> tuple[float, float]:
        angle = 2 * math.pi * at / len(axes) - math.pi / 2
        return (
            round(middle + reach * share * math.cos(angle), 2),
            round(middle + reach * share * math.sin(angle), 2),
        )

    spokes = []
    for at, label in enumerate(axes):
        (x, y), (words_x, words_y) = place(at, 1), place(at, 1.12)
        side = words_x - middle
        anchor = "middle" if abs(side) < 1 else "start" if side > 0 else "end"
        spokes.append(Axis(label, x, y, words_x, words_y, anchor))
    shapes = []
    for label, values in series:
        known = [value for value in values if value is not None]
        if len(values) != len(axes) or any(not 0 <= value <= 1 for value in known):
            raise ValueError("a value in [0, 1], or None, for each axis")
        corners = [
            None if value is None else place(at, value)
            for at, value in enumerate(values)
        ]
        shapes.append(
            Shape(label, tuple(corner for corner in corners if corner), _path(corners))
        )
    rings = tuple(_path([place(at, ring) for at in range(len(axes))]) for ring in RINGS)
    return Radar(tuple(spokes), rings, tuple(shapes), size)


def _path(corners: Sequence[tuple[float, float] | None]) -> str:
    """Join neighbours that are both known, round the circle."""
    if all(corners):
        joined = " L".join(f"{x} {y}" for x, y in filter(None, corners))
        return f"M{joined}Z"
    parts = []
    for here, there in zip(corners, [*corners[1:], corners[0]], strict=True):
        if here and there:
            parts.append(f"M{here[0]} {here[1]} L{there[0]} {there[1]}")
    return " ".join(parts)
