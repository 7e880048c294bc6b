"""The CRO that answers the question people try first.

"A CRO of under 500 people with its own EDC that has run phase 2 trials in rare
diseases in Poland and Spain": every market of ten or more has one.
"""

from dataclasses import replace
from random import Random

from catalog.demo.kinds import FIRST_QUESTION
from catalog.demo.profile import Profile, SureTrial
from catalog.demo.words import Vocabulary, Word

SMALLEST_MARKET = 10
KIND = "rare_disease"
COUNTRIES = ("pl", "es")
HEADCOUNTS = (60, 420)
N_TRIALS = 4
GENETIC = ("therapeutic_area/c16", "C16.320")
"""The area and branch of MeSH where most diseases are rare."""


def with_an_answer(
    profiles: list[Profile], vocabulary: Vocabulary, seed: int
) -> list[Profile]:
    """Let the first CRO for rare diseases be the one that is asked for."""
    if len(profiles) < SMALLEST_MARKET:
        return profiles
    place = next(i for i, one in enumerate(profiles) if one.kind.code == KIND)
    answer = _answer(profiles[place], vocabulary, Random(f"first question/{seed}"))
    return [*profiles[:place], answer, *profiles[place + 1 :]]


def _answer(profile: Profile, vocabulary: Vocabulary, rng: Random) -> Profile:
    area, branch = GENETIC
    pool = vocabulary.conditions_by_area[area]
    rare = [word for word in pool if _is_below(word, branch)] or list(pool)
    diseases = tuple(rng.sample(rare, min(len(rare), 5)))
    others = tuple(one for one in profile.conditions if one[0] != area)
    home, *further = profile.countries
    return replace(
        profile,
        headcount=min(max(profile.headcount, HEADCOUNTS[0]), HEADCOUNTS[1]),
        founded=min(profile.founded, 2014),
        countries=tuple(dict.fromkeys((home, *COUNTRIES, *further))),
        areas=tuple(dict.fromkeys((area, *profile.areas))),
        conditions=((area, diseases), *others),
        status="listed",
        successor=None,
        ended_on=None,
        sure_claims=FIRST_QUESTION,
        sure_trials=(SureTrial("phase-2", diseases, COUNTRIES),) * N_TRIALS,
    )


def _is_below(word: Word, branch: str) -> bool:
    return any(tree.startswith(f"{branch}.") for tree in word.trees)
