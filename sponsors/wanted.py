"""What a study asks for, in codes and words, before it is stored as rows."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from catalog.models import Term
from catalog.vocabulary import TermResolver, nearest_terms
from sponsors.choices import Importance

SCHEMES = (
    "condition",
    "therapeutic_area",
    "phase",
    "modality",
    "population",
    "country",
    "regulator",
    "service",
    "technology",
    "certification",
    "engagement",
)
"""The lists a study may ask from, in the order they are shown."""

_SHARE_AT_END = re.compile(r"^(?P<word>.*\S)\s+(?P<share>\d{1,3}(?:[.,]\d+)?)\s*%$")


@dataclass(frozen=True)
class Wanted:
    """One thing asked for. `share` (above 0, to 1) is for countries only."""

    scheme: str
    code: str
    importance: str = Importance.HIGH
    share: float | None = None
    is_from_register: bool = False


def unknown_term_message(scheme: str, text: str, *, codes: bool = False) -> str:
    """Say that a word is in no list, with up to three terms that are near it.

    `codes` names them with their codes, for a program; a person reads labels.
    """
    near = _joined(nearest_terms(scheme, text), codes)
    hint = f" Did you mean {near}?" if near else ""
    return f"“{text}” is no {scheme.replace('_', ' ')} that the portal knows.{hint}"


def deprecated_term_message(term: Term, *, codes: bool = False) -> str:
    """Say that a term is no longer in use, and which one to take instead."""
    gone = f"{_joined([term], codes)} is no longer in use"
    if term.replaced_by:
        return f"{gone}; use {_joined([term.replaced_by], codes)} instead."
    near = _joined(nearest_terms(term.scheme_id, term.label), codes)
    return f"{gone}. Near it: {near}." if near else f"{gone}."


def _joined(terms: Sequence[Term], codes: bool) -> str:
    names = [
        f"“{term.label}” ({term.code})" if codes else f"“{term.label}”"
        for term in terms
    ]
    *first, last = names or [""]
    return f"{', '.join(first)} or {last}" if first else last


def find_terms(wanted: Sequence[Wanted], *, kept: Iterable[int] = ()) -> list[Term]:
    """Give the term of each entry, in order: one query when all is well.

    Parameters
    ----------
    wanted : what is asked for
    kept : primary keys of terms that may be deprecated, since the study has them

    Raises
    ------
    ValidationError
        One sentence for each entry whose scheme, code, importance or share will
        not do, or that comes twice.
    """
    terms = {
        (term.scheme_id, term.code): term
        for term in Term.objects.filter(
            scheme__in={entry.scheme for entry in wanted} & set(SCHEMES),
            code__in={entry.code for entry in wanted},
        ).select_related("replaced_by")
    }
    kept = set(kept)
    problems: list[str] = []
    found: list[Term] = []
    seen: set[tuple[str, str]] = set()
    for entry in wanted:
        term = terms.get((entry.scheme, entry.code))
        if entry.scheme not in SCHEMES:
            problems.append(
                f"A study cannot ask for “{entry.scheme}”; it can for "
                f"{', '.join(SCHEMES)}."
            )
        elif term is None:
            problems.append(unknown_term_message(entry.scheme, entry.code, codes=True))
        elif term.deprecated_on and term.pk not in kept:
            problems.append(deprecated_term_message(term, codes=True))
        elif (entry.scheme, entry.code) in seen:
            problems.append(f"“{term.label}” is asked for twice.")
        elif entry.importance not in Importance.values:
            problems.append(
                f"“{entry.importance}” is no importance; it is one of "
                f"{', '.join(Importance.values)}."
            )
        elif entry.share is not None and entry.scheme != "country":
            problems.append(f"“{term.label}” has a share; only countries have one.")
        elif entry.share is not None and not 0 < entry.share <= 1:
            problems.append(
                f"The share of “{term.label}” must be above 0 % and at most 100 %."
            )
        else:
            seen.add((entry.scheme, entry.code))
            found.append(term)
    if problems:
        raise ValidationError(problems)
    return found


def read_lines(scheme: str, text: str, importance: str) -> list[Wanted]:
    """Read what was typed, one name, code, outside code or tree number a line.

    A country may be followed by its share: `Poland 40 %`. A term typed twice is
    taken once.

    Raises
    ------
    ValidationError
        One sentence for each line that means nothing, or a deprecated term.
    """
    lines = [line for raw in text.splitlines() if (line := " ".join(raw.split()))]
    if not lines:
        return []
    resolver = TermResolver.load([scheme])
    deprecated = {
        name: term
        for term in Term.objects.of(scheme)
        .filter(deprecated_on__isnull=False)
        .select_related("replaced_by")
        for name in (term.code, term.label.lower())
    }
    problems: list[str] = []
    wanted: dict[str, Wanted] = {}
    for line in lines:
        share = None
        if scheme == "country" and (match := _SHARE_AT_END.match(line)):
            line = match["word"]
            share = float(match["share"].replace(",", ".")) / 100
        if old := deprecated.get(line.lower()):
            problems.append(deprecated_term_message(old))
        elif term := resolver.find(scheme, line):
            wanted.setdefault(term.code, Wanted(scheme, term.code, importance, share))
        else:
            problems.append(unknown_term_message(scheme, line[:200]))
    if problems:
        raise ValidationError(problems)
    return list(wanted.values())
