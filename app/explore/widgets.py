"""The controls beside the stage, one group for each view, made from what the views say of theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from app.explore import controls, views
from app.page import modules
from app.page.sending import SendButton
from app.page.shared import Fitted, Shared
from core.model.language import LONGEST_TEXT


def threshold_component(elem_id: str = "threshold") -> gr.HTML:
    """A histogram with a threshold to drag. Whenever it is set or dragged, the stage's foreground follows in the browser.

    Prop `histogram`: {"counts", "edges", "threshold", "otsu" (optional), "invert"}. `.change` gives {"threshold": t} on
    release, or {"threshold": None} where the visitor goes back to Otsu's. The switch for `invert` is a checkbox of the
    page.
    """
    return modules.component("explore/threshold.js", elem_id, histogram={})


PARTS: dict[str, Callable[[], Component]] = {
    "threshold": threshold_component,
    "cut-out": lambda: gr.Button("Download cut-outs (PNG)", size="sm", elem_id="cut-out"),
    "basis-save": lambda: gr.Button("Save this basis", size="sm", elem_id="basis-save"),
    "basis-load": lambda: SendButton("Apply a saved basis", size="sm", file_count="single", elem_id="basis-load"),
    "basis-forget": lambda: gr.Button("Back to these pictures' own", size="sm", visible=False, elem_id="basis-forget"),
    "basis-note": lambda: gr.Markdown(elem_classes="hint", elem_id="basis-note"),
}
"""Widgets that a view's controls may hold beside its options, by name; `app.explore.events` wires them."""


@dataclass(frozen=True)
class Controls:
    """`settings` holds the widgets that are settings or options of a view, by name; `groups` those of each view."""

    settings: dict[str, Any]
    groups: dict[str, gr.Column]
    parts: dict[str, Any]
    cost: gr.Markdown


def lay_out(shared: Shared) -> Controls:
    """Everything beside the stage; what is shared with other tabs, or has to fit the model, comes to stand here."""
    with gr.Group():
        shared.size.render()
        cost = gr.Markdown(elem_id="cost", elem_classes="hint")
        shared.block.render()
    made = Controls(shared.inputs("size", "block", "asking", "head"), {}, {}, cost)
    for view in views.VIEWS:
        shown = view is views.VIEWS[0]
        # a column, since Gradio gives a group and what is in it the same id
        with gr.Column(visible=shown, elem_id=f"controls-{view.key}") as made.groups[view.name], gr.Group():
            _lay_out(view.controls, view.options(), shared, made)
    return made


def _lay_out(specified: controls.Controls, options: Any, shared: Shared, made: Controls) -> None:
    """Widgets for controls, each with its value in `options`, added to what is made already."""
    for one in specified:
        match one:
            case controls.Row(name, inside):
                with gr.Row(elem_id=name):
                    _lay_out(inside, options, shared, made)
            case controls.Fold(name, label, inside):
                with gr.Accordion(label, open=False, elem_id=name):
                    _lay_out(inside, options, shared, made)
            case controls.Hint(text):
                gr.Markdown(text, elem_classes="hint")
            case controls.Part(name) if name in made.settings:
                made.settings[name].render()
            case controls.Part(name):
                made.parts[name] = PARTS[name]()
            case _:
                made.settings[one.name] = _widget(one, getattr(options, one.name))


def _widget(one: Any, value: Any) -> Component:
    given = {"value": value, "label": one.label, "elem_id": one.name}
    match one:
        case controls.Slider():
            return Fitted(one.low, one.high, step=one.step, buttons=[], **given)
        case controls.Choice():
            return gr.Radio(list(one.choices), info=one.info, **given)
        case controls.Menu():
            return gr.Dropdown(list(one.choices), min_width=60, **given)
        case controls.Switch():
            return gr.Checkbox(**given)
        case controls.Text():
            return gr.Textbox(placeholder=one.example, info=one.info, max_lines=1, max_length=LONGEST_TEXT, **given)
        case _:
            raise TypeError(f"{one!r} is no control.")
