"""A page with nothing but the stage's components, for tests of what runs in the browser."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr
import numpy as np
import torch
from PIL import Image
from starlette.routing import Route

from app.explore.payloads import view_prop
from app.explore.tab import stage_component
from app.explore.view import Reading
from app.explore.views import FOREGROUND, PCA
from app.explore.widgets import threshold_component
from app.page import modules, stage
from app.page.theme import variables
from app.page.tray import tray_component
from core.features import FeatureMap, plan_grid
from tests.app.conftest import unused_port

NAMES = ["tabby.png", '<img src=x onerror="window.hacked=1">.jpg', "wide.png"]
SIDES = [(140, 140), (140, 196), (84, 196)]  # height, width


def feature_maps() -> list[FeatureMap]:
    """Random but smooth, so that every patch has one clear best match in each picture."""
    maps = []
    for seed, (height, width) in enumerate(SIDES):
        geometry = plan_grid(height, width, 140, 14)
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.randn(1, 32, 3, 4, generator=generator)
        fine = torch.nn.functional.interpolate(coarse, (geometry.rows, geometry.columns), mode="bicubic")
        maps.append(FeatureMap(fine[0].permute(1, 2, 0).contiguous(), torch.zeros(32), geometry))
    return maps


MAPS = feature_maps()
IMAGES = [Image.new("RGB", (width, height), (200, 90, 40)) for height, width in SIDES]
IDS = ["p0", "p1", "p2"]


NUMBERS = {key: np.random.default_rng(7).random((*m.grid, 2), np.float32) for key, m in zip(IDS, MAPS, strict=True)}
"""Two numbers a patch."""


def pca_view(shade: int) -> dict:
    layers = {key: np.full((*m.grid, 3), shade, np.uint8) for key, m in zip(IDS, MAPS, strict=True)}
    return view_prop(
        PCA, layers, caption=f"shade {shade}", values=NUMBERS, reading=Reading(("norm", "share"), "%", 100)
    )


def foreground_view() -> dict:
    """Scores that rise from 0 at the left edge to 1 at the right one."""
    ramps = {key: np.linspace(0, 255, image.width, dtype=np.uint8) for key, image in zip(IDS, IMAGES, strict=True)}
    layers = {key: np.tile(ramps[key], (image.height, 1)) for key, image in zip(IDS, IMAGES, strict=True)}
    scores = {
        key: np.tile(np.linspace(0, 1, m.grid[1], dtype=np.float32), (m.grid[0], 1))
        for key, m in zip(IDS, MAPS, strict=True)
    }
    reading = Reading(("foreground score",), note="0 is ground.")
    return view_prop(FOREGROUND, layers, aligned="picture", caption="scores", values=scores, reading=reading)


def tray_items(count: int) -> list[dict]:
    thumb = stage.pictures_prop([stage.StagePicture("t", "t", IMAGES[0], MAPS[0].geometry)])["pictures"][0]["uri"]
    named = NAMES + [f"picture {i}" for i in range(len(NAMES), count)]
    return [{"id": f"p{i}", "name": named[i], "thumb": thumb, "selected": i < 8} for i in range(count)]


def told(event: gr.EventData) -> str:
    return json.dumps(event._data)


def build_page() -> gr.Blocks:
    """The three components with three pictures, a radio that changes one prop, and a box that shows what was told."""
    pictures = [stage.StagePicture(*parts, m.geometry) for *parts, m in zip(IDS, NAMES, IMAGES, MAPS, strict=True)]
    counts = np.bincount([1, 1, 2, 6, 7, 7], minlength=10).tolist()
    histogram = {"counts": counts, "edges": [i / 10 for i in range(11)], "threshold": 0.5, "otsu": 0.4, "invert": False}
    with gr.Blocks() as blocks:
        tray = tray_component()
        upload = gr.UploadButton("Add pictures", file_count="multiple", elem_id="add-files")
        view = gr.Radio(["PCA", "Foreground", "Empty"], value="PCA", elem_id="view")
        shown = stage_component()
        threshold = threshold_component()
        log = gr.Textbox(elem_id="log")
        gr.Textbox(elem_id="notes")

        def chosen(name: str) -> gr.HTML:
            if name == "Empty":
                return gr.HTML(pictures=stage.pictures_prop([]))
            time.sleep(0.2)  # long enough to be seen waiting
            return gr.HTML(view=pca_view(120) if name == "PCA" else foreground_view())

        view.change(chosen, view, shown, show_progress="full")
        for trigger in (shown.select, tray.select, tray.delete, threshold.change):
            trigger(told, None, log)
        upload.upload(lambda paths: json.dumps([path.rpartition("/")[2] for path in paths]), upload, log)
        blocks.load(
            lambda: (
                gr.HTML(
                    pictures=stage.pictures_prop(pictures), features=stage.features_prop(IDS, MAPS), view=pca_view(10)
                ),
                gr.HTML(items=tray_items(10)),
                gr.HTML(histogram=histogram),
            ),
            None,
            [shown, tray, threshold],
        )
    return blocks


@contextmanager
def launched(blocks: gr.Blocks, modules_route: Route | None = None) -> Iterator[str]:
    """The address of a page of components, with the app's scripts and styles; their modules by another route, if given."""
    _, url, _ = blocks.launch(
        server_port=unused_port(),
        prevent_thread_lock=True,
        quiet=True,
        css=variables(),
        css_paths=modules.styles(),
        head=modules.script("page/page.js"),
        ssr_mode=False,
        app_kwargs={"routes": [modules_route or modules.route()]},
    )
    yield url
    blocks.close(verbose=False)
