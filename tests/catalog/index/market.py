"""Small random catalogues in the database, with every state a fact can be in."""

import datetime as dt
import random

from catalog.choices import AliasKind, ClaimStatus, CROStatus, RoleKind
from catalog.models import (
    CRO,
    Alias,
    Claim,
    CompleteList,
    Scheme,
    Source,
    Term,
    Trial,
    TrialCondition,
    TrialCountry,
    TrialRole,
)

TODAY = dt.date(2026, 9, 1)

# scheme, code, parent, tree numbers, broader
TERMS = (
    ("therapeutic_area", "c04", None, ["C04"], ()),
    ("therapeutic_area", "c10", None, ["C10"], ()),
    ("therapeutic_area", "rare-diseases", None, [], ()),
    ("condition", "neoplasms", None, ["C04"], ()),
    ("condition", "brain-neoplasms", None, ["C04.588.614", "C10.228.140"], ()),
    ("condition", "glioma", None, ["C04.588.614.250"], ()),
    ("condition", "epilepsy", None, ["C10.228"], ()),
    ("phase", "phase-2", None, [], ()),
    ("phase", "phase-2a", "phase-2", [], ()),
    ("phase", "phase-3", None, [], ()),
    ("region", "europe", None, [], ()),
    ("region", "eastern-europe", "europe", [], ()),
    ("country", "pl", None, [], ("eastern-europe",)),
    ("country", "es", None, [], ("europe",)),
    ("country", "us", None, [], ()),
    ("regulator", "ema", None, [], ("europe",)),
    ("service", "operations", None, [], ()),
    ("service", "monitoring", "operations", [], ()),
    ("service", "biostatistics", None, [], ()),
    ("technology", "edc", None, [], ()),
    ("technology", "ecoa", "edc", [], ()),
    ("modality", "vaccine", None, [], ()),
    ("population", "adult", None, [], ()),
    ("cro_type", "regional", None, [], ()),
    ("certification", "iso-9001", None, [], ()),
    ("engagement", "full-service", None, [], ()),
    ("metric", "headcount-fte", None, [], ()),
)


def store_terms() -> dict[str, Term]:
    made: dict[str, Term] = {}
    for scheme, code, parent, trees, broader in TERMS:
        list_, _ = Scheme.objects.get_or_create(code=scheme, defaults={"label": scheme})
        made[code] = Term.objects.create(
            scheme=list_,
            code=code,
            label=code.replace("-", " ").capitalize(),
            parent=made.get(parent),
            tree_numbers=trees,
        )
        made[code].broader.set([made[wider] for wider in broader])
    return made


def store_cros(chance: random.Random, terms: dict[str, Term], n: int) -> list[CRO]:
    """Make CROs of which much is claimed, contested, out of date or not known."""
    first = CRO.objects.count()
    cros = CRO.objects.bulk_create(
        CRO(
            name=chance.choice(["Acme", "acme", "Zeta", "Élan", "Óbuda"])
            + f" {chance.randrange(4)}",
            slug=f"cro-{first + i}",
            status=chance.choice([*3 * [CROStatus.LISTED], CROStatus.DRAFT]),
        )
        for i in range(n)
    )
    for cro in cros:
        store_facts(chance, terms, cro)
    return cros


def store_facts(chance: random.Random, terms: dict[str, Term], cro: CRO) -> None:
    """Give one CRO claims, trials, complete lists and a former name by chance."""
    source, _ = Source.objects.get_or_create(kind="document", title="A document")
    claimed = [term for term in terms.values() if term.scheme_id != "metric"]
    claims = [
        _claim(chance, terms, cro, chance.choice(claimed), source)
        for _ in range(chance.randrange(14))
    ]
    for _ in range(chance.randrange(3)):
        claim = _claim(chance, terms, cro, terms["headcount-fte"], source)
        claim.value = chance.choice([None, 20, 49.5, 50, 499, 500, 5000])
        if not claim.answer:
            claim.value = None
        claims.append(claim)
    Claim.objects.bulk_create(claims, ignore_conflicts=True)
    for scheme in ("service", "technology", "country", "condition"):
        if chance.random() < 0.25:
            CompleteList.objects.create(
                cro=cro, scheme_id=scheme, declared_on=dt.date(2026, 1, 1)
            )
    if chance.random() < 0.3:
        Alias.objects.create(cro=cro, name="Former Acme", kind=AliasKind.FORMER)
    for i in range(chance.randrange(3)):
        trial = Trial.objects.create(
            register="demo",
            registry_id=f"DEMO-{cro.pk}-{cro.catalog_version}-{i}-{chance.random()}",
            phase=chance.choice(
                [None, terms["phase-2"], terms["phase-2a"], terms["phase-3"]]
            ),
        )
        for code in chance.sample(["neoplasms", "glioma", "epilepsy"], 2):
            TrialCondition.objects.create(trial=trial, term=terms[code])
        TrialCountry.objects.create(
            trial=trial, country=terms[chance.choice(["pl", "es", "us"])]
        )
        for kind in chance.sample(
            [RoleKind.LEAD, RoleKind.COLLABORATOR, RoleKind.FACILITY], 2
        ):
            TrialRole.objects.create(trial=trial, cro=cro, kind=kind)


def _claim(chance, terms, cro, term, source):
    answer = chance.random() < 0.7
    days = chance.choice([0, 1, 200, 365, 366, 730, 731, 900])
    observed = TODAY - dt.timedelta(days=days)
    expires = chance.choice([None, None, TODAY, TODAY - dt.timedelta(days=1)])
    is_scoped = chance.random() < 0.2
    by_country = chance.random() < 0.5
    return Claim(
        cro=cro,
        term=term,
        answer=answer,
        aspect=chance.choice(["", "", "staff", "headquarters"])
        if term.scheme_id == "country"
        else "",
        country=terms["pl"] if is_scoped and by_country else None,
        area=terms["c04"] if is_scoped and not by_country else None,
        delivery=chance.choice(["own", "affiliate", "partner"]) if answer else "",
        tier=chance.randrange(1, 6),
        source=source,
        observed_on=observed,
        expires_on=None if expires is None else max(expires, observed),
        status=chance.choice([*5 * [ClaimStatus.ACCEPTED], ClaimStatus.PROPOSED]),
    )
