"""The endpoints for programs, with their types.

Widgets that nobody sees carry the types, so that `Client.view_api()` describes them and files travel as files.
"""

import functools
from collections.abc import Callable

import gradio as gr

from app.access import Access
from app.agents import list_of_files
from app.api import Api
from app.atlas.endpoint import AtlasApi
from app.engine import Engine
from app.tabs import search_endpoints
from app.tabs.wiring import HEAVY, LONG
from core import DinoError
from core.analysis.foreground import DEFAULT


def lay_out(engine: Engine, access: Access) -> None:
    """/pca, /foreground, /attention, /similarity, /match and /atlas; /search and /add_images."""
    search_endpoints.lay_out(engine, access)
    api, atlas_api = Api(engine), AtlasApi(engine)
    with gr.Column(visible=False):
        image = gr.File(label="image", type="filepath")
        other = gr.File(label="other image", type="filepath")
        x, y = (gr.Number(label=f"{name}, pixels of the picture") for name in "xy")
        size = gr.Number(label="longer side in pixels; the model's own where there is none", precision=0)
        layer = gr.Number(-1, label="block, counted from the end", precision=0)
        head = gr.Number(0, label="head from 1, or 0 for the mean", precision=0)
        method = gr.Textbox(DEFAULT, label="method: pca or cut")
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
    offers = {
        api.pca: [image, size, layer],
        api.foreground: [image, size, layer, method],
        api.attention: [image, size, layer, head],
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


def _reporting(function: Callable) -> Callable:
    @functools.wraps(function)
    def endpoint(*arguments):
        try:
            return function(*arguments)
        except DinoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return endpoint
