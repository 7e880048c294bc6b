"""The report as text: for a terminal, and as Markdown for docs/backtest.md."""

from collections.abc import Iterator, Sequence
from typing import Any

from matching.backtest.metrics import METRICS
from matching.backtest.run import DEFAULT, LABELS, PORTAL, Report

SLICE_ROWS = (PORTAL, DEFAULT, "popularity", "same_sponsor", "nearest_trials")


def lines(report: Report) -> Iterator[str]:
    """Yield the report in Markdown; its tables read well in a terminal, too."""
    yield (
        f"{report.n} pairs of {report.n_trials} trials, split "
        f"{report.parameters['split']}; {report.mean_listed:.0f} CROs listed in the mean. "
        f"Ceiling (CROs with an earlier trial): {report.ceiling:.1%}."
    )
    if report.parameters["learnt_from"] == report.parameters["split"]:
        yield "Careful: the learnt weights come from these very pairs."
    yield ""
    rows = [
        [
            label,
            *(
                _with_interval(report.metrics[m][name], report.intervals[m][name])
                for m in METRICS
            ),
        ]
        for name, label in LABELS.items()
    ]
    yield from _table(["ranking", *METRICS], rows)
    for part, ratios in report.ratio_to_popularity.items():
        if ratios:
            yield ""
            yield f"MRR over that of popularity, {part}:"
            yield ""
            yield from _table(
                ["ranking", "times"],
                [
                    [LABELS[name], _with_interval(one["value"], one["interval"], 2)]
                    for name, one in ratios.items()
                ],
            )
    yield ""
    yield f"MRR of {LABELS[PORTAL]} less that of the others, pair by pair:"
    yield ""
    yield from _table(
        ["ranking", "ahead by"],
        [
            [LABELS[name], _with_interval(one["value"], one["interval"])]
            for name, one in report.portal_is_ahead_by.items()
        ],
    )
    for group, members in report.slices.items():
        yield ""
        yield f"MRR by {group}:"
        yield ""
        yield from _table(
            [group, "n", "ceiling", *(LABELS[name] for name in SLICE_ROWS)],
            [_slice_row(name, one) for name, one in members.items()],
        )
    yield ""
    yield f"Digest {report.digest}"


def _slice_row(name: str, one: dict[str, Any]) -> list[str]:
    return [
        name,
        str(one["n"]),
        f"{one['ceiling']:.2f}",
        *(
            _with_interval(one["mrr"][row], one["intervals"]["mrr"][row])
            for row in SLICE_ROWS
        ),
    ]


def _with_interval(value: float, ends: tuple[float, float], digits: int = 3) -> str:
    low, high = ends
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for at, row in enumerate((head, *rows)):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(cells)} |"
        if not at:
            yield f"| {' | '.join('-' * width for width in widths)} |"
