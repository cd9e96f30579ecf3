"""Where the columns disagree with the first, as heat maps on one scale."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.explore.view import Reading
from app.server.encode import Encoded
from core.analysis.disagreement import disagreement
from core.analysis.render import Palette, colourise
from core.pictures.geometry import Geometry

NAME = "Difference"
PALETTE: Palette = "magma"
STEP = 0.1
"""The scale's end is rounded up to a multiple of this."""
CAPTION = (
    "Where a model disagrees with the first column's: 1 − the correlation of a patch's similarities to all other patches "
    "of the picture in the two. 0: both find the same patches similar; 1: nothing in common; 2: the opposite."
)
REFERENCE = "The photographs: the other columns are compared with this model."
READING = Reading(("disagreement",))


@dataclass(frozen=True)
class Differences:
    """One column's: per picture the colours [h, w, 3] uint8, the numbers [h, w] in [0, 2] and the grid these are on."""

    layers: list[np.ndarray]
    values: list[np.ndarray]
    geometries: list[Geometry]
    note: str


def differences(columns: Sequence[Encoded]) -> tuple[list[Differences], float]:
    """Those of every column but the first with the first, and the end of the scale that they share, which begins at 0."""
    first = columns[0].maps
    found = [
        [disagreement(one, other) for one, other in zip(first, column.maps, strict=True)] for column in columns[1:]
    ]
    largest = max((float(values.max()) for pictures in found for values, _ in pictures), default=0.0)
    high = min(max(np.ceil(largest / STEP) * STEP, STEP), 2.0)
    made = []
    for column, pictures in zip(columns[1:], found, strict=True):
        means = [float(values.mean()) for values, _ in pictures]
        name = column.names[int(np.argmax(means))]
        most = f", most on {name} ({max(means):.2f})" if len(means) > 1 else ""
        made.append(
            Differences(
                [colourise(values, PALETTE, 0, high) for values, _ in pictures],
                [values.numpy() for values, _ in pictures],
                [grid for _, grid in pictures],
                f"Mean {np.mean(means):.2f}{most}.",
            )
        )
    return made, float(high)
