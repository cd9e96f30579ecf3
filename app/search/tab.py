"""The Search tab: a collection is made and filled at the top, asked at the left, its answers beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.page import facets, modules
from app.page.shared import Fitted, FittedChoice
from app.search import curation, shelves
from app.search.curation import CurationFold
from app.search.shelves import Dock, Fill, Manage
from app.search.words import SEE, TRY, lesson
from app.server.access import Access

MODES = [("whole: cls", "cls"), ("whole: mean patch", "mean"), ("part: region", "region")]
ORDERS = [("as they were added", "added"), ("newest first", "newest")]


@dataclass(frozen=True)
class States:
    """The server's memory of a visitor."""

    asked: gr.State
    """The question, as `question.still_there` takes it."""
    marked: gr.State
    """Ids of marked results."""
    listing: gr.State
    """The `Listing` that is shown."""
    undo: gr.State
    """Changes that can be undone, as `app.page.marked` does them."""


@dataclass(frozen=True)
class Search:
    """`settings` holds the widgets that are a `SearchSettings` field, by its name; `examples` a button for each."""

    examples: dict[str, gr.Button]
    settings: dict[str, Any]
    words: gr.Textbox
    """For models that can be asked in words; hidden for others."""
    query: gr.HTML
    question: gr.HTML
    results: gr.HTML
    facts: gr.Markdown
    credit: gr.Markdown
    threshold: gr.Slider
    duplicates: gr.Button
    count: gr.Slider
    diverse: gr.Button
    downloads: dict[str, gr.Button]
    file: gr.DownloadButton
    fill: Fill
    dock: Dock
    manage: Manage
    curation: CurationFold


def query_component(elem_id: str = "search-query") -> gr.HTML:
    """The selected pictures, each for, against or left out, as a whole or a part of it.

    Prop `query` as `app.search.payloads.query_prop` says. `.submit` has the event data {"asked": [{picture, against,
    box, point, record, collection}, ...]}, boxes and points in shares of the picture's sides.
    """
    return modules.component("search/query.js", elem_id, query={})


def question_component(elem_id: str = "search-question") -> gr.HTML:
    """What is asked, in words and small pictures.

    Prop `question` as `app.search.payloads.question_prop` says. `.delete` gives {"place"} of a part that is taken out,
    `.clear` {} where all of it is.
    """
    return modules.component("search/question.js", elem_id, question={})


def results_component(elem_id: str = "search-results") -> gr.HTML:
    """Results as a grid, lit where they match, page by page; a click enlarges one.

    Prop `results` as `app.search.payloads.results_prop` says, `busy`. `.select` gives {"ids": [...]} of the marked
    ones, `.submit` {"id"} of one that is wanted in the tray, `.like` {"id", "how"} of one to ask with ("only", "and",
    "not"), `.input` {"page"}, counted from 0.
    """
    return modules.component("search/results.js", elem_id, results={}, busy=False)


def lay_out(access: Access, examples: Sequence[str] = ()) -> Search:
    """The tab's widgets, with a button for each of the examples."""
    gr.Markdown(f"{SEE}\n\n{TRY}", elem_classes="lead")
    _folds()
    fill = shelves.lay_out_fill(access)
    settings: dict[str, Any] = {}
    with gr.Row(elem_id="search-sides", elem_classes="sides"):
        with gr.Column(scale=1, min_width=240, elem_id="search-query-side"):
            settings["collection"] = FittedChoice([], label="Collection", elem_id="search-collection")
            settings["mode"] = gr.Radio(MODES, value="cls", label="Compare", elem_id="search-mode")
            words = gr.Textbox(
                label="In words",
                placeholder="a wheel",
                info="Enter looks for it. Empty, the pictures are asked with again.",
                max_lines=1,
                elem_id="search-words",
                visible=False,
            )
            query = query_component()
            _facets(settings)
        with gr.Column(scale=5, min_width=320, elem_id="search-result-side"):
            with gr.Row(elem_id="search-examples", elem_classes="examples", visible=bool(examples)):
                gr.Markdown("Examples:", elem_classes="hint")
                buttons = {
                    title: gr.Button(title, size="sm", min_width=60, elem_id=f"search-example-{number}")
                    for number, title in enumerate(examples)
                }
            question = question_component()
            facts = gr.Markdown(elem_id="search-facts")
            results = results_component()
            credit = gr.Markdown(elem_id="search-credit")
            with gr.Accordion("Download", open=False, elem_id="search-downloads"), gr.Row():
                downloads = {
                    "csv": gr.Button("What is shown (CSV)", size="sm", elem_id="search-csv"),
                    "png": gr.Button("Contact sheet (PNG)", size="sm", elem_id="search-png"),
                }
                file = gr.DownloadButton(visible="hidden", elem_id="search-file")
            with gr.Accordion("Near-duplicates and diverse subsets", open=False, elem_id="search-duplicates"):
                threshold, duplicates = _finder(
                    Fitted(0.7, 1, value=0.95, step=0.01, label="Cosine of at least", elem_id="search-threshold",
                              buttons=[]),
                    "Find groups of nearly equal pictures", "search-find-groups",
                )  # fmt: skip
                count, diverse = _finder(
                    Fitted(2, 200, value=24, step=1, label="Pictures", elem_id="search-diverse-count", buttons=[]),
                    "Find so many that differ most", "search-find-diverse",
                )  # fmt: skip
            manage = shelves.lay_out_manage(access)
            curated = curation.lay_out(access)
    with gr.Accordion("What am I seeing?", open=False, elem_id="search-lesson", elem_classes="lesson"):
        gr.Markdown(lesson())
    dock = shelves.lay_out_dock()
    return Search(
        buttons, settings, words, query, question, results, facts, credit, threshold, duplicates, count, diverse, downloads,
        file, fill, dock, manage, curated,
    )  # fmt: skip


def _folds() -> None:
    """On a phone, where the results come first: buttons that show what stands above or beside them elsewhere."""
    with gr.Row(elem_id="search-folds"):
        for label, shown in (("Collection and filter", "search-query-side"), ("New or more pictures", "search-fill")):
            fold = gr.Button(label, size="sm", min_width=60, elem_id=f"{shown}-fold")
            fold.click(None, js=f"() => {{ window.dinoscope.unfold('{shown}'); }}", api_visibility="private")


def _facets(settings: dict[str, Any]) -> None:
    """Filters by what pictures have, and how many are shown in which order."""
    with gr.Accordion("Filter and order", open=False, elem_id="search-filter"):
        settings |= facets.lay_out("search")
        settings["order"] = gr.Radio(
            ORDERS, value="added", label="Order while nothing is asked", elem_id="search-order", visible=False
        )
        settings["k"] = Fitted(6, 96, value=24, step=6, label="Results on a page", elem_id="search-k", buttons=[])


def _finder(slider: gr.Slider, label: str, elem_id: str) -> tuple[gr.Slider, gr.Button]:
    return slider, gr.Button(label, size="sm", elem_id=elem_id)
