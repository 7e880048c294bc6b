"""What must always hold (docs/method.md, section 9), on random catalogues."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import catalogues
from matching import engine
from matching.engine.inputs import NO_DAY, Requirements
from tests.matching.engine.test_against_oracle import assert_agrees

SLOW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@st.composite
def questions(draw, n_cros=(1, 12)):
    """A small messy catalogue and a study that asks anything of it."""
    chance = st.sampled_from([0.0, 0.1, 0.5, 1.0])
    shape = catalogues.Shape(
        n_cros=draw(st.integers(*n_cros)),
        roles_per_cro=draw(st.sampled_from([0.0, 1.0, 6.0])),
        claims_per_cro=draw(st.sampled_from([0.0, 8.0, 60.0])),
        n_services=4,
        n_technologies=2,
        n_countries=7,
        n_small=2,
        mesh_width=3,
        mesh_depth=4,
        no=draw(chance),
        scoped=draw(chance),
        expires=draw(chance),
        expired=draw(chance),
        undated=draw(chance),
        complete=draw(chance),
    )
    catalogue = catalogues.catalogue(shape, draw(st.integers(0, 10_000)))
    askable = [
        i for i, scheme in enumerate(catalogue.terms.scheme) if scheme != "metric"
    ]
    wanted = draw(st.lists(st.sampled_from(askable), max_size=15, unique=True))
    share = st.one_of(st.just(float("nan")), st.floats(0, 1))
    number = st.one_of(st.just(float("nan")), st.integers(0, 900).map(float))
    n = len(wanted)

    def column(strategy):
        return draw(st.lists(strategy, min_size=n, max_size=n))

    weights = draw(
        st.dictionaries(
            st.sampled_from(sorted(catalogues.DEFAULT_WEIGHTS)), st.floats(0, 5)
        )
    )
    need = replace(
        catalogues.need(catalogue.terms),
        requirements=Requirements(
            term=np.array(wanted, np.int32),
            importance=np.array(column(st.integers(0, 3)), np.int8),
            share=np.array(column(share), np.float64),
        ),
        weights={**weights, "quality": draw(st.floats(0.1, 1))},
        as_of=catalogues.TODAY + draw(st.integers(-400, 400)),
        start=draw(
            st.sampled_from([NO_DAY, catalogues.TODAY, catalogues.TODAY + 2_000])
        ),
        participants=draw(number),
        n_sites=draw(number),
        is_rare=draw(st.booleans()),
        further_studies=draw(st.integers(0, 3)),
        staff_needed=draw(st.sampled_from([float("nan"), 3.5])),
        sponsor_size=draw(st.integers(0, 3)),
        waived=tuple(j for j in range(n) if draw(st.booleans())),
    )
    return catalogue, need


def rank(catalogue, need):
    return engine.rank(engine.prepare(catalogue), need)


@SLOW
@given(questions())
def test_the_engine_agrees_with_the_slow_reading(question):
    ranking = assert_agrees(*question)
    for low, value, high in (
        (ranking.low, ranking.value, ranking.high),
        (ranking.score_low, ranking.score, ranking.score_high),
    ):  # 3: ends in order
        assert ((low >= 0) & (low <= value) & (value <= high) & (high <= 1)).all()
    # 4: contributions sum to the score
    assert np.allclose(ranking.contribution.sum(axis=1), ranking.score, atol=1e-9)


@SLOW
@given(questions(), st.data())
def test_explanations_give_the_same_numbers(question, data):
    catalogue, need = question
    prepared = engine.prepare(catalogue)
    ranking = engine.rank(prepared, need)
    cros = data.draw(st.permutations(range(catalogue.n_cros)))
    claims = catalogue.claims
    for explanation in engine.explain(ranking, cros):
        cro = explanation.cro
        for reason in explanation.reasons:
            leaf = ranking.leaves[reason.leaf]
            facts = reason.facts
            if "points" in facts[0].numbers:
                parts = [fact.numbers["points"] for fact in facts]
            elif leaf.name == "countries":
                parts = [fact.numbers["share"] for fact in facts]
            else:
                parts = [1.0]
            for end, name in enumerate(("low", "value", "high")):
                mean = np.average([fact[2 + end] for fact in facts], weights=parts)
                assert mean == pytest.approx(getattr(reason, name), abs=1e-9), leaf
            for fact in facts:
                assert all(claims.cro[i - 1] == cro for i in fact.claim_ids)
                assert (fact.kind == "claim") <= bool(fact.claim_ids)
                assert not any(np.isnan(x) for x in fact.numbers.values())
        assert len(explanation.gate_facts) == ranking.gate_requirement.size


@SLOW
@given(questions(n_cros=(2, 12)), st.data())
def test_no_cro_depends_on_the_others(question, data):
    catalogue, need = question
    kept = data.draw(st.permutations(range(catalogue.n_cros)))
    kept = kept[: data.draw(st.integers(1, catalogue.n_cros))]
    place = np.full(catalogue.n_cros, -1)
    place[kept] = np.arange(len(kept))

    def rows(cros):
        return np.flatnonzero(place[cros] >= 0)

    claims, roles = rows(catalogue.claims.cro), rows(catalogue.role_cro)
    complete = rows(catalogue.complete_cro)
    fewer = replace(
        catalogue,
        n_cros=len(kept),
        cro_id=catalogue.cro_id[kept],
        cro_name=tuple(catalogue.cro_name[c] for c in kept),
        claims=replace(
            type(catalogue.claims)(
                **{
                    name: column[claims]
                    for name, column in vars(catalogue.claims).items()
                }
            ),
            cro=place[catalogue.claims.cro[claims]].astype(np.int32),
        ),
        role_cro=place[catalogue.role_cro[roles]].astype(np.int32),
        role_trial=catalogue.role_trial[roles],
        complete_cro=place[catalogue.complete_cro[complete]].astype(np.int32),
        complete_scheme=tuple(catalogue.complete_scheme[i] for i in complete),
    )
    before, after = rank(catalogue, need), rank(fewer, need)
    for name in ("low", "value", "high", "score", "gates", "group", "evidence"):
        assert np.allclose(
            getattr(before, name)[kept], getattr(after, name), atol=1e-12
        )
    in_order = [c for c in before.order.tolist() if c in kept]
    assert [kept[c] for c in after.order.tolist()] == in_order


def with_claims(catalogue, **new):
    """The catalogue with more claims, a dict of columns."""
    columns = {
        name: np.concatenate([column, np.asarray(new[name], column.dtype)])
        for name, column in vars(catalogue.claims).items()
    }
    return replace(catalogue, claims=type(catalogue.claims)(**columns))


@SLOW
@given(questions(), st.data())
def test_a_duplicated_claim_changes_nothing(question, data):
    catalogue, need = question
    n = catalogue.claims.cro.size
    if not n:
        return
    again = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=9))
    more = {name: column[again] for name, column in vars(catalogue.claims).items()}
    before, after = rank(catalogue, need), rank(with_claims(catalogue, **more), need)
    assert (before.order == after.order).all()
    assert (before.low == after.low).all()
    assert (before.value == after.value).all()
    assert (before.high == after.high).all()


@SLOW
@given(questions(), st.data())
def test_an_unknown_turned_yes_never_lowers_and_turned_no_never_raises(question, data):
    catalogue, need = question
    terms = need.requirements.term.tolist()
    if not terms:
        return
    term = data.draw(st.sampled_from(terms))
    cro = data.draw(st.integers(0, catalogue.n_cros - 1))
    prepared = engine.prepare(catalogue)
    before = engine.rank(prepared, need)
    answers = engine.explain(before, [cro])[0]
    unknown = {
        fact.term
        for reason in answers.reasons
        for fact in reason.facts
        if (fact.low, fact.value, fact.high) == (0.0, 0.5, 1.0)
        and fact.kind == "nothing"
    }
    if term not in unknown:
        return
    for answer in (True, False):
        after = rank(
            with_claims(
                catalogue,
                cro=[cro],
                term=[term],
                answer=[answer],
                aspect=[0],
                country=[-1],
                area=[-1],
                delivery=[data.draw(st.integers(0, 2)) if answer else -1],
                value=[np.nan],
                tier=[data.draw(st.integers(1, 5))],
                observed=[catalogues.TODAY - data.draw(st.integers(0, 3000))],
                expires=[NO_DAY],
                id=[999_999],
            ),
            need,
        )
        change = after.score[cro] - before.score[cro]
        assert change >= -1e-12 if answer else change <= 1e-12


@SLOW
@given(questions(), st.integers(1, 5), st.data())
def test_more_trials_never_lower_the_experience(question, number, data):
    catalogue, need = question
    trials = catalogue.trials
    cro = data.draw(st.integers(0, catalogue.n_cros - 1))
    new = [
        i
        for i in range(trials.start.size)
        if i not in set(catalogue.role_trial[catalogue.role_cro == cro].tolist())
    ][:number]
    more = replace(
        catalogue,
        role_cro=np.append(catalogue.role_cro, [cro] * len(new)).astype(np.int32),
        role_trial=np.append(catalogue.role_trial, new).astype(np.int32),
    )
    before, after = rank(catalogue, need), rank(more, need)
    for i, leaf in enumerate(before.leaves):
        if leaf.name in ("condition", "phase", "countries", "regulators"):
            assert after.value[cro, i] >= before.value[cro, i] - 1e-12
            assert after.low[cro, i] >= before.low[cro, i] - 1e-12


@SLOW
@given(questions(), st.sampled_from([0.25, 3.0, 1e6]))
def test_scaling_all_weights_changes_nothing(question, factor):
    catalogue, need = question
    prepared = engine.prepare(catalogue)
    scaled = replace(need, weights={k: w * factor for k, w in need.weights.items()})
    before, after = engine.rank(prepared, need), engine.rank(prepared, scaled)
    assert np.allclose(before.score, after.score, atol=1e-12)
    assert np.allclose(before.weights, after.weights, atol=1e-12)


@SLOW
@given(questions())
def test_the_same_digest_gives_the_same_bytes(question):
    catalogue, need = question
    one, two = rank(catalogue, need), rank(catalogue, need)
    assert one.digest == two.digest
    for name in ("low", "value", "high", "score", "gates", "order", "evidence"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert rank(catalogue, replace(need, as_of=need.as_of + 1)).digest != one.digest
    renamed = replace(catalogue, cro_name=("Other", *catalogue.cro_name[1:]))
    assert rank(renamed, need).digest != one.digest


def test_the_engine_runs_where_django_cannot_be_imported():
    program = """
import sys
for name in ("django", "rest_framework", "celery", "redis", "psycopg2"):
    sys.modules[name] = None
from bench import catalogues
from matching import engine
catalogue = catalogues.catalogue(catalogues.Shape(n_cros=20), 1)
need = catalogues.need(catalogue.terms, 1)
prepared = engine.prepare(catalogue)
ranking = engine.rank(prepared, need)
assert engine.explain(ranking, [0, 1])
print(ranking.digest)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 64
