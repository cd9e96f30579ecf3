"""The program that computes one UMAP map: `python umap_worker.py FOLDER`, started by `core.projection.umap`.

    FOLDER/
    ├── vectors.npy       [n, D] float32, read
    ├── start.npy         [n, 2] float32, where the points begin, read
    ├── settings.json     n_neighbors, min_dist, random_state, n_epochs, read
    └── coordinates.npy   [n, 2] float32, written

A process of its own, since UMAP's import and compilation take 15 s during which a thread would hold up all others.
Progress goes to standard output, one JSON [stage, done, total] a line. It ends when its standard input does, so that
it does not outlive who started it. It imports nothing of this project, and so needs no torch.
"""

import json
import os
import re
import sys
import threading
import warnings
from pathlib import Path

NICENESS = 10
"""Below whoever looks at pictures meanwhile."""

EXACT = 60_000
"""Most vectors whose neighbours are found by comparing all with all: a minute for 50,000 on one core. The library's
approximate search took 100 s for 6,000, nearly all of it to compile itself."""


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


def compute(folder: Path) -> None:
    """Write the map of the vectors in `folder`."""
    tell("start")
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tensorflow, and about the one thread that a seed asks for
        import umap

        settings = json.loads((folder / "settings.json").read_text("utf-8"))
        vectors, start = np.load(folder / "vectors.npy"), np.load(folder / "start.npy")
        tell("neighbours")
        if len(vectors) <= EXACT:
            settings["precomputed_knn"] = _nearest(vectors, settings["n_neighbors"])
        tell("graph")
        # the vectors are of length 1: their distances rank like their cosines
        mapper = umap.UMAP(
            init=start,
            metric="euclidean",
            n_jobs=1,
            tqdm_kwds={"file": _Epochs(), "disable": False, "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.2},
            **settings,
        )
        places = mapper.fit_transform(vectors)
    with (folder / "coordinates.npy").open("wb") as file:
        np.save(file, places.astype(np.float32))


def _nearest(vectors, count: int) -> tuple:
    """Numbers and distances of the nearest vectors, [n, count] each, as UMAP takes them: each is its own first."""
    from sklearn.neighbors import NearestNeighbors

    distances, numbers = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(vectors).kneighbors(vectors)
    return numbers.astype("int32"), distances.astype("float32"), None


def _end_with_starter() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the other end is closed; nothing is ever sent
    os._exit(1)


if __name__ == "__main__":
    # the folder of this file holds modules that must not stand for others of the same name
    sys.path.pop(0)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    compute(Path(sys.argv[1]))
