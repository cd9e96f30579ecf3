"""Scores over the number of images and over the size of the model, as curves in SVG and PNG."""

from collections.abc import Sequence
from pathlib import Path

from train.grids import Row


def draw_scaling(rows: Sequence[Row], names: Sequence[str], folder: Path) -> Path:
    """`scaling.svg` in the folder, and the same as .png: for each named score a panel over images, a curve for each
    model, and below it one over parameters, a curve for each number of images. Bars are deviations between seeds.

    Where one of the two does not vary, its panels are left out; where neither does, both are drawn.
    """
    from matplotlib.figure import Figure  # 1 s to import, wanted only here

    by_images = _curves([(row.parameters, row.images, row) for row in rows])
    by_size = _curves([(row.images, row.parameters, row) for row in rows])
    panels = [
        (curves, axis, told)
        for curves, axis, told in ((by_images, "images", _million), (by_size, "parameters", _count))
        if len(next(iter(curves.values()))) > 1
    ] or [(by_images, "images", _million), (by_size, "parameters", _count)]
    figure = Figure(figsize=(4 * len(names), 3.2 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), len(names), squeeze=False)
    for name, line in zip(names, grid.T, strict=True):
        for (curves, axis, told), panel in zip(panels, line, strict=True):
            for number, (fixed, points) in enumerate(curves.items()):
                places, found = zip(*points, strict=True)
                means, bars = [row.mean(name) for row in found], [row.deviation(name) for row in found]
                panel.errorbar(places, means, bars, marker="o", capsize=3, label=told(fixed), color=f"C{number}")
            panel.set(xscale="log", xlabel=axis, ylabel=name)
            panel.grid(alpha=0.3)
            panel.legend(frameon=False)
    path = folder / "scaling.svg"
    figure.savefig(path)
    figure.savefig(path.with_suffix(".png"), dpi=150)
    return path


def _curves(points: Sequence[tuple[int, int, Row]]) -> dict[int, list[tuple[int, Row]]]:
    """Curves by what is fixed along them, their points in ascending order."""
    curves: dict[int, list[tuple[int, Row]]] = {}
    for fixed, place, row in sorted(points, key=lambda point: point[:2]):
        curves.setdefault(fixed, []).append((place, row))
    return curves


def _million(parameters: int) -> str:
    """In words.

    >>> _million(5_520_000), _million(84_000)
    ('5.5 M parameters', '84 K parameters')
    """
    return f"{parameters / 1e6:.1f} M parameters" if parameters >= 1e6 else f"{parameters / 1e3:.0f} K parameters"


def _count(images: int) -> str:
    return f"{images:,} images"
