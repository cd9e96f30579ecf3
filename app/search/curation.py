"""The fold "Curation run" of the Search tab: what `python -m train.curate` kept and dropped, to be looked at."""

import os
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app.page import modules
from app.page.told import Told
from app.page.wiring import answer, any_of
from app.search.words import CURATION
from app.server.access import Access
from core import RequestError
from core.encoding import data_address
from core.records.curation import PAGE, Curation, Dropped, open_curation


@dataclass(frozen=True)
class CurationFold:
    """The fold's widgets."""

    path: gr.Textbox
    open: gr.Button
    shown: gr.HTML


def curation_component(elem_id: str = "search-curation") -> gr.HTML:
    """Images that a curation kept and dropped: counts, dropped images page by page, its report.

    Props `curation`, `page` and `report` as below. `.select` gives {"kind", "page"} of what is to be shown, `.submit`
    {} where the report is asked for.
    """
    return modules.component("search/curation.js", elem_id, curation={}, page={}, report="")


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


def wire(fold: CurationFold, access: Access) -> None:
    """Opening, turning pages, the report. Of a visitor the server keeps which curation was opened."""
    kept = gr.State(None)

    def begun(path: str, request: gr.Request) -> dict:
        access.check_looking(dict(request.headers))
        curation = opened(path)
        first = next((kind.key for kind in curation.kinds if kind.pages), None)
        page = page_prop(curation, first, 0) if first else {}
        return {"kept": curation, "shown": gr.HTML(curation=curation_prop(curation), page=page, report="")}

    def turned(kept: Curation | None, request: gr.Request, event: Told) -> dict:
        access.check_looking(dict(request.headers))
        return {"shown": gr.HTML(page=page_prop(_known(kept), event.text("kind"), event.whole("page")))}

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


def opened(path: str) -> Curation:
    """The curation in a folder of this machine; RequestError, with what to do, where there is none."""
    name = (path or "").strip()
    if not name:
        raise RequestError("Type the path of a curation: the folder that --out of python -m train.curate named.")
    return open_curation(Path(os.path.expanduser(name)))


def curation_prop(curation: Curation) -> dict:
    """{"title", "steps": [[title, images, gone]], "kinds": [{key, title, other, images, shown, pages}]}."""
    kinds = [vars(kind) | {"pages": kind.pages} for kind in curation.kinds]
    return {"title": str(curation.root), "steps": [list(step) for step in curation.steps], "kinds": kinds}


def page_prop(curation: Curation, key: str, number: int) -> dict:
    """{"kind", "page", "first", "items": [{name, uri, because, because_uri, cosine, problem}]}."""
    items = [_item(one) for one in curation.page(key, number)]
    return {"kind": key, "page": number, "first": number * PAGE + 1, "items": items}


def _item(one: Dropped) -> dict:
    return {
        "name": one.name,
        "uri": _uri(one.picture),
        "because": one.because,
        "because_uri": _uri(one.because_picture),
        "cosine": one.cosine,
        "problem": one.problem,
    }


def _uri(picture: bytes | None) -> str:
    return data_address("image/webp", picture) if picture else ""
