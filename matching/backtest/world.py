"""The register as it stood on a day: what the ranking may know, and no more.

Of a date known only in part, the whole span counts: a trial is earlier than another
if the last day its start can mean lies before the first day that the other's can.
A trial without any date is never earlier.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from catalog.identity.names import core_name
from matching import engine
from matching.backtest.records import Pair, Records, Trial
from matching.backtest.words import (
    HEALTHY_VOLUNTEERS,
    Words,
    is_about_healthy,
)
from matching.engine import inputs
from matching.engine.evidence import HEALTHY, PATIENTS, Evidence, Study, Traits
from matching.engine.inputs import Bools, Floats, Int32s, Ints
from sponsors.criteria import DEFAULT_WEIGHTS

UNITS: Final = ("group", "brand")
"""Whom to rank: CROs as groups of today, or by the name of the trial's day."""

LARGE_SPONSOR_TRIALS, MID_SPONSOR_TRIALS = 50, 10
"""Earlier trials that make a lead sponsor large or mid-sized, as in an import."""

IMPORTANCE: Final = inputs.IMPORTANCES.index("high")


@dataclass(frozen=True)
class Read:
    """What a record says in terms of the vocabulary and dense numbers."""

    first: int  # first and last day of its start
    last: int
    conditions: tuple[int, ...]
    phase: int
    countries: tuple[int, ...]
    modalities: tuple[int, ...]
    participants: float
    n_sites: float
    sponsor: int  # -1 not known
    sponsor_class: int  # 0 not known
    population: int


@dataclass(frozen=True)
class Frozen:
    """The catalogue before a day. `cro` numbers `World.cros`; rows are those listed."""

    prepared: engine.Prepared
    traits: Traits
    cro: Ints  # (n_cros,) index in World.cros
    trials: tuple[str, ...]  # the trials it holds, by NCT number
    read: tuple[Read, ...]  # the same
    sizes: Ints  # size class of every sponsor of the world on the day

    def at(self, cro: int) -> int | None:
        """Return the row of a CRO; None if nothing earlier is known of it."""
        found = np.flatnonzero(self.cro == cro)
        return int(found[0]) if found.size else None


class World:
    """All records, read once; `before` gives what was known before a day."""

    def __init__(self, records: Records, words: Words, unit: str = "group") -> None:
        if unit not in UNITS:
            raise ValueError(f"A unit is one of {', '.join(UNITS)}.")
        self.unit = unit
        self._records = records
        roles = sorted(
            {
                (m.nct_id, m.group if unit == "group" else m.brand)
                for m in records.mentions
                if records.trials[m.nct_id].start is not None
            }
        )
        hidden = {pair.nct_id for pair in records.pairs}
        self._ids = sorted({nct_id for nct_id, _ in roles})
        self.words = words.without_conditions_but(
            {
                term
                for nct_id in hidden.union(self._ids)
                for term in _conditions(words, records.trials[nct_id])
            }
        )
        key_of = {
            name: core_name(name)
            for name in {trial.lead_sponsor for trial in records.trials.values()}
        }
        sponsors = {key: i for i, key in enumerate(sorted({*key_of.values()} - {""}))}
        self._sponsors = {name: sponsors.get(key, -1) for name, key in key_of.items()}
        classes = sorted({"", *(t.lead_class for t in records.trials.values())})
        self._classes = {name: i for i, name in enumerate(classes)}
        modalities = (r for r in self.words.terms if r.scheme == "modality")
        self._modality_bit = {
            self.words.place[row.key]: bit for bit, row in enumerate(modalities)
        }
        self.cros = tuple(
            sorted({name for _, name in roles} | {self.name(p) for p in records.pairs})
        )
        self._place = {name: i for i, name in enumerate(self.cros)}
        trial_at = {nct_id: i for i, nct_id in enumerate(self._ids)}
        self._role_trial = np.array([trial_at[t] for t, _ in roles], np.int32)
        self._role_cro = np.array([self._place[name] for _, name in roles], np.int32)
        self._read: dict[str, Read] = {}
        self._last = np.array([self.read(i).last for i in self._ids], np.int64)
        dated = [
            (self._sponsors[trial.lead_sponsor], trial.start.last)
            for trial in records.trials.values()
            if trial.start is not None and self._sponsors[trial.lead_sponsor] >= 0
        ]
        self._n_sponsors = len(sponsors)
        self._led_by = np.array([sponsor for sponsor, _ in dated], np.int64)
        self._led_last = np.array([last for _, last in dated], np.int64)
        self._frozen: tuple[str, Frozen] | None = None

    def name(self, pair: Pair) -> str:
        return pair.group if self.unit == "group" else pair.brand

    def cro(self, pair: Pair) -> int:
        """Return the number of a pair's CRO in `cros`."""
        return self._place[self.name(pair)]

    def trial(self, nct_id: str) -> Trial:
        return self._records.trials[nct_id]

    def read(self, nct_id: str) -> Read:
        """Return a dated record in terms and numbers."""
        if nct_id not in self._read:
            self._read[nct_id] = self._make(self.trial(nct_id))
        return self._read[nct_id]

    def _make(self, trial: Trial) -> Read:
        if trial.start is None:
            raise ValueError(f"{trial.nct_id} has no date.")
        is_healthy = is_about_healthy(trial.conditions)
        is_said = bool(trial.conditions or trial.mesh_conditions)
        return Read(
            first=trial.start.first,
            last=trial.start.last,
            conditions=tuple(_conditions(self.words, trial)),
            phase=self.words.phase(trial.phase),
            countries=tuple(self.words.countries(trial.countries)),
            modalities=tuple(self.words.modalities(trial.intervention_types)),
            participants=trial.participants,
            n_sites=trial.n_sites,
            sponsor=self._sponsors[trial.lead_sponsor],
            sponsor_class=self._classes[trial.lead_class],
            population=HEALTHY if is_healthy else PATIENTS if is_said else 0,
        )

    def before(self, nct_id: str) -> Frozen:
        """Return the catalogue as it stood when a trial began, without that trial."""
        held = self._frozen
        if held is None or held[0] != nct_id:  # pairs come by trial: one is enough
            held = nct_id, self._freeze(self.read(nct_id).first, nct_id)
            self._frozen = held
        return held[1]

    def _freeze(self, day: int, without: str) -> Frozen:
        is_known: Bools = self._last < day
        is_known &= np.array(self._ids) != without
        kept = np.flatnonzero(is_known)
        number = np.cumsum(is_known) - 1
        roles = np.flatnonzero(is_known[self._role_trial])
        listed, cro = np.unique(self._role_cro[roles], return_inverse=True)
        ids = tuple(self._ids[i] for i in kept.tolist())
        read = tuple(self.read(nct_id) for nct_id in ids)
        sizes, shares = self._sizes(day)
        catalogue = inputs.Catalogue(
            n_cros=listed.size,
            cro_id=listed.astype(np.int64),
            cro_name=tuple(self.cros[i] for i in listed.tolist()),
            terms=self.words.inputs,
            claims=NO_CLAIMS,
            trials=_trials(read, sizes),
            role_cro=cro.astype(np.int32),
            role_trial=number[self._role_trial[roles]].astype(np.int32),
            complete_cro=np.zeros(0, np.int32),
            complete_scheme=(),
            size_class_shares=shares,
        )
        traits = Traits(
            sponsor_class=np.array([one.sponsor_class for one in read], np.int64),
            modalities=np.array([self._bits(one) for one in read], np.int64),
            population=np.array([one.population for one in read], np.int64),
        )
        return Frozen(
            prepared=engine.prepare(catalogue),
            traits=traits,
            cro=listed.astype(np.int64),
            trials=ids,
            read=read,
            sizes=sizes,
        )

    def _bits(self, one: Read) -> int:
        return sum(1 << self._modality_bit[term] for term in one.modalities)

    def _sizes(self, day: int) -> tuple[Ints, Floats]:
        """Class every sponsor by the trials it led before a day; give their shares.

        The shares are of all those trials, as the method reads them.
        """
        led = self._led_by[self._led_last < day]
        n = np.bincount(led, minlength=self._n_sponsors)
        sizes = np.select(
            [n >= LARGE_SPONSOR_TRIALS, n >= MID_SPONSOR_TRIALS, n > 0],
            [inputs.SIZE_CLASSES.index(size) for size in ("large", "mid", "small")],
            0,
        )
        counts = np.bincount(sizes[led], minlength=len(inputs.SIZE_CLASSES))
        return sizes, counts / max(1, led.size)

    def evidence(self, nct_id: str) -> Evidence:
        """Return the question of a trial to what was known before it began."""
        frozen, one = self.before(nct_id), self.read(nct_id)
        return Evidence(
            prepared=frozen.prepared,
            need=self.need(nct_id),
            traits=frozen.traits,
            study=Study(
                sponsor=one.sponsor,
                sponsor_class=one.sponsor_class,
                modalities=self._bits(one),
                population=one.population,
            ),
        )

    def need(self, nct_id: str) -> inputs.Need:
        """Make the need of a trial from its record alone, with the method's weights.

        Nothing is a must, so no CRO is kept out.
        """
        one, sizes = self.read(nct_id), self.before(nct_id).sizes
        asked = [*one.conditions, *one.countries, *one.modalities]
        if one.phase >= 0:
            asked.append(one.phase)
        if one.population == HEALTHY:
            asked.append(self.words.place["population", HEALTHY_VOLUNTEERS])
        size = int(sizes[one.sponsor]) if one.sponsor >= 0 else 0
        return inputs.Need(
            requirements=inputs.Requirements(
                term=np.array(sorted(asked), np.int32),
                importance=np.full(len(asked), IMPORTANCE, np.int8),
                share=np.full(len(asked), np.nan),
            ),
            weights=dict(DEFAULT_WEIGHTS),
            as_of=one.first,
            start=one.first,
            participants=one.participants,
            n_sites=one.n_sites,
            is_rare=False,
            further_studies=0,
            staff_needed=math.nan,
            sponsor_size=size,
        )


def _conditions(words: Words, trial: Trial) -> list[int]:
    return words.conditions(trial.mesh_conditions, trial.conditions)


def _trials(read: Sequence[Read], sizes: Ints) -> inputs.Trials:
    """Put records in the engine's columns; each starts on its last possible day."""
    sponsor = np.array([one.sponsor for one in read], np.int32)
    return inputs.Trials(
        start=np.array([one.last for one in read], np.int32),
        phase=np.array([one.phase for one in read], np.int32),
        participants=np.array([one.participants for one in read], np.float64),
        n_sites=np.array([one.n_sites for one in read], np.float64),
        n_countries=np.array([len(one.countries) for one in read], np.int32),
        sponsor=sponsor,
        sponsor_size=np.append(sizes, 0)[sponsor].astype(np.int8),
        condition_at=_offsets(one.conditions for one in read),
        condition_term=_flat(one.conditions for one in read),
        country_at=_offsets(one.countries for one in read),
        country_term=_flat(one.countries for one in read),
        id=np.arange(len(read), dtype=np.int64),
    )


def _offsets(lists: Iterable[Sequence[int]]) -> Ints:
    lengths = [len(one) for one in lists]
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


def _flat(lists: Iterable[Sequence[int]]) -> Int32s:
    return np.array(list(chain.from_iterable(lists)), np.int32)


NO_CLAIMS: Final = inputs.Claims(
    cro=np.zeros(0, np.int32),
    term=np.zeros(0, np.int32),
    answer=np.zeros(0, bool),
    aspect=np.zeros(0, np.int8),
    country=np.zeros(0, np.int32),
    area=np.zeros(0, np.int32),
    delivery=np.zeros(0, np.int8),
    value=np.zeros(0, np.float64),
    tier=np.zeros(0, np.int8),
    observed=np.zeros(0, np.int32),
    expires=np.zeros(0, np.int32),
    id=np.zeros(0, np.int64),
)
"""A register tells no claims: every leaf about claims is unknown for all CROs."""
