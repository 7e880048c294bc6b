"""Made-up records in the shape of ClinicalTrials.gov API v2, and the real ones."""

import copy
import os
from pathlib import Path

import pytest

STUDY = {
    "protocolSection": {
        "identificationModule": {
            "nctId": "NCT99000001",
            "briefTitle": "Made-up Tablets in Adults With Asthma",
            "officialTitle": "A Made-up Study That Nobody Ran",
            "organization": {"fullName": "Made-up Pharma", "class": "INDUSTRY"},
        },
        "statusModule": {
            "overallStatus": "NOT_YET_RECRUITING",
            "startDateStruct": {"date": "2027-03", "type": "ESTIMATED"},
            "completionDateStruct": {"date": "2029-06-30", "type": "ESTIMATED"},
        },
        "sponsorCollaboratorsModule": {
            "responsibleParty": {
                "type": "PRINCIPAL_INVESTIGATOR",
                "investigatorFullName": "Jane Planted",
            },
            "leadSponsor": {"name": "Made-up Pharma", "class": "INDUSTRY"},
            "collaborators": [
                {"name": "Fictional Research", "class": "INDUSTRY"},
                {"name": "Planted, Jane", "class": "INDIV"},
            ],
        },
        "conditionsModule": {"conditions": ["Persistent Asthma", "Rhinitis"]},
        "designModule": {
            "studyType": "INTERVENTIONAL",
            "phases": ["PHASE2", "PHASE3"],
            "designInfo": {
                "allocation": "RANDOMIZED",
                "interventionModel": "PARALLEL",
                "primaryPurpose": "TREATMENT",
                "maskingInfo": {"masking": "QUADRUPLE"},
            },
            "enrollmentInfo": {"count": 420, "type": "ESTIMATED"},
        },
        "armsInterventionsModule": {
            "interventions": [
                {"type": "DRUG", "name": "Made-upine"},
                {"type": "DRUG", "name": "Placebo"},
                {"type": "DEVICE", "name": "Inhaler"},
            ]
        },
        "eligibilityModule": {
            "minimumAge": "6 Months",
            "maximumAge": "17 Years",
            "sex": "ALL",
            "healthyVolunteers": False,
        },
        "contactsLocationsModule": {
            "centralContacts": [
                {
                    "name": "Jane Planted",
                    "phone": "+1 555 0100",
                    "email": "jane.planted@example.org",
                }
            ],
            "overallOfficials": [{"name": "Jane Planted", "affiliation": "Clinic"}],
            "locations": [
                {"facility": "Site 1", "city": "Lodz", "country": "Poland"},
                {"facility": "Site 2", "city": "Gdansk", "country": "Poland"},
                {
                    "facility": "Site 3",
                    "city": "Lyon",
                    "country": "France",
                    "contacts": [{"name": "Jane Planted", "phone": "+1 555 0100"}],
                },
                {"facility": "Site 4", "city": "Lublin", "country": "Poland"},
            ],
        },
    },
    "derivedSection": {
        "conditionBrowseModule": {
            "meshes": [{"id": "D001249", "term": "Asthma"}],
            "ancestors": [{"id": "D001982", "term": "Bronchial Diseases"}],
        }
    },
    "hasResults": False,
}


def make_study(**changes):
    """Copy the made-up study; `designModule={…}` replaces a module of it."""
    study = copy.deepcopy(STUDY)
    for module, body in changes.items():
        if body is None:
            study["protocolSection"].pop(module, None)
        else:
            study["protocolSection"][module] = body
    return study


def real_records():
    """Give the files of the shared real records; none where they are not at hand."""
    shared = os.environ.get("CRO_SHARED_DATA")
    return sorted((Path(shared) / "ctgov_v2").glob("*.json")) if shared else []


needs_real_records = pytest.mark.skipif(
    not real_records(), reason="CRO_SHARED_DATA does not lead to the real records"
)
