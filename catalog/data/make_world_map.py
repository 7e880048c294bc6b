"""Make `world.json`, the shapes of the world map, from Natural Earth.

    python -m catalog.data.make_world_map countries-110m.json

The argument is the TopoJSON of the package `world-atlas` (Natural Earth 1:110m,
public domain; https://github.com/topojson/world-atlas). Without it the file is looked
for at `$CRO_SHARED_DATA/geo/countries-110m.json`. The same input gives the same bytes.

Projection: Equal Earth (B. Šavrič, T. Patterson and B. Jenny, "The Equal Earth map
projection", International Journal of Geographical Information Science 33, 2019,
454-465, doi:10.1080/13658816.2018.1504949). Areas are in proportion, so that large
empty countries of the north do not outweigh the others. Antarctica is left out.
"""

import argparse
import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

Point: TypeAlias = tuple[float, float]

HERE = Path(__file__).resolve().parent
COUNTRIES = HERE / "vocabularies" / "country.tsv"
OUTPUT = HERE / "world.json"

WIDTH = 1600
"""Of the map, in its own units; the height follows."""
CENTRAL_MERIDIAN = 10.0
"""The cut runs through Bering Strait, so that Chukotka stays with Russia."""
WEST_END = -172.0
"""Rings whose middle lies west of this stand at the east end of the map."""
TOLERANCE = 1.1
"""How far, in units, a simplified border may lie from the true one."""
SMALLEST_ISLAND = 14.0
"""Area in square units under which a ring is left out, if its country has another."""
MARGIN = 6

ANTARCTICA = "010"
CODE_OF_NAME = {"Kosovo": "xk"}
"""Features without an ISO number that are terms of the portal all the same."""

FRENCH_GUIANA = (-55.0, -51.0, 2.0, 6.0)
"""West, east, south, north: Natural Earth draws it with France."""

# Countries that are too small for the scale: longitude and latitude of a dot.
DOTS: Mapping[str, Point] = {
    "ad": (1.6, 42.5),
    "ag": (-61.8, 17.1),
    "ai": (-63.1, 18.2),
    "as": (-170.7, -14.3),
    "aw": (-70.0, 12.5),
    "ax": (20.0, 60.2),
    "bb": (-59.5, 13.2),
    "bh": (50.6, 26.1),
    "bl": (-62.8, 17.9),
    "bm": (-64.8, 32.3),
    "bq": (-68.3, 12.2),
    "bv": (3.4, -54.4),
    "cc": (96.8, -12.2),
    "ck": (-159.8, -21.2),
    "cv": (-23.6, 15.1),
    "cw": (-69.0, 12.2),
    "cx": (105.6, -10.5),
    "dm": (-61.4, 15.4),
    "fm": (158.2, 6.9),
    "fo": (-6.9, 62.0),
    "gd": (-61.7, 12.1),
    "gg": (-2.6, 49.5),
    "gi": (-5.4, 36.1),
    "gp": (-61.6, 16.2),
    "gs": (-36.6, -54.3),
    "gu": (144.8, 13.5),
    "hk": (114.2, 22.3),
    "hm": (73.5, -53.1),
    "im": (-4.5, 54.2),
    "io": (72.4, -7.3),
    "je": (-2.1, 49.2),
    "ki": (173.0, 1.4),
    "km": (43.3, -11.7),
    "kn": (-62.7, 17.3),
    "ky": (-81.3, 19.3),
    "lc": (-61.0, 13.9),
    "li": (9.5, 47.2),
    "mc": (7.4, 43.7),
    "mf": (-63.1, 18.1),
    "mh": (171.2, 7.1),
    "mo": (113.5, 22.2),
    "mp": (145.7, 15.2),
    "mq": (-61.0, 14.6),
    "ms": (-62.2, 16.7),
    "mt": (14.4, 35.9),
    "mu": (57.6, -20.3),
    "mv": (73.5, 4.2),
    "nf": (168.0, -29.0),
    "nr": (166.9, -0.5),
    "nu": (-169.9, -19.1),
    "pf": (-149.4, -17.7),
    "pm": (-56.3, 46.9),
    "pn": (-130.1, -25.1),
    "pw": (134.6, 7.5),
    "re": (55.5, -21.1),
    "sc": (55.5, -4.7),
    "sg": (103.8, 1.35),
    "sh": (-5.7, -15.9),
    "sj": (16.0, 78.2),
    "sm": (12.5, 43.9),
    "st": (6.7, 0.3),
    "sx": (-63.1, 18.0),
    "tc": (-71.8, 21.8),
    "tk": (-171.8, -9.2),
    "to": (-175.2, -21.1),
    "tv": (179.2, -8.5),
    "um": (166.6, 19.3),
    "va": (12.45, 41.9),
    "vc": (-61.2, 13.2),
    "vg": (-64.6, 18.4),
    "vi": (-64.9, 18.3),
    "wf": (-177.2, -13.3),
    "ws": (-171.8, -13.8),
    "yt": (45.2, -12.8),
}


def equal_earth(longitude: float, latitude: float) -> Point:
    """Project degrees from the central meridian; x and y on a sphere of radius 1."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(latitude)))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * math.sqrt(3) / 3 * math.radians(longitude) * math.cos(t) / slope
    return x, a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t


def decoded_arcs(topology: Mapping[str, Any]) -> list[list[Point]]:
    """Turn the quantised differences of TopoJSON's arcs into degrees."""
    (scale_x, scale_y), (west, south) = (
        topology["transform"]["scale"],
        topology["transform"]["translate"],
    )
    arcs = []
    for differences in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in differences:
            x, y = x + dx, y + dy
            points.append((x * scale_x + west, y * scale_y + south))
        arcs.append(points)
    return arcs


def unwrapped(points: Sequence[Point]) -> list[Point]:
    """Let longitudes run on past 180 instead of jumping to the other side."""
    out = [points[0]]
    for longitude, latitude in points[1:]:
        turns = round((longitude - out[-1][0]) / 360)
        out.append((longitude - 360 * turns, latitude))
    return out


def simplified(points: Sequence[Point], scale: float) -> list[Point]:
    """Leave out points by Douglas and Peucker, the ends kept; `scale` in units."""
    flat = [
        (x * scale, y * scale)
        for x, y in (equal_earth(*point) for point in unwrapped(points))
    ]
    kept = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        far, distance = first, TOLERANCE
        for i in range(first + 1, last):
            away = _distance(flat[i], flat[first], flat[last])
            if away > distance:
                far, distance = i, away
        if far != first:
            kept.add(far)
            spans += [(first, far), (far, last)]
    return [points[i] for i in sorted(kept)]


def _distance(point: Point, start: Point, end: Point) -> float:
    """From a point to the line between two others, or to both where they are one."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    if length == 0:
        return math.dist(point, start)
    return abs(dx * (start[1] - point[1]) - dy * (start[0] - point[0])) / length


def rings(
    geometry: Mapping[str, Any], arcs: Sequence[Sequence[Point]]
) -> Iterable[list[Point]]:
    """Put the rings of a geometry together, each in one piece on the map."""
    polygons = geometry["arcs"]
    if geometry["type"] == "Polygon":
        polygons = [polygons]
    for polygon in polygons:
        for numbers in polygon:
            points: list[Point] = []
            for number in numbers:
                arc = arcs[number] if number >= 0 else arcs[~number][::-1]
                points += arc[1:] if points else arc
            ring = unwrapped(points)
            middle = (min(ring)[0] + max(ring)[0]) / 2
            turn = 360 * math.floor((middle - WEST_END) / 360)
            yield [(longitude - turn, latitude) for longitude, latitude in ring]


def area(ring: Sequence[Point]) -> float:
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) / 2


def path(rings_on_map: Iterable[Sequence[Point]]) -> str:
    """Write rings as path data of whole units, each point relative to the last."""
    parts = []
    for ring in rings_on_map:
        places = [(round(x), round(y)) for x, y in ring]
        steps = [
            (x - u, y - v) for (u, v), (x, y) in pairwise(places) if (x, y) != (u, v)
        ]
        if len(steps) < 3:  # nothing is left of it
            continue
        line = " ".join(f"{dx} {dy}" for dx, dy in steps[:-1]).replace(" -", "-")
        parts.append(f"M{places[0][0]} {places[0][1]}l{line}z")
    return "".join(parts)


def world_map(topology: Mapping[str, Any], codes: Mapping[str, str]) -> dict[str, Any]:
    """Make the map: `codes` gives the portal's code for an ISO 3166-1 number.

    Returns `width`, `height`, `countries` (path data by code), `land` (path data of
    what is no country of the portal) and `dots` (x, y by code).
    """
    scale = WIDTH / (2 * equal_earth(180, 0)[0])
    arcs = [simplified(arc, scale) for arc in decoded_arcs(topology)]
    drawn: dict[str, list[list[Point]]] = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        if geometry.get("id") == ANTARCTICA:
            continue
        name = geometry["properties"]["name"]
        code = codes.get(geometry.get("id", "")) or CODE_OF_NAME.get(name, "")
        for ring in rings(geometry, arcs):
            part = "gf" if code == "fr" and _is_within(ring, FRENCH_GUIANA) else code
            drawn.setdefault(part, []).append([_on_map(point, scale) for point in ring])
    for code, all_rings in drawn.items():
        largest = max(all_rings, key=area)
        drawn[code] = [
            ring
            for ring in all_rings
            if ring is largest or area(ring) >= SMALLEST_ISLAND
        ]
    dots = {}
    for code, (longitude, latitude) in DOTS.items():
        east = longitude + 360 if longitude < WEST_END else longitude
        dots[code] = _on_map((east, latitude), scale)
    points = [
        *(
            point
            for all_rings in drawn.values()
            for ring in all_rings
            for point in ring
        ),
        *dots.values(),
    ]
    left, top = min(x for x, _ in points), min(y for _, y in points)
    right, bottom = max(x for x, _ in points), max(y for _, y in points)

    def moved(point: Point) -> Point:
        return point[0] - left + MARGIN, point[1] - top + MARGIN

    paths = {
        code: path([moved(point) for point in ring] for ring in all_rings)
        for code, all_rings in sorted(drawn.items())
    }
    return {
        "width": math.ceil(right - left) + 2 * MARGIN,
        "height": math.ceil(bottom - top) + 2 * MARGIN,
        "land": paths.pop("", ""),
        "countries": {code: data for code, data in paths.items() if data},
        "dots": {
            code: [round(x) for x in moved(place)]
            for code, place in dots.items()
            if not paths.get(code)
        },
    }


def _is_within(ring: Sequence[Point], box: tuple[float, float, float, float]) -> bool:
    west, east, south, north = box
    return all(west < x < east and south < y < north for x, y in ring)


def _on_map(point: Point, scale: float) -> Point:
    x, y = equal_earth(point[0] - CENTRAL_MERIDIAN, point[1])
    return x * scale, -y * scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    shared = os.environ.get("CRO_SHARED_DATA")
    default = Path(shared) / "geo" / "countries-110m.json" if shared else None
    parser.add_argument(
        "topojson", type=Path, nargs="?", default=default, help="countries-110m.json"
    )
    source = parser.parse_args().topojson
    if source is None:
        parser.error("name the TopoJSON file, or set CRO_SHARED_DATA")
    with COUNTRIES.open(encoding="utf-8", newline="") as lines:
        codes = {
            row["numeric"]: row["code"]
            for row in csv.DictReader(lines, delimiter="\t")
            if row["numeric"]
        }
    topology = json.loads(source.read_text(encoding="utf-8"))
    text = json.dumps(world_map(topology, codes), indent=0, sort_keys=True)
    OUTPUT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
