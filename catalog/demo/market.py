"""The fictional market as a whole: who is in it, what is claimed, what they ran."""

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

from catalog.demo import claims, first_question, trials
from catalog.demo.kinds import (
    AREA_WEIGHTS,
    BY_CODE,
    CLUSTERS,
    KINDS,
    NEXT_CLUSTERS,
    Kind,
)
from catalog.demo.names import Names, slugify
from catalog.demo.profile import Profile
from catalog.demo.rows import AliasRow, CRORow, Market, stable_uuid
from catalog.demo.words import Vocabulary, Word

VERSION = 2
"""Rises when the same N and seed give another market."""

MERGED_SHARE, CLOSED_SHARE, DRAFT_SHARE = 0.015, 0.008, 0.004
Progress = Callable[[str, int, int], None]


def build(
    *, vocabulary: Vocabulary, n_cros: int, seed: int, progress: Progress | None = None
) -> Market:
    """Make a market of `n_cros` CROs; the same arguments give the same rows.

    `progress` is told (step, done, of how many) now and then.
    """
    rng = Random(f"market/{n_cros}/{seed}")
    names = Names(rng)
    profiles = _with_mergers(
        [
            _profile(i, kind, vocabulary, names, rng)
            for i, kind in enumerate(_kinds(n_cros, rng))
        ],
        rng,
    )
    profiles = first_question.with_an_answer(profiles, vocabulary, seed)
    market = Market(kinds=[profile.kind.code for profile in profiles])
    for profile in profiles:
        market.cros.append(_cro_row(profile, seed))
        market.aliases += _aliases(profile, profiles, rng)
    for n, profile in enumerate(profiles, 1):
        claims.add(market, profile, vocabulary, Random(f"claims/{seed}/{n}"), seed)
        if progress and n % 500 == 0:
            progress("Inventing claims", n, n_cros)
    trials.add(market, profiles, names, rng, progress)
    return market


def _kinds(n_cros: int, rng: Random) -> list[Kind]:
    """Share the market out among the kinds, each at least once where there is room."""
    n_giants = min(n_cros, 40, max(2, n_cros // 800))
    kinds = [BY_CODE["giant"]] * n_giants
    kinds += KINDS[: n_cros - len(kinds)]
    weights = [kind.weight for kind in KINDS]
    kinds += rng.choices(KINDS, weights, k=n_cros - len(kinds))
    asked_for = BY_CODE[first_question.KIND]
    if n_cros >= first_question.SMALLEST_MARKET and asked_for not in kinds:
        kinds[-1] = asked_for
    rng.shuffle(kinds)
    return kinds


def _profile(
    index: int, kind: Kind, vocabulary: Vocabulary, names: Names, rng: Random
) -> Profile:
    name, stem = names.cro(kind.code)
    cluster = rng.choices(list(CLUSTERS), [w for _, w in CLUSTERS.values()])[0]
    if kind.code == "giant":
        cluster = rng.choice(["north_america", "western_europe", "north_america"])
    headcount = max(3, round(rng.lognormvariate(math.log(kind.headcount), kind.spread)))
    low, high = kind.countries
    relative = math.log(headcount / kind.headcount) / kind.spread
    n_countries = round(low + (high - low) * _squash(0.8 * relative - 0.5))
    countries = _footprint(cluster, n_countries, vocabulary, rng)
    areas = _areas(kind, vocabulary, rng)
    founded = (
        rng.randint(1978, 2004) if kind.code == "giant" else rng.randint(1985, 2022)
    )
    return Profile(
        index=index,
        kind=kind,
        name=name,
        stem=stem,
        headcount=headcount,
        founded=founded,
        countries=tuple(countries),
        areas=tuple(areas),
        conditions=_conditions(kind, areas, vocabulary, rng),
        skill=rng.gauss(0.0, 1.0),
        knowledge=min(0.7, max(0.15, rng.gauss(0.9 * kind.knowledge, 0.08))),
        n_roles=_n_roles(kind, relative, rng),
    )


def _squash(x: float) -> float:
    return 1 / (1 + math.exp(-1.6 * x))


def _footprint(
    cluster: str, n_countries: int, vocabulary: Vocabulary, rng: Random
) -> list[str]:
    """Spread from a home country to its neighbours and then to the next clusters."""
    here = list(CLUSTERS[cluster][0])
    weights = [0.75**i for i in range(len(here))]
    chosen = rng.choices(here, weights, k=1)
    pools = [here, *(list(CLUSTERS[c][0]) for c in NEXT_CLUSTERS[cluster])]
    pools += [
        list(members)
        for name, (members, _) in CLUSTERS.items()
        if name != cluster and name not in NEXT_CLUSTERS[cluster]
    ]
    order = [
        (rng.expovariate(1.0) * 0.5 + place * 0.22 + ring * 1.4, code)
        for ring, members in enumerate(pools)
        for place, code in enumerate(members)
        if code != chosen[0]
    ]
    chosen += [code for _, code in sorted(order)[: n_countries - 1]]
    known = vocabulary.keys
    return [code for code in chosen if f"country/{code}" in known]


def _areas(kind: Kind, vocabulary: Vocabulary, rng: Random) -> list[str]:
    """Choose therapeutic areas, the strongest first."""
    pool = sorted(vocabulary.conditions_by_area)
    wanted = min(len(pool), rng.randint(*kind.areas))
    keyed = []
    for key in pool:
        weight = AREA_WEIGHTS.get(key.removeprefix("therapeutic_area/"), 0.5)
        if kind.code == "rare_disease" and key.endswith(("/c16", "/c18", "/c15")):
            weight *= 6
        keyed.append((rng.random() ** (1 / weight), key))
    return [key for _, key in sorted(keyed, reverse=True)[:wanted]]


def _conditions(
    kind: Kind, areas: list[str], vocabulary: Vocabulary, rng: Random
) -> tuple[tuple[str, tuple[Word, ...]], ...]:
    """Choose in each area the conditions it knows: many in the first, few in the last.

    They gather around a few branches of the tree, as experience does.
    """
    chosen = []
    for place, area in enumerate(areas):
        pool = vocabulary.conditions_by_area[area]
        wanted = max(2, round((14 if kind.code == "giant" else 7) / (1 + 0.5 * place)))
        centre = rng.choice(pool)
        near = vocabulary.near(area, centre)
        words = [*rng.sample(near, min(len(near), wanted))]
        words += rng.sample(pool, min(len(pool), max(1, wanted // 3)))
        chosen.append((area, tuple(dict.fromkeys(words))))
    return tuple(chosen)


def _n_roles(kind: Kind, relative: float, rng: Random) -> int:
    growth, spread = (0.2, 0.3) if kind.code == "giant" else (0.35, 0.9)
    drawn = rng.lognormvariate(math.log(kind.roles) + growth * relative, spread)
    whole = math.floor(drawn)
    return whole + (rng.random() < drawn - whole)


def _with_mergers(profiles: list[Profile], rng: Random) -> list[Profile]:
    """Let a few be bought by larger ones, close or wait as drafts."""
    buyers = [p for p in profiles if p.kind.code in {"giant", "multinational"}]
    ends = {p.index for p in buyers}
    result: list[Profile] = []
    for profile in profiles:
        draw = rng.random()
        others = [p for p in buyers if p.founded < 2012] or buyers
        # A small market has a merger too: its first regional CRO was bought.
        is_first = profile.kind.code == "regional" and not any(
            p.successor is not None for p in result
        )
        if profile.index in ends:
            result.append(profile)
        elif draw < MERGED_SHARE or is_first:
            years = rng.randint(max(2012, profile.founded + 3), 2025)
            when = dt.date(years, rng.randint(1, 12), 1)
            buyer = rng.choice(others).index
            result.append(
                replace(profile, status="merged", successor=buyer, ended_on=when)
            )
        elif draw < MERGED_SHARE + CLOSED_SHARE:
            when = dt.date(rng.randint(2023, 2026), rng.randint(1, 9), 1)
            result.append(replace(profile, status="closed", ended_on=when))
        elif draw < MERGED_SHARE + CLOSED_SHARE + DRAFT_SHARE:
            result.append(replace(profile, status="draft"))
        else:
            result.append(profile)
    return result


_SUMMARIES = {
    "giant": "Runs whole programmes in many countries, from first-in-human to approval.",
    "multinational": "Full-service work in several regions with its own teams.",
    "regional": "Clinical operations and local submissions in its home region.",
    "area_specialist": "Works in few therapeutic areas, with its own physicians.",
    "phase1": "Phase 1 unit with beds, dosing suites and clinical pharmacology.",
    "late_phase": "Post-approval studies, registries and real-world evidence.",
    "biostatistics": "Statistics, programming and data management.",
    "pharmacovigilance": "Case processing, signal detection and safety reporting.",
    "medical_writing": "Protocols, study reports and submission documents.",
    "imaging": "Central reading and imaging endpoints.",
    "rare_disease": "Small populations: finding patients and keeping them in studies.",
    "device": "Studies of medical devices, before and after the mark.",
    "fsp": "Staff by function, inside the sponsor's own processes.",
}


def _cro_row(profile: Profile, seed: int) -> CRORow:
    slug = slugify(profile.name)
    return CRORow(
        uuid=stable_uuid("cro", seed, slug),
        slug=slug,
        name=profile.name,
        website=f"https://{slug}.example/",
        summary=f"Fictional. {_SUMMARIES[profile.kind.code]}",
        status=profile.status,
        successor=profile.successor,
        succeeded_on=profile.ended_on if profile.successor is not None else None,
    )


def _aliases(profile: Profile, profiles: list[Profile], rng: Random) -> list[AliasRow]:
    aliases = [AliasRow(profile.index, f"{slugify(profile.name)}.example", "domain")]
    if profile.successor is not None:
        aliases.append(
            AliasRow(profile.successor, profile.name, "former", None, profile.ended_on)
        )
    if rng.random() < 0.55:
        form = rng.choice(["Ltd", "Inc.", "GmbH", "S.A.", "Sp. z o.o.", "Pvt. Ltd."])
        aliases.append(AliasRow(profile.index, f"{profile.name} {form}", "legal"))
    if " " in profile.name and rng.random() < 0.3:
        aliases.append(AliasRow(profile.index, profile.stem, "brand"))
    if rng.random() < 0.06 and profile.founded < 2018:
        until = dt.date(rng.randint(profile.founded + 1, 2021), rng.randint(1, 12), 1)
        aliases.append(
            AliasRow(
                profile.index,
                f"{profile.stem} CRO",
                "former",
                dt.date(profile.founded, 1, 1),
                until,
            )
        )
    return aliases
