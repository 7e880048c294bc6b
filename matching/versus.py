"""Why one CRO stands before another, and what would put the other first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from catalog.models import CRO
from cro_portal.common.charts import Span, SpanChart, spans
from matching import blind, robustness
from matching.certainty import Certainty, in_draws
from matching.engine.decision import Decision
from matching.engine.robustness import word
from matching.engine.sensitivity import break_even, to_be_first, why_before
from matching.models import Group, Ranking, RankingEntry
from matching.presentation import ENOUGH_EVIDENCE
from matching.sentences import leaf_label, sentence
from sponsors.models import Study

SAME = 1e-9
"""A smaller lead is none: it would not show in any digit."""


@dataclass(frozen=True)
class Side:
    """One of the two; shares in [0, 1]."""

    cro: CRO
    position: int
    group: Group
    score: float
    low: float
    high: float
    has_headline: bool


@dataclass(frozen=True)
class Lead:
    """What one leaf adds to a's lead over b, negative where b is better.

    `a_text` and `b_text` say what each value rests on.
    """

    label: str
    weight: float
    a: float
    b: float
    lead: float
    a_text: str
    b_text: str


@dataclass(frozen=True)
class Even:
    """The weight of a criterion at which the two are level; None where none is."""

    label: str
    weight: float
    level: float | None


@dataclass(frozen=True)
class ToFirst:
    """What would put a CRO first among those in the best group.

    `weights` are (label, now, then), empty where no weights do: then the
    `mixture` of rivals, with their shares, is better on every criterion. `facts`
    are the fewest missing answers that would do it if they came out best, None
    if not even all of them do.
    """

    cro: CRO
    is_first: bool
    needs_gates: bool
    shift: float | None
    weights: Sequence[tuple[str, float, float]]
    mixture: Sequence[tuple[CRO, float]]
    facts: Sequence[str] | None
    ceiling: float
    bar: float


@dataclass(frozen=True)
class Versus:
    """Two CROs of a ranking; `a` is the one asked about."""

    a: Side
    b: Side
    lead: float
    before: float | None
    by_musts: bool
    leads: Sequence[Lead]
    chart: SpanChart
    evens: Sequence[Even]
    to_first: ToFirst

    @property
    def words(self) -> str:
        """How sure the order of the two is."""
        first, second = self.a.cro.name, self.b.cro.name
        if self.by_musts:
            above = first if self.a.group < self.b.group else second
            return f"{above} meets more must-haves; that decides, whatever the scores."
        if self.before is None:
            return "Only the first CROs in the running are drawn; of these two not both are."
        if self.before < 0.5:
            first, second, share = second, first, 1 - self.before
        else:
            share = self.before
        sure = {"clear": "clearly", "likely": "likely"}.get(word(share))
        if sure is None:
            return (
                f"{first} and {second} are not distinguishable: {first} comes first "
                f"of the two {in_draws(share)}."
            )
        return f"{first} is {sure} before {second}: {in_draws(share)}."


def versus(
    study: Study,
    ranking: Ranking,
    sides: tuple[RankingEntry, RankingEntry],
    certainty: Certainty,
) -> Versus:
    """Hold two kept entries, with their CROs loaded, against each other. Two queries."""
    a, b = sides
    _, entries = robustness.decision_of_stored(ranking)
    known = {entry.cro_id for entry in entries}
    entries += [entry for entry in (a, b) if entry.cro_id not in known]
    decision = robustness.decision_between(ranking, entries)
    at = {entry.cro_id: row for row, entry in enumerate(entries)}
    row, other = at[a.cro_id], at[b.cro_id]
    leads = _leads(ranking, decision, (row, other), (a, b))
    return Versus(
        a=_side(a),
        b=_side(b),
        lead=sum(lead.lead for lead in leads),
        before=certainty.before(a.cro_id, b.cro_id),
        by_musts=a.group != b.group,
        leads=leads,
        chart=spans(
            [
                Span(
                    lead.label,
                    f"{lead.lead * 100:+.1f}",
                    [("step-4" if lead.lead > 0 else "against", 0.0, lead.lead)],
                )
                for lead in leads
                if abs(lead.lead) > SAME
            ],
            lines=[(0.0, "level")],
        ),
        evens=_evens(ranking, decision, row, other),
        to_first=_to_first(study, ranking, decision, entries, at[b.cro_id], b.cro),
    )


def _side(entry: RankingEntry) -> Side:
    return Side(
        cro=entry.cro,
        position=entry.position,
        group=Group(entry.group),
        score=entry.score,
        low=entry.score_low,
        high=entry.score_high,
        has_headline=entry.evidence >= ENOUGH_EVIDENCE,
    )


def _leads(
    ranking: Ranking,
    decision: Decision,
    rows: tuple[int, int],
    entries: tuple[RankingEntry, RankingEntry],
) -> list[Lead]:
    names = [leaf["name"] for leaf in ranking.parameters["leaves"]]
    a_texts, b_texts = (_texts(names, entry) for entry in entries)
    return [
        Lead(
            label=leaf_label(names[one.leaf]),
            weight=float(decision.leaf_weights[one.leaf]),
            a=one.value,
            b=one.other_value,
            lead=one.lead,
            a_text=a_texts.get(one.leaf, ""),
            b_text=b_texts.get(one.leaf, ""),
        )
        for one in why_before(decision, *rows)
    ]


def _texts(names: Sequence[str], entry: RankingEntry) -> Mapping[int, str]:
    return {
        reason["leaf"]: " ".join(
            sentence(names[reason["leaf"]], fact) for fact in reason["facts"]
        )
        for reason in entry.reasons
    }


def _evens(ranking: Ranking, decision: Decision, row: int, other: int) -> list[Even]:
    labels = _criteria(ranking)
    level = break_even(decision.taken(np.array([row, other])))[:, 0, 1]
    return [
        Even(
            label=labels[code],
            weight=float(decision.weights[k]),
            level=float(level[k]) if np.isfinite(level[k]) else None,
        )
        for k, code in enumerate(decision.criteria)
    ]


def _to_first(
    study: Study,
    ranking: Ranking,
    decision: Decision,
    entries: Sequence[RankingEntry],
    row: int,
    cro: CRO,
) -> ToFirst:
    found = to_be_first(decision, row)
    labels = _criteria(ranking)
    cros = blind.cros_of(study, [entries[rival].cro_id for rival, _ in found.mixture])
    names = [leaf["name"] for leaf in ranking.parameters["leaves"]]
    changed = () if found.weights is None else found.weights.tolist()
    return ToFirst(
        cro=cro,
        is_first=row == int(decision.best[0]),
        needs_gates=found.needs_gates,
        shift=found.shift,
        weights=[
            (labels[code], now, then)
            for code, now, then in zip(
                decision.criteria, decision.weights.tolist(), changed, strict=False
            )
            if abs(now - then) > SAME
        ],
        mixture=[
            (cros[entries[rival].cro_id], share) for rival, share in found.mixture
        ],
        facts=None
        if found.facts is None
        else [leaf_label(names[leaf]) for leaf in found.facts],
        ceiling=found.ceiling,
        bar=found.bar,
    )


def _criteria(ranking: Ranking) -> Mapping[str, str]:
    return {one["code"]: one["label"] for one in ranking.parameters["criteria"]}
