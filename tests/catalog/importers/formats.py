"""One made-up trial in every format, with a person planted wherever one can stand."""

import json

from tests.catalog.importers.ctgov_records import make_study

PLANTED = ("planted", "555 0100", "jane")
"""Words of the person's name, mail address and telephone number, in small letters."""

XML = """<?xml version="1.0" encoding="UTF-8"?>
<clinical_study>
  <!-- This xml conforms to an XML DTD at: https://clinicaltrials.gov/public.dtd -->
  <id_info><org_study_id>MU-2</org_study_id><nct_id>NCT99000002</nct_id></id_info>
  <brief_title>Made-up Tablets in Asthma</brief_title>
  <sponsors>
    <lead_sponsor><agency>Made-up Pharma</agency>
      <agency_class>Industry</agency_class></lead_sponsor>
    <collaborator><agency>Fictional Research</agency>
      <agency_class>Industry</agency_class></collaborator>
    <collaborator><agency>Jane Planted</agency>
      <agency_class>Other</agency_class></collaborator>
  </sponsors>
  <overall_status>Active, not recruiting</overall_status>
  <start_date>November 2014</start_date>
  <completion_date type="Actual">March 5, 2016</completion_date>
  <phase>Phase 1/Phase 2</phase>
  <study_type>Observational [Patient Registry]</study_type>
  <enrollment type="Actual">120</enrollment>
  <condition>Asthma</condition>
  <intervention><intervention_type>Dietary Supplement</intervention_type>
    <intervention_name>Made-upine</intervention_name></intervention>
  <eligibility><gender>Both</gender><minimum_age>18 Years</minimum_age>
    <maximum_age>N/A</maximum_age><healthy_volunteers>No</healthy_volunteers>
  </eligibility>
  <overall_official><last_name>Jane Planted, MD</last_name>
    <affiliation>Fictional Unit</affiliation></overall_official>
  <overall_contact><last_name>Jane Planted</last_name><phone>+1 555 0100</phone>
    <email>jane.planted@contact.example</email></overall_contact>
  <location><facility><name>Fictional Clinic</name>
    <address><city>Lodz</city><country>Poland</country></address></facility>
    <contact><last_name>Jane Planted</last_name><phone>+1 555 0100</phone>
      <email>jane.planted@contact.example</email></contact>
    <investigator><last_name>Jane Planted</last_name></investigator></location>
  <lastchanged_date>September 1, 2015</lastchanged_date>
  <responsible_party><name_title>Jane Planted</name_title>
    <organization>Fictional Party</organization></responsible_party>
  <condition_browse><mesh_term>Asthma</mesh_term></condition_browse>
  <clinical_results><point_of_contact><name_or_title>Jane Planted</name_or_title>
    <organization>Fictional Research</organization><phone>+1 555 0100</phone>
    <email>jane.planted@fictional-research.example</email>
  </point_of_contact></clinical_results>
</clinical_study>
"""

OLD_CSV = (
    "Rank,NCT Number,Title,Status,Conditions,Interventions,Sponsor/Collaborators,"
    "Gender,Age,Phases,Enrollment,Funded Bys,Study Type,Other IDs,Start Date,"
    "Completion Date,Last Update Posted,Locations\n"
    "1,NCT99000003,Made-up Tablets in Asthma,Unknown status,Asthma|Rhinitis,"
    "Drug: Made-upine|Other: Placebo,Jane Planted|Fictional Research,All,"
    '"18 Years to 60 Years   (Adult)",Phase 2|Phase 3,250,Other,Interventional,'
    'MU-3,April 2016,"June 13, 2018","May 4, 2019",'
    '"Fictional Clinic, Lodz, Poland|Fictional Clinic 2, Seoul, Korea, Republic of"\n'
)

NEW_CSV = (
    "NCT Number,Study Title,Study Status,Conditions,Interventions,Sponsor,"
    "Collaborators,Sex,Age,Phases,Enrollment,Funder Type,Study Type,Start Date,"
    "Completion Date,Locations\n"
    "NCT99000004,Made-up Device in Asthma,COMPLETED,Asthma,DEVICE: Inhaler,"
    'Made-up Pharma,Fictional Research,ALL,"ADULT, OLDER_ADULT",NA,30,INDUSTRY,'
    'INTERVENTIONAL,2022-10-01,2023-04-01,"Fictional Clinic, Lodz, 90-001, Poland"\n'
)

MERGED = {
    "nct_id": "NCT99000005",
    "title": "Made-up Tablets in Asthma",
    "lead_sponsor": "Jane Planted",
    "lead_class": "OTHER",
    "collaborators": [{"name": "Fictional Research", "cls": "INDUSTRY"}],
    "cro_found": [
        {
            "cro": "Fictional Unit",
            "group": "Fictional",
            "kind": "phase1",
            "fields": ["official_affiliation", "facility", "collaborator"],
        }
    ],
    "conditions": ["Asthma"],
    "mesh_conditions": ["Asthma"],
    "mesh_interventions": [],
    "phase": "PHASE1|PHASE2",
    "study_type": "INTERVENTIONAL",
    "intervention_types": ["DIETARY SUPPLEMENT"],
    "enrolment": "64",
    "start_date": "2014-02",
    "completion_date": "2015-01-31",
    "first_posted": "2014-01-05",
    "reg_year_est": 2014,
    "countries": ["Poland", "France"],
    "n_sites": 5,
    "overall_status": "UNKNOWN_STATUS",
    "record_kind": "xml",
    "record_as_of": "2016-04-13",
}

_PERSON = {
    "functionalName": "Jane Planted",
    "functionalEmailAddress": "jane.planted@contact.example",
    "telephone": "+1 555 0100",
}
CTIS = {
    "ctNumber": "2023-500001-32-00",
    "ctStatus": "Ongoing, recruiting",
    "decisionDate": "2023-03-01",
    "publishDate": "2024-05-06T10:00:00",
    "startDateEU": "02/04/2023",
    "trialPhase": "Therapeutic exploratory (Phase II) and confirmatory (Phase III)",
    "authorizedApplication": {
        "eudraCt": {"eudraCtCode": "2021-000001-11"},
        "authorizedPartI": {
            "rowSubjectCount": 100,
            "trialDetails": {
                "clinicalTrialIdentifiers": {
                    "publicTitle": "Made-up Tablets in Asthma",
                    "secondaryIdentifyingNumbers": {
                        "nctNumber": {"number": "NCT99000006"}
                    },
                },
                "trialInformation": {
                    "medicalCondition": {
                        "partIMedicalConditions": [{"medicalCondition": "Asthma"}]
                    },
                    "trialDuration": {"estimatedGlobalEndDate": "2025-12-31"},
                },
            },
            "products": [{"prodName": "Made-upine 5 mg"}],
            "sponsors": [
                {
                    "primary": True,
                    "isCommercial": True,
                    "organisation": {
                        "name": "Made-up Pharma",
                        "type": "Pharmaceutical company",
                    },
                    "publicContacts": [_PERSON],
                    "scientificContacts": [_PERSON],
                    "thirdParties": [
                        {
                            "organisationAddress": {
                                "organisation": {
                                    "name": "Fictional Research",
                                    "type": "Industry",
                                },
                                "address": {"countryName": "Germany"},
                                "email": "jane.planted@fictional-research.example",
                                "phone": "+1 555 0100",
                            },
                            "sponsorDuties": [{"code": "1"}, {"code": "4"}],
                        },
                        {
                            "organisationAddress": {
                                "organisation": {"name": "Fictional Printer"}
                            },
                            "sponsorDuties": [],
                        },
                    ],
                }
            ],
        },
        "authorizedPartsII": [
            {
                "mscInfo": {"countryName": "Poland"},
                "recruitmentSubjectCount": 40,
                "trialSites": [
                    {
                        "organisationAddressInfo": {
                            "organisation": {"name": "Fictional Clinic"},
                            "address": {"countryName": "Poland"},
                            "email": "jane.planted@contact.example",
                            "phone": "+1 555 0100",
                        },
                        "personInfo": {"firstName": "Jane", "lastName": "Planted"},
                    }
                ],
            },
            {"mscInfo": {"countryName": "France"}, "recruitmentSubjectCount": 20},
        ],
    },
}


def files():
    """Give one file per format: its name and its bytes."""
    return {
        "record.json": json.dumps(make_study()).encode(),
        "page.json": json.dumps({"studies": [make_study()]}).encode(),
        "record.xml": XML.encode(),
        "old.csv": OLD_CSV.encode(),
        "new.csv": NEW_CSV.encode(),
        "merged.jsonl": json.dumps(MERGED).encode(),
        "ctis.json": json.dumps(CTIS).encode(),
    }
