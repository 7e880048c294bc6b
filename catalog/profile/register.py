"""A claim beside the trial registers: pure."""

import datetime as dt
import enum
from dataclasses import dataclass


class Finding(enum.StrEnum):
    """What the registers say to a claim."""

    SUPPORTED = "supported"
    NOT_SEEN = "not-seen"
    CONTRADICTED = "contradicted"
    AGREES = "agrees"


@dataclass(frozen=True)
class Verdict:
    """A finding and the number of trials it rests on."""

    finding: Finding
    n_trials: int

    @property
    def words(self) -> str:
        trials = f"{self.n_trials} trial{'' if self.n_trials == 1 else 's'}"
        match self.finding:
            case Finding.SUPPORTED:
                return f"supported by {trials}"
            case Finding.CONTRADICTED:
                return f"contradicted by {trials}"
            case Finding.NOT_SEEN:
                return "not seen in the registers"
            case Finding.AGREES:
                return "no trial says otherwise"


def against_register(*, answer: bool, n_trials: int) -> Verdict:
    """Hold a yes or no against the number of trials that show the thing.

    Registers name few of the CROs of a trial, so a yes without a trial is not
    seen, which is not the same as false.
    """
    if n_trials < 0:
        raise ValueError("a number of trials is not negative")
    if answer:
        finding = Finding.SUPPORTED if n_trials else Finding.NOT_SEEN
    else:
        finding = Finding.CONTRADICTED if n_trials else Finding.AGREES
    return Verdict(finding, n_trials)


STALE_AFTER_YEARS = 4
"""Then a claim has lost half of its certainty (METHOD section 2)."""


def why_stale(*, observed_on: dt.date, expires_on: dt.date | None, on: dt.date) -> str:
    """Say why a claim should be asked anew on that day; "" while it is fresh."""
    if expires_on is not None and expires_on < on:
        return f"expired on {expires_on:%-d %B %Y}; it no longer counts"
    years = (on - observed_on).days / 365.25
    if years >= STALE_AFTER_YEARS:
        return f"seen {int(years)} years ago; it has lost half of its certainty or more"
    return ""
