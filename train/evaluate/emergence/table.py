"""The scale for reading and for programs: a printed table, and the same as JSON."""

import math
from collections.abc import Sequence

from train.evaluate.emergence.measure import Measured
from train.evaluate.emergence.scale import Column

NOTHING = "–"


def as_text(columns: Sequence[Column]) -> str:
    """A line for each measure: every column's value ± half of its 95 % interval, chance, and what is best where the
    patch grid keeps perfect features from 1."""
    first = columns[0].measured
    head = ["", *(column.name for column in columns), "chance", "at best"]
    rows = [head]
    for one in first:
        cells = [_cell(found_in(column, one.measure.key)) for column in columns]
        rows.append([_titled(one), *cells, f"{one.chance:.3f}", "" if math.isnan(one.best) else f"{one.best:.3f}"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    notes = ["↑ more is better, ↓ less is. ± is half of the interval that covers 95 % of resampled pictures."]
    return "\n".join(line.rstrip() for line in [lines[0], "-" * len(lines[0]), *lines[1:], "", *notes])


def as_json(columns: Sequence[Column]) -> list[dict]:
    """A record for each measure; its `values` are those of the columns, without what was not measured."""
    return [
        {
            "measure": one.measure.key,
            "title": one.measure.title.removeprefix("… "),
            "asks": one.measure.asks,
            "better": "higher" if one.measure.rises else "lower",
            "pictures": one.count,
            "chance": {"value": one.chance, "means": one.measure.chance},
            "best": None if math.isnan(one.best) else one.best,
            "values": [
                {"of": column.name, **found.estimate._asdict()}
                for column in columns
                if (found := found_in(column, one.measure.key)) is not None
            ],
        }
        for one in columns[0].measured
    ]


def found_in(column: Column, key: str) -> Measured | None:
    """The value of a measure in a column."""
    return next((one for one in column.measured if one.measure.key == key), None)


def _titled(one: Measured) -> str:
    arrow = "↑" if one.measure.rises else "↓"
    indented = one.measure.title.replace("… ", "  … ", 1) if one.measure.title.startswith("…") else one.measure.title
    return f"{indented} {arrow}"


def _cell(found: Measured | None) -> str:
    return NOTHING if found is None else f"{found.estimate.value:.3f} ±{found.estimate.half:.3f}"
