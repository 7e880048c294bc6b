"""Each formula of the method with numbers worked out by hand."""

from math import log

import numpy as np
import pytest

from matching import engine
from matching.engine.results import (
    CONDITIONAL,
    ELIGIBLE,
    EXCLUDED,
    FAIL,
    NEAR_MISS,
    PASS,
    UNKNOWN,
)
from tests.matching.engine.build import (
    INDEX,
    TODAY,
    catalogue,
    claim,
    need,
    trial,
)
from tests.matching.engine.oracle import central

NOTHING = (0.0, 0.5, 1.0)


def rank(cat, study):
    return engine.rank(engine.prepare(cat), study)


def leaf(cat, study, name, cro=0):
    ranking = rank(cat, study)
    i = [found.name for found in ranking.leaves].index(name)
    return ranking.low[cro, i], ranking.value[cro, i], ranking.high[cro, i]


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([], NOTHING),
        ([claim("monitoring")], (0.9, 1, 1)),
        ([claim("monitoring", tier=1)], (0.97, 1, 1)),
        ([claim("monitoring", tier=2)], (0.95, 1, 1)),
        ([claim("monitoring", tier=4)], (0.8, 1, 1)),
        ([claim("monitoring", tier=5)], (0.65, 1, 1)),
        ([claim("monitoring", delivery=1)], (0.6, 0.7, 0.8)),
        ([claim("monitoring", delivery=2)], (0.4, 0.5, 0.6)),
        ([claim("monitoring", answer=False)], (0, 0, 0.1)),
        # Four years halve the distance to 0.5: 0.1 + 0.4 / 2.
        ([claim("monitoring", observed=TODAY - 1461)], (0.7, 1, 1)),
        ([claim("monitoring", observed=TODAY + 400)], (0.9, 1, 1)),
        ([claim("monitoring", expires=TODAY)], (0.9, 1, 1)),
        ([claim("monitoring", expires=TODAY - 1)], NOTHING),
        # The best tier wins, however new the worse one is.
        (
            [
                claim("monitoring", answer=False, tier=3, observed=TODAY - 1461),
                claim("monitoring", tier=4),
            ],
            (0, 0, 0.3),
        ),
        # The newest wins within a tier.
        (
            [
                claim("monitoring", delivery=0, observed=TODAY - 1461),
                claim("monitoring", delivery=2),
            ],
            (0.4, 0.5, 0.6),
        ),
        # The same tier disagrees: the hull, and its middle.
        (
            [claim("monitoring", delivery=2), claim("monitoring", answer=False)],
            (0, 0.3, 0.6),
        ),
        # A narrower yes answers; a narrower no and a wider yes do not.
        ([claim("remote-monitoring")], (0.9, 1, 1)),
        ([claim("remote-monitoring", answer=False)], NOTHING),
    ],
)
def test_claims_become_an_interval(claims, expected):
    study = need("monitoring")
    assert leaf(catalogue(claims), study, "services") == pytest.approx(expected)


def test_a_wider_yes_does_not_answer_a_narrower_question():
    cat = catalogue([claim("monitoring")])
    assert leaf(cat, need("remote-monitoring"), "services") == NOTHING


def test_a_complete_list_says_no():
    cat = catalogue(complete=[(0, "service")])
    assert leaf(cat, need("monitoring"), "services") == pytest.approx((0, 0, 0.1))
    assert leaf(cat, need("ctms"), "technology") == NOTHING


def test_coverage_weighs_by_points():
    cat = catalogue([claim("monitoring")])
    # 4 points of 5 known: low 0.8 * 0.9, value 0.8 + 0.2 * 0.5.
    found = leaf(cat, need(("monitoring", 1), ("writing", 3)), "services")
    assert found == pytest.approx((0.72, 0.9, 1.0))


def test_a_scoped_yes_counts_where_the_study_asks_and_a_scoped_no_never():
    here = claim("monitoring", country=INDEX["pl"])
    no = claim("monitoring", country=INDEX["pl"], answer=False)
    assert leaf(catalogue([here]), need("monitoring"), "services") == NOTHING
    for place in ("pl", "eu"):
        found = leaf(catalogue([here]), need("monitoring", place), "services")
        assert found == pytest.approx((0.9, 1, 1))
    assert leaf(catalogue([no]), need("monitoring", "pl"), "services") == NOTHING
    assert leaf(catalogue([here]), need("monitoring", "us"), "services") == NOTHING


@pytest.mark.parametrize(
    ("of_trial", "rel"),
    [
        ("breast", 1),
        ("male-breast", 1),
        ("by-site", 0.5),
        ("lung", 0.5),
        ("lung-small", 0.25),
        ("by-type", 0.1),
        ("neoplasms", 0.1),
        ("asthma", 0),
    ],
)
def test_closeness_follows_the_tree(of_trial, rel):
    cat = catalogue(trials=[trial(conditions=[of_trial])])
    found = leaf(cat, need("breast"), "condition")
    assert found == pytest.approx(
        [min(1, log(1 + rel + k) / log(11)) for k in (0, 1, 2)]
    )


def test_experience_ages_by_halves_and_stops_at_the_start():
    old = trial(conditions=["breast"], start=TODAY - 6 * 365.25)
    late = trial(conditions=["breast"], start=TODAY + 1)
    undated = trial(conditions=["lung"], start=2**31 - 1)
    cat = catalogue(trials=[old, late, undated])
    low, value, high = leaf(cat, need("breast", is_rare=True), "condition")
    half = 2 ** (-int(6 * 365.25 + 0.5) / (6 * 365.25))
    assert low == pytest.approx(log(1 + half) / log(6), abs=1e-4)
    assert value == pytest.approx(log(2 + half) / log(6), abs=1e-4)
    assert high == pytest.approx(log(3 + half + 0.5) / log(6), abs=1e-4)


def test_claimed_trials_open_the_upper_end_beyond_the_registered():
    cat = catalogue([claim("male-breast", value=4)], [trial(conditions=["breast"])])
    low, value, high = leaf(cat, need("breast"), "condition")
    assert (low, value) == pytest.approx((log(2) / log(11), log(3) / log(11)))
    assert high == pytest.approx(log(1 + 1 + 2 + 3) / log(11))


def test_phase_asks_for_the_therapeutic_area_too():
    trials = [
        trial(phase="phase-2a", conditions=["melanoma"]),
        trial(phase="phase-2", conditions=["asthma"]),
        trial(phase="phase-3", conditions=["breast"]),
    ]
    cat = catalogue(trials=trials)
    found = leaf(cat, need("breast", "phase-2"), "phase")
    assert found == pytest.approx([log(2 + k) / log(11) for k in range(3)])
    found = leaf(cat, need("phase-2"), "phase")
    assert found == pytest.approx([log(3 + k) / log(11) for k in range(3)])


def test_countries_share_what_is_left_and_take_the_larger_end():
    cat = catalogue(
        [claim("pl", aspect=3)], [trial(countries=["de"]), trial(countries=["us"])]
    )
    study = need(("pl", 1, 0.5), "de", "us")
    one = log(2) / log(3)
    assert leaf(cat, study, "countries") == pytest.approx(
        (0.5 * 0.9 + 0.5 * one, 0.5 + 0.5 * one, 1)
    )


def test_a_no_about_headquarters_says_nothing_about_staff():
    headquarters = claim("pl", aspect=1, answer=False)
    assert leaf(catalogue([headquarters]), need("pl"), "countries") == NOTHING
    anywhere = claim("pl", answer=False)
    found = leaf(catalogue([headquarters, anywhere]), need("pl"), "countries")
    assert found == pytest.approx((0, 0, 0.1))
    staff = claim("pl", aspect=3)
    found = leaf(catalogue([headquarters, anywhere, staff]), need("pl"), "countries")
    assert found == pytest.approx((0.9, 1, 1))


def test_a_region_is_answered_by_its_countries():
    cat = catalogue(trials=[trial(countries=["pl", "de"])])
    assert leaf(cat, need("eu"), "countries")[0] == pytest.approx(log(2) / log(3))
    cat = catalogue([claim("de")])
    assert leaf(cat, need("eu"), "countries") == pytest.approx((0.9, 1, 1))


def test_regulators_count_trials_of_their_countries():
    cat = catalogue(trials=[trial(countries=["us"]), trial(countries=["de"])])
    found = leaf(cat, need("fda"), "regulators")
    assert found == pytest.approx((log(2) / log(6), 0.5, 1))


@pytest.mark.parametrize(
    ("claims", "name", "expected"),
    [
        ([claim("staff-turnover", value=0.05)], "continuity", (0.9, 1, 1)),
        ([claim("staff-turnover", value=0.225)], "continuity", (0.4, 0.5, 0.6)),
        ([claim("staff-turnover", value=0.9)], "continuity", (0, 0, 0.1)),
        ([claim("free-capacity-fte", value=3)], "capacity", (0.2, 0.3, 0.4)),
        (
            [claim("pm-certified-share", value=0.6)],
            "team_qualification",
            (0.25, 0.55, 0.85),
        ),
        (
            [
                claim("pm-certified-share", value=0.6),
                claim("pm-experience-years", value=25),
            ],
            "team_qualification",
            (0.7, 0.8, 0.85),
        ),
        ([claim("milestones-due", value=5)], "delivery_record", NOTHING),
    ],
)
def test_stated_numbers(claims, name, expected):
    # Capacity: 5 staff, and 0.5 * 5 for each of two further studies: 10.
    study = need(staff_needed=5.0, further_studies=2)
    assert leaf(catalogue(claims), study, name) == pytest.approx(expected)


def test_staff_needed_by_the_rule():
    # 2 + 28 / 7 + 2 / 2 = 7, half of it free.
    cat = catalogue([claim("free-capacity-fte", value=3.5, tier=1)])
    found = leaf(cat, need("pl", "us", n_sites=28.0), "capacity")
    assert found == pytest.approx((0.47, 0.5, 0.53))


def test_milestones_shrink_towards_the_peers():
    cat = catalogue(
        [claim("milestones-due", value=10), claim("milestones-on-time", value=10)]
    )
    low, value, high = leaf(cat, need(), "delivery_record")
    assert value == pytest.approx(17 / 20)
    # Central 80 % of Beta(17, 3), found by bisection.
    assert (low, high) == pytest.approx(central(17.0, 3.0), abs=1e-9)


def test_size_and_span():
    trials = [trial(participants=99.0, sites=9.0, n_countries=2)]
    study = need("pl", "de", "us", participants=999.0, n_sites=9.0)
    assert leaf(catalogue(trials=trials), study, "size_proven") == pytest.approx(
        [(2 / 3 + 1) / 2] * 3
    )
    assert leaf(catalogue(trials=trials), study, "span") == pytest.approx([2 / 3] * 3)
    assert leaf(catalogue(), study, "span") == NOTHING


def test_sponsors_that_came_back():
    trials = [
        trial(sponsor=1),
        trial(sponsor=1, start=TODAY - 9),
        trial(sponsor=2),
        trial(sponsor=2),  # the same day is not later
        trial(sponsor=3, start=TODAY + 9),
    ]
    assert leaf(catalogue(trials=trials), need(), "repeat_sponsors")[1] == (
        pytest.approx((1 + 4) / (2 + 10))
    )


def test_sponsor_size_doubles_the_share():
    trials = [trial(size=3), trial(size=3), trial(size=1), trial()]
    found = leaf(catalogue(trials=trials), need(sponsor_size=3), "sponsor_size")
    assert found[1] == pytest.approx((2 + 2) / (3 + 10) / 0.5)


def test_gates_and_groups():
    claims = [
        claim("monitoring", cro=0),
        claim("writing", cro=0),
        claim("monitoring", cro=1),
        claim("monitoring", cro=2),
        claim("writing", cro=2, answer=False),
        claim("monitoring", cro=3, answer=False),
        claim("writing", cro=3, answer=False),
        claim("monitoring", cro=4, delivery=2),
        claim("writing", cro=4, answer=False, tier=5, observed=0),
    ]
    cat = catalogue(claims, n_cros=5)
    study = need(("monitoring", 0), ("writing", 0))
    ranking = rank(cat, study)
    assert ranking.gates.tolist() == [
        [PASS, PASS],
        [PASS, UNKNOWN],
        [PASS, FAIL],
        [FAIL, FAIL],
        [PASS, FAIL],
    ]
    assert ranking.group.tolist() == [
        ELIGIBLE,
        CONDITIONAL,
        NEAR_MISS,
        EXCLUDED,
        NEAR_MISS,
    ]
    assert engine.smallest_relaxations(ranking, study) == ()
    waived = rank(cat, need(("monitoring", 0), ("writing", 0), waived=(1,)))
    assert waived.gates.tolist() == ranking.gates.tolist()
    assert waived.group.tolist() == [ELIGIBLE] * 3 + [NEAR_MISS, ELIGIBLE]


def test_the_track_record_passes_gates():
    trials = [trial(countries=["pl"], phase="phase-2a", conditions=["lung"])]
    musts = [(code, 0) for code in ("pl", "eu", "phase-2", "breast", "asthma", "fda")]
    ranking = rank(catalogue(trials=trials), need(*musts))
    assert ranking.gates[0].tolist() == [PASS, PASS, PASS, PASS, UNKNOWN, UNKNOWN]
    late = rank(catalogue(trials=trials), need(*musts, start=TODAY - 1))
    assert (late.gates == UNKNOWN).all()


def test_the_smallest_relaxation_frees_somebody():
    claims = [
        claim("monitoring", cro=0),
        claim("writing", cro=0, answer=False),
        claim("monitoring", cro=1, answer=False),
    ]
    study = need(("monitoring", 0), ("writing", 0), ("ctms", 0))
    ranking = rank(catalogue(claims, n_cros=2), study)
    assert engine.smallest_relaxations(ranking, study) == (((1, 2), 1),)


def test_the_relaxation_that_frees_most_comes_first():
    claims = [
        claim(code, cro=cro)
        for cro, code in enumerate(("monitoring", "writing", "writing"))
    ]
    study = need(("monitoring", 0), ("writing", 0))
    ranking = rank(catalogue(claims, n_cros=3), study)
    assert engine.smallest_relaxations(ranking, study) == (((0,), 2), ((1,), 1))


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (need(weights={"price": 1.0}), "no criterion 'price'"),
        (need(weights={"fit": -1.0}), "at least 0"),
        (need(weights={"fit": float("nan")}), "at least 0"),
        (need(weights={"fit": 0.0}), "At least one weight"),
        (need(weights={"technology": 1.0}), "asks nothing of the criteria"),
        (need("monitoring", "monitoring"), "twice"),
        (need(staff_needed=0.0), "above 0"),
        (need(waived=(0,)), "A waiver names"),
        (need("staff-turnover"), "metric"),
    ],
)
def test_a_need_that_makes_no_sense_is_refused(study, message):
    with pytest.raises(ValueError, match=message):
        rank(catalogue(), study)


def test_leaves_not_asked_are_left_out_for_all():
    ranking = rank(catalogue(n_cros=2), need("monitoring"))
    assert [found.name for found in ranking.leaves] == [
        "services",
        "delivery_record",
        "team_qualification",
        "continuity",
        "repeat_sponsors",
        "inspections",
    ]
    assert ranking.weights.sum() == pytest.approx(1)
    # 0.14 / (0.15 + 0.14 + 0.10 + 0.05), of it 0.35 / 0.80.
    assert ranking.weights[1] == pytest.approx(0.14 / 0.44 * 0.35 / 0.8)


def test_nobody_and_nothing_can_be_ranked():
    ranking = rank(catalogue(n_cros=0), need())
    assert ranking.order.size == 0
    ranking = rank(catalogue(n_cros=2), need(("pl", 0)))
    assert ranking.order.tolist() == [0, 1]
    assert np.allclose(ranking.score, 0.5)


def test_the_example_of_the_method_page():
    cat = catalogue([claim("monitoring", observed=TODAY - 1461)])
    study = need(("monitoring", 1), ("writing", 3), weights={"services": 1.0})
    ranking = rank(cat, study)
    assert ranking.score_low[0] == pytest.approx(0.56)
    assert ranking.score[0] == pytest.approx(0.90)
    assert ranking.score_high[0] == pytest.approx(1.0)
    assert ranking.evidence[0] == pytest.approx(1.0)
