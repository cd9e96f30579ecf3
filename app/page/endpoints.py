"""Shared parts of the endpoints for programs: widgets, errors, and the picture that each is asked about.

Widgets that nobody sees carry the types, so that `Client.view_api()` describes them and files travel as files.
"""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.components import Component

from app.page.wiring import HEAVY
from app.server.engine import Engine, Item
from app.server.models import Loaded
from core import DinoError, RequestError
from core.features import FeatureMap
from core.pictures.geometry import whole_size
from core.pictures.image import ENOUGH

LONGEST_PAINTED = 2048
"""Longer side in pixels of an answer's picture at most, as the docstring of /pca says: 14 for each patch of a grid twice
as fine as the finest the page offers."""


def image_widget(label: str = "image") -> gr.File:
    return gr.File(label=label, type="filepath")


def size_widget() -> gr.Number:
    return gr.Number(label="longer side in pixels; the model's own where there is none", precision=0)


def layer_widget() -> gr.Number:
    return gr.Number(-1, label="block, counted from the end", precision=0)


def offer(
    function: Callable, inputs: Sequence[Component], *, documented: Callable | None = None, queue: dict = HEAVY
) -> None:
    """Let programs call a function that gives a picture and numbers, or numbers alone where it is annotated so.

    Its name is the endpoint's; so is its docstring, or that of `documented`.
    """
    numbers = gr.JSON(label="numbers")
    alone = (documented or function).__annotations__["return"] is dict
    outputs = numbers if alone else [gr.Image(label="picture", format="png", type="pil"), numbers]
    gr.Button().click(
        _reporting(function),
        list(inputs),
        outputs,
        api_name=function.__name__,
        api_description=(documented or function).__doc__,
        show_progress="hidden",
        **queue,
    )


def encoded(engine: Engine, file: str, size: int | None, layer: int) -> tuple[Item, FeatureMap, Loaded]:
    """The picture in a file, and what the server's own model makes of it; RequestError where it cannot be done."""
    if not file:
        raise RequestError("No image was sent: pass a file, for instance gradio_client.handle_file('photo.jpg').")
    data, name = Path(file).read_bytes(), Path(file).name
    model = engine.models.get(engine.models.default)
    if not -model.depth <= layer < model.depth:
        raise RequestError(f"layer is {layer}; this model has blocks -{model.depth} to {model.depth - 1}.")
    size = model.default_size if size is None else int(size)
    whole_size(size, model.model.config.patch)
    picture = engine.library.decode(data, name, max(ENOUGH, size))
    item = Item(hashlib.sha256(data).hexdigest(), picture)
    (feature_map,) = engine.feature_maps(model, [item], int(layer), size)
    return item, feature_map, model


def about(feature_map: FeatureMap, model: Loaded) -> dict:
    """The numbers that every picture's answer begins with; width and height are the original's, in pixels."""
    geometry = feature_map.geometry
    sides = {"width": geometry.width, "height": geometry.height}
    return {"model": model.source.name, "grid": list(feature_map.grid), **sides}


def painted_size(item: Item) -> tuple[int, int]:
    """(height, width) in pixels at which an answer is painted: the original's, scaled down to LONGEST_PAINTED."""
    height, width = item.picture.height, item.picture.width
    shrink = min(1.0, LONGEST_PAINTED / max(height, width))
    return max(round(height * shrink), 1), max(round(width * shrink), 1)


def rounded(values: np.ndarray, digits: int = 4) -> list:
    """Values as nested lists."""
    return np.round(values.astype(np.float64), digits).tolist()


def _reporting(function: Callable) -> Callable:
    @functools.wraps(function)
    def endpoint(*arguments, **named):
        try:
            return function(*arguments, **named)
        except DinoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return endpoint
