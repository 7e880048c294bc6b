"""What is claimed of a fictional CRO: part of the truth, some of it old or wrong.

Most askable facts stay unknown. A source has a day and a tier; claims come from
sources, so they age together.
"""

import datetime as dt
import json
import math
from random import Random
from typing import NamedTuple

from catalog.demo.kinds import CERTIFICATES, UNUSUAL_SERVICES
from catalog.demo.profile import Profile
from catalog.demo.rows import (
    REFERENCE_DATE,
    ClaimRow,
    CompleteListRow,
    Market,
    SourceRow,
    stable_uuid,
)
from catalog.demo.words import Vocabulary, Word

LISTED = (
    "service",
    "technology",
    "modality",
    "phase",
    "population",
    "certification",
    "engagement",
    "regulator",
    "therapeutic_area",
)
"""Schemes of which each term is an askable fact; countries and metrics come on top."""

SOURCE_URL = "https://evidence.example/"
"""Where every source of the demo pretends to be; it tells them from real ones."""

GROUPED = frozenset({"service", "technology", "engagement"})
"""Schemes whose groups are headings, not facts."""

LIST_SCHEMES = ("service", "technology", "certification")
YEARS = (2023, 2024, 2025)
T1, T2, T3, T4, T5 = range(1, 6)


class _Source(NamedTuple):
    position: int
    tier: int
    day: dt.date


def add(
    market: Market, profile: Profile, vocabulary: Vocabulary, rng: Random, seed: int
) -> None:
    """Append the sources, claims and complete lists of one CRO."""
    _Teller(market, profile, vocabulary, rng, seed).tell()


class _Teller:
    """Tells what is known of one CRO."""

    def __init__(
        self,
        market: Market,
        profile: Profile,
        vocabulary: Vocabulary,
        rng: Random,
        seed: int,
    ) -> None:
        self.market, self.profile, self.rng = market, profile, rng
        self.vocabulary, self.seed = vocabulary, seed
        self.slug = market.cros[profile.index].slug
        self.seen: set[tuple[object, ...]] = set()
        self.n_claims = self.n_sources = 0
        self.sources: list[_Source] = []
        self.register: _Source | None = None
        self.countries = {f"country/{code}" for code in profile.countries}
        # Large CROs are audited and inspected more.
        self.size = min(1.0, math.log10(profile.headcount) / 4)

    def tell(self) -> None:
        self._open_sources()
        self._say_what_is_sure()
        self._say_type()
        complete = self._complete_lists()
        for scheme in LISTED:
            self._say_list(scheme, is_complete=scheme in complete)
        self._say_countries()
        self._say_conditions()
        self._say_team()
        self._say_performance()
        self._say_inspections()

    # Sources

    def _open_sources(self) -> None:
        chance = self.rng.random
        if chance() < 0.85:
            self._source("website", T5, "Website of {}")
        if chance() < 0.8 or not self.sources:
            self._source("attestation", T4, "Capability statement of {}")
        if chance() < 0.35:
            self._source("attestation", T4, "Questionnaire answered by {}")
        if chance() < 0.15 + 0.7 * self.size:
            self._source("document", T3, "Company profile of {} with annexes")
        if chance() < 0.25:
            self._source("document", T3, "Proposal of {} for an earlier study")
        if chance() < 0.5 * self.size:
            self._source("audit", T2, "Qualification audit of {}")
        elif chance() < 0.15:
            self._source("reference", T2, "Client reference about {}")
        if chance() < 0.15 + 0.6 * self.size:
            self.register = self._source(
                "regulator",
                T1,
                "Fictional inspection register, entry of {}",
                pool=False,
            )

    def _source(
        self,
        kind: str,
        tier: int,
        title: str,
        day: dt.date | None = None,
        *,
        pool: bool = True,
    ) -> _Source:
        self.n_sources += 1
        source = _Source(len(self.market.sources), tier, day or self._day())
        self.market.sources.append(
            SourceRow(
                uuid=stable_uuid("source", self.seed, self.slug, self.n_sources),
                kind=kind,
                title=title.format(self.profile.name),
                url=f"{SOURCE_URL}{self.slug}/{self.n_sources}",
                publisher=self.profile.name if tier >= T4 else "Fictional publisher",
                published_on=source.day,
            )
        )
        if pool:
            self.sources.append(source)
        return source

    def _day(self) -> dt.date:
        """Draw a day: mostly of the last three years, one in eight 4 to 9 years old."""
        years = (
            self.rng.uniform(4, 9)
            if self.rng.random() < 0.125
            else min(6.0, self.rng.expovariate(1 / 1.4))
        )
        day = REFERENCE_DATE - dt.timedelta(days=round(years * 365.25))
        return max(day, dt.date(self.profile.founded, 7, 1))

    # Claims

    def _say(
        self,
        term: str,
        answer: bool = True,
        *,
        source: _Source | None = None,
        delivery: str = "own",
        aspect: str = "",
        country: str | None = None,
        area: str | None = None,
        value: float | None = None,
        qualifiers: dict[str, object] | None = None,
        day: dt.date | None = None,
        lasts_years: int | None = None,
        is_settled: bool = False,
    ) -> _Source:
        """Append a claim; most are accepted, a few wait, were replaced or fell.

        `is_settled` claims are accepted for sure.
        """
        rng = self.rng
        source = source or rng.choice(self.sources)
        day = day or source.day
        status, note = "accepted", ""
        draw = 1.0 if is_settled else rng.random()
        if draw < 0.05:
            status, note = "proposed", "Waits for a curator."
        elif draw < 0.065:
            status, note = "disputed", "A former client says otherwise."
        elif draw < 0.085:
            status, note = "withdrawn", "Withdrawn by the CRO."
        elif draw < 0.12:
            before = day - dt.timedelta(days=rng.randint(200, 900))
            self._write(
                term, answer, aspect, country, area, delivery, value, qualifiers,
                source, before, None, "superseded", "Replaced by a newer statement.",
            )  # fmt: skip
        if lasts_years is None and source.tier >= T3 and rng.random() < 0.3:
            lasts_years = 3
        expires = (
            day.replace(day=1, year=day.year + lasts_years) if lasts_years else None
        )
        self._write(
            term, answer, aspect, country, area, delivery, value, qualifiers,
            source, day, expires, status, note,
        )  # fmt: skip
        return source

    def _write(
        self,
        term: str,
        answer: bool,
        aspect: str,
        country: str | None,
        area: str | None,
        delivery: str,
        value: float | None,
        qualifiers: dict[str, object] | None,
        source: _Source,
        day: dt.date,
        expires: dt.date | None,
        status: str,
        note: str,
    ) -> None:
        delivery = delivery if answer else ""
        same = (term, answer, aspect, country, area, delivery, value, source, day)
        if same in self.seen:
            return
        self.seen.add(same)
        self.n_claims += 1
        self.market.claims.append(
            ClaimRow(
                stable_uuid("claim", self.seed, self.slug, self.n_claims),
                self.profile.index, term, answer, aspect, country, area, delivery,
                value, json.dumps(qualifiers) if qualifiers else "{}", source.tier,
                source.position, day, expires, status, note,
            )
        )  # fmt: skip

    def _contradict(self, term: str, answer: bool, source: _Source) -> None:
        """Sometimes let an equally good source, or the register, say the opposite."""
        draw = self.rng.random()
        if draw < 0.03:
            others = [
                other
                for other in self.sources
                if other.tier == source.tier and other != source
            ]
            other = others[0] if others else self._second_voice(source.tier)
            self._say(term, not answer, source=other, is_settled=True)
        elif draw < 0.045 and self.register and source.tier >= T4:
            self._say(term, not answer, source=self.register, is_settled=True)

    def _second_voice(self, tier: int) -> _Source:
        kind, title = {
            T2: ("audit", "Second audit of {}"),
            T3: ("document", "Contract annex about {}"),
            T4: ("attestation", "Later questionnaire answered by {}"),
            T5: ("website", "Trade directory entry of {}"),
        }[tier]
        return self._source(kind, tier, title)

    # What there is to say

    def _say_what_is_sure(self) -> None:
        """Say it by a recent audit; nothing else is said of those terms."""
        if not self.profile.sure_claims:
            return
        day = REFERENCE_DATE - dt.timedelta(days=200)
        audit = self._source("audit", T2, "Qualification audit of {}", day, pool=False)
        for key in self.profile.sure_claims:
            self._say(key, source=audit, is_settled=True)
        staff = self.profile.headcount
        self._say("metric/headcount-fte", value=staff, source=audit, is_settled=True)

    def _say_type(self) -> None:
        for code in self.profile.kind.types:
            self._say(f"cro_type/{code}", is_settled=True)
        if (
            self.profile.kind.code == "area_specialist"
            and self.profile.areas[0] == "therapeutic_area/c04"
        ):
            self._say("cro_type/oncology-specialist", is_settled=True)

    def _complete_lists(self) -> set[str]:
        if self.profile.status != "listed" or self.rng.random() > 0.12:
            return set()
        schemes = self.rng.sample(LIST_SCHEMES, self.rng.randint(1, 2))
        for scheme in schemes:
            age = dt.timedelta(days=self.rng.randint(10, 700))
            self.market.complete_lists.append(
                CompleteListRow(self.profile.index, scheme, REFERENCE_DATE - age)
            )
        return set(schemes)

    def _say_list(self, scheme: str, *, is_complete: bool) -> None:
        rng, knowledge = self.rng, self.profile.knowledge
        if_true, if_false = min(0.95, 1.3 * knowledge), 0.4 * knowledge
        for word in self.vocabulary.of(scheme):
            if word.key in self.profile.sure_claims:
                continue
            if word.is_group and scheme in GROUPED:
                continue
            is_true = rng.random() < self._chance(scheme, word)
            if is_complete:
                is_known = is_true
            else:
                is_known = rng.random() < (if_true if is_true else if_false)
            if is_known:
                source = self._say_one(scheme, word, is_true, is_settled=is_complete)
                if not is_complete:
                    self._contradict(word.key, is_true, source)

    def _chance(self, scheme: str, word: Word) -> float:
        """Tell how likely it is that a CRO of this kind and size has a term."""
        kind, code = self.profile.kind, word.code
        is_giant = kind.code == "giant"
        if scheme == "service":
            if code in kind.core:
                return 0.97
            if code in UNUSUAL_SERVICES and not is_giant:
                return 0.12 * kind.breadth
            return kind.breadth
        if scheme == "technology":
            return kind.technology
        if scheme == "modality":
            return 0.92 if code in kind.modalities else 0.6 if is_giant else 0.1
        if scheme == "phase":
            parent = code.rstrip("ab")
            return 0.93 if code in kind.phases or parent in kind.phases else 0.06
        if scheme == "certification":
            return min(0.95, CERTIFICATES.get(code, 0.04) * (0.4 + 1.8 * self.size))
        if scheme == "regulator":
            if f"country/{self.profile.countries[0]}" in word.broader:
                return 0.9
            return 0.03 if word.broader.isdisjoint(self.countries) else 0.7
        if scheme == "therapeutic_area":
            if code == "rare-diseases":
                return 1.0 if kind.code == "rare_disease" else 0.12
            return 1.0 if word.key in self.profile.areas else 0.0
        return 0.85 if is_giant else 0.2 + 0.35 * self.size

    def _say_one(
        self, scheme: str, word: Word, is_true: bool, *, is_settled: bool
    ) -> _Source:
        if not is_true:
            return self._say(word.key, False, is_settled=is_settled)
        rng, kind = self.rng, self.profile.kind
        if scheme == "certification":
            number = f"DEMO-{rng.randint(10_000, 99_999)}"
            return self._say(
                word.key,
                qualifiers={"number": number, "issuer": "Fictional Certification Body"},
                lasts_years=3,
                is_settled=is_settled,
            )
        if scheme == "technology":
            is_own = rng.random() < kind.own_technology
            product = f"{self.profile.stem if is_own else 'Demo'} {word.label}"[:120]
            return self._say(
                word.key,
                delivery="own" if is_own else "partner",
                qualifiers={"product": product, "is_validated": rng.random() < 0.6},
                is_settled=is_settled,
            )
        if scheme == "therapeutic_area":
            return self._say(
                word.key, value=self._own_count(0.35, 12), is_settled=is_settled
            )
        if scheme == "service":
            return self._say_service(word, is_settled=is_settled)
        return self._say(word.key, is_settled=is_settled)

    def _say_service(self, word: Word, *, is_settled: bool) -> _Source:
        rng, profile = self.rng, self.profile
        is_core = not profile.kind.core or word.code in profile.kind.core
        draw = rng.random()
        delivery = "own"
        if not is_core and draw < 0.4:
            delivery = "affiliate" if draw < 0.12 else "partner"
        country = area = None
        scope = rng.random()
        if scope < 0.05:
            country = f"country/{profile.countries[0]}"
        elif scope < 0.08:
            area = profile.areas[0]
        return self._say(
            word.key,
            delivery=delivery,
            country=country,
            area=area,
            is_settled=is_settled,
        )

    def _own_count(self, chance: float, typical: float) -> int | None:
        """Draw the CRO's own count of trials, which no register shows."""
        if self.rng.random() > chance:
            return None
        scale = typical * (0.3 + 2 * self.size**2)
        return max(1, round(scale * self.rng.lognormvariate(0, 0.7)))

    def _say_countries(self) -> None:
        rng, profile = self.rng, self.profile
        home, *others = profile.countries
        if rng.random() < 0.97:
            self._say(f"country/{home}", aspect="headquarters", is_settled=True)
        known = min(0.97, 1.5 * profile.knowledge)
        for code in others:
            if rng.random() > known:
                continue
            aspect = rng.choices(["staff", "legal_entity", ""], [5, 3, 2])[0]
            delivery = rng.choices(["own", "affiliate", "partner"], [8, 1, 1])[0]
            self._say(f"country/{code}", aspect=aspect, delivery=delivery)
            if aspect == "legal_entity" and rng.random() < 0.4:
                self._say(f"country/{code}", aspect="staff")
        everywhere = self.vocabulary.of("country")
        for word in rng.sample(everywhere, min(3, len(everywhere))):
            if word.code not in profile.countries and rng.random() < profile.knowledge:
                self._say(word.key, False)

    def _say_conditions(self) -> None:
        known = min(0.95, 1.4 * self.profile.knowledge)
        for _, words in self.profile.conditions:
            for word in words:
                if self.rng.random() < known:
                    self._say(word.key, value=self._own_count(0.3, 4))

    def _say_team(self) -> None:
        rng, profile, skill = self.rng, self.profile, self.profile.skill
        knows = min(0.9, 1.3 * profile.knowledge)
        staff = profile.headcount
        if rng.random() < 0.85:
            self._metric("headcount-fte", staff)
        if rng.random() < knows:
            free = staff * rng.uniform(0.0, 0.12) + rng.uniform(0, 3)
            self._metric("free-capacity-fte", round(free, 1))
        if rng.random() < knows:
            turnover = rng.gauss(0.17, 0.06) - 0.04 * skill + 0.02 * self.size
            self._metric("staff-turnover", round(min(0.6, max(0.02, turnover)), 3))
        if rng.random() < knows:
            share = rng.gauss(0.25, 0.12) + 0.25 * self.size + 0.06 * skill
            self._metric("pm-certified-share", round(min(1.0, max(0.0, share)), 2))
        if rng.random() < knows:
            years = rng.gauss(6.5, 2.0) + 1.2 * skill
            self._metric("pm-experience-years", round(min(25.0, max(0.5, years)), 1))

    def _metric(self, code: str, value: float, source: _Source | None = None) -> None:
        self._say(f"metric/{code}", value=value, source=source)

    def _say_performance(self) -> None:
        """Say two or three years of milestones: a report a year, its day year's end."""
        rng, profile = self.rng, self.profile
        if rng.random() > min(0.9, 1.4 * profile.knowledge):
            return
        tier, kind = rng.choices(
            [(T4, "attestation"), (T3, "document"), (T2, "audit")], [6, 3, 1]
        )[0]
        on_time = 0.70 + 0.09 * profile.skill
        for year in YEARS[rng.randint(0, 1) :]:
            if profile.ended_on and profile.ended_on.year <= year:
                continue
            due = max(4, round(profile.headcount / 7 * rng.lognormvariate(0, 0.35)))
            rate = min(1.0, max(0.15, on_time + rng.gauss(0, 0.05)))
            report = self._source(
                kind,
                tier,
                f"Milestone report {year} of {{}}",
                dt.date(year + 1, 2, 15),
                pool=False,
            )
            for code, value in (
                ("milestones-due", due),
                ("milestones-on-time", round(due * rate)),
            ):
                self._say(
                    f"metric/{code}",
                    value=value,
                    source=report,
                    day=dt.date(year, 12, 31),
                    is_settled=True,
                )

    def _say_inspections(self) -> None:
        if self.register is None:
            return
        rng, profile = self.rng, self.profile
        total = 1 + round(10 * self.size**3 * rng.lognormvariate(0, 0.5))
        clean = sum(rng.random() < 0.72 + 0.08 * profile.skill for _ in range(total))
        for code, value in (
            ("inspections-total", total),
            ("inspections-no-action", clean),
        ):
            self._say(
                f"metric/{code}", value=value, source=self.register, is_settled=True
            )
