"""Coverage counts what a slow look at every trial counts."""

from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.index import arrays as index
from catalog.index import coverage as module
from catalog.index.coverage import Coverage

# Terms by key. Two areas, conditions in one, both or neither; regions of regions.
TERMS = (
    ("therapeutic_area", "c04"),
    ("therapeutic_area", "c10"),
    ("condition", "lymphoma"),
    ("condition", "brain-tumour"),
    ("condition", "no-area"),
    ("region", "europe"),
    ("region", "southern"),
    ("region", "asia"),
    ("country", "es"),
    ("country", "pl"),
    ("country", "tr"),
    ("country", "aq"),
)
TREES = ((1, "C04"), (2, "C10"), (3, "C04.5"), (4, "C04.6"), (4, "C10.7"))
BROADER = ((9, 7), (10, 6), (11, 7), (11, 8))
PARENT = MappingProxyType({7: 6})  # southern lies in europe
AREAS_OF = MappingProxyType({3: {"c04"}, 4: {"c04", "c10"}, 5: set()})
REGIONS_OF = MappingProxyType(
    {9: {"europe"}, 10: {"europe"}, 11: {"europe", "asia"}, 12: set()}
)
VOCABULARY = index.Vocabulary(
    terms=index.TermRows(
        id=np.arange(1, len(TERMS) + 1),
        parent=np.array([PARENT.get(key, 0) for key in range(1, len(TERMS) + 1)]),
        scheme=np.array([scheme for scheme, _ in TERMS], dtype=object),
        code=np.array([code for _, code in TERMS], dtype=object),
        label=np.array([code for _, code in TERMS], dtype=object),
    ),
    broader=index.BroaderRows(
        term=np.array([term for term, _ in BROADER]),
        broader=np.array([wider for _, wider in BROADER]),
    ),
    trees=index.TreeRows(
        term=np.array([term for term, _ in TREES]),
        number=np.array([number for _, number in TREES], dtype=object),
    ),
)
REGIONS = ("asia", "europe", "atlantis")  # the last is not in the vocabulary


def keys(numbers):
    return np.array(list(numbers), dtype=np.int64)


def made(n_cros, trials):
    """CROs 10, 20, …; `trials` are (CRO places, conditions, countries)."""
    roles = {
        (10 + 10 * cro, 1 + t) for t, (cros, _, _) in enumerate(trials) for cro in cros
    }
    conditions = {
        (1 + t, term) for t, (_, terms, _) in enumerate(trials) for term in terms
    }
    countries = {
        (1 + t, term) for t, (_, _, terms) in enumerate(trials) for term in terms
    }
    n = len(trials)
    return index.in_order(
        index.CatalogueArrays(
            cros=index.CRORows(id=10 + 10 * np.arange(n_cros)),
            names={},
            claims=index.ClaimRows(*(keys(()) for _ in index.ClaimRows.columns())),
            complete=index.CompleteRows(keys(()), np.array([], dtype="U1")),
            roles=index.RoleRows(keys(c for c, _ in roles), keys(t for _, t in roles)),
            trials=index.TrialRows(
                keys(range(1, n + 1)),
                *(np.zeros(n, np.int64) for _ in index.TrialRows.columns()[1:]),
            ),
            conditions=index.TrialTermRows(
                keys(t for t, _ in conditions), keys(term for _, term in conditions)
            ),
            countries=index.TrialTermRows(
                keys(t for t, _ in countries), keys(term for _, term in countries)
            ),
            size_class_counts=keys((0, 0, 0, 0)),
        )
    )


def slow(trials, cros):
    """Count CROs by country and by (area, region), by hand."""
    by_country, by_cell = {}, {}
    for owners, conditions, countries in trials:
        mine = set(owners) & set(cros)
        areas = set().union(*(AREAS_OF[term] for term in conditions))
        regions = set().union(*(REGIONS_OF[term] for term in countries))
        for term in countries:
            by_country.setdefault(TERMS[term - 1][1], set()).update(mine)
        for area in areas:
            for region in regions:
                by_cell.setdefault((area, region), set()).update(mine)
    return by_country, by_cell


def check(coverage, trials, cros, chosen):
    by_country, by_cell = slow(trials, cros)
    assert dict(
        zip(coverage.countries, coverage.with_trials(chosen).tolist(), strict=True)
    ) == {code: len(by_country.get(code, ())) for code in ("es", "pl", "tr", "aq")}
    assert coverage.areas == ("c04", "c10")
    assert coverage.regions == ("asia", "europe")
    assert coverage.heat(chosen).tolist() == [
        [len(by_cell.get((area, region), ())) for region in coverage.regions]
        for area in coverage.areas
    ]


N_CROS = 70  # more than a word of bits
trials_of_many = st.lists(
    st.tuples(
        st.sets(st.integers(0, N_CROS - 1), max_size=3),
        st.sets(st.sampled_from((3, 4, 5)), max_size=2),
        st.sets(st.sampled_from((9, 10, 11, 12)), max_size=3),
    ),
    max_size=12,
)


@given(trials_of_many, st.sets(st.integers(0, N_CROS - 1)))
def test_counts_are_those_of_a_slow_look_at_every_trial(trials, chosen):
    coverage = Coverage.build(made(N_CROS, trials), VOCABULARY, regions=REGIONS)
    check(coverage, trials, range(N_CROS), None)
    not_listed = (5, 7_777)
    check(
        coverage,
        trials,
        chosen,
        keys([*(10 + 10 * cro for cro in chosen), *not_listed]),
    )


@given(trials_of_many)
def test_working_in_small_parts_changes_nothing(trials):
    arrays = made(N_CROS, trials)
    whole = Coverage.build(arrays, VOCABULARY, regions=REGIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS_AT_ONCE", 1)
        parts = Coverage.build(arrays, VOCABULARY, regions=REGIONS)
    np.testing.assert_array_equal(whole.by_cell, parts.by_cell)
    np.testing.assert_array_equal(whole.by_country, parts.by_country)


def test_area_and_region_must_be_of_the_same_trial():
    trials = [({0}, {3}, {10}), ({0}, {5}, {11})]  # lymphoma in pl; no area in tr
    coverage = Coverage.build(made(1, trials), VOCABULARY, regions=REGIONS)
    assert coverage.heat().tolist() == [[0, 1], [0, 0]]  # c04 in Europe only


def test_empty_catalogue_has_zeros():
    coverage = Coverage.build(made(0, []), VOCABULARY, regions=REGIONS)
    check(coverage, [], (), None)
    check(coverage, [], (), keys([10]))
