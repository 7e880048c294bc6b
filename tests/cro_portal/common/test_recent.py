"""What is kept for a while never takes more room than it has."""

from hypothesis import given
from hypothesis import strategies as st

from cro_portal.common.recent import Recent

STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 6)))


@given(STEPS)
def test_it_holds_what_was_used_last_and_no_more_than_fits(steps):
    recent: Recent[tuple[int, int]] = Recent(room=10)
    model: dict[int, int] = {}  # by key its size, the longest unused first

    for is_put, key, size in steps:
        if is_put:
            recent.put(key, (key, size), size * 2)
            model.pop(key, None)
            if size * 2 <= 10:
                model[key] = size
            while sum(model.values()) * 2 > 10:
                del model[next(iter(model))]
        else:
            expected = (key, model[key]) if key in model else None
            assert recent.get(key) == expected
            if key in model:
                model[key] = model.pop(key)
        assert recent.used == 2 * sum(model.values()) <= 10
        assert len(recent) == len(model)
