"""The whole page: the bar, the tray at the left, the tabs, and what leads from one to another."""

from collections.abc import Callable

import gradio as gr

from app.compare import tab as compare
from app.emergence import tab as emergence
from app.explore import events as explore_events
from app.explore import handlers
from app.map import events as map_events
from app.match import events as match_events
from app.page import bar, model_panel, payloads, tray
from app.page.shared import Shared, share
from app.page.wiring import answer
from app.search import events as search_events
from app.server.access import NAMED, Access
from app.server.engine import Engine
from app.server.session import Tray
from app.video import tab as video

TABS: dict[str, Callable[[Shared], object]] = {
    "Explore": explore_events.add,
    "Match": match_events.add,
    "Search": search_events.add,
    "Map": map_events.add,
    "Emergence": emergence.add,
    "Compare": compare.add,
    "Video": video.add,
}
"""Every tab in the page's order. Its name in lower case is its address, as in `/#explore`: no element has that id."""


def lay_out(engine: Engine, access: Access, blocks: gr.Blocks) -> None:
    """Everything on the page, wired."""
    top = bar.lay_out(list(dict.fromkeys([access.default, *NAMED])), access)
    with gr.Row(elem_id="page"):
        with gr.Column(scale=1, min_width=200, elem_id="side"):
            pictures = tray.lay_out()
        shared = share(engine, access, top, pictures, list(TABS))
        with gr.Column(scale=7, min_width=320, elem_id="main"):
            _lay_out_tabs(shared)
    describe = model_panel.wire(shared)
    tray.wire(engine, pictures, shared.tray, shared.renew)

    def opened(before: Tray, request: gr.Request) -> dict:
        fresh = handlers.open_tray(engine, request.session_hash)
        return {"tray": fresh, "items": payloads.tray_update(engine, fresh)}

    start = answer(blocks.load, opened, {"before": shared.tray}, {"tray": shared.tray, "items": pictures.tray})
    # one after the other: the view is asked for with the controls of the model that is in use
    shared.adopt(describe(start.then).then)

    def leave(request: gr.Request) -> None:
        engine.leave(request.session_hash)

    blocks.unload(leave)


def _lay_out_tabs(shared: Shared) -> None:
    with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
        for name, add in TABS.items():
            address = name.lower()
            with gr.Tab(name, id=address, elem_id=f"tab-{address}") as tab:
                add(shared)
            shared.follow(name, tab)
