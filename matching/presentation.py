"""Stored rankings as the pages show them: points, words, the parts of a bar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.models import CRO
from matching.models import Group, Ranking, RankingEntry
from matching.sentences import (
    CRITERION_LABELS,
    gate_sentence,
    leaf_label,
    percent,
    robust_words,
    sentence,
)

ENOUGH_EVIDENCE = 0.5
"""Below this coverage no point score is a headline (METHOD section 5)."""

NOTABLE_LOSS = 0.005
"""A leaf that costs less than half a point is nobody's weakest link."""


@dataclass(frozen=True)
class Part:
    """One criterion's part of a score; shares of the whole bar, 0 to 100."""

    code: str
    label: str
    width: float  # what it brings, in points
    full: float  # what it could bring, in points

    @property
    def lost(self) -> float:
        return self.full - self.width


@dataclass(frozen=True)
class GateChip:
    """A must and how a CRO stands to it."""

    label: str
    state: str  # pass, fail, unknown
    is_waived: bool
    sentence: str


@dataclass(frozen=True)
class LeafLine:
    """A leaf of the criteria tree for one CRO, in points of the whole score."""

    criterion: str
    name: str
    label: str
    low: int  # points of 100 within the leaf
    value: int
    high: int
    contribution: float  # points of the whole score
    loss: float
    weight: float  # points of the whole score it could bring
    is_known: bool


@dataclass(frozen=True)
class FactLine:
    """One sentence behind a leaf, with what it stands on."""

    text: str
    is_disputed: bool
    is_unknown: bool
    claims: Sequence[str]
    trials: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class ReasonBlock:
    """A leaf with its sentences."""

    leaf: LeafLine
    facts: Sequence[FactLine]


@dataclass(frozen=True)
class EntryView:
    """One CRO's place in a ranking."""

    position: int
    cro: CRO
    group: Group
    points: int
    points_low: int
    points_high: int
    evidence: int  # percent
    evidence_words: str
    has_headline: bool
    parts: Sequence[Part]
    leaves: Sequence[LeafLine]
    gates: Sequence[GateChip]

    @property
    def weakest(self) -> LeafLine | None:
        """The leaf that costs the most points; None when nothing notable is lost."""
        worst = max(self.leaves, key=lambda leaf: leaf.loss, default=None)
        if worst is None or worst.loss < NOTABLE_LOSS * 100:
            return None
        return worst

    @property
    def strongest(self) -> Sequence[LeafLine]:
        """The three known leaves that bring the most points."""
        known = [
            leaf for leaf in self.leaves if leaf.is_known and leaf.contribution > 0
        ]
        return sorted(known, key=lambda leaf: -leaf.contribution)[:3]

    @property
    def missing(self) -> Sequence[LeafLine]:
        """The leaves nothing is known about, the weightiest first."""
        unknown = [leaf for leaf in self.leaves if not leaf.is_known]
        return sorted(unknown, key=lambda leaf: -leaf.weight)

    @property
    def open_gates(self) -> Sequence[GateChip]:
        """The musts that are not simply passed: failed first, then unknown."""
        order = {"fail": 0, "unknown": 1}
        chips = [gate for gate in self.gates if gate.state in order]
        return sorted(chips, key=lambda gate: order[gate.state])

    @property
    def n_gates_passed(self) -> int:
        return sum(gate.state == "pass" for gate in self.gates)


def _points(share: float) -> int:
    return round(share * 100)


def leaf_lines(ranking: Ranking, entry: RankingEntry) -> list[LeafLine]:
    lines = []
    for leaf, values in zip(ranking.parameters["leaves"], entry.leaves, strict=True):
        weight = leaf["weight"]
        lines.append(
            LeafLine(
                criterion=leaf["criterion"],
                name=leaf["name"],
                label=leaf_label(leaf["name"]),
                low=_points(values["low"]),
                value=_points(values["value"]),
                high=_points(values["high"]),
                contribution=values["contribution"] * 100,
                loss=max(weight - values["contribution"], 0) * 100,
                weight=weight * 100,
                is_known=values["known"],
            )
        )
    return lines


def _parts(ranking: Ranking, leaves: Sequence[LeafLine]) -> list[Part]:
    parts = []
    for criterion in ranking.parameters["criteria"]:
        code = criterion["code"]
        mine = [leaf for leaf in leaves if leaf.criterion == code]
        if not mine:
            continue
        parts.append(
            Part(
                code=code,
                label=CRITERION_LABELS.get(code, criterion["label"]),
                width=sum(leaf.contribution for leaf in mine),
                full=sum(leaf.weight for leaf in mine),
            )
        )
    return parts


def _gates(ranking: Ranking, entry: RankingEntry) -> list[GateChip]:
    return [
        GateChip(
            label=gate["label"],
            state=found["state"],
            is_waived=found["waived"],
            sentence=gate_sentence(found["state"], found["fact"]),
        )
        for gate, found in zip(ranking.parameters["gates"], entry.gates, strict=True)
    ]


def entry_view(ranking: Ranking, entry: RankingEntry) -> EntryView:
    """Make a stored entry ready to show; its `cro` must be loaded."""
    leaves = leaf_lines(ranking, entry)
    return EntryView(
        position=entry.position,
        cro=entry.cro,
        group=Group(entry.group),
        points=_points(entry.score),
        points_low=_points(entry.score_low),
        points_high=_points(entry.score_high),
        evidence=_points(entry.evidence),
        evidence_words=robust_words(entry.evidence),
        has_headline=entry.evidence >= ENOUGH_EVIDENCE,
        parts=_parts(ranking, leaves),
        leaves=leaves,
        gates=_gates(ranking, entry),
    )


def _fact_line(leaf: str, fact: Mapping[str, Any]) -> FactLine:
    return FactLine(
        text=sentence(leaf, fact),
        is_disputed=fact["disputed"],
        is_unknown=fact["kind"] == "nothing",
        claims=fact["claims"],
        trials=fact["trials"],
    )


def reason_blocks(ranking: Ranking, entry: RankingEntry) -> list[ReasonBlock]:
    """All reasons of an entry, in the order of the criteria tree."""
    leaves = leaf_lines(ranking, entry)
    return [
        ReasonBlock(
            leaf=leaves[reason["leaf"]],
            facts=[
                _fact_line(leaves[reason["leaf"]].name, fact)
                for fact in reason["facts"]
            ],
        )
        for reason in entry.reasons
    ]


def weight_lines(ranking: Ranking) -> list[tuple[str, str]]:
    """The criteria that count in this ranking with their weights in percent."""
    return [
        (
            CRITERION_LABELS.get(criterion["code"], criterion["label"]),
            percent(criterion["weight"]),
        )
        for criterion in ranking.parameters["criteria"]
    ]
