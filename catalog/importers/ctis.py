"""Reads one trial as the public part of EU CTIS answers a retrieval.

The format is known from public field paths, such as
`authorizedApplication.authorizedPartI.sponsors.thirdParties.organisationAddress`
(an older generation leaves `authorizedApplication` out). What makes it worth
reading: sponsors must name the third parties they hand duties to.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from catalog.importers.records import (
    CountrySites,
    Mention,
    Organization,
    PartialDate,
    Reader,
    RecordError,
    TrialRecord,
    clean_text,
    is_person,
    once,
)

_NUMBER = re.compile(r"\d{4}-\d{6}-\d{2}(?:-\d{2})?", re.ASCII)
_EUROPEAN_DATE = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_PHASE = re.compile(r"\bphase\s+(IV|III|II|I)\b", re.IGNORECASE)
_ROMAN = {"I": "PHASE1", "II": "PHASE2", "III": "PHASE3", "IV": "PHASE4"}
COMMERCIAL = ("pharmaceutical company", "industry", "commercial", "device company")
STATUSES = (
    # The words of CTIS; the first that the status begins with counts.
    ("ongoing, recruiting", "RECRUITING"),
    ("ongoing, recruitment ended", "ACTIVE_NOT_RECRUITING"),
    ("recruiting", "RECRUITING"),
    ("ongoing", "ACTIVE_NOT_RECRUITING"),
    ("authorised", "NOT_YET_RECRUITING"),
    ("under evaluation", "NOT_YET_RECRUITING"),
    ("temporarily halted", "SUSPENDED"),
    ("suspended", "SUSPENDED"),
    ("ended", "COMPLETED"),
    ("halted", "TERMINATED"),
    ("revoked", "TERMINATED"),
    ("expired", "WITHDRAWN"),
    ("not authorised", "WITHDRAWN"),
    ("withdrawn", "WITHDRAWN"),
    ("cancelled", "WITHDRAWN"),
)


def is_ctis(body: dict[str, Any]) -> bool:
    return "ctNumber" in body or "authorizedApplication" in body


def parse_trial(body: dict[str, Any]) -> TrialRecord:
    """Read one decoded trial. Raises `RecordError` without an EU CT number."""
    reader = Reader()
    number = reader.text(body, "ctNumber", 40)
    if not _NUMBER.fullmatch(number):
        found = f"“{number}”" if number else "missing"
        raise RecordError(
            f"The trial's EU CT number is {found}; it should be like 2022-500123-32-00."
        )
    application = reader.mapping(body, "authorizedApplication") or body
    part_one = reader.mapping(application, "authorizedPartI")
    parts_two = reader.mappings(application, "authorizedPartsII")
    details = reader.mapping(part_one, "trialDetails")
    ids = reader.mapping(details, "clinicalTrialIdentifiers")
    information = reader.mapping(details, "trialInformation")
    duration = reader.mapping(information, "trialDuration")
    title = (
        reader.text(ids, "publicTitle", 500)
        or reader.text(ids, "fullTitle", 500)
        or reader.text(body, "ctTitle", 500)
    )
    start, completion = _dates(reader, body, duration)
    countries, sites = _sites(reader, parts_two)
    sponsors = reader.mappings(part_one, "sponsors")
    lead, collaborators = _sponsors(reader, sponsors)
    return TrialRecord(
        register="ctis",
        registry_id=number,
        title=title or number,
        study_type="INTERVENTIONAL",  # CTIS holds no others
        status=_status(reader, body),
        phases=_phases(reader, body, information),
        conditions=_conditions(reader, information),
        mesh_conditions=(),
        mesh_ancestors=(),
        design="",
        intervention_types=("DRUG",) if reader.items(part_one, "products") else (),
        participants=_participants(reader, part_one, parts_two),
        min_age_years=None,
        max_age_years=None,
        sex="",
        healthy_volunteers=None,
        countries=countries,
        n_sites=len(sites)
        if sites and all(country.n_sites for country in countries)
        else None,
        start=start,
        completion=completion,
        lead_sponsor=lead,
        collaborators=collaborators,
        notes=tuple(reader.notes),
        intervention_names=tuple(
            dict.fromkeys(
                name
                for product in reader.mappings(part_one, "products")
                if (name := reader.text(product, "prodName", 200))
            )
        ),
        other_ids=_other_ids(reader, application, ids),
        version=_version(reader, body),
        mentions=once(
            [
                *([Mention(lead.name, "lead")] if lead else []),
                *(Mention(other.name, "collaborator") for other in collaborators),
                *_third_parties(reader, sponsors),
                *sites,
            ]
        ),
    )


def _date(reader: Reader, parent: dict[str, Any], *keys: str) -> PartialDate | None:
    """Read the first of these dates that is there, ISO or `31/12/2024`."""
    for key in keys:
        text = reader.text(parent, key, 40)
        if found := _EUROPEAN_DATE.fullmatch(text[:10]):
            text = "-".join(reversed(found.groups()))
        if day := reader.date({key: text or None}, key, f"date “{key}”"):
            return day
    return None


def _dates(
    reader: Reader, body: dict[str, Any], duration: dict[str, Any]
) -> tuple[PartialDate | None, PartialDate | None]:
    start = _date(reader, body, "startDateEU") or _date(
        reader, duration, "estimatedRecruitmentStartDate"
    )
    end = _date(reader, body, "endDateEU") or _date(
        reader, duration, "estimatedGlobalEndDate", "estimatedEndDate"
    )
    if start and end and end.first_day < start.first_day:
        reader.note("The end lies before the start; the end was left empty.")
        return start, None
    return start, end


def _version(reader: Reader, body: dict[str, Any]) -> str:
    """Give the latest of the days the record tells of itself."""
    days = [
        day.first_day.isoformat()
        for key in ("lastUpdated", "publishDate", "decisionDate")
        if (day := _date(reader, body, key))
    ]
    return max(days, default="")


def _status(reader: Reader, body: dict[str, Any]) -> str:
    value = body.get("ctStatus")
    text = value if isinstance(value, str) else reader.text(body, "ctPublicStatus", 80)
    plain = clean_text(text, 80).lower()
    return next((word for words, word in STATUSES if plain.startswith(words)), "")


def _phases(
    reader: Reader, body: dict[str, Any], information: dict[str, Any]
) -> tuple[str, ...]:
    category = reader.mapping(information, "trialCategory")
    for value in (body.get("trialPhase"), category.get("trialPhase")):
        if isinstance(value, str) and (found := _PHASE.findall(value)):
            return tuple(dict.fromkeys(_ROMAN[word.upper()] for word in found))
    # A bare number is a code of CTIS whose list is not public.
    return ()


def _conditions(reader: Reader, information: dict[str, Any]) -> tuple[str, ...]:
    about = reader.mapping(information, "medicalCondition")
    written = [
        reader.text(body, "medicalCondition", 500)
        for body in reader.mappings(about, "partIMedicalConditions")
    ]
    coded = [
        reader.text(body, "termName", 500)
        for body in reader.mappings(about, "meddraConditionTerms")
    ]
    conditions = tuple(dict.fromkeys(filter(None, [*coded, *written])))
    if not conditions:
        reader.note("The record names no condition.")
    return conditions


def _participants(
    reader: Reader, part_one: dict[str, Any], parts_two: list[dict[str, Any]]
) -> int | None:
    """Add what the member states plan and what is planned elsewhere.

    A member state that does not say leaves the whole unknown.
    """
    planned = [(part, "recruitmentSubjectCount") for part in parts_two]
    if part_one.get("rowSubjectCount") is not None:
        planned.append((part_one, "rowSubjectCount"))
    total = 0
    for body, key in planned:
        if body.get(key) in (0, "0"):
            continue
        count = reader.participants(body, key)
        if count is None:
            reader.note(
                "Not every member state says how many participants it plans; the "
                "number was left empty."
            )
            return None
        total += count
    return total or None


def _sites(
    reader: Reader, parts_two: list[dict[str, Any]]
) -> tuple[tuple[CountrySites, ...], list[Mention]]:
    counts: Counter[str] = Counter()
    without_sites: dict[str, None] = {}
    sites: list[Mention] = []
    for part in parts_two:
        member_state = reader.text(
            reader.mapping(part, "mscInfo"), "countryName", 100
        ) or reader.text(part, "countryName", 100)
        if member_state:
            without_sites[member_state] = None
        for site in reader.mappings(part, "trialSites"):
            place = reader.mapping(site, "organisationAddressInfo")
            country = (
                reader.text(reader.mapping(place, "address"), "countryName", 100)
                or member_state
            )
            counts[country] += 1
            name = reader.text(reader.mapping(place, "organisation"), "name", 300)
            sites.append(Mention(name, "facility", country=country))
    counts.pop("", None)
    known = tuple(CountrySites(*pair) for pair in counts.most_common())
    rest = tuple(CountrySites(name) for name in without_sites if name not in counts)
    return known + rest, sites


def _sponsors(
    reader: Reader, sponsors: list[dict[str, Any]]
) -> tuple[Organization | None, tuple[Organization, ...]]:
    organizations: list[Organization] = []
    for body in sorted(sponsors, key=lambda body: body.get("primary") is not True):
        org = reader.mapping(body, "organisation")
        name = reader.text(org, "name", 300)
        kind = reader.text(org, "type", 100).lower()
        commercial = body.get("isCommercial", body.get("commercial"))
        if commercial is True or kind.startswith(COMMERCIAL):
            org_class = "INDUSTRY"
        else:
            org_class = "OTHER" if kind or commercial is False else ""
        if is_person(name, org_class):
            organizations.append(Organization("", "INDIV"))
        elif name:
            organizations.append(Organization(name, org_class))
    if not organizations:
        return None, ()
    return organizations[0], tuple(organizations[1:])


def _third_parties(reader: Reader, sponsors: list[dict[str, Any]]) -> Iterator[Mention]:
    """Find who has duties of the sponsor; without a stated duty nobody has any."""
    for sponsor in sponsors:
        for party in reader.mappings(sponsor, "thirdParties"):
            place = reader.mapping(party, "organisationAddress")
            name = reader.text(reader.mapping(place, "organisation"), "name", 300)
            country = reader.text(reader.mapping(place, "address"), "countryName", 100)
            if reader.items(party, "sponsorDuties") and not is_person(name, ""):
                yield Mention(name, "third_party", country=country)


def _other_ids(
    reader: Reader, application: dict[str, Any], ids: dict[str, Any]
) -> tuple[str, ...]:
    secondary = reader.mapping(ids, "secondaryIdentifyingNumbers")
    found = [
        reader.text(reader.mapping(application, "eudraCt"), "eudraCtCode", 60),
        reader.text(reader.mapping(secondary, "nctNumber"), "number", 60),
        reader.text(ids, "sponsorProtocolCode", 60),
    ]
    return tuple(dict.fromkeys(filter(None, found)))
