"""Changes of a collection from the Search tab: made, added to, tagged, removed from and back, renamed, deleted."""

import datetime
import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from app.page import marked as pictures
from app.page import sentences
from app.page.files import fresh_folder
from app.page.marked import Undo, split_tags
from app.page.shared import Shared
from app.page.wiring import DOWNLOAD, LONG, answer, any_of, stops
from app.search.summaries import again_summary, failed, summary
from app.search.tab import Search, States
from app.server.jobs import Job
from app.server.session import Tray
from app.server.spool import spool
from app.server.turns import Stopped
from core import DinoError, RequestError
from core.collection.incoming import Incoming, Limits, plain_name
from core.collection.labelling import TABLES, Way, labeller, read_table
from core.pictures.lists import SUFFIXES
from core.wording import counted

SLASH = "\N{DIVISION SLASH}"
"""In the place of / in the names of files that dropping.js takes out of a folder: names of files sent hold none."""
STOPPING = "Stopping … What was added stays."


def wire(shared: Shared, tab: Search, states: States, refresh: Callable) -> None:
    """Every widget that changes a collection; `refresh(event.then)` searches anew."""
    changes = Changes(shared, tab, states, refresh)
    changes.wire_adding()
    changes.wire_marked()
    changes.wire_whole()


class Changes:
    """The wiring of one visitor's changes; jobs that run are known by visitor, so that they can be cancelled."""

    def __init__(self, shared: Shared, tab: Search, states: States, refresh: Callable):
        self.shared, self.tab, self.refresh = shared, tab, refresh
        self.engine, self.shelf = shared.engine, shared.engine.shelf
        self.access = shared.access
        self.fill, self.dock, self.manage = tab.fill, tab.dock, tab.manage
        self.jobs: dict[str, Job] = {}
        self.inputs = {
            **shared.inputs("tray", "model"),
            "collection": tab.settings["collection"],
        }
        self.marked = self.inputs | {"marked": states.marked, "tags": self.dock.tags, "undo": states.undo}
        self.outputs = {
            "progress": self.dock.progress,
            "cancel": self.dock.cancel,
            "back": self.dock.undo,
            "undo": states.undo,
            "collection": tab.settings["collection"],
            "title": self.fill.title,
            "really": self.manage.really,
        }

    def wire_adding(self) -> None:
        fill = self.fill
        added = self.inputs | {"title": fill.title, "size": fill.size, "tags": fill.tags, "labels": fill.labels}
        self._change(any_of([fill.create.click, fill.title.submit]), self.created, added)
        for button in (fill.files, fill.folder):
            self._long(button.upload, self.uploaded, added | {"files": button})
        self._long(fill.make.upload, self.made, added | {"files": fill.make})
        self._long(any_of([fill.add_path.click, fill.path.submit]), self.added_path, added | {"path": fill.path})
        stops(self.dock.cancel, self.cancelled, {"tray": self.shared.tray}, self.outputs, "search-progress")

    def wire_marked(self) -> None:
        dock = self.dock
        self._change(dock.tag.click, lambda **given: self.tagged(False, **given), self.marked)
        self._change(dock.untag.click, lambda **given: self.tagged(True, **given), self.marked)
        self._change(dock.remove.click, self.removed, self.marked)
        self._change(dock.undo.click, self.undone, self.marked)
        read = {"progress": "", "back": gr.update(visible=False)}
        answer(dock.close.click, lambda marked: read, {"marked": self.marked["marked"]}, self.outputs)

    def wire_whole(self) -> None:
        manage = self.manage
        self._change(manage.rename.click, self.renamed, self.inputs | {"title": manage.rename_to})
        self._long(manage.bring_in.upload, self.brought_in, self.inputs | {"file": manage.bring_in})
        again = self.inputs | {"path": manage.originals, "size": manage.size_again}
        self._long(any_of([manage.again.click, manage.originals.submit]), self.embedded_again, again)
        named, chosen = gr.State(""), {"collection": self.inputs["collection"]}
        asked = {"really": manage.really, "named": named}
        answer(manage.delete.click, self.asked_to_delete, chosen, asked)
        answer(self.inputs["collection"].change, self.asked_no_more, chosen | {"named": named}, asked)
        self._change(manage.really.click, self.deleted, self.inputs | {"named": named})
        file = {"file": self.tab.file, "progress": self.dock.progress, "cancel": self.dock.cancel}
        idle = {"cancel": gr.update(visible=False), "progress": ""}
        ready = answer(manage.export.click, self.exported, self.inputs, file, idle=idle, **LONG)
        ready.success(None, self.tab.file, None, js=DOWNLOAD, api_visibility="private")

    def created(self, model: str, title: str, size: float, **others) -> dict:
        key = self._fresh(title, model, size)
        return self._now(key) | {
            "title": "",
            "progress": f"*{sentences.plain(title.strip())}* is there; add pictures to it.",
        }

    def uploaded(self, collection: str, title: str, files: list[str], **others) -> Iterator[dict]:
        """Files, a folder's files or archives, into the chosen collection, or a new one where none of one's own is."""
        fresh = title.strip() or not collection or collection in self.shelf.shipped
        yield from self._sent("" if fresh else collection, title, files, **others)

    def made(self, collection: str, title: str, files: list[str], **others) -> Iterator[dict]:
        """The same into a new one."""
        yield from self._sent("", title, files, **others)

    def added_path(self, collection: str, title: str, path: str, request: gr.Request, **others) -> Iterator[dict]:
        self.access.check_own_folder(dict(request.headers))
        place = on_this_machine(path)
        fresh = title.strip() or not collection or collection in self.shelf.shipped
        yield from self._adding("" if fresh else collection, title or place.stem, [place], **others)

    def cancelled(self, tray: Tray) -> dict:
        job = self.jobs.get(tray.visitor)
        if job is None:
            return {"cancel": gr.update(visible=False)}
        job.cancel()
        return {"progress": STOPPING, "cancel": gr.update(visible=False)}

    def tagged(self, off: bool, collection: str, marked: tuple[int, ...], tags: str, undo: Undo, **others) -> dict:
        return _changed(pictures.tag(self.shelf, collection, marked, tags, off, undo))

    def removed(self, collection: str, marked: tuple[int, ...], undo: Undo, **others) -> dict:
        return _changed(pictures.remove(self.shelf, collection, marked, undo))

    def undone(self, undo: Undo, **others) -> dict:
        """The last change undone; the one before is next."""
        return _changed(pictures.undo_last(self.shelf, undo))

    def renamed(self, collection: str, title: str, **others) -> dict:
        self.shelf.look(collection).rename(title or "")
        return self._now(collection) | {"progress": "Renamed."}

    def brought_in(self, tray: Tray, file: str, **others) -> Iterator[dict]:
        path = Path(file)
        try:
            yield {"progress": "Reading the export …"}
            key = self.shelf.bring_in(path)
        finally:
            path.unlink(missing_ok=True)
        yield self._now(key) | {"progress": "Imported."}

    def embedded_again(
        self, tray: Tray, model: str, collection: str, path: str, size: float, request: gr.Request
    ) -> Iterator[dict]:
        """The collection embedded with the model in use, into a new one, from originals on this machine."""
        self.access.check_own_folder(dict(request.headers))
        place = on_this_machine(path)
        loaded, limits = self.engine.models.get(model), Limits(pixels=self.engine.library.largest)
        title = self.shelf.look(collection).title
        job = Job(
            f"Embedding {title} again with {loaded.source.name}",
            lambda progress, stopped: self.shelf.reembed(
                collection, loaded, int(size), place, progress, stopped, limits
            ),
        )
        yield from self._followed(tray, job, STOPPING)
        try:
            key, done = job.result()
        except DinoError as error:
            yield {"progress": failed(error), "cancel": gr.update(visible=False)}
            return
        yield self._now(key) | {"cancel": gr.update(visible=False), "progress": again_summary(done)}
        self.shelf.index_soon(self.shelf.look(key))

    def exported(self, tray: Tray, collection: str, **others) -> Iterator[dict]:
        opened = self.shelf.look(collection)
        path = fresh_folder(spool().folder) / f"{collection.rsplit('-', 1)[0]}.zip"

        def write(progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> Path:
            def told(done: int, total: int) -> None:
                if cancelled():
                    raise Stopped
                progress(done, total)

            return opened.export(path, told)

        job = Job("Exporting", write)
        yield from self._followed(tray, job, "Stopping …")
        try:
            file = str(job.result())
        except Stopped:
            yield {"progress": "Cancelled; nothing was exported.", "cancel": gr.update(visible=False)}
            return
        said = sentences.plain(" ".join(opened.problems))
        yield {"file": file, "progress": said, "cancel": gr.update(visible=False)}

    def _followed(self, tray: Tray, job: Job, stopping: str) -> Iterator[dict]:
        """How far a job is until it has ended, and the button that cancels it."""
        self.jobs[tray.visitor] = job
        for sentence in job.sentences():
            stopped = job.stop.is_set()
            told = stopping if stopped else sentences.plain(sentence)
            yield {"progress": told, "cancel": gr.update(visible=not stopped)}
        self.jobs.pop(tray.visitor, None)

    def asked_to_delete(self, collection: str) -> dict:
        """The button that deletes, with the name of what it deletes."""
        title = self._title(collection)
        return {"really": gr.update(value=f"Really delete {title[:60]}", visible=True), "named": collection}

    def _title(self, collection: str) -> str:
        """As it is listed, whether it can be opened or not."""
        return next((one.title for one in self.shelf.listed() if one.key == collection), collection)

    def asked_no_more(self, collection: str, named: str) -> dict | None:
        """Another collection has been chosen, by whomever: what was asked of the one before is forgotten."""
        return {"really": gr.update(visible=False), "named": ""} if named and named != collection else None

    def deleted(self, collection: str, named: str, **others) -> dict:
        """Delete what the button names, unless another is chosen by now."""
        if not named or named != collection:
            raise RequestError("Another collection is chosen now, and nothing was deleted; press Delete once more.")
        title = self._title(collection)
        self.shelf.remove(collection)
        return {"progress": f"*{sentences.plain(title)}* is deleted.", "really": gr.update(visible=False)}

    def _sent(self, collection: str, title: str, files: list[str] | None, **others) -> Iterator[dict]:
        """Files that were sent; their temporary copies are deleted."""
        paths = [Path(file) for file in files or []]
        try:
            yield from self._adding(collection, title.strip() or title_for(paths), paths, **others)
        finally:
            for path in paths:
                path.unlink(missing_ok=True)

    def _adding(
        self,
        collection: str,
        title: str,
        files: Sequence[Path],
        tray: Tray,
        model: str,
        tags: str,
        size: float,
        labels: Way,
    ) -> Iterator[dict]:
        """Pictures into a collection, into a new one of that title where none is named."""
        sources, tables = sources_of(files)
        table = {name: label for path in tables for name, label in read_table(path).items()}
        label = labeller(labels, table)
        key = collection or self._fresh(title, model, size)
        self.shelf.look(key)
        opened = self.shelf.open(key, self.engine.models.get(model))
        words, limits = split_tags(tags), Limits(pixels=self.engine.library.largest)
        job = Job(
            f"Adding pictures to {opened.title}",
            lambda progress, stopped: opened.add(
                sources, tags=words, progress=progress, cancelled=stopped, limits=limits, labels=label
            ),
        )
        yield from self._followed(tray, job, STOPPING)
        done = self._now(key) | {"title": "", "cancel": gr.update(visible=False)}
        try:
            yield done | {"progress": summary(job.result())}
        except DinoError as error:
            yield done | {"progress": failed(error)}
        self.shelf.index_soon(opened)

    def _fresh(self, title: str, model: str, size: float) -> str:
        return self.shelf.create(title, self.engine.models.get(model), int(size))

    def _now(self, key: str) -> dict:
        """The list of collections, that one chosen."""
        choices = [(one.label, one.key) for one in self.shelf.listed()]
        return {"collection": gr.update(choices=choices, value=key)}

    def _change(self, trigger: Callable, handler: Callable[..., dict], inputs: dict[str, Any], **options) -> None:
        """Wire a change that only those may make who may write, and search anew after it."""

        def guarded(request: gr.Request, **given) -> dict:
            self.access.check_writing(dict(request.headers))
            return handler(**given)

        self.refresh(answer(trigger, guarded, inputs, self.outputs, **options).success)

    def _long(self, trigger: Callable, handler: Callable[..., Iterator[dict]], inputs: dict[str, Any]) -> None:
        """The same for one that takes long and tells how far it is."""
        asks = "request" in inspect.signature(handler).parameters

        def guarded(request: gr.Request, **given) -> Iterator[dict]:
            self.access.check_writing(dict(request.headers))
            yield from handler(**given, **({"request": request} if asks else {}))

        self.refresh(answer(trigger, guarded, inputs, self.outputs, **LONG).success)


def _changed(outcome: tuple[str, Undo]) -> dict:
    told, undo = outcome
    return {"progress": told, "undo": undo, "back": gr.update(visible=bool(undo))}


def sources_of(files: Sequence[Path]) -> tuple[list[Path | Incoming], list[Path]]:
    """What a collection is to take in, and tables of labels among it.

    A file that the browser took out of a folder has the way to it in its name; what is no picture there is passed over.
    """
    sources: list[Path | Incoming] = []
    tables = [path for path in files if path.suffix.lower() in TABLES]
    for path in files:
        if path.is_dir():
            tables += [table for suffix in TABLES if (table := path / f"labels{suffix}").is_file()]
        inside = SLASH in path.name
        if path in tables or (inside and path.suffix.lower() not in SUFFIXES):
            continue
        sources.append(Incoming(plain_name(path.name.replace(SLASH, "/")), path) if inside else path)
    return sources, tables


def on_this_machine(typed: str) -> Path:
    """The file or folder of a typed path; RequestError where there is none."""
    if not (typed or "").strip():
        raise RequestError("Type the path of a folder, a zip or a tar first.")
    place = Path(typed.strip()).expanduser()
    if not place.exists():
        raise RequestError(f"{typed!r} is not on this machine; give the path of a folder, a zip or a tar.")
    return place


def title_for(paths: Sequence[Path]) -> str:
    """The title of a collection that was given none: the name of its one file, or how many they were and when."""
    folders = {path.name.partition(SLASH)[0] for path in paths}
    if len(folders) == 1 and any(SLASH in path.name for path in paths):
        return folders.pop()
    if len(paths) == 1:
        return paths[0].name.partition(".")[0] or "Pictures"
    today = datetime.datetime.now().astimezone()
    return f"{counted(len(paths), 'picture')}, {today.day} {today:%B %Y}"
