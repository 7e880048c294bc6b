import pytest

from matching.engine.leaves import TREE
from matching.method_page import QUESTIONS, criteria_rows


def test_the_page_has_the_criteria_and_questions_of_the_engine():
    rows = criteria_rows()

    assert [row.code for row in rows] == list(TREE)
    assert set(QUESTIONS) == {leaf for inside in TREE.values() for leaf in inside}
    assert sum(leaf.weight for row in rows for leaf in row.leaves) == pytest.approx(100)


def test_the_page_says_the_numbers_of_the_method(client, db):
    text = client.get("/method/").content.decode()

    assert "Order is never sold" in text
    assert "14.3" in text  # expertise 26 x condition 0.55
    assert "between 97 and 100" in text  # T1
    assert "between 65 and 100" in text  # T5
    assert "affiliate counts 70" in text
    assert "must have 4, high 4, medium 2, low 1" in text
    assert "14.0</strong>" not in text  # whole weights stay whole
