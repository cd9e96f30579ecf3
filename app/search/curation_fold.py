"""The fold "Curation run" of the Search tab: what `python -m train.curate` kept and dropped, to be looked at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from app.page.stage import curation_component
from app.page.wiring import answer, any_of
from app.search.curation import curation_prop, opened, page_prop
from app.search.words import CURATION
from app.server.access import Access
from core import RequestError
from core.records.curation import Curation

if TYPE_CHECKING:
    from app.search.events import SearchEvents


@dataclass(frozen=True)
class CurationFold:
    """The fold's widgets."""

    path: gr.Textbox
    open: gr.Button
    shown: gr.HTML


def lay_out(access: Access) -> CurationFold:
    """The fold; not to be seen where the server's disk is none of the visitor's business."""
    with gr.Accordion("Curation run", open=False, visible=access.own, elem_id="search-curations"):
        gr.Markdown(CURATION, elem_classes="hint")
        with gr.Row():
            path = gr.Textbox(
                label="Folder of a curation on this machine", placeholder="its path", max_lines=1,
                elem_id="search-curation-path",
            )  # fmt: skip
            button = gr.Button("Open", size="sm", min_width=80, scale=0, elem_id="search-curation-open")
        shown = curation_component()
    return CurationFold(path, button, shown)


def wire(events: "SearchEvents") -> None:
    """Opening, turning pages, the report. Of a visitor the server keeps which curation was opened."""
    fold, access, kept = events.tab.curation, events.shared.access, gr.State(None)

    def begun(path: str, request: gr.Request) -> dict:
        access.check_looking(dict(request.headers))
        curation = opened(path)
        first = next((kind.key for kind in curation.kinds if kind.pages), None)
        page = page_prop(curation, first, 0) if first else {}
        return {"kept": curation, "shown": gr.HTML(curation=curation_prop(curation), page=page, report="")}

    def turned(kept: Curation | None, request: gr.Request, event: gr.EventData) -> dict:
        access.check_looking(dict(request.headers))
        key, number = _asked(event._data)
        return {"shown": gr.HTML(page=page_prop(_known(kept), key, number))}

    def reported(kept: Curation | None, request: gr.Request) -> dict:
        access.check_looking(dict(request.headers))
        return {"shown": gr.HTML(report=_known(kept).report())}

    asked = any_of([fold.open.click, fold.path.submit])
    answer(asked, begun, {"path": fold.path}, {"kept": kept, "shown": fold.shown})
    answer(fold.shown.select, turned, {"kept": kept}, {"shown": fold.shown})
    answer(fold.shown.submit, reported, {"kept": kept}, {"shown": fold.shown})


def _known(kept: Curation | None) -> Curation:
    if kept is None:
        raise RequestError("No curation is open on this page; type the path of its folder and open it.")
    return kept


def _asked(data: object) -> tuple[str, int]:
    try:
        return str(data["kind"]), int(data["page"])
    except (TypeError, KeyError, ValueError) as error:
        raise RequestError("Which images are to be shown could not be read; choose a kind of them again.") from error
