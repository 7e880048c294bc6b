"""Names that an import could not settle, and what curators decide on them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from catalog.choices import AliasKind, MatchDecision
from catalog.identity import Mention, Proposal, Resolution, core_name, plain_domain
from catalog.models import CRO, Alias, OrganizationMatch
from catalog.services.claims import announce_change
from catalog.services.state import raise_catalog_version
from cro_portal.accounts.models import User

MAX_EXAMPLES = 5
BATCH = 500

UPSERT_SEEN = """
    UPDATE catalog_organizationmatch AS kept
       SET n_trials = greatest(kept.n_trials, new.n_trials), updated_at = now()
      FROM unnest(%(keys)s::text[], %(domains)s::text[], %(counts)s::int[])
           AS new (key, domain, n_trials)
     WHERE kept.key = new.key AND kept.domain = new.domain
       AND kept.n_trials < new.n_trials
"""


@dataclass(frozen=True, slots=True)
class UnsureMention:
    """A name the resolver was unsure of, in how many trials, with a few of them."""

    mention: Mention
    resolution: Resolution
    n_trials: int = 1
    examples: tuple[str, ...] = ()  # registry numbers


@transaction.atomic
def note_unsure(mentions: Iterable[UnsureMention]) -> int:
    """Put names into the curators' queue and return how many are new there.

    Mentions of one name and domain are one row, with their trials added up. A
    name that is there already keeps its decision; its number of trials only rises,
    so the same import twice changes nothing. What cannot be told apart from
    nothing (no name and no domain) is left out.
    """
    rows: dict[tuple[str, str], OrganizationMatch] = {}
    for unsure in mentions:
        key = core_name(unsure.mention.name)[:400]
        domain = plain_domain(unsure.mention.domain)
        if not key and not domain:
            continue
        row = rows.get((key, domain))
        if row is not None:
            row.n_trials += unsure.n_trials
            row.examples = _some(row.examples, unsure.examples)
            continue
        rows[key, domain] = OrganizationMatch(
            key=key,
            domain=domain,
            name_as_written=unsure.mention.name.replace("\0", "").strip()[:400],
            n_trials=unsure.n_trials,
            examples=_some((), unsure.examples),
            proposals=[
                {"organization": found.organization, "certainty": found.certainty}
                for found in _best_first(unsure.resolution)
            ],
            reasons=list(unsure.resolution.reasons),
        )
    best = {
        names: row.proposals[0]["organization"]
        for names, row in rows.items()
        if row.proposals
    }
    cros = {cro.slug: cro for cro in CRO.objects.filter(slug__in={*best.values()})}
    for names, slug in best.items():
        rows[names].likeliest = cros.get(slug)
    n_before = OrganizationMatch.objects.count()
    OrganizationMatch.objects.bulk_create(
        rows.values(), batch_size=BATCH, ignore_conflicts=True
    )
    with connection.cursor() as cursor:
        cursor.execute(
            UPSERT_SEEN,
            {
                "keys": [row.key for row in rows.values()],
                "domains": [row.domain for row in rows.values()],
                "counts": [row.n_trials for row in rows.values()],
            },
        )
    return OrganizationMatch.objects.count() - n_before


@transaction.atomic
def accept_match(
    *, match: OrganizationMatch, by: User, cro: CRO | None = None
) -> OrganizationMatch:
    """Say that a name is an organization: the likeliest, or the `cro` given.

    The name becomes an alias of it (the domain, where there is no name), so later
    imports are sure.

    Raises
    ------
    ValidationError
        When it is decided already, or nobody was proposed and no `cro` given.
    """
    match = _open(match)
    chosen = cro or match.likeliest
    if chosen is None:
        raise ValidationError("Nobody is proposed for it: say which CRO it is.")
    is_proposed = chosen == match.likeliest
    _decide(match, MatchDecision.SAME if is_proposed else MatchDecision.OTHER, by)
    match.cro = chosen
    match.full_clean()
    match.save()
    name, kind = match.name_as_written, AliasKind.BRAND
    if not name:
        name, kind = match.domain, AliasKind.DOMAIN
    Alias.objects.get_or_create(cro=chosen, kind=kind, name=name[:200])
    announce_change([chosen.pk])
    return match


@transaction.atomic
def reject_match(*, match: OrganizationMatch, by: User) -> OrganizationMatch:
    """Say that a name is nobody of the directory; later imports pass it over.

    Raises
    ------
    ValidationError
        When it is decided already.
    """
    match = _open(match)
    _decide(match, MatchDecision.NONE, by)
    match.full_clean()
    match.save()
    raise_catalog_version()
    return match


def _best_first(found: Resolution) -> list[Proposal]:
    """Put whom the resolver chose, by day or country, before who is as certain."""
    return sorted(found.proposals, key=lambda p: p.organization != found.organization)


def _open(match: OrganizationMatch) -> OrganizationMatch:
    """Lock the row; whoever comes second is told what was decided."""
    locked = OrganizationMatch.objects.select_for_update(of=("self",), no_key=True).get(
        pk=match.pk
    )
    if locked.decision != MatchDecision.OPEN:
        raise ValidationError(
            f"It is decided already: {locked.get_decision_display().lower()}."
        )
    return locked


def _decide(match: OrganizationMatch, decision: MatchDecision, by: User) -> None:
    match.decision, match.decided_by = decision, by
    match.decided_at = timezone.now()


def _some(kept: Iterable[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*kept, *more]))[:MAX_EXAMPLES]
