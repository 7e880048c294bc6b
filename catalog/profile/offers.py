"""The tabs Services, Technology and the certificates of Quality."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.choices import Delivery
from catalog.models import Term
from catalog.profile.facts import ClaimLine, Dossier


@dataclass(frozen=True)
class Offer:
    """A term and what is claimed on it, by who delivers; `no` are the denials."""

    term: Term
    own: Sequence[ClaimLine]
    affiliate: Sequence[ClaimLine]
    partner: Sequence[ClaimLine]
    no: Sequence[ClaimLine]

    @property
    def lines(self) -> Sequence[ClaimLine]:
        return [*self.own, *self.affiliate, *self.partner, *self.no]


@dataclass(frozen=True)
class Group:
    """Offers under one heading; `unknown` are its terms of which nothing is said."""

    heading: str
    offers: Sequence[Offer]
    unknown: Sequence[Term]


@dataclass(frozen=True)
class Offers:
    groups: Sequence[Group]
    is_complete: bool
    n_known: int
    n_terms: int
    by_delivery: Sequence[tuple[str, int]]


def offers(dossier: Dossier, scheme: str) -> Offers:
    """Gather the claims on a list under its headings: one query."""
    lines: dict[int, list[ClaimLine]] = defaultdict(list)
    for line in dossier.of(scheme):
        lines[line.claim.term_id].append(line)
    is_complete = scheme in dossier.complete
    terms = list(Term.objects.of(scheme).select_related("parent"))
    parents = {term.parent_id for term in terms}
    by_heading: dict[str, tuple[list[Offer], list[Term]]] = {}
    n_terms = n_known = 0
    for term in terms:
        is_heading = term.pk in parents
        heading = term.parent or (term if is_heading else None)
        name = heading.label if heading else "Others"
        found, unknown = by_heading.setdefault(name, ([], []))
        n_terms += not is_heading
        if term.pk in lines:
            found.append(_offer(term, lines[term.pk]))
            n_known += not is_heading
        elif not is_heading and not is_complete and term.deprecated_on is None:
            unknown.append(term)
    yes = dossier.yes(scheme)
    return Offers(
        groups=[
            Group(heading, found, unknown)
            for heading, (found, unknown) in by_heading.items()
            if found or unknown
        ],
        is_complete=is_complete,
        n_known=n_terms if is_complete else n_known,
        n_terms=n_terms,
        by_delivery=[
            (
                str(delivery.label),
                len({x.claim.term_id for x in yes if x.claim.delivery == delivery}),
            )
            for delivery in Delivery
        ],
    )


def _offer(term: Term, lines: Sequence[ClaimLine]) -> Offer:
    def by(delivery: str) -> list[ClaimLine]:
        return [line for line in lines if line.claim.delivery == delivery]

    return Offer(
        term=term,
        own=by(Delivery.OWN),
        affiliate=by(Delivery.AFFILIATE),
        partner=by(Delivery.PARTNER),
        no=by(""),
    )
