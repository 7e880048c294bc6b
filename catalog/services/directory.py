"""The directory of real organizations, and the resolver over it."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from catalog.choices import AliasKind, Aspect, SourceKind
from catalog.identity import Name, OrganizationEntry, Resolver
from catalog.importers.directory import FILE, DirectoryRow, read_directory
from catalog.models import CRO, Alias, Claim, OrganizationMatch, Source
from catalog.services.claims import announce_change
from catalog.snapshot import State, read_state

REGISTER = "ClinicalTrials.gov"
AS_WRITTEN = (f"Names as {REGISTER} writes them", "")
WEB_SITE = "Web site of "
Key = tuple[str, str, str]  # slug, kind of name, name


@dataclass
class DirectoryReport:
    """What a load changed, or would change: slugs of CROs, numbers of names."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    n_names: int = 0
    n_names_changed: int = 0
    total: int = 0

    @property
    def is_empty(self) -> bool:
        return not (
            self.created or self.updated or self.n_names or self.n_names_changed
        )


@transaction.atomic
def load_directory(*, path: Path = FILE, dry_run: bool = False) -> DirectoryReport:
    """Make the tables say what the directory file says; nothing is ever deleted.

    What the file states of an organization it has the last word on: name, web
    address, summary, status, successor. Names that curators added stay. Who took
    another over gets its names as former ones, so that a search finds it. A second
    run changes nothing and announces nothing. With `dry_run` nothing is written.

    Raises
    ------
    DirectoryFileError
        When the file contradicts itself; then nothing is written.
    ValidationError
        When a slug of the file is a fictional CRO's.
    """
    rows = read_directory(path)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('catalog.load_directory'))"
        )
    slugs = [row.slug for row in rows]
    found = CRO.objects.filter(slug__in=slugs).select_related("successor")
    cros = {cro.slug: cro for cro in found}
    if fictional := [cro.slug for cro in cros.values() if cro.is_fictional]:
        raise ValidationError(
            f"These CROs of the demo have the address of a real one:"
            f" {', '.join(sorted(fictional))}. Change their slug first."
        )
    report = DirectoryReport(total=len(rows))
    for row in rows:
        cro = cros.get(row.slug)
        if cro is None:
            report.created.append(row.slug)
        elif _has_changed(cro, row):
            report.updated.append(row.slug)
    aliases = _wanted_aliases(rows)
    stored = {
        (alias.cro.slug, alias.kind, alias.name): alias
        for alias in Alias.objects.filter(cro__slug__in=slugs).select_related("cro")
    }
    new = [key for key in aliases if key not in stored]
    changed = [
        key
        for key, (name, _) in aliases.items()
        if key in stored
        and (stored[key].valid_from, stored[key].valid_to)
        != (name.valid_from, name.valid_to)
    ]
    report.n_names, report.n_names_changed = len(new), len(changed)
    if dry_run or report.is_empty:
        return report

    sources = _sources(aliases[key][1] for key in new)
    _write_cros(rows, cros, report)
    for key in changed:
        name, _ = aliases[key]
        stored[key].valid_from, stored[key].valid_to = name.valid_from, name.valid_to
    Alias.objects.bulk_update(
        [stored[key] for key in changed], ["valid_from", "valid_to"]
    )
    Alias.objects.bulk_create(
        Alias(
            cro=cros[slug],
            kind=kind,
            name=text,
            valid_from=aliases[slug, kind, text][0].valid_from,
            valid_to=aliases[slug, kind, text][0].valid_to,
            source=sources[aliases[slug, kind, text][1]],
        )
        for slug, kind, text in new
    )
    touched = {*report.created, *report.updated, *(key[0] for key in new + changed)}
    announce_change(cros[slug].pk for slug in touched)
    return report


def _has_changed(cro: CRO, row: DirectoryRow) -> bool:
    stored = (
        cro.name, cro.website, cro.summary, cro.status, cro.succeeded_on,
        cro.successor.slug if cro.successor else "",
    )  # fmt: skip
    return stored != (
        row.name, row.website, row.summary, row.status, row.succeeded_on,
        row.successor,
    )  # fmt: skip


def _wanted_aliases(
    rows: list[DirectoryRow],
) -> dict[Key, tuple[Name, tuple[str, str]]]:
    """Give every name the file wants, with the source that says it."""
    by_slug = {row.slug: row for row in rows}
    wanted: dict[Key, tuple[Name, tuple[str, str]]] = {}
    for row in rows:
        source = (row.source, row.source_url)
        for name in row.names:
            key = (row.slug, name.kind, name.text)
            wanted.setdefault(key, (name, _source_of(name, row)))
        for owner in _owners(row, by_slug):
            for text in (row.name, *_earlier_names(row)):
                former = Name(text, AliasKind.FORMER, None, row.succeeded_on)
                key = (owner.slug, former.kind, former.text)
                wanted.setdefault(key, (former, source))
    return wanted


def _earlier_names(row: DirectoryRow) -> Iterator[str]:
    """Give the names it bore before, by which people may still look for its owner."""
    for name in row.names:
        if name.kind == AliasKind.FORMER:
            yield name.text


def _source_of(name: Name, row: DirectoryRow) -> tuple[str, str]:
    """Say where a name is from: the site of a domain, the file's source of a time."""
    if name.kind == AliasKind.DOMAIN:
        return f"{WEB_SITE}{row.name}", row.website
    if name.valid_from or name.valid_to:
        return row.source, row.source_url
    return AS_WRITTEN


def _owners(
    row: DirectoryRow, by_slug: Mapping[str, DirectoryRow]
) -> Iterator[DirectoryRow]:
    while row.successor:
        row = by_slug[row.successor]
        yield row


def _sources(named: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Source]:
    """Find or make sources by title and address."""
    found = {}
    for title, url in dict.fromkeys(named):
        kind = SourceKind.DOCUMENT
        if REGISTER in title:
            kind = SourceKind.REGISTER
        elif title.startswith(WEB_SITE):
            kind = SourceKind.WEBSITE
        found[title, url], _ = Source.objects.get_or_create(
            title=title, url=url, defaults={"kind": kind}
        )
    return found


def _write_cros(
    rows: list[DirectoryRow], cros: dict[str, CRO], report: DirectoryReport
) -> None:
    """Write new and changed organizations; successors once all are there.

    Who merged has a successor, which a new one cannot have yet: it is a draft
    until then.
    """
    new = {*report.created}
    for cro in CRO.objects.bulk_create(
        CRO(slug=row.slug, name=row.name, is_fictional=False)
        for row in rows
        if row.slug in new
    ):
        cros[cro.slug] = cro
    changed = {*report.created, *report.updated}
    written = []
    for row in rows:
        if row.slug in changed:
            cro = cros[row.slug]
            cro.name, cro.website, cro.summary = row.name, row.website, row.summary
            cro.status, cro.succeeded_on = row.status, row.succeeded_on
            cro.successor = cros[row.successor] if row.successor else None
            cro.full_clean(exclude=["slug"])
            written.append(cro)
    CRO.objects.bulk_update(
        written,
        ["name", "website", "summary", "status", "succeeded_on", "successor"],
    )


@dataclass(frozen=True, eq=False)
class _Held:
    state: State
    resolver: Resolver


_lock = threading.Lock()
_held: _Held | None = None


def current_resolver() -> Resolver:
    """Return the resolver over the published, real organizations of the database.

    It is never out of date: each call asks for the catalogue's version (one
    query). A transaction that has written something gets one of its own.
    """
    global _held
    state = read_state()
    if state.has_own_writes:
        return _load()
    held = _held
    if held is not None and held.state == state:
        return held.resolver
    with _lock:
        if _held is None or _held.state != state:
            _held = _Held(state, _load())
        return _held.resolver


def _load() -> Resolver:
    """Read the organizations with names and home countries: four queries.

    Where no claim says the home country, the directory file does.
    """
    cros = list(
        CRO.objects.published()
        .filter(is_fictional=False)
        .select_related("successor")
        .order_by("slug")
    )
    names: defaultdict[int, list[Name]] = defaultdict(list)
    for alias in Alias.objects.filter(cro__is_fictional=False).order_by("pk"):
        names[alias.cro_id].append(
            Name(alias.name, alias.kind, alias.valid_from, alias.valid_to)
        )
    homes = {row.slug: row.country for row in read_directory()}
    homes |= dict(
        Claim.objects.accepted()
        .filter(
            cro__is_fictional=False,
            answer=True,
            aspect=Aspect.HEADQUARTERS,
            term__scheme="country",
        )
        .order_by("observed_on", "pk")
        .values_list("cro__slug", "term__code")
    )
    entries = (
        OrganizationEntry(
            slug=cro.slug,
            name=cro.name,
            names=tuple(names[cro.pk]),
            country=homes.get(cro.slug, ""),
            successor=cro.successor.slug if cro.successor else "",
            succeeded_on=cro.succeeded_on,
        )
        for cro in cros
    )
    strangers = OrganizationMatch.objects.strangers().exclude(name_as_written="")
    return Resolver.build(
        entries, strangers=strangers.values_list("name_as_written", flat=True)
    )
