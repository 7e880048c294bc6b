"""Maps shade what is known, hatch what is not, and lead to the list."""

import csv
import json
import math
import os
from pathlib import Path

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from catalog import maps
from catalog.data import make_world_map as maker
from catalog.maps import Mark, Scale, Step


@given(st.lists(st.integers(0, 100_000), max_size=300))
def test_scale_steps_are_few_round_in_order_and_cover_all(numbers):
    scale = Scale.of(numbers)
    assert len(scale.steps) == len(scale.starts) <= 5
    assert list(scale.starts) == sorted(set(scale.starts))
    levels = [scale.level(number) for number in sorted(numbers)]
    assert levels == sorted(levels)
    assert all(
        (level == 0) == (n == 0)
        for n, level in zip(sorted(numbers), levels, strict=True)
    )
    assert set(levels) <= {0, *(step.level for step in scale.steps)}
    if any(numbers):
        assert scale.level(max(numbers)) == scale.steps[-1].level


def test_scale_by_hand():
    scale = Scale.of([0, 1, 40, 212])
    assert scale.starts == (1, 7, 30, 70, 100)
    assert [step.label for step in scale.steps] == [
        "1–6",
        "7–29",
        "30–69",
        "70–99",
        "100–212",
    ]
    assert [scale.level(n) for n in (0, 1, 6, 7, 99, 100, 212)] == [0, 1, 1, 2, 4, 5, 5]
    assert Scale.of([1, 1]).steps == (Step(3, "1"),)
    assert Scale.of([0]).steps == ()


def test_shades_links_and_dots():
    drawn = maps.world_map(
        {
            "pl": Mark("Poland", 12),
            "es": Mark("Spain", 0),
            "fr": Mark("France"),
            "sg": Mark("Singapore", 3),
            "mt": Mark("Malta", 0),
            "zz": Mark("Nowhere", 5),
        },
        "/cros/?q=a%26b&country={code}",
        chosen={"pl"},
    )
    shapes = {place.code: place for place in drawn.shapes}
    assert shapes.keys() == {"pl", "es", "fr"}
    assert shapes["pl"].url == "/cros/?q=a%26b&country=pl"
    assert shapes["pl"].title == "Poland: 12 CROs"
    assert shapes["pl"].css == "map__place map__place--step-5 map__place--chosen"
    assert (shapes["es"].css, shapes["es"].url) == ("map__place map__place--step-0", "")
    assert (shapes["fr"].css, shapes["fr"].url) == (
        "map__place map__place--unknown",
        "",
    )
    assert shapes["fr"].title == "France: not known"
    assert [dot.code for dot in drawn.dots] == ["sg"]  # no dot for nothing
    assert drawn.has_none
    assert drawn.has_unknown
    assert drawn.shapes[-1].code == "pl"  # a chosen border lies above its neighbours


def test_levels_stand_for_kinds():
    steps = (Step(5, "Legal entity"), Step(2, "Trials only"))
    drawn = maps.world_map(
        {"pl": Mark("Poland", level=5, words="legal entity, 3 trials")}, steps=steps
    )
    assert drawn.steps == steps
    assert drawn.shapes[0].title == "Poland: legal entity, 3 trials"
    assert not drawn.has_unknown
    assert maps.world()["countries"]["fr"] in drawn.land


def test_tag_keeps_the_map_out_of_the_tab_order_and_escapes():
    html = Template("{% load maps %}{% world_map marks address %}").render(
        Context(
            {
                "marks": {"pl": Mark("<b>Poland</b>", 2)},
                "address": '/cros/?q="><script>&country={code}',
            }
        )
    )
    assert html.count("<svg") == html.count('aria-hidden="true"') == 2
    assert 'tabindex="-1"' in html
    assert html.count("<a ") == html.count('tabindex="-1"')
    assert "<script" not in html
    assert "&lt;b&gt;Poland" in html


def test_heat_map_links_what_is_there():
    heat = maps.heat_map(
        [("c04", "Oncology"), ("c22", "Animal health")],
        [("asia", "Asia"), ("europe", "Europe")],
        [[0, 7], [0, 0]],
        "/cros/?area={area}&region={region}",
        chosen=lambda area, region: (area, region) == ("c04", "europe"),
    )
    ((head, cells),) = heat.rows
    assert head.label == "Oncology"
    assert [cell.number for cell in cells] == [0, 7]
    assert [cell.url for cell in cells] == ["", "/cros/?area=c04&region=europe"]
    assert [cell.is_chosen for cell in cells] == [False, True]
    assert [head.label for head in heat.empty] == ["Animal health"]


def test_every_country_of_the_vocabulary_is_on_the_map():
    with maker.COUNTRIES.open(encoding="utf-8", newline="") as lines:
        codes = {row["code"] for row in csv.DictReader(lines, delimiter="\t")}
    drawn = maps.world()
    assert codes - drawn["countries"].keys() - drawn["dots"].keys() == {"aq"}
    assert not drawn["countries"].keys() & drawn["dots"].keys()
    assert "gf" in drawn["countries"]  # not shaded with France
    for x, y in drawn["dots"].values():
        assert 0 <= x <= drawn["width"]
        assert 0 <= y <= drawn["height"]


def test_projection_keeps_areas_and_ends():
    assert maker.equal_earth(0, 0) == (0, 0)
    x, _ = maker.equal_earth(180, 0)
    _, y = maker.equal_earth(0, 90)
    # The published proportion of the sides of the map.
    assert x / y == pytest.approx(2.05458, abs=1e-4)

    def area(south, north):
        """Of a strip one degree wide, by thin trapezia."""
        total, steps = 0.0, 400
        for i in range(steps):
            low = south + (north - south) * i / steps
            high = south + (north - south) * (i + 1) / steps
            (w1, y1), (w2, y2) = maker.equal_earth(1, low), maker.equal_earth(1, high)
            total += (w1 + w2) / 2 * (y2 - y1)
        return total

    for south, north in ((0, 10), (40, 60), (70, 89)):
        sphere = math.radians(1) * (
            math.sin(math.radians(north)) - math.sin(math.radians(south))
        )
        assert area(south, north) == pytest.approx(sphere, rel=1e-4)


def test_ring_across_the_antimeridian_stays_in_one_piece():
    ring = maker.unwrapped([(178, 60), (-179, 61), (-178, 59), (178, 60)])
    assert ring == [(178, 60), (181, 61), (182, 59), (178, 60)]


def test_path_is_relative_and_drops_what_is_too_small():
    square = [(0.2, 0.1), (10, 0), (10, 10), (0, 10), (0.2, 0.1)]
    speck = [(5, 5), (5.2, 5.1), (5.1, 5.3), (5, 5)]
    assert maker.path([square, speck]) == "M0 0l10 0 0 10-10 0z"


@pytest.mark.skipif(
    "CRO_SHARED_DATA" not in os.environ, reason="needs Natural Earth's shapes"
)
def test_committed_file_is_what_the_script_makes(monkeypatch, tmp_path):
    source = Path(os.environ["CRO_SHARED_DATA"]) / "geo" / "countries-110m.json"
    monkeypatch.setattr(maker, "OUTPUT", tmp_path / "world.json")
    monkeypatch.setattr("sys.argv", ["make_world_map", str(source)])
    maker.main()
    made = (tmp_path / "world.json").read_text(encoding="utf-8")
    assert json.loads(made) == maps.world()
    assert made == maps.WORLD_FILE.read_text(encoding="utf-8")
