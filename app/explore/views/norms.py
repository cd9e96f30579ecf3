"""The length of each patch's features."""

from app.explore.controls import Hint
from app.explore.view import Code, Painted, Program, Reading, Scene, View
from core.analysis.norms import OUTLIER, norms
from core.analysis.render import colourise
from core.wording import counted

CAPTION = (
    "The length of each patch's features before the last normalisation. A few bright patches on plain ground are "
    "artefacts in which the model keeps notes about the whole picture."
)
LESSON = """
The features of a patch have a direction, which says what it is like, and a length, its *norm*. In large models
trained for long, a few patches on plain ground get a far greater length than all others: the model has found that
nothing of interest is there, and uses the place to store what it wants to remember about the whole picture.

Such *artefacts* disturb maps of attention and of similarity. Models *with registers* were given a few tokens of their
own for these notes, and their patches are clean: load `dinov2-small-reg` in the model panel and compare.

*Source: Darcet et al. 2023, “Vision Transformers Need Registers”, section 2.*
"""

COMPARED = "The length of each patch's features before the last normalisation; each column has a scale of its own."


def paint(scene: Scene) -> Painted:
    found = norms(list(scene.maps))
    low = min(float(lengths.min()) for lengths in found.maps)
    patches = sum(lengths.numel() for lengths in found.maps)
    return Painted(
        layers=[colourise(lengths, "viridis", low, found.largest) for lengths in found.maps],
        values=[lengths.numpy() for lengths in found.maps],
        legend={"palette": "viridis", "low": f"{low:.1f}", "high": f"{found.largest:.1f}"},
        facts=f"Norms from {low:.1f} to {found.largest:.1f}, median {found.median:.1f}. "
        f"{round(found.outlier_share * patches)} of {counted(patches, 'patch', 'patches')} are longer than {OUTLIER:g} medians "
        "and count as artefacts.",
        reading=Reading(("norm",), digits=1, note=f"The median is {found.median:.1f}."),
    )


def program(code: Code) -> Program:
    return ["from core.analysis.norms import norms", "from core.analysis.render import colourise"], [
        code.extract,
        "found = norms(maps)",
        "values = found.maps",
        "low = min(float(value.min()) for value in values)",
        "colours = [colourise(value, 'viridis', low, found.largest) for value in values]",
    ]


NORMS = View(
    "Norms",
    CAPTION,
    LESSON,
    paint,
    program,
    controls=(Hint("Nothing to set: choose another block, or a model with registers, and compare."),),
    blend=0.85,
    compared=COMPARED,
)
