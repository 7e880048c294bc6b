"""CROs, what is known about them, and in which words."""

from catalog.models.claims import (
    CRO,
    Alias,
    CatalogState,
    Claim,
    CompleteList,
    Source,
)
from catalog.models.identity import OrganizationMatch
from catalog.models.imports import ImportRun, StagedTrial
from catalog.models.registry import Trial, TrialCondition, TrialCountry, TrialRole
from catalog.models.saved import SavedSearch
from catalog.models.tray import TrayItem
from catalog.models.vocabulary import Scheme, Term

__all__ = [
    "CRO",
    "Alias",
    "CatalogState",
    "Claim",
    "CompleteList",
    "ImportRun",
    "OrganizationMatch",
    "SavedSearch",
    "Scheme",
    "Source",
    "StagedTrial",
    "Term",
    "TrayItem",
    "Trial",
    "TrialCondition",
    "TrialCountry",
    "TrialRole",
]
