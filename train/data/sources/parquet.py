"""Images in Parquet files, as the hub has them: encoded in a column, or named by one.

    image: binary                          the encoded picture
    image: struct<bytes, path>             the same as `datasets` writes it; where bytes are null, the file at the path
    image: string, file_name: string …     files' paths, relative to the table

The column is the one that the schema's own description calls an image (`datasets` writes it there), or the first of
COLUMNS that can be one. Labels are in `label`, or one of its other names.
"""

import functools
import itertools
import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core import ImageError
from core.pictures.lists import LABEL_COLUMNS, PATH_COLUMNS
from core.pictures.names import as_text
from core.pictures.reading import read_file, unreadable
from train.data.sources.files import Files
from train.data.sources.source import DataError, Encoded, Source, joined

log = logging.getLogger(__name__)

COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp", "images")
"""Of encoded pictures, the likeliest first."""
LABELS = (*LABEL_COLUMNS, "fine_label", "cls")
OPEN_ROW_GROUPS = 4
"""Row groups that one process keeps decoded."""


class Layout(NamedTuple):
    """How a table has its images."""

    image: str
    label: str | None
    paths: bool
    """Named by their paths alone."""


def open_parquet(files: Sequence[Path]) -> Source:
    """The images of Parquet files, in their order. DataError where one of them cannot be read, or has none."""
    parts: list[Source] = []
    for (paths, image, label), group in itertools.groupby(files, _key):
        same = list(group)
        parts.append(_named(same, image, label) if paths else Parquet(same, image, label))
    return joined(parts)


def layout(path: Path) -> Layout | None:
    """How a table has its images; None where it has none. DataError where it cannot be read."""
    import pyarrow.types as types

    file = _opened(path)
    schema = file.schema_arrow
    names = [name for name, count in Counter(schema.names).items() if count == 1]  # of two alike none can be meant
    label = next((name for name in LABELS if name in names and not types.is_nested(schema.field(name).type)), None)
    for name in dict.fromkeys([*_declared(schema.metadata), *COLUMNS]):
        by_path = _by_path(file, name) if name in names else None
        if by_path is not None:
            return Layout(name, label, by_path)
    features = {"cls", "patches"} & set(names)  # ours name the pictures they are of
    paths = [name for name in PATH_COLUMNS if name in names and _is_string(schema.field(name).type)]
    return Layout(paths[0], label, True) if paths and not features else None


def _by_path(file: Any, name: str) -> bool | None:
    """Whether a column names pictures by their paths alone; None where it cannot be one of pictures."""
    import pyarrow.types as types

    kind = file.schema_arrow.field(name).type
    if types.is_struct(kind):
        inner = {field.name: field.type for field in kind}
        path = "path" in inner and _is_string(inner["path"])
        if "bytes" in inner and _is_binary(inner["bytes"]):
            return path and _all_null(file, f"{name}.bytes")
        return True if path and "bytes" not in inner else None
    if _is_binary(kind):
        return False
    return True if _is_string(kind) else None


class Parquet:
    """Encoded images in a column, bytes or a struct with `bytes` and perhaps `path`."""

    def __init__(self, files: Sequence[Path], image: str = "image", label: str | None = "label"):
        self.files, self.image, self._label_column = files, image, label
        self.groups: list[tuple[int, int]] = []  # file, row group
        starts = [0]
        for number, path in enumerate(files):
            metadata = _opened(path).metadata
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
        file, data = self.files[self.groups[group][0]], row[self.image]
        if isinstance(data, dict):
            encoded, path = data["bytes"], data.get("path")
            path = path if isinstance(path, str) else None
            data = read_file(file.parent / path) if encoded is None and path else encoded
        return Encoded(data or b"", self.name(index), _label(row.get(self._label_column)))

    def name(self, index: int) -> str:
        return f"{self.files[self.groups[self._group_of(index)][0]]}:{index}"

    def _group_of(self, index: int) -> int:
        return int(np.searchsorted(self.starts, index, side="right")) - 1

    @functools.cached_property
    def _labels(self) -> list[str | None]:
        labels: list[str | None] = []
        for path in self.files:
            column, rows = _column(path, self._label_column), _opened(path).metadata.num_rows
            labels += map(_label, column if column is not None else [None] * rows)
        return labels

    @functools.cached_property
    def _group(self):
        import pyarrow.parquet as parquet
        from pyarrow import ArrowException

        from core.parquet_files import any_path

        @functools.lru_cache(maxsize=OPEN_ROW_GROUPS)
        def load(group: int):
            number, row_group = self.groups[group]
            path, columns = self.files[number], [self.image, *([self._label_column] if self._label_column else [])]
            try:
                table = parquet.ParquetFile(any_path(path)).read_row_group(row_group, columns=columns)
            except (OSError, ArrowException) as error:
                raise unreadable(path, error, f", row group {row_group},") from error
            if self.image not in table.column_names or len(table) != self.starts[group + 1] - self.starts[group]:
                raise ImageError(f"{str(path)!r} holds other rows than when it was listed; put the old file back.")
            return table

        return load


def _named(tables: Sequence[Path], image: str, label: str | None) -> Files:
    """The files that tables name, beside each table."""
    paths: list[Path] = []
    labels: list[str | None] = []
    for table in tables:
        column, said = _column(table, image) or [], _column(table, label)
        for place, one in enumerate(column):
            named = one.get("path") if isinstance(one, dict) else one
            named = None if named is None or "\0" in str(named) else named  # no path has that
            paths.append(table.parent / str(named or f"row {place} of {table.name}, which has no path"))
            labels.append(_label(said[place]) if said is not None else None)
    return Files(tables[0].parent, paths, labels if any(one is not None for one in labels) else None)


def _key(path: Path) -> tuple[bool, str, str | None]:
    found = layout(path)
    if found is None:
        names = ", ".join(map(as_text, _opened(path).schema_arrow.names[:12]))
        raise DataError(
            f"{as_text(str(path))} has no column of pictures, only {names}; name the one that holds the encoded pictures, or "
            "their paths, `image`."
        )
    return found.paths, found.image, found.label


def _opened(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet as parquet

    from core.parquet_files import any_path

    try:
        return parquet.ParquetFile(any_path(path))
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{as_text(str(path))} cannot be read as Parquet ({reason}); write it anew, or take it out."
        ) from error


def _column(path: Path, name: str | None) -> list | None:
    """A column's values; None where the file has no such column."""
    from pyarrow import ArrowException

    file = _opened(path)
    if name is None or name not in file.schema_arrow.names:
        return None
    try:
        return file.read(columns=[name])[name].to_pylist()
    except (OSError, ArrowException) as error:
        raise DataError(
            f"The column {name} of {as_text(str(path))} cannot be read ({error}); write it anew."
        ) from error


def _declared(metadata: dict[bytes, bytes] | None) -> list[str]:
    """The columns that `datasets` describes as images."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return [name for name, one in features.items() if isinstance(one, dict) and one.get("_type") == "Image"]
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return []


def _all_null(file: Any, column: str) -> bool:
    """Whether the statistics say that a column holds nothing at all."""
    for group in range(file.metadata.num_row_groups):
        row_group = file.metadata.row_group(group)
        chunks = (row_group.column(place) for place in range(row_group.num_columns))
        found = next((chunk for chunk in chunks if chunk.path_in_schema == column), None)
        statistics = found.statistics if found is not None else None
        if statistics is None or not statistics.has_null_count or statistics.null_count < row_group.num_rows:
            return False
    return file.metadata.num_rows > 0


def _is_string(kind: Any) -> bool:
    import pyarrow.types as types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _is_binary(kind: Any) -> bool:
    import pyarrow.types as types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return any(
        found(kind)
        for found in (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    )


def _label(value: object) -> str | None:
    return None if value is None else as_text(str(value))
