"""The endpoints for programs that ask or fill collections, with their types."""

import gradio as gr

from app.page.wiring import HEAVY, LONG
from app.search.api import SIZE, SearchApi
from app.server.access import Access
from app.server.agents import list_of_files
from app.server.engine import Engine
from core import DinoError


def lay_out(engine: Engine, access: Access) -> None:
    """/search and /add_images."""
    api = SearchApi(engine)

    def search(collection: str, image: str, mode: str, box: str, point: str, k: int, tags: str):
        try:
            return api.search(collection, image, mode, box, point, k, tags)
        except DinoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def add_images(collection: str, images: list[str], tags: str, size: int, request: gr.Request):
        try:
            access.check_writing(dict(request.headers))
            return api.add_images(collection, images, tags, size)
        except DinoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    with gr.Column(visible=False):
        collection = gr.Textbox(label="collection: its key or title, or gallery")
        image = gr.File(label="image", type="filepath")
        images = list_of_files(gr.File(label="images, zip or tar archives", type="filepath", file_count="multiple"))
        mode = gr.Textbox("cls", label="mode: cls, mean or region")
        box = gr.Textbox("", label="box: left, top, right, bottom in pixels, or empty")
        point = gr.Textbox("", label="point: x, y in pixels, or empty")
        k = gr.Number(24, label="results", precision=0)
        tags = gr.Textbox("", label="tags with commas between, or empty")
        size = gr.Number(SIZE, label="longer side in pixels, for a new collection", precision=0)
        picture = gr.Image(label="contact sheet", format="png", type="pil")
        numbers = gr.JSON(label="numbers")
        ask, fill = gr.Button(), gr.Button()
    shown = {"show_progress": "hidden"}
    inputs = [collection, image, mode, box, point, k, tags]
    ask.click(
        search, inputs, [picture, numbers], api_name="search", api_description=api.search.__doc__, **shown, **HEAVY
    )
    inputs = [collection, images, tags, size]
    fill.click(
        add_images, inputs, numbers, api_name="add_images", api_description=api.add_images.__doc__, **shown, **LONG
    )
