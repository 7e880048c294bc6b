"""CROs side by side: every fact a row, every CRO a cell, with who says so.

Nothing is weighed here and no CRO is put before another: columns stand in the
order they were asked for.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Func, Max, Min, QuerySet, TextField, Value
from django.db.models.functions import Cast, Left, Lower
from django.utils.text import get_text_list

from catalog import snapshot
from catalog.choices import Aspect, ClaimStatus, Delivery, Tier
from catalog.models import (
    CRO,
    Alias,
    Claim,
    CompleteList,
    Term,
    TrialRole,
)
from catalog.profile.facts import PROFILE_SCHEMES
from cro_portal.common.templatetags.ui import quantity

OLD_AFTER = dt.timedelta(days=730)
"""A fact observed longer ago than this is marked as old."""

YES, NO, VALUE, UNKNOWN = "yes", "no", "value", "unknown"

GROUPS = {
    "identity": "Identity",
    "experience": "Experience",
    "geography": "Geography",
    "services": "Services",
    "technology": "Technology",
    "team": "Team and capacity",
    "quality": "Quality",
    "evidence": "Evidence",
}
GROUP_OF_SCHEME = {
    "therapeutic_area": "experience",
    "condition": "experience",
    "phase": "experience",
    "modality": "experience",
    "population": "experience",
    "sponsor_type": "experience",
    "lifecycle_stage": "experience",
    "country": "geography",
    "region": "geography",
    "market_class": "geography",
    "regulator": "geography",
    "service": "services",
    "engagement": "services",
    "technology": "technology",
    "dct_level": "technology",
    "certification": "quality",
}
"""Lists of which each term is a row of its own. `metric` is split by term."""
GROUP_OF_METRIC = {
    "founded-year": "identity",
    "headcount-fte": "identity",
    "revenue": "identity",
    "studies-completed": "experience",
    "repeat-business-share": "experience",
    "sponsor-satisfaction": "experience",
    "countries-covered": "geography",
    "sites-network": "geography",
    "inspections-total": "quality",
    "inspections-no-action": "quality",
    "inspections-critical": "quality",
    "sponsor-audits": "quality",
    "protocol-deviation-rate": "quality",
    "tmf-completeness": "quality",
    "sae-reporting-on-time": "quality",
}
"""Every other metric is of the team and its capacity."""

RECORD = "Trial registers"


@dataclass(frozen=True)
class Cell:
    """What is known of one CRO in one row, in words.

    `state` is yes, no, value or unknown; `number` what a row with a direction is
    compared by. `tier`, `observed_on` and `source` are of the best claim behind
    it; None where there is none. `doubt` says why it should not be relied on
    as it stands: old or expired. `mark` is best, tied or empty.
    """

    state: str
    text: str
    number: float | None = None
    tier: int | None = None
    observed_on: dt.date | None = None
    source: str = ""
    source_url: str = ""
    claim: str = ""
    doubt: str = ""
    is_disputed: bool = False
    mark: str = ""

    @property
    def is_unknown(self) -> bool:
        return self.state == UNKNOWN

    @property
    def mark_words(self) -> str:
        return {"best": "best", "tied": "best, tied"}.get(self.mark, "")


NOT_KNOWN = Cell(UNKNOWN, "not known")


@dataclass(frozen=True)
class Row:
    """One fact for all CROs. `direction` is up, down (smaller is better) or none."""

    code: str
    label: str
    cells: tuple[Cell, ...]
    direction: str = "none"
    note: str = ""

    @property
    def is_different(self) -> bool:
        """Whether two cells say different things; silence differs from a word."""
        return len({(cell.state, cell.text) for cell in self.cells}) > 1


@dataclass(frozen=True)
class RowGroup:
    code: str
    label: str
    rows: tuple[Row, ...]
    n_same: int = 0  # rows left out because all cells agree


@dataclass(frozen=True)
class Series:
    """One number per CRO under each label, for a chart; None is not known."""

    labels: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]  # per CRO, in the labels' order


@dataclass(frozen=True)
class Comparison:
    """CROs in columns, facts in groups of rows, as of a day and a version."""

    cros: tuple[CRO, ...]
    groups: tuple[RowGroup, ...]
    as_of: dt.date
    catalog_version: int
    claims: tuple[Claim, ...]  # all that is shown of them, best first
    phases: Series
    shape: Series = field(default_factory=lambda: Series((), ()))

    def only_differences(self) -> "Comparison":
        """Leave out the rows in which all CROs say the same."""
        groups = []
        for group in self.groups:
            rows = tuple(row for row in group.rows if row.is_different)
            n_same = len(group.rows) - len(rows)
            groups.append(replace(group, rows=rows, n_same=n_same))
        return replace(self, groups=tuple(groups))


def compare(
    cros: Sequence[CRO], *, on: dt.date, version: int | None = None
) -> Comparison:
    """Gather everything known of some CROs: a fixed number of queries.

    `version` is the catalogue's where the caller has just read it.
    """
    if version is None:
        version = snapshot.read_state().version
    sheet = _Sheet(cros, on)
    rows: dict[str, list[Row]] = {code: [] for code in GROUPS}
    rows["identity"] += sheet.identity()
    rows["experience"] += sheet.trial_rows()
    rows["geography"] += sheet.country_counts()
    for group, row in sheet.term_rows():
        rows[group].append(row)
    rows["evidence"] += sheet.evidence()
    return Comparison(
        cros=tuple(cros),
        groups=tuple(
            RowGroup(code, label, tuple(_marked(row) for row in rows[code]))
            for code, label in GROUPS.items()
            if rows[code]
        ),
        as_of=on,
        catalog_version=version,
        claims=tuple(sheet.claims),
        phases=sheet.phases(),
        shape=sheet.shape(),
    )


def _marked(row: Row) -> Row:
    """Mark the best cell of a row in which more, or less, is better.

    Only firm answers compete: what is disputed, old or expired is not best. There
    is no best where fewer than two answers are firm or where all of them agree.
    """
    numbers = [
        None if cell.doubt or cell.is_disputed else cell.number for cell in row.cells
    ]
    known = [number for number in numbers if number is not None]
    if row.direction == "none" or len(known) < 2 or len(set(known)) == 1:
        return row
    best = max(known) if row.direction == "up" else min(known)
    mark = "tied" if known.count(best) > 1 else "best"
    cells = tuple(
        replace(cell, mark=mark) if number == best else cell
        for cell, number in zip(row.cells, numbers, strict=True)
    )
    return replace(row, cells=cells)


Counts = Mapping[int, int]
"""CRO to a count of its trials."""


class _Sheet:
    """The rows behind a comparison, read once and sorted by CRO."""

    def __init__(self, cros: Sequence[CRO], on: dt.date) -> None:
        self.cros = cros
        self.on = on
        claims = (
            Claim.objects.shown()
            .filter(cro__in=cros)
            .select_related("term__scheme", "country", "area", "source")
            .order_by("tier", "-observed_on", "pk")
        )
        self.claims: list[Claim] = list(claims)
        self.by_term: dict[int, dict[int, list[Claim]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self.terms: dict[int, Term] = {}
        for claim in self.claims:
            self.by_term[claim.term_id][claim.cro_id].append(claim)
            self.terms[claim.term_id] = claim.term
        self.complete = set(
            CompleteList.objects.filter(cro__in=cros).values_list("cro_id", "scheme_id")
        )
        self._read_record()

    # Reading

    def _read_record(self) -> None:
        """Count trials of each CRO: all, by phase and country, and by MeSH branch."""
        roles = TrialRole.objects.experience().filter(cro__in=self.cros).order_by()
        branch = Lower(
            Left(
                Func(
                    F("trial__conditions__tree_numbers"),
                    function="unnest",
                    output_field=TextField(),
                    set_returning=True,
                ),
                3,
            )
        )

        def counted(under: Any) -> QuerySet[TrialRole, Any]:
            return (
                roles.annotate(under=under)
                .values("cro", "under")
                .annotate(
                    n=Count("trial", distinct=True),
                    first=Min("trial__start_date"),
                    last=Max("trial__start_date"),
                    participants=Max("trial__participants"),
                    sites=Max("trial__n_sites"),
                    seen=Max("trial__retrieved_on"),
                )
            )

        rows = counted(Value("all", output_field=TextField())).union(
            counted(Cast("trial__phase", TextField())),
            counted(Cast("trial__countries", TextField())),
            counted(branch),
            all=True,
        )
        self.record: dict[int, Mapping[str, Any]] = {}
        self.trials_of: dict[int, dict[int, int]] = defaultdict(dict)
        of_branch: dict[str, dict[int, int]] = defaultdict(dict)
        for row in rows:
            cro, under, n = row["cro"], row["under"], row["n"]
            if under == "all":
                self.record[cro] = row
            elif under and under.isdigit():
                self.trials_of[int(under)][cro] = n
            elif under:
                of_branch[under][cro] = n
        unread = (self.trials_of.keys() - self.terms.keys()) | set()
        places = Term.objects.filter(pk__in=unread) | Term.objects.filter(
            scheme="therapeutic_area", code__in=of_branch
        )
        for term in places.select_related("scheme"):
            self.terms.setdefault(term.pk, term)
        for term in self.terms.values():
            if term.scheme_id == "therapeutic_area" and term.code in of_branch:
                self.trials_of[term.pk] = of_branch[term.code]

    # Cells

    def _cell(self, claims: Sequence[Claim], text: str = "", **more: Any) -> Cell:
        """Make a cell of the best claim; `claims` are best first, at least one."""
        best = claims[0]
        source = best.source
        return Cell(
            **{
                "state": YES if best.answer else NO,
                "text": text,
                "tier": best.tier,
                "observed_on": best.observed_on,
                "source": source.title if source else "",
                "source_url": source.url if source else "",
                "claim": str(best.uuid),
                "doubt": self._doubt(best),
                **more,
            }
        )

    def _doubt(self, claim: Claim) -> str:
        if claim.expires_on and claim.expires_on < self.on:
            return f"expired {claim.expires_on:%B %Y}"
        if self.on - claim.observed_on > OLD_AFTER:
            years = (self.on - claim.observed_on).days / 365.25
            return f"{years:.0f} years old"
        return ""

    def _standing(self, claims: Sequence[Claim]) -> tuple[list[Claim], bool]:
        """Keep the claims that answer a question, and say if they are in dispute.

        Expired ones stand only where nothing else does. The best tier wins, the
        newest within it; a claim for everywhere before one for some place.
        """
        valid = [c for c in claims if not c.expires_on or c.expires_on >= self.on]
        kept = valid or list(claims)
        plain = [c for c in kept if c.country_id is None and c.area_id is None]
        counted = [c for c in plain or kept if c.status == ClaimStatus.ACCEPTED]
        shown = counted or plain or kept
        top = [c for c in shown if c.tier == shown[0].tier]
        is_disputed = any(c.status == ClaimStatus.DISPUTED for c in kept)
        scoped_alike = {(c.aspect, c.country_id, c.area_id) for c in top}
        if len(scoped_alike) == 1 and len({c.answer for c in top}) > 1:
            is_disputed = True
        return shown, is_disputed

    def _answer(self, cro: CRO, term: Term) -> Cell:
        """Say what claims, complete lists and registers tell of one term."""
        claims = self.by_term[term.pk].get(cro.pk, [])
        n_trials = self.trials_of.get(term.pk, {}).get(cro.pk, 0)
        if claims:
            standing, is_disputed = self._standing(claims)
            cell = self._cell(
                standing, _words(standing, is_disputed), is_disputed=is_disputed
            )
        elif (cro.pk, term.scheme_id) in self.complete:
            cell = Cell(NO, "no: the list is complete without it")
        elif n_trials:
            return self._record_cell(cro, _trials(n_trials), float(n_trials))
        else:
            return NOT_KNOWN
        if n_trials:
            text = f"{cell.text}; {_trials(n_trials)}"
            return replace(cell, text=text, number=float(n_trials))
        return cell

    def _record_cell(self, cro: CRO, text: str, number: float | None) -> Cell:
        return Cell(
            VALUE,
            text,
            number=number,
            tier=Tier.REGISTER,
            observed_on=self.record[cro.pk]["seen"],
            source=RECORD,
        )

    def _value(self, cro: CRO, term: Term) -> Cell:
        """Say the number of a metric."""
        claims = [
            c for c in self.by_term[term.pk].get(cro.pk, []) if c.value is not None
        ]
        if not claims:
            return NOT_KNOWN
        standing, is_disputed = self._standing(claims)
        top = [c for c in standing if c.tier == standing[0].tier]
        newest = [c for c in top if c.observed_on == top[0].observed_on]
        values = sorted({c.value for c in newest if c.value is not None})
        text = " or ".join(_amount(value, term) for value in values)
        return self._cell(
            standing,
            text,
            state=VALUE,
            number=float(values[0]) if len(values) == 1 else None,
            is_disputed=is_disputed or len(values) > 1,
        )

    def _all(self, make: Callable[[CRO], Cell]) -> tuple[Cell, ...]:
        return tuple(make(cro) for cro in self.cros)

    # Rows

    def identity(self) -> list[Row]:
        names: dict[int, list[str]] = defaultdict(list)
        for alias in Alias.objects.filter(cro__in=self.cros).exclude(kind="domain"):
            names[alias.cro_id].append(alias.name)
        return [
            Row("kind", "Kind", self._all(lambda cro: self._listing(cro, "cro_type"))),
            Row("home", "Home", self._all(self._home)),
            Row(
                "names",
                "Other names",
                self._all(
                    lambda cro: (
                        Cell(VALUE, ", ".join(names[cro.pk]))
                        if names[cro.pk]
                        else NOT_KNOWN
                    )
                ),
            ),
            Row(
                "website",
                "Website",
                self._all(
                    lambda cro: Cell(VALUE, cro.website) if cro.website else NOT_KNOWN
                ),
            ),
        ]

    def _listing(self, cro: CRO, scheme: str) -> Cell:
        """Name the terms of a list that a CRO says yes to, and the best evidence."""
        kept = [
            claim
            for claim in self.claims
            if claim.cro_id == cro.pk
            and claim.term.scheme_id == scheme
            and claim.answer
        ]
        return self._named(kept)

    def _home(self, cro: CRO) -> Cell:
        return self._named(
            [
                claim
                for claim in self.claims
                if claim.cro_id == cro.pk
                and claim.answer
                and claim.aspect == Aspect.HEADQUARTERS
            ]
        )

    def _named(self, claims: Sequence[Claim]) -> Cell:
        if not claims:
            return NOT_KNOWN
        standing, is_disputed = self._standing(claims)
        labels = sorted({claim.term.label for claim in standing})
        return self._cell(
            standing, ", ".join(labels), state=VALUE, is_disputed=is_disputed
        )

    def trial_rows(self) -> list[Row]:
        def row(code: str, label: str, name: str, direction: str) -> Row:
            def cell(cro: CRO) -> Cell:
                value = self.record.get(cro.pk, {}).get(name)
                if value is None:
                    return NOT_KNOWN
                if isinstance(value, dt.date):
                    return self._record_cell(cro, f"{value:%B %Y}", None)
                return self._record_cell(cro, f"{value:,}", float(value))

            return Row(code, label, self._all(cell), direction)

        return [
            row("trials", "Registered trials", "n", "up"),
            row("first-trial", "First registered trial", "first", "none"),
            row("last-trial", "Newest registered trial", "last", "none"),
            row("most-participants", "Most participants in one", "participants", "up"),
            row("most-sites", "Most sites in one", "sites", "up"),
        ]

    def country_counts(self) -> list[Row]:
        presence: dict[int, list[Claim]] = defaultdict(list)
        for claim in self.claims:
            is_here = claim.term.scheme_id == "country" and claim.answer
            if is_here and claim.delivery == Delivery.OWN and not self._doubt(claim):
                presence[claim.cro_id].append(claim)

        def own(cro: CRO) -> Cell:
            claims = presence[cro.pk]
            if not claims:
                return NOT_KNOWN
            n = len({claim.term_id for claim in claims})
            return self._cell(claims, f"{n:,}", state=VALUE, number=float(n))

        def with_trials(cro: CRO) -> Cell:
            n = sum(
                1
                for term, counts in self.trials_of.items()
                if self.terms[term].scheme_id == "country" and cro.pk in counts
            )
            return self._record_cell(cro, f"{n:,}", float(n)) if n else NOT_KNOWN

        return [
            Row("own-countries", "Countries with own presence", self._all(own), "up"),
            Row(
                "trial-countries",
                "Countries with registered trials",
                self._all(with_trials),
                "up",
            ),
        ]

    def term_rows(self) -> Iterable[tuple[str, Row]]:
        """Yield a row for each term that something is known of, with its group."""
        order = sorted(
            self.terms.values(),
            key=lambda term: (
                term.scheme.position,
                term.scheme_id,
                -sum(self.trials_of.get(term.pk, {}).values())
                if term.scheme_id in ("country", "therapeutic_area")
                else 0,
                term.position,
                term.label,
                term.pk,
            ),
        )
        for term in order:
            code = f"{term.scheme_id}:{term.code}"
            if term.scheme_id == "metric":
                cells = self._all(lambda cro, term=term: self._value(cro, term))  # type: ignore[misc]
                if any(not cell.is_unknown for cell in cells):
                    group = GROUP_OF_METRIC.get(term.code, "team")
                    direction = term.attributes.get("direction", "none")
                    yield group, Row(code, term.label, cells, direction)
            elif group := GROUP_OF_SCHEME.get(term.scheme_id, ""):
                cells = self._all(lambda cro, term=term: self._answer(cro, term))  # type: ignore[misc]
                has_record = term.scheme_id in ("phase", "therapeutic_area", "country")
                yield (
                    group,
                    Row(
                        code,
                        term.label,
                        cells,
                        "up" if has_record else "none",
                        term.scheme.label,
                    ),
                )

    def evidence(self) -> list[Row]:
        current = Term.objects.current()
        facts = current.filter(scheme__in=PROFILE_SCHEMES).exclude(
            pk__in=current.filter(parent__isnull=False).values("parent")
        )
        askable = dict(facts.order_by().values_list("pk", "scheme"))
        total = len(askable)
        mine: dict[int, list[Claim]] = defaultdict(list)
        for claim in self.claims:
            mine[claim.cro_id].append(claim)

        def known(cro: CRO) -> Cell:
            lists = {scheme for pk, scheme in self.complete if pk == cro.pk}
            answered = {
                claim.term_id
                for claim in mine[cro.pk]
                if not (claim.expires_on and claim.expires_on < self.on)
            }
            n = sum(
                term in answered or scheme in lists for term, scheme in askable.items()
            )
            return Cell(VALUE, f"{n} of {total} facts", number=float(n))

        def firm(cro: CRO) -> Cell:
            claims = mine[cro.pk]
            if not claims:
                return NOT_KNOWN
            share = sum(claim.tier <= Tier.DOCUMENT for claim in claims) / len(claims)
            return Cell(VALUE, f"{share:.0%} of {len(claims):,}", number=share)

        def newest(cro: CRO) -> Cell:
            dates = [claim.observed_on for claim in mine[cro.pk]]
            return Cell(VALUE, f"{max(dates):%-d %B %Y}") if dates else NOT_KNOWN

        def doubtful(cro: CRO) -> Cell:
            n = sum(bool(self._doubt(claim)) for claim in mine[cro.pk])
            return Cell(VALUE, f"{n:,}", number=float(n)) if mine[cro.pk] else NOT_KNOWN

        def disputed(cro: CRO) -> Cell:
            n = sum(c.status == ClaimStatus.DISPUTED for c in mine[cro.pk])
            return Cell(VALUE, f"{n:,}", number=float(n)) if mine[cro.pk] else NOT_KNOWN

        return [
            Row("facts-known", "Facts known", self._all(known), "up"),
            Row("firm-share", "Claims of tiers T1 to T3", self._all(firm), "up"),
            Row("newest-fact", "Newest fact", self._all(newest)),
            Row("doubtful", "Claims old or expired", self._all(doubtful), "down"),
            Row("disputed", "Claims in dispute", self._all(disputed), "down"),
        ]

    # Pictures

    def phases(self) -> Series:
        """Count registered trials by phase; a phase nobody ran is left out."""
        phases = sorted(
            (
                term
                for key, term in self.terms.items()
                if term.scheme_id == "phase" and self.trials_of.get(key)
            ),
            key=lambda term: (term.position, term.label),
        )
        return Series(
            tuple(term.label for term in phases),
            tuple(
                tuple(float(self.trials_of[term.pk].get(cro.pk, 0)) for term in phases)
                for cro in self.cros
            ),
        )

    def shape(self) -> Series:
        """Count what each CRO shows, along the axes of a radar: plain numbers."""
        counted = {
            "Services": "service",
            "Technologies": "technology",
            "Certificates": "certification",
            "Regulators": "regulator",
        }

        def yes(cro: CRO, scheme: str) -> float | None:
            terms = {
                claim.term_id
                for claim in self.claims
                if claim.cro_id == cro.pk
                and claim.term.scheme_id == scheme
                and claim.answer
                and not self._doubt(claim)
            }
            return float(len(terms)) if terms else None

        def countries(cro: CRO) -> float | None:
            found = {
                key
                for key, term in self.terms.items()
                if term.scheme_id == "country"
                and (
                    cro.pk in self.trials_of.get(key, {})
                    or any(c.answer for c in self.by_term[key].get(cro.pk, []))
                )
            }
            return float(len(found)) if found else None

        def trials(cro: CRO) -> float | None:
            row = self.record.get(cro.pk)
            return float(row["n"]) if row else None

        return Series(
            ("Trials", "Countries", *counted),
            tuple(
                (trials(cro), countries(cro), *(yes(cro, s) for s in counted.values()))
                for cro in self.cros
            ),
        )


def _trials(n: int) -> str:
    return f"{n:,} registered trial{'' if n == 1 else 's'}"


def _amount(value: Decimal, term: Term) -> str:
    if term.code == "founded-year":
        return f"{value:.0f}"
    return quantity(value, term.attributes)


def _words(claims: Sequence[Claim], is_disputed: bool) -> str:
    """Say what the claims of one CRO on one term come to; the best come first."""
    best = claims[0]
    top = [claim for claim in claims if claim.tier == best.tier]
    if is_disputed and len({claim.answer for claim in top}) > 1:
        return "yes and no: sources of the same tier disagree"
    if not best.answer:
        return f"no{_where([best])}"
    yes = [claim for claim in claims if claim.answer]
    said = ["yes"]
    aspects = sorted({str(claim.get_aspect_display()) for claim in yes if claim.aspect})
    if aspects:
        said = [get_text_list([aspect.lower() for aspect in aspects], "and")]
    if best.delivery != Delivery.OWN:
        how = "affiliate" if best.delivery == Delivery.AFFILIATE else "named partner"
        said.append(f"through {'an' if how[0] == 'a' else 'a'} {how}")
    elif not aspects:
        said.append("own")
    if best.value is not None:
        said.append(f"{best.value.normalize():,f} by its own count")
    if product := best.qualifiers.get("product"):
        said.append(str(product))
    if best.qualifiers.get("is_validated"):
        said.append("validated")
    if issuer := best.qualifiers.get("issuer"):
        said.append(f"issued by {issuer}")
    if best.expires_on:
        said.append(f"until {best.expires_on:%B %Y}")
    return ", ".join(said) + _where(yes)


def _where(claims: Sequence[Claim]) -> str:
    """Say to which places or areas claims are limited; nothing if one is not."""
    if any(claim.country_id is None and claim.area_id is None for claim in claims):
        return ""
    places = sorted({c.country.label for c in claims if c.country})
    areas = sorted({c.area.label for c in claims if c.area})
    said = f" in {get_text_list(places, 'and')}" if places else ""
    return said + (f" for {get_text_list(areas, 'and')}" if areas else "")
