"""Reads a line of trials merged from many public copies of ClinicalTrials.gov.

One JSON object with the keys `nct_id`, `title`, `lead_sponsor`, `lead_class`,
`collaborators` [{name, cls}], `cro_found` [{cro, fields}], `conditions`,
`mesh_conditions`, `phase`, `study_type`, `intervention_types`, `enrolment`,
`start_date`, `completion_date`, `countries`, `n_sites`, `overall_status` and
`record_as_of`. "" and [] mean that no copy said it. The line is turned into the
shape of API v2 and read by `ctgov`.
"""

from dataclasses import replace
from typing import Any

from catalog.importers.ctgov import NO_SITES, read_study
from catalog.importers.ctgov_xml import phase_words
from catalog.importers.records import (
    CountrySites,
    Mention,
    MentionField,
    Reader,
    TrialRecord,
    code_word,
    once,
)

FIELDS: dict[str, MentionField] = {
    "official_affiliation": "official",
    "responsible_party": "official",
    "results_contact": "results_contact",
    "facility": "facility",
    "collaborator": "collaborator",
    "lead_sponsor": "lead",
}
"""What the fields of `cro_found` are here. A contact's mail domain is not kept in
this format, only whose it is, so it is no mention of its own."""


def is_merged(line: dict[str, Any]) -> bool:
    return "nct_id" in line and "lead_sponsor" in line


def parse_line(line: dict[str, Any]) -> TrialRecord:
    """Read one decoded line. Raises `RecordError` without an NCT number."""
    record = read_study(_as_v2(line))
    reader = Reader([note for note in record.notes if note != NO_SITES])
    countries = reader.texts(line, "countries")
    n_sites = line.get("n_sites")
    found = [
        Mention(name, FIELDS[field])
        for body in reader.mappings(line, "cro_found")
        if (name := reader.text(body, "cro", 300))
        for field in reader.texts(body, "fields")
        if field in FIELDS
    ]
    named = {mention.field for mention in record.mentions}
    return replace(
        record,
        detail=2,
        countries=tuple(CountrySites(name) for name in countries),
        n_sites=n_sites if isinstance(n_sites, int) and 0 < n_sites < 100_000 else None,
        mentions=once(
            [
                *record.mentions,
                # Lead and collaborators stand in fields of their own, as written.
                *(m for m in found if m.field not in ("lead", "collaborator")),
                *(
                    m
                    for m in found
                    if m.field in ("lead", "collaborator") and m.field not in named
                ),
            ]
        ),
        notes=tuple(reader.notes),
    )


def _as_v2(line: dict[str, Any]) -> dict[str, Any]:
    lead = line.get("lead_sponsor")
    phase = line.get("phase")
    study_type = line.get("study_type")
    status = line.get("overall_status")
    collaborators = line.get("collaborators")
    mesh = line.get("mesh_conditions")
    kinds = line.get("intervention_types")
    return {
        "protocolSection": {
            "identificationModule": {
                "nctId": line["nct_id"],
                "briefTitle": line.get("title"),
            },
            "statusModule": {
                "overallStatus": _word(status, {"UNKNOWN_STATUS": "UNKNOWN"}),
                "startDateStruct": {"date": line.get("start_date")},
                "completionDateStruct": {"date": line.get("completion_date")},
                "lastUpdatePostDateStruct": {"date": line.get("record_as_of")},
            },
            "sponsorCollaboratorsModule": {
                "leadSponsor": {"name": lead, "class": line.get("lead_class")}
                if lead
                else None,
                "collaborators": [
                    {"name": body.get("name"), "class": body.get("cls")}
                    if isinstance(body, dict)
                    else body
                    for body in collaborators
                ]
                if isinstance(collaborators, list)
                else collaborators,
            },
            "conditionsModule": {"conditions": line.get("conditions")},
            "designModule": {
                "studyType": _word(study_type, {"N_A": ""}),
                "phases": phase_words(phase) if isinstance(phase, str) else phase,
                "enrollmentInfo": {"count": line.get("enrolment") or None},
            },
            "armsInterventionsModule": {
                "interventions": [
                    {"type": code_word(kind) if isinstance(kind, str) else kind}
                    for kind in kinds
                ]
                if isinstance(kinds, list)
                else kinds
            },
        },
        "derivedSection": {
            "conditionBrowseModule": {
                "meshes": [
                    {"term": name} if isinstance(name, str) else name for name in mesh
                ]
                if isinstance(mesh, list)
                else mesh
            }
        },
    }


def _word(value: object, other: dict[str, str]) -> object:
    if not isinstance(value, str):
        return value
    word = code_word(value)
    return other.get(word, word)
