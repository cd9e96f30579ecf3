"""The controls beside the stage, one group for each view."""

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.stage import threshold_component
from app.tabs.shared import Shared
from core.analysis.foreground import DEFAULT

COMPONENTS = 6
"""Principal components on offer as colours; the first three are shown unless asked otherwise."""


@dataclass(frozen=True)
class Controls:
    """`settings` holds the widgets that are a `Settings` field, by its name; `groups` those of each view."""

    settings: dict[str, Component]
    groups: dict[str, gr.Column]
    cost: gr.Markdown
    threshold: gr.HTML
    cut_out: gr.Button
    basis_load: gr.UploadButton
    basis_save: gr.Button
    basis_forget: gr.Button
    basis_note: gr.Markdown


def lay_out(shared: Shared) -> Controls:
    """Everything beside the stage; what is shared with other tabs, or has to fit the model, comes to stand here."""
    with gr.Group():
        shared.size.render()
        cost = gr.Markdown(elem_id="cost", elem_classes="hint")
        shared.block.render()
    settings = shared.inputs("size", "block", "asking", "head")
    groups = {}  # columns, since Gradio gives a group and what is in it the same id
    with gr.Column(elem_id="controls-pca") as groups["PCA"], gr.Group():
        basis = _pca(settings)
    with gr.Column(visible=False, elem_id="controls-foreground") as groups["Foreground"], gr.Group():
        threshold, cut_out = _foreground(settings)
    with gr.Column(visible=False, elem_id="controls-attention") as groups["Attention"], gr.Group():
        shared.asking.render()
        shared.head.render()
    with gr.Column(visible=False, elem_id="controls-norms") as groups["Norms"], gr.Group():
        gr.Markdown(
            "Nothing to set: choose another block, or a model with registers, and compare.", elem_classes="hint"
        )
    with gr.Column(visible=False, elem_id="controls-segments") as groups["Segments"], gr.Group():
        settings["segments"] = gr.Slider(2, 12, value=6, step=1, label="Groups", elem_id="segments", buttons=[])
        settings["grouping"] = gr.Radio(
            [("k-means", "kmeans"), ("spectral", "spectral")], value="kmeans", label="Found by", elem_id="grouping"
        )
    return Controls(settings, groups, cost, threshold, cut_out, *basis)


def _pca(settings: dict[str, Component]) -> tuple[gr.UploadButton, gr.Button, gr.Button, gr.Markdown]:
    settings["stages"] = gr.Radio(
        ["One stage", "Two stages"], value="One stage", label="Analyse", elem_id="stages",
        info="Two stages: the object's patches alone",
    )  # fmt: skip
    with gr.Row(elem_id="colours"):
        for number, colour in enumerate(("red", "green", "blue"), start=1):
            settings[colour] = gr.Dropdown(
                list(range(1, COMPONENTS + 1)), value=number, label=colour.capitalize(), elem_id=colour, min_width=60
            )
    settings["flip"] = gr.Checkbox(label="Invert colours", elem_id="flip")
    with gr.Accordion("Percentiles and basis", open=False, elem_id="pca-more"):
        settings["low"] = gr.Slider(
            0, 20, value=1, step=0.5, label="Clip below (percentile)", elem_id="low", buttons=[]
        )
        settings["high"] = gr.Slider(
            80, 100, value=99, step=0.5, label="Clip above (percentile)", elem_id="high", buttons=[]
        )
        save = gr.Button("Save this basis", size="sm", elem_id="basis-save")
        load = gr.UploadButton("Apply a saved basis", size="sm", file_count="single", elem_id="basis-load")
        forget = gr.Button("Back to these pictures' own", size="sm", visible=False, elem_id="basis-forget")
        note = gr.Markdown(elem_classes="hint", elem_id="basis-note")
    return load, save, forget, note


def _foreground(settings: dict[str, Component]) -> tuple[gr.HTML, gr.Button]:
    threshold = threshold_component(elem_id="threshold")
    settings["invert"] = gr.Checkbox(label="Invert", elem_id="invert")
    settings["method"] = gr.Radio(
        [("first component", "pca"), ("normalised cut", "cut")], value=DEFAULT, label="Found by", elem_id="method"
    )
    return threshold, gr.Button("Download cut-outs (PNG)", size="sm", elem_id="cut-out")
