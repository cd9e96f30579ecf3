"""Figures of a grid of runs, as one HTML file of Plotly's that opens without a network."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from core.wording import counted
from train.ablate.grids import Row

_SEEDS = "Bars are the deviation between seeds."


def draw_scaling(rows: Sequence[Row], names: Sequence[str], folder: Path) -> Path:
    """`scaling.html` in the folder: for each named score a figure over images, a curve for each model, and one over
    parameters, a curve for each number of images. Bars are deviations between seeds.

    Where one of the two does not vary, its figures are left out; where neither does, both are drawn.
    """
    from core.figures import figure, save_page

    by_images = _curves([(row.parameters, row.images, row) for row in rows])
    by_size = _curves([(row.images, row.parameters, row) for row in rows])
    both = ((by_images, "images", _parameters), (by_size, "parameters", _images))
    figures = []
    for found, axis, named in [one for one in both if len(next(iter(one[0].values()))) > 1] or both:
        ticks = sorted({place for points in found.values() for place, _ in points})
        for name in names:
            figures.append(figure(name.replace("_", " "), axis))
            for fixed, points in found.items():
                figures[-1].add_scatter(
                    x=[place for place, _ in points],
                    y=[row.mean(name) for _, row in points],
                    error_y={"array": [row.deviation(name) for _, row in points]},
                    name=named(fixed),
                )
            figures[-1].update_xaxes(type="log", tickvals=ticks, ticktext=[_short(place) for place in ticks])
    return save_page(folder / "scaling.html", "Scores over images and parameters", figures, _SEEDS)


def draw_grid(rows: Sequence[Row], names: Sequence[str], folder: Path) -> Path:
    """`ablation.html` in the folder: for each named score a figure with a line for each cell, the first uppermost: its
    mean over seeds with the deviation between them, and each seed as a point."""
    from core.figures import GREY, figure, save_page

    figures = []
    for name in names:
        cells = [escape(row.cell.name) for row in rows]
        figures.append(figure(name.replace("_", " "), hovermode="closest", showlegend=False))
        figures[-1].add_scatter(
            x=[value for row in rows for value in [one[name] for one in row.scores]],
            y=[cell for cell, row in zip(cells, rows, strict=True) for _ in row.scores],
            name="each seed", mode="markers", marker={"color": GREY, "symbol": "line-ns-open", "size": 12},
        )  # fmt: skip
        figures[-1].add_scatter(
            x=[row.mean(name) for row in rows], y=cells, error_x={"array": [row.deviation(name) for row in rows]},
            name="mean of the seeds", mode="markers", marker={"size": 10},
        )  # fmt: skip
        figures[-1].update_yaxes(autorange="reversed")
    return save_page(folder / "ablation.html", "Scores of each cell", figures, _SEEDS)


def _curves(points: Sequence[tuple[int, int, Row]]) -> dict[int, list[tuple[int, Row]]]:
    """Curves by what is fixed along them, their points in ascending order."""
    curves: dict[int, list[tuple[int, Row]]] = {}
    for fixed, place, row in sorted(points, key=lambda point: point[:2]):
        curves.setdefault(fixed, []).append((place, row))
    return curves


def _parameters(parameters: int) -> str:
    return f"{_short(parameters)} parameters"


def _images(images: int) -> str:
    return counted(images, "image")


def _short(number: int) -> str:
    """In few characters.

    >>> _short(5_520_000), _short(84_000), _short(4_000)
    ('5.5 M', '84 K', '4,000')
    """
    if number >= 1e6:
        return f"{number / 1e6:.1f} M"
    return f"{number / 1e3:.0f} K" if number >= 1e4 else f"{number:,}"
