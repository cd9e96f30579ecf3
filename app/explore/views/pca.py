"""Principal components of the patch features as colours."""

from dataclasses import dataclass
from typing import Literal

from app.explore.controls import Choice, Fold, Menu, Part, Row, Slider, Switch
from app.explore.view import Code, Endpoint, Painted, Program, Reading, Scene, View, as_bytes
from core import RequestError
from core.analysis.pca import joint_pca

COMPONENTS = 6
"""Principal components on offer as colours; the first three are shown unless asked otherwise."""

CAPTION = (
    "The three chosen components of all patches as red, green and blue. Equal colours mean similar features, "
    "in this picture and across pictures; colours mean similarity, not class."
)
LESSON = """
A vision transformer cuts the picture into small squares, its *patches*, and describes each by a list of numbers, its
*features* (some hundreds, as many as the model is wide). Nobody can look at so many, so we look for the three directions
along which the patches differ most, by *principal component analysis*, and show each patch's place along them as the
amount of red, green and blue.

All selected pictures share one analysis. So if the ear of a cat and the ear of a cheetah have the same colour, the
model described them alike, although nobody told it what an ear is. *Two stages* first separates the object from the
ground by the first component, then analyses the object's patches alone, which shows its parts.

The percentages under the picture say how much of all difference each component holds. When the three add up to 30 %,
the picture shows 30 % of the story: point at a patch to ask all the numbers at once.

*Source: Oquab et al. 2023, “DINOv2: Learning Robust Visual Features without Supervision”, section 7.5 and figure 1.*
"""


@dataclass(frozen=True)
class Options:
    """RequestError where the percentiles are in no order."""

    stages: str = "One stage"
    low: float = 1.0
    high: float = 99.0
    """Percentiles at which colours are clipped."""
    red: int = 1
    green: int = 2
    blue: int = 3
    """Which component, counted from 1, is shown as which colour."""
    flip: bool = False
    """Whether the three colours are inverted."""

    def __post_init__(self):
        if not 0 <= self.low < self.high <= 100:
            raise RequestError(f"Percentiles {self.low} to {self.high}: choose 0 ≤ low < high ≤ 100.")

    @property
    def components(self) -> list[int]:
        return [self.red, self.green, self.blue]


CONTROLS = (
    Choice("stages", "Analyse", ("One stage", "Two stages"), info="Two stages: the object's patches alone"),
    Row("colours", tuple(Menu(name, name.capitalize(), range(1, COMPONENTS + 1)) for name in ("red", "green", "blue"))),
    Switch("flip", "Invert colours"),
    Fold(
        "pca-more",
        "Percentiles and basis",
        (
            Slider("low", "Clip below (percentile)", 0, 20, 0.5),
            Slider("high", "Clip above (percentile)", 80, 100, 0.5),
            *map(Part, ("basis-save", "basis-load", "basis-forget", "basis-note")),
        ),
    ),
)


def paint(scene: Scene) -> Painted:
    options = scene.options
    chosen = options.components
    if scene.basis is not None:
        basis, images = scene.basis, scene.basis.apply(scene.maps)
    else:
        stages: Literal["auto"] | None = "auto" if options.stages == "Two stages" else None
        result = joint_pca(scene.maps, max(3, *chosen), stages, clip=(options.low, options.high))
        basis, images = result.basis, result.images
    explained = basis.explained.tolist()
    if max(chosen) > len(explained):
        raise RequestError(f"Component {max(chosen)} is chosen, but this basis has {len(explained)}.")
    values = [image[..., [number - 1 for number in chosen]].numpy() for image in images]
    if options.flip:
        values = [1 - value for value in values]
    shares = {number: explained[number - 1] for number in chosen}
    named = list(zip(("red", "green", "blue"), chosen, strict=True))
    parts = ", ".join(f"{colour} component {number} ({shares[number]:.0%})" for colour, number in named)
    return Painted(
        layers=[as_bytes(value) for value in values],
        values=values,
        facts=f"Explained variance: {parts}; together {sum(shares.values()):.0%}.",
        basis=basis,
        explained=tuple(explained),
        reading=Reading(
            tuple(f"component {number} ({colour})" for colour, number in named),
            note="0 and 1 are the ends of the colours' range.",
        ),
    )


def program(code: Code) -> Program:
    options = code.options
    inverted = "1 - " if options.flip else ""
    shown = f"values = [{inverted}image[..., {[number - 1 for number in options.components]}] for image in images01]"
    colours = "colours = [(value * 255).round().byte() for value in values]"
    if code.basis is not None:
        lines = [f"images01 = PcaBasis.load({code.basis!r}).apply(maps)"]
        return ["from core.analysis.pca import PcaBasis"], [code.extract, *lines, shown, colours]
    stages = '"auto"' if options.stages == "Two stages" else "None"
    count = max(3, *options.components)
    lines = [
        f"result = joint_pca(maps, components={count}, foreground={stages}, clip=({options.low}, {options.high}))",
        "images01, explained = result.images, result.explained",
    ]
    return ["from core.analysis.pca import joint_pca"], [code.extract, *lines, shown, colours]


def asked() -> Options:
    """Principal components of the patch features as colours, and the variance each of them explains.

    image: a picture file. size: longer side in pixels given to the model, by default the one at which it is best.
    layer: block, counted from the end (-1 is the last). Picture: as large as the given one, its longer side 2048 pixels
    at most. Numbers: width and height of the given picture, grid [rows, columns], explained (shares of variance), values
    [rows][columns][3] in 0..1.
    """
    return Options()


PCA = View(
    "PCA",
    CAPTION,
    LESSON,
    paint,
    program,
    Options,
    CONTROLS,
    Endpoint(asked, lambda painted: {"explained": [float(share) for share in painted.explained]}),
    blend=0.85,
    turns=True,
)
