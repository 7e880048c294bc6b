"""Write the fictional market: by COPY, in one transaction, beside the real rows."""

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, ProtectedError

from catalog.choices import CROStatus, Register, SourceKind
from catalog.demo import market as demo_market
from catalog.demo.claims import SOURCE_URL
from catalog.demo.kinds import named_terms
from catalog.demo.names import slugify
from catalog.demo.rows import REFERENCE_DATE, Market, stable_uuid
from catalog.demo.words import Vocabulary, Word
from catalog.models import (
    CRO,
    Alias,
    Claim,
    CompleteList,
    Source,
    Term,
    Trial,
    TrialCondition,
    TrialCountry,
    TrialRole,
)
from catalog.services.state import raise_catalog_version
from catalog.signals import catalog_changed
from cro_portal.common.copying import copy_rows

NOW = dt.datetime.combine(REFERENCE_DATE, dt.time(12), tzinfo=dt.UTC)
"""When demo rows say they were made: a constant, so that they are the same bytes."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DemoReport:
    """Rows written by table; none when the market was there already."""

    rows: dict[str, int]

    @property
    def is_new(self) -> bool:
        return bool(self.rows)


def load_demo_market(
    *, n_cros: int, seed: int, progress: Progress | None = None
) -> DemoReport:
    """Make the demo's part of the catalogue the market of `n_cros` and `seed`.

    Demo rows are fictional CROs and the trials of the register `demo`; they are
    replaced as a whole, all else stays. When that market is there already nothing
    happens, so curators' edits of demo rows last until another one is asked for.

    Raises
    ------
    ValidationError
        When `n_cros` is below 1, terms are missing, or a row that is not the
        demo's still needs a demo CRO.
    """
    if n_cros < 1:
        raise ValidationError("Ask for at least one CRO.")
    tell = progress or _say_nothing
    marker = _marker(n_cros, seed)
    if Source.objects.filter(uuid=marker.uuid).exists():
        return DemoReport(rows={})
    vocabulary, term_ids = read_vocabulary()
    market = demo_market.build(
        vocabulary=vocabulary, n_cros=n_cros, seed=seed, progress=tell
    )
    with transaction.atomic():
        _wait_for_other_loads()
        _delete_demo_rows(tell)
        rows = _Writer(market, term_ids, tell).write()
        marker.save()
        version = raise_catalog_version()
        CRO.objects.filter(is_fictional=True).update(catalog_version=version)
        catalog_changed.send(sender=CRO, cro_ids=None)
    return DemoReport(rows=rows)


def read_vocabulary() -> tuple[Vocabulary, dict[str, int]]:
    """Read the current terms as the generator wants them, and their ids by key.

    A regulator of a region answers for the countries of that region.
    """
    ids: dict[str, int] = {}
    words: dict[int, Word] = {}
    rows = Term.objects.current().order_by("scheme_id", "code")
    parents = frozenset(Term.objects.values_list("parent_id", flat=True))
    for pk, scheme, code, label, trees, parent in rows.values_list(
        "pk", "scheme_id", "code", "label", "tree_numbers", "parent_id"
    ):
        is_group = parent is None and pk in parents
        word = Word(f"{scheme}/{code}", label, tuple(trees), is_group=is_group)
        ids[word.key], words[pk] = pk, word
    missing = sorted(named_terms() - ids.keys())
    if missing:
        listed = ", ".join(missing[:8]) + (", …" if len(missing) > 8 else "")
        raise ValidationError(
            f"The vocabulary lacks terms the demo needs ({listed}): "
            "run manage.py load_vocabularies first."
        )
    if not any(key.startswith("condition/") for key in ids):
        raise ValidationError(
            "There are no conditions: run manage.py load_vocabularies first."
        )
    broader: defaultdict[str, set[str]] = defaultdict(set)
    members: defaultdict[str, set[str]] = defaultdict(set)
    links = Term.broader.through.objects.values_list("from_term_id", "to_term_id")
    for narrow, wide in links:
        if narrow in words and wide in words:
            broader[words[narrow].key].add(words[wide].key)
            members[words[wide].key].add(words[narrow].key)
    schemes: defaultdict[str, list[Word]] = defaultdict(list)
    for word in words.values():
        wider = broader[word.key]
        if word.key.startswith("regulator/"):
            wider = wider.union(*(members[key] for key in wider))
        schemes[word.key.split("/")[0]].append(word._replace(broader=frozenset(wider)))
    return Vocabulary({code: tuple(found) for code, found in schemes.items()}), ids


def _say_nothing(step: str, done: int, total: int) -> None:
    """Stand in for a progress bar."""


def _marker(n_cros: int, seed: int) -> Source:
    """Make the row that says which market is loaded."""
    key = f"{demo_market.VERSION}/{n_cros}/{seed}"
    return Source(
        uuid=stable_uuid("market", key),
        kind=SourceKind.DOCUMENT,
        title=f"Fictional market of {n_cros} CROs, seed {seed}",
        url=f"{SOURCE_URL}market/{hashlib.sha256(key.encode()).hexdigest()}",
        publisher="Demo",
        published_on=REFERENCE_DATE,
    )


def _wait_for_other_loads() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('catalog.load_demo'))")


def _delete_demo_rows(tell: Progress) -> None:
    """Delete what earlier loads wrote, children first, each by one statement."""
    fictional = CRO.objects.filter(is_fictional=True)
    demo_trials = Trial.objects.filter(register=Register.DEMO)
    sources = Source.objects.filter(url__startswith=SOURCE_URL)
    steps: list[models.QuerySet[Any]] = [
        TrialRole.objects.filter(trial__register=Register.DEMO),
        TrialRole.objects.filter(cro__is_fictional=True),
        TrialCountry.objects.filter(trial__register=Register.DEMO),
        TrialCondition.objects.filter(trial__register=Register.DEMO),
        demo_trials,
        Claim.objects.filter(cro__is_fictional=True),
        CompleteList.objects.filter(cro__is_fictional=True),
        Alias.objects.filter(cro__is_fictional=True),
        fictional,
        # A curator may have used a demo source for a real row.
        sources.exclude(Exists(Claim.objects.filter(source=OuterRef("pk")))).exclude(
            Exists(Alias.objects.filter(source=OuterRef("pk")))
        ),
    ]
    fictional.filter(successor__isnull=False).update(
        status=CROStatus.CLOSED, successor=None
    )
    is_first = not any(rows.exists() for rows in steps)
    try:
        for n, rows in enumerate(steps, 1):
            rows.delete()
            if not is_first:
                tell("Tables cleared of the earlier demo", n, len(steps))
    except ProtectedError as error:
        needed_by = next(iter(error.protected_objects))
        raise ValidationError(
            f"A demo CRO cannot go while “{needed_by}” needs it: change that first."
        ) from error


class _Writer:
    """Copies the rows of a market into the tables."""

    def __init__(
        self, market: Market, term_ids: dict[str, int], tell: Progress
    ) -> None:
        self.market, self.terms, self.tell = market, term_ids, tell
        self.cros = _reserve(CRO, len(market.cros))
        self.sources = _reserve(Source, len(market.sources))
        self.trials = _reserve(Trial, len(market.trials))

    def write(self) -> dict[str, int]:
        """Write all tables; gives the number of rows of each."""
        market, terms, cros, trials = self.market, self.terms, self.cros, self.trials
        return {
            "CROs": self._copy(
                "CROs",
                CRO,
                "id uuid slug name website summary status is_fictional successor_id "
                "succeeded_on catalog_version created_at updated_at",
                (
                    (pk, row.uuid, row.slug, row.name, row.website, row.summary,
                     row.status, True, _at(cros, row.successor), row.succeeded_on, 0,
                     NOW, NOW)
                    for pk, row in zip(cros, market.cros, strict=True)
                ),
                len(market.cros),
            ),
            "aliases": self._copy(
                "aliases",
                Alias,
                "cro_id name kind valid_from valid_to source_id",
                (
                    (cros[row.cro], row.name, row.kind, row.valid_from, row.valid_to,
                     None)
                    for row in market.aliases
                ),
                len(market.aliases),
            ),
            "sources": self._copy(
                "sources",
                Source,
                "id uuid kind title url publisher published_on retrieved_on "
                "created_at updated_at",
                (
                    (pk, row.uuid, row.kind, row.title, row.url, row.publisher,
                     row.published_on, REFERENCE_DATE, NOW, NOW)
                    for pk, row in zip(self.sources, market.sources, strict=True)
                ),
                len(market.sources),
            ),
            "claims": self._copy(
                "claims",
                Claim,
                "uuid cro_id term_id answer aspect country_id area_id delivery value "
                "qualifiers tier source_id observed_on expires_on status note "
                "created_at updated_at",
                (
                    (row.uuid, cros[row.cro], terms[row.term], row.answer, row.aspect,
                     row.country and terms[row.country], row.area and terms[row.area],
                     row.delivery, row.value, row.qualifiers, row.tier,
                     self.sources[row.source], row.observed_on, row.expires_on,
                     row.status, row.note, NOW, NOW)
                    for row in market.claims
                ),
                len(market.claims),
            ),
            "complete lists": self._copy(
                "complete lists",
                CompleteList,
                "cro_id scheme_id declared_on created_at updated_at",
                (
                    (cros[row.cro], row.scheme, row.declared_on, NOW, NOW)
                    for row in market.complete_lists
                ),
                len(market.complete_lists),
            ),
            "trials": self._copy(
                "trials",
                Trial,
                "id register registry_id title study_type phase_id overall_status "
                "conditions_as_written intervention_types participants n_sites "
                "start_date completion_date lead_sponsor sponsor_key sponsor_class "
                "sponsor_size record_version retrieved_on created_at updated_at "
                "other_ids interventions record_detail record_digest",
                (
                    (pk, Register.DEMO.value, row.registry_id, row.title,
                     row.study_type, terms[row.phase], row.overall_status,
                     row.conditions_as_written, row.intervention_types,
                     row.participants, row.n_sites, row.start_date,
                     row.completion_date, row.lead_sponsor,
                     slugify(row.lead_sponsor).replace("-", " "), row.sponsor_class,
                     row.sponsor_size, "1", REFERENCE_DATE, NOW, NOW, (), (), 0, "")
                    for pk, row in zip(trials, market.trials, strict=True)
                ),
                len(market.trials),
            ),
            "conditions of trials": self._copy(
                "conditions of trials",
                TrialCondition,
                "trial_id term_id certainty",
                (
                    (trials[row.trial], terms[row.term], 1.0)
                    for row in market.trial_conditions
                ),
                len(market.trial_conditions),
            ),
            "countries of trials": self._copy(
                "countries of trials",
                TrialCountry,
                "trial_id country_id n_sites",
                (
                    (trials[row.trial], terms[row.country], row.n_sites)
                    for row in market.trial_countries
                ),
                len(market.trial_countries),
            ),
            "roles": self._copy(
                "roles",
                TrialRole,
                "trial_id cro_id kind name_as_written certainty",
                (
                    (trials[row.trial], cros[row.cro], row.kind, row.name_as_written,
                     row.certainty)
                    for row in market.roles
                ),
                len(market.roles),
            ),
        }  # fmt: skip

    def _copy(
        self,
        label: str,
        model: type[models.Model],
        columns: str,
        rows: Iterator[Sequence[Any]],
        total: int,
    ) -> int:
        done = 0
        for done in copy_rows(model._meta.db_table, columns.split(), rows):
            self.tell(f"Writing {label}", done, total)
        return done


def _at(ids: list[int], position: int | None) -> int | None:
    return None if position is None else ids[position]


def _reserve(model: type[models.Model], n: int) -> list[int]:
    """Take `n` keys of a table's sequence, ascending, that nobody else gets."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id'))"
            " FROM generate_series(1, %s)",
            [model._meta.db_table, n],
        )
        return sorted(pk for (pk,) in cursor.fetchall())
