"""Scores over the number of images and over the size of the model, as curves in SVG and PNG."""

from collections.abc import Sequence
from pathlib import Path

from train.ablate.grids import Row


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
        for curves, axis, told in ((by_images, "images", _parameters), (by_size, "parameters", _images))
        if len(next(iter(curves.values()))) > 1
    ] or [(by_images, "images", _parameters), (by_size, "parameters", _images)]
    figure = Figure(figsize=(3.6 * len(names), 3 * len(panels)), layout="constrained")
    for part, (curves, axis, told) in zip(figure.subfigures(len(panels), squeeze=False).flat, panels, strict=True):
        line = part.subplots(1, len(names), squeeze=False)[0]
        ticks = sorted({place for points in curves.values() for place, _ in points})
        for name, panel in zip(names, line, strict=True):
            for number, (fixed, points) in enumerate(curves.items()):
                places, found = zip(*points, strict=True)
                means, bars = [row.mean(name) for row in found], [row.deviation(name) for row in found]
                panel.errorbar(places, means, bars, marker="o", capsize=3, label=told(fixed), color=f"C{number}")
            panel.set(xscale="log", xlabel=axis, title=name.replace("_", " "))
            panel.set_xticks(ticks, [_short(place) for place in ticks])
            panel.minorticks_off()
            panel.grid(alpha=0.3)
        handles, labels = line[0].get_legend_handles_labels()
        part.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
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
