"""Widgets that make, fill, change and delete collections, and the dock that says what became of it."""

from dataclasses import dataclass
from typing import Literal

import gradio as gr

from app.page.sending import SendButton
from app.search.words import AGAIN, ASK_ALL, KEPT, SHARED
from app.server.access import Access

SIZES = [("224 px, fast", 224), ("518 px, finer parts, 8 times as slow", 518)]


LABELS = [("their folders", "folders"), ("their names, without numbers", "names"), ("nothing", "nothing")]


@dataclass(frozen=True)
class Fill:
    """What makes a collection and adds to it. `make` is for files that were dropped anywhere on the page."""

    title: gr.Textbox
    create: gr.Button
    files: SendButton
    folder: SendButton
    make: SendButton
    size: gr.Radio
    tags: gr.Textbox
    labels: gr.Radio
    path: gr.Textbox
    add_path: gr.Button


@dataclass(frozen=True)
class Dock:
    """What stays in sight: progress and its end, a way back, and what can be done with marked results."""

    progress: gr.Markdown
    cancel: gr.Button
    undo: gr.Button
    close: gr.Button
    row: gr.Row
    count: gr.Markdown
    tags: gr.Textbox
    tag: gr.Button
    untag: gr.Button
    remove: gr.Button


@dataclass(frozen=True)
class Manage:
    """What changes a whole collection."""

    rename_to: gr.Textbox
    rename: gr.Button
    export: gr.Button
    bring_in: SendButton
    originals: gr.Textbox
    size_again: gr.Radio
    again: gr.Button
    delete: gr.Button
    really: gr.Button


def lay_out_fill(access: Access) -> Fill:
    """The top of the tab."""
    with gr.Column(elem_id="search-fill"):
        with gr.Row():
            title = gr.Textbox(
                label="Name of a new collection", placeholder="Name of a new collection", show_label=False, container=False,
                max_lines=1, elem_id="search-title", scale=2, min_width=160,
            )  # fmt: skip
            create = _button("Create", "search-create", variant="primary")
            files = _upload("Drop pictures, folders, zip or tar here, or choose", "search-add", "multiple", scale=4)
            folder = _upload("Choose a folder", "search-add-folder", "directory", scale=1, min_width=140)
            make = _upload(ASK_ALL, "search-make", "multiple", visible="hidden")
        with gr.Accordion("Labels, tags and other ways to add", open=False, elem_id="search-more"):
            gr.Markdown(f"{SHARED} {KEPT}", elem_classes="hint")
            with gr.Row():
                tags = gr.Textbox(
                    label="Tags for what is added, commas between", max_lines=1, placeholder="one, two",
                    elem_id="search-new-tags",
                )  # fmt: skip
                size = gr.Radio(
                    SIZES,
                    value=224,
                    label="A new collection's pictures are shown to the model at",
                    elem_id="search-size",
                )
                labels = gr.Radio(
                    LABELS, value="folders", label="Labels from", elem_id="search-label-way",
                    info="A CSV among the files, with a column of names and one of labels, comes first",
                )  # fmt: skip
            with gr.Row(visible=access.loopback):
                path = gr.Textbox(
                    label="A folder, zip or tar on this machine", max_lines=1, placeholder="its path",
                    elem_id="search-path",
                )  # fmt: skip
                add_path = _button("Add", "search-add-path")
    return Fill(title, create, files, folder, make, size, tags, labels, path, add_path)


def lay_out_dock() -> Dock:
    """The dock, nothing in it."""
    with gr.Column(elem_id="search-dock"):
        with gr.Row(elem_id="search-told"):
            progress = gr.Markdown(elem_id="search-progress")
            cancel = _button("Stop", "search-cancel", visible=False)
            undo = _button("Undo", "search-undo", visible=False)
            close = _button("×", "search-close", min_width=40)
        with gr.Row(visible=False, elem_id="search-marked") as row:
            count = gr.Markdown(elem_id="search-marked-count")
            tags = gr.Textbox(
                label="Tags of the marked pictures", show_label=False, container=False, max_lines=1,
                placeholder="tags, commas between", elem_id="search-mark-tags",
                scale=3, min_width=120,
            )  # fmt: skip
            tag = _button("Tag", "search-tag")
            untag = _button("Untag", "search-untag")
            remove = _button("Remove", "search-remove")
    return Dock(progress, cancel, undo, close, row, count, tags, tag, untag, remove)


def lay_out_manage(access: Access) -> Manage:
    """The fold for the whole of the collection that is chosen."""
    with gr.Accordion("This collection: rename, embed again, export, delete", open=False, elem_id="search-manage"):
        with gr.Row():
            rename_to = gr.Textbox(
                label="Rename the collection", max_lines=1, placeholder="its new name", elem_id="search-rename-to"
            )
            rename = _button("Rename", "search-rename")
        with gr.Column(visible=access.loopback, elem_id="search-embed-again"):
            gr.Markdown(AGAIN, elem_classes="hint")
            with gr.Row():
                originals = gr.Textbox(
                    label="Its originals: a folder, zip or tar on this machine", max_lines=1, placeholder="the path",
                    elem_id="search-originals",
                )  # fmt: skip
                size_again = gr.Radio(SIZES, value=224, label="Shown to the model at", elem_id="search-size-again")
                again = _button("Embed again", "search-again")
        with gr.Row():
            export = _button("Export as zip", "search-export")
            bring_in = _upload("Import an export", "search-import", "single")
            delete = _button("Delete the collection", "search-delete")
            really = _button("Really delete it", "search-really", variant="stop", visible=False)
    return Manage(rename_to, rename, export, bring_in, originals, size_again, again, delete, really)


def _button(label: str, elem_id: str, **options) -> gr.Button:
    return gr.Button(label, size="sm", elem_id=elem_id, **({"min_width": 96, "scale": 0} | options))


def _upload(label: str, elem_id: str, file_count: Literal["single", "multiple", "directory"], **options) -> SendButton:
    return SendButton(label, type="filepath", size="sm", elem_id=elem_id, file_count=file_count, **options)
