"""Pictures of numbers: the world map and the heat map, worked out for templates.

Pure functions: numbers and an address in, what a template draws out. A number is
shown by one of five steps of one colour; not known is hatched, never a step.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypedDict

WORLD_FILE = Path(__file__).resolve().parent / "data" / "world.json"
"""Made by `catalog.data.make_world_map`."""

CODE: Final = "{code}"
"""Stands in an address for the code of a country."""
AREA: Final = "{area}"
REGION: Final = "{region}"

N_STEPS = 5
_LEVELS: Final[Mapping[int, tuple[int, ...]]] = {
    0: (),
    1: (3,),
    2: (2, 4),
    3: (1, 3, 5),
    4: (1, 2, 4, 5),
    5: (1, 2, 3, 4, 5),
}
"""Which levels are used when there are fewer steps."""
_ROUND: Final = (1, 2, 3, 5, 7)
"""First digits a step may begin with."""
EUROPE: Final = (702, 28, 250, 166)
"""What the closer view shows: x, y, width and height in units of the map."""


class World(TypedDict):
    """The file of shapes: path data, or a place, by code of country."""

    width: int
    height: int
    land: str
    countries: dict[str, str]
    dots: dict[str, list[int]]


@cache
def world() -> World:
    shapes: World = json.loads(WORLD_FILE.read_text(encoding="utf-8"))
    return shapes


@dataclass(frozen=True)
class Step:
    """A level (1 to 5, 5 the most) and what it stands for."""

    level: int
    label: str


@dataclass(frozen=True)
class Scale:
    """Steps from 1 up: `starts` are the smallest numbers of each, ascending."""

    starts: tuple[int, ...]
    largest: int

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "Scale":
        """Make at most five steps that widen as the squares do.

        Few CROs work in most countries and many in some, so even steps would show
        most of the world alike. Steps begin at round numbers, to be remembered.
        """
        largest = max(numbers, default=0)
        if largest <= 0:
            return cls((), 0)
        starts = {1}
        for step in range(1, N_STEPS):
            if start := largest * step**2 // N_STEPS**2:
                starts.add(_rounded_down(start))
        return cls(tuple(sorted(starts)), largest)

    def level(self, number: int) -> int:
        """Give 0 for 0, else 1 to 5."""
        if number <= 0:
            return 0
        return _LEVELS[len(self.starts)][bisect_right(self.starts, number) - 1]

    @property
    def steps(self) -> tuple[Step, ...]:
        after = [*self.starts[1:], self.largest + 1]
        spans = zip(_LEVELS[len(self.starts)], self.starts, after, strict=False)
        return tuple(
            Step(level, f"{start:,}" + (f"–{end - 1:,}" if end - 1 > start else ""))
            for level, start, end in spans
        )


def _rounded_down(number: int) -> int:
    power = 10 ** (len(str(number)) - 1)
    return max(digit for digit in _ROUND if digit * power <= number) * power


@dataclass(frozen=True)
class Mark:
    """What a map says of a country.

    A `number` is shaded by a scale made for the map; a `level` (1 to 5) is for kinds
    instead. With neither it is not known. `words` stand in the tooltip behind the
    name; without them the number does.
    """

    label: str
    number: int | None = None
    level: int | None = None
    words: str = ""


@dataclass(frozen=True)
class Place:
    """A country as it is drawn: a shape (`path`), or a dot at `x`, `y`."""

    code: str
    title: str
    css: str
    url: str
    path: str = ""
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class WorldMap:
    """A map to draw. Countries nothing is said of are part of `land`."""

    view_box: str
    closer_view_box: str
    land: str
    shapes: tuple[Place, ...]
    dots: tuple[Place, ...]
    steps: tuple[Step, ...]
    has_none: bool
    has_unknown: bool


def world_map(
    marks: Mapping[str, Mark],
    url_template: str = "",
    *,
    noun: str = "CROs",
    steps: Sequence[Step] = (),
    chosen: Collection[str] = (),
) -> WorldMap:
    """Draw marks by country code.

    `url_template` is an address with `{code}`; countries with a number or a level
    link there. `steps` explain levels given with the marks; those of numbers are
    worked out. Small countries are dots, and only where there is something.
    """
    scale = Scale.of(mark.number for mark in marks.values() if mark.number is not None)

    def place(code: str, mark: Mark) -> Place:
        level = mark.level
        if level is None and mark.number is not None:
            level = scale.level(mark.number)
        words = mark.words or (
            "not known" if mark.number is None else f"{mark.number:,} {noun}"
        )
        state = "unknown" if level is None else f"step-{level}"
        picked = " map__place--chosen" if code in chosen else ""
        return Place(
            code=code,
            title=f"{mark.label}: {words}",
            css=f"map__place map__place--{state}{picked}",
            url=url_template.replace(CODE, code) if level else "",
        )

    shapes, dots = [], []
    drawn = world()
    for code, mark in marks.items():
        one = place(code, mark)
        if path := drawn["countries"].get(code):
            shapes.append(_with(one, path=path))
        elif code in drawn["dots"] and (one.url or mark.number or mark.level):
            x, y = drawn["dots"][code]
            dots.append(_with(one, x=x, y=y))
    unmarked = [path for code, path in drawn["countries"].items() if code not in marks]
    return WorldMap(
        view_box=f"0 0 {drawn['width']} {drawn['height']}",
        closer_view_box=" ".join(map(str, EUROPE)),
        land="".join([drawn["land"], *unmarked]),
        shapes=tuple(sorted(shapes, key=lambda shape: "chosen" in shape.css)),
        dots=tuple(dots),
        steps=tuple(steps) or scale.steps,
        has_none=any(mark.number == 0 for mark in marks.values()),
        has_unknown=any(
            mark.number is None and mark.level is None for mark in marks.values()
        ),
    )


def _with(place: Place, **drawn: Any) -> Place:
    return Place(place.code, place.title, place.css, place.url, **drawn)


@dataclass(frozen=True)
class Head:
    """The head of a row or a column, a link where `url` is not empty."""

    code: str
    label: str
    url: str = ""


@dataclass(frozen=True)
class Cell:
    number: int
    level: int  # 0 for 0, else 1 to 5
    url: str  # "" for 0
    is_chosen: bool


@dataclass(frozen=True)
class HeatMap:
    """A table of numbers with shaded cells; `empty` are rows with nothing but 0."""

    columns: tuple[Head, ...]
    rows: tuple[tuple[Head, tuple[Cell, ...]], ...]
    empty: tuple[Head, ...]
    steps: tuple[Step, ...]


def heat_map(
    areas: Sequence[tuple[str, str]],
    regions: Sequence[tuple[str, str]],
    numbers: Sequence[Sequence[int]],
    url_template: str = "",
    *,
    chosen: Callable[[str, str], bool] = lambda area, region: False,
) -> HeatMap:
    """Draw numbers by area (rows) and region (columns), each a code and a label.

    `url_template` is an address with `{area}` and `{region}`; every cell above 0
    links there. `chosen` says which cells are chosen.
    """
    scale = Scale.of(number for row in numbers for number in row)

    def cell(area: str, region: str, number: int) -> Cell:
        url = url_template.replace(AREA, area).replace(REGION, region)
        return Cell(
            number, scale.level(number), url if number else "", chosen(area, region)
        )

    columns = tuple(Head(code, label) for code, label in regions)
    rows = [
        (
            Head(code, label),
            tuple(
                cell(code, column.code, number)
                for column, number in zip(columns, row, strict=True)
            ),
        )
        for (code, label), row in zip(areas, numbers, strict=True)
    ]
    return HeatMap(
        columns=columns,
        rows=tuple(row for row in rows if any(cell.number for cell in row[1])),
        empty=tuple(
            head for head, cells in rows if not any(cell.number for cell in cells)
        ),
        steps=scale.steps,
    )
