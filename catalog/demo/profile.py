"""What is true of one fictional CRO, whether anybody claims it or not."""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from catalog.demo.kinds import Kind
from catalog.demo.words import Word


class SureTrial(NamedTuple):
    """A trial that a CRO surely ran: of that phase, in those countries."""

    phase: str
    conditions: tuple[Word, ...]  # it studies one or some of them
    countries: tuple[str, ...]  # codes


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
    sure_claims: tuple[
        str, ...
    ] = ()  # keys of terms; an audit saw them in its own hands
    sure_trials: tuple[SureTrial, ...] = ()  # besides its `n_roles` others
