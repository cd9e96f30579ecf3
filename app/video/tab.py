"""The Video tab: a clip in, the same clip in steady colours out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image, ImageDraw

from app.page.files import fresh_folder, picture_file
from app.page.shared import Fitted, Shared, Tab
from app.page.told import Told
from app.page.wiring import HEAVY, LONG, answer, any_of, busy, stops
from app.server.session import FeatureSettings, Picture, Tray
from app.server.spool import spool
from app.server.trays import gallery
from app.video import clips
from app.video.clips import ClipSettings
from app.video.words import CAPTIONS, LEAD, LESSON
from core import RequestError

TASK = "clip"
"""The engine's name for this tab's job, to stop it."""
SAMPLE = "cheetah-running"


@dataclass(frozen=True)
class Video:
    """The tab's widgets; `settings` those that are a `ClipSettings` field, by its name."""

    clip: gr.Video
    sample: gr.Button
    pointing: gr.Column
    first: gr.Image
    settings: dict[str, Any]
    note: gr.Markdown
    start: gr.Button
    stop: gr.Button
    status: gr.HTML
    result: gr.Video
    caption: gr.Markdown
    point: gr.State


def add(shared: Shared) -> Video:
    """The tab laid out and wired."""
    tab = lay_out()
    wire(shared, tab)
    return tab


def lay_out() -> Video:
    """The tab's widgets."""
    gr.Markdown(LEAD, elem_classes="lead")
    with gr.Row(elem_id="video-sides", elem_classes="sides"):
        with gr.Column(scale=5, min_width=320, elem_classes="picture-side"):
            clip = gr.Video(sources=["upload"], label="Your clip", elem_id="clip", height=300)
            sample = gr.Button("Try it: a move over a photograph", size="sm", elem_id="clip-sample")
            with gr.Column(visible=False, elem_id="clip-pointing") as pointing:
                gr.Markdown("Click a place in the first frame: what looks like it, through the whole clip?")
                first = gr.Image(
                    type="filepath",
                    interactive=False,
                    label="First frame",
                    show_label=False,
                    buttons=[],
                    elem_id="clip-first",
                    height=300,
                )
            status = gr.HTML(elem_id="clip-status")
            result = gr.Video(
                label="In steady colours", interactive=False, autoplay=True, loop=True, elem_id="clip-out"
            )
            caption = gr.Markdown(elem_id="clip-caption", elem_classes="hint")
        with gr.Column(scale=1, min_width=280, elem_classes="control-side"):
            settings, note = _controls()
            start = gr.Button("Paint the clip", variant="primary", elem_id="clip-start")
            stop = gr.Button("Stop", visible=False, elem_id="clip-stop")
    with gr.Accordion("What am I seeing?", open=False, elem_classes="lesson"):
        gr.Markdown(LESSON)
    return Video(clip, sample, pointing, first, settings, note, start, stop, status, result, caption, gr.State(None))


def _controls() -> tuple[dict[str, Any], gr.Markdown]:
    with gr.Group():
        settings = {
            "view": gr.Radio(list(clips.VIEWS), value="PCA", label="View", elem_id="clip-view"),
            "rate": Fitted(
                1, clips.FASTEST, value=8, step=1, label="Frames a second", elem_id="clip-rate", buttons=[]
            ),
            "seconds": Fitted(
                1, clips.LONGEST_S, value=5, step=1, label="Seconds from the start", elem_id="clip-seconds", buttons=[]
            ),
            "size": Fitted(
                196, 518, value=336, step=14, label="Resolution", info="Longer side in pixels, for the model",
                elem_id="clip-size", buttons=[],
            ),
            "original": gr.Radio(list(clips.LAYOUTS), value="under", label="The clip itself", elem_id="clip-original"),
            "cover": Fitted(0, 1, value=1, step=0.05, label="Colours cover", elem_id="clip-cover", buttons=[]),
        }  # fmt: skip
        note = gr.Markdown("No clip yet.", elem_id="clip-note", elem_classes="hint")
    return settings, note


def wire(shared: Shared, tab: Video) -> None:
    """Everything on the tab."""
    engine = shared.engine
    chosen = shared.inputs("model") | {"clip": tab.clip, "point": tab.point, **tab.settings}

    def opened(model: str, clip: str | None, point, **values) -> Iterator[dict]:
        if clip is None:
            yield {"note": "No clip yet.", "first": None, "point": None, "status": ""}
            return
        spool().keep(Path(clip))
        frame = clips.first_frame(clip)
        note = clips.price(clip, _settings(values | {"view": "PCA"}), engine.models.get(model))
        yield {"note": note, "first": str(picture_file(frame)), "point": None, "status": ""}

    def priced(model: str, clip: str | None, point, **values) -> dict | None:
        if clip is None:
            return None
        return {"note": clips.price(clip, _settings(values | {"view": "PCA"}), engine.models.get(model))}

    def pointed(clip: str | None, event: Told) -> dict | None:
        if clip is None:
            return None
        frame = clips.first_frame(clip)
        x, y = event.numbers("index", 2)
        point = min(max(x / frame.width, 0.0), 1.0), min(max(y / frame.height, 0.0), 1.0)
        return {"point": point, "first": str(picture_file(_ringed(frame, point)))}

    def sampled(tray: Tray) -> dict:
        name, digest = next((pair for pair in gallery(engine) if pair[0] == SAMPLE), gallery(engine)[0])
        (item,) = engine.items(tray, [Picture("", name, digest, sample=True)])
        path = fresh_folder(spool().folder) / "a move over a photograph.mp4"
        clips.sample_clip(item.image, path)
        return {"clip": str(path)}

    about, latest = {name: getattr(tab, name) for name in ("note", "first", "point", "status")}, engine.latest["clip"]
    refused = {"note": "This file is no clip that can be painted.", "first": None, "point": None, "status": ""}
    answer(tab.clip.change, opened, chosen, about, latest=latest, idle=refused, **HEAVY)
    changed = any_of([tab.settings["size"].release, tab.settings["rate"].release, tab.settings["seconds"].release])
    answer(changed, priced, chosen, {"note": tab.note}, unless=latest, **HEAVY)
    answer(tab.first.select, pointed, {"clip": tab.clip}, {"point": tab.point, "first": tab.first}, unless=latest)
    answer(tab.sample.click, sampled, shared.inputs("tray"), {"clip": tab.clip})
    answer(
        tab.settings["view"].change,
        lambda view: {"pointing": gr.update(visible=view == "Similarity")},
        {"view": tab.settings["view"]},
        {"pointing": tab.pointing},
    )
    _wire_painting(shared, tab, chosen)


def _wire_painting(shared: Shared, tab: Video, chosen: dict) -> None:
    engine = shared.engine
    idle = {"start": gr.update(interactive=True), "stop": gr.update(visible=False)}

    def painted(tray: Tray, model: str, block: float, clip: str | None, point, **values) -> Iterator[dict]:
        if clip is None:
            raise RequestError("There is no clip yet: drop one, or try the move over a photograph.")
        settings = _settings(values, point)
        waiting = {"start": gr.update(interactive=False), "stop": gr.update(visible=True)}
        yield waiting | {"status": busy("Reading the clip …")}
        loaded = engine.models.get(model)
        out = fresh_folder(spool().folder) / f"dinoscope-{settings.view.lower()}.mp4"
        layer = FeatureSettings(block=int(block)).layer(loaded.depth)
        signal = engine.stop_signal(tray.visitor, TASK)
        for step in clips.paint_clip(engine, loaded, Path(clip), settings, layer, out, signal):
            yield {"status": busy(str(step))}
        yield idle | {
            "result": gr.update(value=str(out), visible=True),
            "status": "",
            "caption": CAPTIONS[settings.view],
        }

    outputs = {name: getattr(tab, name) for name in ("start", "stop", "status", "result", "caption")}
    answer(tab.start.click, painted, chosen | shared.inputs("tray", "block"), outputs, idle=idle, **LONG)

    def stop(tray: Tray) -> dict:
        engine.stop(tray.visitor, TASK)
        return {"stop": gr.update(visible=False)}

    stops(tab.stop, stop, shared.inputs("tray"), {"stop": tab.stop}, "clip-status")


def _settings(values: dict, point: tuple[float, float] | None = None) -> ClipSettings:
    return ClipSettings(**(values | {"size": int(values["size"]), "point": point}))


def _ringed(frame: Image.Image, point: tuple[float, float]) -> Image.Image:
    """The frame with a ring about a place given as fractions of it."""
    marked = frame.copy()
    x, y = point[0] * frame.width, point[1] * frame.height
    draw = ImageDraw.Draw(marked)
    for radius, colour, thick in ((9, "black", 4), (9, "white", 2)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=thick)
    return marked


TAB = Tab("Video", add)
