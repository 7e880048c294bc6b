"""What a study needs against what some CROs offer: each requirement by itself."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError

from catalog import snapshot
from catalog.comparison import Comparison
from catalog.models import CRO, Claim
from matching import engine, facts, features
from matching.engine import inputs
from matching.models import Ranking, RankingEntry
from matching.sentences import gate_sentence
from sponsors.choices import Importance
from sponsors.models import Study
from sponsors.needs import NeedSpec, need_of

MET, PARTLY, NOT_MET, OPEN = "met", "partly", "no", "unknown"

OWN_VALUE = 0.85
"""A yes below this is an affiliate's or a partner's (METHOD section 2)."""


@dataclass(frozen=True)
class Offer:
    """How one CRO stands to one requirement, in a word and in a sentence."""

    state: str  # met, partly, no, unknown
    text: str
    is_disputed: bool
    claims: tuple[Claim, ...]
    trials: tuple[Mapping[str, str], ...]

    @property
    def words(self) -> str:
        return {MET: "met", PARTLY: "partly met", NOT_MET: "not met"}.get(
            self.state, "unknown"
        )


@dataclass(frozen=True)
class NeedRow:
    """A requirement and how each CRO stands to it, in the order of the CROs."""

    code: str
    label: str
    scheme: str
    importance: str
    is_must: bool
    offers: tuple[Offer, ...]

    @property
    def is_different(self) -> bool:
        return len({offer.state for offer in self.offers}) > 1


@dataclass(frozen=True)
class Standing:
    """All requirements of a study, and each CRO's points by criterion.

    `scores` and `coverage` are shares in [0, 1]; `criteria` are the labels of
    `points`, which holds for each CRO the share of a criterion's points it gets,
    None where no leaf of the criterion is known.
    `problem` says why nothing could be worked out.
    """

    rows: tuple[NeedRow, ...] = ()
    criteria: tuple[str, ...] = ()
    points: tuple[tuple[float | None, ...], ...] = ()
    scores: tuple[float, ...] = ()
    coverage: tuple[float, ...] = ()
    problem: str = ""


def standing(
    study: Study, comparison: Comparison, *, catalogue: snapshot.Snapshot
) -> Standing:
    """Hold the compared CROs against a study as it is now; nothing is stored.

    The study must be the reader's. The engine answers, so a requirement is met
    here exactly when its gate would pass were it a must. Two queries: the evidence
    is the comparison's own.
    """
    asked = need_of(study)
    spec, cros, on = asked.spec, comparison.cros, comparison.as_of
    if not spec.requirements:
        return Standing(problem="This study asks for nothing yet. Add what it needs.")
    try:
        as_musts = _entries(_all_musts(spec), cros, catalogue, on)
        weighed = _entries(spec, cros, catalogue, on)
    except ValidationError as error:
        return Standing(problem=" ".join(error.messages))
    parameters = as_musts[0]
    claims = {str(claim.uuid): claim for claim in comparison.claims}
    terms = {(term.scheme_id, term.code): term for term in asked.terms.values()}
    importance = {one.term_id: one.importance for one in spec.requirements}
    rows = []
    for at, gate in enumerate(parameters["gates"]):
        term = terms[gate["scheme"], gate["code"]]
        how = importance[term.pk]
        rows.append(
            (
                (_rank_of(how), term.scheme.position, term.scheme_id, at),
                NeedRow(
                    code=f"{term.scheme_id}:{term.code}",
                    label=term.label,
                    scheme=term.scheme.label,
                    importance=str(Importance(how).label),
                    is_must=how == Importance.MUST,
                    offers=tuple(
                        _offer(as_musts[1].get(cro.pk), at, claims) for cro in cros
                    ),
                ),
            )
        )
    criteria = weighed[0]["criteria"]
    entries = [weighed[1].get(cro.pk) for cro in cros]
    return Standing(
        rows=tuple(row for _, row in sorted(rows, key=lambda pair: pair[0])),
        criteria=tuple(criterion["label"] for criterion in criteria),
        points=tuple(_points(weighed[0], entry) for entry in entries),
        scores=tuple(entry.score if entry else 0.0 for entry in entries),
        coverage=tuple(entry.evidence if entry else 0.0 for entry in entries),
    )


def _all_musts(spec: NeedSpec) -> NeedSpec:
    return replace(
        spec,
        requirements=tuple(
            replace(one, importance=Importance.MUST.value) for one in spec.requirements
        ),
    )


def _entries(
    spec: NeedSpec, cros: Sequence[CRO], catalogue: snapshot.Snapshot, on: dt.date
) -> tuple[dict[str, Any], dict[int, RankingEntry]]:
    """Rank for a need; return its parameters and the entries of these CROs by key."""
    need = features.need(catalogue, spec, on)
    prepared = features.prepared(catalogue)
    try:
        answer = engine.rank(prepared, need)
    except ValueError as error:
        raise ValidationError(str(error)) from error
    place = {key: at for at, key in enumerate(prepared.catalogue.cro_id.tolist())}
    at = [place[cro.pk] for cro in cros if cro.pk in place]
    explained = engine.explain(answer, at)
    entries = facts.entries(
        Ranking(), answer, explained, need, prepared.catalogue, catalogue.vocabulary
    )
    parameters = facts.parameters(answer, need, spec, catalogue.vocabulary)
    return parameters, {entry.cro_id: entry for entry in entries}


def _offer(entry: RankingEntry | None, at: int, claims: Mapping[str, Claim]) -> Offer:
    if entry is None:  # left the list a moment ago
        return Offer(OPEN, "It is not in the list any more.", False, (), ())
    gate = entry.gates[at]
    fact = gate["fact"]
    behind = tuple(claims[uuid] for uuid in fact["claims"] if uuid in claims)
    text = gate_sentence(gate["state"], fact)
    if gate["state"] == "unknown" and behind:
        text = "What is said of it is too old or too weak to count; ask."
    return Offer(_state(gate), text, fact["disputed"], behind, tuple(fact["trials"]))


def _state(gate: Mapping[str, Any]) -> str:
    """Partly is a yes through somebody else, or one that is in dispute."""
    fact = gate["fact"]
    if gate["state"] != "pass":
        return NOT_MET if gate["state"] == "fail" else OPEN
    is_shown = bool(fact["trials"])
    if fact["disputed"] or (fact["value"] < OWN_VALUE and not is_shown):
        return PARTLY
    return MET


def _points(
    parameters: Mapping[str, Any], entry: RankingEntry | None
) -> tuple[float | None, ...]:
    """Share of each criterion's weight that a CRO gets, in [0, 1]."""
    found: list[float | None] = []
    for criterion in parameters["criteria"]:
        values = [
            value
            for leaf, value in zip(
                parameters["leaves"], entry.leaves if entry else (), strict=False
            )
            if leaf["criterion"] == criterion["code"]
        ]
        got = sum(value["contribution"] for value in values)
        is_known = any(value["known"] for value in values) and criterion["weight"] > 0
        found.append(min(got / criterion["weight"], 1.0) if is_known else None)
    return tuple(found)


def _rank_of(importance: str) -> int:
    return inputs.IMPORTANCES.index(importance)
