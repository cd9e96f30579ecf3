"""The Search tab: what is asked at the left, results beside it, and the collections below."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.page import modules
from app.page.sending import SendButton
from app.page.shared import Fitted, FittedChoice
from app.search import curation
from app.search.curation import CurationFold
from app.search.words import KEPT, LESSON, SEE, SHARED, TRY
from app.server.access import Access

MODES = [("whole: cls", "cls"), ("whole: mean patch", "mean"), ("part: region", "region")]
SIZES = [("224 px, fast", 224), ("518 px, finer parts, 8 times as slow", 518)]


@dataclass(frozen=True)
class States:
    """The server's memory of a visitor: what is asked with, and the ids of marked results."""

    asked: gr.State
    marked: gr.State


@dataclass(frozen=True)
class Manage:
    """The widgets that change collections."""

    title: gr.Textbox
    size: gr.Radio
    create: gr.Button
    files: SendButton
    folder: SendButton
    path: gr.Textbox
    add_path: gr.Button
    tags: gr.Textbox
    tag: gr.Button
    untag: gr.Button
    remove: gr.Button
    rename_to: gr.Textbox
    rename: gr.Button
    export: gr.Button
    bring_in: SendButton
    delete: gr.Button
    really: gr.Button
    progress: gr.Markdown
    cancel: gr.Button


@dataclass(frozen=True)
class Search:
    """`settings` holds the widgets that are a `SearchSettings` field, by its name."""

    settings: dict[str, Any]
    query: gr.HTML
    results: gr.HTML
    facts: gr.Markdown
    threshold: gr.Slider
    duplicates: gr.Button
    downloads: dict[str, gr.Button]
    file: gr.DownloadButton
    manage: Manage
    curation: CurationFold


def query_component(elem_id: str = "search-query") -> gr.HTML:
    """The selected pictures, each for, against or left out, as a whole or a part of it.

    Prop `query` as `app.search.payloads.query_prop` says. `.submit` has the event data {"asked": [{picture, against,
    box, point}, ...]}, boxes and points in shares of the picture's sides.
    """
    return modules.component("search/query.js", elem_id, query={})


def results_component(elem_id: str = "search-results") -> gr.HTML:
    """Results as a grid, lit where they match.

    Prop `results` as `app.search.payloads.results_prop` says, `busy`. `.select` gives {"ids": [...]} of the marked
    ones, `.submit` {"id"} of one that is wanted in the tray.
    """
    return modules.component("search/results.js", elem_id, results={}, busy=False)


def lay_out(access: Access) -> Search:
    """The tab's widgets."""
    gr.Markdown(f"{SEE}\n\n{TRY}", elem_classes="lead")
    settings: dict[str, Any] = {}
    with gr.Row(elem_id="search-sides", elem_classes="sides"):
        with gr.Column(scale=1, min_width=240, elem_id="search-query-side"):
            settings["collection"] = FittedChoice([], label="Collection", elem_id="search-collection")
            settings["mode"] = gr.Radio(MODES, value="cls", label="Compare", elem_id="search-mode")
            query = query_component()
            with gr.Group():
                settings["tags"] = FittedChoice(
                    [], value=[], multiselect=True, label="Only with all of these tags", elem_id="search-tags"
                )
                settings["k"] = Fitted(6, 96, value=24, step=6, label="Results", elem_id="search-k", buttons=[])
        with gr.Column(scale=5, min_width=320, elem_id="search-result-side"):
            facts = gr.Markdown(elem_id="search-facts")
            results = results_component()
            with gr.Accordion("Download", open=False, elem_id="search-downloads"), gr.Row():
                downloads = {
                    "csv": gr.Button("Results (CSV)", size="sm", elem_id="search-csv"),
                    "png": gr.Button("Contact sheet (PNG)", size="sm", elem_id="search-png"),
                }
                file = gr.DownloadButton(visible="hidden", elem_id="search-file")
            with gr.Accordion("Near-duplicates", open=False, elem_id="search-duplicates"):
                threshold = Fitted(
                    0.7, 1, value=0.95, step=0.01, label="Cosine of at least", elem_id="search-threshold", buttons=[]
                )
                duplicates = gr.Button("Find groups of nearly equal pictures", size="sm", elem_id="search-find-groups")
            manage = _manage(access)
            curated = curation.lay_out(access)
    with gr.Accordion("What am I seeing?", open=False, elem_id="search-lesson", elem_classes="lesson"):
        gr.Markdown(LESSON)
    return Search(settings, query, results, facts, threshold, duplicates, downloads, file, manage, curated)


def _manage(access: Access) -> Manage:
    with gr.Accordion("Collections", open=False, elem_id="search-manage"):
        gr.Markdown(f"{SHARED} {KEPT}", elem_classes="hint")
        progress = gr.Markdown(elem_id="search-progress")
        cancel = gr.Button("Cancel", size="sm", visible=False, elem_id="search-cancel")
        with gr.Row():
            title = gr.Textbox(label="New collection", placeholder="its name", max_lines=1, elem_id="search-title")
            size = gr.Radio(SIZES, value=224, label="Pictures are shown to the model at", elem_id="search-size")
            create = gr.Button("Create", size="sm", variant="primary", elem_id="search-create", min_width=128, scale=0)
        with gr.Row():
            files = _upload("Add pictures, zip or tar", "search-add", file_count="multiple")
            folder = _upload("Add a folder", "search-add-folder", file_count="directory")
        at_home = access.loopback
        with gr.Row(visible=at_home):
            path = gr.Textbox(
                label="Or a folder, zip or tar on this machine",
                max_lines=1,
                placeholder="its path",
                elem_id="search-path",
            )
            add_path = gr.Button("Add", size="sm", min_width=80, elem_id="search-add-path")
        with gr.Row():
            tags = gr.Textbox(
                label="Tags, with commas between", max_lines=1, placeholder="one, two", elem_id="search-new-tags",
                info="Given to what is added, or put on marked results",
            )  # fmt: skip
            tag = gr.Button("Tag marked", size="sm", elem_id="search-tag", min_width=128, scale=0)
            untag = gr.Button("Untag marked", size="sm", elem_id="search-untag", min_width=128, scale=0)
            remove = gr.Button("Remove marked", size="sm", elem_id="search-remove", min_width=128, scale=0)
        with gr.Row():
            rename_to = gr.Textbox(
                label="Rename the collection", max_lines=1, placeholder="its new name", elem_id="search-rename-to"
            )
            rename = gr.Button("Rename", size="sm", elem_id="search-rename", min_width=128, scale=0)
        with gr.Row():
            export = gr.Button("Export as zip", size="sm", elem_id="search-export", min_width=128, scale=0)
            bring_in = _upload("Import an export", "search-import", file_count="single")
            delete = gr.Button("Delete the collection", size="sm", elem_id="search-delete", min_width=128, scale=0)
            really = gr.Button("Really delete it", size="sm", variant="stop", visible=False, elem_id="search-really")
    return Manage(
        title, size, create, files, folder, path, add_path, tags, tag, untag, remove, rename_to, rename, export, bring_in,
        delete, really, progress, cancel,
    )  # fmt: skip


def _upload(label: str, elem_id: str, **options) -> SendButton:
    return SendButton(label, type="filepath", size="sm", elem_id=elem_id, **options)
