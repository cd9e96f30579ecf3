"""Changes of a collection from the Search tab: made, added to, tagged, renamed, moved, deleted."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.page import sentences
from app.page.files import fresh_folder
from app.page.shared import Shared
from app.page.wiring import DOWNLOAD, LIGHT, LONG, answer, stops
from app.search import handlers
from app.search.tab import Search, States
from app.server.jobs import Job
from app.server.session import Tray
from app.server.spool import spool
from app.server.turns import Stopped
from core import DinoError, RequestError
from core.collection.collection import Added
from core.collection.incoming import Limits
from core.wording import counted

LISTED = 20
"""Refused files that are spelt out; the others are counted."""


def wire(shared: Shared, tab: Search, states: States, refresh: Callable) -> None:
    """Every widget of the fold Collections; `refresh(event.then)` searches anew."""
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
        self.manage = tab.manage
        self.jobs: dict[str, Job] = {}
        self.inputs = {
            **shared.inputs("tray", "model"),
            "collection": tab.settings["collection"],
            "marked": states.marked,
            "tags": self.manage.tags,
        }
        self.outputs = {
            "progress": self.manage.progress,
            "cancel": self.manage.cancel,
            "collection": tab.settings["collection"],
            "title": self.manage.title,
            "really": self.manage.really,
        }

    def wire_adding(self) -> None:
        manage = self.manage
        made = self.inputs | {"title": manage.title, "size": manage.size}
        self._change(manage.create.click, self.created, made)
        for button in (manage.files, manage.folder):
            self._long(button.upload, self.uploaded, self.inputs | {"files": button})
        self._long(manage.add_path.click, self.added_path, self.inputs | {"path": manage.path})
        cancel = {"cancel": manage.cancel}
        stops(manage.cancel, self.cancelled, {"tray": self.shared.tray}, cancel, "search-progress")

    def wire_marked(self) -> None:
        manage = self.manage
        self._change(manage.tag.click, lambda **given: self.tagged(False, **given), self.inputs)
        self._change(manage.untag.click, lambda **given: self.tagged(True, **given), self.inputs)
        self._change(manage.remove.click, self.removed, self.inputs)

    def wire_whole(self) -> None:
        manage = self.manage
        self._change(manage.rename.click, self.renamed, self.inputs | {"title": manage.rename_to})
        self._long(manage.bring_in.upload, self.brought_in, self.inputs | {"file": manage.bring_in})
        shown = {"really": gr.update(visible=True)}
        answer(manage.delete.click, lambda collection: shown, {"collection": self.inputs["collection"]}, self.outputs)
        self._change(manage.really.click, self.deleted, self.inputs)
        file = {"file": self.tab.file, "progress": manage.progress, "cancel": manage.cancel}
        idle = {"cancel": gr.update(visible=False), "progress": ""}
        ready = answer(manage.export.click, self.exported, self.inputs, file, idle=idle, **LONG)
        ready.success(None, self.tab.file, None, js=DOWNLOAD, api_visibility="private")

    def created(self, model: str, title: str, size: float, **others) -> dict:
        key = self.shelf.create(title, self.engine.models.get(model), int(size))
        return self._now(key) | {
            "title": "",
            "progress": f"*{sentences.plain(title.strip())}* is there; add pictures to it.",
        }

    def uploaded(self, tray: Tray, model: str, collection: str, marked, tags: str, files: list[str]) -> Iterator[dict]:
        """Files, a folder's files or archives; their temporary copies are deleted."""
        try:
            yield from self._adding(tray, model, collection, tags, files or [])
        finally:
            for file in files or []:
                Path(file).unlink(missing_ok=True)

    def added_path(
        self, tray: Tray, model: str, collection: str, marked, tags: str, path: str, request: gr.Request
    ) -> Iterator[dict]:
        self.access.check_own_folder(dict(request.headers))
        place = Path((path or "").strip()).expanduser()
        if not (path or "").strip() or not place.exists():
            raise RequestError(f"{path!r} is not on this machine; give the path of a folder, a zip or a tar.")
        yield from self._adding(tray, model, collection, tags, [str(place)])

    def cancelled(self, tray: Tray) -> dict:
        if tray.visitor in self.jobs:
            self.jobs[tray.visitor].cancel()
        return {"cancel": gr.update(visible=False)}

    def tagged(self, off: bool, collection: str, marked: tuple[int, ...], tags: str, **others) -> dict:
        words = handlers.split_tags(tags)
        if not marked or not words:
            raise RequestError("Mark results by the boxes under them, and type at least one tag.")
        self.shelf.look(collection).tag(marked, words, off=off)
        return {
            "progress": f"{counted(len(marked), 'picture')}: {'without' if off else 'with'} {sentences.plain(', '.join(words))}."
        }

    def removed(self, collection: str, marked: tuple[int, ...], **others) -> dict:
        if not marked:
            raise RequestError("Nothing is marked: mark results by the boxes under them.")
        count = self.shelf.look(collection).remove(marked)
        return {"progress": f"{counted(count, 'picture')} removed from the collection."}

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
        yield from self._followed(tray, job)
        try:
            file = str(job.result())
        except Stopped:
            yield {"progress": "Cancelled; nothing was exported.", "cancel": gr.update(visible=False)}
            return
        said = sentences.plain(" ".join(opened.problems))
        yield {"file": file, "progress": said, "cancel": gr.update(visible=False)}

    def _followed(self, tray: Tray, job: Job) -> Iterator[dict]:
        """How far a job is until it has ended, and the button that cancels it."""
        self.jobs[tray.visitor] = job
        for sentence in job.sentences():
            yield {"progress": sentence, "cancel": gr.update(visible=not job.stop.is_set())}
        self.jobs.pop(tray.visitor, None)

    def deleted(self, collection: str, **others) -> dict:
        self.shelf.remove(collection)
        return {"progress": "Deleted.", "really": gr.update(visible=False)}

    def _adding(self, tray: Tray, model: str, collection: str, tags: str, sources: list[str]) -> Iterator[dict]:
        if not collection:
            raise RequestError("There is no collection to add to: create one first.")
        self.shelf.look(collection)
        opened = self.shelf.open(collection, self.engine.models.get(model))
        words, limits = handlers.split_tags(tags), Limits(pixels=self.engine.library.largest)
        job = Job(
            "Adding pictures",
            lambda progress, stopped: opened.add(
                sources, tags=words, progress=progress, cancelled=stopped, limits=limits
            ),
        )
        yield from self._followed(tray, job)
        try:
            yield {"progress": summary(job.result()), "cancel": gr.update(visible=False)}
        except DinoError as error:
            yield {
                "progress": f"**That did not work.** {sentences.plain(str(error))}",
                "cancel": gr.update(visible=False),
            }
        self.shelf.index_soon(opened)

    def _now(self, key: str) -> dict:
        """The list of collections, that one chosen."""
        choices = [(one.label, one.key) for one in self.shelf.listed()]
        return {"collection": gr.update(choices=choices, value=key)}

    def _change(self, trigger: Callable, handler: Callable[..., dict], inputs: dict[str, Any], **options) -> None:
        """Wire a change that only those may make who may write, and search anew after it."""

        def guarded(request: gr.Request, **given) -> dict:
            self.access.check_writing(dict(request.headers))
            return handler(**given)

        self.refresh(answer(trigger, guarded, inputs, self.outputs, **(LIGHT | options)).success)

    def _long(self, trigger: Callable, handler: Callable[..., Iterator[dict]], inputs: dict[str, Any]) -> None:
        """The same for one that takes long and tells how far it is."""
        asks = "request" in inspect.signature(handler).parameters

        def guarded(request: gr.Request, **given) -> Iterator[dict]:
            self.access.check_writing(dict(request.headers))
            yield from handler(**given, **({"request": request} if asks else {}))

        self.refresh(answer(trigger, guarded, inputs, self.outputs, **LONG).success)


def summary(added: Added) -> str:
    """A summary of an addition, as Markdown in which names mean nothing but themselves."""
    parts = [f"{counted(len(added.ids), 'picture')} added"]
    parts += [f"{added.known:,} were there already"] if added.known else []
    parts += ["cancelled; what was added stays"] if added.cancelled else []
    parts += [f"{len(added.refused):,} could not be used:"] if added.refused else []
    listed = [f"- {sentences.plain(reason)}" for reason in added.refused[:LISTED]]
    listed += [f"- and {len(added.refused) - LISTED:,} more"] if len(added.refused) > LISTED else []
    return "\n".join(["; ".join(parts) + ("" if added.refused else "."), "", *listed])
