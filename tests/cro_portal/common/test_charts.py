import pytest
from hypothesis import given
from hypothesis import strategies as st

from cro_portal.common import charts

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=30)


def test_a_heat_map_lays_rows_below_each_other_and_columns_across():
    chart = charts.heat_map(
        {"a": "Area A", "b": "Area B"},
        {"1": "1", "2": "2"},
        {("a", "1"): 4, ("b", "2"): 1},
        words_width=40,
        row_height=20,
        head=10,
    )

    assert [(c.key, c.number, c.x, c.y) for c in chart.cells] == [
        (("a", "1"), 4, 40, 10),
        (("a", "2"), 0, 70, 10),
        (("b", "1"), 0, 40, 30),
        (("b", "2"), 1, 70, 30),
    ]
    assert chart.rows == [(20, "Area A"), (40, "Area B")]
    assert chart.columns == [(55, "1"), (85, "2")]
    assert chart.height == 50


def test_an_empty_heat_map_has_only_its_head():
    chart = charts.heat_map({}, {}, {}, head=10)

    assert (chart.cells, chart.height) == ([], 10)


@given(COUNTS)
def test_a_larger_number_is_never_paler_and_only_nothing_is_level_0(counts):
    levels = [charts.level(n, max(counts)) for n in sorted(counts)]

    assert levels == sorted(levels)
    assert all(
        (found == 0) == (n == 0)
        for found, n in zip(levels, sorted(counts), strict=True)
    )
    assert max(counts) == 0 or levels[-1] == charts.LEVELS


@pytest.mark.parametrize("number", [-1, 6])
def test_a_number_outside_the_scale_is_refused(number):
    with pytest.raises(ValueError, match="between 0 and the largest"):
        charts.level(number, 5)


@given(st.dictionaries(st.text(), st.none() | st.floats(0, 1e9), max_size=40))
def test_bars_stay_inside_and_unknown_has_no_height(values):
    chart = charts.bars(values, height=100)

    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= 100.001
        assert bar.y + bar.height == pytest.approx(100, abs=0.02)
        assert bar.value or bar.height == 0
    assert sum(bar.is_labelled for bar in chart.bars) <= 8


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_bar_of_no_size_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        charts.bars({"a": value})


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12),
    st.none() | st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3).map(sorted),
)
def test_a_line_and_its_band_stay_inside(values, band):
    chart = charts.line(
        [(str(i), value) for i, value in enumerate(values)],
        band=tuple(band) if band else None,
        height=50,
    )

    assert all(0 <= p.x <= 100 and 0 <= p.y <= 50 for p in chart.points)
    assert len(chart.segments) == len(values) - 1
    if band:
        assert 0 <= chart.band_y <= chart.middle_y <= 50


def test_higher_is_higher_up():
    low, high = charts.line([("2024", 1.0), ("2025", 3.0)]).points

    assert high.y < low.y
    assert high.x > low.x
