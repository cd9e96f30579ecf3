"""The endpoints for programs that ask for a view of one picture, and /similarity: an image file in, a picture and numbers out."""

import inspect
from collections.abc import Callable
from typing import get_args, get_type_hints

import gradio as gr
from gradio.components import Component
from PIL import Image

from app.explore import views
from app.explore.view import Endpoint, Painted, Scene, View
from app.page.endpoints import about, encoded, image_widget, layer_widget, offer, painted_size, rounded, size_widget
from app.page.sending import SentNumber
from app.server.access import Access
from app.server.engine import Engine, Item
from core import RequestError
from core.analysis.render import colourise, onto_picture
from core.analysis.similarity import query_vector, similarity_map
from core.features import FeatureMap

_WIDGETS = {
    str: (gr.Textbox, {}),
    int: (SentNumber, {"precision": 0}),
    float: (SentNumber, {}),
    bool: (gr.Checkbox, {}),
}


def lay_out(engine: Engine, access: Access) -> None:
    """One for each view that has one, and /similarity."""
    api = ExploreApi(engine)
    image, other, size, layer = image_widget(), image_widget("other image"), size_widget(), layer_widget()
    x, y = (SentNumber(label=f"{name}, pixels of the picture") for name in "xy")
    for view in views.VIEWS:
        if view.endpoint:
            offer(api.view(view, view.endpoint), [image, size, layer, *_widgets(view.endpoint.options)])
    offer(api.similarity, [image, x, y, other, size, layer])


class ExploreApi:
    """The endpoints, on the server's own model; their names, parameters and first lines are what clients see."""

    def __init__(self, engine: Engine):
        self.engine = engine

    def view(self, view: View, endpoint: Endpoint) -> Callable:
        """The endpoint of a view: a function that is named, documented and typed as clients are to see it."""
        own = inspect.signature(endpoint.options)

        def asked(image: str, size: int | None = None, layer: int = -1, *more, **named) -> tuple[Image.Image, dict]:
            options = endpoint.options(*more, **named)
            item, feature_map, model = encoded(self.engine, image, size, layer)
            origin = feature_map.origin
            more = (view.takes, origin.layer, origin.size)
            captures = self.engine.captures(model, [item], *more) if view.takes else ()
            painted = view.paint(Scene(options, [item.image], [feature_map], captures))
            return _picture(painted, item, feature_map), {
                **about(feature_map, model),
                **endpoint.numbers(painted),
                "values": rounded(painted.values[0], endpoint.digits),
            }

        common = list(inspect.signature(asked).parameters.values())[:3]
        signature = own.replace(
            parameters=[*common, *own.parameters.values()], return_annotation=tuple[Image.Image, dict]
        )
        setattr(asked, "__signature__", signature)  # noqa: B010  # functions declare no such attribute
        asked.__name__, asked.__doc__ = view.key, endpoint.options.__doc__
        return asked

    def similarity(
        self, image: str, x: float, y: float, other: str | None = None, size: int | None = None, layer: int = -1
    ) -> tuple[Image.Image, dict]:
        """The similarity of every patch to the one at a point: of the same picture, or of another.

        image: the picture with the point (x, y), in its own pixels; other: the picture that is searched, or nothing
        for the same one; size, layer as for /pca. Numbers: grid, best (x, y) with its cosine, values [rows][columns].
        """
        item, asked, model = encoded(self.engine, image, size, layer)
        if not (0 <= x < item.picture.width and 0 <= y < item.picture.height):
            raise RequestError(
                f"The point ({x:g}, {y:g}) is outside the picture, which is {item.picture.width}×{item.picture.height}."
            )
        answering = asked
        if other:
            item, answering, model = encoded(self.engine, other, size, layer)
        cosines = similarity_map(answering, query_vector(asked, point=(x, y))).numpy()
        row, col = divmod(int(cosines.argmax()), answering.grid[1])
        colours = colourise(cosines, "viridis")
        painted = Painted([colours], [cosines])
        best_x, best_y = answering.geometry.center(row, col)
        return _picture(painted, item, answering), {
            **about(answering, model),
            "best": {"x": best_x, "y": best_y, "cosine": float(cosines[row, col])},
            "values": rounded(cosines),
        }


def _widgets(function: Callable) -> list[Component]:
    """One for each parameter, by its type, labelled as it is annotated."""
    made = []
    for name, hint in get_type_hints(function, include_extras=True).items():
        if name == "return":
            continue
        (kind, label), default = get_args(hint), inspect.signature(function).parameters[name].default
        widget, more = _WIDGETS[kind]
        made.append(widget(default, label=label, **more))
    return made


def _picture(painted: Painted, item: Item, feature_map: FeatureMap) -> Image.Image:
    height, width = painted_size(item)
    layer = painted.layers[0]
    if painted.aligned == "picture":
        return Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC)
    return Image.fromarray(onto_picture(layer, feature_map.geometry, height, width))
