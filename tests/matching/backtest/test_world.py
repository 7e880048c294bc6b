"""Nothing of a hidden trial's day or later may be known when it is ranked."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.services import imports
from matching.backtest import world as world_module
from matching.backtest.world import World
from matching.engine.evidence import HEALTHY, PATIENTS
from tests.matching.backtest.register import pair, read, trial

DATES = st.sampled_from(
    ["2009", "2010-01", "2010-05", "2010-06", "2010-06-15", "2010-07", "2011", ""]
)


def assert_no_leak(world: World, nct_id: str) -> None:
    """Check that all that is known lies before the first day the trial can mean."""
    frozen, hidden = world.before(nct_id), world.trial(nct_id)
    assert nct_id not in frozen.trials
    for known in frozen.trials:
        assert world.trial(known).start.last < hidden.start.first
    assert frozen.prepared.catalogue.trials.start.size == len(frozen.trials)
    assert (frozen.prepared.catalogue.trials.start < hidden.start.first).all()


@settings(max_examples=25, deadline=None)
@given(dates=st.lists(DATES, min_size=1, max_size=6), hidden=DATES)
def test_only_trials_that_surely_began_before_are_known(
    tmp_path_factory, words, dates, hidden
):
    rows = [trial(i, date, f"CRO {i % 3}") for i, date in enumerate(dates)]
    held = trial(99, hidden, "CRO 0")
    world = World(
        read(tmp_path_factory.mktemp("r"), [*rows, held], [pair(held, "CRO 0")]), words
    )

    assert_no_leak(world, held["nct_id"])


def test_the_check_finds_a_planted_leak(tmp_path, words, monkeypatch):
    """Let a world take every trial for an old one: the check must fail."""
    held, later = trial(1, "2010-06", "A"), trial(2, "2012-01", "A")
    world = World(read(tmp_path, [held, later], [pair(held, "A")]), words)
    assert_no_leak(world, held["nct_id"])

    monkeypatch.setattr(world, "_last", world._last * 0)
    monkeypatch.setattr(world, "_frozen", None)

    with pytest.raises(AssertionError):
        assert_no_leak(world, held["nct_id"])


def test_a_month_is_not_before_itself(tmp_path, words):
    rows = [trial(1, "2010-05", "A"), trial(2, "2010-06", "B"), trial(3, "2010", "C")]
    held = trial(4, "2010-06", "D")
    world = World(read(tmp_path, [*rows, held], [pair(held, "D")]), words)

    assert world.before(held["nct_id"]).trials == (rows[0]["nct_id"],)


def test_sponsors_are_sized_by_what_they_led_before(tmp_path, words):
    early = [trial(i, "2005-01", "A") for i in range(4)]
    late = [trial(10 + i, "2011-01", "A") for i in range(60)]
    held = trial(99, "2010-06", "A")
    world = World(read(tmp_path, [*early, *late, held], [pair(held, "A")]), words)

    assert world.need(held["nct_id"]).sponsor_size == 1  # small: four earlier trials


def test_sponsors_are_sized_as_an_import_sizes_them():
    assert imports.LARGE_SPONSOR == world_module.LARGE_SPONSOR_TRIALS
    assert imports.MID_SPONSOR == world_module.MID_SPONSOR_TRIALS


def test_the_need_is_read_from_the_record_alone(tmp_path, words):
    held = trial(
        1, "2010-06", "A", phase="PHASE1|PHASE2", countries=["Poland", "Japan"]
    )
    world = World(read(tmp_path, [held], [pair(held, "A")]), words)

    need = world.need(held["nct_id"])

    asked = {world.words.terms[i].key for i in need.requirements.term}
    assert asked == {
        ("condition", "asthma"),
        ("country", "jp"),
        ("country", "pl"),
        ("modality", "drug"),
        ("phase", "phase-1-2"),
    }
    assert need.start == world.trial(held["nct_id"]).start.first
    assert need.participants == 100
    assert world.read(held["nct_id"]).population == PATIENTS


def test_healthy_volunteers_are_a_population(tmp_path, words):
    held = trial(1, "2010-06", "A", conditions=["Healthy"], mesh_conditions=[])
    world = World(read(tmp_path, [held], [pair(held, "A")]), words)

    assert world.read(held["nct_id"]).population == HEALTHY


def test_a_brand_is_known_by_the_name_of_the_day(tmp_path, words):
    early = trial(1, "2005-01")
    early["cro_found"] = [
        {"cro": "Old Name", "group": "New Owner", "fields": ["collaborator"]}
    ]
    held = trial(2, "2010-06")
    pairs = [pair(held, "New Owner", cro="Old Name")]
    records = read(tmp_path, [early, held], pairs)

    for unit, name in (("group", "New Owner"), ("brand", "Old Name")):
        world = World(records, words, unit)
        assert world.cros == (name,)
        assert world.before(held["nct_id"]).at(world.cro(records.pairs[0])) == 0
    with pytest.raises(ValueError, match="A unit is one of"):
        World(records, words, "owner")
