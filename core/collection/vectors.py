"""The vector files of a collection: appended to, mapped into memory, never changed where they count.

D width of the model, K kept dimensions of a patch.

    vectors/000001/            one generation; written anew, under the next number, when the collection is tidied
      cls.f16                  [n, D] float16, unit length
      mean.f16                 [n, D] float16, unit length: mean of the normalised patches
      cells.i8                 [cells, K] int8 in steps of 1/127: patches, normalised, pooled to a grid, projected
      places.i64               [n, 6] int64: first cell, grid rows, grid columns, first thumbnail byte, bytes, id
      thumbnails.webp          one WebP after another
      basis.f32                [D, K] float32; absent while all D dimensions are kept

Readers map what the database says exists, and no byte before that end is ever written again; so they need no lock.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.collection.records import About
from core.errors import CollectionError

STEP = 127.0
"""int8 steps of a unit vector's components: a cosine is then off by some 0.002, whatever the number of dimensions."""
PLACE_COLUMNS = 6


@dataclass(frozen=True)
class File:
    name: str
    dtype: type[np.generic]
    columns: int


def files(width: int, kept: int) -> dict[str, File]:
    """The files of a generation, by what they hold."""
    return {
        "cls": File("cls.f16", np.float16, width),
        "mean": File("mean.f16", np.float16, width),
        "cells": File("cells.i8", np.int8, kept),
        "places": File("places.i64", np.int64, PLACE_COLUMNS),
        "thumbnails": File("thumbnails.webp", np.uint8, 1),
    }


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A collection's vectors as of one moment: arrays on the disk, read as they are asked for."""

    about: About
    basis: Tensor | None
    """[D, K] with orthonormal columns; None where cells keep all D dimensions."""
    cls: np.ndarray
    mean: np.ndarray
    cells: np.ndarray
    places: np.ndarray
    thumbnails: np.ndarray
    alive: np.ndarray
    """[n] bool: False for removed pictures."""

    @cached_property
    def ids(self) -> np.ndarray:
        """[n] int64, ascending."""
        return np.ascontiguousarray(self.places[:, 5])

    @cached_property
    def starts(self) -> np.ndarray:
        """[n] int64: the first cell of each picture."""
        return np.ascontiguousarray(self.places[:, 0])

    def rows_of(self, ids: Sequence[int]) -> np.ndarray:
        """The rows of those ids that are here and not removed."""
        wanted = np.asarray(sorted(ids), dtype=np.int64)
        rows = np.searchsorted(self.ids, wanted)
        inside = rows < len(self.ids)
        rows, wanted = rows[inside], wanted[inside]
        rows = rows[self.ids[rows] == wanted]
        return rows[self.alive[rows]]

    def grid(self, row: int) -> Tensor:
        """[h, w, K] float32: the cells of one picture."""
        first, height, width = (int(value) for value in self.places[row, :3])
        cells = torch.from_numpy(np.array(self.cells[first : first + height * width]))
        return (cells.float() / STEP).unflatten(0, (height, width))

    def project(self, vectors: Tensor) -> Tensor:
        """[..., D] → [..., K]: a vector's place in the space of the cells; inner products there are cosines."""
        return vectors.float() if self.basis is None else vectors.float() @ self.basis

    def thumbnail(self, row: int) -> bytes:
        first, count = (int(value) for value in self.places[row, 3:5])
        return self.thumbnails[first : first + count].tobytes()


def folder_of(root: Path, generation: int) -> Path:
    return root / "vectors" / f"{generation:06}"


def open_snapshot(root: Path, about: About, removed: np.ndarray) -> Snapshot:
    """The files of `about.generation`, mapped up to where they count. FileNotFoundError where they are gone."""
    folder = folder_of(root, about.generation)
    basis = read_basis(folder, about.width)
    layout = files(about.width, about.width if basis is None else basis.shape[1])
    lengths = {"cells": about.cells, "thumbnails": about.thumbnail_bytes}
    arrays = {what: _mapped(folder, file, lengths.get(what, about.rows)) for what, file in layout.items()}
    arrays["thumbnails"] = arrays["thumbnails"][:, 0]
    alive = np.ones(about.rows, dtype=bool)
    alive[np.isin(arrays["places"][:, 5], removed)] = False
    return Snapshot(about, basis, **arrays, alive=alive)


def read_basis(folder: Path, width: int) -> Tensor | None:
    path = folder / "basis.f32"
    return torch.from_numpy(np.fromfile(path, np.float32).reshape(width, -1)) if path.exists() else None


def quantised(vectors: Tensor) -> np.ndarray:
    """[..., K] in -1..1 → int8 in steps of 1/127."""
    return (vectors * STEP).round().clamp(-STEP, STEP).to(torch.int8).numpy()


def append(folder: Path, file: File, start: int, values: np.ndarray) -> None:
    """Write rows after the first `start`, flushed to the disk; whatever an interrupted writer left there is overwritten.

    Raises OSError where the disk is full; what counts is untouched then.
    """
    data = np.ascontiguousarray(values, dtype=file.dtype).data.cast("B")
    offset = start * file.columns * np.dtype(file.dtype).itemsize
    path = folder / file.name
    with path.open("r+b" if path.exists() else "w+b", buffering=0) as stream:
        there = stream.seek(0, os.SEEK_END)
        if there < offset:
            raise CollectionError(f"{path} is shorter than it was; import the collection's last export.")
        if there > offset:
            stream.truncate(offset)
        stream.seek(offset)
        while data:
            data = data[stream.write(data) :]
        os.fsync(stream.fileno())


def _mapped(folder: Path, file: File, rows: int) -> np.ndarray:
    if rows == 0:
        return np.empty((0, file.columns), file.dtype)
    path = folder / file.name
    if path.stat().st_size < rows * file.columns * np.dtype(file.dtype).itemsize:
        raise CollectionError(f"{path} is shorter than it was; import the collection's last export.")
    return np.memmap(path, file.dtype, "r", shape=(rows, file.columns))
