"""Shared parts of the endpoints for programs: widgets, errors, and the picture that each is asked about.

Widgets that nobody sees carry the types, so that `Client.view_api()` describes them and files travel as files.
"""

import functools
import hashlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component
from gradio.context import LocalContext

from app.page.files import picture_file
from app.page.sending import SentFile, SentNumber
from app.page.told import LARGEST_WHOLE
from app.page.wiring import HEAVY, visitor
from app.server.engine import Engine, Item
from app.server.lines import Line
from app.server.models import Loaded
from app.server.presence import Caller
from app.server.spool import full_disk_told, spool
from app.server.turns import Stopped
from core import DinoError, RequestError
from core.features import FeatureMap
from core.pictures.geometry import whole_size
from core.pictures.image import ENOUGH

LONGEST_PAINTED = 2048
"""Longer side in pixels of an answer's picture at most, as the docstring of /pca says: 14 for each patch of a grid twice
as fine as the finest the page offers."""


def image_widget(label: str = "image") -> SentFile:
    return SentFile(label=label, type="filepath")


def size_widget() -> SentNumber:
    return SentNumber(label="longer side in pixels; the model's own where there is none", precision=0)


def layer_widget() -> SentNumber:
    return SentNumber(-1, label="block, counted from the end", precision=0)


def offer(
    function: Callable, inputs: Sequence[Component], *, documented: Callable | None = None, line: Line = HEAVY["line"]
) -> None:
    """Let programs call a function that gives a picture and numbers, or numbers alone where it is annotated so.

    Its name is the endpoint's; so is its docstring, or that of `documented`. It waits in `line` for its place.
    """
    numbers = gr.JSON(label="numbers")
    alone = (documented or function).__annotations__["return"] is dict
    outputs = numbers if alone else [gr.Image(label="picture", format="png", type="filepath"), numbers]
    gr.Button().click(
        _reporting(function, line),
        list(inputs),
        outputs,
        api_name=function.__name__,
        api_description=(documented or function).__doc__,
        show_progress="hidden",
        concurrency_limit=None,
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


def _reporting(function: Callable, line: Line) -> Callable:
    def work(*arguments, **named) -> Any:
        with full_disk_told(), spool().holding(_files(arguments)):
            result = function(**_filled_in(function, arguments, named))
            return result if isinstance(result, dict) else (str(picture_file(result[0])), *result[1:])

    @functools.wraps(function)
    async def endpoint(*arguments, **named):
        request = LocalContext.request.get(None)
        caller = Caller(visitor(request) if request else "")
        try:
            return await line.once(caller, functools.partial(work, *arguments, **named))
        except Stopped:
            raise gr.Error("Whoever asked has left.", print_exception=False) from None
        except DinoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return endpoint


def _filled_in(function: Callable, arguments: Sequence[Any], named: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, with the defaults of those left empty; RequestError for what is missing or absurd."""
    given = inspect.signature(function).bind(*arguments, **named).arguments
    for name, parameter in inspect.signature(function).parameters.items():
        if given.get(name) is None and parameter.default is not parameter.empty:
            given[name] = parameter.default
        value = given.get(name)
        if value is None and parameter.annotation in (int, float):
            raise RequestError(f"{name} is missing; give a number.")
        if isinstance(value, float | int) and not abs(value) < LARGEST_WHOLE:
            raise RequestError(f"{name} is {value:g}, which is no number that can be meant.")
        if parameter.annotation is bool and not isinstance(value, bool):
            raise RequestError(f"{name} is {str(value)[:60]!r}; give true or false.")
    return given


def _files(arguments: Sequence[Any]) -> list[Path]:
    """Those among an endpoint's arguments that are files sent by the client, alone or in lists."""
    flat = [part for argument in arguments for part in (argument if isinstance(argument, list) else [argument])]
    folder = str(spool().folder)
    return [Path(part) for part in flat if isinstance(part, str) and part.startswith(folder)]
