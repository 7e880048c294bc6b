"""The page that puts CROs side by side, with a study's needs where one is chosen."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog import search, snapshot
from catalog.choosing import Chosen, choose
from catalog.comparison import Comparison, RowGroup, Series, compare
from catalog.models import CRO
from catalog.tray import tray_of
from cro_portal.common import spreadsheet
from cro_portal.common.radar import Radar, radar
from matching import offer
from matching.compare_sheet import sheet_rows
from sponsors.models import Study

ROWS_SHOWN = 12
"""Rows of a group on the page before a link shows the others."""
CANDIDATES = 8
NAMES_HIDDEN = (
    "The names of CROs are hidden in this study until its weights are frozen, so no "
    "named CRO can be held against it yet."
)
STUDIES_OFFERED = 100


@dataclass(frozen=True)
class Asked:
    """What an address asks for: CROs, a study, and how to show them."""

    chosen: Chosen
    study: Study | None
    is_diff: bool
    more: frozenset[str]

    @property
    def cros(self) -> Sequence[CRO]:
        return self.chosen.cros

    def url(self, name: str = "cro-compare", **changes: Any) -> str:
        """Give the address of the same with some things changed."""
        query = QueryDict(mutable=True)
        slugs = [cro.slug for cro in changes.get("cros", self.cros)]
        query.setlist("cro", [*slugs, *changes.get("adding", ())])
        if study := changes.get("study", self.study):
            query["study"] = str(study.pk)
        if changes.get("is_diff", self.is_diff):
            query["diff"] = "1"
        if more := changes.get("more", self.more):
            query.setlist("more", sorted(more))
        address = reverse(f"matching:{name}")
        return f"{address}?{query.urlencode()}" if query else address


def asked(request: HttpRequest) -> Asked:
    """Read the address; a study that is not the reader's is not found."""
    study = None
    if given := request.GET.get("study", ""):
        try:
            key = UUID(given)
        except ValueError:
            raise Http404("There is no such study.") from None
        study = get_object_or_404(Study.objects.visible_to(request.user), pk=key)
        if study.hides_names:
            raise PermissionDenied(NAMES_HIDDEN)
    return Asked(
        chosen=choose(request.GET.getlist("cro")),
        study=study,
        is_diff=request.GET.get("diff") == "1",
        more=frozenset(request.GET.getlist("more")[:20]),
    )


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """CROs in columns; with none named, those of the visitor's tray."""
    wanted = asked(request)
    words = " ".join(request.GET.get("add", "")[:200].replace("\0", "").split())
    candidates = _candidates(words) if words else []
    if len(candidates) == 1:
        added = [cro for cro in candidates if cro not in wanted.cros]
        return redirect(wanted.url(cros=[*wanted.cros, *added]))
    is_bare = not wanted.cros and not wanted.chosen.notes and not words
    if is_bare and (tray := tray_of(request).cros):
        return redirect(wanted.url(cros=tray))
    context = _context(request, wanted)
    context |= {
        "words": words,
        "problem": "compare-add-problem" if words and not candidates else "",
        "candidates": [
            {"cro": cro, "url": wanted.url(cros=[*wanted.cros, cro])}
            for cro in candidates
        ],
    }
    return render(request, "matching/compare.html", context)


@require_safe
def suggest_cros(request: HttpRequest) -> HttpResponse:
    """Suggest CROs to add, for what was typed of a name so far."""
    wanted = asked(request)
    taken = {cro.slug for cro in wanted.cros}
    options = [
        ("CRO", one.label, one.also, wanted.url(adding=[one.value]))
        for one in search.suggest_cros(request.GET.get("add", ""), CANDIDATES)
        if one.value not in taken
    ]
    return render(request, "catalog/suggestions.html", {"options": options})


def _candidates(words: str) -> Sequence[CRO]:
    """The CROs that a name typed may mean; exactly this name means only that one."""
    listed = CRO.objects.listed()
    exact = listed.filter(slug=words.lower()) | listed.filter(name__iexact=words)
    return list(exact[:2]) or list(listed.named(words)[:CANDIDATES])


def _context(request: HttpRequest, wanted: Asked) -> dict[str, Any]:
    on = timezone.localdate()
    studies = Study.objects.visible_to(request.user).only("title")[:STUDIES_OFFERED]
    context: dict[str, Any] = {
        "asked": wanted,
        "notes": wanted.chosen.notes,
        "studies": studies,
        "is_kept": [cro.slug for cro in tray_of(request).cros]
        == [cro.slug for cro in wanted.cros],
    }
    if not wanted.cros:
        return context
    comparison, standing = _compared(wanted, on)
    shown = comparison.only_differences() if wanted.is_diff else comparison
    return context | {
        "comparison": comparison,
        "columns": [
            {
                "cro": cro,
                "url": wanted.url(cros=[one for one in wanted.cros if one != cro]),
            }
            for cro in wanted.cros
        ],
        "groups": [_cut(group, wanted) for group in shown.groups],
        "standing": standing,
        "scores": (
            list(zip(standing.scores, standing.coverage, strict=True))
            if standing
            else []
        ),
        "needs": [
            row
            for row in (standing.rows if standing else ())
            if row.is_different or not wanted.is_diff
        ],
        "picture": _picture(comparison, standing),
        "bars": _bars(comparison.cros, comparison.phases),
        "diff_url": wanted.url(is_diff=not wanted.is_diff),
        "csv_url": wanted.url("cro-compare-csv"),
        "xlsx_url": wanted.url("cro-compare-xlsx"),
    }


def _compared(wanted: Asked, on: dt.date) -> tuple[Comparison, offer.Standing | None]:
    """Compare, and hold against the study, by one state of the catalogue."""
    if wanted.study is None:
        return compare(wanted.cros, on=on), None
    catalogue = snapshot.current()
    comparison = compare(wanted.cros, on=on, version=catalogue.version)
    return comparison, offer.standing(wanted.study, comparison, catalogue=catalogue)


def _cut(group: RowGroup, wanted: Asked) -> dict[str, Any]:
    """Show a long group's first rows, and where the others are."""
    n_more = len(group.rows) - ROWS_SHOWN
    if n_more < 3 or group.code in wanted.more:
        return {"group": group, "n_more": 0}
    return {
        "group": replace(group, rows=group.rows[:ROWS_SHOWN]),
        "n_more": n_more,
        "more_url": wanted.url(more=wanted.more | {group.code}) + f"#{group.code}",
    }


@dataclass(frozen=True)
class Picture:
    """A radar and the same numbers as a table."""

    title: str
    note: str
    radar: Radar
    rows: Sequence[tuple[str, Sequence[str]]]


def _picture(comparison: Comparison, standing: offer.Standing | None) -> Picture:
    """Draw the criteria of the study where one is chosen, else what is shown."""
    names = [cro.name for cro in comparison.cros]
    if standing and len(standing.criteria) >= 3:
        return Picture(
            "Points by criterion",
            "How much of each criterion’s points a CRO gets for this study: 100 is "
            "all. A gap is not known.",
            radar(standing.criteria, list(zip(names, standing.points, strict=True))),
            [
                (label, [_percent(points[at]) for points in standing.points])
                for at, label in enumerate(standing.criteria)
            ],
        )
    shape = comparison.shape
    most = [
        max((values[at] or 0 for values in shape.values), default=0) or 1
        for at in range(len(shape.labels))
    ]
    shares = [
        [
            None if value is None else value / top
            for value, top in zip(v, most, strict=True)
        ]
        for v in shape.values
    ]
    return Picture(
        "How much each shows",
        "Each axis ends at the largest number among these CROs. A gap is not known.",
        radar(shape.labels, list(zip(names, shares, strict=True))),
        [
            (label, [_count(values[at]) for values in shape.values])
            for at, label in enumerate(shape.labels)
        ],
    )


def _count(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.0f}"


def _percent(share: float | None) -> str:
    return "not known" if share is None else f"{100 * share:.0f}"


def _bars(cros: Sequence[CRO], series: Series) -> list[dict[str, Any]]:
    """Give for each label a bar per CRO: its number and its share of the largest."""
    largest = max(
        (value or 0 for values in series.values for value in values), default=0
    )
    return [
        {
            "label": label,
            "bars": [
                {
                    "cro": cro,
                    "number": int(values[at] or 0),
                    "width": round(100 * (values[at] or 0) / largest, 2),
                }
                for cro, values in zip(cros, series.values, strict=True)
            ],
        }
        for at, label in enumerate(series.labels)
    ]


@require_safe
def export_csv(request: HttpRequest) -> HttpResponse:
    rows, name, _ = _sheet(request)
    return _file(spreadsheet.as_csv(rows), spreadsheet.CSV, f"{name}.csv")


@require_safe
def export_xlsx(request: HttpRequest) -> HttpResponse:
    rows, name, n_head_rows = _sheet(request)
    content = spreadsheet.as_xlsx(
        rows, title="Comparison", n_head_rows=n_head_rows, n_columns=2
    )
    return _file(content, spreadsheet.XLSX, f"{name}.xlsx")


def _sheet(request: HttpRequest) -> tuple[list[list[spreadsheet.Value]], str, int]:
    wanted = asked(request)
    if not wanted.cros:
        raise Http404("Name the CROs to export, each by a parameter cro.")
    on = timezone.localdate()
    comparison, standing = _compared(wanted, on)
    needs = standing.rows if standing else ()
    if wanted.is_diff:
        comparison = comparison.only_differences()
        needs = tuple(row for row in needs if row.is_different)
    head, rows = sheet_rows(
        comparison,
        study=wanted.study,
        needs=needs,
        notes=wanted.chosen.notes,
        is_diff=wanted.is_diff,
    )
    return [*head, *rows], f"cro-comparison-{on:%Y-%m-%d}", len(head)


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=kind, headers=headers)
