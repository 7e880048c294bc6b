"""Reads one study in the XML that ClinicalTrials.gov offered until 2024.

The record is turned into the shape of API v2 and read by `ctgov`, so that both
formats go through the same checks.
"""

import re
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from catalog.importers.ctgov import NO_SITES, read_study
from catalog.importers.records import (
    CountrySites,
    RecordError,
    TrialRecord,
    clean_text,
    code_word,
)

MAX_DEPTH = 60
MAX_ELEMENTS = 200_000
MONTHS = {
    name: number
    for number, name in enumerate(
        (
            "january", "february", "march", "april", "may", "june", "july", "august",
            "september", "october", "november", "december",
        ),
        1,
    )
}  # fmt: skip
_WRITTEN_DATE = re.compile(r"([A-Za-z]+)\s+(?:(\d{1,2})(?:st|nd|rd|th)?,?\s+)?(\d{4})")


def parse_xml(payload: bytes) -> TrialRecord:
    """Read one `clinical_study`. Raises `RecordError` when there is none.

    Document types are refused, and with them entities: nothing is fetched and
    nothing grows.
    """
    root = _tree(payload)
    if root.tag != "clinical_study":
        raise RecordError(
            f"This XML is no study record: it begins with “{root.tag[:40]}” where "
            "“clinical_study” is expected."
        )
    record = replace(read_study(_as_v2(root)), detail=3)
    if not record.countries and (names := _texts(root, "location_countries/country")):
        found = dict.fromkeys(clean_text(name, 100) for name in names)
        return replace(
            record,
            countries=tuple(CountrySites(name) for name in found if name),
            notes=tuple(note for note in record.notes if note != NO_SITES),
        )
    return record


def iso_date(text: str) -> str:
    """Write `April 13, 2016` or `April 2016` as API v2 does; else as it was."""
    found = _WRITTEN_DATE.fullmatch(text.strip())
    month = MONTHS.get(found[1].lower()) if found else None
    if not found or not month:
        return text
    day = f"-{int(found[2]):02d}" if found[2] else ""
    return f"{found[3]}-{month:02d}{day}"


def phase_words(text: str) -> list[str]:
    """Split `Phase 1/Phase 2` as API v2 lists it; `N/A` is a phase that is not."""
    plain = text.strip().upper().replace("NOT APPLICABLE", "NA").replace("N/A", "NA")
    words = re.split(r"[/|,]", plain)
    return [re.sub(r"[\s_-]", "", w).replace("EARLY", "EARLY_") for w in words if w]


def _tree(payload: bytes) -> Element:
    builder = TreeBuilder()
    depth = elements = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            raise RecordError("The XML is larger or deeper than any study record.")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise RecordError(
            "The XML declares a document type, which study records do not have and "
            "which can be misused; it was not read."
        )

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(payload, True)
        return builder.close()
    except expat.ExpatError as error:
        raise RecordError(
            f"This is not XML: line {error.lineno}, column {error.offset + 1} cannot be "
            f"read ({expat.errors.messages[error.code]})."
        ) from None
    except (LookupError, ValueError):  # an encoding that does not exist
        raise RecordError("The XML names an encoding that cannot be read.") from None


def _text(parent: Element, path: str) -> str | None:
    return parent.findtext(path)


def _texts(parent: Element, path: str) -> list[str]:
    return [found.text or "" for found in parent.iterfind(path)]


def _date(parent: Element, path: str) -> dict[str, str]:
    text = parent.findtext(path)
    return {"date": iso_date(text)} if text else {}


def _organization(parent: Element) -> dict[str, str | None]:
    return {
        "name": _text(parent, "agency"),
        "class": _text(parent, "agency_class"),
    }


def _as_v2(study: Element) -> dict[str, Any]:
    lead = study.find("sponsors/lead_sponsor")
    contact = study.find("clinical_results/point_of_contact")
    browse = [{"term": term} for term in _texts(study, "condition_browse/mesh_term")]
    healthy = {"Yes": True, "Accepts Healthy Volunteers": True, "No": False}
    return {
        "protocolSection": {
            "identificationModule": {
                "nctId": _text(study, "id_info/nct_id"),
                "briefTitle": _text(study, "brief_title"),
                "officialTitle": _text(study, "official_title"),
                "orgStudyIdInfo": {"id": _text(study, "id_info/org_study_id")},
                "secondaryIdInfos": [
                    {"id": text} for text in _texts(study, "id_info/secondary_id")
                ],
            },
            "statusModule": {
                "overallStatus": _status(_text(study, "overall_status")),
                "startDateStruct": _date(study, "start_date"),
                "completionDateStruct": _date(study, "completion_date"),
                "lastUpdatePostDateStruct": _date(study, "last_update_posted")
                or _date(study, "lastchanged_date"),
            },
            "sponsorCollaboratorsModule": {
                "leadSponsor": _organization(lead) if lead is not None else None,
                "collaborators": [
                    _organization(found)
                    for found in study.iterfind("sponsors/collaborator")
                ],
                "responsibleParty": {
                    "investigatorFullName": _text(
                        study, "responsible_party/investigator_full_name"
                    ),
                    "oldOrganization": _text(study, "responsible_party/organization"),
                },
            },
            "conditionsModule": {
                "conditions": _texts(study, "condition"),
                "keywords": _texts(study, "keyword"),
            },
            "designModule": {
                "studyType": study_type(_text(study, "study_type") or ""),
                "phases": phase_words(_text(study, "phase") or ""),
                "enrollmentInfo": {"count": _text(study, "enrollment")},
            },
            "armsInterventionsModule": {
                "interventions": [
                    {
                        "type": code_word(_text(found, "intervention_type") or ""),
                        "name": _text(found, "intervention_name"),
                    }
                    for found in study.iterfind("intervention")
                ]
            },
            "eligibilityModule": {
                "minimumAge": _text(study, "eligibility/minimum_age"),
                "maximumAge": _text(study, "eligibility/maximum_age"),
                "sex": _sex(_text(study, "eligibility/gender") or ""),
                "healthyVolunteers": healthy.get(
                    (_text(study, "eligibility/healthy_volunteers") or "").strip()
                ),
            },
            "contactsLocationsModule": {
                "overallOfficials": [
                    {"affiliation": text}
                    for text in _texts(study, "overall_official/affiliation")
                ],
                "centralContacts": [
                    {"email": text}
                    for kind in ("overall_contact", "overall_contact_backup")
                    for text in _texts(study, f"{kind}/email")
                ],
                "locations": [
                    {
                        "facility": _text(found, "facility/name"),
                        "country": _text(found, "facility/address/country"),
                    }
                    for found in study.iterfind("location")
                ],
            },
        },
        "derivedSection": {"conditionBrowseModule": {"meshes": browse}},
        "resultsSection": {
            "moreInfoModule": {
                "pointOfContact": {
                    "organization": _text(contact, "organization"),
                    "email": _text(contact, "email"),
                }
                if contact is not None
                else None
            }
        },
    }


def study_type(text: str) -> str:
    """Give the type in the words of API v2: `Observational [Patient Registry]`."""
    return code_word(text.partition("[")[0])


def _status(text: str | None) -> str:
    word = code_word(text or "")
    return {"UNKNOWN_STATUS": "UNKNOWN"}.get(word, word)


def _sex(text: str) -> str:
    word = text.strip().upper()
    return {"BOTH": "ALL"}.get(word, word)
