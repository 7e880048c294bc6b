"""The fictional track record: trials as a register might show them."""

import datetime as dt
import math
import re
from collections.abc import Callable
from random import Random

from catalog.demo.names import Names
from catalog.demo.profile import Profile, SureTrial
from catalog.demo.rows import (
    REFERENCE_DATE,
    Market,
    RoleRow,
    TrialConditionRow,
    TrialCountryRow,
    TrialRow,
)
from catalog.demo.words import Word

FIRST_START = dt.date(2008, 1, 1)
LAST_START = dt.date(2026, 8, 31)
PARTNER_SHARE = 0.14
"""Share of trials that name a second CRO; a fifth of those name a third."""

_SIZES = {
    "early-phase-1": (24, 0.5),
    "phase-1": (42, 0.6),
    "phase-1-2": (70, 0.6),
    "phase-2": (150, 0.7),
    "phase-2-3": (320, 0.7),
    "phase-3": (520, 0.8),
    "phase-4": (300, 0.9),
    "phase-na": (140, 0.9),
}
"""Participants by phase: median and sigma of the logarithm."""

_PHASE_WORDS = {
    "early-phase-1": "Early Phase 1",
    "phase-1": "Phase 1",
    "phase-1-2": "Phase 1/2",
    "phase-2": "Phase 2",
    "phase-2-3": "Phase 2/3",
    "phase-3": "Phase 3",
    "phase-4": "Phase 4",
    "phase-na": "",
}
_ROLE_KINDS = (
    ("collaborator", 62),
    ("official", 14),
    ("results_contact", 9),
    ("contact_domain", 8),
    ("third_party", 7),
)
_SPONSOR_MIX = {
    "giant": {"large": 6, "mid": 3, "small": 1, "academic": 0.4},
    "multinational": {"large": 3, "mid": 4, "small": 2, "academic": 0.6},
}
_USUAL_MIX = {"large": 1.5, "mid": 3, "small": 4.5, "academic": 1.2}
_PARTNER_WEIGHTS = {
    "imaging": 5.0,
    "biostatistics": 4.0,
    "pharmacovigilance": 3.0,
    "regional": 1.5,
    "fsp": 2.0,
    "multinational": 2.0,
}


def add(
    market: Market,
    profiles: list[Profile],
    names: Names,
    rng: Random,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Append trials with their conditions, countries and the CROs in them."""
    _Register(market, profiles, names, rng).fill(progress)


class _Register:
    def __init__(
        self,
        market: Market,
        profiles: list[Profile],
        names: Names,
        rng: Random,
    ) -> None:
        self.market, self.profiles, self.rng = market, profiles, rng
        self.legal_names = _legal_names(market)
        n_trials = sum(profile.n_roles for profile in profiles)
        self.sponsors = _sponsors(n_trials, names, rng)
        weights = [
            (p.n_roles + 0.5) * _PARTNER_WEIGHTS.get(p.kind.code, 1.0)
            if p.kind.code != "giant"
            else 40.0
            for p in profiles
        ]
        self.partners = iter(
            rng.choices(profiles, weights, k=n_trials + 100) if profiles else []
        )

    def fill(self, progress: Callable[[str, int, int], None] | None) -> None:
        for n, profile in enumerate(self.profiles, 1):
            clients: list[tuple[str, str, str]] = []
            for _ in range(profile.n_roles):
                self._trial(profile, clients)
            for sure in profile.sure_trials:
                self._trial(profile, clients, sure)
            if progress and n % 2000 == 0:
                progress("Inventing trials", n, len(self.profiles))

    def _trial(
        self,
        profile: Profile,
        clients: list[tuple[str, str, str]],
        sure: SureTrial | None = None,
    ) -> None:
        rng, kind = self.rng, profile.kind
        start = self._start(profile)
        if start is None or not profile.conditions:
            return
        phase, words = (
            (sure.phase, sure.conditions)
            if sure
            else (
                rng.choices(list(kind.phases), list(kind.phases.values()))[0],
                self._subject(profile),
            )
        )
        conditions = rng.sample(
            words, min(len(words), rng.choices([1, 2, 3], [7, 2, 1])[0])
        )
        sponsor, size, sponsor_class = self._client(profile, clients)
        participants = _participants(phase, kind.code, rng)
        countries = list(sure.countries) if sure else self._countries(profile, phase)
        n_sites = _n_sites(participants, len(countries), phase, rng)
        end = start + dt.timedelta(days=round(365 * rng.lognormvariate(0.5, 0.5)))
        is_running = end > REFERENCE_DATE
        is_known = rng.random() > 0.05
        position = len(self.market.trials)
        self.market.trials.append(
            TrialRow(
                registry_id=f"DEMO-{position + 1:08d}",
                title=_title(conditions[0], phase, kind.code, rng),
                study_type="OBSERVATIONAL"
                if kind.code == "late_phase" and phase == "phase-na"
                else "INTERVENTIONAL",
                phase=f"phase/{phase}",
                overall_status="RECRUITING" if is_running else rng.choices(
                    ["COMPLETED", "TERMINATED", "UNKNOWN"], [86, 9, 5]
                )[0],
                conditions_as_written=tuple(word.label for word in conditions),
                intervention_types=("DEVICE",) if kind.code == "device" else (
                    rng.choices(["DRUG", "BIOLOGICAL"], [7, 3])[0],
                ),
                participants=participants if is_known else None,
                n_sites=n_sites if is_known else None,
                start_date=start,
                completion_date=end,
                lead_sponsor=sponsor,
                sponsor_class=sponsor_class,
                sponsor_size=size,
            )
        )  # fmt: skip
        for word in conditions:
            self.market.trial_conditions.append(TrialConditionRow(position, word.key))
        for code, sites in _spread(n_sites, countries, rng):
            self.market.trial_countries.append(
                TrialCountryRow(
                    position, f"country/{code}", sites if is_known else None
                )
            )
        self._roles(position, profile, start, is_sure=sure is not None)

    def _start(self, profile: Profile) -> dt.date | None:
        """Draw a start in the CRO's life, later years likelier; None if there is none."""
        first = max(FIRST_START, dt.date(profile.founded + 1, 1, 1))
        last = min(LAST_START, profile.ended_on or LAST_START)
        days = (last - first).days
        if days < 60:
            return None
        day = first + dt.timedelta(days=math.floor(days * self.rng.random() ** 0.7))
        return day.replace(day=1) if self.rng.random() < 0.3 else day

    def _subject(self, profile: Profile) -> tuple[Word, ...]:
        """Choose an area, the strongest most often, and give its conditions."""
        weights = [1 / (1 + place) for place in range(len(profile.conditions))]
        return self.rng.choices(profile.conditions, weights)[0][1]

    def _client(
        self, profile: Profile, clients: list[tuple[str, str, str]]
    ) -> tuple[str, str, str]:
        """Choose a sponsor: a good CRO's clients come back more often."""
        loyal = min(0.85, max(0.1, 0.42 + 0.12 * profile.skill))
        if clients and self.rng.random() < loyal:
            return self.rng.choice(clients)
        mix = _SPONSOR_MIX.get(profile.kind.code, _USUAL_MIX)
        group = self.rng.choices(list(mix), list(mix.values()))[0]
        names = self.sponsors[group]
        # The first of a group have the most trials.
        name = names[math.floor(len(names) * self.rng.random() ** 2)]
        client = (
            (name, "mid", "OTHER") if group == "academic" else (name, group, "INDUSTRY")
        )
        clients.append(client)
        return client

    def _countries(self, profile: Profile, phase: str) -> list[str]:
        rng, all_of_them = self.rng, profile.countries
        early = phase in {"early-phase-1", "phase-1"}
        wanted = 1 if early and rng.random() < 0.85 else 1 + math.floor(
            len(all_of_them) * rng.random() ** 2.2 * (0.9 if phase == "phase-3" else 0.5)
        )  # fmt: skip
        wanted = min(wanted, len(all_of_them), 40)
        keyed = sorted(
            (rng.expovariate(1.0) + place / (3 + wanted), code)
            for place, code in enumerate(all_of_them)
        )
        return [code for _, code in keyed[:wanted]]

    def _roles(
        self, trial: int, profile: Profile, start: dt.date, *, is_sure: bool
    ) -> None:
        rng = self.rng
        usual = 0.25 if profile.kind.code == "phase1" else 0.04
        self._role(trial, profile, facility=0.0 if is_sure else usual)
        named = {profile.index}
        draw = rng.random()
        extra = 2 if draw < PARTNER_SHARE / 5 else 1 if draw < PARTNER_SHARE else 0
        for _ in range(extra):
            partner = next(self.partners)
            exists = partner.founded < start.year and (
                partner.ended_on is None or start < partner.ended_on
            )
            if exists and partner.index not in named:
                named.add(partner.index)
                self._role(trial, partner, facility=0.08)

    def _role(self, trial: int, profile: Profile, *, facility: float) -> None:
        rng = self.rng
        kind = (
            "facility"
            if rng.random() < facility
            else rng.choices(
                [code for code, _ in _ROLE_KINDS], [weight for _, weight in _ROLE_KINDS]
            )[0]
        )
        written = profile.name
        if rng.random() < 0.2:
            written = self.legal_names.get(profile.index, written)
        certainty = 0.9 if kind == "contact_domain" else 1.0
        self.market.roles.append(
            RoleRow(trial, profile.index, kind, written, certainty)
        )
        if rng.random() < 0.05 and kind == "collaborator":
            self.market.roles.append(
                RoleRow(trial, profile.index, "results_contact", written, 1.0)
            )


def _legal_names(market: Market) -> dict[int, str]:
    return {alias.cro: alias.name for alias in market.aliases if alias.kind == "legal"}


def _sponsors(n_trials: int, names: Names, rng: Random) -> dict[str, list[str]]:
    """Make the sponsors: few large ones, many small ones."""
    counts = {
        "large": 8 + n_trials // 800,
        "mid": 15 + n_trials // 120,
        "small": 30 + n_trials // 14,
        "academic": 8 + n_trials // 150,
    }
    return {
        group: [names.sponsor(group) for _ in range(count)]
        for group, count in counts.items()
    }


def _participants(phase: str, kind: str, rng: Random) -> int:
    median, spread = _SIZES[phase]
    factor = {"giant": 1.3, "rare_disease": 0.2}.get(kind, 1.0)
    return max(6, round(median * factor * rng.lognormvariate(0, spread)))


def _n_sites(participants: int, n_countries: int, phase: str, rng: Random) -> int:
    if phase in {"early-phase-1", "phase-1"}:
        return max(n_countries, rng.randint(1, 3))
    each = 7 * rng.lognormvariate(0, 0.5)
    return max(n_countries, round(participants / each))


def _spread(n_sites: int, countries: list[str], rng: Random) -> list[tuple[str, int]]:
    """Share the sites out, at least one a country."""
    shares = [rng.expovariate(1.0) for _ in countries]
    left, total = n_sites - len(countries), sum(shares)
    return [
        (code, 1 + math.floor(left * share / total))
        for code, share in zip(countries, shares, strict=True)
    ]


def _title(condition: Word, phase: str, kind: str, rng: Random) -> str:
    subject = re.sub(r"^(.*), (.*)$", r"\2 \1", condition.label)
    code = "".join(rng.choices("BDFKLMQRVXZ", k=3)) + f"-{rng.randint(101, 9899)}"
    if phase == "phase-na":
        thing = "System" if kind == "device" else "Registry"
        return f"The {code} {thing} in People With {subject} (Fictional)"
    design = rng.choices(
        [
            "A Randomized, Double-Blind, Placebo-Controlled",
            "A Randomized, Open-Label",
            "An Open-Label, Single-Arm",
            "A Multicenter, Randomized, Active-Controlled",
        ],
        [5, 3, 3, 3],
    )[0]
    if phase in {"early-phase-1", "phase-1"}:
        design = rng.choice(["A First-in-Human, Dose-Escalation", "An Open-Label"])
    words = _PHASE_WORDS[phase]
    return (
        f"{design} {words} Study of {code} in Participants With {subject} (Fictional)"
    )
