"""Reasons in plain sentences, made from the numbers a ranking stores.

Sentences are made when a page is shown, so better words reach old rankings too.
Nothing here adds a fact: each number comes from the stored reason.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Fact: TypeAlias = Mapping[str, Any]
Numbers: TypeAlias = Mapping[str, float]

LEAF_LABELS = {
    "condition": "Trials in the condition",
    "phase": "Trials in the phase and area",
    "modality_population": "Modality and population",
    "countries": "Presence in the countries",
    "regulators": "Experience with the regulators",
    "services": "Services asked for",
    "delivery_record": "Milestones on time",
    "team_qualification": "Qualification of project managers",
    "continuity": "Continuity of staff",
    "span": "Countries run in one trial",
    "technology": "Technology asked for",
    "capacity": "Free capacity",
    "size_proven": "Trials of this size",
    "repeat_sponsors": "Sponsors who came back",
    "certificates": "Certificates asked for",
    "inspections": "Inspections without action",
    "sponsor_size": "Sponsors of your size",
}


FEW_CASES = 100
"""From so many cases on, the peers' mean moves a rate by less than it can show."""


def leaf_label(name: str) -> str:
    return LEAF_LABELS.get(name, name.replace("_", " ").capitalize())


def amount(number: float, digits: int = 1) -> str:
    """Write a number as people do: no trailing zeros, thousands set apart."""
    text = f"{number:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def counted(number: float, one: str, many: str | None = None) -> str:
    """`1 trial`, `3 trials`."""
    word = one if round(number, 6) == 1 else many or f"{one}s"
    return f"{amount(number, 0)} {word}"


def _is_unknown(fact: Fact) -> bool:
    return fact["kind"] == "nothing" or fact["high"] - fact["low"] >= 0.999


def _label(fact: Fact) -> str:
    term = fact.get("term")
    return str(term["label"]) if term else ""


def _answer(fact: Fact) -> str:
    """What is known of one term, in words; the value tells who delivers."""
    if fact["kind"] == "complete_list":
        return "no: its list of these is declared complete and does not name it"
    if _is_unknown(fact):
        return "not known"
    if fact["disputed"]:
        return "disputed: equally good sources say yes and no"
    value = fact["value"]
    if value >= 0.85:
        return "yes, with own staff or entity"
    if value >= 0.6:
        return "yes, through an affiliate"
    if value >= 0.5:
        return "yes, through a named partner"
    return "no"


def _condition(fact: Fact, n: Numbers) -> str:
    trials, need = n.get("n_trials", 0), n.get("need", 10)
    if not trials:
        text = (
            "No registered trial in the conditions asked for or related ones names it. "
            "Registers name a CRO in few trials, so this stays open."
        )
    else:
        exact = n.get("n_exact", 0)
        text = (
            f"{counted(trials, 'registered trial')} in the conditions asked for or "
            f"related ones, {amount(exact, 0)} of them in the very conditions or "
            "narrower ones. Weighed by closeness and age they count as "
            f"{amount(n.get('n_eff', 0))}; {amount(need, 0)} would be full marks."
        )
    if n.get("claimed"):
        text += f" It states {counted(n['claimed'], 'further trial')} of its own."
    return text


def _phase(fact: Fact, n: Numbers) -> str:
    trials = n.get("n_trials", 0)
    if not trials:
        return (
            "No registered trial in the asked phase and a related disease names it. "
            "Registers name a CRO in few trials, so this stays open."
        )
    return (
        f"{counted(trials, 'registered trial')} in the asked phase and in a branch of "
        "diseases that the study's conditions belong to; weighed by age they count as "
        f"{amount(n.get('n_eff', 0))} of {amount(n.get('need', 10), 0)}."
    )


def _country(fact: Fact, n: Numbers) -> str:
    share = f" ({percent(n['share'])} of the sites)" if "share" in n else ""
    trials = n.get("n_trials", 0)
    parts = []
    if fact["claims"]:
        parts.append(_answer({**fact, "kind": "claim"}))
    if trials:
        parts.append(f"{counted(trials, 'registered trial')} there")
    if not parts:
        parts.append("not known")
    return f"{_label(fact)}{share}: {'; '.join(parts)}."


def _regulator(fact: Fact, n: Numbers) -> str:
    trials = n.get("n_trials", 0)
    parts = []
    if fact["claims"] or fact["kind"] == "complete_list":
        parts.append(_answer(fact))
    if trials:
        parts.append(f"{counted(trials, 'registered trial')} under it")
    return f"{_label(fact)}: {'; '.join(parts) or 'not known'}."


def _coverage(fact: Fact, n: Numbers) -> str:
    return f"{_label(fact)}: {_answer(fact)}."


def _rate(success: str, trials: str) -> Callable[[Fact, Numbers], str]:
    def sentence(fact: Fact, n: Numbers) -> str:
        if not n.get("n"):
            return f"Not known: no figures on {trials}."
        peers = ""
        if "peer_mean" in n and n["n"] < FEW_CASES:
            peers = (
                f" Few cases say little, so the rate is drawn towards the declared "
                f"mean of peers, {percent(n['peer_mean'])}."
            )
        return (
            f"{amount(n.get('successes', 0), 0)} of {amount(n['n'], 0)} {trials} "
            f"{success}.{peers}"
        )

    return sentence


def _team(fact: Fact, n: Numbers) -> str:
    parts = []
    if "certified_share" in n:
        parts.append(f"{percent(n['certified_share'])} of project managers certified")
    if "experience_years" in n:
        years = counted(n["experience_years"], "year")
        parts.append(f"{years} of experience on average")
    if not parts:
        return "Not known: no figures on its project managers."
    return f"{'; '.join(parts).capitalize()}."


def _continuity(fact: Fact, n: Numbers) -> str:
    if "turnover" not in n:
        return "Not known: no figure on staff turnover."
    return (
        f"{percent(n['turnover'])} of staff leave in a year; 5 % would be full marks, "
        "40 % none."
    )


def _span(fact: Fact, n: Numbers) -> str:
    asked = counted(n.get("countries_asked", 0), "country", "countries")
    if not n.get("most_countries"):
        return f"Not known: no registered trial shows its span; the study asks {asked}."
    most = counted(n["most_countries"], "country", "countries")
    return f"Its widest registered trial ran in {most}; the study asks {asked}."


def _capacity(fact: Fact, n: Numbers) -> str:
    needed = f"{amount(n.get('needed_fte', 0))} full-time staff are needed"
    if "free_fte" not in n:
        return f"Not known: no figure on free staff; {needed}."
    return f"{amount(n['free_fte'])} full-time staff free; {needed}."


def _size(fact: Fact, n: Numbers) -> str:
    parts = []
    for largest, asked, one, many in (
        ("largest_participants", "participants_asked", "participant", None),
        ("most_sites", "sites_asked", "site", None),
    ):
        if asked not in n:
            continue
        if n.get(largest):
            had = counted(n[largest], one, many)
            parts.append(f"{had} in its largest trial, {amount(n[asked], 0)} asked")
        else:
            parts.append(f"{one}s of its trials not known, {amount(n[asked], 0)} asked")
    return f"{'; '.join(parts)}." if parts else "Not known."


def _sponsor_size(fact: Fact, n: Numbers) -> str:
    if not n.get("n"):
        return "Not known: no registered trial with a sponsor of known size."
    return (
        f"{amount(n.get('successes', 0), 0)} of {counted(n['n'], 'registered trial')} "
        "were for sponsors of your size; half of them would be full marks."
    )


SENTENCES: Mapping[str, Callable[[Fact, Numbers], str]] = {
    "condition": _condition,
    "phase": _phase,
    "modality_population": _coverage,
    "countries": _country,
    "regulators": _regulator,
    "services": _coverage,
    "delivery_record": _rate("were met on time", "milestones"),
    "team_qualification": _team,
    "continuity": _continuity,
    "span": _span,
    "technology": _coverage,
    "capacity": _capacity,
    "size_proven": _size,
    "repeat_sponsors": _rate("used it again", "sponsors"),
    "certificates": _coverage,
    "inspections": _rate("ended without official action", "inspections"),
    "sponsor_size": _sponsor_size,
}


def sentence(leaf: str, fact: Fact) -> str:
    """Say one fact behind a leaf in a plain sentence with its numbers."""
    say = SENTENCES.get(leaf, _coverage)
    return say(fact, fact.get("numbers") or {})


def gate_words(state: str, fact: Fact) -> str:
    """Say why a must is passed, failed or open, without naming it."""
    trials = (fact.get("numbers") or {}).get("n_trials", 0)
    if state == "unknown":
        return "nobody has said, so it has to be asked"
    if trials and state == "pass":
        return f"shown by {counted(trials, 'registered trial')}"
    return _answer(fact)


def gate_sentence(state: str, fact: Fact) -> str:
    """Say why a must is passed, failed or open."""
    return f"{_label(fact)}: {gate_words(state, fact)}."
