"""A token's attention to each patch. A heads."""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from app.explore.controls import Part
from app.explore.view import Code, Endpoint, Painted, Program, Reading, Scene, View
from core import RequestError
from core.analysis.render import colourise
from core.analysis.similarity import query_vector, similarity_map

PINNED = "pinned patch"

CAPTION = (
    "Where the chosen token looks in this block: the brighter, the larger its share of the attention. "
    "The shares of a picture add up to 1 together with those of cls and the registers."
)
LESSON = """
In each of its blocks every token asks all others: “who of you matters to me?”. The answers are shares that add up to
1, separately in each of the block's *heads*. Shown is the answer to one token: *cls*, which speaks for the whole
picture; a *register*, if this model has them; or the patch that you have pinned.

Heads look at different things: try them one by one, then their mean. Early blocks look near by, late blocks at what
belongs together.

Attention says where information is read, not what is important for a decision. A bright spot on plain sky is often an
artefact (see *Norms*).

*Source: Caron et al. 2021, “Emerging Properties in Self-Supervised Vision Transformers”, section 4; Darcet et al.
2023, section 2.*
"""

COMPARED = "Where cls looks in the last block, mean over heads: the brighter, the larger the share of the attention."


@dataclass(frozen=True)
class Options:
    asking: str = "cls"
    """Whose attention: cls, register 1.., or the pinned patch."""
    head: str = "mean"
    """"mean" or the number of a head, counted from 1."""


def paint(scene: Scene) -> Painted:
    """Each picture's attention scaled to its own largest share, which the legend names."""
    values = []
    for capture, query in zip(scene.captures, queries(scene), strict=True):
        weights = capture.weights(query)  # [A, h, w]
        values.append(_head(weights, scene.options.head).numpy())
    tops = [float(value.max()) for value in values]
    return Painted(
        layers=[colourise(value, "magma", 0.0, top) for value, top in zip(values, tops, strict=True)],
        values=values,
        legend={"palette": "magma", "low": "0", "high": "the picture's largest share"},
        facts="Largest share of one patch: " + ", ".join(f"{top:.1%}" for top in tops) + ".",
        reading=Reading(("share of the attention",), unit="%", factor=100, digits=3),
    )


def queries(scene: Scene) -> list:
    """Who looks, in each picture: cls, a register, or the pinned patch.

    Where another picture's patch is pinned, the patch most like it asks.
    """
    asking = scene.options.asking
    if asking == "cls":
        return ["cls"] * len(scene.maps)
    if asking.startswith("register"):
        return [("register", int(asking.split()[-1]) - 1)] * len(scene.maps)
    if scene.asked is None:
        raise RequestError("No patch is pinned: click one in a picture first, then its attention is shown.")
    index, patch = scene.asked
    query = query_vector(scene.maps[index], patch=patch)
    best = []
    for other, feature_map in enumerate(scene.maps):
        flat = int(similarity_map(feature_map, query).argmax())
        best.append(patch if other == index else divmod(flat, feature_map.grid[1]))
    return best


def program(code: Code) -> Program:
    options = code.options
    imports = ["from core.analysis.attention_maps import capture_attention"]
    head = "mean(dim=0)" if options.head == "mean" else f"select(0, {int(options.head) - 1})"
    lines = [f"captures = [capture_attention(model, image, {code.size}, {code.layer}) for image in images]"]
    if options.asking == PINNED and code.asked is not None:
        imports.append("from core.analysis.similarity import query_vector, similarity_map")
        index, patch = code.asked
        lines += [
            code.extract,
            f"query = query_vector(maps[{index}], patch={patch})",
            "similar = [similarity_map(m, query) for m in maps]",
            "queries = [divmod(int(cosines.argmax()), cosines.shape[1]) for cosines in similar]",
            f"queries[{index}] = {patch}",
        ]
    else:
        token = "cls" if options.asking == "cls" else ("register", int(options.asking.split()[-1]) - 1)
        lines.append(f"queries = [{token!r}] * len(images)")
    lines += [
        f"values = [capture.weights(query).{head} for capture, query in zip(captures, queries)]",
        "colours = [colourise(value, 'magma', 0, float(value.max())) for value in values]",
    ]
    return [*imports, "from core.analysis.render import colourise"], lines


def asked(head: Annotated[int, "head from 1, or 0 for the mean"] = 0) -> Options:
    """The cls token's attention to each patch.

    image, size, layer as for /pca; head: from 1, or 0 for the mean of all. Numbers: grid, values [rows][columns],
    shares of the attention, which add up to 1 together with those of cls and the registers.
    """
    return Options(head=str(head) if head else "mean")


def _head(weights: Tensor, head: str) -> Tensor:
    if head == "mean":
        return weights.mean(dim=0)
    number = int(head)
    if not 1 <= number <= len(weights):
        raise RequestError(f"Head {number}: this model has heads 1 to {len(weights)}.")
    return weights[number - 1]


ATTENTION = View(
    "Attention",
    CAPTION,
    LESSON,
    paint,
    program,
    Options,
    (Part("asking"), Part("head")),
    Endpoint(asked, digits=6),
    blend=0.8,
    takes="attention",
    asks=lambda options: options.asking == PINNED,
    compared=COMPARED,
)
