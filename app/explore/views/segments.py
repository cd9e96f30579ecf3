"""Groups of patches with similar features."""

from dataclasses import dataclass

import numpy as np

from app.explore.controls import Choice, Slider
from app.explore.view import Code, Painted, Program, Reading, Scene, View
from core.analysis.render import label_colours
from core.analysis.segments import segments

CAPTION = (
    "Patches grouped by similarity, over all pictures at once: one colour is one group wherever it appears. "
    "The groups have no names, and which colour a group gets means nothing."
)
LESSON = """
We look for groups of patches with similar features, over all selected pictures at once. *K-means* puts group centres
where most patches are near one. *Spectral* follows chains of similar neighbours, and so finds groups of any shape.

Choose few groups and you get objects and ground; choose more and you get parts. If a part has the same colour on
different animals, the model has found what they have in common. How many groups there “are” is not a question with an
answer: it is yours to choose.

*Source: Oquab et al. 2023, section 7.5 (matching parts); Amir et al. 2021, “Deep ViT Features as Dense Visual
Descriptors”, section 4.*
"""

COMPARED = "Patches grouped by similarity, in each column by itself: which colour a group gets means nothing."


@dataclass(frozen=True)
class Options:
    segments: int = 6
    grouping: str = "kmeans"


CONTROLS = (
    Slider("segments", "Groups", 2, 12),
    Choice("grouping", "Method", (("k-means", "kmeans"), ("spectral", "spectral"))),
)


def paint(scene: Scene) -> Painted:
    count = scene.options.segments
    labels = [label.numpy() for label in segments(list(scene.maps), count, scene.options.grouping).labels]
    palette = label_colours(count)
    shares = np.bincount(np.concatenate([label.ravel() for label in labels]), minlength=count)
    parts = [f"{share / shares.sum():.0%}" for share in shares]
    groups = [f"group {number} of {count}, {part} of all patches" for number, part in enumerate(parts, start=1)]
    return Painted(
        layers=[palette[label] for label in labels],
        values=labels,
        facts="Sizes of the groups: " + ", ".join(parts) + ".",
        reading=Reading(("segment",), groups=tuple(groups)),
    )


def program(code: Code) -> Program:
    count, grouping = code.options.segments, code.options.grouping
    return ["from core.analysis.render import label_colours", "from core.analysis.segments import segments"], [
        code.extract,
        f"values = segments(maps, {count}, {grouping!r}).labels",
        f"colours = [label_colours({count})[value.numpy()] for value in values]",
    ]


SEGMENTS = View(
    "Segments",
    CAPTION,
    LESSON,
    paint,
    program,
    Options,
    CONTROLS,
    blend=0.75,
    smooth=False,
    compared=COMPARED,
)
