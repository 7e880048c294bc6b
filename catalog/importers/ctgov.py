"""Reads one study as the ClinicalTrials.gov API v2 answers it.

Format: https://clinicaltrials.gov/data-api/api. Records before 2024 also carry
`browseLeaves` and write MeSH ids with nine digits (`D000003550` for `D003550`);
both are read.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from catalog.importers.records import (
    CodedTerm,
    CountrySites,
    Mention,
    Organization,
    PartialDate,
    Reader,
    RecordError,
    TrialRecord,
    is_person,
    kind_of,
    mail_domain,
    once,
    sponsor_class,
)

MAX_BYTES = 5 * 1024 * 1024
HOW_TO_GET_ONE = (
    "On the study's page at clinicaltrials.gov choose Download, then JSON, and take "
    "that file; or enter the NCT number instead."
)
NO_SITES = "The record names no sites, so no countries."
STUDY_TYPES = {"INTERVENTIONAL", "OBSERVATIONAL", "EXPANDED_ACCESS"}
PHASES = {"EARLY_PHASE1", "PHASE1", "PHASE2", "PHASE3", "PHASE4", "NA"}
SEXES = {"ALL", "FEMALE", "MALE"}
_NCT = re.compile(r"NCT\d{8}", re.ASCII)
_MESH_ID = re.compile(r"D(\d{6}|\d{9})", re.ASCII)
# Descriptors numbered up to here have six digits in MeSH, later ones nine.
_LAST_SIX_DIGIT_MESH = 66_400


def parse_study(payload: bytes | str) -> TrialRecord:
    """Read one study's JSON, or a list or page that holds exactly one.

    Raises
    ------
    RecordError
        When there is no study to read; a field that is missing or odd only
        leaves a sentence in `notes`.
    """
    return read_study(_one_study(_decode(payload)))


def is_nct_number(text: str) -> bool:
    """Tell whether a text is an NCT number in capitals without blanks around."""
    return _NCT.fullmatch(text) is not None


def read_study(study: dict[str, Any]) -> TrialRecord:
    """Read a decoded study object. Raises `RecordError` without an NCT number."""
    reader = Reader()
    protocol = study.get("protocolSection")
    if not isinstance(protocol, dict):
        raise RecordError(
            "This JSON is no study record: it has no “protocolSection”. "
            + HOW_TO_GET_ONE
        )
    identification = reader.mapping(protocol, "identificationModule")
    registry_id = reader.text(identification, "nctId", 40).upper()
    if not is_nct_number(registry_id):
        found = f"“{registry_id}”" if registry_id else "missing"
        raise RecordError(
            f"The record's NCT number is {found}; it should be NCT and eight digits. "
            + HOW_TO_GET_ONE
        )
    title = reader.text(identification, "briefTitle", 500) or reader.text(
        identification, "officialTitle", 500
    )
    if not title:
        reader.note("The record has no title; its number stands in for it.")

    status = reader.mapping(protocol, "statusModule")
    start, completion = _dates(reader, status)
    design = reader.mapping(protocol, "designModule")
    people = reader.mapping(protocol, "eligibilityModule")
    min_age, max_age = _ages(reader, people)
    about = reader.mapping(protocol, "conditionsModule")
    conditions = reader.texts(about, "conditions")
    if not conditions:
        reader.note("The record names no condition.")
    browse = reader.mapping(study, "derivedSection", "conditionBrowseModule")
    countries, n_sites = _sites(reader, protocol)
    sponsors = reader.mapping(protocol, "sponsorCollaboratorsModule")
    interventions = reader.mappings(
        reader.mapping(protocol, "armsInterventionsModule"), "interventions"
    )
    types = [reader.text(intervention, "type", 40) for intervention in interventions]
    names = [reader.text(intervention, "name") for intervention in interventions]
    lead = _lead_sponsor(reader, sponsors)
    collaborators = tuple(
        _organization(reader, collaborator)
        for collaborator in reader.mappings(sponsors, "collaborators")
    )
    return TrialRecord(
        register="ctgov",
        registry_id=registry_id,
        title=title or registry_id,
        study_type=_one_of(reader, design, "studyType", STUDY_TYPES),
        status=reader.text(status, "overallStatus", 40),
        phases=_phases(reader, design),
        conditions=conditions,
        mesh_conditions=_mesh(reader, browse, "meshes"),
        mesh_ancestors=_mesh(reader, browse, "ancestors"),
        design=_design(reader, design),
        intervention_types=tuple(dict.fromkeys(filter(None, types))),
        participants=reader.participants(
            reader.mapping(design, "enrollmentInfo"), "count"
        ),
        min_age_years=min_age,
        max_age_years=max_age,
        sex=_one_of(reader, people, "sex", SEXES),
        healthy_volunteers=reader.boolean(people, "healthyVolunteers"),
        countries=countries,
        n_sites=n_sites,
        start=start,
        completion=completion,
        lead_sponsor=lead,
        collaborators=collaborators,
        notes=tuple(reader.notes),
        keywords=reader.texts(about, "keywords"),
        intervention_names=tuple(dict.fromkeys(filter(None, names))),
        other_ids=_other_ids(reader, identification),
        version=_version(reader, status),
        mentions=once(
            [
                *([Mention(lead.name, "lead")] if lead else []),
                *(Mention(body.name, "collaborator") for body in collaborators),
                *_mentions(reader, study, protocol),
            ]
        ),
    )


def _decode(payload: bytes | str) -> object:
    size = len(
        payload if isinstance(payload, bytes) else payload.encode("utf-8", "replace")
    )
    if size > MAX_BYTES:
        raise RecordError(
            f"The record has {size / 1024**2:.1f} MB; a single study has far less than "
            f"{MAX_BYTES // 1024**2} MB. {HOW_TO_GET_ONE}"
        )
    try:
        text = (
            payload.decode(json.detect_encoding(payload))
            if isinstance(payload, bytes)
            else payload
        ).lstrip("\ufeff")
    except UnicodeDecodeError:
        raise RecordError(
            f"The file is not text in UTF-8, so it is no JSON. {HOW_TO_GET_ONE}"
        ) from None
    if not text.strip():
        raise RecordError(f"There is nothing in it. {HOW_TO_GET_ONE}")
    if text.lstrip().startswith("<"):
        raise RecordError(f"This is XML or a web page, not JSON. {HOW_TO_GET_ONE}")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if not text[error.pos :].strip() or error.msg.startswith("Unterminated"):
            raise RecordError(
                "The JSON stops in the middle, as after a broken download. Download or "
                "copy it again, to the last closing brace."
            ) from None
        raise RecordError(
            f"This is not JSON: line {error.lineno}, column {error.colno} cannot be "
            f"read. {HOW_TO_GET_ONE}"
        ) from None
    except RecursionError:
        raise RecordError(
            f"The JSON is nested deeper than any study record. {HOW_TO_GET_ONE}"
        ) from None
    except ValueError:  # a number of thousands of digits
        raise RecordError(
            f"The JSON holds a number that is too long to read. {HOW_TO_GET_ONE}"
        ) from None


def _which_one(numbers: list[str]) -> str:
    """Say how to give one record of several; the numbers are theirs, each once."""
    if not numbers:
        return HOW_TO_GET_ONE
    if len(numbers) == 1:
        return f"All of them are {numbers[0]}: give it once, or enter that number."
    others = f" or one of the {len(numbers) - 5:,} others" if len(numbers) > 5 else ""
    return f"Enter the number of one of them: {', '.join(numbers[:5])}{others}."


def _one_study(payload: object) -> dict[str, Any]:
    """Take the study itself, or the only one of a list or of a page."""
    if isinstance(payload, dict) and "protocolSection" not in payload:
        if "FullStudiesResponse" in payload or "StudyFieldsResponse" in payload:
            raise RecordError(
                "This is the older API of ClinicalTrials.gov (version 1); the portal "
                f"reads version 2. {HOW_TO_GET_ONE}"
            )
        payload = payload.get("studies", payload)
    if isinstance(payload, list):
        if len(payload) > 1:
            numbers = list(dict.fromkeys(filter(None, map(_number, payload))))
            raise RecordError(
                f"This holds {len(payload):,} records, and a study is made of one. "
                + _which_one(numbers)
            )
        if not payload:
            raise RecordError(f"The list of studies is empty. {HOW_TO_GET_ONE}")
        payload = payload[0]
    if not isinstance(payload, dict):
        raise RecordError(
            f"This JSON is no study record: it is {kind_of(payload)}. {HOW_TO_GET_ONE}"
        )
    return payload


def _number(study: object) -> str:
    for key in ("protocolSection", "identificationModule", "nctId"):
        study = study.get(key) if isinstance(study, dict) else None
    return study if isinstance(study, str) and is_nct_number(study) else ""


def _one_of(reader: Reader, parent: dict[str, Any], key: str, allowed: set[str]) -> str:
    word = reader.text(parent, key, 40).upper()
    if word and word not in allowed:
        reader.note(f"“{word}” is no {key} that the portal knows; it was left empty.")
        return ""
    return word


def _phases(reader: Reader, design: dict[str, Any]) -> tuple[str, ...]:
    phases = [phase.upper() for phase in reader.texts(design, "phases")]
    for phase in phases:
        if phase not in PHASES:
            reader.note(f"“{phase[:40]}” is no phase that the portal knows.")
    return tuple(dict.fromkeys(phase for phase in phases if phase in PHASES))


def _design(reader: Reader, module: dict[str, Any]) -> str:
    """Put allocation, model, masking and purpose in one line, as the register does."""
    info = reader.mapping(module, "designInfo")
    masking = reader.text(reader.mapping(info, "maskingInfo"), "masking", 40)
    parts = {
        "Allocation": reader.text(info, "allocation", 40),
        "Model": reader.text(info, "interventionModel", 40)
        or reader.text(info, "observationalModel", 40),
        "Time": reader.text(info, "timePerspective", 40),
        "Masking": masking,
        "Purpose": reader.text(info, "primaryPurpose", 40),
    }
    return "; ".join(
        f"{name}: {word.replace('_', ' ').lower()}"
        for name, word in parts.items()
        if word and word != "NA"
    )


def _dates(
    reader: Reader, status: dict[str, Any]
) -> tuple[PartialDate | None, PartialDate | None]:
    start = reader.date(reader.mapping(status, "startDateStruct"), "date", "start date")
    completion = reader.date(
        reader.mapping(status, "completionDateStruct"), "date", "completion date"
    )
    if start and completion and completion.first_day < start.first_day:
        # A date known to the month alone may lie after the start in that month.
        if str(start).startswith(str(completion)):
            return start, PartialDate(start.first_day, completion.precision)
        reader.note(
            f"The completion date {completion} lies before the start date {start}; "
            "the completion date was left empty."
        )
        return start, None
    return start, completion


def _ages(reader: Reader, people: dict[str, Any]) -> tuple[Any, Any]:
    youngest = reader.age(people, "minimumAge", "minimum age")
    oldest = reader.age(people, "maximumAge", "maximum age")
    if youngest is not None and oldest is not None and oldest < youngest:
        reader.note("The maximum age is below the minimum age; both were left empty.")
        return None, None
    return youngest, oldest


def _mesh(reader: Reader, browse: dict[str, Any], key: str) -> tuple[CodedTerm, ...]:
    terms: dict[str, CodedTerm] = {}
    for item in reader.mappings(browse, key):
        mesh_id = mesh_number(reader.text(item, "id", 40))
        label = reader.text(item, "term", 200)
        if mesh_id or label:
            terms.setdefault(mesh_id or label, CodedTerm(mesh_id, label))
    return tuple(terms.values())


def mesh_number(text: str) -> str:
    """Write a MeSH descriptor id as MeSH does; "" when it is none."""
    found = _MESH_ID.fullmatch(text.strip().upper())
    if not found:
        return ""
    number = int(found[1])
    return f"D{number:06d}" if number <= _LAST_SIX_DIGIT_MESH else f"D{found[1]}"


def _sites(
    reader: Reader, protocol: dict[str, Any]
) -> tuple[tuple[CountrySites, ...], int | None]:
    locations = reader.mappings(
        reader.mapping(protocol, "contactsLocationsModule"), "locations"
    )
    names = [reader.text(location, "country", 100) for location in locations]
    if not locations:
        reader.note(NO_SITES)
    elif missing := names.count(""):
        reader.note(f"{missing} of {len(names)} sites name no country.")
    counts = Counter(filter(None, names))
    countries = tuple(CountrySites(*pair) for pair in counts.most_common())
    return countries, len(locations) or None


def _organization(reader: Reader, body: dict[str, Any]) -> Organization:
    org_class = reader.text(body, "class", 40)
    known = sponsor_class(org_class) or org_class.upper()
    name = reader.text(body, "name", 300)
    return Organization("" if is_person(name, known) else name, known)


def _lead_sponsor(reader: Reader, sponsors: dict[str, Any]) -> Organization | None:
    """Read the lead sponsor, without its name where that is the investigator's."""
    body = reader.mapping(sponsors, "leadSponsor")
    if not body:
        return None
    lead = _organization(reader, body)
    party = reader.mapping(sponsors, "responsibleParty")
    investigator = set(reader.text(party, "investigatorFullName").lower().split())
    words = set(lead.name.lower().replace(",", " ").split())
    if len(words) > 1 and (words <= investigator or words >= investigator > set()):
        return Organization("", lead.org_class)
    return lead


def _other_ids(reader: Reader, identification: dict[str, Any]) -> tuple[str, ...]:
    own = reader.mapping(identification, "orgStudyIdInfo")
    others = [own, *reader.mappings(identification, "secondaryIdInfos")]
    ids = (reader.text(other, "id", 60) for other in others)
    return tuple(dict.fromkeys(filter(None, ids)))


def _version(reader: Reader, status: dict[str, Any]) -> str:
    posted = reader.mapping(status, "lastUpdatePostDateStruct")
    day = reader.date(posted, "date", "date of the last update")
    return day.first_day.isoformat() if day else ""


def _mentions(
    reader: Reader, study: dict[str, Any], protocol: dict[str, Any]
) -> Iterator[Mention]:
    """Find the organizations named beside sponsor and collaborators, never a person.

    The investigator's own affiliation is not read: where a person is the
    sponsor it holds the person's name.
    """
    places = reader.mapping(protocol, "contactsLocationsModule")
    party = reader.mapping(protocol, "sponsorCollaboratorsModule", "responsibleParty")
    affiliations = [
        reader.text(official, "affiliation", 300)
        for official in reader.mappings(places, "overallOfficials")
    ]
    for name in (*affiliations, reader.text(party, "oldOrganization", 300)):
        if not is_person(name, ""):
            yield Mention(name, "official")
    contact = reader.mapping(
        study, "resultsSection", "moreInfoModule", "pointOfContact"
    )
    organization = reader.text(contact, "organization", 300)
    yield Mention(
        "" if is_person(organization, "") else organization,
        "results_contact",
        domain=_domain(reader, contact),
    )
    for contact in reader.mappings(places, "centralContacts"):
        yield Mention("", "contact_domain", domain=_domain(reader, contact))
    for location in reader.mappings(places, "locations"):
        name = reader.text(location, "facility", 300)
        if not is_person(name, ""):
            country = reader.text(location, "country", 100)
            yield Mention(name, "facility", country=country)


def _domain(reader: Reader, contact: dict[str, Any]) -> str:
    address = contact.get("email")
    return mail_domain(address) if isinstance(address, str) else ""
