"""`python -m train.figures RUN`: the curves of a run as one HTML file; and what `train.ablate.__main__` draws of its grids.

RUN/figures.html      losses, scores and whatever else was logged; opens without a network
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Annotated

import tyro

from core import DinoError, RequestError
from core.records.runs import read_metrics
from core.records.scores import curves
from train.ablate.grids import Row

FIGURES = "figures.html"


@dataclass(frozen=True)
class Command:
    """Draw the curves of a run, also while it trains: losses, scores of its snapshots, rates, norms and speed, as
    interactive figures in one HTML file that needs no network. Any of them is saved as SVG by the button above it."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    out: Path | None = None
    """The file to write; by default figures.html in the run folder."""


def draw_run(run: Path, out: Path | None = None) -> Path:
    """The file with the curves of a run. RequestError where it has logged nothing."""
    from core.figures import run_figures, save_page  # half a second to import, wanted only here

    figures = run_figures(curves(run), read_metrics(run))
    if not figures:
        raise RequestError(f"{run} holds no log and no scores; give the folder that --out of train.pretrain named.")
    return save_page(out or run / FIGURES, run.name, figures)


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
    for found, axis, told in [one for one in both if len(next(iter(one[0].values()))) > 1] or both:
        ticks = sorted({place for points in found.values() for place, _ in points})
        for name in names:
            figures.append(figure(name.replace("_", " "), axis))
            for fixed, points in found.items():
                figures[-1].add_scatter(
                    x=[place for place, _ in points],
                    y=[row.mean(name) for _, row in points],
                    error_y={"array": [row.deviation(name) for _, row in points]},
                    name=told(fixed),
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


_SEEDS = "Bars are the deviation between seeds."


def _curves(points: Sequence[tuple[int, int, Row]]) -> dict[int, list[tuple[int, Row]]]:
    """Curves by what is fixed along them, their points in ascending order."""
    curves: dict[int, list[tuple[int, Row]]] = {}
    for fixed, place, row in sorted(points, key=lambda point: point[:2]):
        curves.setdefault(fixed, []).append((place, row))
    return curves


def _parameters(parameters: int) -> str:
    return f"{_short(parameters)} parameters"


def _images(images: int) -> str:
    return f"{images:,} images"


def _short(number: int) -> str:
    """In few characters.

    >>> _short(5_520_000), _short(84_000), _short(4_000)
    ('5.5 M', '84 K', '4,000')
    """
    if number >= 1e6:
        return f"{number / 1e6:.1f} M"
    return f"{number / 1e3:.0f} K" if number >= 1e4 else f"{number:,}"


def main(words: list[str]) -> int:
    """What `python -m train.figures` does with its command line; the exit status."""
    command = tyro.cli(Command, prog="python -m train.figures", args=words)
    try:
        print(f"Drawn into {draw_run(command.run, command.out)}.")
    except DinoError as error:
        print(f"python -m train.figures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
