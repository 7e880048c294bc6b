"""Small catalogues written by hand: only what a test is about is said."""

from dataclasses import replace

import numpy as np

from bench.catalogues import DEFAULT_WEIGHTS
from matching.engine.inputs import (
    NO_DAY,
    Catalogue,
    Claims,
    Need,
    Requirements,
    Terms,
    Trials,
)

TODAY = 20_000
NAN = float("nan")

VOCABULARY = [  # scheme, code, parent, tree numbers
    ("condition", "neoplasms", None, ["C04"]),
    ("condition", "by-site", None, ["C04.588"]),
    ("condition", "breast", None, ["C04.588.180", "C17.800.090"]),
    ("condition", "male-breast", None, ["C04.588.180.260"]),
    ("condition", "lung", None, ["C04.588.894"]),
    ("condition", "lung-small", None, ["C04.588.894.797"]),
    ("condition", "by-type", None, ["C04.557"]),
    ("condition", "melanoma", None, ["C04.557.465"]),
    ("condition", "asthma", None, ["C08.127.108"]),
    ("therapeutic_area", "c04", None, ["C04"]),
    ("phase", "phase-2", None, []),
    ("phase", "phase-2a", "phase-2", []),
    ("phase", "phase-3", None, []),
    ("country", "pl", None, []),
    ("country", "de", None, []),
    ("country", "us", None, []),
    ("region", "eu", None, []),
    ("regulator", "fda", None, []),
    ("service", "monitoring", None, []),
    ("service", "remote-monitoring", "monitoring", []),
    ("service", "writing", None, []),
    ("technology", "ctms", None, []),
    ("metric", "milestones-due", None, []),
    ("metric", "milestones-on-time", None, []),
    ("metric", "pm-certified-share", None, []),
    ("metric", "pm-experience-years", None, []),
    ("metric", "staff-turnover", None, []),
    ("metric", "free-capacity-fte", None, []),
    ("metric", "inspections-total", None, []),
    ("metric", "inspections-no-action", None, []),
]
LINKS = [("pl", "eu"), ("de", "eu"), ("us", "fda")]
INDEX = {code: i for i, (_, code, _, _) in enumerate(VOCABULARY)}


def terms():
    return Terms(
        scheme=tuple(row[0] for row in VOCABULARY),
        code=tuple(row[1] for row in VOCABULARY),
        label=tuple(row[1] for row in VOCABULARY),
        parent=np.array([INDEX.get(row[2], -1) for row in VOCABULARY], np.int32),
        tree_term=np.array(
            [i for i, row in enumerate(VOCABULARY) for _ in row[3]], np.int32
        ),
        tree_number=tuple(n for row in VOCABULARY for n in row[3]),
        member_term=np.array([INDEX[a] for a, _ in LINKS], np.int32),
        wider_term=np.array([INDEX[b] for _, b in LINKS], np.int32),
    )


def claim(code, cro=0, **more):
    row = {
        "cro": cro,
        "term": INDEX[code],
        "answer": True,
        "aspect": 0,
        "country": -1,
        "area": -1,
        "delivery": 0,
        "value": NAN,
        "tier": 3,
        "observed": TODAY,
        "expires": NO_DAY,
    } | more
    if not row["answer"]:
        row["delivery"] = -1
    return row


def trial(cro=0, **more):
    return {
        "cro": cro,
        "start": TODAY,
        "phase": "",
        "participants": NAN,
        "sites": NAN,
        "n_countries": 0,
        "sponsor": -1,
        "size": 0,
        "conditions": [],
        "countries": [],
    } | more


def catalogue(claims=(), trials=(), n_cros=1, complete=()):
    def column(rows, name, dtype):
        return np.array([row[name] for row in rows], dtype)

    def csr(name):
        lists = [[INDEX[code] for code in t[name]] for t in trials]
        at = np.concatenate(([0], np.cumsum([len(x) for x in lists]))).astype(np.int64)
        return at, np.array([t for x in lists for t in x], np.int32)

    condition_at, condition_term = csr("conditions")
    country_at, country_term = csr("countries")
    return Catalogue(
        n_cros=n_cros,
        cro_id=np.arange(1, n_cros + 1, dtype=np.int64),
        cro_name=tuple(f"CRO {i}" for i in range(n_cros)),
        terms=terms(),
        claims=Claims(
            cro=column(claims, "cro", np.int32),
            term=column(claims, "term", np.int32),
            answer=column(claims, "answer", bool),
            aspect=column(claims, "aspect", np.int8),
            country=column(claims, "country", np.int32),
            area=column(claims, "area", np.int32),
            delivery=column(claims, "delivery", np.int8),
            value=column(claims, "value", np.float64),
            tier=column(claims, "tier", np.int8),
            observed=column(claims, "observed", np.int32),
            expires=column(claims, "expires", np.int32),
            id=np.arange(1, len(claims) + 1, dtype=np.int64),
        ),
        trials=Trials(
            start=column(trials, "start", np.int32),
            phase=np.array([INDEX.get(t["phase"], -1) for t in trials], np.int32),
            participants=column(trials, "participants", np.float64),
            n_sites=column(trials, "sites", np.float64),
            n_countries=column(trials, "n_countries", np.int32),
            sponsor=column(trials, "sponsor", np.int32),
            sponsor_size=column(trials, "size", np.int8),
            condition_at=condition_at,
            condition_term=condition_term,
            country_at=country_at,
            country_term=country_term,
            id=np.arange(1, len(trials) + 1, dtype=np.int64),
        ),
        role_cro=column(trials, "cro", np.int32),
        role_trial=np.arange(len(trials), dtype=np.int32),
        complete_cro=np.array([c for c, _ in complete], np.int32),
        complete_scheme=tuple(s for _, s in complete),
        size_class_shares=np.array([0.0, 0.5, 0.3, 0.2]),
    )


def need(*wanted, **scalars):
    """A study; each requirement is a code, or (code, importance[, share])."""
    rows = [(w, 1) if isinstance(w, str) else w for w in wanted]
    rows = [(*row, NAN)[:3] for row in rows]
    base = Need(
        requirements=Requirements(
            term=np.array([INDEX[row[0]] for row in rows], np.int32),
            importance=np.array([row[1] for row in rows], np.int8),
            share=np.array([row[2] for row in rows], np.float64),
        ),
        weights=dict(DEFAULT_WEIGHTS),
        as_of=TODAY,
        start=NO_DAY,
        participants=NAN,
        n_sites=NAN,
        is_rare=False,
        further_studies=0,
        staff_needed=NAN,
        sponsor_size=0,
    )
    return replace(base, **scalars)
