"""UMAP maps: found in a cache at once, or computed by a process of their own (`core.projection.workers`).

McInnes, Healy & Melville 2018, arXiv 1802.03426. n pictures, D width.

    CACHE/
    └── <sha256>.npy   [n, 2] float32; the name is the hash of the vectors, the settings and the library's version
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from core.errors import AnalysisError, RequestError
from core.files import replacing
from core.projection.clusters import check_seed
from core.projection.components import aligned, project, unit_vectors
from core.projection.workers import WORKERS, Ended

log = logging.getLogger(__name__)

FEWEST = 5
"""Pictures from which a map of neighbours says more than principal components."""
_NUDGE = 0.01
"""Of starts that coincide, a thousandth of the map's width."""
CACHED = 256
"""Maps that a cache keeps, the ones used last; 50,000 pictures take 400 kB."""
GROWTH = {"n_epochs": 50, "learning_rate": 0.25}
"""Of a map that grew from another: the library's own 500 rounds, or 200, are for points that begin anywhere."""
KNOWN_SHARE = 0.5
"""Of the pictures that a map has to share with another to grow from it."""
MOST_GROWN = 60_000
"""Pictures of a map that can grow: with more, the process looks for neighbours itself, after the points have begun."""


@dataclass(frozen=True)
class UmapSettings:
    """Settings of a map, which depends on them and the vectors."""

    neighbours: int = 15
    """Nearest pictures that each is held to: few show fine groups, many the whole."""
    distance: float = 0.1
    """Least distance of points, 0 to 1."""
    seed: int = 0

    def __post_init__(self):
        if not 2 <= self.neighbours <= 200:
            raise RequestError(f"neighbours is {self.neighbours}; choose 2 to 200.")
        if not 0 <= self.distance <= 1:
            raise RequestError(f"distance is {self.distance}; choose 0 to 1.")
        check_seed(self.seed)


@dataclass(frozen=True)
class Progress:
    """The stage a map is at: "start", "compile", "ready", "neighbours", "graph", "layout" with the epochs done and in
    all and the seconds left at their pace, or "done"."""

    stage: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


def installed_version() -> str:
    """The version of umap-learn, without the 15 s of importing it. AnalysisError where it is not installed."""
    try:
        return importlib.metadata.version("umap-learn")
    except importlib.metadata.PackageNotFoundError:
        raise AnalysisError(
            "UMAP maps need the package umap-learn: python -m pip install umap-learn. "
            "The map by principal components needs nothing."
        ) from None


def cached_umap(vectors: Tensor | np.ndarray, settings: UmapSettings, cache: Path) -> np.ndarray | None:
    """The map of these vectors, [n, 2] as `UmapRun.result` gives it, where `cache` holds it."""
    units = unit_vectors(vectors).numpy()
    return _read(_place_of(units, settings, cache), len(units))


def start_umap(
    vectors: Tensor | np.ndarray, settings: UmapSettings, cache: Path | None = None, known: np.ndarray | None = None
) -> "UmapRun":
    """The map of the vectors [n, D], being computed; kept in `cache` when it is done.

    With `known` (from `known_places`) it grows from an earlier map, in a tenth of the time and with that map's pictures
    near where they were; it then depends on that map too, and is not kept. Raises RequestError for fewer than FEWEST
    vectors or wrong ones, AnalysisError where umap-learn is missing.
    """
    units = unit_vectors(vectors).numpy()
    if len(units) < FEWEST:
        raise RequestError(f"UMAP wants at least {FEWEST} pictures, here are {len(units)}; add more, or look at PCA.")
    installed_version()
    kept = _place_of(units, settings, cache) if cache and known is None else None
    return UmapRun(units, settings, kept, known)


def known_places(vectors: np.ndarray, earlier: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray | None:
    """Places [n, 2] that the vectors [n, D] have on the earlier map (its vectors, its places) that shares most of them,
    NaN where it lacks one; None where none shares KNOWN_SHARE of them.
    """
    if len(vectors) > MOST_GROWN:
        return None
    best, most = None, KNOWN_SHARE * len(vectors)
    for others, places in earlier:
        if others.shape[1:] != vectors.shape[1:] or others.dtype != vectors.dtype:
            continue
        rows = {row.tobytes(): number for number, row in enumerate(others)}
        found = np.array([rows.get(row.tobytes(), -1) for row in vectors])
        if (found >= 0).sum() >= most:
            best, most = np.where(found[:, None] >= 0, places[found], np.nan).astype(np.float32), (found >= 0).sum()
    return best


class UmapRun:
    """One map on its way, in a process of its own. Safe to ask from several threads."""

    def __init__(self, units: np.ndarray, settings: UmapSettings, kept: Path | None, known: np.ndarray | None = None):
        self.progress = Progress("start")
        self._reference = project(units).coordinates
        self._kept, self._known = kept, known
        self._cancelled = False
        self._places: np.ndarray | None = None
        self._error: AnalysisError | None = None
        self._over = threading.Event()
        self._layout_began: float | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="dinoscope-umap-"))
        try:
            self._write_job(units, settings)
            self._worker = WORKERS.take()
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise AnalysisError(f"UMAP could not be started ({error.strerror}); free some disk and memory.") from error
        except AnalysisError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        threading.Thread(target=self._follow, name="umap", daemon=True).start()

    @property
    def done(self) -> bool:
        return self._over.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it is done, after at most so long."""
        return self._over.wait(seconds)

    def cancel(self) -> None:
        """End it at once; `result` then raises AnalysisError. A layout ends with its process alone, so that another
        is started for whoever comes next."""
        if self.done:
            return
        self._cancelled = True
        self._worker.kill()
        WORKERS.warm()

    def result(self) -> np.ndarray:
        """The map [n, 2] float32, lying as the one by principal components does; waits for it.

        Raises AnalysisError where it was cancelled or its process failed.
        """
        self._over.wait()
        if self._error is not None:
            raise self._error
        assert self._places is not None  # or `_take` would have set the error
        return self._places

    def _write_job(self, units: np.ndarray, settings: UmapSettings) -> None:
        np.save(self._folder / "vectors.npy", units)
        words = {
            "n_neighbors": min(settings.neighbours, len(units) - 1),
            "min_dist": settings.distance,
            "random_state": settings.seed,
        }
        start = self._reference
        if self._known is not None:
            start, words = self._known, words | GROWTH
        np.save(self._folder / "start.npy", _starts(start, settings.seed))
        (self._folder / "settings.json").write_text(json.dumps(words), encoding="utf-8")

    def _follow(self) -> None:
        """Follow the process's progress to the end of the map, then read it."""
        try:
            ended = self._worker.compute(self._folder, self._told)
            if ended is Ended.NOT_BEGUN and not self._cancelled:  # it left for want of maps at this very moment
                self._worker.close()
                self._worker = WORKERS.take()
                ended = self._worker.compute(self._folder, self._told)
            self._take(ended)
        except AnalysisError as error:
            self._error = error
        finally:
            WORKERS.give_back(self._worker)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._over.set()

    def _told(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != "layout":
            self._layout_began = now
        began = self._layout_began if self._layout_began is not None else now
        left = (now - began) / done * (total - done) if done else None
        self.progress = Progress(stage, done, total, left)

    def _take(self, ended: Ended) -> None:
        status = None if ended is Ended.DONE else self._worker.status
        places = None if status else _read(self._folder / "coordinates.npy", len(self._reference))
        if places is None:
            self._error = self._failure(status)
            return
        # one that grew lies as the map it grew from, and has turned no further than its pictures have
        self._places = aligned(places, self._reference if self._known is None else self._known)
        self.progress = Progress("done")
        if self._kept is not None:
            _keep(self._kept, self._places)

    def _failure(self, status: int | None) -> AnalysisError:
        if self._cancelled:
            return AnalysisError("The map was cancelled.")
        written = self._worker.last_words()
        log.error("UMAP ended with status %s: %s", status, written)
        wordless = "it was killed, perhaps for want of memory" if status else "it gave no finite places"
        last = written.splitlines()[-1] if written and status else wordless
        return AnalysisError(f"UMAP failed ({last}); take fewer pictures, or look at the principal components.")


def _starts(reference: np.ndarray, seed: int) -> np.ndarray:
    """Where the points begin [n, 2]: between 0 and 10, as the library scales its own starts; from components, so that
    far groups stay far.

    Equal pictures, and pictures on a line, are moved a little: the library divides by the extent of each axis, and by
    the distances of starts that coincide.
    """
    starts = (reference + 1) * 5
    if len(np.unique(starts, axis=0)) == len(starts) and np.ptp(starts, axis=0).all():
        return starts
    moved = starts + np.random.default_rng(seed).normal(scale=_NUDGE, size=starts.shape)
    return moved.astype(np.float32)


@functools.lru_cache(maxsize=8)
def _note_once(folder: str, reason: str) -> None:
    log.warning("Maps are not kept in %s: %s", folder, reason)


def _place_of(units: np.ndarray, settings: UmapSettings, cache: Path) -> Path:
    """The file a map is kept in: equal exactly where the same library would compute the same."""
    made_by = json.dumps([asdict(settings), installed_version(), units.shape], sort_keys=True)
    return cache / f"{hashlib.sha256(made_by.encode() + np.ascontiguousarray(units).tobytes()).hexdigest()}.npy"


def _read(path: Path, count: int) -> np.ndarray | None:
    """Places [count, 2] from a file; None where it is missing, or damaged by whatever befell the disk."""
    try:
        places = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if places.shape != (count, 2) or not np.isfinite(places).all():
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used last now
    return places


def _keep(path: Path, places: np.ndarray) -> None:
    """Write a map whole or not at all. A disk that is full or read-only costs only the next visitor's time."""
    try:
        with replacing(path, contested=True) as fresh, fresh.open("wb") as file:
            np.save(file, places)
        by_age = sorted(path.parent.glob("*.npy"), key=lambda file: file.stat().st_mtime)
        for old in by_age[:-CACHED]:
            old.unlink(missing_ok=True)
    except OSError as error:
        _note_once(str(path.parent), error.strerror or str(error))
