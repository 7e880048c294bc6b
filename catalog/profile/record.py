"""The registered trials of one CRO, indexed for counting."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from catalog.models import CRO, Claim, Term, Trial, TrialCondition, TrialCountry
from catalog.profile.register import Verdict, against_register

Trials = frozenset[int]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class TrackRecord:
    """The trials of a CRO by what they show; trials are primary keys.

    `by_place` goes by MeSH tree number, a trial standing at each number above its
    conditions too; `by_phase` and `by_country` by term, a phase at its parent too.
    """

    trials: Trials
    by_place: Mapping[str, Trials]
    by_phase: Mapping[int, Trials]
    own_phase: Mapping[int, int]
    by_country: Mapping[int, Trials]
    by_year: Mapping[int, Trials]

    def showing(self, term: Term) -> Trials | None:
        """Return the trials that show a term; None where registers cannot."""
        match term.scheme_id:
            case "condition" | "therapeutic_area":
                if not term.tree_numbers:
                    return None
                places = (self.by_place.get(n, Trials()) for n in term.tree_numbers)
                return Trials().union(*places)
            case "phase":
                return self.by_phase.get(term.pk, Trials())
            case "country":
                return self.by_country.get(term.pk, Trials())
        return None

    def verdict(self, claim: Claim) -> Verdict | None:
        """Hold a claim against the trials; None where they cannot speak to it.

        A trial in a country shows work there, but neither an office nor staff.
        """
        if claim.aspect:
            return None
        shown = self.showing(claim.term)
        for scope in (claim.country, claim.area):
            if shown is not None and scope is not None:
                within = self.showing(scope)
                shown = None if within is None else shown & within
        if shown is None:
            return None
        return against_register(answer=claim.answer, n_trials=len(shown))


def track_record(cros: Sequence[CRO]) -> TrackRecord:
    """Read the trials in which these CROs had a part: three queries."""
    mine = Trial.objects.experience_of(cros)
    rows = list(mine.values_list("pk", "start_date", "phase", "phase__parent"))
    by_phase: dict[int, set[int]] = defaultdict(set)
    by_year: dict[int, set[int]] = defaultdict(set)
    for trial, start, phase, wider in rows:
        if start is not None:
            by_year[start.year].add(trial)
        for term in filter(None, (phase, wider)):
            by_phase[term].add(trial)
    by_place: dict[str, set[int]] = defaultdict(set)
    for trial, numbers in TrialCondition.objects.filter(trial__in=mine).values_list(
        "trial", "term__tree_numbers"
    ):
        for number in numbers:
            parts = number.split(".")
            for depth in range(1, len(parts) + 1):
                by_place[".".join(parts[:depth])].add(trial)
    by_country: dict[int, set[int]] = defaultdict(set)
    for trial, country in TrialCountry.objects.filter(trial__in=mine).values_list(
        "trial", "country"
    ):
        by_country[country].add(trial)
    return TrackRecord(
        trials=frozenset(trial for trial, *_ in rows),
        by_place=_frozen(by_place),
        by_phase=_frozen(by_phase),
        own_phase={trial: phase for trial, _, phase, _ in rows if phase},
        by_country=_frozen(by_country),
        by_year=_frozen(by_year),
    )


def _frozen(index: Mapping[Key, set[int]]) -> dict[Key, Trials]:
    return {key: frozenset(trials) for key, trials in index.items()}
