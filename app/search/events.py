"""The wiring of the Search tab: every change of the question asks anew; results can be taken away."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import gradio as gr

from app.page import payloads, sentences
from app.page.files import fresh_folder
from app.page.shared import Shared, Tab
from app.page.told import Told
from app.page.wiring import DOWNLOAD, HEAVY, LONG, answer, any_of, busy
from app.search import changes, curation, endpoints, files, handlers
from app.search import payloads as search_payloads
from app.search import tab as search
from app.search.handlers import QueryPart, Results, SearchSettings
from app.search.tab import Search, States
from app.search.words import NO_COLLECTION
from app.server.engine import Engine
from app.server.jobs import Job
from app.server.latest import Latest
from app.server.models import Loaded
from app.server.session import Tray
from app.server.shelf import GALLERY
from app.server.spool import spool
from app.server.uploads import add_bytes
from core import DinoError, RequestError
from core.collection.collection import Collection
from core.collection.query import Mode

IDLE = {"results": gr.HTML(busy=False), "stop": gr.update(visible=False)}


def add(shared: Shared) -> "SearchEvents":
    """The tab laid out and wired."""
    events = SearchEvents(shared, search.lay_out(shared.access), States(gr.State(()), gr.State(())))
    events.wire()
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
        return {**self.shared.inputs("tray", "model"), "asked": self.states.asked, **self.tab.settings}

    def wire(self) -> None:
        tab, states = self.tab, self.states
        self.shared.keep_in_address("collection", tab.settings["collection"], str, self._opened)
        triggers = [tab.settings["collection"].input, tab.settings["mode"].input, tab.settings["k"].release]
        self.refresh(self.shared.due["Search"].change)
        self.refresh(any_of([*triggers, tab.settings["tags"].change]), trigger_mode="always_last")
        asked = answer(
            tab.query.submit,
            _asked,
            {"mode": tab.settings["mode"]},
            {"asked": states.asked, "mode": tab.settings["mode"]},
            latest=self.latest,  # or results on their way would bring back the question they were asked with
        )
        self.refresh(asked.then)
        answer(tab.results.select, _marked, {"before": states.marked}, {"marked": states.marked})
        self._wire_tray()
        grouping = self.inputs | {"threshold": tab.threshold}
        answer(
            tab.duplicates.click,
            self.grouped,
            grouping,
            self._shown,
            latest=self.latest,
            idle={"results": IDLE["results"]},
            **LONG,
        )
        for kind, button in tab.downloads.items():
            ready = answer(button.click, self._maker(kind), self.inputs, {"file": tab.file}, **HEAVY)
            ready.success(None, tab.file, None, js=DOWNLOAD, api_visibility="private")

    @property
    def _shown(self) -> dict[str, gr.components.Component]:
        return {
            "results": self.tab.results,
            "facts": self.tab.facts,
            "marked": self.states.marked,
            "status": self.shared.bar.status,
        }

    def refresh(self, trigger: Callable, **options):
        """Search anew after an event: `refresh(event.then)`."""
        outputs = self._shown | {
            "query": self.tab.query,
            "asked": self.states.asked,
            "collection": self.tab.settings["collection"],
            "tags": self.tab.settings["tags"],
            "stop": self.shared.bar.stop,
        }
        return answer(trigger, self.paint, self.inputs, outputs, latest=self.latest, idle=IDLE, **(HEAVY | options))

    def paint(self, tray: Tray, model: str, asked: tuple[QueryPart, ...], **values) -> Iterator[dict]:
        """The next results; before them, what is waited for."""
        if not self.engine.models.request(model).done():
            yield {"status": busy("Loading the model …"), "results": gr.HTML(busy=True)}
        loaded = self.engine.models.get(model)
        settings = self._chosen(handlers.settings_of(values))
        asked = handlers.still_there(asked, tray)
        yield {
            "query": gr.HTML(query=search_payloads.query_prop(self.engine, tray, asked)),
            "asked": asked,
            "collection": gr.update(choices=self._choices(), value=settings.collection or None),
        }
        idle = IDLE | {"status": sentences.status(loaded, loaded.default_size)}
        if not settings.collection:
            yield idle | {"facts": NO_COLLECTION, "results": gr.HTML(results={}, busy=False)}
            return
        try:
            yield from self._waits(tray, loaded, settings)
            collection = self.engine.shelf.open(settings.collection, loaded)
            here = collection.tags()
            kept = tuple(tag for tag in settings.tags if tag in here)  # the others were another collection's
            found = self.found(collection, tray, loaded, asked, replace(settings, tags=kept))
            idle["status"] = sentences.status(loaded, collection.about.size)
            yield idle | self.shown(collection, found) | {"tags": _tag_choices(here, kept, settings.tags)}
        except DinoError as error:
            yield idle | {
                "results": gr.HTML(results={}, busy=False),
                "facts": sentences.plain(self.engine.shelf.without_paths(error)),
            }

    def found(
        self, collection: Collection, tray: Tray, model: Loaded, asked: tuple[QueryPart, ...], settings: SearchSettings
    ) -> Results:
        if not any(not one.against for one in asked) or not len(collection):
            return handlers.browse(collection, settings)
        return handlers.search(self.engine, collection, tray, model, asked, handlers.with_mode(settings, asked))

    def shown(self, collection: Collection, found: Results) -> dict:
        """Updates that show results, and say what is wrong with the collection's files."""
        results = gr.HTML(results=search_payloads.results_prop(collection, found), busy=False)
        facts = " ".join([found.facts, *collection.problems])  # after thumbnails were read, which may be damaged too
        self.engine.shelf.index_if_damaged(collection)
        return {"results": results, "facts": sentences.plain(facts), "marked": ()}

    def grouped(self, tray: Tray, model: str, threshold: float, **values) -> Iterator[dict]:
        """Groups of nearly equal pictures in place of the results."""
        settings = self._chosen(handlers.settings_of({k: v for k, v in values.items() if k != "asked"}))
        loaded = self.engine.models.get(model)
        yield {"status": busy("Comparing every picture with every other …"), "results": gr.HTML(busy=True)}
        collection = self.engine.shelf.open(settings.collection, loaded)
        found = handlers.near_duplicates(collection, float(threshold))
        results = gr.HTML(results=search_payloads.results_prop(collection, found, spoken=found.facts), busy=False)
        status = sentences.status(loaded, loaded.default_size)
        yield self.shown(collection, found) | {"results": results, "status": status}

    def _chosen(self, settings: SearchSettings) -> SearchSettings:
        """With the first collection, where none is chosen or the chosen one is gone."""
        keys = [one.key for one in self.engine.shelf.listed()]
        if settings.collection in keys:
            return settings
        return replace(settings, collection=keys[0] if keys else "")

    def _choices(self) -> list[tuple[str, str]]:
        return [(one.label, one.key) for one in self.engine.shelf.listed()]

    def _opened(self, key: str) -> dict:
        """The collection that an address names; RequestError where it is not there."""
        choices = self._choices()
        if key not in [known for _, known in choices]:
            raise RequestError(f"there is no collection {key[:60]!r} on this server any more.")
        return gr.update(choices=choices, value=key)

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

    def _wire_tray(self) -> None:
        shared = self.shared
        inputs = {**shared.inputs("tray", "model"), "collection": self.tab.settings["collection"]}

        def taken(tray: Tray, model: str, collection: str, event: Told) -> dict:
            opened = self.engine.shelf.open(collection, self.engine.models.get(model))
            data, name = handlers.thumbnail(self.engine.shelf, opened, collection, event.whole("id"))
            tray = add_bytes(self.engine.library, tray, data, name)
            return {"tray": tray, "items": payloads.tray_update(self.engine, tray)}

        outputs = {"tray": shared.tray, "items": shared.pictures.tray}
        shared.renew(answer(self.tab.results.submit, taken, inputs, outputs).then)

    def _maker(self, kind: str) -> Callable:
        def made(tray: Tray, model: str, asked: tuple[QueryPart, ...], **values) -> dict:
            loaded = self.engine.models.get(model)
            settings = handlers.settings_of(values)
            collection = self.engine.shelf.open(settings.collection, loaded)
            hits = self.found(collection, tray, loaded, handlers.still_there(asked, tray), settings).hits
            if not hits:
                raise RequestError("There are no results to take away: search with a picture first.")
            path = fresh_folder(spool().folder) / f"dinoscope-search.{kind}"
            if kind == "csv":
                path.write_bytes(files.table(hits))
            else:
                files.contact_sheet(collection, hits).save(path)
            return {"file": str(path)}

        return made


def _asked(mode: Mode, event: Told) -> dict:
    asked = handlers.asked_from(event.list("asked") if "asked" in event else [])
    return {"asked": asked, "mode": handlers.fitting_mode(asked, mode)}


def _marked(before: tuple[int, ...], event: Told) -> dict:
    return {"marked": event.wholes("ids", ())[: handlers.LARGEST_K]}


def _tag_choices(here: dict[str, int], kept: tuple[str, ...], chosen: tuple[str, ...]) -> dict:
    """The tags to choose from; those chosen are set anew only where one of them is gone."""
    choices = [(f"{tag} · {count:,}", tag) for tag, count in here.items()]
    return gr.update(choices=choices) if kept == chosen else gr.update(choices=choices, value=list(kept))


TAB = Tab("Search", add, endpoints.lay_out)
