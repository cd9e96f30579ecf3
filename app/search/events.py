"""The wiring of the Search tab: every change of the question asks anew; results can be taken away."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app.page import facets, sentences
from app.page.shared import Shared, Tab
from app.page.wiring import HEAVY, LONG, answer, any_of, busy
from app.search import changes, curation, endpoints, examples, handlers
from app.search import payloads as search_payloads
from app.search import tab as search
from app.search.gestures import Gestures
from app.search.handlers import Kind, Listing, Results, SearchSettings
from app.search.linking import Linking
from app.search.question import QueryPart, fitting_mode, in_order, still_there
from app.search.tab import Search, States
from app.search.words import NO_COLLECTION
from app.server.built_in import PHOTOGRAPHS
from app.server.engine import Engine
from app.server.jobs import Job
from app.server.latest import Latest
from app.server.models import Loaded
from app.server.session import Tray
from core import DinoError, RequestError
from core.analysis.words import has_words
from core.collection.collection import Collection
from core.collection.facets import KINDS
from core.collection.query import Mode

IDLE = {"results": gr.HTML(busy=False), "stop": gr.update(visible=False)}
EACH: dict[str, Any] = {"trigger_mode": "multiple"}
"""Of questions that come while one is answered none is dropped, as Gradio would: the newest is the one that is shown."""
Asked = tuple[QueryPart, ...]


def add(shared: Shared) -> "SearchEvents":
    """The tab laid out and wired."""
    states = States(gr.State(None), gr.State(()), gr.State(Listing()), gr.State(()))
    layout = search.lay_out(shared.access, examples.offered(shared.engine.shelf))
    events = SearchEvents(shared, layout, states)
    events.wire()
    Gestures(shared, events.tab, states, events.inputs, events.refresh, events.now).wire()
    changes.wire(shared, events.tab, events.states, events.refresh)
    Linking(shared, events.tab, events.states, events.refresh).wire()
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
        for title, button in self.tab.examples.items():
            self._wire_example(title, button)
        words = self.inputs | {"words": self.tab.words}
        spoken = answer(self.tab.words.submit, self.listing_by_words, words, {"listing": self.states.listing})
        self.refresh(spoken.success, **LONG)

    def _wire_listing(self, kind: Kind, button: gr.Button, value: gr.Slider) -> None:
        def chosen(**values) -> dict:
            return self.chosen_listing(kind, **values)

        listed = answer(button.click, chosen, self.inputs | {"value": value}, {"listing": self.states.listing})
        self.refresh(listed.success, **LONG)

    def _wire_example(self, title: str, button: gr.Button) -> None:
        def asked(**values) -> Iterator[dict]:
            yield from self.example(title, **values)

        known = {**self.shared.inputs("tray", "model"), "before": self.states.asked, "mode": self.tab.settings["mode"]}
        outputs = {"asked": self.states.asked, **{name: self.tab.settings[name] for name in ("mode", "collection")}}
        outputs |= {"status": self.shared.bar.status, "facts": self.tab.facts, "stop": self.shared.bar.stop}
        idle = {"stop": IDLE["stop"]}
        opened = answer(button.click, asked, known, outputs, latest=self.latest, idle=idle, **(HEAVY | EACH))
        self.refresh(opened.success)

    def refresh(self, trigger: Callable, **options):
        """Search anew after an event: `refresh(event.then)`."""
        tab, states = self.tab, self.states
        kinds = {kind: tab.settings[kind] for kind in (*KINDS, "collection", "mode", "order")}
        outputs = kinds | {
            "words": tab.words,
            "results": tab.results,
            "facts": tab.facts,
            "credit": tab.credit,
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

    def listing_by_words(
        self, words: str, tray: Tray, model: str, asked: Asked | None, listing: Listing, **values
    ) -> dict:
        """Pictures that are what the words say, in place of the answer; without words, the answer again."""
        of = belongs_to(*self._question(asked, tray, model, self._chosen(handlers.settings_of(values))))
        text = (words or "").strip()
        return {"listing": Listing("words", words=text, of=of) if text else Listing(of=of)}

    def asked_now(self, asked: Asked | None, tray: Tray, model: str, settings: SearchSettings) -> Asked:
        """The question as far as it can still be asked; the first example, for who opens the page and asks nothing."""
        shelf = self.engine.shelf
        opens = asked is None and examples.is_opening(shelf, tray, settings.collection)
        if opens and (titles := examples.offered(shelf)):
            loaded = self.engine.models.get(model)
            filled = shelf.is_filled(settings.collection, loaded)
            return examples.question(shelf.open(settings.collection, loaded), titles[0]) if filled else ()
        ids = [one.record for one in asked or () if one.record is not None and one.collection == settings.collection]
        records: Sequence[int] = ()
        if ids:
            opened = shelf.open(settings.collection, self.engine.models.get(model))
            records = list(opened.store.records.get(ids))
        return in_order(still_there(asked, tray, settings.collection, records))

    def paint(self, tray: Tray, model: str, asked: Asked | None, listing: Listing, **values) -> Iterator[dict]:
        """The next results; before them, what is waited for."""
        if not self.engine.models.request(model).done():
            yield {"status": busy("Loading the model …"), "results": gr.HTML(busy=True)}
        loaded = self.engine.models.get(model)
        settings = self._chosen(handlers.settings_of(values))
        opened = self._safely(lambda: self.engine.shelf.open(settings.collection, loaded), None)
        parts, fitted = self._question(asked, tray, model, settings)
        choices = {
            "collection": gr.update(choices=self._choices(), value=settings.collection or None),
            "words": gr.update(visible=has_words(loaded.model)),
        }
        yield self._said(opened, tray, asked, parts) | _mode(fitted, settings) | choices
        idle = IDLE | {"status": sentences.status(loaded, loaded.default_size)}
        if not settings.collection:
            yield idle | {"facts": NO_COLLECTION, "results": gr.HTML(results={}, busy=False)}
            return
        try:
            waited = yield from self._waits(tray, loaded, settings.collection)
            if waited:  # pictures of the collection that are asked with are there by now
                parts, fitted = self._question(asked, tray, model, settings)
                yield self._said(opened, tray, asked, parts) | _mode(fitted, settings)
            collection = self.engine.shelf.open(settings.collection, loaded)
            kept, filters = facet_choices(collection, fitted)
            still = listing.of == belongs_to(parts, kept) and (listing.kind != "words" or has_words(loaded.model))
            listing = listing if still else Listing(of=belongs_to(parts, kept))
            found = handlers.listed(self.engine, collection, tray, parts, kept, listing)
            idle["status"] = sentences.status(loaded, collection.about.size)
            told = found.facts if listing.kind != "answer" else ""
            by_words = listing.kind == "words"
            shown = self.shown(collection, found, lit=fitted.mode == "region" or by_words, told=told)
            if by_words:
                shown["question"] = gr.HTML(question={})  # the pictures are not what is asked now
            shown["credit"] = sentences.plain(self.engine.shelf.credit(settings.collection))
            yield idle | shown | filters | {"listing": replace(listing, page=found.page)}
        except DinoError as error:
            yield idle | {
                "results": gr.HTML(results={}, busy=False),
                "facts": sentences.plain(self.engine.shelf.without_paths(error)),
            }

    def _question(
        self, asked: Asked | None, tray: Tray, model: str, settings: SearchSettings
    ) -> tuple[Asked, SearchSettings]:
        """The question as far as it can be asked, and the settings that fit it."""
        parts = self._safely(lambda: self.asked_now(asked, tray, model, settings), ())
        return parts, replace(settings, mode=fitting_mode(parts, settings.mode))

    def _said(self, collection: Collection | None, tray: Tray, asked: Asked | None, parts: Asked) -> dict:
        """Updates that show the question."""
        return {
            "query": gr.HTML(query=search_payloads.query_prop(self.engine, collection, tray, parts)),
            "question": gr.HTML(question=search_payloads.question_prop(self.engine, collection, tray, parts)),
            "asked": None if asked is None and not parts else parts,
            "order": gr.update(visible=all(one.against for one in parts)),
        }

    def example(self, title: str, tray: Tray, model: str, before: Asked | None, mode: Mode) -> Iterator[dict]:
        """An example's question, to the photographs that ship."""
        loaded = self.engine.models.get(model)
        yield from self._waits(tray, loaded, PHOTOGRAPHS)
        asked = examples.question(self.engine.shelf.open(PHOTOGRAPHS, loaded), title)
        yield {
            "asked": asked,
            "mode": fitting_mode(asked, mode, before or ()),
            "collection": gr.update(choices=self._choices(), value=PHOTOGRAPHS),
            "stop": IDLE["stop"],
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

    def _waits(self, tray: Tray, model: Loaded, key: str) -> Generator[dict, None, bool]:
        """Encode pictures that ship where this model has not seen them yet; whether it had not."""
        shelf = self.engine.shelf
        if shelf.is_filled(key, model):
            return False
        stop = self.engine.stop_signal(tray.visitor)
        job = Job(
            "The model looks at these pictures for the first time",
            lambda progress, _: shelf.fill(key, model, progress, stop.is_set),
        )
        for sentence in job.sentences():
            yield {"status": busy(sentence), "facts": sentence, "stop": gr.update(visible=True)}
        job.result()
        return True


def _mode(now: SearchSettings, before: SearchSettings) -> dict:
    """An update of the mode, where the question needs another."""
    return {"mode": now.mode} if now.mode != before.mode else {}


def belongs_to(asked: Sequence[QueryPart], settings: SearchSettings) -> tuple:
    """What a listing belongs to: with another question or other settings, its page means nothing."""
    return tuple(asked), settings


def facet_choices(collection: Collection, settings: SearchSettings) -> tuple[SearchSettings, dict]:
    """The settings with those filters that this collection knows, and updates that offer what it has, with counts.

    Those chosen are set anew only where one of them is gone: they were another collection's.
    """
    kept, updates = facets.fitted(collection.store.records, settings.only, settings.only)
    return replace(settings, **{kind: getattr(kept, kind) for kind in KINDS}), updates


TAB = Tab("Search", add, endpoints.lay_out)
