"""The tab Overview: what a CRO has done and says, and what nobody knows of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import Alias, Term
from catalog.profile.facts import (
    ClaimLine,
    Dossier,
    Event,
    Head,
    Knowledge,
    SchemeBlock,
    blocks,
    history,
    judged,
    knowledge,
)
from catalog.profile.record import TrackRecord, track_record
from catalog.profile.similar import Similar, similar_cros

OTHER_LISTS = ("cro_type", "modality", "population", "engagement", "regulator")


@dataclass(frozen=True)
class Field:
    """An area or a phase: what is claimed beside what the registers show."""

    term: Term
    n_trials: int
    lines: Sequence[ClaimLine]


@dataclass(frozen=True)
class Overview:
    knowledge: Knowledge
    areas: Sequence[Field]
    phases: Sequence[Field]
    others: Sequence[SchemeBlock]
    aliases: Sequence[Alias]
    history: Sequence[Event]
    similar: Sequence[Similar]


def overview(dossier: Dossier, head: Head) -> Overview:
    """Gather the tab: ten queries, and the snapshot's."""
    record = track_record([dossier.cro])
    aliases = list(dossier.cro.aliases.select_related("source"))
    fields = _fields(dossier, record)
    return Overview(
        knowledge=knowledge(dossier),
        areas=sorted(
            fields["therapeutic_area"], key=lambda field: -field.n_trials
        ),  # stable: the vocabulary's order among equals
        phases=fields["phase"],
        others=[block for block in blocks(dossier, *OTHER_LISTS) if block.lines],
        aliases=aliases,
        history=history(dossier.cro, head.predecessors, aliases),
        similar=similar_cros(dossier),
    )


def _fields(dossier: Dossier, record: TrackRecord) -> dict[str, list[Field]]:
    """Lay claims and trials side by side for areas and phases: one query."""
    lines = defaultdict(list)
    for line in judged(dossier.of("therapeutic_area", "phase"), record):
        lines[line.claim.term_id].append(line)
    fields: dict[str, list[Field]] = defaultdict(list)
    for term in Term.objects.filter(scheme__in=("therapeutic_area", "phase")):
        n_trials = len(record.showing(term) or ())
        if n_trials or term.pk in lines:
            fields[term.scheme_id].append(Field(term, n_trials, lines[term.pk]))
    return fields
