"""The rules of `catalog.index` once more, one CRO and one choice at a time, by SQL.

Nothing is shared with the index but the values that go in and out.
"""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from catalog.index.query import Choice, Query
from catalog.models import CRO, Claim, Term, Trial

SCHEMES = {
    "area": "therapeutic_area",
    "type": "cro_type",
    **{
        name: name
        for name in [
            "condition",
            "phase",
            "country",
            "region",
            "regulator",
            "service",
            "technology",
            "modality",
            "population",
            "certification",
            "engagement",
        ]
    },
}
BANDS = {
    "size": ["micro", "small", "mid", "large", "unknown"],
    "evidence": ["a", "b", "c", "d"],
    "verified": ["1y", "2y", "older", "never"],
}
YES, NO, UNKNOWN = "yes", "no", "unknown"


@dataclass
class Found:
    total: int
    total_known: int
    n_unknown: int
    ids: list[int]
    marks: dict[int, set[Choice]]
    disputed: dict[int, set[Choice]]


class Oracle:
    def __init__(self, on: dt.date):
        self.on = on
        self.cros = list(CRO.objects.listed())
        self.terms = {(t.scheme_id, t.code): t for t in Term.objects.all()}
        self.within = {
            key: set(Term.objects.narrower(term).values_list("pk", flat=True))
            for key, term in self.terms.items()
        }
        self.claims = {
            cro.pk: list(Claim.objects.valid(on).filter(cro=cro).select_related("term"))
            for cro in self.cros
        }
        self.trials = {
            cro.pk: list(
                Trial.objects.filter(
                    pk__in=cro.trial_roles.experience().values("trial")
                ).prefetch_related("conditions", "countries")
            )
            for cro in self.cros
        }
        self.complete = {
            cro.pk: set(cro.complete_lists.values_list("scheme", flat=True))
            for cro in self.cros
        }

    # Facts

    def questions(self, cro, scheme, code):
        """Claims of the best tier, by question, on the term and narrower ones."""
        asked = defaultdict(list)
        for claim in self.claims[cro.pk]:
            if claim.term_id in self.within[scheme, code]:
                key = (claim.term_id, claim.aspect, claim.country_id, claim.area_id)
                asked[key].append(claim)
        return {
            key: [c for c in claims if c.tier == min(k.tier for k in claims)]
            for key, claims in asked.items()
        }

    def trial_terms(self, trial):
        return {
            trial.phase_id,
            *(term.pk for term in trial.conditions.all()),
            *(term.pk for term in trial.countries.all()),
        }

    def through(self, cro, scheme, code):
        return {
            claim.delivery
            for claims in self.questions(cro, scheme, code).values()
            for claim in claims
            if claim.answer
        }

    def fact(self, cro, facet, code):
        if facet in BANDS:
            band = getattr(self, facet)(cro)
            if facet == "size" and band == UNKNOWN and code != UNKNOWN:
                return UNKNOWN
            return YES if band == code else NO
        scheme = SCHEMES[facet]
        asked = self.questions(cro, scheme, code)
        says_yes = any(c.answer for claims in asked.values() for c in claims)
        seen = any(
            self.trial_terms(trial) & self.within[scheme, code]
            for trial in self.trials[cro.pk]
        )
        if says_yes or seen:
            return YES
        plain = asked.get((self.terms[scheme, code].pk, "", None, None))
        if plain or scheme in self.complete[cro.pk]:
            return NO
        return UNKNOWN

    def headcount(self, cro):
        metric = self.terms["metric", "headcount-fte"].pk
        numbers = [
            (claim.tier, -claim.observed_on.toordinal(), claim.value)
            for claim in self.claims[cro.pk]
            if claim.term_id == metric
            and claim.answer
            and claim.value is not None
            and claim.country_id is None
            and claim.area_id is None
        ]
        return float(min(numbers)[2]) if numbers else None

    def size(self, cro):
        staff = self.headcount(cro)
        if staff is None:
            return UNKNOWN
        return BANDS["size"][sum(staff >= least for least in (50, 500, 5000))]

    def evidence(self, cro):
        claims = self.claims[cro.pk]
        good = sum(claim.tier <= 3 for claim in claims)
        if not good:
            return "d"
        share = good / len(claims)
        return "a" if share >= 0.5 else "b" if share >= 0.25 else "c"

    def newest(self, cro):
        return max((claim.observed_on for claim in self.claims[cro.pk]), default=None)

    def verified(self, cro):
        newest = self.newest(cro)
        if newest is None:
            return "never"
        days = (self.on - newest).days
        return "1y" if days <= 365 else "2y" if days <= 730 else "older"

    # Queries

    def meets(self, cro, choice):
        """Say whether a choice is met: True, False, or None where it is open."""
        fact = self.fact(cro, choice.facet, choice.code)
        is_open = fact == UNKNOWN
        if choice.delivery and fact == YES:
            through = self.through(cro, SCHEMES[choice.facet], choice.code)
            wanted = {"own": {"own"}, "partner": {"affiliate", "partner"}}
            fact = YES if through & wanted[choice.delivery] else NO
        if choice.state == UNKNOWN:
            met = is_open
        elif is_open:
            met = None
        else:
            met = fact == choice.state
        return (None if met is None else not met) if choice.excluded else met

    def facet(self, cro, facet, choices, all_of):
        wanted = [self.meets(cro, c) for c in choices if not c.excluded]
        refused = [self.meets(cro, c) for c in choices if c.excluded]
        parts = list(refused)
        if wanted:
            parts.append(_all(wanted) if facet in all_of else _any(wanted))
        return _all(parts)

    def facets(self, cro, query, leave_out=""):
        chosen = dict.fromkeys(c.facet for c in query.choices)
        return {
            facet: self.facet(
                cro, facet, {c for c in query.choices if c.facet == facet}, query.all_of
            )
            for facet in chosen
            if facet != leave_out
        }

    def pool(self, query, leave_out=""):
        """CROs found with the verdict: True, or None where something is open."""
        found = {}
        for cro in self.cros:
            if query.text is not None and cro.pk not in query.text:
                continue
            verdict = _all(self.facets(cro, query, leave_out).values())
            if verdict or (verdict is None):
                found[cro] = verdict
        return found

    def shown(self, query, leave_out=""):
        return {
            cro: verdict
            for cro, verdict in self.pool(query, leave_out).items()
            if verdict or query.include_unknown
        }

    def key(self, cro, query):
        verdicts = list(self.facets(cro, query).values())
        name = (cro.name.casefold(), cro.name, cro.pk)
        matches = sum(verdict is True for verdict in verdicts)
        open_last = matches < len(verdicts)
        if query.sort == "relevance":
            if query.text is not None:
                return (-matches, query.text.index(cro.pk))
            return (-matches, self.evidence(cro), *name)
        if query.sort == "name":
            return (open_last, *name)
        if query.sort == "size":
            staff = self.headcount(cro)
            return (open_last, staff is None, -(staff or 0), *name)
        if query.sort == "verified":
            newest = self.newest(cro)
            return (open_last, -(newest.toordinal() if newest else 0), *name)
        if query.sort == "countries":
            countries = [c for s, c in self.terms if s == "country"]
            shown = sum(self.fact(cro, "country", code) == YES for code in countries)
            return (open_last, -shown, *name)
        return (open_last, -self.n_trials(cro, query), *name)

    def n_trials(self, cro, query):
        areas = [
            choice.code
            for choice in query.choices
            if choice.facet == "area" and choice.state == YES and not choice.excluded
        ]
        trials = self.trials[cro.pk]
        if not areas:
            return len(trials)
        within = set().union(*(self.within["therapeutic_area", code] for code in areas))
        return sum(bool(self.trial_terms(trial) & within) for trial in trials)

    def search(self, query: Query) -> Found:
        pool = self.pool(query)
        shown = self.shown(query)
        order = sorted(shown, key=lambda cro: self.key(cro, query))
        known = sum(verdict is True for verdict in pool.values())
        return Found(
            total=len(shown),
            total_known=known,
            n_unknown=len(pool) - known,
            ids=[cro.pk for cro in order],
            marks={
                cro.pk: {c for c in query.choices if self.meets(cro, c) is None}
                for cro in order
            },
            disputed={
                cro.pk: {c for c in query.choices if self.is_disputed(cro, c)}
                for cro in order
            },
        )

    def is_disputed(self, cro, choice):
        if choice.facet in BANDS:
            return False
        term = self.terms[SCHEMES[choice.facet], choice.code]
        asked = self.questions(cro, SCHEMES[choice.facet], choice.code)
        return any(
            key[0] == term.pk and len({claim.answer for claim in claims}) == 2
            for key, claims in asked.items()
        )

    def counts(self, query, facet):
        """By code, how many have a yes and how many are not known."""
        name, _, through = facet.partition(":")
        shown = self.shown(query, leave_out=name)
        codes = BANDS.get(name) or [c for s, c in self.terms if s == SCHEMES[name]]
        return {
            code: (
                sum(
                    self.meets(cro, Choice(name, code, YES, through)) is True
                    for cro in shown
                ),
                sum(self.fact(cro, name, code) == UNKNOWN for cro in shown),
            )
            for code in codes
        }


def _all(verdicts):
    verdicts = list(verdicts)
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _any(verdicts):
    verdicts = list(verdicts)
    if True in verdicts:
        return True
    return None if None in verdicts else False
