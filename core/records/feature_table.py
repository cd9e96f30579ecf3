"""Features on disk, one Parquet table for all pictures.

    OUT/
      features.parquet                      whole whenever it is there: written beside, then renamed
      features.parquet.parts/
        00000.parquet …                     what unfinished runs have computed, merged into the table at the end

Columns: `path` and `name` (as `core.pictures.names` writes them), `bytes`, `modified` (ns), `height`, `width`, `rows`, `columns`, `patch`, `cls` (D numbers),
`patches` (rows · columns lists of D numbers, row by row). How they were made is in the metadata of the schema.
"""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from core.errors import DamagedError, RequestError
from core.features import FeatureMap
from core.parquet_files import opened, read_table, whole_table, write_table
from core.pictures.listing import Picture
from core.pictures.names import as_text
from core.records.feature_files import Settings

log = logging.getLogger(__name__)

PART_BYTES = 32 * 2**20
PART_SECONDS = 10.0
"""A part is written when so much or so long has been computed: what a killed run loses at most."""
_KEYS = ("path", "bytes", "modified")
"""Columns by which a picture is found again."""
_TEXTS = ("path", "name")
_LARGE = ("bytes", "modified")
_SMALL = ("height", "width", "rows", "columns", "patch")


class FeatureTable:
    """One Parquet file. Rows made with other settings are replaced; those of pictures not asked for now stay."""

    def __init__(self, out: Path, settings: Settings, width: int, model: str):
        self.path = out / "features.parquet"
        self.parts = out / "features.parquet.parts"
        self.settings = settings
        self.schema = _schema(settings, width, model)
        self._rows: list[dict] = []
        self._bytes = 0
        self._last = time.monotonic()

    def pending(self, pictures: Sequence[Picture]) -> list[Picture]:
        """The pictures without a row that was made from the same file with the same settings."""
        known: dict[str, tuple[int, int]] = {}
        for source in self._sources():
            columns = read_table(source, _KEYS).to_pydict()
            known |= zip(columns["path"], zip(columns["bytes"], columns["modified"], strict=True), strict=True)
        return [picture for picture in pictures if known.get(picture.label) != (picture.bytes, picture.modified)]

    def write(self, picture: Picture, feature_map: FeatureMap) -> None:
        row = {
            "path": picture.label,
            "name": as_text(picture.name),
            "bytes": picture.bytes,
            "modified": picture.modified,
        }
        tensors = {name: tensor.numpy() for name, tensor in self.settings.tensors(feature_map).items()}
        self._rows.append(row | asdict(feature_map.geometry) | tensors)
        self._bytes += sum(tensor.nbytes for tensor in tensors.values())
        if self._bytes >= PART_BYTES or time.monotonic() - self._last >= PART_SECONDS:
            self.pause()

    def pause(self) -> None:
        """Write what has been computed as a part, so that the next run goes on from there."""
        if self._rows:
            self.parts.mkdir(parents=True, exist_ok=True)
            number = max((int(part.stem) for part in self._part_files()), default=-1) + 1
            write_table(self.parts / f"{number:05}.parquet", self._table())
        self._rows, self._bytes, self._last = [], 0, time.monotonic()

    def finish(self) -> None:
        """Merge the parts into the table; of several rows of one picture, the newest stays.

        RequestError where features in one of them are damaged, which is known only now.
        """
        self.pause()
        if not self._part_files():
            return
        try:
            self._merge()
        except DamagedError as error:
            raise RequestError(f"{error} Or remove it, and run the same command to compute it again.") from error
        shutil.rmtree(self.parts)

    def _merge(self) -> None:
        sources = self._sources()
        newest: dict[str, Path] = {}
        for source in sources:
            newest |= dict.fromkeys(read_table(source, ["path"])["path"].to_pylist(), source)
        with whole_table(self.path, self.schema) as writer:
            for source in sources:
                with opened(source) as file:
                    for group in range(file.num_row_groups):
                        table = file.read_row_group(group)
                        mask = [newest[path] == source for path in table["path"].to_pylist()]
                        writer.write_table(table.filter(pa.array(mask)))

    def _sources(self) -> list[Path]:
        """The table and the parts that were made with these settings, oldest first; other parts are removed."""
        sources = []
        for path in [self.path, *self._part_files()]:
            if self._agrees(path):
                sources.append(path)
            elif path != self.path:
                path.unlink()
        return sources

    def _agrees(self, path: Path) -> bool:
        try:
            with opened(path) as file:
                schema = file.schema_arrow
            read_table(path, _KEYS)
        except FileNotFoundError:
            return False
        except DamagedError as error:
            log.warning("Computed anew: %s", error)
            return False
        return schema.equals(self.schema) and all(
            (schema.metadata or {}).get(key) == value for key, value in self.schema.metadata.items() if key != b"model"
        )

    def _part_files(self) -> list[Path]:
        return sorted(self.parts.glob("*.parquet"), key=lambda part: int(part.stem))

    def _table(self) -> pa.Table:
        columns = []
        for field in self.schema:
            values = [row[field.name] for row in self._rows]
            tensors = field.name in ("cls", "patches")
            columns.append(_column(values, field.type) if tensors else pa.array(values, field.type))
        return pa.Table.from_arrays(columns, schema=self.schema)


def _schema(settings: Settings, width: int, model: str) -> pa.Schema:
    vector = pa.list_(pa.float16() if settings.dtype == "float16" else pa.float32(), width)
    kinds = ((_TEXTS, pa.string()), (_LARGE, pa.int64()), (_SMALL, pa.int32()))
    columns = [(name, kind) for names, kind in kinds for name in names]
    columns += [("cls", vector)] if settings.features != "patch" else []
    columns += [("patches", pa.list_(vector))] if settings.features != "cls" else []
    return pa.schema(columns, metadata=settings.text | {"model": model})


def _column(values: list[np.ndarray], kind: pa.DataType) -> pa.Array:
    """Arrays [D] as fixed-size lists, or [h, w, D] as lists of them, without going through Python numbers."""
    flat = pa.array(np.concatenate([value.ravel() for value in values]))
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(flat, type=kind)
    vectors = pa.FixedSizeListArray.from_arrays(flat, type=kind.value_type)
    offsets = np.cumsum([0, *(value.shape[0] * value.shape[1] for value in values)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), vectors, type=kind)
