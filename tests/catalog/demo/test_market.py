"""The fictional market is the same each time, and believable."""

import csv
import os
import re
from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path
from random import Random
from statistics import mean

import pytest

from catalog.demo import market as demo_market
from catalog.demo.claims import LISTED
from catalog.demo.kinds import BY_CODE, FIRST_QUESTION
from catalog.demo.names import DENIED, Names
from catalog.demo.rows import REFERENCE_DATE
from tests.demo_vocabulary import vocabulary

N_CROS = 600


@pytest.fixture(scope="module")
def market():
    return demo_market.build(vocabulary=vocabulary(), n_cros=N_CROS, seed=3)


@pytest.fixture(scope="module")
def accepted(market):
    return [claim for claim in market.claims if claim.status == "accepted"]


def of_kind(market, code):
    return {i for i, kind in enumerate(market.kinds) if kind == code}


def build(n_cros, seed):
    return demo_market.build(vocabulary=vocabulary(), n_cros=n_cros, seed=seed)


def test_the_same_size_and_seed_give_the_same_rows():
    assert build(60, 5).digest() == build(60, 5).digest()


@pytest.mark.parametrize(("n_cros", "seed"), [(60, 6), (61, 5)])
def test_another_size_or_seed_gives_other_rows(n_cros, seed):
    assert build(n_cros, seed).digest() != build(60, 5).digest()


def test_has_every_kind_of_cro(market):
    assert set(market.kinds) == set(BY_CODE)
    assert len(of_kind(market, "giant")) < 0.01 * N_CROS


def test_uuids_and_slugs_are_unique(market):
    for rows in (market.cros, market.sources, market.claims):
        assert len({row.uuid for row in rows}) == len(rows)
    assert len({cro.slug for cro in market.cros}) == N_CROS
    assert len({trial.registry_id for trial in market.trials}) == len(market.trials)


def test_says_that_it_is_fictional(market):
    assert all(cro.website.endswith(".example/") for cro in market.cros)
    assert all(trial.registry_id.startswith("DEMO-") for trial in market.trials)
    assert all("(Fictional)" in trial.title for trial in market.trials)
    assert all(
        source.url.startswith("https://evidence.example/") for source in market.sources
    )


def test_a_profile_knows_part_of_what_one_may_ask(market):
    askable = {word.key for scheme in LISTED for word in vocabulary().of(scheme)}
    known = defaultdict(set)
    for claim in market.claims:
        if claim.term in askable:
            known[claim.cro].add(claim.term)
    shares = sorted(len(known[cro]) / len(askable) for cro in range(N_CROS))
    assert 0.08 < shares[N_CROS // 20] < shares[-N_CROS // 20] < 0.65
    assert 0.15 < mean(shares) < 0.5


def test_some_claims_are_old_and_some_have_expired(accepted):
    ages = [(REFERENCE_DATE - claim.observed_on).days / 365 for claim in accepted]
    assert min(ages) >= 0
    assert 0.05 < mean(age > 4 for age in ages) < 0.35
    expired = [c for c in accepted if c.expires_on and c.expires_on < REFERENCE_DATE]
    assert 0.01 < len(expired) / len(accepted) < 0.2


def test_sources_of_one_tier_contradict_each_other_at_times(accepted):
    answers = defaultdict(set)
    for claim in accepted:
        answers[claim.cro, claim.term, claim.tier].add(claim.answer)
    assert 0.002 < mean(len(found) == 2 for found in answers.values()) < 0.05


def test_the_register_contradicts_a_cro_at_times(accepted):
    by_register = {(c.cro, c.term) for c in accepted if c.tier == 1 and not c.answer}
    assert any(
        (c.cro, c.term) in by_register for c in accepted if c.tier >= 4 and c.answer
    )


def test_uses_every_tier_and_status(market):
    tiers = Counter(claim.tier for claim in market.claims)
    assert set(tiers) == {1, 2, 3, 4, 5}
    assert tiers[4] > tiers[2] > tiers[1]
    statuses = {claim.status for claim in market.claims}
    assert statuses == {
        "accepted", "proposed", "disputed", "withdrawn", "superseded",
    }  # fmt: skip


def test_a_source_has_one_tier(market):
    tiers = defaultdict(set)
    for claim in market.claims:
        tiers[claim.source].add(claim.tier)
    assert all(len(found) == 1 for found in tiers.values())


def test_giants_are_in_more_countries_and_trials(market, accepted):
    countries = defaultdict(set)
    for claim in accepted:
        if claim.term.startswith("country/") and claim.answer:
            countries[claim.cro].add(claim.term)
    roles = Counter(role.cro for role in market.roles)

    def typical(numbers, kind):
        return mean(numbers(cro) for cro in of_kind(market, kind))

    def n_countries(cro):
        return len(countries[cro])

    assert typical(n_countries, "giant") > 2 * typical(n_countries, "multinational")
    assert typical(n_countries, "multinational") > 2 * typical(n_countries, "regional")
    assert typical(roles.__getitem__, "giant") > 100
    assert typical(roles.__getitem__, "medical_writing") < 2


def test_a_niche_cro_claims_its_own_trade(market, accepted):
    trade = {f"service/{code}" for code in BY_CODE["pharmacovigilance"].core}
    yes_by = defaultdict(list)
    for claim in accepted:
        if claim.term in trade:
            yes_by[market.kinds[claim.cro]].append(claim.answer)
    assert mean(yes_by["pharmacovigilance"]) > 0.85
    assert mean(yes_by["imaging"]) < 0.4


def test_what_is_not_done_in_house_comes_from_partners(accepted):
    deliveries = Counter(
        claim.delivery for claim in accepted if claim.term.startswith("technology/")
    )
    assert deliveries["partner"] > 0.2 * deliveries["own"] > 0


def test_on_time_milestones_never_exceed_those_due(accepted):
    due, on_time = (
        {
            (c.cro, c.observed_on): c.value
            for c in accepted
            if c.term == f"metric/{metric}"
        }
        for metric in ("milestones-due", "milestones-on-time")
    )
    assert due.keys() == on_time.keys()
    assert all(on_time[key] <= due[key] for key in due)
    years = Counter(cro for cro, _ in due)
    assert set(years.values()) <= {1, 2, 3}
    assert max(years.values()) == 3


def test_trials_fit_the_cro_that_ran_them(market):
    roles = [role for role in market.roles if market.kinds[role.cro] == "phase1"]
    phases = Counter(market.trials[role.trial].phase for role in roles)
    assert phases["phase/phase-1"] > 0.5 * sum(phases.values())
    devices = [role for role in market.roles if market.kinds[role.cro] == "device"]
    assert {market.trials[role.trial].phase for role in devices} >= {"phase/phase-na"}


def test_trials_lie_between_2008_and_the_reference_date(market):
    starts = [trial.start_date for trial in market.trials]
    assert min(starts).year >= 2008
    assert max(starts) <= REFERENCE_DATE
    assert all(trial.completion_date >= trial.start_date for trial in market.trials)


def test_countries_of_a_trial_share_its_sites(market):
    by_trial = groupby(market.trial_countries, key=lambda row: row.trial)
    for trial, rows in by_trial:
        sites = [row.n_sites for row in rows]
        n_sites = market.trials[trial].n_sites
        if n_sites is None:
            assert set(sites) == {None}
        else:
            assert min(sites) >= 1
            assert sum(sites) <= n_sites


def test_some_trials_name_several_cros(market):
    cros = defaultdict(set)
    for role in market.roles:
        cros[role.trial].add(role.cro)
    assert 0.04 < mean(len(found) > 1 for found in cros.values()) < 0.25
    assert {role.kind for role in market.roles} >= {
        "collaborator", "official", "facility",
    }  # fmt: skip


def test_good_cros_have_sponsors_that_come_back(market):
    pairs = Counter(
        (role.cro, market.trials[role.trial].lead_sponsor) for role in market.roles
    )
    assert max(pairs.values()) > 5


def test_a_merged_cro_ran_nothing_after_the_merger(market):
    merged = {
        i: cro.succeeded_on
        for i, cro in enumerate(market.cros)
        if cro.status == "merged"
    }
    assert merged
    for role in market.roles:
        if role.cro in merged:
            assert market.trials[role.trial].start_date < merged[role.cro]
    former = {alias.name for alias in market.aliases if alias.kind == "former"}
    assert {market.cros[i].name for i in merged} <= former


def test_some_lists_are_declared_complete(market):
    assert {row.scheme for row in market.complete_lists} == {
        "service", "technology", "certification",
    }  # fmt: skip


def test_ten_thousand_cros_have_thirty_thousand_roles():
    share = mean(len(build(2_000, seed).roles) for seed in (1, 2)) / 2_000
    assert 3.0 < share < 5.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_cros", [10, 11, 12, 200])
def test_a_market_of_ten_answers_the_question_people_try_first(n_cros, seed):
    market = build(n_cros, seed)

    says = defaultdict(set)
    staff = defaultdict(set)
    for claim in market.claims:
        if claim.status == "accepted":
            key = (claim.term, claim.delivery) if "edc" in claim.term else claim.term
            says[claim.cro, claim.answer].add(key)
            if claim.term == "metric/headcount-fte":
                staff[claim.cro].add(claim.value)
    where = defaultdict(set)
    for row in market.trial_countries:
        where[row.trial].add(row.country)
    ran = Counter(
        role.cro
        for role in market.roles
        if role.kind != "facility"
        and market.trials[role.trial].phase == "phase/phase-2"
        and where[role.trial] >= {"country/pl", "country/es"}
    )
    wanted = {*FIRST_QUESTION, ("technology/edc", "own")} - {"technology/edc"}
    answers = [
        i
        for i, cro in enumerate(market.cros)
        if cro.status == "listed"
        and says[i, True] >= wanted
        and not says[i, False] & wanted
        and staff[i]
        and max(staff[i]) < 500
        and ran[i] >= 4
    ]
    assert answers


@pytest.mark.parametrize("n_cros", [1, 2, 5, 20])
def test_a_tiny_market_is_possible(n_cros):
    assert len(build(n_cros, 1).cros) == n_cros


def test_no_name_contains_a_brand():
    names = Names(Random(0))
    for _ in range(3_000):
        name, _stem = names.cro("regional")
        assert not any(denied in name.lower() for denied in DENIED)


def test_no_name_is_that_of_a_real_cro(market):
    folder = os.environ.get("CRO_SHARED_DATA")
    if not folder:
        pytest.skip("CRO_SHARED_DATA is not set: no list of real names to compare with")
    with Path(folder, "organizations", "name_patterns.tsv").open() as file:
        patterns = [row["pattern"] for row in csv.DictReader(file, delimiter="\t")]
    real = re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
    names = [cro.name for cro in market.cros] + [alias.name for alias in market.aliases]
    names += [trial.lead_sponsor for trial in market.trials]
    assert [name for name in names if real.search(name)] == []
