"""What changed between a study's two newest rankings, and through which fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.models import CRO
from matching import blind
from matching.models import Group, Ranking, RankingEntry
from matching.sentences import leaf_label, sentence
from sponsors.choices import Importance
from sponsors.models import Study

SHOWN = 25
"""So many of the CROs that moved are explained, the best placed first."""
SAME = 1e-9

NEED_LABELS = {
    "start_date": "Planned start",
    "participants": "Participants",
    "n_sites": "Sites",
    "is_rare_disease": "Rare disease",
    "further_studies": "Further studies",
    "staff_needed_fte": "Staff needed",
    "sponsor_size": "Size of the sponsor",
}


@dataclass(frozen=True)
class Change:
    """Something that was asked or weighed otherwise; both sides in words."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class LeafChange:
    """A leaf whose points changed for a CRO, and what it rested on.

    `points` is the change of the whole score, a share. Texts are empty where
    the leaf was not asked.
    """

    label: str
    points: float
    before: str
    after: str

    @property
    def is_same_fact(self) -> bool:
        """Whether only the weight changed, not what is known."""
        return self.before == self.after


@dataclass(frozen=True)
class Move:
    """A CRO that moved. A place is None where none was kept."""

    cro: CRO
    before: int | None
    after: int | None
    group_before: Group | None
    group_after: Group | None
    points: float
    leaves: Sequence[LeafChange]

    @property
    def words(self) -> str:
        if self.before is None:
            return f"new at place {self.after}"
        if self.after is None:
            return f"was at place {self.before}, now below those kept"
        if self.before == self.after:
            return f"still at place {self.after}"
        way = "up" if self.after < self.before else "down"
        return f"{way} from place {self.before} to {self.after}"


@dataclass(frozen=True)
class Changes:
    """What two rankings differ in; `new` is the newer one."""

    old: Ranking
    new: Ranking
    asked: Sequence[Change]
    moves: Sequence[Move]
    n_moved: int


def changes_of(study: Study, new: Ranking) -> Changes | None:
    """Compare a ranking with the one before it; None for the first. Six queries."""
    older = Ranking.objects.filter(study=study, computed_at__lt=new.computed_at)
    old = older.first()
    if old is None:
        return None
    before, after = (
        {
            entry.cro_id: entry
            for entry in ranking.entries.defer("reasons", "gates").order_by("position")
        }
        for ranking in (old, new)
    )
    moved = [
        cro_id
        for cro_id in [*after, *(cro_id for cro_id in before if cro_id not in after)]
        if _moved(before.get(cro_id), after.get(cro_id))
    ]
    shown = moved[:SHOWN]
    cros = blind.cros_of(study, shown)
    old_facts, new_facts = (
        dict(ranking.entries.filter(cro__in=shown).values_list("cro", "reasons"))
        for ranking in (old, new)
    )
    return Changes(
        old=old,
        new=new,
        asked=_asked(old, new),
        moves=[
            Move(
                cro=cros[cro_id],
                before=_place(before.get(cro_id)),
                after=_place(after.get(cro_id)),
                group_before=_group(before.get(cro_id)),
                group_after=_group(after.get(cro_id)),
                points=_score(after.get(cro_id)) - _score(before.get(cro_id)),
                leaves=_leaves(
                    _known(old, before.get(cro_id), old_facts.get(cro_id)),
                    _known(new, after.get(cro_id), new_facts.get(cro_id)),
                ),
            )
            for cro_id in shown
        ],
        n_moved=len(moved),
    )


def _moved(before: RankingEntry | None, after: RankingEntry | None) -> bool:
    if before is None or after is None:
        return True
    return (
        before.position != after.position
        or before.group != after.group
        or abs(before.score - after.score) > SAME
    )


def _place(entry: RankingEntry | None) -> int | None:
    return entry.position if entry else None


def _group(entry: RankingEntry | None) -> Group | None:
    return Group(entry.group) if entry else None


def _score(entry: RankingEntry | None) -> float:
    return entry.score if entry else 0.0


def _known(
    ranking: Ranking, entry: RankingEntry | None, reasons: Any
) -> Mapping[str, tuple[float, str]] | None:
    """By leaf name its points and its sentences; None where no place was kept."""
    if entry is None:
        return None
    names = [leaf["name"] for leaf in ranking.parameters["leaves"]]
    texts = {
        names[reason["leaf"]]: " ".join(
            sentence(names[reason["leaf"]], fact) for fact in reason["facts"]
        )
        for reason in reasons
    }
    return {
        name: (values["contribution"], texts.get(name, ""))
        for name, values in zip(names, entry.leaves, strict=True)
    }


def _leaves(
    before: Mapping[str, tuple[float, str]] | None,
    after: Mapping[str, tuple[float, str]] | None,
) -> list[LeafChange]:
    """The leaves that changed, the largest first; none if only one side is known."""
    if before is None or after is None:
        return []
    found = []
    for name in dict.fromkeys((*after, *before)):
        old_points, old_text = before.get(name, (0.0, ""))
        points, text = after.get(name, (0.0, ""))
        if abs(points - old_points) > SAME or text != old_text:
            found.append(
                LeafChange(leaf_label(name), points - old_points, old_text, text)
            )
    return sorted(found, key=lambda leaf: -abs(leaf.points))


def _asked(old: Ranking, new: Ranking) -> list[Change]:
    """What the study asks, and how it weighs it, that was not so before."""
    found = []
    weights = [
        {one["code"]: one for one in ranking.parameters["criteria"]}
        for ranking in (old, new)
    ]
    for code in dict.fromkeys((*weights[0], *weights[1])):
        sides = [side.get(code) for side in weights]
        label = next(side["label"] for side in sides if side)
        found.append(Change(f"Weight of {label}", *(_weight(side) for side in sides)))
    needs = [ranking.parameters["need"] for ranking in (old, new)]
    for name, label in NEED_LABELS.items():
        found.append(Change(label, *(_value(need.get(name)) for need in needs)))
    terms = [
        {
            (one["scheme"], one["code"]): one
            for one in ranking.parameters["requirements"]
        }
        for ranking in (old, new)
    ]
    for key in dict.fromkeys((*terms[0], *terms[1])):
        asked = [side.get(key) for side in terms]
        label = next(one["label"] for one in asked if one)
        found.append(Change(label, *(_importance(one) for one in asked)))
    return [change for change in found if change.before != change.after]


def _weight(criterion: Mapping[str, Any] | None) -> str:
    return "not asked" if criterion is None else f"{criterion['weight'] * 100:.1f} %"


def _value(value: Any) -> str:
    if value is None or value == "":
        return "not said"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _importance(requirement: Mapping[str, Any] | None) -> str:
    if requirement is None:
        return "not asked"
    words = str(Importance(requirement["importance"]).label)
    share = requirement["share"]
    return words if share is None else f"{words}, {share * 100:.0f} % of the sites"
