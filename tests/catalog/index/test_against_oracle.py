"""The index gives what the rules give, row by row, on catalogues made of chance."""

import datetime as dt
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import snapshot
from catalog.index.facets import FacetIndex
from catalog.index.query import SORTS, Choice, Query
from tests.catalog.index import market
from tests.catalog.index.oracle import BANDS, SCHEMES, Oracle

ON = (market.TODAY - dt.date(1970, 1, 1)).days
CODES = {
    **{
        facet: [code for scheme, code, *_ in market.TERMS if scheme == SCHEMES[facet]]
        for facet in SCHEMES
    },
    **BANDS,
}


@st.composite
def choices(draw):
    facet = draw(st.sampled_from(sorted(CODES)))
    state = draw(st.sampled_from(["yes", "yes", "yes", "no", "unknown"]))
    has_through = facet in ("service", "technology") and state == "yes"
    return Choice(
        facet,
        draw(st.sampled_from(CODES[facet])),
        state,
        draw(st.sampled_from(["", "own", "partner"])) if has_through else "",
        draw(st.booleans()) and draw(st.booleans()),
    )


def queries(ids):
    return st.builds(
        Query,
        choices=st.lists(choices(), max_size=5, unique=True).map(tuple),
        all_of=st.frozensets(st.sampled_from(sorted(CODES)), max_size=4),
        text=st.none() | st.permutations([*ids, 10**9]).map(tuple),
        include_unknown=st.booleans(),
        sort=st.sampled_from(SORTS),
    )


def build():
    seen = snapshot.current()
    return FacetIndex.build(seen.arrays, seen.vocabulary, on=ON)


@pytest.fixture
def terms(db):
    return market.store_terms()


@pytest.mark.parametrize("seed", range(6))
def test_pages_totals_and_marks_are_those_of_the_rules(terms, seed):
    market.store_cros(random.Random(seed), terms, 24)
    index, oracle = build(), Oracle(market.TODAY)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
    @given(queries(index.ids.tolist()[::2]), st.integers(0, 6))
    def check(query, offset):
        expected = oracle.search(query)
        page = index.search(query, 0, 1000)
        assert page.ids.tolist() == expected.ids
        assert (page.total, page.total_known, page.n_unknown) == (
            expected.total,
            expected.total_known,
            expected.n_unknown,
        )
        for key, marks, disputed in zip(
            expected.ids, page.marks, page.disputed, strict=True
        ):
            assert set(marks) == expected.marks[key]
            assert set(disputed) == expected.disputed[key]
        part = index.search(query, offset, 5)
        assert part.ids.tolist() == expected.ids[offset : offset + 5]
        assert part.total == expected.total

    check()


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_the_rules(terms, seed):
    market.store_cros(random.Random(seed), terms, 20)
    index, oracle = build(), Oracle(market.TODAY)
    facets = (*CODES, "service:own", "technology:partner")

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
    @given(queries(index.ids.tolist()[::2]), st.sampled_from(facets))
    def check(query, facet):
        counts = index.counts(query, [facet], unknown=True)
        found = {code: tuple(count) for code, count in counts[facet].items()}
        assert found == oracle.counts(query, facet)
        plain = index.counts(query, [facet])
        assert dict(zip(plain.codes(facet), plain.numbers(facet), strict=True)) == {
            code: yes for code, (yes, _) in found.items()
        }
        for removed, total in index.without(query).items():
            kept = tuple(c for c in query.choices if c != removed)
            rest = Query(
                kept,
                query.all_of,
                query.text if removed else None,
                query.include_unknown,
            )
            assert total == len(oracle.shown(rest))

    check()
