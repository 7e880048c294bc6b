from decimal import Decimal

import pytest
from django.core.paginator import Paginator
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from cro_portal.common.templatetags import ui


def render(tag, **context):
    return Template("{% load ui %}" + tag).render(Context(context))


@given(st.floats(0, 1))
def test_points_are_whole_and_stay_on_the_scale(share):
    assert 0 <= ui.points(share) <= 100


def test_half_points_round_up():
    assert [ui.points(x) for x in (0, 0.005, 0.625, 0.994, 1)] == [0, 1, 63, 99, 100]


def test_an_unknown_score_is_not_a_nought():
    text = render("{% score_bar value 'Fit' %}", value=None)

    assert "not known" in text
    assert "0" not in text


def test_an_interval_says_its_ends():
    text = render("{% interval_bar 0.48 0.62 0.71 %}")

    assert 'aria-label="Score: 62 of 100, between 48 and 71"' in text
    assert "--low: 48%; --width: 23%" in text


def test_the_whole_scale_is_not_known():
    assert "Score: not known" in render("{% interval_bar 0 0.5 1 %}")


def test_parts_of_a_score_add_up_and_have_a_table():
    criteria = [
        {"code": "expertise", "label": "Expertise", "weight": 0.6},
        {"code": "fit", "label": "Fit", "weight": 0.4},
    ]
    text = render(
        "{% contribution_bar criteria parts details='table' %}",
        criteria=criteria,
        parts=[0.3, 0.26],
    )

    assert "--width: 26.000%" in text
    assert '<td class="number">56</td>' in text


def test_parts_must_fit_the_criteria():
    with pytest.raises(ValueError, match="shorter"):
        ui.contribution_bar([{"code": "fit", "label": "Fit", "weight": 1}], [])


def test_little_evidence_is_marked():
    assert "coverage--low" in render("{% coverage 0.49 %}")
    assert "coverage--low" not in render("{% coverage 0.5 %}")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        ("0.0700", "share", "7 %"),
        ("0.0750", "share of staff a year", "7.5 % of staff a year"),
        ("1200.0000", "full-time equivalents", "1,200 full-time equivalents"),
        ("12.0000", "count", "12"),
        ("100.0000", "", "100"),
        ("0.0000", "days", "0 days"),
    ],
)
def test_a_quantity_has_its_unit_and_no_digit_more(value, unit, words):
    assert ui.quantity(Decimal(value), {"unit": unit}) == words


def test_pages_keep_the_query_and_leave_gaps(rf):
    page = Paginator(range(400), 25).get_page(8)

    text = render(
        "{% pagination page 'CROs' %}", page=page, request=rf.get("/?q=a&page=3")
    )

    assert "176–200 of 400 CROs" in text
    assert "?q=a&amp;page=9" in text
    assert "…" in text


@pytest.mark.parametrize(
    ("n", "words"), [(1, "<p>1 study</p>"), (2, "<p>2 studies</p>")]
)
def test_a_list_of_one_page_says_how_many_and_no_range(rf, n, words):
    page = Paginator(range(n), 25).get_page(1)
    text = render(
        "{% pagination page 'studies' 'study' %}", page=page, request=rf.get("/")
    )
    assert words in text
