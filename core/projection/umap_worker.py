"""The program that computes UMAP maps, one after another: `python umap_worker.py`, started by `core.projection.workers`.

Each line of its standard input is a folder with a map to compute:

    FOLDER/
    ├── vectors.npy       [n, D] float32, read
    ├── start.npy         [n, 2] float32, where the points begin, read; NaN where that is among their neighbours
    ├── settings.json     n_neighbors, min_dist, random_state, perhaps n_epochs and learning_rate, read
    └── coordinates.npy   [n, 2] float32, written

A process of its own, since a thread would hold up all others while the library is imported and compiled, and cannot be
stopped within a layout. It stays for the next map: to start takes longer than a map of some hundred points. It ends when
its standard input does, so that it does not outlive who started it, after IDLE_S without a map, and after one of more
than LARGE points, whose memory it would keep. Progress goes to standard output, one JSON [stage, done, total] a line.
It imports nothing of this project, and so needs no torch.
"""

import contextlib
import json
import os
import queue
import re
import sys
import threading
import warnings
from pathlib import Path

NICENESS = 10
"""Below whoever looks at pictures meanwhile."""
IDLE_S = 15 * 60
LARGE = 20_000
EXACT = 60_000
"""Most vectors whose neighbours are found by comparing all with all: a minute for 50,000 on one core. The library's
approximate search took 100 s for 6,000, nearly all of it to compile itself."""
ROUNDS = 4
"""Steps from neighbour to neighbour by which a point without a start finds one."""


class _Epochs:
    """A text stream for tqdm, of whose lines only the epochs done and in all are kept."""

    def write(self, text: str) -> None:
        found = re.search(r"(\d+)/(\d+)", text)
        if found:
            tell("layout", int(found[1]), int(found[2]))

    def flush(self) -> None:
        pass


def tell(stage: str, done: int = 0, total: int = 0) -> None:
    print(json.dumps([stage, done, total]), flush=True)


def prepare() -> None:
    """Import the library, and have its functions compiled: 0.1 s where an earlier process left them on the disk, 7 s of
    processor time where none did."""
    tell("start")
    import numpy as np
    import umap
    from numba.core.dispatcher import Dispatcher

    tell("compile")
    for module in (umap.umap_, umap.layouts, umap.utils):
        for function in vars(module).values():
            if isinstance(function, Dispatcher):
                with contextlib.suppress(RuntimeError):  # no folder that could be written: compiled each time
                    function.enable_caching()
    few = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    lay_out(few, few[:, :2], {"n_neighbors": 5, "random_state": 0}, told=False)
    tell("ready")


def compute(folder: Path) -> int:
    """Write the map of the vectors in `folder`; its number of points."""
    import numpy as np

    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    vectors, start = np.load(folder / "vectors.npy"), np.load(folder / "start.npy")
    places = lay_out(vectors, start, settings)
    with (folder / "coordinates.npy").open("wb") as file:
        np.save(file, places.astype(np.float32))
    return len(vectors)


def lay_out(vectors, start, settings: dict, *, told: bool = True):
    """Places [n, 2] of the vectors [n, D]."""
    import umap

    say = tell if told else lambda *_: None
    say("neighbours")
    if len(vectors) <= EXACT:
        known = _nearest(vectors, settings["n_neighbors"])
        start = placed_among(start, known[0], settings["random_state"])
        settings = settings | {"precomputed_knn": known}
    say("graph")
    # the vectors are of length 1: their distances rank like their cosines
    mapper = umap.UMAP(
        init=start,
        metric="euclidean",
        n_jobs=1,
        tqdm_kwds={
            "file": _Epochs(), "disable": not told, "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.2
        },
        **settings,
    )  # fmt: skip
    return mapper.fit_transform(vectors)


def placed_among(start, neighbours, seed: int):
    """Starts [n, 2] with those that are NaN in the middle of their neighbours' starts, moved a little apart.

    One that no neighbour leads to begins in the middle of all.
    """
    import numpy as np

    start = start.copy()
    lacking = np.isnan(start[:, 0])
    if not lacking.any():
        return start
    middle = np.nanmean(start, axis=0)
    for _ in range(ROUNDS):
        unknown = np.isnan(start[:, 0])
        around = start[neighbours[unknown]]
        known = ~np.isnan(around[..., :1])
        count = known.sum(axis=1)
        start[unknown] = np.where(count, np.where(known, around, 0).sum(axis=1) / np.maximum(count, 1), np.nan)
    start[np.isnan(start[:, 0])] = middle
    start[lacking] += np.random.default_rng(seed).normal(scale=0.01, size=(int(lacking.sum()), 2))
    return start


def _nearest(vectors, count: int) -> tuple:
    """Numbers and distances of the nearest vectors, [n, count] each, as UMAP takes them: each is its own first."""
    from sklearn.neighbors import NearestNeighbors

    distances, numbers = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(vectors).kneighbors(vectors)
    return numbers.astype("int32"), distances.astype("float32"), None


def serve() -> None:
    """Compute map after map until nobody wants one any more."""
    warnings.simplefilter("ignore")  # about tensorflow, and about the one thread that a seed asks for
    wanted: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=[wanted], daemon=True).start()
    prepare()
    points = 0
    while points <= LARGE:
        try:
            folder = wanted.get(timeout=IDLE_S)
        except queue.Empty:
            return
        points = compute(Path(folder))
        tell("done", int(points <= LARGE))


def _listen(wanted: "queue.Queue[str]") -> None:
    for line in sys.stdin:
        wanted.put(line.rstrip("\n"))
    os._exit(1)  # whoever started this has ended


if __name__ == "__main__":
    # the folder of this file holds modules that must not stand for others of the same name
    sys.path.pop(0)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    serve()
