"""Turns records into the rows an import stages: words to terms, names to CROs."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from catalog import identity
from catalog.identity import Resolution, core_name
from catalog.importers.conditions import ConditionMatcher, Name
from catalog.importers.records import Mention, PartialDate, TrialRecord
from catalog.models import CRO, Term
from catalog.vocabulary import TermResolver

FURTHEST_START_YEARS = 15
"""A start later than so many years from now is a slip of the pen."""
MAX_SURPRISES = 200
MAX_CACHED = 200_000
FROM_ANCESTOR = 0.7
"""Certainty of a condition that only the record's wider MeSH terms name."""
STUDY_TYPES = frozenset({"INTERVENTIONAL", "OBSERVATIONAL", "EXPANDED_ACCESS"})
SPONSOR_CLASSES = frozenset(
    {"INDUSTRY", "NIH", "FED", "OTHER_GOV", "NETWORK", "INDIV", "OTHER"}
)


class Resolver(Protocol):
    """What an import asks about names; `catalog.identity.Resolver` answers."""

    def resolve_many(
        self, mentions: Sequence[identity.Mention]
    ) -> list[Resolution]: ...


class StagedRow(NamedTuple):
    """A row of `StagedTrial` without its run, position and digest."""

    register: str
    registry_id: str
    version: str
    detail: int
    title: str
    study_type: str
    phase_id: int | None
    overall_status: str
    conditions_as_written: tuple[str, ...]
    intervention_types: tuple[str, ...]
    interventions: tuple[str, ...]
    other_ids: tuple[str, ...]
    participants: int | None
    n_sites: int | None
    start_date: dt.date | None
    completion_date: dt.date | None
    lead_sponsor: str
    sponsor_key: str
    sponsor_class: str
    condition_ids: tuple[int, ...]
    condition_certainties: tuple[float, ...]
    country_ids: tuple[int, ...]
    country_sites: tuple[int | None, ...]
    cro_ids: tuple[int, ...]
    role_kinds: tuple[str, ...]
    role_names: tuple[str, ...]
    role_certainties: tuple[float, ...]
    unsure: list[dict[str, str]]

    def digest(self) -> str:
        """Tell whether merging the row would change anything; not its version."""
        facts = repr((*self[:2], *self[3:])).encode()
        return hashlib.blake2b(facts, digest_size=16).hexdigest()


@dataclass
class Lookups:
    """Everything a record is looked up in. Make one for each import."""

    resolver: Resolver
    today: dt.date
    surprises: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._terms = TermResolver.load(("country", "condition", "phase"))
        names: list[Name] = []
        rows = Term.objects.of("condition").current().order_by("pk")
        for pk, label, synonyms, numbers in rows.values_list(
            "pk", "label", "synonyms", "tree_numbers"
        ):
            names += [Name(pk, text, numbers) for text in (label, *synonyms)]
        self._conditions = ConditionMatcher.of(names)
        self._cros: dict[str, int] = dict(CRO.objects.values_list("slug", "pk"))
        self._answers: dict[identity.Mention, Resolution] = {}
        self._strangers: set[tuple[str, str]] = set()

    @property
    def has_terms(self) -> bool:
        """Whether there are words to look anything up in."""
        return self._terms.resolve_country("us") is not None

    def rows(self, records: Sequence[TrialRecord]) -> list[StagedRow]:
        """Look up a batch of records; the names of all of them at once."""
        records = [self._plausible(record) for record in records]
        mentions = [self._mentions(record) for record in records]
        self._resolve({mention for found in mentions for mention in found})
        return [
            self._row(record, found)
            for record, found in zip(records, mentions, strict=True)
        ]

    def note(self, sentence: str) -> None:
        """Count something the records have that could not be used."""
        if sentence in self.surprises or len(self.surprises) < MAX_SURPRISES:
            self.surprises[sentence] += 1

    def _plausible(self, record: TrialRecord) -> TrialRecord:
        """Drop dates that cannot be.

        A version of tomorrow would keep all later ones out for ever.
        """
        for sentence in record.notes:
            self.note(sentence)
        version = record.version
        if version > (self.today + dt.timedelta(days=2)).isoformat():
            self.note("The record's last update lies in the future; it was left out.")
            version = ""
        latest = self.today.year + FURTHEST_START_YEARS
        start, completion = record.start, record.completion
        if start and start.first_day.year > latest:
            self.note(f"The trial starts after {latest}; its start was left empty.")
            start = None
        return replace(record, version=version, start=start, completion=completion)

    def _mentions(self, record: TrialRecord) -> dict[identity.Mention, Mention]:
        """Give the mentions as the resolver wants them, with what they come from."""
        day = record.start.first_day if record.start else None
        found: dict[identity.Mention, Mention] = {}
        for mention in record.mentions:
            country = (
                self._terms.resolve_country(mention.country)
                if mention.country and mention.field != "facility"
                else None
            )
            asked = identity.Mention(
                name=mention.name,
                domain=mention.domain,
                country=country.code if country else "",
                day=day,
                field=mention.field,
            )
            found.setdefault(asked, mention)
        return found

    def _resolve(self, mentions: Iterable[identity.Mention]) -> None:
        """Answer for mentions that are new; who is a stranger is so on any day."""
        if len(self._answers) + len(self._strangers) > MAX_CACHED:
            self._answers.clear()
            self._strangers.clear()
        new = [
            mention
            for mention in mentions
            if mention not in self._answers
            and (mention.name, mention.domain) not in self._strangers
        ]
        for mention, answer in zip(new, self.resolver.resolve_many(new), strict=True):
            if answer.answer == "no" and not answer.proposals:
                self._strangers.add((mention.name, mention.domain))
            else:
                self._answers[mention] = answer

    def _row(
        self, record: TrialRecord, mentions: dict[identity.Mention, Mention]
    ) -> StagedRow:
        conditions = self._condition_terms(record)
        countries = self._country_terms(record)
        roles, unsure = self._roles(mentions)
        phase = self._terms.resolve_phase(record.phases)
        if phase is None and record.phases:
            self.note(f"“{' and '.join(record.phases)[:80]}” is no phase known here.")
        lead = record.lead_sponsor
        name = lead.name if lead else ""
        org_class = lead.org_class if lead else ""
        return StagedRow(
            register=record.register,
            registry_id=record.registry_id,
            version=record.version,
            detail=record.detail,
            title="" if record.title == record.registry_id else record.title[:1000],
            study_type=record.study_type if record.study_type in STUDY_TYPES else "",
            phase_id=phase.pk if phase else None,
            overall_status=record.status,
            conditions_as_written=_cut(record.conditions, 500),
            intervention_types=_cut(record.intervention_types, 40),
            interventions=_cut(record.intervention_names, 200),
            other_ids=_cut(record.other_ids, 60),
            participants=record.participants,
            n_sites=record.n_sites,
            start_date=_first_day(record.start),
            completion_date=_first_day(record.completion),
            lead_sponsor=name,
            sponsor_key=core_name(name)[:300],
            sponsor_class=org_class if org_class in SPONSOR_CLASSES else "",
            condition_ids=tuple(conditions),
            condition_certainties=tuple(conditions.values()),
            country_ids=tuple(countries),
            country_sites=tuple(countries.values()),
            cro_ids=tuple(cro for cro, _ in roles),
            role_kinds=tuple(kind for _, kind in roles),
            role_names=tuple(name for name, _ in roles.values()),
            role_certainties=tuple(certainty for _, certainty in roles.values()),
            unsure=unsure,
        )

    def _condition_terms(self, record: TrialRecord) -> dict[int, float]:
        """Give the record's MeSH terms; without any, what its words mean."""
        found: dict[int, float] = {}
        for mesh in record.mesh_conditions:
            if term := self._terms.resolve_condition(mesh.label, mesh.id):
                found[term.pk] = 1.0
            else:
                self.note(f"“{mesh.label[:80]}” is no MeSH condition known here.")
        if not found:
            for words in record.conditions:
                for key, certainty in self._conditions.match(words):
                    found[key] = max(found.get(key, 0.0), certainty)
        if not found and record.mesh_ancestors:
            above = [
                term
                for mesh in record.mesh_ancestors
                if (term := self._terms.resolve_condition(mesh.label, mesh.id))
            ]
            if deepest := max(above, key=_depth, default=None):
                found[deepest.pk] = FROM_ANCESTOR
        if not found and record.conditions:
            self.note("The record's conditions name no MeSH condition known here.")
        return found

    def _country_terms(self, record: TrialRecord) -> dict[int, int | None]:
        found: dict[int, int | None] = {}
        for country in record.countries:
            if term := self._terms.resolve_country(country.name):
                # Two names may be of one country; one unknown leaves the sum unknown.
                before = found.get(term.pk, 0)
                n_sites = country.n_sites
                found[term.pk] = (
                    None if before is None or n_sites is None else before + n_sites
                )
            else:
                self.note(f"“{country.name[:80]}” is no country known here.")
        return found

    def _roles(
        self, mentions: dict[identity.Mention, Mention]
    ) -> tuple[dict[tuple[int, str], tuple[str, float]], list[dict[str, str]]]:
        """Give roles by CRO and kind with name and certainty, and what is unsure.

        Unsure facilities are counted, not kept: a facility is no CRO's experience,
        and its name is often the investigator's.
        """
        roles: dict[tuple[int, str], tuple[str, float]] = {}
        unsure: list[dict[str, str]] = []
        for asked, mention in mentions.items():
            answer = self._answers.get(asked)
            if answer is None or answer.answer == "no":
                continue
            cro = self._cros.get(answer.organization)
            if answer.answer == "unsure" or cro is None:
                if mention.field == "facility":
                    self.note("A facility may be an organization of the directory.")
                else:
                    day = asked.day.isoformat() if asked.day else ""
                    unsure.append(
                        {
                            "name": asked.name,
                            "domain": asked.domain,
                            "country": asked.country,
                            "field": asked.field,
                            "day": day,
                        }
                    )
                continue
            key = (cro, mention.field)
            name = (mention.name or mention.domain)[:300]
            certainty = min(max(answer.certainty, 0.001), 1.0)
            if key not in roles or roles[key][1] < certainty:
                roles[key] = (name, certainty)
        return roles, unsure


def _cut(texts: Iterable[str], length: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text[:length] for text in texts))


def _first_day(date: PartialDate | None) -> dt.date | None:
    return date.first_day if date else None


def _depth(term: Any) -> int:
    return max((number.count(".") for number in term.tree_numbers), default=-1)
