"""The whole page: the bar, the tray at the left, the tabs, and what leads from one to another."""

import gradio as gr

from app import handlers, payloads
from app.access import NAMED, Access
from app.engine import Engine
from app.session import NOTHING_SENT, Tray
from app.tabs import bar, explore, model_panel, tray
from app.tabs.explore_events import ExploreEvents, States
from app.tabs.wiring import answer


def lay_out(engine: Engine, access: Access, blocks: gr.Blocks) -> None:
    """Everything on the page, wired."""

    def farewell(leaving: Tray) -> None:
        engine.leave(leaving.visitor, grace=0)

    states = States(
        tray=gr.State(Tray(), delete_callback=farewell),
        model=gr.State(access.default),
        pin=gr.State(None),
        threshold=gr.State(None),
        basis=gr.State(None),
        sent=gr.State(NOTHING_SENT),
    )
    top = bar.lay_out(list(dict.fromkeys([access.default, *NAMED])), access)
    with gr.Row(elem_id="page"):
        with gr.Column(scale=1, min_width=200, elem_id="side"):
            pictures = tray.lay_out()
        with gr.Column(scale=7, min_width=320, elem_id="main"), gr.Tabs(), gr.Tab("Explore"):
            tab = explore.lay_out()
    events = ExploreEvents(engine, tab, states, top)
    events.wire()
    describe = model_panel.wire(engine, access, top, tab.controls, states.model, events.refresh)
    tray.wire(engine, pictures, states.tray, events.refresh)

    def opened(before: Tray, request: gr.Request) -> dict:
        fresh = handlers.open_tray(engine, request.session_hash)
        return {"tray": fresh, "items": payloads.tray_update(engine, fresh)}

    start = answer(blocks.load, opened, {"before": states.tray}, {"tray": states.tray, "items": pictures.tray})
    # one after the other: the view is asked for with the controls of the model that is in use
    events.refresh(describe(start.then).then)

    def leave(request: gr.Request) -> None:
        engine.leave(request.session_hash)

    blocks.unload(leave)
