"""Sources of images: a folder tree, a list file, tar shards or Parquet. Labels are never needed.

Each source is a sequence of encoded images that can be read in any order, from any process, so that the order
of a run is a matter of its seed alone. `blocks` says which neighbours are cheap to read together.
"""

import functools
import itertools
import logging
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from core import DinoError, ImageError
from core.pictures.listing import SUFFIXES, natural_key, pictures_below, read_list
from train.data.reading import read_file, read_part, unreadable

log = logging.getLogger(__name__)

ARRAY_SUFFIX = ".npy"
"""Arrays are looked for beside pictures where a run does not take RGB."""
OPEN_ROW_GROUPS = 4
"""Parquet row groups that one process keeps decoded."""


class DataError(DinoError):
    """A source holds no images, or cannot be read at all."""


class Encoded(NamedTuple):
    """One image as stored: its bytes, a name to report it by, and a label where the source has one."""

    data: bytes
    name: str
    label: str | None


class Source(Protocol):
    """A sequence of encoded images."""

    @property
    def blocks(self) -> Sequence[range]:
        """Runs of indices that are read cheaply together; single indices where order does not matter."""

    @property
    def files(self) -> Sequence[Path]:
        """All that the images are read from."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Encoded:
        """ImageError where this image cannot be read: its file is gone, forbidden, cut short, on a failing disk."""

    def name(self, index: int) -> str:
        """The name that an image is reported by, without reading it."""

    def label(self, index: int) -> str | None:
        """The label alone, without reading the image."""


class Files:
    """Image files; the label is the name of the folder a file lies in, below the root."""

    def __init__(self, root: Path, paths: Sequence[Path]):
        self.root, self.files = root, paths
        self.blocks = [range(i, i + 1) for i in range(len(paths))]

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Encoded:
        return Encoded(read_file(self.files[index]), self.name(index), self.label(index))

    def name(self, index: int) -> str:
        return str(self.files[index])

    def label(self, index: int) -> str | None:
        parent = self.files[index].parent
        return parent.name if parent != self.root else None


class Tar:
    """Images in uncompressed tar shards, found once by their headers and then read by offset.

    A member `0001.jpg` takes its label from a member `0001.cls` beside it, as webdataset writes them.
    """

    def __init__(self, shards: Sequence[Path], suffixes: frozenset[str] = SUFFIXES):
        self.files = shards
        self.members: list[tuple[int, str, int, int, str | None]] = []  # shard, name, offset, size, label
        self.blocks = []
        for number, shard in enumerate(shards):
            first = len(self.members)
            self.members += [(number, *member) for member in _tar_members(shard, suffixes)]
            self.blocks.append(range(first, len(self.members)))

    def __len__(self) -> int:
        return len(self.members)

    def read(self, index: int) -> Encoded:
        shard, _, offset, size, label = self.members[index]
        return Encoded(read_part(self.files[shard], offset, size), self.name(index), label)

    def name(self, index: int) -> str:
        shard, name, *_ = self.members[index]
        return f"{self.files[shard]}:{name}"

    def label(self, index: int) -> str | None:
        return self.members[index][-1]


class Parquet:
    """Images in the column `image` (bytes, or a struct with `bytes`), labels in `label` where there is one."""

    def __init__(self, files: Sequence[Path]):
        self.files = files
        self.groups: list[tuple[int, int]] = []  # file, row group
        starts = [0]
        for number, path in enumerate(files):
            metadata = _parquet_metadata(path)
            if "image" not in {metadata.schema.column(i).path.split(".")[0] for i in range(metadata.num_columns)}:
                raise DataError(f"{path} has no column `image`; name the column that holds the encoded pictures so.")
            for group in range(metadata.num_row_groups):
                self.groups.append((number, group))
                starts.append(starts[-1] + metadata.row_group(group).num_rows)
        self.starts = np.array(starts)
        self.blocks = [range(a, b) for a, b in itertools.pairwise(starts)]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getstate__(self) -> dict:
        return {
            key: value for key, value in self.__dict__.items() if key not in ("_group", "_labels")
        }  # caches stay in their process

    def label(self, index: int) -> str | None:
        return self._labels[index]

    def read(self, index: int) -> Encoded:
        group = self._group_of(index)
        row = self._group(group).slice(index - int(self.starts[group]), 1).to_pylist()[0]
        data = row["image"]["bytes"] if isinstance(row["image"], dict) else row["image"]
        return Encoded(data or b"", self.name(index), _label(row.get("label")))

    def name(self, index: int) -> str:
        return f"{self.files[self.groups[self._group_of(index)][0]]}:{index}"

    def _group_of(self, index: int) -> int:
        return int(np.searchsorted(self.starts, index, side="right")) - 1

    @functools.cached_property
    def _labels(self) -> list[str | None]:
        import pyarrow.parquet as parquet
        from pyarrow import ArrowException

        labels: list[str | None] = []
        for path in self.files:
            try:
                file = parquet.ParquetFile(path)
                known = "label" in file.schema_arrow.names
                column = file.read(columns=["label"])["label"].to_pylist() if known else [None] * file.metadata.num_rows
            except (OSError, ArrowException) as error:
                raise DataError(f"The labels of {path} cannot be read ({error}); write it anew.") from error
            labels += map(_label, column)
        return labels

    @functools.cached_property
    def _group(self):
        import pyarrow.parquet as parquet
        from pyarrow import ArrowException

        @functools.lru_cache(maxsize=OPEN_ROW_GROUPS)
        def load(group: int):
            number, row_group = self.groups[group]
            path = self.files[number]
            try:
                table = parquet.ParquetFile(path).read_row_group(row_group, columns=["image", "label"])
            except (OSError, ArrowException) as error:
                raise unreadable(path, error, f", row group {row_group},") from error
            if "image" not in table.column_names or len(table) != self.starts[group + 1] - self.starts[group]:
                raise ImageError(f"{str(path)!r} holds other rows than when it was listed; put the old file back.")
            return table

        return load


class Joined:
    """Several sources one after the other."""

    def __init__(self, parts: Sequence[Source]):
        self.parts = parts
        self.files = [file for part in parts for file in part.files]
        self.starts = np.cumsum([0, *(len(part) for part in parts)])
        self.blocks = [
            range(block.start + int(start), block.stop + int(start))
            for start, part in zip(self.starts[:-1], parts, strict=True)
            for block in part.blocks
        ]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def read(self, index: int) -> Encoded:
        part, within = self._place(index)
        return part.read(within)

    def name(self, index: int) -> str:
        part, within = self._place(index)
        return part.name(within)

    def label(self, index: int) -> str | None:
        part, within = self._place(index)
        return part.label(within)

    def _place(self, index: int) -> tuple[Source, int]:
        part = int(np.searchsorted(self.starts, index, side="right")) - 1
        return self.parts[part], index - int(self.starts[part])


class Some:
    """So many images of a source, evenly spread over it."""

    def __init__(self, source: Source, count: int):
        self.source, self.places = source, np.linspace(0, len(source) - 1, count).round().astype(int)
        self.blocks, self.files = [range(i, i + 1) for i in range(count)], source.files

    def __len__(self) -> int:
        return len(self.places)

    def read(self, index: int) -> Encoded:
        return self.source.read(int(self.places[index]))

    def name(self, index: int) -> str:
        return self.source.name(int(self.places[index]))

    def label(self, index: int) -> str | None:
        return self.source.label(int(self.places[index]))


def some_of(source: Source, count: int) -> Source:
    """`count` images of a source, all where it is 0. DataError where there are fewer."""
    if count > len(source) or count < 0:
        raise DataError(f"{count} images are asked for of a source of {len(source)}; choose 0 (all) to that many.")
    return Some(source, count) if count else source


def open_source(path: str | Path, *more: str | Path, channels: int = 3) -> Source:
    """The images under one or several paths: a folder, a `.txt`/`.csv` list, `.tar` shards, `.parquet` files.

    A folder that holds shards or Parquet files at its top gives those; any other gives every image below it, and
    where `channels` is not 3, every .npy array too. Hidden files, links and lists are treated as `core.pictures.listing` says.
    Raises DataError where nothing is found, RequestError for a list that cannot be read.
    """
    suffixes = SUFFIXES if channels == 3 else SUFFIXES | {ARRAY_SUFFIX}
    parts = [_open_one(Path(one), suffixes) for one in (path, *more)]
    return parts[0] if len(parts) == 1 else Joined(parts)


def _open_one(path: Path, suffixes: frozenset[str]) -> Source:
    if not path.exists():
        raise DataError(f"{path} does not exist; give a folder of images, a list file, .tar shards or .parquet files.")
    source: Source
    if path.is_dir():
        source = _open_folder(path, suffixes)
    elif path.suffix == ".parquet":
        source = Parquet([path])
    elif path.suffix == ".tar":
        source = Tar([path], suffixes)
    elif path.suffix in (".txt", ".csv", ".lst"):
        source = Files(path.parent, list(_listed(path, suffixes)))
    else:
        raise DataError(f"{path} is none of: a folder, a list (.txt, .csv), tar shards (.tar), Parquet (.parquet).")
    if not len(source):
        raise DataError(f"{path} holds no images (looked for {', '.join(sorted(suffixes))}, .tar and .parquet).")
    return source


def _open_folder(path: Path, suffixes: frozenset[str]) -> Source:
    names = sorted((file.name for file in path.iterdir() if not file.name.startswith(".")), key=natural_key)
    parquet, shards = ([path / name for name in names if name.endswith(end)] for end in (".parquet", ".tar"))
    parts: list[Source] = [Parquet(parquet)] if parquet else []
    parts += [Tar(shards, suffixes)] if shards else []
    if parts:
        return parts[0] if len(parts) == 1 else Joined(parts)
    return Files(path, _below(path, suffixes))


def _below(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    problems: list[str] = []
    files = [folder / name for name in pictures_below(folder, problems, suffixes)]
    for problem in problems:
        log.warning("%s", problem)
    return files


def _listed(path: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    for name in read_list(path):
        named = path.parent / name
        # pictures are not looked at, since lists may be long
        if named.suffix.lower() not in suffixes and named.is_dir():
            yield from _below(named, suffixes)
        else:
            yield named


def _label(value: object) -> str | None:
    return None if value is None else str(value)


def _parquet_metadata(path: Path):
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        return parquet.ParquetFile(path).metadata
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read as Parquet ({error}); write it anew, or take it out.") from error


def _tar_members(shard: Path, suffixes: frozenset[str]) -> list[tuple[str, int, int, str | None]]:
    """(name, offset, size, label) of the images of one shard."""
    try:
        with tarfile.open(shard, "r:") as archive:
            members = [member for member in archive if member.isfile()]
            labels = {
                member.name.removesuffix(".cls"): file.read(64).decode("ascii", "replace").strip()
                for member in members
                if member.name.endswith(".cls") and (file := archive.extractfile(member))
            }
    except OSError as error:
        raise DataError(str(unreadable(shard, error))) from error
    except tarfile.TarError as error:
        raise DataError(
            f"{shard} cannot be read as an uncompressed tar ({error}); unpack it, or pack it anew."
        ) from error
    return [
        (member.name, member.offset_data, member.size, labels.get(str(Path(member.name).with_suffix(""))))
        for member in members
        if Path(member.name).suffix.lower() in suffixes
    ]
