"""Folds with figures: drawn when they are opened, drawn anew while they are open, taken away as a page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from gradio.components import Component

from app.page import modules
from app.page.files import fresh_folder
from app.page.wiring import DOWNLOAD, HEAVY, answer
from app.server.spool import spool
from core import RequestError


@dataclass(frozen=True)
class Drawn:
    """Figures of one kind: their name as a file, a title, and what they show, in a sentence."""

    stem: str
    title: str
    figures: list
    """`plotly.graph_objects.Figure` each."""
    note: str = ""

    def texts(self) -> list[str]:
        """The figures as the browser takes them, JSON each."""
        from core.figures import as_json

        return list(map(as_json, self.figures))

    def page(self, folder: Path) -> Path:
        """One HTML file with all of them in a new folder under `folder`; it opens without a network. RequestError where
        there is none."""
        from core.figures import save_page

        if not self.figures:
            raise RequestError(f"There is nothing to draw yet. {self.note}")

        return save_page(fresh_folder(folder) / f"dinoscope-{self.stem}.html", self.title, self.figures, self.note)


@dataclass(frozen=True)
class FigureFold:
    """A fold of the page, what is in it, and whether it is open."""

    fold: gr.Accordion
    figures: gr.HTML
    download: gr.Button
    file: gr.DownloadButton
    is_open: gr.State

    def wire(self, draw: Callable[..., Drawn], inputs: Mapping[str, Component], changed: gr.State) -> None:
        """Draw with the inputs' values by name when the fold is opened, and, while it is, whenever `changed` does."""

        def opened(**values) -> dict:
            return {"is_open": True, "figures": gr.HTML(figures=draw(**values).texts())}

        def renewed(is_open: bool, **values) -> dict | None:
            return {"figures": gr.HTML(figures=draw(**values).texts())} if is_open else None

        def taken(**values) -> dict:
            return {"file": str(draw(**values).page(spool().folder))}

        outputs = {"figures": self.figures, "is_open": self.is_open}
        answer(self.fold.expand, opened, inputs, outputs, **HEAVY)
        answer(self.fold.collapse, lambda: {"is_open": False}, {}, {"is_open": self.is_open})
        known = {**inputs, "is_open": self.is_open}
        answer(changed.change, renewed, known, {"figures": self.figures}, trigger_mode="always_last", **HEAVY)
        ready = answer(self.download.click, taken, inputs, {"file": self.file}, **HEAVY)
        ready.success(None, self.file, None, js=DOWNLOAD, api_visibility="private")


def figures_component(elem_id: str) -> gr.HTML:
    """Figures of Plotly's side by side, whose script the browser fetches with the first of them.

    Prop `figures`: texts that `core.figures.as_json` made. Points of a trace with a picture's id as `meta` stand
    for its patches, row by row: pointing at one asks the stage, a click holds it there.
    """
    return modules.component("page/figures.js", elem_id, figures=[])


def lay_out(title: str, elem_id: str) -> FigureFold:
    """A closed fold of that title. Its download is `elem_id`-download."""
    with gr.Accordion(title, open=False, elem_id=elem_id) as fold:
        figures = figures_component(f"{elem_id}-figures")
        download = gr.Button("Download (HTML)", size="sm", elem_id=f"{elem_id}-download")
        file = gr.DownloadButton(visible="hidden", elem_id=f"{elem_id}-file")
    return FigureFold(fold, figures, download, file, gr.State(False))
