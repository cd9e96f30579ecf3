"""The wiring of the Search tab: every change of the question asks anew; results can be taken away."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app.page import sentences
from app.page.shared import Shared, Tab
from app.page.wiring import HEAVY, LONG, answer, any_of, busy
from app.search import changes, curation, endpoints, handlers
from app.search import payloads as search_payloads
from app.search import tab as search
from app.search.gestures import Gestures
from app.search.handlers import Kind, Listing, Results, SearchSettings
from app.search.question import QueryPart, fitting_mode, in_order, still_there
from app.search.tab import Search, States
from app.search.words import NO_COLLECTION
from app.server.engine import Engine
from app.server.jobs import Job
from app.server.latest import Latest
from app.server.models import Loaded
from app.server.session import Tray
from app.server.shelf import GALLERY
from core import DinoError, RequestError
from core.collection.collection import Collection
from core.collection.facets import KINDS

IDLE = {"results": gr.HTML(busy=False), "stop": gr.update(visible=False)}
EACH: dict[str, Any] = {"trigger_mode": "multiple"}
"""Of questions that come while one is answered none is dropped, as Gradio would: the newest is the one that is shown."""
Asked = tuple[QueryPart, ...]


def add(shared: Shared) -> "SearchEvents":
    """The tab laid out and wired."""
    states = States(gr.State(None), gr.State(()), gr.State(Listing()), gr.State(()))
    events = SearchEvents(shared, search.lay_out(shared.access), states)
    events.wire()
    Gestures(shared, events.tab, states, events.inputs, events.refresh, events.now).wire()
    changes.wire(shared, events.tab, events.states, events.refresh)
    curation.wire(events.tab.curation, shared.access)
    return events


@dataclass(frozen=True)
class SearchEvents:
    """The wiring of the tab: who is asked, what is shown where, what is known of the visitor."""

    shared: Shared
    tab: Search
    states: States

    @property
    def engine(self) -> Engine:
        return self.shared.engine

    @property
    def latest(self) -> Latest:
        return self.engine.latest["Search"]

    @property
    def inputs(self) -> dict[str, gr.components.Component]:
        known = {"asked": self.states.asked, "listing": self.states.listing}
        return {**self.shared.inputs("tray", "model"), **known, **self.tab.settings}

    def wire(self) -> None:
        self.shared.keep_in_address("collection", self.tab.settings["collection"], str, self._opened)
        settings = self.tab.settings
        triggers = [settings["collection"].input, settings["order"].input, settings["k"].release]
        self.refresh(self.shared.due["Search"].change)
        changed = [settings[kind].change for kind in KINDS]
        self.refresh(any_of([*triggers, *changed]), trigger_mode="always_last")
        self._wire_listing("duplicates", self.tab.duplicates, self.tab.threshold)
        self._wire_listing("diverse", self.tab.diverse, self.tab.count)

    def _wire_listing(self, kind: Kind, button: gr.Button, value: gr.Slider) -> None:
        def chosen(**values) -> dict:
            return self.chosen_listing(kind, **values)

        listed = answer(button.click, chosen, self.inputs | {"value": value}, {"listing": self.states.listing})
        self.refresh(listed.success, **LONG)

    def refresh(self, trigger: Callable, **options):
        """Search anew after an event: `refresh(event.then)`."""
        tab, states = self.tab, self.states
        kinds = {kind: tab.settings[kind] for kind in (*KINDS, "collection", "mode", "order")}
        outputs = kinds | {
            "results": tab.results,
            "facts": tab.facts,
            "marked": states.marked,
            "marked_row": tab.dock.row,
            "status": self.shared.bar.status,
            "query": tab.query,
            "question": tab.question,
            "asked": states.asked,
            "listing": states.listing,
            "stop": self.shared.bar.stop,
        }
        return answer(
            trigger, self.paint, self.inputs, outputs, latest=self.latest, idle=IDLE, **(HEAVY | EACH | options)
        )

    def chosen_listing(
        self, kind: Kind, value: float, tray: Tray, model: str, asked: Asked | None, listing: Listing, **values
    ) -> dict:
        """Groups or a subset to be shown in place of the answer."""
        settings = self._chosen(handlers.settings_of(values))
        asked = self.asked_now(asked, tray, model, settings)
        return {"listing": Listing(kind, float(value), 0, belongs_to(asked, settings))}

    def asked_now(self, asked: Asked | None, tray: Tray, model: str, settings: SearchSettings) -> Asked:
        """The question as far as it can still be asked."""
        ids = [one.record for one in asked or () if one.record is not None and one.collection == settings.collection]
        records: Sequence[int] = ()
        if ids:
            opened = self.engine.shelf.open(settings.collection, self.engine.models.get(model))
            records = list(opened.store.records.get(ids))
        return in_order(still_there(asked, tray, settings.collection, records))

    def paint(self, tray: Tray, model: str, asked: Asked | None, listing: Listing, **values) -> Iterator[dict]:
        """The next results; before them, what is waited for."""
        if not self.engine.models.request(model).done():
            yield {"status": busy("Loading the model …"), "results": gr.HTML(busy=True)}
        loaded = self.engine.models.get(model)
        settings = self._chosen(handlers.settings_of(values))
        parts = self._safely(lambda: self.asked_now(asked, tray, model, settings), ())
        collection = self._safely(lambda: self.engine.shelf.open(settings.collection, loaded), None)
        mode = fitting_mode(parts, settings.mode)
        settings = replace(settings, mode=mode)
        yield {
            "query": gr.HTML(query=search_payloads.query_prop(self.engine, tray, parts)),
            "question": gr.HTML(question=search_payloads.question_prop(self.engine, collection, tray, parts)),
            "asked": None if asked is None and not parts else parts,
            "mode": gr.update(value=mode) if mode != values["mode"] else gr.skip(),
            "order": gr.update(visible=all(one.against for one in parts)),
            "collection": gr.update(choices=self._choices(), value=settings.collection or None),
        }
        idle = IDLE | {"status": sentences.status(loaded, loaded.default_size)}
        if not settings.collection:
            yield idle | {"facts": NO_COLLECTION, "results": gr.HTML(results={}, busy=False)}
            return
        try:
            yield from self._waits(tray, loaded, settings)
            collection = self.engine.shelf.open(settings.collection, loaded)
            kept, facets = facet_choices(collection, settings)
            listing = listing if listing.of == belongs_to(parts, kept) else Listing(of=belongs_to(parts, kept))
            found = handlers.listed(self.engine, collection, tray, parts, kept, listing)
            idle["status"] = sentences.status(loaded, collection.about.size)
            told = found.facts if listing.kind != "answer" else ""
            shown = self.shown(collection, found, lit=mode == "region", told=told)
            yield idle | shown | facets | {"listing": replace(listing, page=found.page)}
        except DinoError as error:
            yield idle | {
                "results": gr.HTML(results={}, busy=False),
                "facts": sentences.plain(self.engine.shelf.without_paths(error)),
            }

    def shown(self, collection: Collection, found: Results, *, lit: bool = False, told: str = "") -> dict:
        """Updates that show results, and say what is wrong with the collection's files."""
        prop = search_payloads.results_prop(collection, found, lit=lit, told=told)
        facts = " ".join([found.facts, *collection.problems])  # after thumbnails were read, which may be damaged too
        self.engine.shelf.index_if_damaged(collection)
        return {
            "results": gr.HTML(results=prop, busy=False),
            "facts": sentences.plain(facts),
            "marked": (),
            "marked_row": gr.update(visible=False),
        }

    def now(
        self, tray: Tray, model: str, asked: Asked | None, listing: Listing, **values
    ) -> tuple[Collection, Results]:
        """What is shown at this moment, to be taken away."""
        settings = self._chosen(handlers.settings_of(values))
        collection = self.engine.shelf.open(settings.collection, self.engine.models.get(model))
        parts = self.asked_now(asked, tray, model, settings)
        listing = listing if listing.of == belongs_to(parts, settings) else Listing()
        return collection, handlers.listed(self.engine, collection, tray, parts, settings, listing)

    def _safely(self, read: Callable, otherwise: object):
        """What is read; `otherwise` where it cannot be, which is said once the results are looked for."""
        try:
            return read()
        except DinoError:
            return otherwise

    def _chosen(self, settings: SearchSettings) -> SearchSettings:
        """With the first collection, where none is chosen or the chosen one is gone."""
        keys = [one.key for one in self.engine.shelf.listed()]
        if settings.collection in keys:
            return settings
        return replace(settings, collection=keys[0] if keys else "")

    def _opened(self, key: str) -> dict:
        """The collection that an address names; RequestError where it is not there."""
        choices = self._choices()
        if key not in [known for _, known in choices]:
            raise RequestError(f"there is no collection {key[:60]!r} on this server any more.")
        return gr.update(choices=choices, value=key)

    def _choices(self) -> list[tuple[str, str]]:
        return [(one.label, one.key) for one in self.engine.shelf.listed()]

    def _waits(self, tray: Tray, model: Loaded, settings: SearchSettings) -> Iterator[dict]:
        """Encode the gallery where this model has not seen it yet."""
        shelf = self.engine.shelf
        if settings.collection != GALLERY or len(shelf.open(GALLERY, model)) == len(shelf.pictures):
            return
        stop = self.engine.stop_signal(tray.visitor)
        job = Job(
            "Looking at the gallery for the first time",
            lambda progress, _: shelf.fill_gallery(model, progress, stop.is_set),
        )
        for sentence in job.sentences():
            yield {"status": busy(sentence), "facts": sentence, "stop": gr.update(visible=True)}
        job.result()


def belongs_to(asked: Sequence[QueryPart], settings: SearchSettings) -> tuple:
    """What a listing belongs to: with another question or other settings, its page means nothing."""
    return tuple(asked), settings


def facet_choices(collection: Collection, settings: SearchSettings) -> tuple[SearchSettings, dict]:
    """The settings with those filters that this collection knows, and updates that offer what it has, with counts.

    Those chosen are set anew only where one of them is gone: they were another collection's.
    """
    records = collection.store.records
    everything = records.facets()
    kept: dict[str, Any] = {
        kind: tuple(one for one in getattr(settings, kind) if one in everything[kind]) for kind in KINDS
    }
    settings_now = replace(settings, **kept)
    counts = records.facets(settings_now.only)
    updates = {}
    for kind in KINDS:
        here = dict.fromkeys(kept[kind], 0) | counts[kind]
        choices = [(f"{value} · {count:,}", value) for value, count in here.items()]
        same = kept[kind] == getattr(settings, kind)
        visible = len(everything[kind]) > (kind in ("labels", "folders", "days"))
        value: dict[str, Any] = {} if same else {"value": list(kept[kind])}
        updates[kind] = gr.update(choices=choices, visible=visible, **value)
    return settings_now, updates


TAB = Tab("Search", add, endpoints.lay_out)
