"""UMAP maps for all visitors: one computed at a time, each once however many ask, none that nobody waits for."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import DinoError
from core.projection.umap import Progress, UmapRun, UmapSettings, cached_umap, start_umap
from core.wording import counted

FORGOTTEN_S = 150
"""A map that nobody has asked about for so long is given up; pages in the background ask once a minute."""
REMEMBERED = 16
"""Finished maps kept at hand, the last ones."""


@dataclass(eq=False)
class _Wish:
    vectors: np.ndarray
    settings: UmapSettings
    asked: float
    run: UmapRun | None = None
    answer: np.ndarray | DinoError | None = None


@dataclass(frozen=True)
class Waiting:
    """Progress of a map, and how many are computed before it."""

    progress: Progress
    before: int = 0

    def __str__(self) -> str:
        if self.before:
            return f"UMAP: {counted(self.before, 'other map')} first …"
        stage, done, total = self.progress.stage, self.progress.done, self.progress.total
        if stage == "layout" and total:
            return f"UMAP: laying out the points, {done / total:.0%} …"
        stages = {"neighbours": "looking for everybody's neighbours", "graph": "joining neighbours"}
        return f"UMAP: {stages.get(stage, 'starting, 15 s the first time')} …"


@dataclass
class UmapDesk:
    """The queue of maps that are asked for. Nothing runs here: whoever asks moves the queue on."""

    cache: Path
    start: Callable[..., UmapRun] = start_umap
    clock: Callable[[], float] = time.monotonic
    _wishes: "OrderedDict[tuple, _Wish]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, name: str, vectors: np.ndarray, settings: UmapSettings) -> tuple:
        """The key to ask about a map by, which is found in the cache or put last in the queue. `name`: of the vectors."""
        key = (name, settings)
        with self._lock:
            wish = self._wishes.get(key)
            if wish is None or isinstance(wish.answer, DinoError):
                self._wishes[key] = _Wish(
                    vectors, settings, self.clock(), answer=cached_umap(vectors, settings, self.cache)
                )
                self._wishes.move_to_end(key)
        return key

    def look(self, key: tuple) -> np.ndarray | Waiting | None:
        """The map [n, 2], how far it is, or None where it was given up. Raises what its computation raised."""
        with self._lock:
            wish = self._wishes.get(key)
            if wish is None:
                return None
            wish.asked = self.clock()
            self._move_on()
            if isinstance(wish.answer, DinoError):
                raise wish.answer
            if wish.answer is not None:
                return wish.answer
            waiting = [other for other in self._wishes.values() if other.answer is None]
            return Waiting(wish.run.progress if wish.run else Progress("start"), waiting.index(wish))

    def _move_on(self) -> None:
        """Take what is finished, give up what nobody wants, start the next."""
        for key, wish in list(self._wishes.items()):
            if wish.answer is None and self.clock() - wish.asked > FORGOTTEN_S:
                if wish.run:
                    wish.run.cancel()
                del self._wishes[key]
            elif wish.answer is None and wish.run and wish.run.done:
                wish.answer = _answer(wish.run.result)
        waiting = [wish for wish in self._wishes.values() if wish.answer is None]
        if waiting and waiting[0].run is None:
            first = waiting[0]
            started = _answer(lambda: self.start(first.vectors, first.settings, self.cache))
            first.run, first.answer = (None, started) if isinstance(started, DinoError) else (started, None)
        finished = [key for key, wish in self._wishes.items() if wish.answer is not None]
        for key in finished[:-REMEMBERED]:
            del self._wishes[key]


def _answer(call: Callable):
    """The result of a call, or the error it raises."""
    try:
        return call()
    except DinoError as error:
        return error
