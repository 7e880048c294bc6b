"""The method once more, slowly: plain Python, one CRO at a time, no numpy.

Written from docs/method.md apart from the engine, and shares no code with it.
Quantiles of the Beta distribution come from bisection on a numeric integral-free
recurrence of the incomplete beta function (a power series), again on its own.
"""

import math
from functools import cache

NEVER = 2**31 - 1
YEAR = 365.25
HALF = {1: 0.03, 2: 0.05, 3: 0.10, 4: 0.20, 5: 0.35}
MIDDLE = {0: 1.0, 1: 0.7, 2: 0.5}
POINTS = {0: 4, 1: 4, 2: 2, 3: 1}
UNKNOWN = (0.0, 0.5, 1.0)
TREE = [
    ("expertise", [("condition", 0.55), ("phase", 0.25), ("modality_population", 0.2)]),
    ("geography", [("countries", 0.65), ("regulators", 0.35)]),
    ("services", [("services", 1.0)]),
    (
        "project_management",
        [
            ("delivery_record", 0.35),
            ("team_qualification", 0.25),
            ("continuity", 0.2),
            ("span", 0.2),
        ],
    ),
    ("technology", [("technology", 1.0)]),
    (
        "scalability",
        [("capacity", 0.4), ("size_proven", 0.35), ("repeat_sponsors", 0.25)],
    ),
    ("quality", [("certificates", 0.6), ("inspections", 0.4)]),
    ("fit", [("sponsor_size", 1.0)]),
]


class Oracle:
    def __init__(self, catalogue, need):
        self.need = need
        self.n_cros = catalogue.n_cros
        self.ids = [int(i) for i in catalogue.cro_id]
        self.names = list(catalogue.cro_name)
        terms = catalogue.terms
        self.scheme = list(terms.scheme)
        self.code = list(terms.code)
        self.parent = [int(p) for p in terms.parent]
        self.trees = {t: [] for t in range(len(self.code))}
        for t, number in zip(terms.tree_term, terms.tree_number, strict=True):
            self.trees[int(t)].append(number.split("."))
        self.links = [
            (int(a), int(b))
            for a, b in zip(terms.member_term, terms.wider_term, strict=True)
        ]
        self.claims = {c: [] for c in range(self.n_cros)}
        k = catalogue.claims
        for i in range(len(k.cro)):
            self.claims[int(k.cro[i])].append(
                {
                    "term": int(k.term[i]),
                    "yes": bool(k.answer[i]),
                    "aspect": int(k.aspect[i]),
                    "country": int(k.country[i]),
                    "area": int(k.area[i]),
                    "delivery": int(k.delivery[i]),
                    "value": float(k.value[i]),
                    "tier": int(k.tier[i]),
                    "observed": int(k.observed[i]),
                    "expires": int(k.expires[i]),
                }
            )
        t = catalogue.trials
        trials = []
        for i in range(len(t.start)):
            trials.append(
                {
                    "start": int(t.start[i]),
                    "phase": int(t.phase[i]),
                    "participants": float(t.participants[i]),
                    "sites": float(t.n_sites[i]),
                    "n_countries": int(t.n_countries[i]),
                    "sponsor": int(t.sponsor[i]),
                    "size": int(t.sponsor_size[i]),
                    "conditions": [
                        int(x)
                        for x in t.condition_term[
                            t.condition_at[i] : t.condition_at[i + 1]
                        ]
                    ],
                    "countries": {
                        int(x)
                        for x in t.country_term[t.country_at[i] : t.country_at[i + 1]]
                    },
                }
            )
        self.trials = {c: [] for c in range(self.n_cros)}
        for c, i in zip(catalogue.role_cro, catalogue.role_trial, strict=True):
            self.trials[int(c)].append(trials[int(i)])
        self.complete = {
            (int(c), s)
            for c, s in zip(
                catalogue.complete_cro, catalogue.complete_scheme, strict=True
            )
        }
        self.size_shares = [float(x) for x in catalogue.size_class_shares]
        r = need.requirements
        self.asked = [
            (int(r.term[j]), int(r.importance[j]), float(r.share[j]))
            for j in range(len(r.term))
        ]
        self.start = need.as_of if need.start == NEVER else need.start
        self.sat_cache = {}
        self.below_cache = {}

    # vocabulary

    def below(self, term):
        """The term and everything narrower."""
        if term in self.below_cache:
            return self.below_cache[term]
        scheme = self.scheme[term]
        if scheme in ("condition", "therapeutic_area"):
            found = {term}
            for other in range(len(self.code)):
                for a in self.trees[term]:
                    for b in self.trees[other]:
                        if b[: len(a)] == a:
                            found.add(other)
        else:
            found = {term}
            grew = True
            while grew:
                grew = False
                for other in range(len(self.code)):
                    if other not in found and self.parent[other] in found:
                        found.add(other)
                        grew = True
                for member, wider in self.links:
                    if (
                        wider in found
                        and member not in found
                        and self.scheme[wider] == "region"
                        and self.scheme[member] in ("region", "country")
                    ):
                        found.add(member)
                        grew = True
        self.below_cache[term] = found
        return found

    def of(self, *schemes):
        return [
            (j, *a) for j, a in enumerate(self.asked) if self.scheme[a[0]] in schemes
        ]

    def leaf_of(self, term):
        s = self.scheme[term]
        return {
            "condition": "condition",
            "therapeutic_area": "condition",
            "phase": "phase",
            "modality": "modality_population",
            "population": "modality_population",
            "country": "countries",
            "region": "countries",
            "regulator": "regulators",
            "technology": "technology",
            "dct_level": "technology",
            "certification": "certificates",
        }.get(s, "services")

    def in_leaf(self, leaf):
        return [(j, *a) for j, a in enumerate(self.asked) if self.leaf_of(a[0]) == leaf]

    # section 2

    def half_width(self, claim):
        age = max(0, self.need.as_of - claim["observed"]) / YEAR
        h0 = HALF[claim["tier"]]
        return h0 + (0.5 - h0) * (1 - 2 ** (-age / 4))

    def interval_of(self, claim):
        m = MIDDLE[claim["delivery"]] if claim["yes"] else 0.0
        h = self.half_width(claim)
        return max(0.0, m - h), m, min(1.0, m + h)

    def live(self, cro):
        return [c for c in self.claims[cro] if c["expires"] >= self.need.as_of]

    def resolve(self, claims):
        """One interval of claims without scope; (interval, has a yes in it)."""
        best = min(c["tier"] for c in claims)
        claims = [c for c in claims if c["tier"] == best]
        intervals = []
        for answer in (True, False):
            same = [c for c in claims if c["yes"] is answer]
            if same:
                newest = max(c["observed"] for c in same)
                same = [c for c in same if c["observed"] == newest]
                intervals.append(max(self.interval_of(c) for c in same))
        if len(intervals) == 1:
            return intervals[0], claims[0]["yes"]
        low = min(i[0] for i in intervals)
        high = max(i[2] for i in intervals)
        return (low, (low + high) / 2, high), True

    def scope_holds(self, claim):
        if claim["country"] >= 0:
            asked = [a[1] for a in self.of("country", "region")]
            place = claim["country"]
            at_or_under = any(place in self.below(a) for a in asked)
            above = self.scheme[place] == "region" and any(
                a in self.below(place) for a in asked
            )
            if not (at_or_under or above):
                return False
        if claim["area"] >= 0:
            asked = [a[1] for a in self.of("condition", "therapeutic_area")]
            area = claim["area"]
            if not any(area in self.below(a) or a in self.below(area) for a in asked):
                return False
        return True

    def known(self, cro, term):
        """The interval of section 2, or None when nothing is known."""
        narrower = self.below(term)
        is_place = self.scheme[term] in ("country", "region")
        groups, scoped = {}, []
        for c in self.live(cro):
            if not (c["term"] in narrower if c["yes"] else c["term"] == term):
                continue
            if c["country"] >= 0 or c["area"] >= 0:
                if c["yes"] and self.scope_holds(c):
                    scoped.append(self.interval_of(c))
                continue
            aspect = (
                c["aspect"] if is_place and self.scheme[c["term"]] == "country" else 0
            )
            groups.setdefault(aspect, []).append(c)
        intervals = []
        for aspect, claims in groups.items():
            interval, has_yes = self.resolve(claims)
            if aspect == 0 or has_yes:
                intervals.append(interval)
        result = None
        if intervals:
            result = tuple(max(i[e] for i in intervals) for e in range(3))
        elif (cro, self.scheme[term]) in self.complete:
            result = (0.0, 0.0, 0.1)
        if scoped:
            base = [result or UNKNOWN, *scoped]
            result = tuple(max(i[e] for i in base) for e in range(3))
        return result

    # trials

    def started(self, trial):
        return trial["start"] != NEVER and trial["start"] <= self.start

    def undated(self, trial):
        return trial["start"] == NEVER

    def decay(self, trial):
        return 2 ** (-((self.start - trial["start"]) / YEAR) / 6)

    def closeness_of_terms(self, trial_term, asked_term):
        best = 1.0 if trial_term == asked_term else 0.0
        for a in self.trees[asked_term]:
            for t in self.trees[trial_term]:
                rel = 0.0
                if t[0] == a[0]:
                    rel = 0.1
                if len(a) > 1 and len(t) > 1 and t[:2] == a[:2]:
                    rel = 0.25
                if len(a) > 1 and t == a[:-1]:
                    rel = 0.5
                if len(a) > 1 and len(t) == len(a) and t[:-1] == a[:-1]:
                    rel = 0.5
                if t[: len(a)] == a:
                    rel = 1.0
                best = max(best, rel)
        return best

    def closeness(self, trial, asked_terms):
        return max(
            (
                self.closeness_of_terms(t, a)
                for t in trial["conditions"]
                for a in asked_terms
            ),
            default=0.0,
        )

    def sat(self, n, need):
        return min(1.0, math.log(1 + n) / math.log(1 + need))

    def conditions(self):
        named = [a[1] for a in self.of("condition")]
        return named or [a[1] for a in self.of("therapeutic_area")]

    def countries_of(self, term):
        if self.scheme[term] in ("country", "region"):
            return self.below(term)
        found = set()
        for a, b in self.links:
            for regulator, place in ((a, b), (b, a)):
                if regulator == term and self.scheme[place] in ("country", "region"):
                    found |= self.below(place)
        return found

    # leaves

    def experience(self, cro, rel, need, claimed):
        n_eff = sum(rel(t) * self.decay(t) for t in self.trials[cro] if self.started(t))
        open_ = sum(rel(t) for t in self.trials[cro] if self.undated(t))
        return (
            self.sat(n_eff, need),
            self.sat(n_eff + 1, need),
            self.sat(n_eff + 2 + claimed + open_, need),
        )

    def leaf_condition(self, cro):
        asked = self.conditions()
        claimed = 0.0
        for a in asked:
            narrower = self.below(a)
            registered = sum(
                1
                for t in self.trials[cro]
                if any(self.closeness_of_terms(x, a) == 1 for x in t["conditions"])
            )
            for c in self.live(cro):
                if (
                    c["yes"]
                    and c["term"] in narrower
                    and c["country"] < 0
                    and c["area"] < 0
                    and not math.isnan(c["value"])
                ):
                    claimed = max(claimed, c["value"] - registered)
        need = 5 if self.need.is_rare else 10
        return self.experience(cro, lambda t: self.closeness(t, asked), need, claimed)

    def in_phase(self, trial, phases):
        asked = self.conditions()
        return any(trial["phase"] in self.below(p) for p in phases) and (
            not asked or self.closeness(trial, asked) > 0
        )

    def leaf_phase(self, cro):
        phases = [a[1] for a in self.of("phase")]
        return self.experience(
            cro, lambda t: 1.0 if self.in_phase(t, phases) else 0.0, 10, 0
        )

    def coverage(self, cro, leaf):
        rows = self.in_leaf(leaf)
        total = sum(POINTS[imp] for _, _, imp, _ in rows)
        return tuple(
            sum(
                POINTS[imp] * (self.known(cro, term) or UNKNOWN)[e]
                for _, term, imp, _ in rows
            )
            / total
            for e in range(3)
        )

    def presence(self, cro, term, need):
        there = self.countries_of(term)
        dated = sum(
            1 for t in self.trials[cro] if self.started(t) and t["countries"] & there
        )
        undated = sum(
            1 for t in self.trials[cro] if self.undated(t) and t["countries"] & there
        )
        claim = self.known(cro, term) or UNKNOWN
        shown = self.sat(dated, need)
        return (
            max(claim[0], shown),
            max(claim[1], shown),
            max(claim[2], self.sat(dated + undated, need)),
        )

    def leaf_countries(self, cro):
        rows = self.in_leaf("countries")
        given = [s for *_, s in rows if not math.isnan(s)]
        open_ = len(rows) - len(given)
        rest = max(0.0, 1 - sum(given))
        shares = [rest / open_ if math.isnan(s) else s for *_, s in rows]
        if sum(shares) == 0:
            shares = [1.0] * len(rows)
        shares = [s / sum(shares) for s in shares]
        parts = [self.presence(cro, term, 2) for _, term, _, _ in rows]
        return tuple(
            sum(s * p[e] for s, p in zip(shares, parts, strict=True)) for e in range(3)
        )

    def leaf_regulators(self, cro):
        rows = self.in_leaf("regulators")
        total = sum(POINTS[imp] for _, _, imp, _ in rows)
        parts = [
            (POINTS[imp] / total, self.presence(cro, t, 5)) for _, t, imp, _ in rows
        ]
        return tuple(sum(w * p[e] for w, p in parts) for e in range(3))

    def metric(self, cro, code):
        found = [
            c
            for c in self.live(cro)
            if self.scheme[c["term"]] == "metric"
            and self.code[c["term"]] == code
            and c["yes"]
            and not math.isnan(c["value"])
            and c["country"] < 0
            and c["area"] < 0
        ]
        if not found:
            return None
        claim = min(found, key=lambda c: (c["tier"], -c["observed"], c["value"]))
        return claim["value"], self.half_width(claim)

    def stated_rate(self, cro, successes, total, p0):
        s, n = self.metric(cro, successes), self.metric(cro, total)
        if s is None or n is None or n[0] <= 0:
            return UNKNOWN
        return shrunk(min(max(s[0], 0.0), n[0]), n[0], p0)

    def leaf_delivery_record(self, cro):
        return self.stated_rate(cro, "milestones-on-time", "milestones-due", 0.7)

    def leaf_inspections(self, cro):
        return self.stated_rate(cro, "inspections-no-action", "inspections-total", 0.7)

    def on_scale(self, cro, code, formula):
        stated = self.metric(cro, code)
        if stated is None:
            return UNKNOWN
        v = min(1.0, max(0.0, formula(stated[0])))
        return max(0.0, v - stated[1]), v, min(1.0, v + stated[1])

    def leaf_team_qualification(self, cro):
        a = self.on_scale(cro, "pm-certified-share", lambda x: x)
        b = self.on_scale(cro, "pm-experience-years", lambda x: x / 10)
        return tuple((x + y) / 2 for x, y in zip(a, b, strict=True))

    def leaf_continuity(self, cro):
        return self.on_scale(cro, "staff-turnover", lambda x: (0.40 - x) / 0.35)

    def largest(self, cro, value, scale):
        dated = [value(t) for t in self.trials[cro] if self.started(t)]
        dated = [x for x in dated if x > 0]
        if not dated:
            return UNKNOWN
        every = dated + [
            value(t) for t in self.trials[cro] if self.undated(t) and value(t) > 0
        ]
        return scale(max(dated)), scale(max(dated)), scale(max(every))

    def leaf_span(self, cro):
        asked = len(self.in_leaf("countries"))
        return self.largest(
            cro, lambda t: t["n_countries"], lambda n: min(1.0, n / asked)
        )

    def staff_needed(self):
        staff = self.need.staff_needed
        if math.isnan(staff):
            countries = len(self.in_leaf("countries"))
            if math.isnan(self.need.n_sites) and not countries:
                return None
            sites = 0 if math.isnan(self.need.n_sites) else self.need.n_sites
            staff = 2 + sites / 7 + countries / 2
        return staff + self.need.further_studies * 0.5 * staff

    def leaf_capacity(self, cro):
        needed = self.staff_needed()
        return self.on_scale(cro, "free-capacity-fte", lambda x: x / needed)

    def leaf_size_proven(self, cro):
        parts = []
        for name, asked in (
            ("participants", self.need.participants),
            ("sites", self.need.n_sites),
        ):
            if asked > 0:
                parts.append(
                    self.largest(
                        cro,
                        lambda t, name=name: 0.0 if math.isnan(t[name]) else t[name],
                        lambda n, asked=asked: self.sat(n, asked),
                    )
                )
        return tuple(sum(p[e] for p in parts) / len(parts) for e in range(3))

    def leaf_repeat_sponsors(self, cro):
        starts = {}
        for t in self.trials[cro]:
            if self.started(t) and t["sponsor"] >= 0:
                starts.setdefault(t["sponsor"], set()).add(t["start"])
        if not starts:
            return UNKNOWN
        again = sum(1 for s in starts.values() if len(s) > 1)
        return shrunk(float(again), float(len(starts)), 0.4)

    def leaf_sponsor_size(self, cro):
        sizes = [t["size"] for t in self.trials[cro] if self.started(t) and t["size"]]
        if not sizes:
            return UNKNOWN
        same = float(sizes.count(self.need.sponsor_size))
        p0 = self.size_shares[self.need.sponsor_size]
        return tuple(min(1.0, x / 0.5) for x in shrunk(same, float(len(sizes)), p0))

    def leaf(self, cro, name):
        if name in ("modality_population", "services", "technology", "certificates"):
            return self.coverage(cro, name)
        return getattr(self, f"leaf_{name}")(cro)

    def is_asked(self, name):
        if name in (
            "delivery_record",
            "team_qualification",
            "continuity",
            "repeat_sponsors",
            "inspections",
        ):
            return True
        if name == "span":
            return bool(self.in_leaf("countries"))
        if name == "capacity":
            return self.staff_needed() is not None
        if name == "size_proven":
            return self.need.participants > 0 or self.need.n_sites > 0
        if name == "sponsor_size":
            return self.need.sponsor_size > 0
        return bool(self.in_leaf(name))

    # sections 3 and 5

    def weights(self):
        kept = []
        for criterion, inside in TREE:
            inside = [(n, w) for n, w in inside if self.is_asked(n)]
            if inside:
                kept.append((self.need.weights.get(criterion, 0.0), inside))
        total = sum(w for w, _ in kept)
        return [
            (name, big / total * w / sum(x for _, x in inside))
            for big, inside in kept
            for name, w in inside
        ]

    def gate(self, cro, term):
        started = [t for t in self.trials[cro] if self.started(t)]
        scheme = self.scheme[term]
        if scheme in ("country", "region"):
            there = self.countries_of(term)
            shown = any(t["countries"] & there for t in started)
        elif scheme == "phase":
            shown = any(self.in_phase(t, [term]) for t in started)
        elif scheme in ("condition", "therapeutic_area"):
            shown = any(self.closeness(t, [term]) >= 0.5 for t in started)
        else:
            shown = False
        if shown:
            return "pass"
        known = self.known(cro, term)
        if known is None or known[2] - known[0] >= 0.5 - 1e-9:
            return "unknown"
        return "pass" if known[1] >= 0.5 else "fail"

    def rank(self):
        weights = self.weights()
        rows = []
        for cro in range(self.n_cros):
            leaves = [self.leaf(cro, name) for name, _ in weights]
            ends = [
                sum(w * leaf[e] for (_, w), leaf in zip(weights, leaves, strict=True))
                for e in range(3)
            ]
            evidence = sum(
                w
                for (_, w), leaf in zip(weights, leaves, strict=True)
                if leaf[2] - leaf[0] < 0.5 - 1e-9
            )
            gates = {
                j: self.gate(cro, term)
                for j, (term, importance, _) in enumerate(self.asked)
                if importance == 0
            }
            counted = [s for j, s in gates.items() if j not in self.need.waived]
            fails = counted.count("fail")
            if fails > 1:
                group = 3
            elif fails == 1:
                group = 2
            else:
                group = 1 if "unknown" in counted else 0
            rows.append(
                {
                    "cro": cro,
                    "leaves": leaves,
                    "low": ends[0],
                    "score": ends[1],
                    "high": ends[2],
                    "evidence": evidence,
                    "gates": gates,
                    "group": group,
                }
            )
        return weights, rows


def shrunk(s, n, p0):
    value = (s + 10 * p0) / (n + 10)
    low, high = central(s + 10 * p0, n - s + 10 * (1 - p0))
    return min(low, value), value, max(high, value)


@cache
def central(a, b):
    if a <= 0:
        return 0.0, 0.0
    if b <= 0:
        return 1.0, 1.0
    return quantile(0.1, a, b), quantile(0.9, a, b)


def quantile(q, a, b):
    low, high = 0.0, 1.0
    for _ in range(60):
        x = (low + high) / 2
        if cdf(x, a, b) < q:
            low = x
        else:
            high = x
    return (low + high) / 2


def cdf(x, a, b):
    """The incomplete beta function by its power series in x (all terms positive)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - cdf(1 - x, b, a)
    front = math.exp(
        a * math.log(x)
        + b * math.log1p(-x)
        + math.lgamma(a + b)
        - math.lgamma(a + 1)
        - math.lgamma(b)
    )
    term, total, n = 1.0, 1.0, 0
    while term > 1e-17 * total:
        term *= (a + b + n) / (a + 1 + n) * x
        total += term
        n += 1
    return front * total
