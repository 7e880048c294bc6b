"""Bring the vocabulary tables to what the files say."""

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from django.db import connection, transaction
from django.utils import timezone

from catalog.importers.vocabulary import (
    FOLDER,
    SchemeRow,
    TermRow,
    Vocabularies,
    read_vocabularies,
)
from catalog.models import Scheme, Term
from catalog.services.state import raise_catalog_version
from catalog.signals import vocabulary_changed

CREATE_BATCH = 2000
UPDATE_BATCH = 250
SCHEME_FIELDS = [
    "label",
    "description",
    "code_system",
    "code_system_version",
    "position",
]
TERM_FIELDS = [
    "label",
    "description",
    "parent",
    "external_code",
    "synonyms",
    "tree_numbers",
    "attributes",
    "position",
    "deprecated_on",
    "replaced_by",
]
Key = tuple[str, str]
Change = Literal["created", "updated", "deprecated"]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load changed, or would change: number of terms by scheme and change."""

    terms: Counter[tuple[str, Change]]
    schemes: list[str]
    deprecated: list[Key]
    total: int

    @property
    def changed_schemes(self) -> list[str]:
        return sorted({*self.schemes, *(scheme for scheme, _ in self.terms)})


@transaction.atomic
def load_vocabularies(
    *, folder: Path = FOLDER, today: dt.date | None = None, dry_run: bool = False
) -> LoadReport:
    """Make the tables say what the vocabulary files say; nothing is ever deleted.

    A term that left the files is deprecated as of `today`; one that came back
    is current again. Schemes without a file are left alone. A second run changes
    nothing, raises no version and announces nothing. With `dry_run` nothing is
    written and the report says what would be.

    Raises
    ------
    VocabularyFilesError
        When the files contradict themselves; then nothing is written.
    """
    files = read_vocabularies(folder)
    _wait_for_other_loads()
    stored = _stored_terms([scheme.code for scheme in files.schemes])
    wanted = _with_vanished(files, stored, today or timezone.localdate())
    schemes = _changed_schemes(files.schemes)
    created = [row for row in wanted if row.key not in stored]
    updated = [row for row in wanted if row.key in stored and row != stored[row.key]]
    report = _report(schemes, created, updated, stored, total=len(wanted))
    if dry_run or not report.changed_schemes:
        return report

    Scheme.objects.bulk_create(
        [Scheme(**asdict(row)) for row in schemes],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=SCHEME_FIELDS,
    )
    _write(created, updated)
    raise_catalog_version(vocabulary=True)
    for scheme in report.changed_schemes:
        vocabulary_changed.send(sender=Term, scheme=scheme)
    return report


def _wait_for_other_loads() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('catalog.load_vocabularies'))"
        )


def _stored_terms(schemes: list[str]) -> dict[Key, TermRow]:
    """Read the stored terms in the shape of the files, to compare like with like.

    Ids become codes here and not by joins: right after a first load the database
    has no statistics, and joins a table with itself row by row.
    """
    terms = list(Term.objects.order_by())
    keys: dict[int | None, Key] = {
        term.pk: (term.scheme_id, term.code) for term in terms
    }
    codes: dict[int | None, str | None] = {pk: code for pk, (_, code) in keys.items()}
    broader: defaultdict[int, list[Key]] = defaultdict(list)
    links = Term.broader.through.objects.values_list("from_term_id", "to_term_id")
    for narrow, broad in links:
        broader[narrow].append(keys[broad])
    return {
        (term.scheme_id, term.code): TermRow(
            scheme=term.scheme_id,
            code=term.code,
            label=term.label,
            description=term.description,
            parent=codes.get(term.parent_id),
            broader=tuple(sorted(broader[term.pk])),
            external_code=term.external_code,
            synonyms=tuple(term.synonyms),
            tree_numbers=tuple(term.tree_numbers),
            attributes=term.attributes,
            position=term.position,
            deprecated_on=term.deprecated_on,
            replaced_by=codes.get(term.replaced_by_id),
        )
        for term in terms
        if term.scheme_id in schemes
    }


def _with_vanished(
    files: Vocabularies, stored: dict[Key, TermRow], today: dt.date
) -> list[TermRow]:
    """Add the stored terms the files no longer name, deprecated."""
    named = {row.key for row in files.terms}
    vanished = [row for key, row in stored.items() if key not in named]
    return files.terms + [
        replace(row, deprecated_on=row.deprecated_on or today) for row in vanished
    ]


def _changed_schemes(wanted: list[SchemeRow]) -> list[SchemeRow]:
    stored = {row.code: row for row in Scheme.objects.all()}
    return [
        row
        for row in wanted
        if row.code not in stored
        or any(
            getattr(stored[row.code], name) != getattr(row, name)
            for name in SCHEME_FIELDS
        )
    ]


def _report(
    schemes: list[SchemeRow],
    created: list[TermRow],
    updated: list[TermRow],
    stored: dict[Key, TermRow],
    *,
    total: int,
) -> LoadReport:
    terms: Counter[tuple[str, Change]] = Counter(
        (row.scheme, "created") for row in created
    )
    deprecated = []
    for row in updated:
        if row.deprecated_on and not stored[row.key].deprecated_on:
            deprecated.append(row.key)
            terms[row.scheme, "deprecated"] += 1
        else:
            terms[row.scheme, "updated"] += 1
    return LoadReport(
        terms=terms,
        schemes=[row.code for row in schemes],
        deprecated=sorted(deprecated),
        total=total,
    )


def _write(created: list[TermRow], updated: list[TermRow]) -> None:
    """Write all terms; new ones get their ids first, so order does not matter.

    The foreign keys between terms are checked at commit.
    """
    pks: dict[Key, int] = {
        (scheme, code): pk
        for pk, scheme, code in Term.objects.values_list("pk", "scheme_id", "code")
    }
    pks |= zip((row.key for row in created), _new_pks(len(created)), strict=True)
    Term.objects.bulk_create(
        [_term(row, pks) for row in created], batch_size=CREATE_BATCH
    )
    Term.objects.bulk_update(
        [_term(row, pks) for row in updated], TERM_FIELDS, batch_size=UPDATE_BATCH
    )
    _write_broader([*created, *updated], pks)


def _new_pks(n: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id'))"
            " FROM generate_series(1, %s)",
            [Term._meta.db_table, n],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _term(row: TermRow, pks: dict[Key, int]) -> Term:
    return Term(
        pk=pks[row.key],
        scheme_id=row.scheme,
        code=row.code,
        label=row.label,
        description=row.description,
        parent_id=pks[row.scheme, row.parent] if row.parent else None,
        external_code=row.external_code,
        synonyms=list(row.synonyms),
        tree_numbers=list(row.tree_numbers),
        attributes=row.attributes,
        position=row.position,
        deprecated_on=row.deprecated_on,
        replaced_by_id=pks[row.scheme, row.replaced_by] if row.replaced_by else None,
    )


def _write_broader(rows: list[TermRow], pks: dict[Key, int]) -> None:
    links = Term.broader.through
    wanted = {(pks[row.key], pks[key]) for row in rows for key in row.broader}
    stored = {
        (narrow, broad): pk
        for pk, narrow, broad in links.objects.filter(
            from_term__in=[pks[row.key] for row in rows]
        ).values_list("pk", "from_term_id", "to_term_id")
    }
    gone = [pk for pair, pk in stored.items() if pair not in wanted]
    links.objects.filter(pk__in=gone).delete()
    links.objects.bulk_create(
        [
            links(from_term_id=narrow, to_term_id=broad)
            for narrow, broad in sorted(wanted - stored.keys())
        ],
        batch_size=CREATE_BATCH,
    )
