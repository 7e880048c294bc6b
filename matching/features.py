"""The only bridge between rows and the engine's arrays."""

import datetime as dt
import math
import threading

import numpy as np
from django.core.exceptions import ValidationError

from catalog.index.arrays import NO_KEY, offsets
from catalog.snapshot import Snapshot
from matching import engine
from matching.engine import inputs
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.needs import NeedSpec

EPOCH = dt.date(1970, 1, 1)

_lock = threading.Lock()
_prepared: tuple[Snapshot, engine.Prepared] | None = None


def prepared(snapshot: Snapshot) -> engine.Prepared:
    """Make the engine ready for a snapshot; once for each, whoever asks."""
    global _prepared
    held = _prepared
    if held is not None and held[0] is snapshot:
        return held[1]
    with _lock:
        held = _prepared
        if held is None or held[0] is not snapshot:
            held = (snapshot, engine.prepare(catalogue(snapshot)))
            _prepared = held
        return held[1]


def catalogue(snapshot: Snapshot) -> inputs.Catalogue:
    """Number CROs, terms, trials and sponsors densely."""
    arrays, vocabulary = snapshot.arrays, snapshot.vocabulary
    cro, trial = arrays.dense_cros, arrays.dense_trials
    term = vocabulary.dense
    terms, claims, trials = vocabulary.terms, arrays.claims, arrays.trials
    n_trials = len(trials)

    sponsors, sponsor = np.unique(trials.sponsor, return_inverse=True)
    is_known = sponsors != NO_KEY
    sponsor_index = np.where(is_known, np.cumsum(is_known) - 1, -1)[sponsor]
    counts = arrays.size_class_counts.astype(np.float64)
    n_sized = counts.sum()

    return inputs.Catalogue(
        n_cros=len(arrays.cros),
        cro_id=arrays.cros.id,
        cro_name=tuple(arrays.names[key] for key in arrays.cros.id.tolist()),
        terms=inputs.Terms(
            scheme=tuple(terms.scheme),
            code=tuple(terms.code),
            label=tuple(terms.label),
            parent=term.of(terms.parent).astype(np.int32),
            tree_term=term.of(vocabulary.trees.term).astype(np.int32),
            tree_number=tuple(vocabulary.trees.number),
            member_term=term.of(vocabulary.broader.term).astype(np.int32),
            wider_term=term.of(vocabulary.broader.broader).astype(np.int32),
        ),
        claims=inputs.Claims(
            cro=cro.of(claims.cro).astype(np.int32),
            term=term.of(claims.term).astype(np.int32),
            answer=claims.answer,
            aspect=claims.aspect.astype(np.int8),
            country=term.of(claims.country).astype(np.int32),
            area=term.of(claims.area).astype(np.int32),
            delivery=claims.delivery.astype(np.int8),
            value=claims.value,
            tier=claims.tier.astype(np.int8),
            observed=claims.observed,
            expires=claims.expires,
            id=claims.id,
        ),
        trials=inputs.Trials(
            start=trials.start,
            phase=term.of(trials.phase).astype(np.int32),
            participants=trials.participants,
            n_sites=trials.n_sites,
            n_countries=trials.n_countries,
            sponsor=sponsor_index.astype(np.int32),
            sponsor_size=trials.sponsor_size.astype(np.int8),
            condition_at=offsets(trial.of(arrays.conditions.trial), n_trials),
            condition_term=term.of(arrays.conditions.term).astype(np.int32),
            country_at=offsets(trial.of(arrays.countries.trial), n_trials),
            country_term=term.of(arrays.countries.term).astype(np.int32),
            id=trials.id,
        ),
        role_cro=cro.of(arrays.roles.cro).astype(np.int32),
        role_trial=trial.of(arrays.roles.trial).astype(np.int32),
        complete_cro=cro.of(arrays.complete.cro).astype(np.int32),
        complete_scheme=tuple(arrays.complete.scheme.tolist()),
        size_class_shares=counts / n_sized if n_sized else np.zeros_like(counts),
    )


def need(snapshot: Snapshot, spec: NeedSpec, as_of: dt.date) -> inputs.Need:
    """Turn a study's question into the engine's.

    Raises
    ------
    ValidationError
        If a term is not in the vocabulary.
    """
    asked = sorted(spec.requirements, key=lambda one: one.term_id)
    keys = np.array([one.term_id for one in asked], dtype=np.int64)
    terms = snapshot.vocabulary.dense.of(keys)
    if (terms < 0).any():
        raise ValidationError("The study asks for a term the vocabulary does not have.")
    return inputs.Need(
        requirements=inputs.Requirements(
            term=terms.astype(np.int32),
            importance=np.array(
                [inputs.IMPORTANCES.index(one.importance) for one in asked],
                dtype=np.int8,
            ),
            share=np.array([_number(one.share) for one in asked], dtype=np.float64),
        ),
        weights=dict(spec.weights) or dict(DEFAULT_WEIGHTS),
        as_of=_day(as_of),
        start=inputs.NO_DAY if spec.start_date is None else _day(spec.start_date),
        participants=_number(spec.participants),
        n_sites=_number(spec.n_sites),
        is_rare=bool(spec.is_rare_disease),
        further_studies=spec.further_studies,
        staff_needed=_number(spec.staff_needed_fte),
        sponsor_size=inputs.SIZE_CLASSES.index(spec.sponsor_size),
        waived=tuple(at for at, one in enumerate(asked) if one.term_id in spec.waived),
    )


def _day(date: dt.date) -> int:
    return (date - EPOCH).days


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
