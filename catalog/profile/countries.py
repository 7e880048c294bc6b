"""The tab Countries: entity, staff, trials and submissions told apart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.choices import Aspect
from catalog.maps import Mark
from catalog.models import Term
from catalog.profile.facts import ClaimLine, Dossier, judged
from catalog.profile.record import TrackRecord, track_record

LEGAL = (Aspect.HEADQUARTERS, Aspect.LEGAL_ENTITY)


@dataclass(frozen=True)
class Country:
    """One country; an empty list is not known, which is not a no.

    `submissions` are claims on an authority of the country, or on a service there.
    """

    term: Term
    legal: Sequence[ClaimLine]
    staff: Sequence[ClaimLine]
    presence: Sequence[ClaimLine]
    submissions: Sequence[ClaimLine]
    n_trials: int
    latest_year: int | None

    @property
    def has_yes(self) -> bool:
        """Whether a current claim says that the CRO is there."""
        return any(
            line.is_current and line.claim.answer
            for line in (*self.legal, *self.staff, *self.presence)
        )


@dataclass(frozen=True)
class Countries:
    rows: Sequence[Country]
    marks: Mapping[str, Mark]
    n_legal: int
    n_staff: int
    n_trials: int
    n_submissions: int


def countries(dossier: Dossier) -> Countries:
    """Gather the tab: five queries. `marks` are for the map, by country code."""
    record = track_record([dossier.cro])
    lines = judged(dossier.of("country"), record)
    regulators = dossier.of("regulator")
    country_of: dict[int, list[int]] = defaultdict(list)
    for regulator, country in Term.objects.filter(
        pk__in={line.claim.term_id for line in regulators}, broader__scheme="country"
    ).values_list("pk", "broader"):
        country_of[regulator].append(country)
    by_aspect: dict[tuple[int, str], list[ClaimLine]] = defaultdict(list)
    for line in lines:
        kind = "legal" if line.claim.aspect in LEGAL else line.claim.aspect
        by_aspect[line.claim.term_id, kind].append(line)
    submissions: dict[int, list[ClaimLine]] = defaultdict(list)
    for line in regulators:
        for country in country_of[line.claim.term_id]:
            submissions[country].append(line)
    for line in dossier.of("service"):
        if line.claim.country_id and "submissions" in line.claim.term.code:
            submissions[line.claim.country_id].append(line)
    named = {line.claim.term_id for line in lines}
    rows = [
        Country(
            term=term,
            legal=by_aspect[term.pk, "legal"],
            staff=by_aspect[term.pk, Aspect.STAFF],
            presence=by_aspect[term.pk, Aspect.UNSPECIFIED],
            submissions=submissions[term.pk],
            n_trials=len(record.by_country.get(term.pk, ())),
            latest_year=_latest(record, term.pk),
        )
        for term in Term.objects.of("country").filter(
            pk__in=named | submissions.keys() | record.by_country.keys()
        )
    ]
    rows.sort(key=lambda row: (not row.has_yes, -row.n_trials, row.term.label))

    def known(row: Country, name: str) -> bool:
        found: Sequence[ClaimLine] = getattr(row, name)
        return any(line.is_current and line.claim.answer for line in found)

    return Countries(
        rows=rows,
        marks={row.term.code: _mark(row) for row in rows},
        n_legal=sum(known(row, "legal") for row in rows),
        n_staff=sum(known(row, "staff") for row in rows),
        n_trials=sum(row.n_trials > 0 for row in rows),
        n_submissions=sum(known(row, "submissions") for row in rows),
    )


def _latest(record: TrackRecord, country: int) -> int | None:
    trials = record.by_country.get(country, frozenset())
    return max(
        (y for y, of_year in record.by_year.items() if of_year & trials), default=None
    )


def _mark(row: Country) -> Mark:
    """Shade a country by its trials; a mere claim is told, a mere no is neither."""
    if row.n_trials:
        return Mark(row.term.label, number=row.n_trials)
    words = "presence claimed, no trial seen" if row.has_yes else "no trial seen"
    return Mark(row.term.label, words=words)
