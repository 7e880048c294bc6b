"""What kinds of CRO the fictional market has, and where they are at home."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of CRO. Chances are 0 to 1; `phases` are weights of its trials."""

    code: str
    weight: float  # share of the market; the giants are counted apart
    types: tuple[str, ...]
    headcount: float  # median
    spread: float  # sigma of its logarithm
    countries: tuple[int, int]  # how many, fewest and most
    areas: tuple[int, int]  # therapeutic areas, fewest and most
    core: tuple[str, ...]  # services it lives from; () is nearly all of them
    breadth: float  # chance of a service outside the core
    technology: float  # chance of a technology
    own_technology: float  # that it is its own and not a partner's
    phases: dict[str, float]
    modalities: tuple[str, ...]
    roles: float  # median number of registered roles
    knowledge: float  # what is known of it: mean share of askable facts


_ALL = {
    "phase-1": 2.0,
    "phase-1-2": 1.0,
    "phase-2": 4.0,
    "phase-2-3": 0.5,
    "phase-3": 4.0,
    "phase-4": 1.5,
    "phase-na": 0.7,
}
_EARLY = {"early-phase-1": 1.0, "phase-1": 12.0, "phase-1-2": 2.0, "phase-2": 1.0}
_LATE = {"phase-3": 1.0, "phase-4": 6.0, "phase-na": 4.0}
_PIVOTAL = {"phase-2": 3.0, "phase-2-3": 1.0, "phase-3": 5.0, "phase-4": 1.0}
_DEVICE = {"phase-na": 12.0, "phase-4": 1.0}
_DRUGS = ("small-molecule", "biologic")

GIANT = Kind(
    "giant", 0, ("global-full-service",), 14_000, 0.45, (38, 70), (14, 22), (), 0.9,
    0.85, 0.8, _ALL, (*_DRUGS, "vaccine", "gene-therapy", "cell-therapy"), 270, 0.55,
)  # fmt: skip
KINDS = (
    Kind("multinational", 8, ("multinational",), 1_100, 0.6, (10, 34), (6, 14), (),
         0.72, 0.6, 0.55, _ALL, (*_DRUGS, "vaccine"), 5.5, 0.42),
    Kind("regional", 33, ("regional",), 120, 0.9, (2, 10), (3, 9),
         ("project-management", "clinical-monitoring", "on-site-monitoring",
          "site-management", "regulatory-submissions", "ethics-coordination",
          "site-selection", "site-contracts"),
         0.38, 0.3, 0.3, _ALL, _DRUGS, 0.9, 0.32),
    Kind("area_specialist", 12, ("area-specialist",), 160, 0.8, (2, 16), (1, 3),
         ("protocol-development", "project-management", "clinical-monitoring",
          "medical-monitoring", "medical-advice", "patient-recruitment"),
         0.42, 0.4, 0.4, _ALL, (*_DRUGS, "cell-therapy"), 1.5, 0.34),
    Kind("phase1", 7, ("early-phase-specialist", "phase-specialist"), 140, 0.6, (1, 3),
         (3, 9),
         ("first-in-human", "bioequivalence", "healthy-volunteer-panel",
          "pharmacokinetics", "project-management"),
         0.2, 0.25, 0.45, _EARLY, _DRUGS, 3.2, 0.36),
    Kind("late_phase", 4, ("late-phase-specialist", "phase-specialist"), 90, 0.8,
         (2, 14), (4, 10),
         ("real-world-evidence", "registries", "post-authorisation-studies",
          "post-market-surveillance", "data-analysis"),
         0.25, 0.4, 0.5, _LATE, (*_DRUGS, "medical-device"), 1.1, 0.3),
    Kind("biostatistics", 7, ("niche-biostatistics", "niche-service"), 35, 0.8, (1, 4),
         (3, 9),
         ("biostatistics", "statistical-analysis-plan", "sample-size", "data-analysis",
          "interim-analysis", "cdisc-conversion", "data-management"),
         0.05, 0.15, 0.6, _ALL, _DRUGS, 0.6, 0.27),
    Kind("pharmacovigilance", 5, ("niche-pharmacovigilance", "niche-service"), 45, 0.8,
         (1, 6), (3, 10),
         ("pharmacovigilance", "case-processing", "safety-reporting",
          "aggregate-reports", "signal-management", "qppv"),
         0.05, 0.15, 0.5, _LATE, _DRUGS, 0.4, 0.27),
    Kind("medical_writing", 5, ("niche-medical-writing", "niche-service"), 14, 0.7,
         (1, 2), (3, 9),
         ("medical-writing", "protocol-writing", "investigator-brochure",
          "clinical-study-report", "lay-summary", "regulatory-writing"),
         0.04, 0.06, 0.4, _PIVOTAL, _DRUGS, 0.3, 0.22),
    Kind("imaging", 3, ("niche-imaging", "niche-service"), 60, 0.8, (1, 8), (1, 4),
         ("imaging-core-laboratory", "endpoint-adjudication"),
         0.05, 0.25, 0.8, _PIVOTAL, (*_DRUGS, "medical-device"), 1.3, 0.27),
    Kind("rare_disease", 4, ("rare-disease-specialist", "area-specialist"), 70, 0.7,
         (2, 16), (1, 3),
         ("patient-recruitment", "patient-engagement-services", "protocol-development",
          "regulatory-submissions", "project-management", "home-nursing"),
         0.33, 0.35, 0.4, _ALL, ("gene-therapy", "cell-therapy", *_DRUGS), 1.1, 0.34),
    Kind("device", 7, ("device-specialist",), 55, 0.8, (1, 10), (1, 5),
         ("clinical-evaluation", "pmcf", "device-regulatory", "usability-studies",
          "clinical-monitoring", "post-market-surveillance", "regulatory-submissions"),
         0.28, 0.3, 0.4, _DEVICE, ("medical-device", "software-device"), 1.0, 0.31),
    Kind("fsp", 5, ("functional-service-provider",), 260, 0.9, (2, 16), (4, 12),
         ("clinical-monitoring", "on-site-monitoring", "data-management",
          "biostatistics", "medical-writing"),
         0.15, 0.12, 0.3, _PIVOTAL, _DRUGS, 0.3, 0.26),
)  # fmt: skip
BY_CODE = {kind.code: kind for kind in (GIANT, *KINDS)}

CLUSTERS: dict[str, tuple[tuple[str, ...], float]] = {
    "north_america": (("us", "ca"), 34),
    "western_europe": (
        ("de", "gb", "fr", "nl", "es", "it", "be", "ch", "at", "ie", "se", "dk", "no",
         "fi", "pt", "gr"), 25),
    "eastern_europe": (
        ("pl", "cz", "hu", "ro", "bg", "rs", "ua", "ge", "sk", "hr", "lt", "lv", "ee",
         "si", "md", "ba"), 11),
    "latin_america": (
        ("br", "mx", "ar", "co", "cl", "pe", "ec", "gt", "pa", "cr", "do", "uy"), 7),
    "east_asia": (("cn", "jp", "kr", "tw", "hk", "sg", "th", "my", "ph", "vn", "id"), 11),
    "south_asia": (("in", "bd", "lk", "pk", "np"), 5),
    "oceania": (("au", "nz"), 3),
    "middle_east_africa": (
        ("il", "tr", "za", "eg", "ae", "sa", "lb", "jo", "ma", "tn", "ke", "ng", "gh",
         "ug"), 4),
}  # fmt: skip
"""Countries of each home cluster, the likeliest first, and its weight as a home."""

NEXT_CLUSTERS = {
    "north_america": ("western_europe", "latin_america", "eastern_europe", "oceania"),
    "western_europe": ("eastern_europe", "north_america", "middle_east_africa"),
    "eastern_europe": ("western_europe", "middle_east_africa"),
    "latin_america": ("north_america", "western_europe"),
    "east_asia": ("oceania", "south_asia", "north_america"),
    "south_asia": ("east_asia", "middle_east_africa"),
    "oceania": ("east_asia", "north_america"),
    "middle_east_africa": ("western_europe", "eastern_europe", "south_asia"),
}
"""Where a CRO of a cluster goes next."""

AREA_WEIGHTS = {
    "c04": 9.0, "c10": 6.0, "c14": 6.0, "c18": 5.0, "c08": 4.0, "f03": 4.0, "c20": 4.0,
    "c17": 4.0, "c06": 3.5, "c05": 3.5, "c19": 3.0, "c12": 3.0, "c13": 2.0, "c11": 2.5,
    "c15": 2.5, "c16": 2.0, "c01": 3.5, "c02": 3.0, "c23": 1.0,
}  # fmt: skip
"""How often the market works in a therapeutic area; the others weigh 0.5."""

CERTIFICATES = {
    "ich-gcp": 0.45,
    "gdpr": 0.35,
    "iso-9001": 0.32,
    "part-11": 0.3,
    "meddra-licence": 0.25,
    "iso-27001": 0.22,
    "hipaa": 0.15,
    "cdisc-certified": 0.1,
    "soc-2": 0.1,
    "iso-14155": 0.08,
}
"""Chance of a certificate at 100 people; it grows with size; the others have 0.04."""

UNUSUAL_SERVICES = frozenset(
    {
        "bioequivalence",
        "clinical-evaluation",
        "depot-distribution",
        "device-regulatory",
        "first-in-human",
        "healthy-volunteer-panel",
        "human-challenge",
        "imaging-core-laboratory",
        "imp-manufacturing",
        "ivd-performance-studies",
        "pmcf",
        "qp-release",
        "usability-studies",
    }
)
"""Services that need a unit, a plant or a trade of their own: rare outside a core."""


METRICS = (
    "milestones-due",
    "milestones-on-time",
    "pm-certified-share",
    "pm-experience-years",
    "staff-turnover",
    "free-capacity-fte",
    "headcount-fte",
    "inspections-total",
    "inspections-no-action",
)

FIRST_QUESTION = (
    "therapeutic_area/rare-diseases",
    "population/rare-disease",
    "phase/phase-2",
    "technology/edc",
    "country/pl",
    "country/es",
)
"""Terms that one CRO surely claims, see `first_question`."""


def named_terms() -> frozenset[str]:
    """Give the keys of all terms that the generator names."""
    by_scheme = {
        "cro_type": [
            "oncology-specialist",
            *(code for kind in BY_CODE.values() for code in kind.types),
        ],
        "service": [c for kind in KINDS for c in kind.core] + list(UNUSUAL_SERVICES),
        "modality": [code for kind in BY_CODE.values() for code in kind.modalities],
        "phase": [code for kind in BY_CODE.values() for code in kind.phases],
        "country": [code for members, _ in CLUSTERS.values() for code in members],
        "therapeutic_area": list(AREA_WEIGHTS),
        "certification": list(CERTIFICATES),
        "metric": list(METRICS),
    }
    named = (
        f"{scheme}/{code}" for scheme, codes in by_scheme.items() for code in codes
    )
    return frozenset(FIRST_QUESTION).union(named)
