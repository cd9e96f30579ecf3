"""The Map tab: the map, and the controls beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.map.colours import CHOICES
from app.map.handlers import LAYOUTS, MapRoom
from app.map.neighbours import MOST
from app.map.words import EMPTY, LEAD, LESSON
from app.page import facets, modules
from app.page.shared import Fitted, FittedChoice


@dataclass(frozen=True)
class Map:
    """`settings` holds the widgets that decide where points are, `colours` those that only colour them.

    `facets` are the dropdowns of the filter, by kind.
    """

    source: gr.Dropdown
    atlas: gr.HTML
    status: gr.HTML
    stop: gr.Button
    settings: dict[str, Any]
    colours: dict[str, Any]
    recompute: gr.Button
    near: gr.Slider
    facets: dict[str, FittedChoice]
    filter_fold: gr.Accordion
    filter_note: gr.Markdown
    choice: gr.Column
    chosen: gr.Gallery
    chosen_note: gr.Markdown
    clear: gr.Button
    tagging: "Tagging"
    downloads: dict[str, gr.Button]
    file: gr.DownloadButton
    timer: gr.Timer


@dataclass(frozen=True)
class Tagging:
    """What tags the chosen points, where they are pictures of an own collection."""

    row: gr.Row
    tags: gr.Textbox
    tag: gr.Button
    untag: gr.Button
    undo: gr.Button
    told: gr.Markdown


def atlas_component(about: Callable, elem_id: str = "atlas") -> gr.HTML:
    """A map of points that become pictures as one nears them.

    Props `places` and `colours` as `app.map.payloads` makes them, `note` and `empty` (sentences below it and in its
    place), `inline` (what is known of each point, for a map without a server), `lit` and `chosen` (`app.map.filtering`), `near`
    (`app.map.neighbours`). `about` is called by the browser with {"token", "ids"} for the points in sight. `.select` has
    the event data {"token", "id"} of a point clicked, `.submit` the same of one to be opened, `.like` of one that more
    like it are searched for, `.input` {"token", "ids"} of those chosen.
    """

    def asked(request: dict) -> dict:  # a plain function, since Gradio marks what it may be called by
        return about(request)

    asked.__name__ = "about"
    props: dict[str, Any] = {
        "places": {}, "colours": {}, "note": "", "empty": "", "inline": None, "lit": {}, "chosen": {}, "near": {},
    }  # fmt: skip
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
                with gr.Row(elem_id="map-chosen-state"):
                    chosen_note = gr.Markdown(elem_classes="hint", elem_id="map-chosen-note")
                    clear = _button("Clear", "map-clear")
                tagging = _tagging()
                chosen = gr.Gallery(
                    columns=8, allow_preview=False, label="Chosen points", show_label=False, height="auto", interactive=False, buttons=[],
                    elem_id="map-gallery", object_fit="cover",
                )  # fmt: skip
        with gr.Column(scale=1, min_width=280, elem_classes="control-side"):
            source = FittedChoice(
                room.sources(), value=room.sources()[0][1], label="What is mapped", elem_id="map-source"
            )
            colours = _colours()
            near = Fitted(
                0, MOST, value=8, step=1, label="Most alike", info="Shown with a clicked point", elem_id="map-near",
                buttons=[],
            )  # fmt: skip
            with gr.Accordion("Filter", open=False, visible=False, elem_id="map-filter") as filter_fold:
                filters = facets.lay_out("map")
                filter_note = gr.Markdown(elem_classes="hint", elem_id="map-filter-note")
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
        source, atlas, status, stop, settings, colours, recompute, near, filters, filter_fold, filter_note, choice, chosen,
        chosen_note, clear, tagging, downloads, file, timer,
    )  # fmt: skip


def _tagging() -> Tagging:
    with gr.Row(visible=False, elem_id="map-tagging") as row:
        tags = gr.Textbox(
            label="Tags of the chosen pictures", show_label=False, container=False, max_lines=1,
            placeholder="tags, commas between", elem_id="map-tags-typed", scale=3, min_width=140,
        )  # fmt: skip
        tag, untag = _button("Tag", "map-tag"), _button("Untag", "map-untag")
        undo = _button("Undo", "map-undo", visible=False)
        told = gr.Markdown(elem_id="map-tagged")
    return Tagging(row, tags, tag, untag, undo, told)


def _button(label: str, elem_id: str, **options) -> gr.Button:
    return gr.Button(label, size="sm", elem_id=elem_id, min_width=80, scale=0, **options)


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
    return gr.HTML(places={}, colours={}, note="", empty=EMPTY, lit={}, chosen={}, near={})
