"""UMAP maps for all visitors: one computed at a time, each once however many ask, none that nobody waits for."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.server.jobs import duration
from core import DinoError
from core.projection.umap import Progress, UmapRun, UmapSettings, cached_umap, known_places, start_umap
from core.wording import counted

FORGOTTEN_S = 150
"""A map that nobody has asked about for so long is given up; pages in the background ask once a minute."""
REMEMBERED = 16
"""Finished maps kept at hand, the last ones."""
STAGES = {
    "start": "its library is being loaded",
    "compile": "its library is being compiled, once on this machine where that can be kept",
    "neighbours": "looking for everybody's neighbours",
    "graph": "joining neighbours",
}


@dataclass(eq=False)
class _Wish:
    vectors: np.ndarray
    settings: UmapSettings
    asked: float
    visitors: set[str] = field(default_factory=set)
    """Those who asked, and have not said that they do not want it any more."""
    run: UmapRun | None = None
    grown: bool = False
    """Whether it grew from another map at hand."""
    answer: np.ndarray | DinoError | None = None


@dataclass(frozen=True)
class Waiting:
    """Progress of a map, and how many are computed before it."""

    progress: Progress
    before: int = 0

    def __str__(self) -> str:
        if self.before:
            return f"UMAP: {counted(self.before, 'other map')} first …"
        now = self.progress
        if now.stage == "layout" and now.total:
            left = now.seconds_left or 0
            remaining = f", about {duration(1000 * left)} left" if left > 1 else ""
            return f"UMAP: laying out the points, {now.done / now.total:.0%}{remaining} …"
        return f"UMAP: {STAGES.get(now.stage, 'starting')} …"


@dataclass
class UmapDesk:
    """The queue of maps that are asked for. Nothing runs here: whoever asks moves the queue on."""

    cache: Path
    start: Callable[..., UmapRun] = start_umap
    clock: Callable[[], float] = time.monotonic
    _wishes: "OrderedDict[tuple, _Wish]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, name: str, vectors: np.ndarray, settings: UmapSettings, visitor: str = "") -> tuple:
        """The key to ask about a map by, which is found in the cache or put last in the queue. `name`: of the vectors."""
        key = (name, settings)
        with self._lock:
            if visitor:
                self._leave_others(key, visitor)
            wish = self._wishes.get(key)
            if wish is None or isinstance(wish.answer, DinoError):
                wish = self._wishes[key] = _Wish(
                    vectors, settings, self.clock(), answer=cached_umap(vectors, settings, self.cache)
                )
                self._wishes.move_to_end(key)
            wish.visitors.add(visitor)
        return key

    def leave(self, key: tuple, visitor: str) -> None:
        """This visitor does not want a map any more; where nobody else does, its computation ends."""
        with self._lock:
            wish = self._wishes.get(key)
            if wish is None or wish.answer is not None:
                return
            wish.visitors.discard(visitor)
            if not wish.visitors:
                self._give_up(key)

    def is_grown(self, key: tuple) -> bool:
        """Whether that map grew from one before it."""
        with self._lock:
            return key in self._wishes and self._wishes[key].grown

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
                self._give_up(key)
            elif wish.answer is None and wish.run and wish.run.done:
                wish.answer = _answer(wish.run.result)
        waiting = [wish for wish in self._wishes.values() if wish.answer is None]
        if waiting and waiting[0].run is None:
            first = waiting[0]
            known = known_places(first.vectors, self._finished(first.settings))
            first.grown = known is not None
            started = _answer(lambda: self.start(first.vectors, first.settings, self.cache, known))
            first.run, first.answer = (None, started) if isinstance(started, DinoError) else (started, None)
        finished = [key for key, wish in self._wishes.items() if wish.answer is not None]
        for key in finished[:-REMEMBERED]:
            del self._wishes[key]

    def _leave_others(self, key: tuple, visitor: str) -> None:
        """One map at a time is waited for. What is computed already goes on: it is soon there, and then kept."""
        for other, wish in list(self._wishes.items()):
            if other != key and wish.run is None and wish.answer is None:
                wish.visitors.discard(visitor)
                if not wish.visitors:
                    self._give_up(other)

    def _give_up(self, key: tuple) -> None:
        wish = self._wishes.pop(key)
        if wish.run:
            wish.run.cancel()

    def _finished(self, settings: UmapSettings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Vectors and places of the maps at hand that were made with these settings, the newest first."""
        for wish in reversed(self._wishes.values()):
            if wish.settings == settings and isinstance(wish.answer, np.ndarray):
                yield wish.vectors, wish.answer


def _answer(call: Callable):
    """The result of a call, or the error it raises."""
    try:
        return call()
    except DinoError as error:
        return error
