"""What Search shares with other tabs: the filter, and pictures that it is asked with from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.page import facets
from app.page.linked import Filtered, Sought
from app.page.shared import Shared
from app.page.wiring import answer, any_of
from app.search import question
from app.search.question import QueryPart
from app.search.tab import Search, States
from core.collection.facets import KINDS, Filter
from core.collection.query import Mode
from core.collection.records import Records

TO_SEARCH = "() => { location.hash = 'search'; }"


@dataclass(frozen=True)
class Linking:
    """The wiring; `refresh(event.then)` searches anew."""

    shared: Shared
    tab: Search
    states: States
    refresh: Callable

    def wire(self) -> None:
        shared, settings = self.shared, self.tab.settings
        kinds: dict[str, Any] = {kind: settings[kind] for kind in KINDS}
        collection = {"collection": settings["collection"]}
        seen = shared.inputs("visible", "filtered", "model") | kinds | collection
        # of a change, since Gradio's dropdown (6.31) tells of no input where all that was chosen is cleared
        changes = any_of([*(widget.change for widget in kinds.values()), settings["collection"].input])
        answer(changes, filtered, seen, {"filtered": shared.filtered}, trigger_mode="always_last")
        answer(shared.visible.change, self.adopted, seen, kinds)
        known = {"sought": shared.sought, "mode": settings["mode"]} | collection
        outputs = {"asked": self.states.asked, "mode": settings["mode"]} | collection
        latest = shared.engine.latest["Search"]  # or results on their way would bring back the question before
        asked = answer(shared.sought.change, self.asked, known, outputs, latest=latest)
        asked.success(None, None, None, js=TO_SEARCH, api_visibility="private")
        self.refresh(asked.success)

    def adopted(self, visible: str, filtered: Filtered, model: str, collection: str, **values) -> dict | None:
        """The filter that was chosen elsewhere meanwhile, where it is of the collection that is searched."""
        shown = Filter.chosen(values)
        if visible != "Search" or filtered.collection != collection or filtered.only == shown:
            return None
        return facets.fitted(self._records(collection, model), filtered.only, shown)[1]

    def asked(self, sought: Sought, mode: Mode, collection: str) -> dict[str, Any] | None:
        """The question with a picture of another tab and nothing else, in the collection that it is of."""
        if sought.record is None and not sought.picture:
            return None
        key = sought.collection or collection
        part = QueryPart(sought.picture, False, None, sought.point, sought.record, sought.collection)
        choices = [(one.label, one.key) for one in self.shared.engine.shelf.listed()]
        return {
            "asked": (part,),
            "mode": question.fitting_mode((part,), "cls" if mode == "region" else mode),
            "collection": gr.update(choices=choices, value=key or None),
        }

    def _records(self, key: str, model: str) -> Records:
        shelf = self.shared.engine.shelf
        opened = shelf.open(key, self.shared.engine.models.get(model)) if key in shelf.shipped else shelf.look(key)
        return opened.store.records


def filtered(visible: str, filtered: Filtered, model: str, collection: str, **values) -> dict | None:
    """The filter that was chosen here, for other tabs; what they changed themselves they know."""
    after = filtered.after(collection, Filter.chosen(values))
    return {"filtered": after} if visible == "Search" and after != filtered else None
