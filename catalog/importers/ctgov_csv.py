"""Reads a row of the CSV exports of ClinicalTrials.gov's search page, old and new.

Rows are turned into the shape of API v2 and read by `ctgov`. The exports name no
MeSH terms, officials or contacts.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from catalog.importers.ctgov import read_study
from catalog.importers.ctgov_xml import iso_date, phase_words, study_type
from catalog.importers.records import RecordError, TrialRecord, code_word

OLD_COLUMNS = frozenset({"NCT Number", "Title", "Sponsor/Collaborators"})
NEW_COLUMNS = frozenset({"NCT Number", "Study Title", "Sponsor"})
_AGES = re.compile(
    r"(?:(?P<from>\d+ [A-Za-z]+) (?:and older|to (?P<to>\d+ [A-Za-z]+))"
    r"|up to (?P<only>\d+ [A-Za-z]+))",
    re.IGNORECASE,
)


def is_export(columns: set[str]) -> bool:
    """Tell whether a CSV file with these columns is one of the two exports."""
    return columns >= OLD_COLUMNS or columns >= NEW_COLUMNS


def parse_row(row: Mapping[str | None, Any]) -> TrialRecord:
    """Read one row by its column names. Raises `RecordError` without a number."""
    if None in row:
        raise RecordError("The row has more cells than the header has columns.")
    cells = {name: str(text or "").strip() for name, text in row.items() if name}
    return replace(read_study(_as_v2(cells)), detail=1)


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _as_v2(cells: dict[str, str]) -> dict[str, Any]:
    if "Sponsor/Collaborators" in cells:
        names = _list(cells["Sponsor/Collaborators"])
        lead, others = (names[0] if names else ""), names[1:]
        classes = _list(cells.get("Funded Bys", ""))
    else:
        lead = cells.get("Sponsor", "")
        others = _list(cells.get("Collaborators", ""))
        classes = _list(cells.get("Funder Type", ""))
    # The classes stand in the order of the sponsors, but each of them once only.
    collaborator_class = classes[0] if len(classes) == 1 else ""
    interventions = [text.partition(":") for text in _list(cells["Interventions"])]
    ages = _AGES.match(cells.get("Age", ""))
    return {
        "protocolSection": {
            "identificationModule": {
                "nctId": cells.get("NCT Number"),
                "briefTitle": cells.get("Title") or cells.get("Study Title"),
                "secondaryIdInfos": [
                    {"id": text} for text in _list(cells.get("Other IDs", ""))
                ],
            },
            "statusModule": {
                "overallStatus": _status(cells),
                "startDateStruct": _date(cells, "Start Date"),
                "completionDateStruct": _date(cells, "Completion Date"),
                "lastUpdatePostDateStruct": _date(cells, "Last Update Posted"),
            },
            "sponsorCollaboratorsModule": {
                "leadSponsor": {"name": lead, "class": classes[0] if classes else ""}
                if lead
                else None,
                "collaborators": [
                    {"name": name, "class": collaborator_class} for name in others
                ],
            },
            "conditionsModule": {"conditions": _list(cells.get("Conditions", ""))},
            "designModule": {
                "studyType": study_type(cells.get("Study Type", "")),
                "phases": phase_words(cells.get("Phases", "")),
                "enrollmentInfo": {"count": cells.get("Enrollment") or None},
            },
            "armsInterventionsModule": {
                "interventions": [
                    {"type": code_word(kind), "name": name.strip()}
                    for kind, _, name in interventions
                ]
            },
            "eligibilityModule": {
                "minimumAge": ages["from"] if ages else None,
                "maximumAge": (ages["to"] or ages["only"]) if ages else None,
                "sex": (cells.get("Sex") or cells.get("Gender") or "").upper(),
            },
            "contactsLocationsModule": {
                "locations": [_site(text) for text in _list(cells.get("Locations", ""))]
            },
        }
    }


def _date(cells: dict[str, str], column: str) -> dict[str, str]:
    text = cells.get(column, "")
    return {} if text in ("", "null") else {"date": iso_date(text)}


def _status(cells: dict[str, str]) -> str:
    word = code_word(cells.get("Status") or cells.get("Study Status") or "")
    return {"UNKNOWN_STATUS": "UNKNOWN"}.get(word, word)


def _site(text: str) -> dict[str, str]:
    """Split `Clinic, Town, State, 12345, Country` at its ends, which are sure."""
    parts = [part.strip() for part in text.split(",")]
    # "Korea, Republic of" and its like hold a comma themselves.
    country = ", ".join(parts[-2:]) if parts[-1] in _SECOND_HALVES else parts[-1]
    return {"facility": parts[0] if len(parts) > 1 else "", "country": country}


_SECOND_HALVES = frozenset(
    {
        "Republic of",
        "Islamic Republic of",
        "Democratic People's Republic of",
        "The Former Yugoslav Republic of",
        "The Democratic Republic of the",
        "Province of China",
        "occupied",
        "Occupied",
        "U.S.",
        "British",
    }
)
