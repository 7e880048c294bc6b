"""Stored rankings as the pages show them: what brings points, what costs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.urls import reverse

from catalog.models import CRO, Claim
from cro_portal.common.charts import Span, SpanChart, spans
from matching.certainty import Certainty, Chance, Tie
from matching.engine.results import KNOWN_WIDTH
from matching.models import (
    KEPT_NEAR_MISSES,
    KEPT_PLACES,
    Group,
    Ranking,
    RankingEntry,
)
from matching.sentences import counted, gate_words, leaf_label, sentence

ENOUGH_EVIDENCE = 0.5
"""Below this coverage no point score is a headline (METHOD section 5)."""

STRONG = 0.75
"""From this value on a leaf is called strong."""

LOW = 0.5
"""Below this a known value speaks against a CRO."""

NOTABLE_LOSS = 0.005
"""A leaf that costs less than half a point is nobody's weakest link."""


@dataclass(frozen=True)
class GateChip:
    """A must and how a CRO stands to it."""

    label: str
    state: str  # pass, fail, unknown
    is_waived: bool
    words: str


@dataclass(frozen=True)
class LeafLine:
    """A leaf of the criteria tree for one CRO; shares in [0, 1].

    `low`, `value` and `high` are of the leaf; `contribution`, `loss` and `weight`
    (what it could bring) are of the whole score.
    """

    criterion: str
    name: str
    label: str
    low: float
    value: float
    high: float
    contribution: float
    loss: float
    weight: float
    is_known: bool


@dataclass(frozen=True)
class FactLine:
    """One sentence behind a leaf, with what it stands on."""

    text: str
    is_disputed: bool
    is_unknown: bool
    claims: Sequence[Claim]
    trials: Sequence[Mapping[str, Any]]
    n_more_trials: int


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
    score: float
    low: float
    high: float
    evidence: float
    has_headline: bool
    contributions: Sequence[float]  # per criterion, in the ranking's order
    leaves: Sequence[LeafLine]
    gates: Sequence[GateChip]
    chance: Chance | None = None
    tie: Tie | None = None

    @property
    def group_slug(self) -> str:
        return GROUP_SLUGS[self.group]

    @property
    def group_words(self) -> str:
        return GROUP_WORDS[self.group] if self.gates else NO_GATES

    @property
    def all_met_label(self) -> str:
        n = len(self.gates)
        return {1: "The must-have", 2: "Both must-haves"}.get(n, f"All {n} must-haves")

    @property
    def weakest(self) -> LeafLine | None:
        """The leaf that costs the most points; None when nothing notable is lost."""
        weak = [leaf for leaf in self.leaves if leaf.value < STRONG]
        worst = max(weak, key=lambda leaf: leaf.loss, default=None)
        if worst is None or worst.loss < NOTABLE_LOSS:
            return None
        return worst

    @property
    def strongest(self) -> Sequence[LeafLine]:
        """The three known leaves that bring the most points, never the weakest."""
        weakest = self.weakest
        known = [
            leaf
            for leaf in self.leaves
            if leaf.is_known and leaf.contribution > 0 and leaf != weakest
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


def leaf_lines(ranking: Ranking, entry: RankingEntry) -> list[LeafLine]:
    lines = []
    for leaf, values in zip(ranking.parameters["leaves"], entry.leaves, strict=True):
        weight = leaf["weight"]
        lines.append(
            LeafLine(
                criterion=leaf["criterion"],
                name=leaf["name"],
                label=leaf_label(leaf["name"]),
                low=values["low"],
                value=values["value"],
                high=values["high"],
                contribution=values["contribution"],
                loss=max(weight - values["contribution"], 0.0),
                weight=weight,
                is_known=values["known"],
            )
        )
    return lines


def _contributions(ranking: Ranking, leaves: Sequence[LeafLine]) -> list[float]:
    return [
        sum(leaf.contribution for leaf in leaves if leaf.criterion == criterion["code"])
        for criterion in ranking.parameters["criteria"]
    ]


def _gates(ranking: Ranking, entry: RankingEntry) -> list[GateChip]:
    return [
        GateChip(
            label=gate["label"],
            state=found["state"],
            is_waived=found["waived"],
            words=gate_words(found["state"], found["fact"]),
        )
        for gate, found in zip(ranking.parameters["gates"], entry.gates, strict=True)
    ]


def entry_view(
    ranking: Ranking, entry: RankingEntry, certainty: Certainty | None = None
) -> EntryView:
    """Make a stored entry ready to show; its `cro` must be loaded."""
    leaves = leaf_lines(ranking, entry)
    return EntryView(
        position=entry.position,
        cro=entry.cro,
        group=Group(entry.group),
        score=entry.score,
        low=entry.score_low,
        high=entry.score_high,
        evidence=entry.evidence,
        has_headline=entry.evidence >= ENOUGH_EVIDENCE,
        contributions=_contributions(ranking, leaves),
        leaves=leaves,
        gates=_gates(ranking, entry),
        chance=certainty.chances.get(entry.cro_id) if certainty else None,
        tie=certainty.tie_of(entry.cro_id) if certainty else None,
    )


@dataclass(frozen=True)
class Against:
    """Something known that speaks against a CRO."""

    label: str
    fact: FactLine


def counter_evidence(
    ranking: Ranking, entry: RankingEntry, blocks: Sequence[ReasonBlock]
) -> list[Against]:
    """What speaks against a CRO: a no, a low value that is known, a dispute.

    `blocks` are its `reason_blocks`. What is not known speaks neither way.
    """
    found = [
        Against(
            gate["label"],
            FactLine(
                text=f"Must-have not met: {gate_words('fail', one['fact'])}.",
                is_disputed=one["fact"]["disputed"],
                is_unknown=False,
                claims=(),
                trials=(),
                n_more_trials=0,
            ),
        )
        for gate, one in zip(ranking.parameters["gates"], entry.gates, strict=True)
        if one["state"] == "fail"
    ]
    for reason, block in zip(entry.reasons, blocks, strict=True):
        for fact, line in zip(reason["facts"], block.facts, strict=True):
            if _speaks_against(fact, line):
                found.append(Against(block.leaf.label, line))
    return found


def _speaks_against(fact: Mapping[str, Any], line: FactLine) -> bool:
    if line.is_unknown:
        return False
    is_low = fact["value"] < LOW and fact["high"] - fact["low"] < KNOWN_WIDTH
    says_no = any(claim.answer is False for claim in line.claims)
    return bool(fact["disputed"] or says_no or is_low)


def waterfall(entry: EntryView) -> SpanChart:
    """A score as steps from 0, leaf by leaf; open ones are drawn so."""
    rows, reached = [], 0.0
    for leaf in entry.leaves:
        end = reached + leaf.contribution
        kind = "step-4" if leaf.is_known else "open"
        words = f"{leaf.contribution * 100:.1f} of {leaf.weight * 100:.1f}"
        rows.append(Span(leaf.label, words, [(kind, reached, end)]))
        reached = end
    rows.append(Span("Together", f"{reached * 100:.1f}", [("step-5", 0.0, reached)]))
    return spans(rows, low=0.0, high=1.0)


def _n_more(fact: Mapping[str, Any]) -> int:
    """How many trials a fact counts beyond those it shows."""
    shown = len(fact["trials"])
    return max(int(fact["numbers"].get("n_trials", shown)) - shown, 0) if shown else 0


def _fact_line(
    leaf: str, fact: Mapping[str, Any], claims: Mapping[str, Claim]
) -> FactLine:
    return FactLine(
        text=sentence(leaf, fact),
        is_disputed=fact["disputed"],
        is_unknown=fact["kind"] == "nothing",
        claims=[claims[uuid] for uuid in fact["claims"] if uuid in claims],
        trials=fact["trials"],
        n_more_trials=_n_more(fact),
    )


def reason_blocks(
    ranking: Ranking, entry: RankingEntry, claims: Mapping[str, Claim]
) -> list[ReasonBlock]:
    """All reasons of an entry, in the order of the criteria tree.

    `claims` are the claims behind it by uuid; one deleted since is left out.
    """
    leaves = leaf_lines(ranking, entry)
    return [
        ReasonBlock(
            leaf=leaves[reason["leaf"]],
            facts=[
                _fact_line(leaves[reason["leaf"]].name, fact, claims)
                for fact in reason["facts"]
            ],
        )
        for reason in entry.reasons
    ]


GROUP_SLUGS = {
    Group.ELIGIBLE: "eligible",
    Group.CONDITIONAL: "conditional",
    Group.NEAR_MISS: "near-miss",
    Group.EXCLUDED: "excluded",
}
GROUP_WORDS = {
    Group.ELIGIBLE: "every must-have is met",
    Group.CONDITIONAL: "fails no must-have, but of one or more nobody has said yet",
    Group.NEAR_MISS: "fails exactly one must-have",
    Group.EXCLUDED: "fails more than one must-have",
}
NO_GATES = "the study has no must-have"


@dataclass(frozen=True)
class Nothing:
    """What to say where a list is empty, and where to go from there."""

    title: str
    text: str
    url: str = ""
    action: str = ""


@dataclass(frozen=True)
class Places:
    """The entries of one page, and the tabs they are under."""

    tabs: Sequence[tuple[str, str, int]]  # address, label, count
    current_tab: str
    entries: Sequence[EntryView]
    note: str
    nothing: Nothing | None


def group_of(slug: str) -> Group | None:
    """The group of an address; None, which is all, for any other word."""
    return next((group for group, own in GROUP_SLUGS.items() if own == slug), None)


def counts(ranking: Ranking) -> dict[Group, int]:
    return {
        Group.ELIGIBLE: ranking.n_eligible,
        Group.CONDITIONAL: ranking.n_conditional,
        Group.NEAR_MISS: ranking.n_near_miss,
        Group.EXCLUDED: ranking.n_excluded,
    }


def places(
    ranking: Ranking,
    group: Group | None,
    kept: Page,
    may_edit: bool,
    certainty: Certainty | None = None,
) -> Places:
    """Lay out a page of kept entries; `group` None shows all groups in order."""
    numbers = counts(ranking)
    total = sum(numbers.values())
    tabs = [("?", "All", total)] + [
        (f"?group={GROUP_SLUGS[each]}", each.label, numbers[each]) for each in Group
    ]
    shown = numbers[group] if group is not None else total
    return Places(
        tabs=tabs,
        current_tab="All" if group is None else group.label,
        entries=[entry_view(ranking, entry, certainty) for entry in kept],
        note=_kept_note(
            group,
            shown,
            kept.paginator.count,
            has_near_misses=numbers[Group.NEAR_MISS] > 0,
        ),
        nothing=None if kept.paginator.count else _nothing(ranking, group, may_edit),
    )


def _kept_note(
    group: Group | None, n_all: int, n_kept: int, *, has_near_misses: bool
) -> str:
    if not n_kept or n_kept >= n_all:
        return ""
    of_group = "" if group is None else f" of {n_all:,}"
    near = (
        f", and of the near misses the first {KEPT_NEAR_MISSES}"
        if group is None and has_near_misses
        else ""
    )
    return (
        f"{counted(n_kept, 'place')}{of_group} shown: the first {KEPT_PLACES} of the "
        f"ranking{near}. The others are counted; ask for one by its name."
    )


@dataclass(frozen=True)
class Relaxation:
    """Musts to give up together; `n_freed` CROs would then be eligible."""

    labels: Sequence[str]
    n_freed: int

    @property
    def words(self) -> str:
        return f"makes {counted(self.n_freed, 'CRO')} eligible"


def relaxations(ranking: Ranking) -> list[Relaxation]:
    """The smallest sets of musts to give up, the one that frees most CROs first.

    Empty where somebody is eligible, and for rankings from before they were kept.
    """
    return [
        Relaxation([term["label"] for term in one["terms"]], one["n_freed"])
        for one in ranking.parameters.get("relaxations", ())
    ]


def _relaxation(ranking: Ranking) -> str:
    """Name the fewest musts whose relaxation would make somebody eligible."""
    labels = [term["label"] for term in ranking.parameters["relaxation"]]
    if not labels:
        return "The table of must-haves above shows how many fail which."
    return (
        "The fewest must-haves to give up for somebody to be eligible: "
        f"{', '.join(labels)}."
    )


def _nothing(ranking: Ranking, group: Group | None, may_edit: bool) -> Nothing:
    if not sum(counts(ranking).values()):
        return Nothing(
            "The catalogue lists no CRO",
            "As soon as a curator publishes one, this ranking fills by itself.",
        )
    edit = reverse("sponsors:study-edit", args=[ranking.study_id]) if may_edit else ""
    if group is Group.ELIGIBLE:
        return Nothing(
            "No CRO is known to meet every must-have",
            f"{_relaxation(ranking)} Nothing is relaxed by itself. Conditional CROs "
            "fail none, but a fact about them has to be asked.",
            edit,
            "Change the must-haves",
        )
    if group is Group.EXCLUDED:
        return Nothing(
            "Excluded CROs are counted, not listed",
            "Each fails more than one must-have. The table of must-haves above shows "
            "how many fail which.",
            edit,
            "Change the must-haves",
        )
    if group is None:
        return Nothing(
            "Every CRO fails more than one must-have",
            f"{_relaxation(ranking)} Nothing is relaxed by itself.",
            edit,
            "Change the must-haves",
        )
    return Nothing(f"No CRO is in the group “{group.label.lower()}”", "")
