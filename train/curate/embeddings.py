"""Vectors on disk with a table that says whose they are. n images, D width."""

import functools
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from core import parquet_files
from core.errors import DamagedError
from core.files import replacing
from train.curate.folder import CurationError, Parts, read_json, read_table, required_record, write_table
from train.dist import World

SETS = ("curated", "pool", "evaluation")
_CHECKSUM = b"vectors_crc32"
SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("path", pa.int32()),  # which of the paths that were given
        ("label", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("bytes", pa.int64()),
        ("problem", pa.string()),  # null where the image could be read
    ]
)


class ImageRow(NamedTuple):
    """The record of an image beside its vector; heights and widths are 0 where it could not be read."""

    name: str
    """As `core.pictures.names.as_text` writes it; that of a file is its path."""
    path: int
    label: str | None
    height: int
    width: int
    bytes: int
    problem: str | None


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The images of one set: `vectors` [n, D] float16, memory-mapped, zeros where an image could not be read."""

    folder: Path
    vectors: np.ndarray
    part: int
    """Images in each part of the table but the last."""

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def parts(self) -> Parts:
        return Parts(self.folder / "images", parts_of(len(self), self.part))

    def column(self, name: str) -> np.ndarray:
        """A column of numbers for all images."""
        return self.parts.column(name)

    @functools.cached_property
    def readable(self) -> np.ndarray:
        """Rows of the images that could be read, int64, ascending."""
        fine = [table["problem"].is_null().to_numpy() for table in self.parts.tables(["problem"])]
        return np.flatnonzero(np.concatenate(fine)) if fine else np.empty(0, np.int64)

    def rows(self, places: np.ndarray) -> list[ImageRow]:
        """The records of the images in these rows, in their order; only their parts are read."""
        places = np.asarray(places, dtype=np.int64)
        found: dict[int, ImageRow] = {}
        for number in np.unique(places // self.part).tolist():
            table = read_table(self.parts.path(number))
            inside = np.unique(places[places // self.part == number])
            for place, row in zip(inside.tolist(), table.take(inside - number * self.part).to_pylist(), strict=True):
                found[place] = ImageRow(**row)
        return [found[place] for place in places.tolist()]


def set_folder(root: Path, name: str) -> Path:
    return root / "embeddings" / name


def part_size(images: int) -> int:
    """Images whose vectors are written together: few enough to lose little, and never more than 10,000 parts or so."""
    return int(np.clip(images // 10_000, 512, 65_536))


def parts_of(images: int, part: int) -> int:
    return -(-images // part)


def open_embeddings(root: Path, name: str) -> Embeddings | None:
    """A set that `embed` has finished; None where this curation has no such set.

    CurationError before `embed`, and where vectors are not those that were written: all are read, once in a process.
    """
    if name not in required_record(root, "embed")["sets"]:
        return None
    folder = set_folder(root, name)
    try:
        found = Embeddings(
            folder, np.load(folder / "vectors.npy", mmap_mode="r"), read_json(folder / "settings.json")["part"]
        )
        _require_whole(folder, found.part, (folder / "vectors.npy").stat().st_mtime_ns)
        return found
    except (OSError, ValueError, KeyError, ZeroDivisionError, TypeError) as error:
        raise CurationError(f"{folder} is damaged ({error}); remove it and run `embed` again.") from error


@functools.lru_cache(maxsize=64)
def _require_whole(folder: Path, part: int, _changed: int) -> None:
    """ValueError where the vectors of a part do not agree with the checksum in its table; earlier versions wrote none."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    for number in range(parts_of(len(vectors), part)):
        written = _metadata(Parts(folder / "images", 1).path(number)).get(_CHECKSUM)
        if written is not None and written != _checksum(vectors[number * part : (number + 1) * part]):
            raise ValueError(f"the vectors of part {number} do not agree with their checksum")


def _metadata(path: Path) -> dict[bytes, bytes]:
    """That of a part's table; what is wrong with it is said by who reads its rows."""
    try:
        with parquet_files.opened(path) as file:
            return file.schema_arrow.metadata or {}
    except (OSError, DamagedError):
        return {}


def _checksum(vectors: np.ndarray) -> bytes:
    return f"{zlib.crc32(np.ascontiguousarray(vectors, np.float16).data.cast('B')):08x}".encode()


def required_embeddings(root: Path, name: str) -> Embeddings:
    """As `open_embeddings`; CurationError where there is no such set."""
    found = open_embeddings(root, name)
    if found is None:
        raise CurationError(f"{root} was made without --{name}; give it to: python -m train.curate embed")
    return found


class VectorFile:
    """`vectors.npy` being filled in. Room for all of it is taken at the start, so that a full disk is known then."""

    def __init__(self, path: Path, images: int, width: int, world: World):
        self.path, self.width = path, width
        if world.leads and not path.exists():
            _create(path, images, width)

    def write(self, first: int, vectors: np.ndarray) -> None:
        """Rows from `first` on, [m, D], on the disk when this returns."""
        header = np.load(self.path, mmap_mode="r").offset
        with self.path.open("r+b") as file:  # through the file: a memory map dies of a full disk without a word
            file.seek(header + 2 * first * self.width)
            file.write(vectors.astype(np.float16).tobytes())
            file.flush()
            os.fsync(file.fileno())


def write_part(parts: Parts, number: int, rows: Sequence[ImageRow], vectors: np.ndarray) -> None:
    """The records of a part's images, with a checksum of their vectors [m, D], which are on the disk already."""
    schema = SCHEMA.with_metadata({_CHECKSUM: _checksum(vectors.astype(np.float16))})
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    write_table(parts.path(number), pa.Table.from_arrays(arrays, schema=schema))


def set_settings(images: int, made: Mapping[str, object]) -> dict[str, object]:
    """The settings written beside the vectors of a set."""
    return {"images": images, "part": part_size(images)} | dict(made)


def _create(path: Path, images: int, width: int) -> None:
    header = {"descr": "<f2", "fortran_order": False, "shape": (images, width)}
    with replacing(path) as partial, partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, file.tell() + 2 * images * width)
        else:
            file.truncate(file.tell() + 2 * images * width)
