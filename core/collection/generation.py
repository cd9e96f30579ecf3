"""Rows of one generation of a collection's files: written past the end of what counts, or carried over from the last."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from core.collection.checksums import sums_of
from core.collection.records import About
from core.collection.vectors import STEP, SUMS_FILE, File, Snapshot, append, files, quantised, sync_folder, with_gap

CHUNK = 4096
"""Rows carried over together."""


def write_anew(folder: Path, old: Snapshot, about: About, basis: torch.Tensor | None) -> About:
    """Write the remaining rows into a folder of their own; the state with its counts."""
    folder.mkdir(parents=True)
    if basis is not None:
        append(folder, File("basis.f32", np.float32, basis.shape[1]), 0, basis.numpy())
    rows = np.flatnonzero(old.alive)
    for start in range(0, len(rows), CHUNK):
        about = append_rows(folder, about, _taken(old, rows[start : start + CHUNK], about, basis), basis)
    sync_folder(folder)
    return about


def append_rows(folder: Path, about: About, given: dict[str, np.ndarray], basis: torch.Tensor | None) -> About:
    """Write rows to every file of a generation, and their checksums; what its counts will be."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    starts = {"cells": about.cells, "thumbnails": about.thumbnail_bytes}
    layout = files(about.width, given["cells"].shape[1])
    arrays = {what: np.ascontiguousarray(values, layout[what].dtype) for what, values in given.items()}
    for what, values in arrays.items():
        append(folder, layout[what], starts.get(what, about.rows), values)
    sums = sums_of(arrays, None if basis is None else basis.numpy())
    append(folder, SUMS_FILE, *with_gap(folder, about.rows, sums))
    if new or about.rows == 0:
        sync_folder(folder)
    return replace(
        about,
        rows=about.rows + len(arrays["places"]),
        cells=about.cells + len(arrays["cells"]),
        thumbnail_bytes=about.thumbnail_bytes + len(arrays["thumbnails"]),
    )


def _taken(old: Snapshot, rows: np.ndarray, about: About, basis: torch.Tensor | None) -> dict[str, np.ndarray]:
    """The old rows as they are appended to the next generation."""
    places = np.array(old.places[rows])
    lengths = places[:, 1] * places[:, 2]
    cells = np.concatenate([old.cells[first : first + n] for first, n in zip(places[:, 0], lengths, strict=True)])
    if basis is not None and old.basis is None:
        cells = quantised(torch.from_numpy(cells).float() / STEP @ basis)
    thumbnails = b"".join(old.thumbnail(row) for row in rows)
    places[:, 0] = about.cells + np.cumsum(lengths) - lengths
    places[:, 3] = about.thumbnail_bytes + np.cumsum(places[:, 4]) - places[:, 4]
    return {
        "cls": old.cls[rows],
        "mean": old.mean[rows],
        "cells": cells,
        "places": places,
        "thumbnails": np.frombuffer(thumbnails, np.uint8),
    }
