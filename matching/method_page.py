"""The page that explains the score to a sponsor.

Every number on it is read from the engine, so the page cannot disagree with it.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.choices import Delivery, Tier
from matching.engine import (
    asked,
    day,
    knowledge,
    leaves,
    mesh,
    prepared,
    ranking,
    rates,
)
from matching.engine.inputs import DELIVERIES
from matching.engine.results import KNOWN_WIDTH
from matching.engine.version import VERSION
from matching.sentences import leaf_label
from sponsors.choices import Importance
from sponsors.criteria import CRITERIA

QUESTIONS = {
    "condition": "How many trials in this condition or near it, and how long ago?",
    "phase": "How many trials in the same phase and therapeutic area?",
    "modality_population": "Which of the modalities and populations asked for?",
    "countries": "Is it present in the countries, by claim or by trials there?",
    "regulators": "Has it dealt with these regulators?",
    "services": "Which of the services asked for, and by whom delivered?",
    "delivery_record": "What share of milestones was reached on time?",
    "team_qualification": "How many project managers are certified, how experienced?",
    "continuity": "How many of its people leave in a year?",
    "span": "How many countries has it run in one trial?",
    "technology": "Which of the technology asked for?",
    "capacity": "Are enough people free for this study and the further ones?",
    "size_proven": "Has it run trials with as many participants and sites?",
    "repeat_sponsors": "How many sponsors with a later trial came back?",
    "certificates": "Which of the certificates asked for?",
    "inspections": "What share of inspections ended without official action?",
    "sponsor_size": "What share of its trials was for sponsors of your size?",
}


@dataclass(frozen=True)
class LeafRow:
    """One question of the score; weights are shares of the whole, in percent."""

    criterion: str
    label: str
    question: str
    weight: float


@dataclass(frozen=True)
class CriterionRow:
    """A criterion with its questions; its weight is a percentage of the whole."""

    code: str
    label: str
    weight: float
    leaves: tuple[LeafRow, ...]


def criteria_rows() -> list[CriterionRow]:
    """Return the criteria, their questions and their default weights."""
    return [
        CriterionRow(
            code=criterion.code,
            label=criterion.label,
            weight=round(100 * criterion.default, 6),
            leaves=tuple(
                LeafRow(
                    criterion=criterion.code,
                    label=leaf_label(name),
                    question=QUESTIONS[name],
                    weight=100 * criterion.default * share,
                )
                for name, share in leaves.TREE[criterion.code].items()
            ),
        )
        for criterion in CRITERIA
    ]


def _numbers() -> dict[str, Any]:
    """Collect the numbers of the method that the page names."""
    half_widths = reversed(day.HALF_WIDTHS)  # the engine has the worst first
    deliveries = reversed(knowledge.VALUE_OF_DELIVERY[1:])
    return {
        "version": VERSION,
        "criteria": criteria_rows(),
        "tiers": [
            {"tier": tier.value, "label": tier.label, "low": 1 - h, "high": 1.0}
            for tier, h in zip(Tier, half_widths, strict=True)
        ],
        "deliveries": [
            (Delivery(code).label, round(100 * float(value)))
            for code, value in zip(DELIVERIES, deliveries, strict=True)
        ],
        "importances": [
            (label, points)
            for label, points in zip(Importance.labels, asked.POINTS, strict=True)
        ],
        "claim_half_life_years": day.CLAIM_HALF_LIFE_DAYS / prepared.DAYS_PER_YEAR,
        "trial_half_life_years": (
            prepared.EXPERIENCE_HALF_LIFE_DAYS / prepared.DAYS_PER_YEAR
        ),
        "closeness": {
            "same": mesh.CLOSENESS[mesh.SAME],
            "near": mesh.CLOSENESS[mesh.NEAR],
            "second": mesh.CLOSENESS[mesh.SECOND],
            "top": mesh.CLOSENESS[mesh.TOP],
        },
        "pseudo_count": rates.PSEUDO_COUNT,
        "on_time_peer_mean": 100 * leaves.ON_TIME_PEER_MEAN,
        "enough_evidence": 100 * KNOWN_WIDTH,
        "passing_value": 100 * ranking.PASSING_VALUE,
    }


@require_safe
def method(request: HttpRequest) -> HttpResponse:
    return render(request, "matching/method.html", _numbers())
