"""What the first place hangs on: ranks in the draws, bands, weights that turn it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from catalog.models import CRO
from cro_portal.common.charts import Span, SpanChart, spans
from matching import blind, robustness
from matching.certainty import Certainty, Chance, Tie, in_hundred
from matching.engine.decision import Decision
from matching.engine.inputs import Floats, Ints
from matching.engine.sensitivity import break_even, dominance, leave_one_out
from matching.models import Ranking, RankingEntry

SHOWN = 10
"""So many first CROs, and as many ranks, are drawn."""

SAME = 1e-12
"""Scores no farther apart than this are one score, but for rounding."""


@dataclass(frozen=True)
class Standing:
    """One of the first CROs; shares in [0, 1].

    `ranks` are shares of the draws at the first ranks. It is surely before
    `surely_before` of the CROs compared: its low end lies above their high end.
    """

    cro: CRO
    position: int
    low: float
    value: float
    high: float
    surely_before: int
    chance: Chance | None
    ranks: Sequence[float]


@dataclass(frozen=True)
class TieLine:
    """A tie group with its CROs."""

    tie: Tie
    cros: Sequence[CRO]


@dataclass(frozen=True)
class Turn:
    """A criterion and the first place; weights and leads are shares in [0, 1].

    The leader stays first while the weight is between `low` and `high`, the
    others keeping their proportions; beyond an end `below` or `above` is level
    with it. `lead_without` is its lead over the best of the others when the
    criterion is left out (negative: `first_without` is first then), None where
    nothing would be left.
    """

    code: str
    label: str
    weight: float
    low: float
    below: CRO | None
    high: float
    above: CRO | None
    lead_without: float | None
    first_without: CRO | None


@dataclass(frozen=True)
class Outlook:
    """The page on how sure a ranking is; `leader` is None where nobody is in it."""

    leader: CRO | None
    runner_up: CRO | None
    n_compared: int
    lead: float
    standings: Sequence[Standing] = ()
    rank_numbers: Sequence[int] = ()
    ranks: SpanChart | None = None
    bands: SpanChart | None = None
    ties: Sequence[TieLine] = ()
    turns: Sequence[Turn] = ()
    tornado: SpanChart | None = None
    weights: SpanChart | None = None


def outlook(ranking: Ranking, certainty: Certainty) -> Outlook:
    """Gather the page; two queries, whatever the number of CROs."""
    decision, entries = robustness.decision_of_stored(ranking)
    if not entries:
        return Outlook(None, None, 0, 0.0)
    cros = blind.cros_of(ranking.study, [entry.cro_id for entry in entries])
    named = [cros[entry.cro_id] for entry in entries]
    scores = decision.scores(decision.value)
    rivals = decision.best[1:]
    lead = float(scores[decision.best[0]] - scores[rivals].max(initial=0.0))
    standings = _standings(decision, entries, named, certainty)
    turns = _turns(ranking, decision, named) if rivals.size else []
    return Outlook(
        leader=named[0],
        runner_up=named[int(rivals[0])] if rivals.size else None,
        n_compared=len(entries),
        lead=lead,
        standings=standings,
        rank_numbers=range(1, min(SHOWN, len(entries)) + 1),
        ranks=_ranks_chart(standings) if certainty.is_done else None,
        bands=_bands_chart(standings),
        ties=[
            TieLine(tie, [cros[cro_id] for cro_id in tie.cro_ids])
            for tie in certainty.ties
        ],
        turns=turns,
        tornado=_tornado(turns, lead),
        weights=_weights_chart(turns),
    )


def _standings(
    decision: Decision,
    entries: Sequence[RankingEntry],
    cros: Sequence[CRO],
    certainty: Certainty,
) -> list[Standing]:
    is_before = dominance(decision).at_weights
    found = []
    for row, entry in enumerate(entries[:SHOWN]):
        chance = certainty.chances.get(entry.cro_id)
        lower = decision.group >= decision.group[row]
        found.append(
            Standing(
                cro=cros[row],
                position=entry.position,
                low=entry.score_low,
                value=entry.score,
                high=entry.score_high,
                surely_before=int((is_before[row] & lower).sum()),
                chance=chance,
                ranks=chance.ranks[:SHOWN] if chance else (),
            )
        )
    return found


def _turns(ranking: Ranking, decision: Decision, cros: Sequence[CRO]) -> list[Turn]:
    """Turn by turn, the criterion whose loss moves the lead most first."""
    leader, rivals = int(decision.best[0]), decision.best[1:]
    level = break_even(decision)[:, leader, rivals]
    left_out = leave_one_out(decision)
    of_criterion: Mapping[str, dict[str, str]] = {
        criterion["code"]: criterion for criterion in ranking.parameters["criteria"]
    }
    scores = decision.scores(decision.value)
    now = _lead(scores, leader, rivals)
    is_tied = np.abs(scores[rivals] - scores[leader]) <= SAME
    turns = []
    for k, code in enumerate(decision.criteria):
        weight = float(decision.weights[k])
        below = np.where(level[k] < weight, level[k], -np.inf)
        above = np.where(level[k] > weight, level[k], np.inf)
        # Who is level already is before the leader at once, on the side of its gain.
        gain = decision.by_criterion[rivals, k] - decision.by_criterion[leader, k]
        below[is_tied] = np.where(gain[is_tied] < -SAME, weight, -np.inf)
        above[is_tied] = np.where(gain[is_tied] > SAME, weight, np.inf)
        under, over = int(below.argmax()), int(above.argmin())
        without = _lead(left_out.scores[k], leader, rivals)
        turns.append(
            Turn(
                code=code,
                label=of_criterion[code]["label"],
                weight=weight,
                low=max(float(below[under]), 0.0),
                below=cros[int(rivals[under])] if below[under] > 0 else None,
                high=min(float(above[over]), 1.0),
                above=cros[int(rivals[over])] if above[over] < 1 else None,
                lead_without=without if np.isfinite(without) else None,
                first_without=cros[int(left_out.order[k][0])]
                if np.isfinite(without)
                else None,
            )
        )

    def moved(turn: Turn) -> float:
        return 0.0 if turn.lead_without is None else -abs(turn.lead_without - now)

    return sorted(turns, key=moved)


def _lead(scores: Floats, leader: int, rivals: Ints) -> float:
    return float(scores[leader] - scores[rivals].max())


def _ranks_chart(standings: Sequence[Standing]) -> SpanChart:
    rows = []
    for standing in standings:
        chance = standing.chance
        if chance is None:
            continue
        first_ten = min(sum(standing.ranks), 1.0)
        rows.append(
            Span(
                standing.cro.name,
                f"{in_hundred(chance.first)} of 100",
                [
                    (kind, 0.0, share)
                    for kind, share in (
                        ("step-0", 1.0),
                        ("step-2", first_ten),
                        ("step-4", min(chance.top3, first_ten)),
                        ("step-5", chance.first),
                    )
                    if share
                ],
            )
        )
    return spans(rows, low=0.0, high=1.0)


def _bands_chart(standings: Sequence[Standing]) -> SpanChart:
    return spans(
        [
            Span(
                one.cro.name,
                f"{one.low * 100:.0f} to {one.high * 100:.0f}",
                [
                    ("track", 0.0, 1.0),
                    ("band", one.low, one.high),
                    ("value", one.value, one.value),
                ],
            )
            for one in standings
        ],
        low=0.0,
        high=1.0,
    )


def _tornado(turns: Sequence[Turn], lead: float) -> SpanChart | None:
    rows = [
        Span(
            turn.label,
            f"{turn.lead_without * 100:+.1f}",
            [
                (
                    "against" if turn.lead_without < 0 else "step-4",
                    lead,
                    turn.lead_without,
                )
            ],
        )
        for turn in turns
        if turn.lead_without is not None
    ]
    return spans(rows, lines=[(0.0, "level"), (lead, "now")]) if rows else None


def _weights_chart(turns: Sequence[Turn]) -> SpanChart | None:
    rows = [
        Span(
            turn.label,
            f"{turn.low * 100:.0f} to {turn.high * 100:.0f} %",
            [
                ("track", 0.0, 1.0),
                ("band", turn.low, turn.high),
                ("value", turn.weight, turn.weight),
            ],
        )
        for turn in turns
    ]
    return spans(rows, low=0.0, high=1.0) if rows else None
