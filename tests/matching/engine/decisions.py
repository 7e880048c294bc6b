"""Decisions for the tests of robustness: by hand, by chance and by hypothesis."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from matching.engine.decision import decide
from matching.engine.draws import between, ordinal, stated

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def points(values, weights=None, **more):
    """A decision whose values are certain, each leaf a criterion."""
    values = np.array(values, float)
    n = values.shape[1]
    ends = {"low": values, "value": values, "high": values, **more}
    return decide(
        criteria=[f"c{k}" for k in range(n)],
        weights=np.ones(n) if weights is None else weights,
        **ends,
    )


def scattered(n, n_leaves=20, n_criteria=8, seed=1, shared=0.5, unknown=0.3):
    """A decision by chance, best first; `shared` is what a CRO's leaves share."""
    chance = np.random.default_rng(seed)
    value = shared * chance.random((n, 1)) + (1 - shared) * chance.random((n, n_leaves))
    half = 0.2 * chance.random((n, n_leaves))
    low, high = np.clip(value - half, 0, 1), np.clip(value + half, 0, 1)
    is_unknown = chance.random((n, n_leaves)) < unknown
    low[is_unknown], value[is_unknown], high[is_unknown] = 0, 0.5, 1
    weights = chance.random(n_criteria) + 0.1
    criterion = np.arange(n_leaves) % n_criteria

    def make(rows):
        return decide(
            criteria=[f"c{k}" for k in range(n_criteria)],
            weights=weights,
            criterion=criterion,
            low=low[rows],
            value=value[rows],
            high=high[rows],
        )

    whole = make(np.arange(n))
    return make(np.argsort(-whole.scores(whole.value), kind="stable"))


@st.composite
def decisions(draw, n_cros=(1, 7), n_criteria=(1, 4), max_leaves=6):
    """Small and awkward: level values, ends that meet, groups, weights of 0."""
    n = draw(st.integers(*n_cros))
    k = draw(st.integers(*n_criteria))
    extra = draw(st.lists(st.integers(0, k - 1), max_size=max_leaves - k))
    criterion = [*range(k), *extra]
    tenth = st.integers(0, 10).map(lambda i: i / 10)
    leaf = st.one_of(
        st.just((0.0, 0.5, 1.0)),
        st.tuples(tenth, tenth, tenth).map(lambda t: tuple(sorted(t))),
        tenth.map(lambda x: (x, x, x)),
    )
    cells = draw(
        st.lists(
            st.lists(leaf, min_size=len(criterion), max_size=len(criterion)),
            min_size=n,
            max_size=n,
        )
    )
    ends = np.array(cells).reshape(n, len(criterion), 3)
    weights = draw(st.lists(st.sampled_from([0, 1, 2, 5]), min_size=k, max_size=k))
    weights[0] = weights[0] or 1
    return decide(
        criteria=[f"c{i}" for i in range(k)],
        weights=weights,
        criterion=criterion,
        low=ends[:, :, 0],
        value=ends[:, :, 1],
        high=ends[:, :, 2],
        group=draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)),
        place=draw(st.permutations(range(n))),
        id=draw(st.lists(st.integers(0, 2**62), min_size=n, max_size=n, unique=True)),
    )


@st.composite
def rules(draw, decision):
    """Any of the three kinds of rule that fits a decision."""
    k = len(decision.criteria)
    kind = draw(st.sampled_from(["stated", "ordinal", "between"]))
    if kind == "stated":
        return stated(decision.weights, k)
    if kind == "ordinal":
        return ordinal(draw(st.lists(st.integers(1, k), min_size=k, max_size=k)))
    spread = draw(st.floats(0, 1))
    return between(
        np.maximum(decision.weights - spread / k, 0),
        np.minimum(decision.weights + spread / k, 1),
    )
