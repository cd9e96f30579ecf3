"""The vector files of a collection: appended to, mapped into memory, never changed where they count.

D width of the model, K kept dimensions of a patch.

    vectors/000001/            one generation; written anew, under the next number, when the collection is tidied
      cls.f16                  [n, D] float16, unit length
      mean.f16                 [n, D] float16, unit length: mean of the normalised patches
      cells.i8                 [cells, K] int8 in steps of 1/127: patches, normalised, pooled to a grid, projected
      places.i64               [n, 6] int64: first cell, grid rows, grid columns, first thumbnail byte, bytes, id
      thumbnails.webp          one WebP after another
      basis.f32                [D, K] float32; absent while all D dimensions are kept
      sums.u32                 [n, 6] uint32: a checksum of each row in the files above (`core.collection.checksums`)

Readers map what the database says exists, and no byte before that end is ever written again; so they need no lock.
Rows of before there were checksums have zeros there, or lie beyond the end of a `sums.u32` that is shorter, or missing.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.collection.checksums import COLUMNS, KINDS, Checks, crc
from core.collection.records import About
from core.errors import CollectionError

STEP = 127.0
"""int8 steps of a unit vector's components: a cosine is then off by some 0.002, whatever the number of dimensions."""
PLACE_COLUMNS = 6
VECTORS = "vectors"
SUMS = "sums.u32"
REMEDY = "import the collection's last export, or add its pictures to a new one"


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


SUMS_FILE = File(SUMS, np.uint32, COLUMNS)


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
    """[n] bool: False for removed pictures, and where `places` is damaged."""
    checks: Checks

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

    def whole(self, rows: np.ndarray, *kinds: str) -> np.ndarray:
        """Those of the rows that are as they were written in the files of those kinds (all where none is named).

        They are read to see it, where they were not yet in this process.
        """
        for kind in kinds or KINDS:
            rows = rows[~self.checks.damaged[rows]]
            self.checks.check(kind, getattr(self, kind), self.places, rows)
        return rows[~self.checks.damaged[rows]]

    def grid(self, row: int) -> Tensor:
        """[h, w, K] float32: the cells of one picture."""
        first, height, width = (int(value) for value in self.places[row, :3])
        cells = torch.from_numpy(np.array(self.cells[first : first + height * width]))
        return (cells.float() / STEP).unflatten(0, (height, width))

    def unprojected(self, row: int) -> Tensor:
        """[h, w, D] float32: the cells of one picture in the model's own space, as far as K dimensions tell of it."""
        return self.grid(row) if self.basis is None else self.grid(row) @ self.basis.T

    def project(self, vectors: Tensor) -> Tensor:
        """[..., D] → [..., K]: a vector's place in the space of the cells; inner products there are cosines."""
        return vectors.float() if self.basis is None else vectors.float() @ self.basis

    def thumbnail(self, row: int) -> bytes:
        first, count = (int(value) for value in self.places[row, 3:5])
        return self.thumbnails[first : first + count].tobytes()


def folder_of(root: Path, generation: int) -> Path:
    return root / VECTORS / f"{generation:06}"


def open_snapshot(root: Path, about: About, removed: np.ndarray, before: Snapshot | None = None) -> Snapshot:
    """The files of `about.generation`, mapped up to where they count. FileNotFoundError where they are gone.

    `before` is an earlier snapshot of the same collection, whose checks need not be made again.
    """
    folder = folder_of(root, about.generation)
    basis = read_basis(folder, about.width)
    layout = files(about.width, about.width if basis is None else basis.shape[1])
    lengths = {"cells": about.cells, "thumbnails": about.thumbnail_bytes}
    arrays = {what: _mapped(folder, file, lengths.get(what, about.rows)) for what, file in layout.items()}
    arrays["thumbnails"] = arrays["thumbnails"][:, 0]
    sums = read_sums(folder, about.rows)
    if basis is not None and about.rows and sums[0, -1] not in (0, crc(basis.numpy())):
        raise CollectionError(f"{_named(folder / 'basis.f32')} is damaged; {REMEDY}.")
    known = before.checks if before is not None and before.about.generation == about.generation else None
    checks = Checks(sums, known)
    arrays["places"] = _checked_places(arrays["places"], about, checks)
    alive = ~checks.damaged_places
    alive[np.isin(arrays["places"][:, 5], removed)] = False
    return Snapshot(about, basis, **arrays, alive=alive, checks=checks)


def read_basis(folder: Path, width: int) -> Tensor | None:
    path = folder / "basis.f32"
    if not path.exists():
        return None
    values = np.fromfile(path, np.float32)
    if not len(values) or len(values) % width or len(values) > width**2 or not np.isfinite(values).all():
        raise CollectionError(f"{_named(path)} is damaged; {REMEDY}.")
    return torch.from_numpy(values.reshape(width, -1))


def read_sums(folder: Path, rows: int) -> np.ndarray:
    """[rows, COLUMNS] uint32: the checksums, zeros where there are none."""
    sums = np.zeros((rows, COLUMNS), np.uint32)
    with contextlib.suppress(FileNotFoundError):
        there = np.fromfile(folder / SUMS, np.uint32, rows * COLUMNS)
        there = there[: len(there) // COLUMNS * COLUMNS].reshape(-1, COLUMNS)
        sums[: len(there)] = there
    return sums


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
            raise CollectionError(f"{_named(path)} is shorter than it was; {REMEDY}.")
        if there > offset:
            stream.truncate(offset)
        stream.seek(offset)
        while data:
            data = data[stream.write(data) :]
        os.fsync(stream.fileno())


def with_gap(folder: Path, start: int, sums: np.ndarray) -> tuple[int, np.ndarray]:
    """(first row, rows) to write, so that checksums lie after `start` rows: earlier ones that have none get zeros."""
    path = folder / SUMS
    there = path.stat().st_size // (4 * COLUMNS) if path.exists() else 0
    first = min(start, there)
    return first, np.concatenate([np.zeros((start - first, COLUMNS), np.uint32), sums])


def check_lengths(root: Path, snapshot: Snapshot) -> None:
    """CollectionError where a mapped file was cut short since, reading past whose end would end the process."""
    folder = folder_of(root, snapshot.about.generation)
    for kind, file in files(snapshot.about.width, snapshot.cells.shape[1]).items():
        if rows := len(getattr(snapshot, kind)):
            _check_length(folder, file, rows)


def _check_length(folder: Path, file: File, rows: int) -> None:
    path = folder / file.name
    if path.stat().st_size < rows * file.columns * np.dtype(file.dtype).itemsize:
        raise CollectionError(f"{_named(path)} is shorter than it was; {REMEDY}.")


def _mapped(folder: Path, file: File, rows: int) -> np.ndarray:
    if rows == 0:
        return np.empty((0, file.columns), file.dtype)
    _check_length(folder, file, rows)
    return np.memmap(folder / file.name, file.dtype, "r", shape=(rows, file.columns))


def _checked_places(places: np.ndarray, about: About, checks: Checks) -> np.ndarray:
    """The places, where none is damaged; else a copy in memory in which the others can be found nevertheless.

    There ids ascend and cells follow one another without a gap: a damaged row repeats the id before it, and the first
    of several has all cells up to the next whole one.
    """
    checks.check("places", places, places, np.arange(len(places)))
    checks.mark_places(_impossible(places, about))
    bad = checks.damaged_places
    if not bad.any():
        return places
    places = np.array(places)
    places[bad] = 0
    places[:, 5] = np.maximum.accumulate(places[:, 5])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bad, [False]])))
    for first, last in edges.reshape(-1, 2).tolist():
        start = int(places[first - 1, 0] + places[first - 1, 1] * places[first - 1, 2]) if first else 0
        end = int(places[last, 0]) if last < len(places) else about.cells
        places[first:last, 0] = max(start, end)
        places[first, :3] = start, max(0, end - start), 1
    return places


def _impossible(places: np.ndarray, about: About) -> np.ndarray:
    """[n] bool: rows that point out of the other files, or do not follow the row before; then either may be wrong."""
    first, rows, columns, start, size, ids = np.asarray(places).T
    within = (rows >= 1) & (rows <= about.cells) & (columns >= 1) & (columns <= about.cells) & (first >= 0)
    within &= (first <= about.cells - np.where(within, rows * columns, 0)) & (ids >= 1) & (ids < about.next_id)
    within &= (start >= 0) & (size >= 0) & (size <= about.thumbnail_bytes) & (start <= about.thumbnail_bytes - size)
    ends = np.where(within, first + rows * columns, -1)
    broken = (first[1:] != ends[:-1]) | (start[1:] != start[:-1] + size[:-1]) | (ids[1:] <= ids[:-1])
    wrong = ~within
    wrong[1:] |= broken
    wrong[:-1] |= broken
    wrong[:1] |= (first[:1] != 0) | (start[:1] != 0)
    return wrong


def _named(path: Path) -> str:
    """A file of a generation as messages call it: from the collection's folder on."""
    return "/".join(path.absolute().parts[-4:])


def sync_folder(folder: Path) -> None:
    """Make new names in a folder last through a power cut; where folders cannot be flushed (Windows), they do anyway."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
