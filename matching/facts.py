"""The engine's answer as it is stored: JSON that names claims and trials.

The shapes are described at the fields of `Ranking` and `RankingEntry`.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Prefetch

from catalog.index.arrays import Vocabulary
from catalog.models import Claim, Term, Trial
from matching import engine
from matching.engine import inputs, results
from matching.models import Group, Ranking, RankingEntry
from matching.sentences import leaf_label
from sponsors.criteria import CRITERIA
from sponsors.needs import NeedSpec

CRITERION_LABELS = {criterion.code: criterion.label for criterion in CRITERIA}
KEPT_RELAXATIONS = 10

GATE_STATES = {results.PASS: "pass", results.FAIL: "fail", results.UNKNOWN: "unknown"}


def parameters(
    ranked: results.Ranking, need: inputs.Need, spec: NeedSpec, vocabulary: Vocabulary
) -> dict[str, Any]:
    """Write down what all entries of a ranking share.

    `relaxations` are the smallest sets of musts that would have to be given up
    for somebody to be eligible, with how many would be, most first; `relaxation`
    is the first of them. Both are empty where somebody is eligible.
    """
    weight: dict[str, float] = {}
    for leaf in ranked.leaves:
        weight[leaf.criterion] = weight.get(leaf.criterion, 0.0) + leaf.weight
    asked = need.requirements
    relaxations = [
        {
            "terms": [
                _required(term_json(vocabulary, int(asked.term[at])))
                for at in one.requirements
            ],
            "n_freed": one.n_freed,
        }
        for one in engine.smallest_relaxations(ranked, need)
    ]
    return {
        "criteria": [
            {"code": code, "label": CRITERION_LABELS[code], "weight": weight[code]}
            for code in inputs.CRITERIA
            if code in weight
        ],
        "leaves": [
            {
                "criterion": leaf.criterion,
                "name": leaf.name,
                "label": leaf_label(leaf.name),
                "weight": leaf.weight,
                "share_inside": leaf.share_inside,
            }
            for leaf in ranked.leaves
        ],
        "gates": [
            {
                **_required(term_json(vocabulary, int(asked.term[at]))),
                **{
                    f"n_{name}": int((ranked.gates[:, gate] == state).sum())
                    for state, name in GATE_STATES.items()
                },
            }
            for gate, at in enumerate(ranked.gate_requirement)
        ],
        "requirements": [
            {
                **_required(term_json(vocabulary, term)),
                "importance": inputs.IMPORTANCES[importance],
                "share": _finite_or_none(share),
            }
            for term, importance, share in zip(
                asked.term.tolist(),
                asked.importance.tolist(),
                asked.share.tolist(),
                strict=True,
            )
        ],
        "relaxation": relaxations[0]["terms"] if relaxations else [],
        "relaxations": relaxations[:KEPT_RELAXATIONS],
        "need": {
            "weights": dict(need.weights),
            "start_date": _date_or_none(spec.start_date),
            "participants": spec.participants,
            "n_sites": spec.n_sites,
            "is_rare_disease": spec.is_rare_disease,
            "further_studies": spec.further_studies,
            "staff_needed_fte": spec.staff_needed_fte,
            "sponsor_size": spec.sponsor_size,
        },
    }


def entries(
    ranking: Ranking,
    ranked: results.Ranking,
    explanations: Sequence[results.Explanation],
    need: inputs.Need,
    catalogue: inputs.Catalogue,
    vocabulary: Vocabulary,
) -> list[RankingEntry]:
    """Make the entries of the explained CROs, best first; nothing is saved.

    All claims are read by one query, all trials by two more.
    """
    place = {cro: at for at, cro in enumerate(ranked.order.tolist(), start=1)}
    waived = [int(at) in need.waived for at in ranked.gate_requirement]
    writer = _FactWriter(explanations, vocabulary)
    made = []
    for explanation in sorted(explanations, key=lambda one: place[one.cro]):
        cro = explanation.cro
        made.append(
            RankingEntry(
                ranking=ranking,
                cro_id=int(catalogue.cro_id[cro]),
                position=place[cro],
                group=Group(int(ranked.group[cro])),
                score=float(ranked.score[cro]),
                score_low=float(ranked.score_low[cro]),
                score_high=float(ranked.score_high[cro]),
                evidence=min(float(ranked.evidence[cro]), 1.0),
                leaves=_leaves(ranked, cro),
                gates=[
                    {
                        "state": GATE_STATES[state],
                        "waived": is_waived,
                        "fact": writer.fact(fact),
                    }
                    for state, is_waived, fact in zip(
                        ranked.gates[cro].tolist(),
                        waived,
                        explanation.gate_facts,
                        strict=True,
                    )
                ],
                reasons=[
                    {
                        "leaf": reason.leaf,
                        "facts": [writer.fact(fact) for fact in reason.facts],
                    }
                    for reason in explanation.reasons
                ],
            )
        )
    return made


def _leaves(ranked: results.Ranking, cro: int) -> list[dict[str, Any]]:
    low, value, high = ranked.low[cro], ranked.value[cro], ranked.high[cro]
    columns = {
        "low": low,
        "value": value,
        "high": high,
        "known": results.is_known(low, high),
        "contribution": value * ranked.weights,
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def term_json(vocabulary: Vocabulary, term: int) -> dict[str, str] | None:
    """Name a term by its position in the vocabulary; None for -1."""
    if term < 0:
        return None
    terms = vocabulary.terms
    return {
        "scheme": terms.scheme[term],
        "code": terms.code[term],
        "label": terms.label[term],
    }


class _FactWriter:
    """Writes facts; knows the claims and trials of all of them."""

    def __init__(
        self, explanations: Iterable[results.Explanation], vocabulary: Vocabulary
    ) -> None:
        self.vocabulary = vocabulary
        facts = [
            fact
            for explanation in explanations
            for fact in (
                *explanation.gate_facts,
                *(fact for reason in explanation.reasons for fact in reason.facts),
            )
        ]
        claims = {key for fact in facts for key in fact.claim_ids}
        trials = {key for fact in facts for key in fact.trial_ids}
        self.claims: Mapping[int, str] = {
            key: str(uuid)
            for key, uuid in Claim.objects.filter(pk__in=claims)
            .order_by()
            .values_list("pk", "uuid")
        }
        self.trials: Mapping[int, dict[str, Any]] = {
            trial.pk: {
                "register": trial.register,
                "id": trial.registry_id,
                "title": trial.title,
                "url": trial.register_url,
                "start": _date_or_none(trial.start_date),
                "conditions": [term.label for term in trial.conditions.all()],
            }
            for trial in Trial.objects.filter(pk__in=trials)
            .order_by()
            .only("register", "registry_id", "title", "start_date")
            .prefetch_related(
                Prefetch("conditions", Term.objects.only("label").order_by("label"))
            )
        }

    def fact(self, fact: results.Fact) -> dict[str, Any]:
        # A claim deleted since the snapshot is left out: the catalogue's change
        # has asked for the next ranking already.
        return {
            "kind": fact.kind,
            "term": term_json(self.vocabulary, fact.term),
            "low": fact.low,
            "value": fact.value,
            "high": fact.high,
            "disputed": fact.is_disputed,
            "claims": [
                self.claims[key] for key in fact.claim_ids if key in self.claims
            ],
            "trials": [
                self.trials[key] for key in fact.trial_ids if key in self.trials
            ],
            "numbers": {
                name: float(number)
                for name, number in fact.numbers.items()
                if math.isfinite(number)
            },
        }


def _required(term: dict[str, str] | None) -> dict[str, str]:
    if term is None:
        raise ValueError("a requirement without a term")
    return term


def _finite_or_none(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _date_or_none(date: dt.date | None) -> str | None:
    return None if date is None else date.isoformat()
