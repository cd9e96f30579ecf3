"""The Map tab: the map, and the controls beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.map.colours import CHOICES
from app.map.handlers import LAYOUTS, MapRoom
from app.map.words import EMPTY, LEAD, LESSON
from app.page import modules
from app.page.shared import Fitted, FittedChoice


@dataclass(frozen=True)
class Map:
    """`settings` holds the widgets that decide where points are, `colours` those that only colour them."""

    source: gr.Dropdown
    atlas: gr.HTML
    status: gr.HTML
    stop: gr.Button
    settings: dict[str, Any]
    colours: dict[str, Any]
    recompute: gr.Button
    choice: gr.Column
    chosen: gr.Gallery
    chosen_note: gr.Markdown
    downloads: dict[str, gr.Button]
    file: gr.DownloadButton
    timer: gr.Timer


def atlas_component(about: Callable, elem_id: str = "atlas") -> gr.HTML:
    """A map of points that become pictures as one nears them.

    Props `places` and `colours` as `app.map.payloads` makes them, `note` and `empty` (sentences below it and in its
    place), `inline` (what is known of each point, for a map without a server). `about` is called by the browser with
    {"token", "ids"} for the points in sight. `.select` has the event data {"token", "id"} of a point clicked, `.submit`
    the same of one to be opened, `.input` {"token", "ids"} of those drawn round.
    """

    def asked(request: dict) -> dict:  # a plain function, since Gradio marks what it may be called by
        return about(request)

    asked.__name__ = "about"
    props: dict[str, Any] = {"places": {}, "colours": {}, "note": "", "empty": "", "inline": None}
    return modules.component("map/map.js", elem_id, server_functions=[asked], **props)


def lay_out(room: MapRoom) -> Map:
    """The tab's widgets."""
    gr.Markdown(LEAD, elem_classes="lead")
    with gr.Row(elem_id="map-sides", elem_classes="sides"):
        with gr.Column(scale=5, min_width=320, elem_classes="picture-side"):
            with gr.Row(elem_id="map-state"):
                status = gr.HTML(elem_id="map-status")
                stop = gr.Button("Stop", size="sm", visible=False, elem_id="map-stop", min_width=64)
            atlas = atlas_component(room.about)
            with gr.Column(visible=False, elem_id="map-chosen") as choice:
                chosen_note = gr.Markdown(elem_classes="hint", elem_id="map-chosen-note")
                chosen = gr.Gallery(
                    columns=8, allow_preview=False, label="Chosen points", show_label=False, height="auto", interactive=False, buttons=[],
                    elem_id="map-gallery", object_fit="cover",
                )  # fmt: skip
        with gr.Column(scale=1, min_width=280, elem_classes="control-side"):
            source = FittedChoice(
                room.sources(), value=room.sources()[0][1], label="What is mapped", elem_id="map-source"
            )
            colours = _colours()
            settings, recompute = _settings()
            with gr.Accordion("Download", open=False, elem_id="map-downloads"):
                downloads = {
                    "csv": gr.Button("Table (CSV)", size="sm", elem_id="map-csv"),
                    "html": gr.Button("Map as a page (HTML)", size="sm", elem_id="map-html"),
                }
                gr.Markdown("The picture (PNG) is among the buttons below the map.", elem_classes="hint")
                file = gr.DownloadButton(visible="hidden", elem_id="map-file")
    with gr.Accordion("What am I seeing?", open=False, elem_classes="lesson"):
        gr.Markdown(LESSON)
    timer = gr.Timer(1.0, active=False)
    return Map(
        source, atlas, status, stop, settings, colours, recompute, choice, chosen, chosen_note, downloads, file, timer
    )


def _colours() -> dict[str, Any]:
    with gr.Group():
        return {
            "by": gr.Radio(list(CHOICES), value="cluster", label="Colour by", elem_id="map-by"),
            "groups": Fitted(
                0,
                16,
                value=0,
                step=1,
                label="Clusters",
                info="0: the islands of the map",
                elem_id="map-groups",
                buttons=[],
            ),
        }


def _settings() -> tuple[dict[str, Any], gr.Button]:
    with gr.Group():
        layout = gr.Radio(list(LAYOUTS), value=LAYOUTS[0], label="Laid out by", elem_id="map-layout")
    with gr.Accordion("UMAP", open=False, elem_id="map-umap"):
        settings = {
            "layout": layout,
            "neighbours": Fitted(
                2, 100, value=15, step=1, label="Neighbours", info="Few show small groups, many the whole",
                elem_id="map-neighbours", buttons=[],
            ),
            "distance": Fitted(0, 1, value=0.1, step=0.05, label="Distance", elem_id="map-distance", buttons=[]),
            "seed": gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="map-seed"),
        }  # fmt: skip
        recompute = gr.Button("Recompute", variant="primary", size="sm", elem_id="map-recompute")
    return settings, recompute


def empty() -> gr.HTML:
    """The map of nothing, which says what to do."""
    return gr.HTML(places={}, colours={}, note="", empty=EMPTY)
