"""What a study asks for, as plain values: stored, or typed and never stored."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.models import Term
from cro_portal.common.db import one_moment
from sponsors.models import Requirement, Study, Weights


@dataclass(frozen=True)
class RequirementSpec:
    """One thing asked for. `share` is a country's share of the sites, 0 to 1."""

    term_id: int
    importance: str
    share: float | None = None


@dataclass(frozen=True)
class NeedSpec:
    """A study's question. None and "" mean the study does not say.

    `weights` is criterion to weight, any scale; empty means the method's default.
    `waived` are the terms of musts whose gate counts as passed.
    """

    requirements: tuple[RequirementSpec, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    start_date: dt.date | None = None
    participants: int | None = None
    n_sites: int | None = None
    is_rare_disease: bool | None = None
    further_studies: int = 0
    staff_needed_fte: float | None = None
    sponsor_size: str = ""
    waived: tuple[int, ...] = ()


@dataclass(frozen=True)
class StudyNeed:
    """A stored study's question and the versions it was read at.

    `weights_version` is 0 where the method's default weights hold.
    """

    study_version: int
    weights_version: int
    spec: NeedSpec
    terms: Mapping[int, Term]  # what is asked for, by key, with its scheme


def need_of_study(study_id: uuid.UUID) -> StudyNeed:
    """Read a study, its requirements and its weights as of one moment."""
    with one_moment():
        return need_of(Study.objects.get(pk=study_id))


def need_of(study: Study) -> StudyNeed:
    """Read what a study asked for at the version it was read at: two queries."""
    asked = Requirement.objects.filter(study=study).at(study.version)
    rows = list(asked.order_by("term_id").select_related("term__scheme"))
    weights = Weights.objects.filter(study=study).at(study.version).first()
    staff = study.staff_needed_fte
    return StudyNeed(
        study_version=study.version,
        weights_version=weights.since_version if weights else 0,
        spec=NeedSpec(
            requirements=tuple(
                RequirementSpec(row.term_id, row.importance, row.share) for row in rows
            ),
            weights=weights.values if weights else {},
            start_date=study.start_date,
            participants=study.participants,
            n_sites=study.n_sites,
            is_rare_disease=study.is_rare_disease,
            further_studies=study.further_studies,
            staff_needed_fte=None if staff is None else float(staff),
            sponsor_size=study.sponsor_size,
        ),
        terms={row.term_id: row.term for row in rows},
    )
