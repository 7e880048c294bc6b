"""Closed lists of the demand side."""

from django.db import models


class SponsorKind(models.TextChoices):
    PHARMA = "pharma", "Pharmaceutical"
    BIOTECH = "biotech", "Biotechnology"
    DEVICE = "device", "Medical device"
    OTHER = "other", "Other"


class Role(models.TextChoices):
    """What a member may do for a sponsor."""

    OWNER = "owner", "Owner"
    STUDY_OWNER = "study_owner", "Study owner"
    PROCUREMENT = "procurement", "Procurement"
    EVALUATOR = "evaluator", "Evaluator"
    QUALITY = "quality", "Quality"
    OBSERVER = "observer", "Observer"


EDITING_ROLES = (Role.OWNER, Role.STUDY_OWNER, Role.PROCUREMENT)
"""Roles that may change a study; the others read it."""


class Importance(models.TextChoices):
    """How much a requirement matters; a must is a gate and counts as high."""

    MUST = "must", "Must have"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class WeightMethod(models.TextChoices):
    """How the weights of the criteria came about (METHOD section 6)."""

    DEFAULT = "default", "Default of the method"
    TEMPLATE = "template", "Template of the study type"
    POINTS = "points", "Points"
    RANK = "rank", "Rank order (ROC)"
    SWING = "swing", "Swing"


class Sex(models.TextChoices):
    UNKNOWN = "", "Not said"
    ALL = "ALL", "All"
    FEMALE = "FEMALE", "Female"
    MALE = "MALE", "Male"
