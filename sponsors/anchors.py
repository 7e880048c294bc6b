"""What the worst and the best on each criterion mean for one study.

Somebody who weighs by swings compares these steps, so they must be the study's
own. The numbers are the method's (docs/method.md, section 4); a test compares them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sponsors.models import Study

TRIALS_NEEDED: Final = 10
TRIALS_NEEDED_RARE: Final = 5
PHASE_TRIALS_NEEDED: Final = 10
COUNTRY_TRIALS_NEEDED: Final = 2
REGULATOR_TRIALS_NEEDED: Final = 5
BEST_TURNOVER_PERCENT, WORST_TURNOVER_PERCENT = 5, 40
FULL_EXPERIENCE_YEARS: Final = 10
MAX_NAMED: Final = 3

SERVICES = ("service", "engagement")


@dataclass(frozen=True)
class Anchor:
    """The step that a swing is about: from `worst` to `best`."""

    worst: str
    best: str


def anchors(study: "Study", asked: Mapping[str, Sequence[str]]) -> dict[str, Anchor]:
    """Give each criterion's step for a study.

    Parameters
    ----------
    asked : labels of what the study asks for, by list
    """
    diseases = [*asked.get("condition", ()), *asked.get("therapeutic_area", ())]
    return {
        "expertise": _expertise(study, diseases, asked.get("phase", ())),
        "geography": _geography(asked.get("country", ()), asked.get("regulator", ())),
        "services": _coverage(
            [label for scheme in SERVICES for label in asked.get(scheme, ())],
            "service",
        ),
        "project_management": Anchor(
            f"Milestones missed, no certified project manager, "
            f"{WORST_TURNOVER_PERCENT} % of the staff leave in a year.",
            "Every milestone on time, all project managers certified and with "
            f"{FULL_EXPERIENCE_YEARS} years of experience, at most "
            f"{BEST_TURNOVER_PERCENT} % of the staff leave in a year.",
        ),
        "technology": _coverage(asked.get("technology", ()), "system"),
        "scalability": _scalability(study),
        "quality": _quality(asked.get("certification", ())),
        "fit": Anchor(
            f"No trial for {_size(study)}.",
            f"At least half of its trials for {_size(study)}.",
        ),
    }


def _expertise(
    study: "Study", diseases: Sequence[str], phases: Sequence[str]
) -> Anchor:
    what = _named(diseases) or "the condition"
    need = TRIALS_NEEDED_RARE if study.is_rare_disease else TRIALS_NEEDED
    best = f"{need} comparable trials in {what}, weighed by age and nearness"
    if phases:
        best += f", and {PHASE_TRIALS_NEEDED} in {_named(phases)}"
    return Anchor(f"No trial in {what} or near it.", f"{best}.")


def _geography(countries: Sequence[str], regulators: Sequence[str]) -> Anchor:
    where = _named(countries) or "the study’s countries"
    worst = f"No office, staff or trial in {where}"
    best = f"Own staff or {COUNTRY_TRIALS_NEEDED} trials in each of {where}"
    if len(countries) == 1:
        best = f"Own staff or {COUNTRY_TRIALS_NEEDED} trials in {where}"
    if regulators:
        worst += f", never dealt with {_named(regulators)}"
        best += f", {REGULATOR_TRIALS_NEEDED} trials under {_named(regulators)}"
    return Anchor(f"{worst}.", f"{best}.")


def _coverage(labels: Sequence[str], what: str) -> Anchor:
    if not labels:
        return Anchor(f"No {what} asked for yet.", f"No {what} asked for yet.")
    return Anchor(
        f"Does not offer {_named(labels, 'or')}.",
        f"Offers {_named(labels)} with its own people.",
    )


def _scalability(study: "Study") -> Anchor:
    size = f"{study.participants:,} participants" if study.participants else "its size"
    return Anchor(
        f"Nobody free, no trial near {size}, no sponsor came back.",
        f"Enough people free for it, has run trials of {size}, sponsors come back.",
    )


def _quality(certificates: Sequence[str]) -> Anchor:
    if not certificates:
        return Anchor(
            "Every inspection ended with official action.",
            "No inspection ended with official action.",
        )
    return Anchor(
        f"Without {_named(certificates, 'or')}; every inspection ended with official "
        "action.",
        f"Holds {_named(certificates)}; no inspection ended with official action.",
    )


def _size(study: "Study") -> str:
    label = study.get_sponsor_size_display().lower() if study.sponsor_size else ""
    return f"sponsors of your size ({label})" if label else "sponsors of your size"


def _named(labels: Sequence[str], word: str = "and") -> str:
    """Name the first labels and count the others: “A, B and 2 more”."""
    if len(labels) > MAX_NAMED + 1:
        rest = len(labels) - MAX_NAMED
        return f"{', '.join(labels[:MAX_NAMED])} {word} {rest} more"
    if len(labels) < 2:
        return "".join(labels)
    return f"{', '.join(labels[:-1])} {word} {labels[-1]}"
