"""The Explore tab: the stage, the view that is painted on it, and the controls beside it."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.explore import views
from app.explore import widgets as controls
from app.explore.multiples import multiples_component
from app.explore.widgets import Controls
from app.explore.words import SEE, TRY
from app.page import figures, modules
from app.page.figures import FigureFold
from app.page.shared import Shared


@dataclass(frozen=True)
class MultiplesFold:
    """The fold with small multiples, and whether it is open."""

    fold: gr.Accordion
    board: gr.HTML
    is_open: gr.State


@dataclass(frozen=True)
class Explore:
    view: gr.Radio
    stage: gr.HTML
    facts: gr.Markdown
    lesson: gr.Markdown
    program: gr.Code
    controls: Controls
    downloads: dict[str, gr.Button]
    file: gr.DownloadButton
    patches: FigureFold
    numbers: FigureFold
    multiples: MultiplesFold


def stage_component(elem_id: str = "stage", **props) -> gr.HTML:
    """The pictures under the view, with everything a pointer can ask them.

    Props `pictures`, `features`, `view`, and `busy` (bool: a thin bar runs over it). `pictures_prop([])` shows what to
    do; `props` are those it is there with. `.select` has the event data {"picture", "row", "col"} of the patch pinned last, {} when cleared.
    """
    empty = {"pictures": {"pictures": []}, "features": {}, "view": {}, "busy": False}
    return modules.component("explore/stage.js", elem_id, **(empty | props))


def lay_out(shared: Shared, first: dict[str, Any]) -> Explore:
    """The tab's widgets; `first` are the props that its stage opens with."""
    gr.Markdown(f"{SEE}\n\n{TRY}", elem_classes="lead")
    names = [view.name for view in views.VIEWS]
    view = gr.Radio(
        names, value=names[0], label="View", show_label=False, container=False, elem_id="view", elem_classes="pills"
    )
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=5, min_width=320, elem_classes="picture-side"):
            stage = stage_component(**first)
            facts = gr.Markdown(elem_id="facts", elem_classes="facts")
            with gr.Accordion("All blocks and heads", open=False, elem_id="multiples") as fold:
                board = multiples_component()
            patches = figures.lay_out("Patches in 3-D", "patches")
            numbers = figures.lay_out("Numbers of this view as a figure", "numbers")
        with gr.Column(scale=1, min_width=280, elem_classes="control-side"):
            beside = controls.lay_out(shared)
            with gr.Accordion("Download", open=False, elem_id="downloads"):
                buttons = {
                    kind: gr.Button(label, size="sm", elem_id=f"download-{kind}")
                    for kind, label in (
                        ("png", "Pictures (PNG)"),
                        ("npz", "Numbers (.npz)"),
                        ("safetensors", "Numbers (.safetensors)"),
                        ("figure-png", "Figure for print (PNG, 300 dpi)"),
                        ("figure-svg", "Figure for print (SVG)"),
                        ("figure-pdf", "Figure for print (PDF)"),
                    )
                }
                file = gr.DownloadButton(visible="hidden", elem_id="download-file")
    with gr.Accordion("What am I seeing?", open=False, elem_id="lesson", elem_classes="lesson"):
        lesson = gr.Markdown(views.VIEWS[0].lesson)
    with gr.Accordion("The code that reproduces this view", open=False, elem_id="program"):
        program = gr.Code(
            language="python",
            interactive=False,
            label="The code that reproduces this view",
            show_label=False,
            elem_id="program-text",
        )
    small = MultiplesFold(fold, board, gr.State(False))
    return Explore(view, stage, facts, lesson, program, beside, buttons, file, patches, numbers, small)
