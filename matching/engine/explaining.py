"""Why a CRO has its values: the claims, trials and numbers behind each leaf."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from matching.engine import leaves, mesh
from matching.engine.inputs import NO_DAY, Bools, Floats, Int32s, Ints
from matching.engine.knowledge import (
    COMPLETE_LIST_HALF_WIDTH,
    UNKNOWN_HIGH,
    UNKNOWN_LOW,
    UNKNOWN_VALUE,
    has_complete_list,
    resolve,
)
from matching.engine.prepared import CONDITION_SCHEMES, PLACE_SCHEMES
from matching.engine.record import CLOSENESS
from matching.engine.results import Explanation, Fact, Leaf, Ranking, Reason

MOST_TRIALS = 5
"""Trials named in one fact."""

LEAST_LOSS = 1e-12
"""Less is rounding, and nobody's weakest link."""

Facts = list[tuple[Fact, ...]]


def explain(ranking: Ranking, cros: Sequence[int]) -> list[Explanation]:
    """Give the reasons of some CROs, such as the first page, in the order asked.

    Parameters
    ----------
    ranking : an answer of `rank`
    cros : positions in the catalogue, no CRO twice

    Facts of a coverage leaf are one per term asked, so their weighed mean is the
    leaf's value; other leaves have one fact.
    """
    page = np.array(sorted(cros), np.int64)
    if not page.size:
        return []
    place = {cro: i for i, cro in enumerate(page.tolist())}
    sheet = _Sheet(page, ranking)
    facts = [sheet.facts_of(i, leaf) for i, leaf in enumerate(ranking.leaves)]
    gates = [sheet.gate(int(j)) for j in ranking.gate_requirement]
    low, value, high = sheet.ends
    weights = ranking.weights.tolist()
    found = []
    for k in (place[cro] for cro in cros):
        reasons = tuple(
            Reason(i, lo, v, hi, v * w, (1.0 - v) * w, facts[i][k])
            for i, (lo, v, hi, w) in enumerate(
                zip(low[k], value[k], high[k], weights, strict=True)
            )
        )
        weakest = max(reasons, key=lambda reason: reason.loss)
        found.append(
            Explanation(
                cro=int(page[k]),
                reasons=reasons,
                gate_facts=tuple(gate[k][0] for gate in gates),
                weakest=weakest.leaf if weakest.loss > LEAST_LOSS else -1,
            )
        )
    return found


class _Answer(NamedTuple):
    """What claims and complete lists tell of one term, by place in the page."""

    low: list[float]
    value: list[float]
    high: list[float]
    is_disputed: list[bool]
    has_complete_list: list[bool]
    claims: list[tuple[int, ...]]


class _Trials(NamedTuple):
    """Trials of one kind, by place in the page."""

    counted: list[int]
    undated: list[int]
    ids: list[tuple[int, ...]]


class _Sheet:
    """The page's part of the inputs, and the facts made from it."""

    def __init__(self, page: Ints, ranking: Ranking) -> None:
        self.answers = ranking.answers
        self.asked = ranking.answers.asked
        self.page = page
        self.ends = [
            end[page].tolist() for end in (ranking.low, ranking.value, ranking.high)
        ]
        """Low, value and high by place in the page, then by leaf."""
        table = self.asked.prepared.roles
        start, lengths = table.at[page], np.diff(table.at)[page]
        self.place = np.repeat(np.arange(page.size), lengths)
        """By role of the page: whose it is, as a place in the page."""
        within = np.arange(self.place.size) - np.repeat(
            np.cumsum(lengths) - lengths, lengths
        )
        self.role = np.repeat(start, lengths) + within
        self.role_at = [0, *np.cumsum(lengths).tolist()]
        self.start = table.start[self.role].astype(np.int64)
        self.is_undated = self.start == NO_DAY
        self.counts = self.start <= self.asked.start
        self.is_possible = self.counts | self.is_undated
        self.trial = table.trial[self.role]
        self.trial_id = self.asked.prepared.catalogue.trials.id[self.trial]

    def facts_of(self, i: int, leaf: Leaf) -> Facts:
        """Return the facts of leaf `i` of the ranking, by place in the page."""
        makers: dict[str, Callable[[int], Facts]] = {
            "condition": self._condition,
            "phase": self._phase,
            "countries": self._countries,
            "regulators": self._regulators,
            "delivery_record": lambda i: self._stated_rate(
                i, "milestones-on-time", "milestones-due", leaves.ON_TIME_PEER_MEAN
            ),
            "inspections": lambda i: self._stated_rate(
                i,
                "inspections-no-action",
                "inspections-total",
                leaves.NO_ACTION_PEER_MEAN,
            ),
            "team_qualification": lambda i: self._stated(
                i,
                {
                    "certified_share": "pm-certified-share",
                    "experience_years": "pm-experience-years",
                },
            ),
            "continuity": lambda i: self._stated(i, {"turnover": "staff-turnover"}),
            "capacity": lambda i: self._stated(
                i,
                {"free_fte": "free-capacity-fte"},
                {"needed_fte": self.asked.staff_needed},
            ),
            "span": self._span,
            "size_proven": self._size_proven,
            "repeat_sponsors": self._repeat_sponsors,
            "sponsor_size": self._sponsor_size,
        }
        if leaf.name in makers:
            return makers[leaf.name](i)
        return self._coverage(leaf.name)

    # Terms asked

    @cached_property
    def _answers(self) -> dict[int, _Answer]:
        """By term asked: what is known, worked out for all of the page at once."""
        page = self.page
        cells, n = self.asked.prepared.cells, page.size
        terms = self.asked.need.requirements.term.tolist()
        chosen, place = [], []
        has = [has_complete_list(self.asked, term)[page] for term in terms]
        for i, term in enumerate(terms):
            start, stop = int(cells.at[term]), int(cells.at[term + 1])
            at = np.searchsorted(cells.cro[start:stop], page)
            found = np.flatnonzero(np.append(cells.cro[start:stop], -1)[at] == page)
            chosen.append(start + at[found])
            place.append(i * n + found)
        places = np.concatenate([*place, page[:0]])
        is_silent = np.concatenate([*has, np.zeros(0, bool)])
        resolved = resolve(
            self.asked, np.concatenate([*chosen, page[:0]]), is_silent[places]
        )
        low = np.full(is_silent.size, UNKNOWN_LOW)
        value = np.where(is_silent, 0.0, UNKNOWN_VALUE)
        high = np.where(is_silent, COMPLETE_LIST_HALF_WIDTH, UNKNOWN_HIGH)
        low[places], value[places] = resolved.low, resolved.value
        high[places] = resolved.high
        is_disputed = np.zeros(is_silent.size, bool)
        is_disputed[places] = resolved.is_disputed
        claims: list[set[int]] = [set() for _ in range(is_silent.size)]
        claim_ids = self.asked.prepared.catalogue.claims.id[resolved.claim]
        for k, claim in zip(
            places[resolved.claim_cell].tolist(), claim_ids.tolist(), strict=True
        ):
            claims[k].add(claim)
        ids = [tuple(sorted(found)) if found else () for found in claims]
        pages = [slice(i * n, (i + 1) * n) for i in range(len(terms))]
        return {
            term: _Answer(
                low[part].tolist(),
                value[part].tolist(),
                high[part].tolist(),
                is_disputed[part].tolist(),
                is_silent[part].tolist(),
                ids[part],
            )
            for term, part in zip(terms, pages, strict=True)
        }

    def _coverage(self, leaf: str) -> Facts:
        by_term = [
            self._term_facts(
                int(self.asked.need.requirements.term[j]),
                {"points": float(self.asked.points[j])},
            )
            for j in self.asked.by_leaf[leaf]
        ]
        return list(zip(*by_term, strict=True))

    def _term_facts(
        self,
        term: int,
        numbers: dict[str, float],
        trials: _Trials | None = None,
        need: float = 0.0,
    ) -> list[Fact]:
        """Make one term's fact per CRO; with trials, they raise its ends."""
        answer = self._answers[term]
        if trials is None:
            return [
                Fact(
                    "claim" if ids else "complete_list" if is_listed else "nothing",
                    *(term, low, value, high, is_disputed, ids, (), numbers),
                )
                for low, value, high, is_disputed, is_listed, ids in zip(
                    *answer, strict=True
                )
            ]
        facts = []
        for low, value, high, is_disputed, is_listed, claims, n, undated, ids in zip(
            *answer, *trials, strict=True
        ):
            own = {**numbers, "n_trials": float(n)}
            if need:
                own["need"] = need
                if n or undated:
                    shown = leaves.sat_of(n, need)
                    most = leaves.sat_of(n + undated, need)
                    low, value = max(low, shown), max(value, shown)
                    high = max(high, most)
            kind = "nothing"
            if claims:
                kind = "claim"
            elif ids:
                kind = "record"
            elif is_listed:
                kind = "complete_list"
            facts.append(
                Fact(kind, term, low, value, high, is_disputed, claims, ids, own)
            )
        return facts

    def _countries(self, i: int) -> Facts:
        by_term = []
        for j, share in self.asked.shares.items():
            term = int(self.asked.need.requirements.term[j])
            by_term.append(
                self._term_facts(
                    term,
                    {"share": share},
                    self._ran_in(term),
                    leaves.COUNTRY_TRIALS_NEEDED,
                )
            )
        return list(zip(*by_term, strict=True))

    def _regulators(self, i: int) -> Facts:
        by_term = []
        for j in self.asked.by_leaf["regulators"]:
            term = int(self.asked.need.requirements.term[j])
            by_term.append(
                self._term_facts(
                    term,
                    {"points": float(self.asked.points[j])},
                    self._ran_in(term),
                    leaves.REGULATOR_TRIALS_NEEDED,
                )
            )
        return list(zip(*by_term, strict=True))

    def gate(self, j: int) -> Facts:
        """Return the fact behind a must: what claims tell, and trials that show it."""
        term = int(self.asked.need.requirements.term[j])
        scheme = self.asked.scheme(term)
        trials = None
        if scheme in PLACE_SCHEMES:
            trials = self._ran_in(term)
        elif scheme == "phase":
            trials = self._trials(self._is_in_phase((term,)))
        elif scheme in CONDITION_SCHEMES:
            levels = self.answers.record.levels((term,))[self.role]
            trials = self._trials(levels >= mesh.NEAR, CLOSENESS[levels])
        return [(fact,) for fact in self._term_facts(term, {}, trials)]

    # Track record

    @cached_property
    def _countries_of_roles(self) -> tuple[Ints, Int32s]:
        """Return (role of the page, country) pairs, a trial's country each."""
        trials = self.asked.prepared.catalogue.trials
        start = trials.country_at[self.trial]
        lengths = trials.country_at[self.trial + 1] - start
        role = np.repeat(np.arange(self.trial.size), lengths)
        shift = np.repeat(start - (np.cumsum(lengths) - lengths), lengths)
        return role, trials.country_term[np.arange(role.size) + shift]

    def _ran_in(self, term: int) -> _Trials:
        """Return the trials that ran in a place or under a regulator."""
        if term not in self._seen_in:
            role, country = self._countries_of_roles
            there = self.asked.countries_of(term)
            found = np.zeros(self.role.size, bool)
            if len(there) == 1:
                found[role[country == there[0]]] = True
            elif there:
                flags = np.zeros(len(self.asked.prepared.catalogue.terms.code), bool)
                flags[list(there)] = True
                found[role[flags[country]]] = True
            self._seen_in[term] = self._trials(found)
        return self._seen_in[term]

    @cached_property
    def _seen_in(self) -> dict[int, _Trials]:
        return {}

    def _is_in_phase(self, terms: tuple[int, ...]) -> Bools:
        """By role of the page: in a phase asked, near the study."""
        found = np.zeros(self.role.size, bool)
        roles = self.answers.record.in_phase(terms)
        if roles.size:
            at = np.searchsorted(roles, self.role)
            found = roles[np.minimum(at, roles.size - 1)] == self.role
        return found

    def _trials(self, holds: Bools, weight: Floats | None = None) -> _Trials:
        """Count the trials that hold, and name the heaviest, then the newest."""
        n = self.page.size
        row = np.flatnonzero(holds & self.is_possible)
        if not row.size:
            return _Trials([0] * n, [0] * n, [()] * n)
        place = self.place[row]
        counted = np.bincount(place[self.counts[row]], minlength=n).tolist()
        found = np.bincount(place, minlength=n).tolist()
        if weight is not None:  # roles of a CRO stand newest first
            row = row[np.lexsort((-weight[row], place))]
        trial = self.trial_id[row].tolist()
        ids: list[tuple[int, ...]] = []
        start = 0
        for number in found:
            ids.append(tuple(trial[start : start + min(number, MOST_TRIALS)]))
            start += number
        undated = [both - dated for both, dated in zip(found, counted, strict=True)]
        return _Trials(counted, undated, ids)

    @cached_property
    def _aged(self) -> Floats:
        """By role of the page: 2^(-age / 6 years), 0 where it does not count."""
        table = self.asked.prepared.roles
        scale = self.answers.record.ageing
        return np.where(self.counts, table.weight[self.role] * scale, 0.0)

    def _experience_facts(
        self,
        i: int,
        holds: Bools,
        closeness: Floats,
        numbers: dict[str, list[float]],
        claims: list[tuple[int, ...]],
    ) -> Facts:
        weight = self._aged * closeness
        trials = self._trials(holds, weight)
        n_eff = np.bincount(self.place[holds], weight[holds], self.page.size).tolist()
        facts: Facts = []
        for k in range(self.page.size):
            own = {"n_trials": float(trials.counted[k]), "n_eff": n_eff[k]}
            own.update((name, column[k]) for name, column in numbers.items())
            if trials.undated[k]:
                own["n_undated"] = float(trials.undated[k])
            kind = "record" if trials.ids[k] else "claim" if claims[k] else "nothing"
            facts.append((self._whole(i, k, kind, own, claims[k], trials.ids[k]),))
        return facts

    def _condition(self, i: int) -> Facts:
        levels = self.answers.record.condition_levels[self.role]
        is_exact = (levels == mesh.SAME) & self.counts
        exact = np.bincount(self.place[is_exact], minlength=self.page.size)
        claimed = leaves.claimed_trials(self.answers)
        n = self.page.size
        return self._experience_facts(
            i,
            levels > 0,
            CLOSENESS[levels],
            {
                "n_exact": exact.astype(np.float64).tolist(),
                "need": [self.asked.experience_needed] * n,
                "claimed": claimed.most[self.page].tolist(),
            },
            [(c,) if c >= 0 else () for c in claimed.claim[self.page].tolist()],
        )

    def _phase(self, i: int) -> Facts:
        holds = self._is_in_phase(self.asked.terms_of("phase"))
        n = self.page.size
        return self._experience_facts(
            i,
            holds,
            np.ones(self.role.size),
            {"need": [leaves.PHASE_TRIALS_NEEDED] * n},
            [()] * n,
        )

    def _span(self, i: int) -> Facts:
        values = self.asked.prepared.roles.n_countries[self.role].astype(np.float64)
        asked = {"countries_asked": float(len(self.asked.by_leaf["countries"]))}
        return self._largest(i, {"most_countries": values}, asked)

    def _size_proven(self, i: int) -> Facts:
        table = self.asked.prepared.roles
        shown = {
            "participants": ("largest_participants", table.participants),
            "sites": ("most_sites", table.n_sites),
        }
        sizes = self.asked.sizes
        return self._largest(
            i,
            {shown[name][0]: shown[name][1][self.role] for name in sizes},
            {f"{name}_asked": size for name, size in sizes.items()},
        )

    def _largest(
        self, i: int, values: dict[str, Floats], asked: dict[str, float]
    ) -> Facts:
        """Name each CRO's largest counted trial of each kind."""
        numbers = [dict(asked) for _ in range(self.page.size)]
        trials: list[list[int]] = [[] for _ in range(self.page.size)]
        for name, value in values.items():
            counted = np.where(self.counts, value, 0.0)
            for k, (start, stop) in enumerate(pairwise(self.role_at)):
                if start == stop:
                    continue
                row = start + int(counted[start:stop].argmax())  # the newest of equals
                if counted[row] > 0:
                    numbers[k][name] = float(value[row])
                    if int(self.trial_id[row]) not in trials[k]:
                        trials[k].append(int(self.trial_id[row]))
        return [
            (
                self._whole(
                    i,
                    k,
                    "record" if trials[k] else "nothing",
                    numbers[k],
                    (),
                    tuple(trials[k]),
                ),
            )
            for k in range(self.page.size)
        ]

    def _repeat_sponsors(self, i: int) -> Facts:
        n, again = self.answers.record.sponsors
        has_sponsor = self.asked.prepared.catalogue.trials.sponsor >= 0
        holds = has_sponsor[self.asked.prepared.roles.trial[self.role]]
        return self._shown_rate(
            i, again[self.page], n[self.page], leaves.REPEAT_PEER_MEAN, holds, {}
        )

    def _sponsor_size(self, i: int) -> Facts:
        same, n = self.answers.record.of_size_class
        size = self.asked.prepared.roles.sponsor_size[self.role]
        return self._shown_rate(
            i,
            same[self.page],
            n[self.page],
            leaves.sponsor_size_peer_mean(self.asked),
            size == self.asked.need.sponsor_size,
            {"share": leaves.FULL_SPONSOR_SHARE},
        )

    def _shown_rate(
        self,
        i: int,
        successes: Ints,
        n: Ints,
        peer_mean: float,
        holds: Bools,
        more: dict[str, float],
    ) -> Facts:
        trials = self._trials(holds & self.counts)
        return [
            (
                self._whole(
                    i,
                    k,
                    "record" if total else "nothing",
                    {
                        **more,
                        "successes": float(s),
                        "n": float(total),
                        "peer_mean": peer_mean,
                    },
                    (),
                    trials.ids[k],
                ),
            )
            for k, (s, total) in enumerate(
                zip(successes.tolist(), n.tolist(), strict=True)
            )
        ]

    # Numbers stated

    def _of_page(self, code: str) -> list[tuple[int, float, int]]:
        """Return (place in the page, number, claim) of the CROs that state a metric."""
        stated = self.asked.day.stated(code)
        if not stated.cro.size:
            return []
        at = np.minimum(np.searchsorted(stated.cro, self.page), stated.cro.size - 1)
        has = np.flatnonzero(stated.cro[at] == self.page)
        at = at[has]
        return list(
            zip(
                has.tolist(),
                stated.number[at].tolist(),
                stated.claim[at].tolist(),
                strict=True,
            )
        )

    def _stated_rate(self, i: int, successes: str, total: str, mean: float) -> Facts:
        of_total = {k: (n, claim) for k, n, claim in self._of_page(total) if n > 0}
        facts: Facts = [
            (self._whole(i, k, "nothing", {"peer_mean": mean}, (), ()),)
            for k in range(self.page.size)
        ]
        for k, s, claim in self._of_page(successes):
            if k in of_total:
                n, other = of_total[k]
                numbers = {"peer_mean": mean, "successes": min(max(s, 0.0), n), "n": n}
                facts[k] = (self._whole(i, k, "claim", numbers, (claim, other), ()),)
        return facts

    def _stated(
        self, i: int, codes: dict[str, str], more: dict[str, float] | None = None
    ) -> Facts:
        numbers = [dict(more or {}) for _ in range(self.page.size)]
        claims: list[tuple[int, ...]] = [()] * self.page.size
        for name, code in codes.items():
            for k, number, claim in self._of_page(code):
                numbers[k][name] = number
                claims[k] = (*claims[k], claim)
        return [
            (self._whole(i, k, "claim" if ids else "nothing", numbers[k], ids, ()),)
            for k, ids in enumerate(claims)
        ]

    def _whole(
        self,
        i: int,
        k: int,
        kind: str,
        numbers: dict[str, float],
        claims: tuple[int, ...],
        trials: tuple[int, ...],
    ) -> Fact:
        """Make a fact of the whole leaf, with the leaf's interval."""
        low, value, high = self.ends
        return Fact(
            *(kind, -1, low[k][i], value[k][i], high[k][i], False),
            *(claims, trials, numbers),
        )
