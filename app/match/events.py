"""The wiring of the Match tab: every control matches anew, what is drawn is carried over, files can be taken away."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import gradio as gr

from app.match import endpoints, files, handlers
from app.match import payloads as match_payloads
from app.match import tab as match
from app.match.handlers import MatchSettings, Region
from app.match.tab import Match
from app.page import payloads, sentences
from app.page.shared import Shared, Tab
from app.page.told import Told
from app.page.waiting import waits
from app.page.wiring import DOWNLOAD, HEAVY, answer, any_of, busy
from app.server.encode import NOTHING_SELECTED
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import NOTHING_SENT, Pin, Sent, Tray
from app.server.spool import spool

MAKERS = {
    "json": files.points_json,
    "csv": files.points_csv,
    "png": files.picture_png,
    "svg": files.picture_svg,
}


@dataclass(frozen=True)
class States:
    """The server's memory of a visitor for this tab: the reference's id, the region drawn, what was sent."""

    reference: gr.State
    region: gr.State
    sent: gr.State


IDLE = {"stage": gr.HTML(busy=False), "stop": gr.update(visible=False)}


def add(shared: Shared) -> "MatchEvents":
    """The tab laid out and wired."""
    events = MatchEvents(shared, match.lay_out(), States(gr.State(""), gr.State(None), gr.State(NOTHING_SENT)))
    events.wire()
    return events


@dataclass(frozen=True)
class MatchEvents:
    """The wiring of the tab: who is asked, what is shown where, what is known of the visitor."""

    shared: Shared
    tab: Match
    states: States

    @property
    def engine(self) -> Engine:
        return self.shared.engine

    @property
    def inputs(self) -> dict[str, gr.components.Component]:
        own = {"reference": self.states.reference, "region": self.states.region}
        return {**self.shared.inputs("tray", "model", "size", "block", "pin"), **own, **self.tab.settings}

    def wire(self) -> None:
        tab, states, known = self.tab, self.states, self.shared.inputs("tray", "pin")
        sliders = ("density", "smoothing", "parts")
        triggers = [tab.settings[name].input for name in ("mutual", "inside")]
        triggers += [tab.settings[name].release for name in sliders]
        self.refresh(self.shared.due["Match"].change)
        self.refresh(any_of([tab.settings["show"].change, *triggers]), trigger_mode="always_last")
        tab.settings["show"].change(
            lambda show: gr.update(visible=show == "Parts"),
            tab.settings["show"],
            tab.parts,
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=None,
        )
        chosen = answer(tab.stage.select, self.reference, known, {"reference": states.reference})
        drawn = answer(tab.stage.submit, self.region, known, {"region": states.region})
        cleared = answer(tab.stage.clear, lambda tray, pin: {"region": None}, known, {"region": states.region})
        own = answer(tab.own.click, _own, self.shared.inputs("tray"), self.shared.inputs("tray"))
        for event in (chosen, drawn, cleared, own):
            self.refresh(event.then)
        self._wire_examples()
        self._wire_downloads()

    def reference(self, tray: Tray, pin: Pin | None, event: Told) -> dict:
        """The picture that was made the reference."""
        return {"reference": handlers.matched(self.engine, tray, pin).find(event.text("reference")).id}

    def region(self, tray: Tray, pin: Pin | None, event: Told) -> dict:
        """The region that was drawn."""
        region = handlers.region_from(event.text("picture"), event.list("outline"))
        handlers.matched(self.engine, tray, pin).find(region.picture)
        return {"region": region}

    def refresh(self, trigger: Callable, **options):
        """Show the matches anew after an event: `refresh(event.then)`."""
        outputs = {
            "stage": self.tab.stage,
            "facts": self.tab.facts,
            "own": self.tab.own,
            "status": self.shared.bar.status,
            "stop": self.shared.bar.stop,
            "sent": self.states.sent,
        }
        latest, inputs = self.engine.latest["Match"], self.inputs | {"sent": self.states.sent}
        return answer(trigger, self.paint, inputs, outputs, latest=latest, idle=IDLE, **(HEAVY | options))

    def paint(
        self,
        tray: Tray,
        model: str,
        reference: str,
        region: Region | None,
        sent: Sent,
        pin: Pin | None = None,
        **values,
    ) -> Iterator[dict]:
        """The next screen; before it, what is waited for."""
        own, tray = tray, handlers.matched(self.engine, tray, pin)
        yield {"own": gr.update(visible=tray is not own)}
        if not self.engine.models.request(model).done():
            yield {"status": busy("Loading the model …"), "stage": gr.HTML(busy=True)}
        loaded = self.engine.models.get(model)
        settings = handlers.settings_of(values)
        if len(tray.chosen) < 2:
            facts = handlers.NEEDS_TWO if tray.chosen else NOTHING_SELECTED
            stage = match_payloads.too_few(self.engine, tray, loaded, settings)
            status = sentences.status(loaded, settings.size)
            yield IDLE | {"facts": facts, "stage": stage, "sent": NOTHING_SENT, "status": status}
            return
        if sent == NOTHING_SENT:
            yield {"stage": match_payloads.photographs(self.engine, tray, loaded, settings)}
        yield from waits(self.engine, handlers.selection(tray), loaded, settings)
        screen = handlers.show(self.engine, tray, loaded, settings, reference=reference, region=region, sent=sent)
        yield IDLE | {
            "stage": match_payloads.stage_update(self.engine, screen, settings, tray, loaded),
            "facts": self._facts(screen, loaded, settings, example=tray is not own),
            "status": sentences.status(loaded, settings.size),
            "sent": screen.sent,
        }

    def _facts(self, screen: handlers.MatchScreen, model: Loaded, settings: MatchSettings, *, example: bool) -> str:
        block = model.depth + 1 + settings.layer(model.depth)
        facts = f"{sentences.plain(screen.facts)} {settings.size} px, block {block} of {model.depth}."
        if not example:
            return facts
        return f"{facts} {handlers.EXAMPLE.format(name=handlers.examples()[0])}"

    def _wire_examples(self) -> None:
        shared = self.shared
        outputs = {"tray": shared.tray, "items": shared.pictures.tray}
        for name, button in self.tab.examples.items():

            def opened(tray: Tray, name: str = name) -> dict:
                tray = handlers.open_example(self.engine, tray, name)
                return {"tray": tray, "items": payloads.tray_update(self.engine, tray)}

            shared.renew(answer(button.click, opened, {"tray": shared.tray}, outputs).then)

    def _wire_downloads(self) -> None:
        for kind, button in self.tab.downloads.items():
            ready = answer(button.click, self._maker(MAKERS[kind]), self.inputs, {"file": self.tab.file}, **HEAVY)
            ready.success(None, self.tab.file, None, js=DOWNLOAD, api_visibility="private")

    def _maker(self, make: Callable) -> Callable:
        def made(tray: Tray, model: str, pin: Pin | None, reference: str, region: Region | None, **values) -> dict:
            tray = handlers.matched(self.engine, tray, pin)
            loaded = self.engine.models.get(model)
            settings = handlers.settings_of(values)
            screen = handlers.show(self.engine, tray, loaded, settings, reference=reference, region=region)
            return {"file": str(make(spool().folder, screen, settings, loaded))}

        return made


def _own(tray: Tray) -> dict:
    """The visitor's selection counts as chosen, as it is."""
    return {"tray": replace(tray, untouched=False)}


TAB = Tab("Match", add, endpoints.lay_out)
