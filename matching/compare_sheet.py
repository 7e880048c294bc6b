"""A comparison as the rows of a spreadsheet, with sources and dates."""

from collections.abc import Sequence
from itertools import chain

from catalog.comparison import Cell, Comparison
from cro_portal.common.spreadsheet import Value
from matching.offer import NeedRow, Offer
from sponsors.models import Study

COLUMNS = ("tier", "observed", "source", "remarks")


def sheet_rows(
    comparison: Comparison,
    *,
    study: Study | None,
    needs: Sequence[NeedRow],
    notes: Sequence[str],
    is_diff: bool,
) -> tuple[list[list[Value]], list[list[Value]]]:
    """Return the head, whose last row names the columns, and the facts."""
    head: list[list[Value]] = [
        ["Comparison of CROs"],
        ["Made on", f"{comparison.as_of:%Y-%m-%d}"],
        ["Catalogue version", comparison.catalog_version],
        ["Order", "Columns stand in the order asked for. Order is never sold."],
        ["Unknown", "Not known is no no: nobody has said it here. Ask the CRO."],
    ]
    if study:
        head.append(["Study", study.title])
    if is_diff:
        head.append(["Left out", "Rows in which all CROs say the same."])
    head += [["Note", note] for note in notes]
    names = chain.from_iterable(
        (cro.name, *(f"{cro.name}: {column}" for column in COLUMNS))
        for cro in comparison.cros
    )
    head += [[], ["Group", "Fact", *names]]
    rows: list[list[Value]] = [
        [
            f"Needed: {need.scheme}, {need.importance.lower()}",
            need.label,
            *chain.from_iterable(_offer(offer) for offer in need.offers),
        ]
        for need in needs
    ]
    rows += [
        [
            group.label,
            row.label,
            *chain.from_iterable(_cell(cell) for cell in row.cells),
        ]
        for group in comparison.groups
        for row in group.rows
    ]
    return head, rows


def _cell(cell: Cell) -> list[Value]:
    remarks = [cell.mark_words, "disputed" if cell.is_disputed else "", cell.doubt]
    return [
        cell.text,
        f"T{cell.tier}" if cell.tier else "",
        f"{cell.observed_on:%Y-%m-%d}" if cell.observed_on else "",
        " ".join(filter(None, (cell.source, cell.source_url))),
        "; ".join(filter(None, remarks)),
    ]


def _offer(offer: Offer) -> list[Value]:
    claim = offer.claims[0] if offer.claims else None
    source = claim.source if claim else None
    trials = ", ".join(trial["id"] for trial in offer.trials)
    return [
        offer.words,
        f"T{claim.tier}" if claim else "T1" if trials else "",
        f"{claim.observed_on:%Y-%m-%d}" if claim else "",
        " ".join(filter(None, (source.title, source.url))) if source else trials,
        "; ".join(filter(None, (offer.text, "disputed" if offer.is_disputed else ""))),
    ]
