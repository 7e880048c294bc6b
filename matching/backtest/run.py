"""Runs the test: hides each disclosed pair in turn and notes its CRO's place."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from matching import engine
from matching.backtest import metrics
from matching.backtest.baselines import BASELINES, NEIGHBOURS, RECENCY_HALF_LIFE_YEARS
from matching.backtest.learnt import Learnt
from matching.backtest.records import BacktestFileError, Pair, Records, date
from matching.backtest.words import Words
from matching.backtest.world import (
    LARGE_SPONSOR_TRIALS,
    MID_SPONSOR_TRIALS,
    Frozen,
    Read,
    World,
)
from matching.engine import evidence
from matching.engine.inputs import Bools, Floats, Ints, Need

PORTAL, DEFAULT, CRITERIA = "portal", "portal_default", "portal_criteria"
RANDOM: Final = "random"
LABELS: Final = {
    PORTAL: "portal (learnt)",
    DEFAULT: "portal (default weights)",
    CRITERIA: "portal (learnt criteria weights)",
    RANDOM: "random order",
    "popularity": "popularity",
    "recent_popularity": "popularity, recent first",
    "branch_popularity": "popularity in the MeSH branch",
    "same_sponsor": "same sponsor before",
    "nearest_trials": "nearest trials (kNN)",
}
"""Each ranking compared, and how the table names it."""

SIZES: Final = ((50, "under 50"), (300, "50 to 299"), (math.inf, "300 and more"))
"""Buckets of participants: below, and the bucket's name."""

COVID = "covid"
RESAMPLES, SEED = 2_000, 20_131
DIGITS = 6


@dataclass(frozen=True)
class Parameters:
    """What decides a run beside the files."""

    split: str = "valid"
    kinds: tuple[str, ...] = ()  # empty: all
    unit: str = "group"


@dataclass(frozen=True)
class Case:
    """One hidden pair and what each ranking made of it."""

    pair: Pair
    trial: Read
    n_listed: int
    is_listed: bool
    is_about_covid: bool
    is_sponsor_known: bool
    used_before: bool  # its sponsor has an earlier trial with this CRO
    places: Mapping[str, float]  # infinity where the CRO is not listed


@dataclass(frozen=True)
class Report:
    """The numbers of a run; `asdict` is its JSON."""

    parameters: dict[str, Any]
    rows: dict[str, str]
    digest: str
    n: int
    n_trials: int
    ceiling: float
    mean_listed: float
    metrics: dict[str, dict[str, float]]
    intervals: dict[str, dict[str, tuple[float, float]]]
    ratio_to_popularity: dict[str, dict[str, Any]]
    portal_is_ahead_by: dict[str, dict[str, Any]]
    slices: dict[str, dict[str, Any]]
    places: list[dict[str, Any]]

    def as_json(self) -> str:
        """Give canonical JSON: the same digest gives the same bytes.

        Each metric stands at the top by its name, with a number per ranking.
        """
        found = asdict(self)
        found |= found.pop("metrics")
        return json.dumps(_plain(found), indent=1, sort_keys=True) + "\n"


def run(
    records: Records, words: Words, learnt: Learnt, parameters: Parameters
) -> Report:
    """Hide each pair of a split, rank whom was known before, and sum up.

    Raises
    ------
    BacktestFileError
        When no pair is of this split and these kinds.
    """
    pairs = chosen(records, parameters)
    world = World(records, words, parameters.unit)
    cases = [_case(world, pair, learnt) for pair in pairs]
    return report(cases, learnt, parameters, digest(records, words, learnt, parameters))


def chosen(records: Records, parameters: Parameters) -> list[Pair]:
    """Return the pairs to hide, by trial."""
    splits = sorted({pair.split for pair in records.pairs})
    if parameters.split not in splits:
        raise BacktestFileError(
            f"No pair is of the split {parameters.split!r}; the files have "
            f"{', '.join(splits)}."
        )
    pairs = [pair for pair in records.pairs if pair.split == parameters.split]
    kinds = sorted({pair.kind for pair in pairs})
    if strange := sorted(set(parameters.kinds) - set(kinds)):
        raise BacktestFileError(
            f"No pair of this split is of the kind {strange[0]!r}; it has "
            f"{', '.join(kinds)}."
        )
    if parameters.kinds:
        pairs = [pair for pair in pairs if pair.kind in parameters.kinds]
    return pairs


def digest(
    records: Records, words: Words, learnt: Learnt, parameters: Parameters
) -> str:
    """Return the SHA-256 of all that decides a run."""
    parts = (
        engine.VERSION,
        records.digest,
        [
            (row.key, row.label, row.synonyms, row.tree_numbers, row.parent)
            for row in words.terms
        ],
        (sorted(learnt.evidence.items()), sorted(learnt.criteria.items())),
        sorted(asdict(parameters).items()),
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _case(world: World, pair: Pair, learnt: Learnt) -> Case:
    frozen, trial = world.before(pair.nct_id), world.read(pair.nct_id)
    row = frozen.at(world.cro(pair))
    places = dict.fromkeys((name for name in LABELS if name != RANDOM), math.inf)
    if row is not None:
        for name, scores in rankings(world, frozen, pair.nct_id, learnt).items():
            places[name] = metrics.mid_rank(scores, row)
    text = world.trial(pair.nct_id)
    return Case(
        pair=pair,
        trial=trial,
        n_listed=frozen.cro.size,
        is_listed=row is not None,
        is_about_covid=COVID in " ".join((text.title, *text.conditions)).casefold(),
        is_sponsor_known=trial.sponsor >= 0,
        used_before=row is not None
        and bool(_sponsors_of(frozen)[row] & {trial.sponsor}),
        places=places,
    )


def rankings(
    world: World, frozen: Frozen, nct_id: str, learnt: Learnt
) -> dict[str, Floats]:
    """Return each ranking's scores of the CROs listed before a trial, 1 the best."""
    need, study = world.need(nct_id), world.read(nct_id)
    by_criteria = replace(need, weights=dict(learnt.criteria))
    found = {
        PORTAL: evidence.leaves(world.evidence(nct_id)) @ learnt.evidence_weights,
        DEFAULT: method_scores(frozen, need),
        CRITERIA: method_scores(frozen, by_criteria),
    }
    return found | {name: made(frozen, study) for name, made in BASELINES.items()}


def method_scores(frozen: Frozen, need: Need) -> Floats:
    """Return what orders CROs by the method: group, score and its lower end."""
    ranking = engine.rank(frozen.prepared, need)
    return np.stack([-ranking.group, ranking.score, ranking.score_low], axis=1)


def _sponsors_of(frozen: Frozen) -> list[set[int]]:
    """Return the known sponsors of each CRO's earlier trials."""
    found: list[set[int]] = [set() for _ in range(frozen.cro.size)]
    catalogue = frozen.prepared.catalogue
    for cro, trial in zip(
        catalogue.role_cro.tolist(), catalogue.role_trial.tolist(), strict=True
    ):
        if frozen.read[trial].sponsor >= 0:
            found[cro].add(frozen.read[trial].sponsor)
    return found


def report(
    cases: Sequence[Case], learnt: Learnt, parameters: Parameters, digest: str
) -> Report:
    """Sum up cases; the order of cases changes nothing but the list of places."""
    gains = {name: _gains(name, cases) for name in LABELS}
    counts = metrics.resamples([c.pair.nct_id for c in cases], RESAMPLES, SEED)
    everything = np.ones(len(cases), bool)
    means, intervals = _summary(gains, counts, everything)
    is_full_or_mid = np.array([c.pair.kind in ("full", "mid") for c in cases], bool)
    return Report(
        parameters={
            **asdict(parameters),
            "method_version": engine.VERSION,
            "learnt_from": learnt.split,
            "evidence_weights": dict(learnt.evidence),
            "criteria_weights": dict(learnt.criteria),
            "recency_half_life_years": RECENCY_HALF_LIFE_YEARS,
            "neighbours": NEIGHBOURS,
            "large_sponsor_trials": LARGE_SPONSOR_TRIALS,
            "mid_sponsor_trials": MID_SPONSOR_TRIALS,
            "resamples": RESAMPLES,
            "seed": SEED,
        },
        rows=dict(LABELS),
        digest=digest,
        n=len(cases),
        n_trials=len({c.pair.nct_id for c in cases}),
        ceiling=float(np.mean([c.is_listed for c in cases])),
        mean_listed=float(np.mean([c.n_listed for c in cases])),
        metrics=means,
        intervals=intervals,
        ratio_to_popularity={
            "all": _ratios(gains, counts, everything),
            "full and mid": _ratios(gains, counts, is_full_or_mid),
        },
        portal_is_ahead_by={
            name: _ahead(gains, counts, name) for name in LABELS if name != PORTAL
        },
        slices={
            group: {
                name: _slice(gains, counts, cases, is_in)
                for name, is_in in members.items()
                if is_in.any()
            }
            for group, members in slices(cases).items()
        },
        places=[
            {
                "nct_id": c.pair.nct_id,
                "group": c.pair.group,
                "brand": c.pair.brand,
                "before": date(c.trial.first).isoformat(),
                "listed": c.n_listed,
                "places": dict(c.places),
            }
            for c in cases
        ],
    )


def slices(cases: Sequence[Case]) -> dict[str, dict[str, Bools]]:
    """Return which cases belong to each part that the table shows."""

    def where(of: Iterable[str]) -> dict[str, Bools]:
        found = np.array(list(of))
        return {name: found == name for name in sorted(set(found.tolist()))}

    return {
        "kind": where(c.pair.kind for c in cases)
        | {
            "full and mid": np.array(
                [c.pair.kind in ("full", "mid") for c in cases], bool
            )
        },
        "participants": where(_size(c.trial.participants) for c in cases),
        "year": where(str(date(c.trial.first).year) for c in cases),
        "COVID-19": where("with" if c.is_about_covid else "without" for c in cases),
        "sponsor used the CRO before": where(
            "yes" if c.used_before else "no" if c.is_sponsor_known else "not known"
            for c in cases
        ),
    }


def _size(participants: float) -> str:
    if math.isnan(participants):
        return "not known"
    return next(name for below, name in SIZES if participants < below)


def _gains(name: str, cases: Sequence[Case]) -> dict[str, Floats]:
    if name != RANDOM:
        return metrics.gains(np.array([c.places[name] for c in cases]))
    each = [metrics.gains_of_chance(c.n_listed if c.is_listed else 0) for c in cases]
    return {
        metric: np.array([found[metric] for found in each])
        for metric in metrics.METRICS
    }


def _summary(
    gains: Mapping[str, Mapping[str, Floats]], counts: Ints, is_in: Bools
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, tuple[float, float]]]]:
    means = {
        metric: {name: float(of[metric][is_in].mean()) for name, of in gains.items()}
        for metric in metrics.METRICS
    }
    intervals = {
        metric: {
            name: metrics.interval(
                metrics.resampled_means(of[metric][is_in], counts[:, is_in])
            )
            for name, of in gains.items()
        }
        for metric in metrics.METRICS
    }
    return means, intervals


def _slice(
    gains: Mapping[str, Mapping[str, Floats]],
    counts: Ints,
    cases: Sequence[Case],
    is_in: Bools,
) -> dict[str, Any]:
    means, intervals = _summary(gains, counts, is_in)
    listed = np.array([c.is_listed for c in cases])[is_in]
    return {
        "n": int(is_in.sum()),
        "ceiling": float(listed.mean()),
        **means,
        "intervals": intervals,
    }


def _ratios(
    gains: Mapping[str, Mapping[str, Floats]], counts: Ints, is_in: Bools
) -> dict[str, Any]:
    """Return each ranking's MRR over that of popularity, with its interval."""
    counts = counts[:, is_in]

    def drawn(name: str) -> Floats:
        return metrics.resampled_means(gains[name]["mrr"][is_in], counts)

    def mean(name: str) -> float:
        values = gains[name]["mrr"][is_in]
        return float(values.mean()) if values.size else math.nan

    below, draws_below = mean("popularity"), drawn("popularity")
    if not below > 0:
        return {}
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            name: {
                "value": mean(name) / below,
                "interval": metrics.interval(drawn(name) / draws_below),
            }
            for name in gains
        }


def _ahead(
    gains: Mapping[str, Mapping[str, Floats]], counts: Ints, name: str
) -> dict[str, Any]:
    """Return the MRR of the learnt ranking less another's, pair by pair."""
    apart = gains[PORTAL]["mrr"] - gains[name]["mrr"]
    return {
        "value": float(apart.mean()),
        "interval": metrics.interval(metrics.resampled_means(apart, counts)),
    }


def _plain(value: Any) -> Any:
    """Round numbers and write what is no number as null."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
