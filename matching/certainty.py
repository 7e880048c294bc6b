"""How sure a stored ranking is, as pages and API show it (METHOD section 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.utils import timezone

from matching.engine.robustness import word
from matching.models import Ranking, Robustness

FEW, NEARLY_ALL = 0.005, 0.995
"""Shares of draws below and above which whole hundredths would say none or all."""


class State(StrEnum):
    """How far the work on a ranking is."""

    NEVER = "never"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


def in_draws(share: float) -> str:
    """Say a share of draws in words that are no more exact than it is."""
    if share <= 0:
        return "in none of the draws"
    if share >= 1:
        return "in every draw"
    if share < FEW:
        return "in fewer than 1 of 100 draws"
    if share > NEARLY_ALL:
        return "in more than 99 of 100 draws"
    return f"in {share * 100:.0f} of 100 draws"


def in_hundred(share: float) -> str:
    """Write a share of draws as so many of 100: `62`, `<1`, `>99`."""
    if 0 < share < FEW:
        return "<1"
    if NEARLY_ALL < share < 1:
        return ">99"
    return f"{share * 100:.0f}"


@dataclass(frozen=True)
class Chance:
    """Where a CRO stands in the draws; shares in [0, 1].

    `ranks` are the shares at rank 1, 2 and so on; `admitted` is how often it
    would be first if its own must-haves were met and nobody else's were.
    `confidence` and `central_weights` are None where it is hardly ever first.
    """

    cro_id: int
    position: int
    first: float
    top3: float
    ranks: Sequence[float]
    admitted: float
    confidence: float | None
    central_weights: Mapping[str, float] | None

    @property
    def first_words(self) -> str:
        return f"first {in_draws(self.first)}"

    @property
    def top3_words(self) -> str:
        return f"among the first three {in_draws(self.top3)}"


@dataclass(frozen=True)
class Tie:
    """CROs next to each other that the draws do not tell apart; often only one.

    `first` and `last` are places in the ranking. `before_next` is how often its
    first CRO comes before the next group's first, None for the last group;
    `by_musts` says that the must-haves set the two apart, whatever is drawn.
    """

    first: int
    last: int
    cro_ids: Sequence[int]
    before_next: float | None
    by_musts: bool

    @property
    def size(self) -> int:
        return len(self.cro_ids)

    @property
    def title(self) -> str:
        if self.size > 1:
            return f"Not distinguishable: {self.size} CROs"
        if self.before_next is None:
            return "The last one compared"
        if self.by_musts:
            return "Before the next by its must-haves"
        return f"{self._word} before the next"

    @property
    def text(self) -> str:
        """How sure the step to the next group is, and what the order inside says."""
        inside = "The order among them says nothing." if self.size > 1 else ""
        if self.before_next is None:
            return inside
        if self.by_musts:
            step = "More must-haves are met here than below."
        else:
            how = in_draws(self.before_next)
            step = (
                f"The first of them is {self._word.lower()} before the next group: "
                f"{how}."
                if self.size > 1
                else f"{how[0].upper()}{how[1:]}."
            )
        return f"{inside} {step}".strip()

    @property
    def _word(self) -> str:
        sure = word(self.before_next if self.before_next is not None else 0.5)
        return {"clear": "Clearly", "likely": "Likely"}.get(sure, "Hardly")


@dataclass(frozen=True)
class Certainty:
    """What is known of how sure a ranking is; without a result, how far it is."""

    state: State
    progress: float = 0.0  # share done
    error: str = ""
    n_draws: int = 0
    seed: int | None = None
    digest: str = ""
    chances: Mapping[int, Chance] = field(default_factory=dict)
    ties: Sequence[Tie] = ()
    wins: Sequence[Sequence[float]] = ()
    facts: Sequence[Mapping[str, Any]] = ()

    @property
    def is_pending(self) -> bool:
        """Whether a look a little later will show more."""
        return self.state in (State.WAITING, State.RUNNING)

    @property
    def is_done(self) -> bool:
        return self.state is State.DONE

    @property
    def percent(self) -> int:
        return int(self.progress * 100)

    @property
    def headline(self) -> str:
        """The first place in one sentence; empty without a result."""
        if not self.ties:
            return ""
        top = self.ties[0]
        if top.size > 1:
            return f"The first place is a tie: {top.size} CROs are not distinguishable."
        chance = self.chances[top.cro_ids[0]]
        sure = word(chance.first) if chance.first >= 0.5 else "tie"
        lead = {"clear": "clear", "likely": "likely"}.get(sure, "open")
        return f"The first place is {lead}: it stays first {in_draws(chance.first)}."

    def tie_of(self, cro_id: int) -> Tie | None:
        return self._ties_by_cro.get(cro_id)

    def before(self, a: int, b: int) -> float | None:
        """P(a before b) of two CROs; None where they were not compared."""
        at = self._at
        if a not in at or b not in at:
            return None
        return self.wins[at[a]][at[b]]

    @cached_property
    def _at(self) -> Mapping[int, int]:
        return {cro_id: i for i, cro_id in enumerate(self.chances)}

    @cached_property
    def _ties_by_cro(self) -> Mapping[int, Tie]:
        return {cro_id: tie for tie in self.ties for cro_id in tie.cro_ids}


def certainty_of(ranking: Ranking) -> Certainty:
    """Return how sure a ranking is; the ranking must be the reader's. One query."""
    row = Robustness.objects.filter(pk=ranking.pk).first()
    if row is None:
        return Certainty(State.NEVER)
    return read(ranking, row)


def read(ranking: Ranking, row: Robustness) -> Certainty:
    """Make a row ready to show."""
    result = row.result or {"cros": [], "wins": [], "groups": [], "facts": []}
    chances = [
        Chance(
            cro_id=one["cro"],
            position=one["position"],
            first=one["first"],
            top3=one["top3"],
            ranks=one["ranks"],
            admitted=one["admitted"],
            confidence=one["confidence"],
            central_weights=one["central_weights"],
        )
        for one in result["cros"]
    ]
    return Certainty(
        state=_state(row),
        progress=row.progress,
        error=row.error,
        n_draws=row.n_draws,
        seed=row.seed,
        digest=row.digest,
        chances={chance.cro_id: chance for chance in chances},
        ties=_ties(ranking, chances, result["groups"]),
        wins=result["wins"],
        facts=result["facts"],
    )


def _ties(
    ranking: Ranking, chances: Sequence[Chance], groups: Sequence[Mapping[str, Any]]
) -> list[Tie]:
    def is_eligible(position: int) -> bool:
        return position <= ranking.n_eligible

    ties = []
    for group in groups:
        members = [chances[row] for row in group["cros"]]
        last = members[-1].position
        is_step = group["before_next"] is not None
        ties.append(
            Tie(
                first=members[0].position,
                last=last,
                cro_ids=[chance.cro_id for chance in members],
                before_next=group["before_next"],
                by_musts=is_step and is_eligible(last) and not is_eligible(last + 1),
            )
        )
    return ties


def _state(row: Robustness) -> State:
    if row.state == Robustness.State.DONE:
        return State.DONE
    if row.state == Robustness.State.CANCELLED:
        return State.CANCELLED
    is_running = row.lease_until is not None and row.lease_until > timezone.now()
    if row.has_failed and not is_running:
        return State.FAILED
    return State.RUNNING if is_running else State.WAITING
