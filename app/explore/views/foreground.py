"""Object and ground, told apart by a threshold on scores."""

from dataclasses import dataclass
from typing import Annotated

from PIL import Image

from app.explore.controls import Choice, Part, Switch
from app.explore.view import Code, Endpoint, Painted, Program, Reading, Scene, View, as_bytes, scores_of
from core.analysis.foreground import DEFAULT, Foreground, foreground, refine_mask

MASK_SIDE = 1024
"""Longer side of the foreground scores the browser gets, as large as the picture it shows."""
SOFT_EDGE = 0.04
"""Width of the ramp about the foreground threshold from transparent to opaque, so that edges are not jagged."""

CAPTION = (
    "How strongly each patch belongs to the object, from 0 to 1. The dark part is below the threshold; "
    "drag it on the histogram."
)
LESSON = """
Nobody told the model what is an object and what is ground. Still, a simple rule on its features separates the two:
patches on one side of the first principal component, or the side of a *cut* through the graph whose edges join
similar patches. Which side is the object is decided by the picture's border, which objects touch less.

The histogram shows how many patches have which score. Two hills with a valley mean a clear answer; the threshold is
put into the valley by Otsu's rule. One broad hill means that the model sees no clear object here: do not trust the
mask then.

The mask is computed on patches and carried to pixels by following the picture's edges. *Cut-out* downloads the object
at the picture's resolution, up to 4096 pixels along the longer side, with a transparent ground.

*Source: Oquab et al. 2023, section 7.5; Wang et al. 2022, “TokenCut”, section 3; Otsu 1979.*
"""

COMPARED = "What each model's features take for object is left as it is; the threshold is each column's own (Otsu's)."


@dataclass(frozen=True)
class Options:
    method: str = DEFAULT
    """Of `core.analysis.foreground`: by the first principal component or by a normalised cut."""
    invert: bool = False
    threshold: float | None = None
    """In 0..1; None is Otsu's."""


CONTROLS = (
    Part("threshold"),
    Switch("invert", "Invert"),
    Choice("method", "Method", (("first component", "pca"), ("normalised cut", "cut"))),
    Part("cut-out"),
)


def paint(scene: Scene) -> Painted:
    """It depends on neither the threshold nor `invert`: the browser draws those."""
    found = foreground(list(scene.maps), method=scene.options.method)
    small = [_shrunk(image, MASK_SIDE) for image in scene.images]
    masks = [
        refine_mask(scores, image, feature_map.geometry)
        for scores, image, feature_map in zip(found, small, scene.maps, strict=True)
    ]
    return Painted(
        layers=[as_bytes(mask) for mask in masks],
        values=[scores.numpy() for scores in found],
        aligned="picture",
        found=found,
        reading=Reading(("foreground score",), note="0 is ground, 1 is object."),
    )


def cut(found: Foreground, options: Options) -> tuple[dict, str]:
    """The histogram with its threshold, and what the threshold leaves of each picture."""
    threshold = found.threshold if options.threshold is None else options.threshold
    kept = [scores <= threshold if options.invert else scores > threshold for scores in found]
    histogram = {
        "counts": [int(count) for count in found.histogram],
        "edges": [float(edge) for edge in found.edges],
        "threshold": float(threshold),
        "otsu": float(found.threshold),
        "invert": options.invert,
    }
    shares = ", ".join(f"{float(mask.float().mean()):.0%}" for mask in kept)
    return histogram, f"Threshold {threshold:.2f} (Otsu's is {found.threshold:.2f}). Object: {shares} of the patches."


def program(code: Code) -> Program:
    options = code.options
    threshold = "values.threshold" if options.threshold is None else f"{options.threshold!r}"
    opacity = f"((mask - {threshold}) / {SOFT_EDGE} + 0.5).clip(0, 1)"
    opacity = f"1 - {opacity}" if options.invert else opacity
    return ["from core.analysis.foreground import cut_out, foreground, refine_mask"], [
        code.extract,
        f"values = foreground(maps, method={options.method!r})",
        "masks = [refine_mask(score, image, m.geometry) for score, image, m in zip(values, images, maps)]",
        "colours = [(mask * 255).round().astype('uint8') for mask in masks]",
        f"cut_outs = [cut_out(image, {opacity}) for image, mask in zip(images, masks)]",
    ]


def asked(method: Annotated[str, "method: pca or cut"] = DEFAULT) -> Options:
    """The score of each pixel, from the ground (black) to the object (white).

    image, size, layer as for /pca; method: "pca" (first principal component) or "cut" (normalised cut). Numbers: grid,
    threshold (Otsu), histogram and its edges, values [rows][columns] in 0..1.
    """
    return Options(method)


def numbers(painted: Painted) -> dict:
    found = scores_of(painted)
    histogram, _ = cut(found, Options())
    return {"method": found.method} | {name: histogram[name] for name in ("threshold", "counts", "edges")}


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    small = image.copy()
    small.thumbnail((side, side))
    return small


FOREGROUND = View(
    "Foreground",
    CAPTION,
    LESSON,
    paint,
    program,
    Options,
    CONTROLS,
    Endpoint(asked, numbers),
    blend=1,
    scores=True,
    cut=cut,
    in_browser=("threshold", "invert"),
    compared=COMPARED,
)
