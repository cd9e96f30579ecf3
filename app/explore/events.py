"""The wiring of the Explore tab: every control repaints the view, and files can be taken away."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app.explore import downloads, endpoints, figures, handlers, prints, views
from app.explore import tab as explore
from app.explore.multiples import multiples
from app.explore.opening import opening
from app.explore.payloads import stage_update
from app.explore.settings import Settings
from app.explore.tab import Explore
from app.page import payloads, sentences
from app.page.figures import Drawn
from app.page.shared import Shared, Tab
from app.page.told import Told
from app.page.waiting import waits
from app.page.wiring import DOWNLOAD, HEAVY, answer, any_of, busy, stops
from app.server.encode import NOTHING_SELECTED, cost
from app.server.engine import Engine
from app.server.latest import Latest
from app.server.models import Loaded
from app.server.session import NOTHING_SENT, Pin, Sent, Tray
from app.server.spool import spool

IDLE = {"stage": gr.HTML(busy=False), "stop": gr.update(visible=False)}
COSTLY = ("size", "block")
"""Controls that may need a forward pass, answered when the handle is let go."""


@dataclass(frozen=True)
class States:
    """The server's memory of a visitor for this tab, each part small and each written by one kind of event only."""

    pin: gr.State
    threshold: gr.State
    basis: gr.State
    sent: gr.State


def add(shared: Shared) -> "ExploreEvents":
    """The tab laid out and wired."""
    first = opening(shared.engine)
    states = States(shared.pin, gr.State(None), gr.State(None), gr.State(first.sent))
    events = ExploreEvents(shared, explore.lay_out(shared, first.props), states)
    events.wire()
    return events


@dataclass(frozen=True)
class ExploreEvents:
    """The wiring of one tab: who is asked, what is shown where, what is known of the visitor."""

    shared: Shared
    tab: Explore
    states: States

    @property
    def engine(self) -> Engine:
        return self.shared.engine

    @property
    def latest(self) -> Latest:
        return self.engine.latest["Explore"]

    @property
    def inputs(self) -> dict[str, gr.components.Component]:
        states = {name: getattr(self.states, name) for name in ("pin", "threshold", "basis")}
        return {
            **self.shared.inputs("tray", "model"),
            **states,
            "view": self.tab.view,
            **self.tab.controls.settings,
        }

    def wire(self) -> None:
        """Everything on the tab, and the Stop button of the bar."""
        self.refresh(self.shared.due["Explore"].change)
        settings = self.tab.controls.settings
        triggers = [_told(widget) for name, widget in settings.items() if name not in COSTLY]
        triggers += [settings[name].release for name in COSTLY]
        # the page opens with the view of its address and is then drawn as every tab is: only a hand asks for it here
        self.refresh(any_of([self.tab.view.input, *triggers]), trigger_mode="always_last")
        self.shared.keep_in_address("view", self.tab.view, lambda name: views.find(name).key, views.named_by)
        answer(settings["size"].change, self.priced, self.inputs, {"cost": self.tab.controls.cost}, unless=self.latest)
        self._wire_view()
        self._wire_query()
        self._wire_downloads()
        self.tab.patches.wire(self.draw_patches, self.inputs, self.states.sent)
        self.tab.numbers.wire(self.draw_numbers, self.inputs, self.states.sent)
        self._wire_multiples()
        stop = self.shared.bar.stop
        stops(stop, self.stop, self.shared.inputs("tray"), {"stop": stop}, "status")

    def refresh(self, trigger: Callable, **options):
        """Repaint the view after an event: `refresh(event.then)`."""
        outputs = {
            "stage": self.tab.stage,
            "histogram": self.tab.controls.parts["threshold"],
            "facts": self.tab.facts,
            "cost": self.tab.controls.cost,
            "program": self.tab.program,
            "status": self.shared.bar.status,
            "stop": self.shared.bar.stop,
            "sent": self.states.sent,
        }
        return answer(
            trigger,
            self.paint,
            self.inputs | {"sent": self.states.sent},
            outputs,
            latest=self.latest,
            idle=IDLE,
            **(HEAVY | options),
        )

    def paint(self, tray: Tray, model: str, pin, threshold, basis, sent: Sent, **values) -> Iterator[dict]:
        """The next screen; before it, what is waited for."""
        if not self.engine.models.request(model).done():
            yield {"status": busy("Loading the model …"), "stage": gr.HTML(busy=True)}
        loaded = self.engine.models.get(model)
        settings = handlers.settings_of(values, tray, loaded, threshold)
        if not tray.chosen:
            empty = {"facts": NOTHING_SELECTED, "cost": "", "status": sentences.status(loaded, settings.size)}
            yield IDLE | empty | {"stage": payloads.empty_stage(), "sent": NOTHING_SENT}
            return
        if sent == NOTHING_SENT:
            yield {"stage": payloads.photographs(self.engine, tray, loaded, settings.size)}
            # the screen sends them again: of updates before a component is there, Gradio keeps the last alone
        yield from waits(self.engine, tray, loaded, settings)
        screen = handlers.show(self.engine, tray, loaded, settings, pin=pin, basis=basis, sent=sent)
        yield IDLE | self._shown(tray, loaded, settings, screen)

    def _shown(self, tray: Tray, model: Loaded, settings: Settings, screen: handlers.Screen) -> dict:
        update = {
            "stage": stage_update(self.engine, screen, settings),
            "facts": screen.facts,
            "cost": cost(self.engine, tray, model, settings),
            "program": screen.program,
            "status": sentences.status(model, settings.size),
            "sent": screen.sent,
        }
        return update | ({"histogram": gr.HTML(histogram=screen.histogram)} if screen.histogram else {})

    def draw_patches(self, tray: Tray, model: str, pin, threshold, basis, **values) -> Drawn:
        """The selected pictures' patches in space."""
        loaded = self.engine.models.get(model)
        return figures.patches(self.engine, tray, loaded, handlers.settings_of(values, tray, loaded), basis)

    def draw_numbers(self, tray: Tray, model: str, pin, threshold, basis, **values) -> Drawn:
        """The numbers behind the view."""
        loaded = self.engine.models.get(model)
        settings = handlers.settings_of(values, tray, loaded, threshold)
        return figures.of_view(self.engine, tray, loaded, settings, pin, basis)

    def stop(self, tray: Tray) -> dict:
        """The visitor's work ends at the next block of the network."""
        self.engine.stop(tray.visitor)
        return {"stop": gr.update(visible=False)}

    def priced(self, tray: Tray, model: str, pin, threshold, basis, **values) -> dict | None:
        """The price of the resolution under the handle. Asks no model anything."""
        future = self.engine.models.request(model)
        if not future.done() or not tray.chosen:
            return None
        settings = handlers.settings_of(values, tray, future.result())
        return {"cost": cost(self.engine, tray, future.result(), settings)}

    def _wire_view(self) -> None:
        groups = self.tab.controls.groups
        self.tab.view.change(
            lambda view: [views.find(view).lesson, *(gr.update(visible=name == view) for name in groups)],
            self.tab.view,
            [self.tab.lesson, *groups.values()],
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=None,
        )

    def _wire_query(self) -> None:
        """The pinned patch and the dragged threshold come back from the browser."""
        engine, states = self.engine, self.states

        def pinned(tray: Tray, model: str, pin, threshold, basis, event: Told, **values) -> dict:
            if "picture" not in event:
                return {"pin": None}
            loaded = engine.models.get(model)
            place = event.text("picture"), event.whole("row"), event.whole("col")
            settings = handlers.settings_of(values, tray, loaded)
            return {"pin": handlers.pin_at(engine, tray, loaded, settings, *place)}

        def dragged(tray: Tray, model: str, pin, threshold, basis, event: Told, **values) -> dict:
            loaded = engine.models.get(model)
            scores = handlers.scores_key(tray, loaded, handlers.settings_of(values, tray, loaded))
            if "threshold" not in event:
                return {"threshold": None}
            return {"threshold": handlers.Dragged(min(max(event.number("threshold"), 0.0), 1.0), scores)}

        pin = answer(self.tab.stage.select, pinned, self.inputs, {"pin": states.pin})
        self.refresh(pin.then)
        drag = answer(
            self.tab.controls.parts["threshold"].change, dragged, self.inputs, {"threshold": states.threshold}
        )
        self.refresh(drag.then)

    def _wire_multiples(self) -> None:
        """Drawn when their fold opens, and anew while it is open; a click on one shows it on the stage."""
        board, fold, is_open = self.tab.multiples.board, self.tab.multiples.fold, self.tab.multiples.is_open
        bar, settings = self.shared.bar, self.tab.controls.settings

        def drawn(tray: Tray, model: str, pin, threshold, basis, is_open: bool, **values) -> Iterator[dict]:
            if is_open:
                loaded = self.engine.models.get(model)
                chosen = handlers.settings_of(values, tray, loaded, threshold)
                for update in multiples(self.engine, tray, loaded, chosen, pin):  # the last one brings everything
                    said = {"status": sentences.status(loaded, chosen.size)} if "multiples" in update else {}
                    yield update | said

        def chosen(event: Told) -> dict:
            number = event.whole("number")
            return {"block": number} if event.text("kind") == "block" else {"head": str(number)}

        inputs = self.inputs | {"is_open": is_open}
        outputs = {"multiples": board, "status": bar.status, "stop": bar.stop}
        framed = {"latest": self.engine.latest["multiples"], "idle": {"stop": gr.update(visible=False)}, **HEAVY}
        opened = answer(fold.expand, lambda: {"is_open": True}, {}, {"is_open": is_open})
        answer(opened.then, drawn, inputs, outputs, **framed)
        answer(fold.collapse, lambda: {"is_open": False}, {}, {"is_open": is_open})
        answer(self.states.sent.change, drawn, inputs, outputs, trigger_mode="multiple", **framed)
        shown = answer(board.select, chosen, {}, {name: settings[name] for name in ("block", "head")})
        self.refresh(shown.then)

    def _wire_downloads(self) -> None:
        tab, parts = self.tab, self.tab.controls.parts
        makers = {
            tab.downloads["png"]: downloads.pictures,
            tab.downloads["npz"]: downloads.npz,
            tab.downloads["safetensors"]: downloads.safetensors,
            tab.downloads["figure-png"]: prints.png,
            tab.downloads["figure-svg"]: prints.svg,
            tab.downloads["figure-pdf"]: prints.pdf,
            parts["cut-out"]: downloads.cut_outs,
            parts["basis-save"]: downloads.basis,
        }
        for button, make in makers.items():
            ready = answer(button.click, self._maker(make), self.inputs, {"file": tab.file}, **HEAVY)
            ready.success(None, tab.file, None, js=DOWNLOAD, api_visibility="private")
        load, forget = parts["basis-load"], parts["basis-forget"]
        outputs = {"basis": self.states.basis, "note": parts["basis-note"], "forget": forget}
        applied = answer(load.upload, _read_basis, {"file": load}, outputs)
        self.refresh(applied.success)
        forgotten = answer(forget.click, _forget_basis, {"basis": self.states.basis}, outputs)
        self.refresh(forgotten.then)

    def _maker(self, make: Callable) -> Callable:
        def made(tray: Tray, model: str, pin: Pin | None, threshold, basis, **values) -> dict:
            loaded = self.engine.models.get(model)
            settings = handlers.settings_of(values, tray, loaded, threshold)
            screen = handlers.show(self.engine, tray, loaded, settings, pin=pin, basis=basis)
            return {"file": str(make(spool().folder, screen, settings, loaded))}

        return made


def _told(widget: Any) -> Callable:
    """The event by which a control says that it was set."""
    if isinstance(widget, gr.Textbox):
        return widget.submit
    # a dropdown tells its input twice, on the choice and on leaving it
    return widget.change if isinstance(widget, gr.Dropdown) else widget.input


def _read_basis(file: str) -> dict:
    path = Path(file)
    try:
        basis = handlers.read_basis(path)
    finally:
        path.unlink(missing_ok=True)
    note = f"Colours come from *{sentences.plain(path.name)}*, not from these pictures."
    return {"basis": basis, "note": note, "forget": gr.update(visible=True)}


def _forget_basis(basis) -> dict:
    return {"basis": None, "note": "", "forget": gr.update(visible=False)}


TAB = Tab("Explore", add, endpoints.lay_out)
