"""The criteria a sponsor weighs, with the default weights of the method.

The same as `matching.engine` has them (a test compares the two): the demand side
stands below the engine and may not import it.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Criterion:
    code: str
    label: str
    default: float  # share of the whole; the defaults sum to 1
    asks: str


CRITERIA = (
    Criterion(
        "expertise",
        "Expertise",
        0.26,
        "Trials in the same condition and phase; modality and population.",
    ),
    Criterion(
        "geography",
        "Geography",
        0.18,
        "Presence in the countries; regulators dealt with.",
    ),
    Criterion("services", "Services", 0.15, "The services asked for."),
    Criterion(
        "project_management",
        "Project management",
        0.14,
        "Milestones on time, qualification and continuity of the team, span.",
    ),
    Criterion("technology", "Technology", 0.08, "The technology asked for."),
    Criterion(
        "scalability",
        "Scalability",
        0.10,
        "Free capacity, largest trials run, sponsors that came back.",
    ),
    Criterion("quality", "Quality", 0.05, "Certificates and inspections."),
    Criterion("fit", "Fit", 0.04, "Work for sponsors of the same size."),
)
DEFAULT_WEIGHTS = {criterion.code: criterion.default for criterion in CRITERIA}

ALWAYS_ASKED = ("project_management", "scalability", "quality")
"""Criteria with a question that every study asks."""

ASKED_BY = {
    "condition": "expertise",
    "therapeutic_area": "expertise",
    "phase": "expertise",
    "modality": "expertise",
    "population": "expertise",
    "country": "geography",
    "regulator": "geography",
    "service": "services",
    "engagement": "services",
    "technology": "technology",
    "certification": "quality",
}
"""The criterion that a requirement of each list asks about."""


def asked_criteria(schemes: Collection[str], sponsor_size: str) -> list[Criterion]:
    """Give the criteria a study asks about, in order; only their weights count.

    Parameters
    ----------
    schemes : the lists of the study's requirements
    sponsor_size : the study's, empty where not known
    """
    asked = {*ALWAYS_ASKED, *(ASKED_BY[scheme] for scheme in schemes)}
    if sponsor_size:
        asked.add("fit")
    return [criterion for criterion in CRITERIA if criterion.code in asked]
