"""Catalogues made of chance with a seed: for the bench and for property tests."""

from dataclasses import dataclass

import numpy as np

from matching.engine.inputs import (
    NO_DAY,
    Catalogue,
    Claims,
    Need,
    Requirements,
    Terms,
    Trials,
)

TODAY = 20_500  # 2026-02-16
YEAR = 365

METRICS = {
    "milestones-due": (0, 80),
    "milestones-on-time": (0, 60),
    "pm-certified-share": (0.1, 1.0),
    "pm-experience-years": (2, 15),
    "staff-turnover": (0.03, 0.35),
    "free-capacity-fte": (0, 120),
    "inspections-total": (0, 12),
    "inspections-no-action": (0, 9),
}


@dataclass(frozen=True)
class Shape:
    """How large and how messy a catalogue is. Chances are per claim or trial."""

    n_cros: int = 1_000
    roles_per_cro: float = 3.0
    claims_per_cro: float = 40.0
    n_services: int = 120
    n_technologies: int = 40
    n_countries: int = 80
    n_small: int = 12  # terms of each of the other lists
    mesh_width: int = 12  # children of each of the upper MeSH levels
    mesh_depth: int = 4
    no: float = 0.12
    scoped: float = 0.04
    expires: float = 0.35
    expired: float = 0.03
    undated: float = 0.02
    complete: float = 0.10


def terms(shape: Shape) -> Terms:
    """A vocabulary with MeSH-like trees, regions of countries and regulators."""
    rows: list[tuple[str, str, int]] = []
    links: list[tuple[int, int]] = []
    trees: list[tuple[int, str]] = []

    def add(scheme: str, code: str, parent: int = -1) -> int:
        rows.append((scheme, code, parent))
        return len(rows) - 1

    level = []
    for branch in range(1, shape.mesh_width + 1):
        number = f"C{branch:02d}"
        trees.append((add("therapeutic_area", number.lower()), number))
        term = add("condition", f"condition-{number.lower()}")
        trees.append((term, number))
        level.append((term, number))
    for _ in range(1, shape.mesh_depth):
        below = []
        for _, number in level[: 60 * shape.mesh_width]:
            for child in range(max(2, shape.mesh_width // 3)):
                narrower = f"{number}.{100 + 37 * child}"
                term = add("condition", f"condition-{narrower.lower()}")
                trees.append((term, narrower))
                below.append((term, narrower))
        # Every fifth descriptor stands in a second place, as in MeSH.
        for i in range(0, len(below), 5):
            other = below[(i * 7 + 3) % len(below)][1]
            trees.append((below[i][0], f"{other}.999"))
        level = below
    for i in range(shape.n_services):
        add("service", f"service-{i}", len(rows) - i % 8 if i % 8 else -1)
    for i in range(shape.n_technologies):
        add("technology", f"technology-{i}")
    phases = [add("phase", f"phase-{i}") for i in (1, 2, 3, 4)]
    add("phase", "phase-2a", phases[1])
    add("phase", "phase-2b", phases[1])
    regions = [add("region", f"region-{i}") for i in range(6)]
    links.append((regions[5], regions[4]))
    countries = [add("country", f"c{i:02d}") for i in range(shape.n_countries)]
    links += [(c, regions[i % 6]) for i, c in enumerate(countries)]
    for i in range(shape.n_small):
        regulator = add("regulator", f"regulator-{i}")
        place = regions[0] if i == 0 else countries[i % shape.n_countries]
        links.append((regulator, place) if i % 2 else (place, regulator))
    for scheme in ("modality", "population", "certification", "engagement"):
        for i in range(shape.n_small):
            add(scheme, f"{scheme}-{i}")
    for metric in METRICS:
        add("metric", metric)
    return Terms(
        scheme=tuple(row[0] for row in rows),
        code=tuple(row[1] for row in rows),
        label=tuple(row[1].replace("-", " ") for row in rows),
        parent=np.array([row[2] for row in rows], np.int32),
        tree_term=np.array([t for t, _ in trees], np.int32),
        tree_number=tuple(n for _, n in trees),
        member_term=np.array([a for a, _ in links], np.int32),
        wider_term=np.array([b for _, b in links], np.int32),
    )


def catalogue(shape: Shape, seed: int = 0) -> Catalogue:
    """A catalogue of the shape; the same seed gives the same arrays."""
    rng = np.random.default_rng(seed)
    vocabulary = terms(shape)
    trials, n_trials = _trials(shape, vocabulary, rng)
    n_roles = int(shape.n_cros * shape.roles_per_cro)
    # Few CROs are in most trials, as in the registers.
    weight = np.minimum(rng.pareto(1.2, shape.n_cros) + 0.05, 500.0)
    cro = rng.choice(shape.n_cros, n_roles, p=weight / weight.sum())
    pairs = np.unique(np.stack([cro, rng.integers(0, n_trials, n_roles)]), axis=1)
    complete = np.flatnonzero(rng.random(shape.n_cros) < shape.complete)
    return Catalogue(
        n_cros=shape.n_cros,
        cro_id=np.arange(1, shape.n_cros + 1, dtype=np.int64),
        cro_name=tuple(f"CRO {i}" for i in rng.permutation(shape.n_cros).tolist()),
        terms=vocabulary,
        claims=_claims(shape, vocabulary, rng),
        trials=trials,
        role_cro=pairs[0].astype(np.int32),
        role_trial=pairs[1].astype(np.int32),
        complete_cro=complete.astype(np.int32),
        complete_scheme=tuple(
            rng.choice(["service", "technology", "country"], complete.size).tolist()
        ),
        size_class_shares=np.array([0.0, 0.5, 0.3, 0.2]),
    )


def _of(vocabulary: Terms, *schemes: str) -> np.ndarray:
    return np.array(
        [i for i, s in enumerate(vocabulary.scheme) if s in schemes], np.int32
    )


def _claims(shape: Shape, vocabulary: Terms, rng: np.random.Generator) -> Claims:
    n_metric = int(shape.n_cros * 5)
    n = int(shape.n_cros * max(0.0, shape.claims_per_cro - 5))
    others = _of(
        vocabulary,
        "service",
        "technology",
        "country",
        "regulator",
        "modality",
        "population",
        "certification",
        "engagement",
        "phase",
        "therapeutic_area",
        "condition",
    )
    schemes = np.array([vocabulary.scheme[t] for t in others])
    popular = rng.pareto(1.0, others.size) + 0.3
    popular[schemes == "condition"] *= 0.02
    term = rng.choice(others, n, p=popular / popular.sum())
    metrics = _of(vocabulary, "metric")
    term = np.concatenate([term, rng.choice(metrics, n_metric)]).astype(np.int32)
    n += n_metric
    scheme = np.array(vocabulary.scheme)[term]
    answer = rng.random(n) >= shape.no
    value = np.full(n, np.nan)
    for code, (low, high) in METRICS.items():
        rows = np.flatnonzero(term == vocabulary.code.index(code))
        drawn = rng.uniform(low, high, rows.size)
        value[rows] = np.round(drawn, 2) if high <= 1 else np.floor(drawn)
        answer[rows] = True
    counted = np.isin(scheme, ["condition", "therapeutic_area"]) & (rng.random(n) < 0.5)
    value[counted & answer] = np.floor(
        rng.exponential(8, int((counted & answer).sum()))
    )
    places = _of(vocabulary, "country", "region")
    areas = _of(vocabulary, "therapeutic_area")
    is_scoped = (rng.random(n) < shape.scoped) & (scheme != "metric")
    by_place = rng.random(n) < 0.7
    observed = TODAY - np.floor(rng.exponential(500, n)).astype(np.int32)
    expires = np.full(n, NO_DAY, np.int32)
    does = rng.random(n) < shape.expires
    expires[does] = TODAY + rng.integers(1, 3 * YEAR, int(does.sum()))
    gone = rng.random(n) < shape.expired
    expires[gone] = TODAY - rng.integers(1, YEAR, int(gone.sum()))
    return Claims(
        cro=rng.integers(0, shape.n_cros, n).astype(np.int32),
        term=term,
        answer=answer,
        aspect=np.where(scheme == "country", rng.integers(0, 4, n), 0).astype(np.int8),
        country=np.where(is_scoped & by_place, rng.choice(places, n), -1).astype(
            np.int32
        ),
        area=np.where(is_scoped & ~by_place, rng.choice(areas, n), -1).astype(np.int32),
        delivery=np.where(answer, rng.choice(3, n, p=[0.8, 0.1, 0.1]), -1).astype(
            np.int8
        ),
        value=value,
        tier=rng.choice(np.arange(1, 6), n, p=[0.08, 0.07, 0.2, 0.45, 0.2]).astype(
            np.int8
        ),
        observed=observed.astype(np.int32),
        expires=expires,
        id=np.arange(1, n + 1, dtype=np.int64),
    )


def _trials(
    shape: Shape, vocabulary: Terms, rng: np.random.Generator
) -> tuple[Trials, int]:
    n = max(1, int(shape.n_cros * shape.roles_per_cro * 0.6))
    start = TODAY - np.floor(rng.exponential(5 * YEAR, n)).astype(np.int32)
    late = rng.random(n) < 0.03
    start[late] = TODAY + rng.integers(1, 2 * YEAR, int(late.sum()))
    start[rng.random(n) < shape.undated] = NO_DAY
    n_conditions = rng.integers(0, 4, n)
    n_countries = np.minimum(
        1 + np.floor(rng.exponential(4, n)).astype(np.int64), shape.n_countries
    )
    condition_at = np.concatenate(([0], np.cumsum(n_conditions)))
    country_at = np.concatenate(([0], np.cumsum(n_countries)))
    phases = _of(vocabulary, "phase")
    countries = _of(vocabulary, "country")
    # Without replacement within a trial: a random start and fixed steps.
    offset = np.repeat(rng.integers(0, countries.size, n), n_countries)
    step = np.arange(country_at[-1]) - np.repeat(country_at[:-1], n_countries)
    sponsor = rng.integers(-1, max(2, n // 5), n)
    participants = np.floor(rng.lognormal(4.5, 1.3, n))
    participants[rng.random(n) < 0.1] = np.nan
    n_sites = np.floor(rng.lognormal(2.2, 1.1, n)) + 1
    n_sites[rng.random(n) < 0.1] = np.nan
    return (
        Trials(
            start=start,
            phase=np.where(rng.random(n) < 0.1, -1, rng.choice(phases, n)).astype(
                np.int32
            ),
            participants=participants,
            n_sites=n_sites,
            n_countries=np.where(rng.random(n) < 0.05, 0, n_countries).astype(np.int32),
            sponsor=sponsor.astype(np.int32),
            sponsor_size=rng.integers(0, 4, n).astype(np.int8),
            condition_at=condition_at,
            condition_term=rng.choice(
                _of(vocabulary, "condition"), condition_at[-1]
            ).astype(np.int32),
            country_at=country_at,
            country_term=countries[(offset + step) % countries.size],
            id=np.arange(1, n + 1, dtype=np.int64),
        ),
        n,
    )


DEFAULT_WEIGHTS = {
    "expertise": 0.26,
    "geography": 0.18,
    "services": 0.15,
    "project_management": 0.14,
    "technology": 0.08,
    "scalability": 0.10,
    "quality": 0.05,
    "fit": 0.04,
}


def need(vocabulary: Terms, seed: int = 0, **scalars: object) -> Need:
    """A study that asks for a bit of everything: 22 requirements, 7 of them musts."""
    rng = np.random.default_rng(seed)
    wanted: list[int] = []
    importance: list[int] = []
    for scheme, number, musts in (
        ("condition", 1, 1),
        ("phase", 1, 1),
        ("country", 6, 2),
        ("regulator", 2, 1),
        ("service", 5, 2),
        ("technology", 2, 0),
        ("modality", 1, 0),
        ("population", 1, 0),
        ("certification", 2, 0),
        ("engagement", 1, 0),
    ):
        terms_of = _of(vocabulary, scheme)
        chosen = rng.choice(terms_of, min(number, terms_of.size), replace=False)
        wanted += chosen.tolist()
        importance += [0] * musts
        importance += rng.integers(1, 4, max(0, chosen.size - musts)).tolist()
    share = np.full(len(wanted), np.nan)
    given: dict[str, object] = {
        "weights": dict(DEFAULT_WEIGHTS),
        "as_of": TODAY,
        "start": TODAY + 180,
        "participants": 300.0,
        "n_sites": 40.0,
        "is_rare": False,
        "further_studies": 1,
        "staff_needed": float("nan"),
        "sponsor_size": 1,
    }
    return Need(
        requirements=Requirements(
            term=np.array(wanted, np.int32),
            importance=np.array(importance[: len(wanted)], np.int8),
            share=share,
        ),
        **{**given, **scalars},  # type: ignore[arg-type]
    )
