"""Which CROs are like this one, in words."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog import snapshot
from catalog.index import peers
from catalog.index.similar import Likeness, similar
from catalog.models import CRO, Term
from catalog.profile.facts import Dossier
from cro_portal.common.cache import remember

SHOWN = 4
EPOCH = dt.date(1970, 1, 1)
NAMED = 3
"""Terms of a list that are named; the others are counted."""
NOUNS = {
    "therapeutic_area": ("area", "areas"),
    "service": ("service", "services"),
    "country": ("country", "countries"),
}


@dataclass(frozen=True)
class Similar:
    cro: CRO
    reasons: Sequence[str]


def similar_cros(dossier: Dossier) -> list[Similar]:
    """Find the CROs most like this one: four queries, and the snapshot's."""
    held = snapshot.current()
    on = (dossier.on - EPOCH).days
    found = remember(
        f"similar:{held.version}:{held.vocabulary_version}:{dossier.cro.pk}:{on}",
        lambda: _likenesses(held, dossier.cro.pk, on),
        seconds=3600,
    )
    cros = CRO.objects.listed().in_bulk([likeness.cro for likeness in found])
    labels = dict(
        Term.objects.filter(
            pk__in={t for x in found for terms in x.shared.values() for t in terms}
        ).values_list("pk", "label")
    )
    return [
        Similar(cros[likeness.cro], _reasons(likeness, labels))
        for likeness in found
        if likeness.cro in cros
    ]


def _likenesses(held: snapshot.Snapshot, cro: int, on: int) -> list[Likeness]:
    terms = held.vocabulary.terms
    headcount = terms.id[(terms.scheme == "metric") & (terms.code == "headcount-fte")]
    staff = peers.best_values(
        held.arrays.claims, term=int(headcount.max(initial=0)), on=on
    )
    return similar(held.arrays, held.vocabulary, cro, staff, on=on, n=SHOWN)


def _reasons(likeness: Likeness, labels: Mapping[int, str]) -> list[str]:
    """Say what is shared: "12 services: Monitoring, Data management and 10 more"."""
    reasons = []
    for scheme, terms in likeness.shared.items():
        names = [labels[term] for term in terms if term in labels]
        if names:
            one, many = NOUNS[scheme]
            noun = one if len(names) == 1 else many
            more = len(names) - NAMED
            rest = f" and {more} more" if more > 0 else ""
            reasons.append(f"{len(names)} {noun}: {', '.join(names[:NAMED])}{rest}")
    if likeness.staff is not None:
        reasons.append(f"{likeness.staff:,.0f} people")
    return reasons
