"""Parquet files that are whole or not there, and that tell when a byte of them is not what was written.

Parquet has a checksum for each page of a column; one of the metadata lies among them. Of the rest of its footer the
format checks what it needs to find the pages. Files of others may have neither, and are read as they are.
"""

import contextlib
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import DamagedError
from core.files import replacing

_METADATA = b"metadata_crc32"


@contextlib.contextmanager
def whole_table(target: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A writer whose file gets its name when it is whole; after an exception it never does."""
    metadata = dict(schema.metadata or {})
    signed = schema.with_metadata(metadata | {_METADATA: _checksum(metadata)})
    with (
        replacing(target) as partial,
        any_path(partial, "wb") as file,
        pq.ParquetWriter(file, signed, write_page_checksum=True) as writer,
    ):
        yield writer


def write_table(target: Path, table: pa.Table) -> None:
    """A file of one table."""
    with whole_table(target, table.schema) as writer:
        writer.write_table(table)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A file to be read from; DamagedError for whatever is found wrong with it meanwhile, OSError where it is not there."""
    try:
        with any_path(path) as source, pq.ParquetFile(source, page_checksum_verification=True) as file:
            metadata = file.schema_arrow.metadata or {}
            if metadata.get(_METADATA, wanted := _checksum(metadata)) != wanted:
                raise DamagedError(path, "its metadata do not agree with their checksum")
            yield file
    except FileNotFoundError:
        raise
    except (OSError, EOFError, pa.ArrowException) as error:
        raise DamagedError(path, str(error) or type(error).__name__) from error


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a file. Raises as `opened`, and DamagedError where it lacks a column."""
    with opened(path) as file:
        missing = set(columns or ()) - set(file.schema_arrow.names)
        if missing:
            raise DamagedError(path, f"it has no column {', '.join(sorted(missing))}")
        table = file.read(columns=None if columns is None else list(columns))
        if len(table) != file.metadata.num_rows:
            raise DamagedError(path, f"it has {len(table)} rows of {file.metadata.num_rows}")
        return table


def any_path(path: Path, mode: Literal["rb", "wb"] = "rb") -> pa.NativeFile:
    """An open file, whatever bytes its path has; pyarrow itself takes UTF-8 alone. OSError where it cannot be opened."""
    return pa.OSFile(os.fsencode(path), mode)


def _checksum(metadata: Mapping[bytes, bytes]) -> bytes:
    """Of what we wrote there: Arrow adds a key of its own."""
    kept = sorted((key, value) for key, value in metadata.items() if key not in (_METADATA, b"ARROW:schema"))
    return f"{zlib.crc32(repr(kept).encode()):08x}".encode()
