"""What to ask: missing facts as plain questions, the most valuable first."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.models import CRO
from cro_portal.common.spreadsheet import Value
from matching import blind
from matching.certainty import Certainty, Chance, in_hundred
from matching.models import Ranking, RankingEntry
from matching.sentences import amount, leaf_label
from sponsors.models import Study

FOREMOST = 10
"""So many questions matter most."""

SCHEME_QUESTIONS = {
    "service": "Do you offer {terms} with your own staff, through an affiliate or through a named partner?",
    "technology": "Do you offer {terms}? Please name product and version, and whether it is your own, licensed or a partner’s.",
    "certification": "Do you hold {terms}? Please attach the certificate with its scope and date of expiry.",
    "country": "Do you have own staff or a legal entity in {terms}, and which trials have you run there?",
    "region": "Do you have own staff or a legal entity in {terms}, and which trials have you run there?",
    "regulator": "Which trials have you brought before {terms} in the last ten years? Please give registry numbers.",
    "condition": "Which trials in {terms}, or in closely related conditions, have you run in the last ten years? Please give registry numbers.",
    "therapeutic_area": "Which trials in {terms} have you run in the last ten years? Please give registry numbers.",
    "phase": "Which trials in {terms} have you run in the last ten years? Please give registry numbers.",
    "modality": "Which trials of {terms} have you run? Please give registry numbers.",
    "population": "Which trials with {terms} have you run? Please give registry numbers.",
}
"""What to ask about terms of a scheme."""

ANY_TERM = "What can you show for {terms}? Please give documents or registry numbers."

NUMBER_QUESTIONS = {
    "delivery_record": "How many milestones fell due in the last three years, and how many were met on time?",
    "team_qualification": "What share of your project managers is certified, and how many years of experience do they have on average?",
    "continuity": "What share of your staff left in the last twelve months?",
    "span": "In how many countries did your widest trial run? Please give its registry number.",
    "capacity": "How many full-time staff are free{staff_needed} from the planned start on?",
    "size_proven": "How many participants and sites did your largest trials have{size}? Please give registry numbers.",
    "repeat_sponsors": "How many sponsors of the last five years came back with a further trial, out of how many?",
    "inspections": "Which inspections by authorities did you have in the last five years, and with what outcome?",
    "sponsor_size": "What share of your trials was for sponsors of our size?",
}
"""What to ask about a leaf that is a number."""

LEAF_SCHEMES = {
    "condition": ("condition", "therapeutic_area"),
    "phase": ("phase",),
    "modality_population": ("modality", "population"),
    "countries": ("country", "region"),
    "regulators": ("regulator",),
    "services": ("service",),
    "technology": ("technology",),
    "certificates": ("certification",),
}
"""The schemes whose requirements a leaf of terms stands for."""


@dataclass(frozen=True)
class Question:
    """Something to ask a CRO, and what the answer could change.

    Shares of the draws in which the CRO is first: `now`, with the worst and with
    the best answer. `value` is the larger change. `is_must` says that a must-have
    is open: then `at_high` is with all its open must-haves met, and the worst
    answer ends it.
    """

    cro: CRO
    position: int
    about: str
    text: str
    is_must: bool
    now: float
    at_low: float
    at_high: float
    value: float

    @property
    def now_words(self) -> str:
        return in_hundred(self.now)

    @property
    def low_words(self) -> str:
        return in_hundred(self.at_low)

    @property
    def high_words(self) -> str:
        return in_hundred(self.at_high)


@dataclass(frozen=True)
class OfCRO:
    """All questions to one CRO, the most valuable first."""

    cro: CRO
    position: int
    questions: Sequence[Question]


@dataclass(frozen=True)
class Questions:
    """What to ask for a ranking, the most valuable first."""

    questions: Sequence[Question]

    @property
    def foremost(self) -> Sequence[Question]:
        return self.questions[:FOREMOST]

    @property
    def by_cro(self) -> Sequence[OfCRO]:
        """By place of the CROs."""
        found: dict[int, list[Question]] = {}
        for question in self.questions:
            found.setdefault(question.position, []).append(question)
        return [
            OfCRO(found[position][0].cro, position, found[position])
            for position in sorted(found)
        ]


def questions_of(study: Study, ranking: Ranking, certainty: Certainty) -> Questions:
    """Write the questions of a ranking; none before the draws are done. One query.

    Missing facts of the CROs in the best group that could move a first place, and
    the open must-haves of those below it.
    """
    kept = ranking.entries.filter(cro__in=certainty.chances.keys())
    entries = kept.select_related("cro").order_by("position")
    return questions_between(ranking, blind.shown(study, entries), certainty)


def questions_between(
    ranking: Ranking, entries: Iterable[RankingEntry], certainty: Certainty
) -> Questions:
    """Do the same for entries at hand, their CROs loaded, all of those compared."""
    by_cro = {entry.cro_id: entry for entry in entries}
    found = [
        _about_leaf(ranking, by_cro[fact["cro"]], certainty, fact)
        for fact in certainty.facts
        if fact["cro"] in by_cro
    ]
    for entry in by_cro.values():
        found += _about_musts(ranking, entry, certainty.chances[entry.cro_id])
    return Questions(sorted(found, key=lambda one: (-one.value, one.position)))


def _about_leaf(
    ranking: Ranking,
    entry: RankingEntry,
    certainty: Certainty,
    fact: Mapping[str, Any],
) -> Question:
    name = ranking.parameters["leaves"][fact["leaf"]]["name"]
    return Question(
        cro=entry.cro,
        position=entry.position,
        about=leaf_label(name),
        text=leaf_question(ranking, entry, fact["leaf"]),
        is_must=False,
        now=certainty.chances[entry.cro_id].first,
        at_low=fact["at_low"],
        at_high=fact["at_high"],
        value=fact["value"],
    )


def _about_musts(
    ranking: Ranking, entry: RankingEntry, chance: Chance
) -> list[Question]:
    return [
        Question(
            cro=entry.cro,
            position=entry.position,
            about=f"Must-have: {gate['label']}",
            text=term_question(gate["scheme"], [gate["label"]]),
            is_must=True,
            now=chance.first,
            at_low=0.0,
            at_high=chance.admitted,
            value=max(chance.admitted - chance.first, chance.first),
        )
        for gate, state in zip(ranking.parameters["gates"], entry.gates, strict=True)
        if state["state"] == "unknown" and not state["waived"]
    ]


def leaf_question(ranking: Ranking, entry: RankingEntry, leaf: int) -> str:
    """Ask what is missing in a leaf, naming only the terms that are not known."""
    parameters = ranking.parameters
    name = parameters["leaves"][leaf]["name"]
    if name in NUMBER_QUESTIONS:
        return NUMBER_QUESTIONS[name].format(**_needs(parameters["need"]))
    open_terms = [
        fact["term"]
        for reason in entry.reasons
        if reason["leaf"] == leaf
        for fact in reason["facts"]
        if fact["term"] and fact["kind"] == "nothing"
    ]
    schemes = LEAF_SCHEMES.get(name, ())
    asked = open_terms or [
        term for term in parameters["requirements"] if term["scheme"] in schemes
    ]
    by_scheme: dict[str, list[str]] = {}
    for term in asked:
        by_scheme.setdefault(term["scheme"], []).append(term["label"])
    return " ".join(term_question(*one) for one in by_scheme.items())


def term_question(scheme: str, labels: Iterable[str]) -> str:
    """Ask about terms of one scheme in a sentence."""
    return SCHEME_QUESTIONS.get(scheme, ANY_TERM).format(terms=_listed(list(labels)))


def _needs(need: Mapping[str, Any]) -> dict[str, str]:
    def clause(words: Callable[[float], str], number: float | None) -> str:
        return "" if number is None else words(number)

    sizes = [
        clause(lambda n: f"{amount(n, 0)} participants", need["participants"]),
        clause(lambda n: f"{amount(n, 0)} sites", need["n_sites"]),
    ]
    planned = " and ".join(filter(None, sizes))
    return {
        "staff_needed": clause(
            lambda n: f" (about {amount(n, 0)} are needed)", need["staff_needed_fte"]
        ),
        "size": f" (this study plans {planned})" if planned else "",
    }


def _listed(labels: Sequence[str]) -> str:
    if len(labels) < 2:
        return "".join(labels)
    return f"{', '.join(labels[:-1])} and {labels[-1]}"


HEAD = (
    "No.",
    "CRO",
    "Place",
    "About",
    "Question",
    "First now, of 100 draws",
    "With the worst answer",
    "With the best answer",
    "Answer",
    "Evidence (document, registry number)",
)


def sheet_rows(
    found: Questions, ranking: Ranking, *, title: str, on: dt.date
) -> tuple[list[list[Value]], list[list[Value]]]:
    """Return the head, whose last row names the columns, and the questions."""
    head: list[list[Value]] = [
        ["Questions to CROs"],
        ["Study", title],
        ["Made on", f"{on:%Y-%m-%d}"],
        ["Ranking", ranking.digest],
        ["Order", "The questions whose answers could change most come first."],
        [],
        list(HEAD),
    ]
    rows: list[list[Value]] = [
        [
            number,
            one.cro.name,
            one.position,
            one.about,
            one.text,
            one.now_words,
            one.low_words,
            one.high_words,
            "",
            "",
        ]
        for number, one in enumerate(found.questions, start=1)
    ]
    return head, rows
