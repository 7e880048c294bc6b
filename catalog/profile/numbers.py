"""The tabs Team and capacity, and Quality: numbers over time beside the peers'."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import numpy as np

from catalog import snapshot
from catalog.index import peers
from catalog.index.arrays import NO_KEY
from catalog.models import Claim, Term
from catalog.profile.facts import ClaimLine, Dossier
from catalog.profile.offers import Offers, offers
from cro_portal.common.charts import Line, line

INSPECTIONS = "Inspections and audits"
EPOCH = dt.date(1970, 1, 1)
GROUPS = {
    "People": (
        "headcount-fte", "headcount-cra", "headcount-pm", "headcount-data",
        "headcount-medical", "staff-turnover", "cra-turnover", "pm-certified-share",
        "pm-experience-years",
    ),
    "Capacity": (
        "free-capacity-fte", "parallel-studies", "ramp-up-weeks", "sites-network",
        "volunteer-beds", "volunteer-panel-size", "countries-covered",
    ),
    INSPECTIONS: (
        "inspections-total", "inspections-no-action", "inspections-critical",
        "sponsor-audits",
    ),
}  # fmt: skip
PERFORMANCE = "Performance"
SHARES = {
    "milestones-on-time": ("milestones-due", "Milestones reached on time"),
    "inspections-no-action": ("inspections-total", "Inspections without action"),
}
"""Counts that say something only as a share of another count."""


@dataclass(frozen=True)
class Number:
    """A metric: all its claims, the best current value, the peers and a picture.

    `value` and the band are in the metric's own unit; a share is in [0, 1]. With
    `of` it is the share "value of so many", such as 23 of 30 milestones.
    """

    label: str
    attributes: dict[str, str]
    description: str
    lines: Sequence[ClaimLine]
    best: ClaimLine | None
    value: Decimal | None
    part: Decimal | None
    whole: Decimal | None
    band: peers.Band | None
    band_text: tuple[Decimal, Decimal, Decimal] | None
    picture: Line | None
    series: Sequence[tuple[str, Decimal]]

    count: ClassVar = {"unit": "count"}

    @property
    def bare(self) -> dict[str, str]:
        """Attributes that write a number without the words of its unit."""
        is_share = str(self.attributes.get("unit", "")).startswith("share")
        return {"unit": "share" if is_share else ""}


@dataclass(frozen=True)
class NumberGroup:
    heading: str
    numbers: Sequence[Number]
    unknown: Sequence[Term]


@dataclass(frozen=True)
class Team:
    groups: Sequence[NumberGroup]
    n_known: int


@dataclass(frozen=True)
class Quality:
    lines: Sequence[ClaimLine]
    certificates: Offers
    inspections: NumberGroup


def team(dossier: Dossier) -> Team:
    """Gather the tab: one query, and the snapshot's."""
    groups = [group for group in _groups(dossier) if group.heading != INSPECTIONS]
    return Team(groups, sum(len(group.numbers) for group in groups))


def quality(dossier: Dossier) -> Quality:
    """Gather the tab: two queries, and the snapshot's."""
    inspections = next(g for g in _groups(dossier) if g.heading == INSPECTIONS)
    return Quality(
        lines=dossier.of("certification"),
        certificates=offers(dossier, "certification"),
        inspections=inspections,
    )


def _groups(dossier: Dossier) -> list[NumberGroup]:
    lines: dict[str, list[ClaimLine]] = defaultdict(list)
    for found in dossier.of("metric"):
        lines[found.claim.term.code].append(found)
    terms = {term.code: term for term in Term.objects.of("metric").current()}
    held = snapshot.current()
    on = (dossier.on - EPOCH).days
    grouped = {code for codes in GROUPS.values() for code in codes}
    rest = tuple(code for code in terms if code not in grouped)
    groups = []
    for heading, codes in {**GROUPS, PERFORMANCE: rest}.items():
        numbers, unknown = [], []
        for term in (terms[code] for code in codes if code in terms):
            if term.code in lines:
                numbers.append(_number(term, lines, terms, held, on))
            else:
                unknown.append(term)
        groups.append(NumberGroup(heading, numbers, unknown))
    return groups


def _number(
    term: Term,
    lines: dict[str, list[ClaimLine]],
    terms: dict[str, Term],
    held: snapshot.Snapshot,
    on: int,
) -> Number:
    own = lines[term.code]
    whole_code, label = SHARES.get(term.code, ("", term.label))
    wholes = _best_by_day(lines.get(whole_code, []))
    parts = _best_by_day(own)
    best = _best(own)
    is_share = bool(wholes)
    series = [
        (day, value / wholes[day] if is_share else value)
        for day, value in sorted(parts.items())
        if not is_share or (wholes.get(day) or 0) > 0
    ]
    values = peers.best_values(held.arrays.claims, term=term.pk, on=on)[1]
    if is_share:
        values = peers.ratios(
            peers.best_values(held.arrays.claims, term=term.pk, on=on),
            peers.best_values(
                held.arrays.claims,
                term=terms[whole_code].pk if whole_code in terms else NO_KEY,
                on=on,
            ),
        )
    band = peers.band(values)
    value = best.claim.value if best else None
    part = whole = None
    if is_share and best is not None:
        part, whole = best.claim.value, wholes.get(best.claim.observed_on)
        value = part / whole if part is not None and whole else None
    edges = (band.low, band.middle, band.high) if band else None
    return Number(
        label=label if is_share else term.label,
        attributes={"unit": "share"} if is_share else term.attributes,
        description=term.description,
        lines=own,
        best=best,
        value=None if value is None else _rounded(value) if is_share else value,
        part=part,
        whole=whole,
        band=band,
        band_text=_texts(edges) if edges else None,
        picture=(
            line([(str(day.year), float(v)) for day, v in series], band=edges)
            if series
            else None
        ),
        series=[(str(day.year), _rounded(v) if is_share else v) for day, v in series],
    )


def _best(lines: Sequence[ClaimLine]) -> ClaimLine | None:
    """Choose what the page says today: the newest of the best tier."""
    return min(
        (x for x in lines if x.is_current and x.claim.value is not None),
        key=lambda x: (x.claim.tier, -x.claim.observed_on.toordinal(), -x.claim.pk),
        default=None,
    )


def _best_by_day(lines: Sequence[ClaimLine]) -> dict[dt.date, Decimal]:
    """Return one value for each day: that of the best tier. Expired ones are history."""
    best: dict[dt.date, Claim] = {}
    for found in lines:
        claim = found.claim
        if claim.value is not None and not found.is_disputed:
            held = best.get(claim.observed_on)
            if held is None or claim.tier < held.tier:
                best[claim.observed_on] = claim
    return {day: Decimal(claim.value or 0) for day, claim in best.items()}


def _rounded(value: Decimal) -> Decimal:
    """Keep whole percents of a share."""
    return round(value, 2)


def _texts(edges: tuple[float, float, float]) -> tuple[Decimal, Decimal, Decimal]:
    """Round a band to two figures: it is a summary, not a measurement."""
    low, middle, high = (
        Decimal(np.format_float_positional(edge, 2, fractional=False, trim="-"))
        for edge in edges
    )
    return low, middle, high
