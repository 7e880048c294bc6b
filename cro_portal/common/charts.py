"""Charts as numbers: pure functions return what a template draws as SVG.

Places and widths across are percent of the picture, heights are pixels, so that a
picture fills its column and its words keep their size. None is not known and is
never drawn as 0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVELS = 5
"""Tones of a heat map beside the one for nothing."""


@dataclass(frozen=True)
class Cell:
    """A number in a heat map; `level` 0 is nothing, `LEVELS` the largest."""

    row: str
    column: str
    number: int
    level: int
    x: float
    y: float
    width: float
    height: float

    @property
    def key(self) -> tuple[str, str]:
        return (self.row, self.column)

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 3)


@dataclass(frozen=True)
class HeatMap:
    """Cells by row, with the words at their edges: (place, words)."""

    cells: Sequence[Cell]
    rows: Sequence[tuple[float, str]]
    columns: Sequence[tuple[float, str]]
    height: float


def heat_map(
    rows: Mapping[str, str],
    columns: Mapping[str, str],
    numbers: Mapping[tuple[str, str], int],
    *,
    words_width: float = 38.0,
    row_height: float = 28.0,
    head: float = 22.0,
) -> HeatMap:
    """Lay numbers out by row and column.

    Parameters
    ----------
    rows, columns : code to words, in the order they are shown
    numbers : (row, column) to a number >= 0; a pair left out is 0
    words_width : percent of the width that the rows' words take
    """
    largest = max(numbers.values(), default=0)
    width = (100 - words_width) / max(1, len(columns))
    places = [round(words_width + i * width, 3) for i in range(len(columns))]
    cells = [
        Cell(
            row=row,
            column=column,
            number=numbers.get((row, column), 0),
            level=level(numbers.get((row, column), 0), largest),
            x=x,
            y=head + i * row_height,
            width=round(width, 3),
            height=row_height,
        )
        for i, row in enumerate(rows)
        for x, column in zip(places, columns, strict=True)
    ]
    return HeatMap(
        cells=cells,
        rows=[(head + (i + 0.5) * row_height, w) for i, w in enumerate(rows.values())],
        columns=[
            (round(x + width / 2, 3), words)
            for x, words in zip(places, columns.values(), strict=True)
        ],
        height=head + len(rows) * row_height,
    )


def level(number: int, largest: int) -> int:
    """Grade a number from 0 (nothing) to `LEVELS`, by its logarithm."""
    if number < 0 or number > largest:
        raise ValueError("the number lies between 0 and the largest one")
    if number == 0:
        return 0
    if largest == 1:
        return LEVELS
    return 1 + round((LEVELS - 1) * math.log(number) / math.log(largest))


@dataclass(frozen=True)
class Bar:
    """A bar, or the place of one whose value nobody knows."""

    key: str
    value: float | None
    x: float
    width: float
    y: float
    height: float
    is_labelled: bool

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 3)


@dataclass(frozen=True)
class BarChart:
    """Upright bars from 0 to `top`."""

    bars: Sequence[Bar]
    top: float
    height: float


def bars(
    values: Mapping[str, float | None],
    *,
    height: float = 120.0,
    gap: float = 0.2,
    most_labels: int = 8,
) -> BarChart:
    """Draw values >= 0 as bars in the given order.

    `gap` is the share of a bar's place left free; words stand under every n-th bar,
    the last one always among them, so that at most `most_labels` are written.
    """
    known = [value for value in values.values() if value is not None]
    if any(value < 0 or not math.isfinite(value) for value in known):
        raise ValueError("a bar shows a finite number that is not negative")
    top = max(known, default=0)
    place = 100 / max(1, len(values))
    step = max(1, math.ceil(len(values) / most_labels))
    drawn = []
    for i, (key, value) in enumerate(values.items()):
        tall = 0.0 if not value else max(2.0, height * value / top)
        drawn.append(
            Bar(
                key=key,
                value=value,
                x=round((i + gap / 2) * place, 3),
                width=round(place * (1 - gap), 3),
                y=round(height - tall, 2),
                height=round(tall, 2),
                is_labelled=(len(values) - 1 - i) % step == 0,
            )
        )
    return BarChart(drawn, top, height)


@dataclass(frozen=True)
class Point:
    """A value in a line; `label` says when."""

    label: str
    value: float
    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """A line through its points, and the band of others behind it (top, height)."""

    points: Sequence[Point]
    band_y: float | None
    band_height: float
    middle_y: float | None
    height: float

    @property
    def segments(self) -> Sequence[tuple[Point, Point]]:
        return list(zip(self.points, self.points[1:], strict=False))


def line(
    values: Sequence[tuple[str, float]],
    *,
    band: tuple[float, float, float] | None = None,
    height: float = 56.0,
    edge: float = 6.0,
) -> Line:
    """Draw values over time, evenly spaced, in front of a (low, middle, high) band.

    The scale spans the values and the band; a single value stands in the middle.
    """
    numbers = [value for _, value in values] + list(band or ())
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    span = (high - low) or 1.0

    def y(value: float) -> float:
        share = (value - low) / span if high > low else 0.5
        return round(edge + (1 - share) * (height - 2 * edge), 2)

    last = len(values) - 1
    points = [
        Point(label, value, round(8 + 84 * (i / last if last else 0.5), 3), y(value))
        for i, (label, value) in enumerate(values)
    ]
    if band is None:
        return Line(points, None, 0.0, None, height)
    bottom, middle, top = (y(value) for value in band)
    return Line(points, top, max(2.0, round(bottom - top, 2)), middle, height)


@dataclass(frozen=True)
class Span:
    """A row of a span chart as it is asked for.

    `pieces` are (kind, start, end) in the chart's own units, in the order they
    are drawn; `words` stand at the end of the row.
    """

    label: str
    words: str
    pieces: Sequence[tuple[str, float, float]]


@dataclass(frozen=True)
class Piece:
    """A part of a row as it is drawn: percent of the width."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class SpanRow:
    """A row as it is drawn: words at `words_y`, pieces below from `y` on."""

    label: str
    words: str
    pieces: Sequence[Piece]
    words_y: float
    y: float


@dataclass(frozen=True)
class SpanChart:
    """Lying pieces on one scale, and upright lines at (place, kind)."""

    rows: Sequence[SpanRow]
    lines: Sequence[tuple[float, str]]
    height: float
    bar_height: float


def spans(
    rows: Sequence[Span],
    *,
    low: float | None = None,
    high: float | None = None,
    lines: Sequence[tuple[float, str]] = (),
    row_height: float = 38.0,
    bar_height: float = 12.0,
    thinnest: float = 0.5,
) -> SpanChart:
    """Lay pieces out on one scale: bands, waterfalls, stacked shares, tornadoes.

    Without `low` and `high` the scale spans all pieces and lines. A piece that
    ends where it starts is drawn `thinnest` percent wide; it may run backwards.
    """
    numbers = [end for row in rows for _, *ends in row.pieces for end in ends]
    numbers += [place for place, _ in lines]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("a chart shows finite numbers only")
    least = min(numbers, default=0.0) if low is None else low
    span = ((max(numbers, default=1.0) if high is None else high) - least) or 1.0

    def x(number: float) -> float:
        return min(max(100 * (number - least) / span, 0.0), 100.0)

    def piece(kind: str, start: float, end: float) -> Piece:
        left, right = sorted((x(start), x(end)))
        width = max(right - left, thinnest)
        return Piece(kind, round(min(left, 100 - width), 3), round(width, 3))

    return SpanChart(
        rows=[
            SpanRow(
                row.label,
                row.words,
                [piece(*one) for one in row.pieces],
                words_y=i * row_height + 13,
                y=i * row_height + 19,
            )
            for i, row in enumerate(rows)
        ],
        lines=[(round(x(place), 3), kind) for place, kind in lines],
        height=len(rows) * row_height,
        bar_height=bar_height,
    )
