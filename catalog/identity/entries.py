"""What the resolver takes and gives."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Answer = Literal["same", "unsure", "no"]


@dataclass(frozen=True, slots=True)
class Name:
    """A name and the time it was in use; None is open.

    `kind` is one of `catalog.choices.AliasKind`: an abbreviation must be the whole
    name or be helped by other words; a domain is matched with web and mail domains.
    """

    text: str
    kind: str = "brand"
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


@dataclass(frozen=True, slots=True)
class OrganizationEntry:
    """An organization of the directory under all its names.

    `country` is where it sits, as lower-case ISO 3166-1 alpha-2. `successor` is
    the slug of the organization it became part of, on `succeeded_on`.
    """

    slug: str
    name: str
    names: tuple[Name, ...] = ()
    country: str = ""
    successor: str = ""
    succeeded_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """An organization as a record names it; empty is not known.

    `country` is lower-case ISO 3166-1 alpha-2, `day` the trial's start, `field`
    one of `catalog.choices.RoleKind`.
    """

    name: str
    domain: str = ""
    country: str = ""
    day: dt.date | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An organization that may be meant, and how sure that is, 0 to 1."""

    organization: str
    certainty: float


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who is meant, how sure that is, and why.

    `organization` is the slug of who bore the name: with the answer "unsure" the
    likeliest, with "no" empty. `successor` is the slug of who it belongs to today,
    empty if it still stands alone. `proposals` come best first.
    """

    answer: Answer
    organization: str
    certainty: float
    reasons: tuple[str, ...]
    successor: str = ""
    is_site: bool = False  # named as a facility: a site's experience, not a CRO's
    proposals: tuple[Proposal, ...] = ()
