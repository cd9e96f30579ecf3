"""The endpoints for programs, with their types.

Widgets that nobody sees carry the types, so that `Client.view_api()` describes them and files travel as files.
"""

import functools
import inspect
from collections.abc import Callable
from typing import get_args, get_type_hints

import gradio as gr

from app.explore import views
from app.explore.endpoints import Api
from app.map.endpoints import AtlasApi
from app.page.wiring import HEAVY, LONG
from app.search import endpoints as search_endpoints
from app.server.access import Access
from app.server.agents import list_of_files
from app.server.engine import Engine
from core import DinoError

_WIDGETS = {str: (gr.Textbox, {}), int: (gr.Number, {"precision": 0}), float: (gr.Number, {}), bool: (gr.Checkbox, {})}


def lay_out(engine: Engine, access: Access) -> None:
    """One for each view that has one, /similarity, /match and /atlas; /search and /add_images."""
    search_endpoints.lay_out(engine, access)
    api, atlas_api = Api(engine), AtlasApi(engine)
    with gr.Column(visible=False):
        image = gr.File(label="image", type="filepath")
        other = gr.File(label="other image", type="filepath")
        x, y = (gr.Number(label=f"{name}, pixels of the picture") for name in "xy")
        size = gr.Number(label="longer side in pixels; the model's own where there is none", precision=0)
        layer = gr.Number(-1, label="block, counted from the end", precision=0)
        density = gr.Number(0.35, label="density: matches per patch along a line, above 0 to 1")
        mutual = gr.Checkbox(True, label="mutual: both patches choose each other")
        inside = gr.Checkbox(True, label="inside: the foreground alone")
        smoothing = gr.Number(1, label="smoothing: neighbours at each side, 0 to 3", precision=0)
        images = list_of_files(gr.File(label="images", type="filepath", file_count="multiple"))
        way = gr.Textbox("umap", label="method: umap or pca")
        clusters = gr.Number(0, label="clusters, or 0 for the islands of the map", precision=0)
        neighbours = gr.Number(15, label="neighbours of UMAP", precision=0)
        seed = gr.Number(0, label="seed of UMAP", precision=0)
        picture = gr.Image(label="picture", format="png", type="pil")
        numbers = gr.JSON(label="numbers")
        ask = gr.Button()
        own = [(api.view(view), _widgets(view.endpoint.options)) for view in views.VIEWS if view.endpoint]
    offers = {
        **{function: [image, size, layer, *widgets] for function, widgets in own},
        api.similarity: [image, x, y, other, size, layer],
        api.match: [image, other, size, layer, density, mutual, inside, smoothing],
        atlas_api.atlas: [images, way, clusters, neighbours, seed],
    }
    long = (atlas_api.atlas,)
    for function, widgets in offers.items():
        ask.click(
            _reporting(function),
            widgets,
            [picture, numbers],
            api_name=function.__name__,
            api_description=function.__doc__,
            show_progress="hidden",
            **(LONG if function in long else HEAVY),
        )


def _widgets(function: Callable) -> list[gr.components.Component]:
    """One for each parameter, by its type, labelled as it is annotated."""
    made = []
    for name, hint in get_type_hints(function, include_extras=True).items():
        if name == "return":
            continue
        (kind, label), default = get_args(hint), inspect.signature(function).parameters[name].default
        widget, more = _WIDGETS[kind]
        made.append(widget(default, label=label, **more))
    return made


def _reporting(function: Callable) -> Callable:
    @functools.wraps(function)
    def endpoint(*arguments):
        try:
            return function(*arguments)
        except DinoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return endpoint
