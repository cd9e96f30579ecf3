"""The thin bar at the top, and the panels behind it: the model, help."""

from dataclasses import dataclass

import gradio as gr

from app.page import modules
from app.server.access import Access

OWN = "own path or hf:owner/name"


def address_component(elem_id: str = "address") -> gr.HTML:
    """The button that copies a link; it keeps the address of the page.

    Props: `secret` of the tray, kept by the browser for this tab; `pins` that the stage is to hold; `shown`, the parts of
    the address by name; `names`, the address name of each picture by id.
    """
    return modules.component("page/address.js", elem_id, secret="", pins=[], shown={}, names={})


@dataclass(frozen=True)
class Bar:
    chip: gr.Button
    status: gr.HTML
    address: gr.HTML
    stop: gr.Button
    banner: gr.HTML
    choice: gr.Dropdown
    path: gr.Textbox
    load: gr.Button
    cancel: gr.Button
    progress: gr.Markdown


def lay_out(names: list[str], access: Access, help_texts: tuple[str, str]) -> Bar:
    """The bar's widgets, the toggles already wired; `help_texts` are Markdown: where there are keys, and by finger."""
    with gr.Row(elem_id="bar"):
        gr.HTML('<h1 id="wordmark">Dinoscope</h1>', elem_id="name")
        chip = gr.Button("Loading the model …", elem_id="model-chip", size="sm", min_width=160)
        status = gr.HTML(elem_id="status")
        stop = gr.Button("Stop", elem_id="stop", size="sm", min_width=64, visible=False)
        address = address_component()
        shade = gr.Button("Light / dark", elem_id="shade", size="sm", min_width=96)
        present = gr.Button("Present", elem_id="present", size="sm", min_width=64)
        tour = gr.Button("Tour", elem_id="tour", size="sm", min_width=64)
        help_button = gr.Button("Help", elem_id="help", size="sm", min_width=64)
    with gr.Column(visible=False, elem_id="model-panel") as panel:
        choice = gr.Dropdown(
            names + ([OWN] if access.own else []),
            value=access.default,
            label="Model",
            info=access.reason,
            elem_id="model-choice",
        )
        path = gr.Textbox(
            label="Run folder, folder of transformers, file of weights, hf:owner/name or timm:name",
            visible=False,
            elem_id="model-path",
            max_lines=1,
        )
        with gr.Row():
            load = gr.Button("Load", variant="primary", size="sm", elem_id="model-load", min_width=96)
            cancel = gr.Button("Cancel", size="sm", visible=False, elem_id="model-cancel", min_width=96)
        progress = gr.Markdown(elem_id="model-progress")
    with gr.Column(visible=False, elem_id="help-panel") as help_panel:
        for kind, text in zip(("with-keys", "by-finger"), help_texts, strict=True):
            gr.Markdown(text, elem_classes=kind)
    banner = gr.HTML(visible=False, elem_id="banner")
    _toggle(chip, panel)
    _toggle(help_button, help_panel)
    shade.click(None, js="() => { window.dinoscope.toggleShade(); }", api_visibility="private")
    present.click(None, js="() => { window.dinoscope.present(); }", api_visibility="private")
    tour.click(None, js="() => { window.dinoscope.tour(); }", api_visibility="private")
    choice.change(
        lambda name: gr.update(visible=name == OWN), choice, path, api_visibility="private", show_progress="hidden"
    )
    return Bar(chip, status, address, stop, banner, choice, path, load, cancel, progress)


def _toggle(button: gr.Button, panel: gr.Column) -> None:
    shown = gr.State(False)
    button.click(
        lambda now: (not now, gr.update(visible=not now)),
        shown,
        [shown, panel],
        api_visibility="private",
        show_progress="hidden",
    )
