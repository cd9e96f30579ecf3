"""The tray at the left: a visitor's pictures, and every way to add one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app.page import modules, payloads
from app.page.sending import SendButton
from app.page.told import Told
from app.page.wiring import answer, warn
from app.server.engine import Engine
from app.server.session import Tray
from app.server.trays import add_sample, remove, sample_pictures
from app.server.uploads import Library, add_bytes, add_files, in_one

TICKS: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_id": "ticks", "concurrency_limit": 1}
"""Of quick clicks none is dropped, as Gradio would while the one before is under way, and each builds on that one."""


@dataclass(frozen=True)
class TrayWidgets:
    tray: gr.HTML
    files: SendButton
    camera: gr.Image
    samples: gr.Gallery
    samples_fold: gr.Accordion


def tray_component(elem_id: str = "tray", items: Sequence[dict] = ()) -> gr.HTML:
    """The visitor's pictures as thumbnails that can be selected and removed.

    Prop `items`: a list of {"id", "name", "thumb" (address or data URI), "selected"}. `.select` gives
    {"id", "selected"}, `.delete` {"id"}.
    """
    return modules.component("page/tray.js", elem_id, items=list(items))


def lay_out(items: Sequence[dict]) -> TrayWidgets:
    """The tray's widgets, with the pictures that it opens with. The samples' thumbnails come when their fold is opened."""
    tray = tray_component(items=items)
    files = SendButton(
        "Add pictures", file_count="multiple", type="filepath", elem_id="add-files", size="sm", variant="primary"
    )
    gr.Markdown("or drop them anywhere, or paste", elem_classes="hint")
    with gr.Accordion("Samples", open=False, elem_id="samples-fold") as fold:
        samples = gr.Gallery(
            columns=2,
            allow_preview=False,
            label="Samples",
            show_label=False,
            elem_id="samples",
            height="auto",
            object_fit="cover",
            interactive=False,
            buttons=[],
        )
    with gr.Accordion("Camera", open=False, elem_id="camera-fold"):
        camera = gr.Image(
            sources=["webcam"],
            type="filepath",
            image_mode=None,
            label="Camera",
            show_label=False,
            elem_id="camera",
            buttons=[],
        )
    return TrayWidgets(tray, files, camera, samples, fold)


def bring(library: Library, tray: Tray, files: Sequence[str]) -> Tray:
    """The tray with the files that were dropped on it; the visitor is told once of all that could not be added."""
    tray, problems = add_files(library, tray, files)
    if problems:
        warn(in_one(problems, len(files)), "Not added")
    return tray


def wire(engine: Engine, widgets: TrayWidgets, tray_state: gr.State, renew: Callable) -> None:
    """Let every change of the tray be drawn, and then what is looked at anew."""
    inputs = {"tray": tray_state}
    outputs = {"tray": tray_state, "items": widgets.tray}

    def update(tray: Tray) -> dict:
        return {"tray": tray, "items": payloads.tray_update(engine, tray)}

    def added(tray: Tray, files: list[str]) -> dict:
        return update(bring(engine.library, tray, files or []))

    def photographed(tray: Tray, photograph: str | None) -> dict | None:
        if photograph is None:
            return None
        path = Path(photograph)  # not decoded by Gradio, which knows none of our limits
        data = path.read_bytes()
        path.unlink(missing_ok=True)
        return update(add_bytes(engine.library, tray, data, f"camera {tray.counter + 1}{path.suffix}"))

    def sampled(tray: Tray, event: Told) -> dict:
        return update(add_sample(engine, tray, event.whole("index")))

    def ticked(tray: Tray, event: Told) -> dict:
        return update(tray.select(event.text("id"), event.flag("selected")))

    def removed(tray: Tray, event: Told) -> dict:
        return update(remove(engine, tray, event.text("id")))

    events = [
        answer(widgets.files.upload, added, inputs | {"files": widgets.files}, outputs),
        answer(widgets.camera.input, photographed, inputs | {"photograph": widgets.camera}, outputs),
        answer(widgets.samples.select, sampled, inputs, outputs),
        answer(widgets.tray.select, ticked, inputs, outputs, **TICKS),
        answer(widgets.tray.delete, removed, inputs, outputs),
    ]
    for event in events:
        renew(event.then)
    widgets.samples_fold.expand(lambda: sample_pictures(engine), None, widgets.samples, api_visibility="private")
