"""The rows of the fictional market, in the order they are written.

A CRO, source or trial is named by its position; a term by its key "scheme/code".
"""

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import NamedTuple

NAMESPACE = uuid.UUID("6f1f7c1e-0c57-5d0e-9d52-0d1f6d9a7c11")
"""Of all uuids of the demo, so that the same seed gives the same ones."""

REFERENCE_DATE = dt.date(2026, 9, 30)
"""The market's today; nothing in it is later."""

N_CROS = 600
"""How many CROs the market has unless a command is told otherwise."""


class CRORow(NamedTuple):
    uuid: uuid.UUID
    slug: str
    name: str
    website: str
    summary: str
    status: str
    successor: int | None
    succeeded_on: dt.date | None


class AliasRow(NamedTuple):
    cro: int
    name: str
    kind: str
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


class SourceRow(NamedTuple):
    uuid: uuid.UUID
    kind: str
    title: str
    url: str
    publisher: str
    published_on: dt.date


class ClaimRow(NamedTuple):
    uuid: uuid.UUID
    cro: int
    term: str
    answer: bool
    aspect: str
    country: str | None
    area: str | None
    delivery: str
    value: float | int | None
    qualifiers: str  # JSON
    tier: int
    source: int
    observed_on: dt.date
    expires_on: dt.date | None
    status: str
    note: str


class CompleteListRow(NamedTuple):
    cro: int
    scheme: str
    declared_on: dt.date


class TrialRow(NamedTuple):
    registry_id: str
    title: str
    study_type: str
    phase: str
    overall_status: str
    conditions_as_written: tuple[str, ...]
    intervention_types: tuple[str, ...]
    participants: int | None
    n_sites: int | None
    start_date: dt.date
    completion_date: dt.date | None
    lead_sponsor: str
    sponsor_class: str
    sponsor_size: str


class TrialConditionRow(NamedTuple):
    trial: int
    term: str


class TrialCountryRow(NamedTuple):
    trial: int
    country: str
    n_sites: int | None


class RoleRow(NamedTuple):
    trial: int
    cro: int
    kind: str
    name_as_written: str
    certainty: float


@dataclass
class Market:
    """A whole fictional market. `kinds` tells the kind of each CRO, by position."""

    kinds: list[str] = field(default_factory=list)
    cros: list[CRORow] = field(default_factory=list)
    aliases: list[AliasRow] = field(default_factory=list)
    sources: list[SourceRow] = field(default_factory=list)
    claims: list[ClaimRow] = field(default_factory=list)
    complete_lists: list[CompleteListRow] = field(default_factory=list)
    trials: list[TrialRow] = field(default_factory=list)
    trial_conditions: list[TrialConditionRow] = field(default_factory=list)
    trial_countries: list[TrialCountryRow] = field(default_factory=list)
    roles: list[RoleRow] = field(default_factory=list)

    def digest(self) -> str:
        """SHA-256 of all rows: equal for equal markets."""
        sha = hashlib.sha256()
        for name, rows in vars(self).items():
            sha.update(name.encode())
            for row in rows:
                sha.update(repr(row).encode())
        return sha.hexdigest()


def stable_uuid(*parts: object) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, "/".join(map(str, parts)))
