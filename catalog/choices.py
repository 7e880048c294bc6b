"""Closed lists of the catalogue. What may grow is a vocabulary term instead."""

from django.db import models


class Delivery(models.TextChoices):
    """Through whom a CRO delivers what it claims (METHOD section 2)."""

    OWN = "own", "Own staff or entity"
    AFFILIATE = "affiliate", "Affiliate"
    PARTNER = "partner", "Named partner or subcontractor"


class Tier(models.IntegerChoices):
    """How good the evidence for a claim is, best first (METHOD section 2)."""

    REGISTER = 1, "T1 Registry or regulator"
    AUDIT = 2, "T2 Independent audit or consented reference"
    DOCUMENT = 3, "T3 Document seen by a curator"
    ATTESTED = 4, "T4 Attested by the CRO"
    UNATTESTED = 5, "T5 Unattested"


class ClaimStatus(models.TextChoices):
    """Only accepted claims count in a score."""

    PROPOSED = "proposed", "Proposed"
    ACCEPTED = "accepted", "Accepted"
    DISPUTED = "disputed", "Disputed"
    SUPERSEDED = "superseded", "Superseded"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Aspect(models.TextChoices):
    """Which kind of presence a claim about a country speaks of."""

    UNSPECIFIED = "", "Presence"
    HEADQUARTERS = "headquarters", "Headquarters"
    LEGAL_ENTITY = "legal_entity", "Legal entity"
    STAFF = "staff", "Staff"


class CROStatus(models.TextChoices):
    """Whether sponsors see a CRO, and what became of it."""

    DRAFT = "draft", "Draft"
    LISTED = "listed", "Listed"
    MERGED = "merged", "Merged into another"
    CLOSED = "closed", "No longer operating"


RESERVED_SLUGS = ("compare", "coverage", "saved", "suggest")
"""Words that stand in addresses where the slug of a CRO does: no CRO may have them."""


class AliasKind(models.TextChoices):
    """Why a CRO is also known under this name."""

    FORMER = "former", "Former name"
    BRAND = "brand", "Brand"
    LEGAL = "legal", "Legal name"
    ABBREVIATION = "abbreviation", "Abbreviation"
    DOMAIN = "domain", "Web or mail domain"


class SourceKind(models.TextChoices):
    """What a source is."""

    REGISTER = "register", "Public register"
    REGULATOR = "regulator", "Regulator"
    AUDIT = "audit", "Independent audit"
    REFERENCE = "reference", "Consented reference"
    DOCUMENT = "document", "Document"
    WEBSITE = "website", "Website"
    ATTESTATION = "attestation", "Attestation of the CRO"


BEST_TIER = {
    SourceKind.REGISTER: Tier.REGISTER,
    SourceKind.REGULATOR: Tier.REGISTER,
    SourceKind.AUDIT: Tier.AUDIT,
    SourceKind.REFERENCE: Tier.AUDIT,
    SourceKind.DOCUMENT: Tier.DOCUMENT,
    SourceKind.WEBSITE: Tier.ATTESTED,
    SourceKind.ATTESTATION: Tier.ATTESTED,
}
"""The best tier that a source of a kind can give; a weaker one may be said."""


class Register(models.TextChoices):
    """Where a trial is registered. `demo` trials are fictional."""

    CTGOV = "ctgov", "ClinicalTrials.gov"
    CTIS = "ctis", "EU CTIS"
    DEMO = "demo", "Demo (fictional)"


class SponsorClass(models.TextChoices):
    """Class of a trial's lead sponsor, in ClinicalTrials.gov's words."""

    UNKNOWN = "", "Unknown"
    INDUSTRY = "INDUSTRY", "Industry"
    NIH = "NIH", "NIH"
    FED = "FED", "Other US federal"
    OTHER_GOV = "OTHER_GOV", "Other government"
    NETWORK = "NETWORK", "Network"
    INDIV = "INDIV", "Individual"
    OTHER = "OTHER", "Other (academic, hospital, non-profit)"


class SizeClass(models.TextChoices):
    """Size of a sponsor by its registered trials or its own word."""

    UNKNOWN = "", "Unknown"
    SMALL = "small", "Small"
    MID = "mid", "Mid-sized"
    LARGE = "large", "Large"


class StudyType(models.TextChoices):
    """What kind of study it is, in ClinicalTrials.gov's words."""

    UNKNOWN = "", "Unknown"
    INTERVENTIONAL = "INTERVENTIONAL", "Interventional"
    OBSERVATIONAL = "OBSERVATIONAL", "Observational"
    EXPANDED_ACCESS = "EXPANDED_ACCESS", "Expanded access"


class RoleKind(models.TextChoices):
    """Which field of a register's record names the CRO."""

    COLLABORATOR = "collaborator", "Collaborator"
    LEAD = "lead", "Lead sponsor"
    OFFICIAL = "official", "Affiliation of an official"
    RESULTS_CONTACT = "results_contact", "Results point of contact"
    CONTACT_DOMAIN = "contact_domain", "Domain of a contact's mail"
    THIRD_PARTY = "third_party", "Third party with sponsor duties"
    FACILITY = "facility", "Facility (a site, no CRO experience)"


class MatchDecision(models.TextChoices):
    """What a curator said of a name in a register."""

    OPEN = "", "Waits for a curator"
    SAME = "same", "It is the proposed organization"
    OTHER = "other", "It is another organization"
    NONE = "none", "It is none of the directory"


class ImportKind(models.TextChoices):
    """Where an import reads from."""

    FILE = "file", "Files"
    API = "api", "API"


class ImportState(models.TextChoices):
    """How an import stands. One that was killed stays running until it is resumed."""

    RUNNING = "running", "Running or interrupted"
    FAILED = "failed", "Failed"
    DONE = "done", "Done"
