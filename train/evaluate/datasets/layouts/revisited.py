"""The ground truth of revisited Oxford and Paris (Radenović et al. 2018), read without running what is in it.

    roxford5k/
    ├── jpg/*.jpg
    └── gnd_roxford5k.pkl      or .json, the same as text: {"imlist": [name, …], "qimlist": [name, …],
                               "gnd": [{"bbx": [left, top, right, bottom], "easy": […], "hard": […], "junk": […]}, …]}

The published file is a pickle. A pickle may name any function of the machine and have it called; this reader knows
the few that a table of numbers needs, those of NumPy's arrays, and refuses a file that names another.
"""

import io
import json
import os
import pickle
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.pictures.listing import SUFFIXES
from train.data.sources import DataError

ARRAYS = {
    (module, name)
    for package in ("numpy.core.multiarray", "numpy._core.multiarray")
    for module, name in ((package, "_reconstruct"), (package, "scalar"))
} | {("numpy", "ndarray"), ("numpy", "dtype")}


class Query(NamedTuple):
    """A picture, the part of it that is searched for, and the numbers of the pictures that show the same."""

    image: Path
    box: tuple[float, float, float, float] | None
    easy: np.ndarray
    hard: np.ndarray
    junk: np.ndarray


class Landmarks(NamedTuple):
    """Pictures to be searched, and queries."""

    images: list[Path]
    queries: list[Query]


class _TablesOnly(pickle.Unpickler):
    """Knows arrays and their types, and nothing else that a file could have called."""

    def find_class(self, module: str, name: str):
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it would call {module}.{name}")
        return super().find_class(module, name)


def read_landmarks(root: Path, ground_truth: Path | None = None) -> Landmarks:
    """The pictures and queries of a folder; the file is `gnd_*.json` or `gnd_*.pkl` in it, unless one is given.

    Raises DataError where the file is missing, malformed, holds more than tables, or leads out of the folder. Pictures
    that are missing are kept, for whoever reads them to report.
    """
    path = ground_truth or next(iter([*sorted(root.glob("gnd_*.json")), *sorted(root.glob("gnd_*.pkl"))]), None)
    if path is None:
        raise DataError(f"{root} holds no gnd_*.pkl or gnd_*.json; give --ground-truth.")
    known = _tables(path)
    folder = root / "jpg" if (root / "jpg").is_dir() else root
    try:
        images = [_found(folder, str(name)) for name in known["imlist"]]
        queries = [
            _query(_found(folder, str(name)), one) for name, one in zip(known["qimlist"], known["gnd"], strict=True)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no ground truth ({type(error).__name__}: {error}); download it again.") from error
    highest = max((int(part.max(initial=-1)) for query in queries for part in query[2:]), default=-1)
    if highest >= len(images):
        raise DataError(f"{path} means picture {highest} of {len(images)}; download it again.")
    return Landmarks(images, queries)


def _tables(path: Path) -> dict:
    try:
        data = path.read_bytes()
        if path.suffix == ".json":
            return json.loads(data)
        return _TablesOnly(io.BytesIO(data), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise DataError(f"{path} holds more than tables ({error}); do not trust it.") from error
    except (OSError, ValueError, EOFError, AttributeError, ImportError, IndexError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}: {error}); download it again.") from error


def _query(image: Path, one: dict) -> Query:
    box = None
    if one.get("bbx") is not None:
        left, top, right, bottom = (float(value) for value in one["bbx"])
        box = left, top, right, bottom
    return Query(image, box, *(np.asarray(one[name], dtype=np.int64).reshape(-1) for name in ("easy", "hard", "junk")))


def _found(folder: Path, name: str) -> Path:
    candidates = [folder / name, *(folder / f"{name}{suffix}" for suffix in (".jpg", *sorted(SUFFIXES)))]
    if os.path.isabs(name) or ".." in Path(name).parts:
        raise DataError(f"The ground truth names {name}, which leads out of {folder}; do not trust it.")
    return next((one for one in candidates if one.is_file()), folder / f"{name}.jpg")
