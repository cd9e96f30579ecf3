"""Gestures on the Search tab: asking, adding, taking out, marking, turning pages, taking away."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app.page import payloads
from app.page.files import fresh_folder
from app.page.shared import Shared
from app.page.told import Told
from app.page.wiring import DOWNLOAD, HEAVY, answer
from app.search import files, handlers, question
from app.search.handlers import Listing, Results
from app.search.question import QueryPart
from app.search.tab import Search, States
from app.server.session import Tray
from app.server.spool import spool
from app.server.uploads import add_bytes
from core import RequestError
from core.collection.collection import Collection
from core.collection.query import Mode
from core.wording import counted

Asked = tuple[QueryPart, ...]
QUICK: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_id": "search gestures", "concurrency_limit": 1}
"""Of hands that are quicker than the answer nothing is dropped, and each builds on what was before. Gradio's
"always_last" (6.31) would repeat what the event before it brought."""


@dataclass(frozen=True)
class Gestures:
    """`inputs` are what results are made of, by name; `now` makes them; `refresh(event.then)` shows them."""

    shared: Shared
    tab: Search
    states: States
    inputs: dict[str, gr.components.Component]
    refresh: Callable
    now: Callable[..., tuple[Collection, Results]]

    def wire(self) -> None:
        self._wire_question()
        self._wire_results()
        self._wire_tray()
        for kind, button in self.tab.downloads.items():
            ready = answer(button.click, self._maker(kind), self.inputs, {"file": self.tab.file}, **HEAVY)
            ready.success(None, self.tab.file, None, js=DOWNLOAD, api_visibility="private")

    def _wire_question(self) -> None:
        tab = self.tab
        mode, collection = tab.settings["mode"], tab.settings["collection"]
        known = {"before": self.states.asked, "mode": mode}
        outputs = {"asked": self.states.asked, "mode": mode}
        # of all of these: or results on their way would bring back the question they were asked with
        latest = self.shared.engine.latest["Search"]
        for trigger, handler, inputs in (
            (tab.query.submit, drawn, known),
            (tab.question.delete, taken_out, known),
            (tab.question.clear, cleared, {"before": self.states.asked}),
            (tab.results.like, liked, known | {"collection": collection}),
            (mode.input, compared, known),
        ):
            self.refresh(answer(trigger, handler, inputs, outputs, latest=latest, **QUICK).success)

    def _wire_results(self) -> None:
        tab, states = self.tab, self.states
        outputs = {"marked": states.marked, "row": tab.dock.row, "count": tab.dock.count}
        answer(tab.results.select, marked, {"before": states.marked}, outputs, **QUICK)
        listing = {"listing": states.listing}
        self.refresh(answer(tab.results.input, turned, listing, listing, **QUICK).success)

    def _wire_tray(self) -> None:
        shared = self.shared
        inputs = {**shared.inputs("tray", "model"), "collection": self.tab.settings["collection"]}

        def taken(tray: Tray, model: str, collection: str, event: Told) -> dict:
            opened = shared.engine.shelf.open(collection, shared.engine.models.get(model))
            data, name = handlers.thumbnail(shared.engine.shelf, opened, collection, event.whole("id"))
            tray = add_bytes(shared.engine.library, tray, data, name)
            return {"tray": tray, "items": payloads.tray_update(shared.engine, tray)}

        outputs = {"tray": shared.tray, "items": shared.pictures.tray}
        shared.renew(answer(self.tab.results.submit, taken, inputs, outputs).then)

    def _maker(self, kind: str) -> Callable:
        def made(**values) -> dict:
            collection, found = self.now(**values)
            if not found.hits:
                raise RequestError("There is nothing to take away: no picture is shown.")
            path = fresh_folder(spool().folder) / f"dinoscope-search.{kind}"
            if kind == "csv":
                path.write_bytes(files.table(found.hits))
            else:
                files.contact_sheet(collection, found.hits).save(path)
            return {"file": str(path)}

        return made


def drawn(before: Asked | None, mode: Mode, event: Told) -> dict:
    """The question as it was drawn, and the mode that compares it."""
    asked = question.asked_from(event.list("asked") if "asked" in event else [])
    return _asked(asked, mode, before)


def taken_out(before: Asked | None, mode: Mode, event: Told) -> dict:
    """The question without one part."""
    return _asked(question.without(before or (), event.whole("place")), mode, before)


def cleared(before: Asked | None) -> dict:
    """No question: all of the collection."""
    return {"asked": ()}


def liked(before: Asked | None, mode: Mode, collection: str, event: Told) -> dict:
    """The question with a result, in place of it or beside it."""
    return _asked(question.like(before or (), collection, event.whole("id"), event.text("how")), mode, before)


def compared(before: Asked | None, mode: Mode) -> dict:
    """The question as the mode that was chosen compares it."""
    return {"asked": before if before is None else question.fitting_parts(before, mode)}


def marked(before: tuple[int, ...], event: Told) -> dict:
    """The marked results, and what can be done with them."""
    ids = event.wholes("ids", ())[: handlers.LARGEST_K]
    count = f"{counted(len(ids), 'picture')} marked"
    return {"marked": ids, "row": gr.update(visible=bool(ids)), "count": count}


def turned(listing: Listing, event: Told) -> dict:
    """Another page of the same."""
    return {"listing": replace(listing, page=event.whole("page"))}


def _asked(asked: Asked, mode: Mode, before: Asked | None) -> dict:
    return {"asked": asked, "mode": question.fitting_mode(asked, mode, before or ())}
