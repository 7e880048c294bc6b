"""What is true of one fictional CRO, whether anybody claims it or not."""

import datetime as dt
from dataclasses import dataclass

from catalog.demo.kinds import Kind
from catalog.demo.words import Word


@dataclass(frozen=True)
class Profile:
    """A fictional CRO. Countries and areas come strongest first, home before all."""

    index: int
    kind: Kind
    name: str
    stem: str
    headcount: int
    founded: int  # year
    countries: tuple[str, ...]  # codes
    areas: tuple[str, ...]  # keys of therapeutic areas
    conditions: tuple[tuple[str, tuple[Word, ...]], ...]  # by area
    skill: float  # standard normal; good ones are on time and keep their people
    knowledge: float  # share of askable facts that are known
    n_roles: int
    status: str = "listed"
    successor: int | None = None
    ended_on: dt.date | None = None
