"""Find the term that is meant, by the words of people and of trial registers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from catalog.models import Term
from catalog.text import lookup_key

MAX_NAME_WORDS = 8
MIN_NAME_LETTERS = 4
"""Bounds of a name looked for inside a longer text; shorter ones are abbreviations."""

LIKELY = 60.0
"""Similarity (0 to 100) under which a code is no help in a message."""

_PHASE_SEPARATOR = re.compile(r"[|/,;]")
_PADDING = re.compile(r"(?<=^[CD])0+(?=\d)")
_PHASE_SPELLINGS = {
    "NA": "NA",
    "NOTAPPLICABLE": "NA",
    "PHASE0": "EARLY_PHASE1",
    "EARLYPHASE1": "EARLY_PHASE1",
    "PHASEI": "PHASE1",
    "PHASEII": "PHASE2",
    "PHASEIII": "PHASE3",
    "PHASEIV": "PHASE4",
}


def nearest_codes(scheme: str, text: str, limit: int = 3) -> list[str]:
    """Give the codes of `nearest_terms`, for who has to type one."""
    return [term.code for term in nearest_terms(scheme, text, limit)]


def nearest_terms(scheme: str, text: str, limit: int = 3) -> list[Term]:
    """Give the terms most like `text`, best first; for "did you mean" in errors.

    Codes, labels and synonyms of current terms are compared. Nothing likely
    gives an empty list. One query.
    """
    names: list[str] = []
    terms: list[Term] = []
    for term in Term.objects.of(scheme).current().only("code", "label", "synonyms"):
        for name in (term.code, term.label, *term.synonyms):
            names.append(lookup_key(name))
            terms.append(term)
    found = process.extract(
        lookup_key(text),
        names,
        scorer=fuzz.token_sort_ratio,
        score_cutoff=LIKELY,
        limit=50,
    )
    return list(dict.fromkeys(terms[index] for _, _, index in found))[:limit]


@dataclass(frozen=True, slots=True)
class TermResolver:
    """The terms of some schemes in memory, to resolve many names without queries.

    Build one with `load` for each batch of work and drop it after: it does not
    see later changes. Every method gives the current term that is meant (the
    successor of a deprecated one) or None, never a guess.
    """

    _by_code: dict[tuple[str, str], Term]
    _by_name: dict[tuple[str, str], Term]
    _by_external_code: dict[tuple[str, str], Term]
    _by_register_code: dict[tuple[str, frozenset[str]], Term]
    _by_place: dict[tuple[str, str], Term]

    @classmethod
    def load(
        cls,
        schemes: Iterable[str] = ("country", "condition", "phase", "modality"),
    ) -> "TermResolver":
        """Load the terms of these schemes: one query."""
        terms = list(
            Term.objects.filter(scheme__in=list(schemes))
            .order_by("deprecated_on", "pk")
            .defer("description")
        )
        by_pk = {term.pk: term for term in terms}
        resolver = cls({}, {}, {}, {}, {})
        for term in terms:  # the current ones come last and so win
            if target := _current(term, by_pk):
                resolver._add(term, target)
        return resolver

    def _add(self, term: Term, target: Term) -> None:
        scheme = term.scheme_id
        self._by_code[scheme, term.code] = target
        for name in (*term.synonyms, term.label):
            self._by_name[scheme, lookup_key(name)] = target
        if term.external_code:
            self._by_external_code[scheme, _plain_id(term.external_code)] = target
        for place in term.tree_numbers:
            self._by_place[scheme, place] = target
        if alpha3 := term.attributes.get("alpha3"):
            self._by_external_code[scheme, alpha3] = target
        if phases := term.attributes.get("ctgov"):
            self._by_register_code[scheme, frozenset(phases)] = target
        for kind in term.attributes.get("ctgov_interventions", ()):
            self._by_register_code[scheme, frozenset([kind])] = target

    def find(self, scheme: str, text: str) -> Term | None:
        """Find a term by its code, label, synonym, external code or tree number."""
        text = text.strip()
        return (
            self._by_code.get((scheme, text.lower()))
            or self._by_name.get((scheme, lookup_key(text)))
            or self._by_external_code.get((scheme, _plain_id(text)))
            or self._by_place.get((scheme, text.upper()))
        )

    def find_inside(self, scheme: str, text: str) -> list[Term]:
        """Find the terms named inside a text, the longest names first.

        Whole words count, with or without the s of a plural: "Recurrent Breast
        Neoplasm" holds Breast Neoplasms. A name inside a longer one found is not
        told again.
        """
        words = lookup_key(text).split()
        taken: set[int] = set()
        found: dict[int, Term] = {}
        for length in range(min(MAX_NAME_WORDS, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                place = set(range(start, start + length))
                key = " ".join(words[start : start + length])
                if place & taken or len(key) < MIN_NAME_LETTERS:
                    continue
                for spelling in (key, f"{key}s", key.removesuffix("s")):
                    if term := self._by_name.get((scheme, spelling)):
                        found[term.pk] = term
                        taken |= place
                        break
        return list(found.values())

    def ancestors(self, term: Term) -> list[Term]:
        """Give the terms above a term by `parent`, the nearest first."""
        scheme = term.scheme_id
        by_pk = {t.pk: t for (s, _), t in self._by_code.items() if s == scheme}
        above: list[Term] = []
        while (parent := by_pk.get(term.parent_id or 0)) and parent not in above:
            above.append(parent)
            term = parent
        return above

    def resolve_country(self, name: str) -> Term | None:
        """Find a country by a register's spelling or its ISO 3166-1 code."""
        return self.find("country", name)

    def resolve_condition(self, name: str, mesh_id: str = "") -> Term | None:
        """Find a condition by its MeSH unique id, else by its name or a synonym."""
        by_id = self._by_external_code.get(("condition", _plain_id(mesh_id)))
        return by_id or self.find("condition", name)

    def resolve_phase(self, ctgov_phases: Sequence[str]) -> Term | None:
        """Find the phase of a record, as ClinicalTrials.gov lists it.

        `["PHASE1", "PHASE2"]` is phase 1/2; older spellings such as
        `["Phase 1/Phase 2"]` are understood. No phase is None (the record does
        not say), `["NA"]` is the term for "not applicable".
        """
        parts = [
            part
            for entry in ctgov_phases
            for part in _PHASE_SEPARATOR.split(re.sub(r"(?i)\bN/A\b", "NA", entry))
        ]
        codes = frozenset(_phase_code(part) for part in parts if part.strip())
        return self._by_register_code.get(("phase", codes))

    def resolve_modality(self, ctgov_intervention_type: str) -> Term | None:
        """Find the modality of an intervention type (`DRUG`, `Dietary Supplement`)."""
        kind = lookup_key(ctgov_intervention_type).upper().replace(" ", "_")
        return self._by_register_code.get(("modality", frozenset([kind])))


def _plain_id(text: str) -> str:
    """Drop the zeros a register may pad a MeSH id with (`D000014947` is D014947)."""
    return _PADDING.sub("", text.strip().upper())


def _phase_code(text: str) -> str:
    plain = re.sub(r"[\s_-]", "", text).upper()
    return _PHASE_SPELLINGS.get(plain, plain)


def _current(term: Term, by_pk: dict[int, Term]) -> Term | None:
    """Follow `replaced_by` to the term in use; None if there is none."""
    seen: set[int] = set()
    target: Term | None = term
    while target and target.deprecated_on and target.pk not in seen:
        seen.add(target.pk)
        target = by_pk.get(target.replaced_by_id) if target.replaced_by_id else None
    return target if target and not target.deprecated_on else None
