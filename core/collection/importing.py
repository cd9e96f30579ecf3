"""An exported collection → a new one. The zip may come from a stranger: no byte of it is trusted, no code in it run.

It is unpacked into a hidden folder beside the new one, checked whole, and only then gets its name. Bounds, beside those
of `Limits`, of which an export of ours keeps well within: everything outside them is refused in one sentence, and leaves
nothing behind.
"""

import contextlib
import errno
import json
import lzma
import math
import os
import re
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from core.collection.checksums import sums_of
from core.collection.encode import GRID_SIDE
from core.collection.generation import CHUNK
from core.collection.incoming import Limits, plain_name
from core.collection.records import VERSION, About, Record, insert, update_about
from core.collection.store import Store
from core.collection.transport import NUMBERS, TEXTS
from core.collection.vectors import PLACE_COLUMNS, SUMS_FILE, File, append, files, folder_of
from core.errors import CollectionError

MOST_BYTES = {"about.json": 2**16, "images.jsonl": 2**32}
LONGEST_LINE = 2**20
"""Bytes of one record."""
LONGEST_TEXT, LONGEST_TAG, MOST_TAGS = 1000, 200, 1000
WIDEST = 65_536
"""Of features, of a picture's side and of a patch."""
DEEPEST = 1000
"""Layers of a model."""
LAST_ID, LAST_DAY = 2**53, 1e11
LONGEST_VECTOR = 1.01
"""Vectors are kept with unit length, in float16."""

_PREFIX, _LOCK = ".importing-", "importing.lock"
_NO_ROOM = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, getattr(errno, "EDQUOT", errno.ENOSPC)}
_WRONG = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, OSError),
    *(ValueError, KeyError, TypeError, AttributeError, ArithmeticError, MemoryError),
)
"""What Python's readers of zip and JSON, and checks here, raise for a file that is no export; a RecursionError among it."""


def bring_in(path: Path, root: Path, limits: Limits = Limits()) -> None:
    """Make `root` the collection in an exported zip. CollectionError, and no folder, where anything in it is not right."""
    if root.exists():
        raise CollectionError(f"{root.name} is there already; name another folder.")
    sweep(root.parent)
    fresh = root.with_name(f"{_PREFIX}{secrets.token_hex(4)}")
    try:
        fresh.mkdir(parents=True)
        with FileLock(fresh / _LOCK), zipfile.ZipFile(path) as archive:
            _unpack(archive, path, fresh, limits)
        (fresh / _LOCK).unlink(missing_ok=True)
        os.replace(fresh, root)
    except CollectionError as error:
        raise CollectionError(str(error).replace(fresh.name, root.name)) from error
    except _WRONG as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise CollectionError(
                f"{root.name} could not be made of {path.name} ({error.strerror}). Nothing of it was kept: make room, or "
                "check permissions, and import it again."
            ) from error
        raise CollectionError(
            f"{path.name} is no export of a collection, or is damaged ({_reason(error)}); export it again."
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Delete what imports into `folder` left that were killed; those that go on hold a lock."""
    for left in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(Timeout, OSError), FileLock(left / _LOCK, timeout=0):
            shutil.rmtree(left, ignore_errors=True)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "nested too deep" if isinstance(error, RecursionError) else f"{error}"[:200] or type(error).__name__


def _unpack(archive: zipfile.ZipFile, path: Path, root: Path, limits: Limits) -> None:
    sizes = _sizes(archive, path, limits)
    about = _about(archive.read("about.json"))
    layout = files(about.width, _kept(sizes, about.width))
    if "basis.f32" in sizes:
        layout["basis"] = File("basis.f32", np.float32, layout["cells"].columns)
    lengths = {what: _rows(file, sizes[file.name]) for what, file in layout.items()}
    store = Store(root)
    store.create(about)
    folder = folder_of(root, 1)
    folder.mkdir(parents=True)
    for what, file in layout.items():
        _copied(archive, what, file, folder, lengths[what])
    places = np.fromfile(folder / "places.i64", np.int64).reshape(-1, PLACE_COLUMNS)
    _check_places(places, lengths)
    _check_thumbnails(folder / "thumbnails.webp", places)
    if "basis" in layout:
        _check_basis(np.fromfile(folder / "basis.f32", np.float32).reshape(about.width, -1))
    with archive.open("images.jsonl") as lines, store.records.changing() as connection:
        digests: set[str] = set()
        for identity, line in zip(places[:, 5].tolist(), _lines(lines), strict=True):
            record = _record(json.loads(line), identity)
            if record.digest in digests:
                raise ValueError("a file is in it twice")
            digests.add(record.digest)
            insert(connection, record)
        next_id = int(places[-1, 5]) + 1 if len(places) else 1
        counts = {"rows": len(places), "cells": lengths["cells"], "thumbnail_bytes": lengths["thumbnails"]}
        update_about(connection, next_id=next_id, **counts)
    _seal(store, folder)


def _sizes(archive: zipfile.ZipFile, path: Path, limits: Limits) -> dict[str, int]:
    """The bytes of each member, none of which is unknown, twice there, or too large."""
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    allowed = {"about.json", "images.jsonl", "basis.f32", *(file.name for file in files(1, 1).values())}
    if set(sizes) - allowed or len(sizes) != len(archive.infolist()):
        strange = ", ".join(sorted(map(plain_name, set(sizes) - allowed)))[:200] or "one of them twice"
        raise CollectionError(f"{path.name} holds files that no export has: {strange}. Export the collection again.")
    most = limits.most(path.stat().st_size)
    if sum(sizes.values()) > most:
        raise CollectionError(
            f"{path.name} unpacks to {sum(sizes.values()) / 2**20:,.0f} MB, which no export of its size does: "
            f"{most / 2**20:,.0f} MB are allowed. Export the collection again."
        )
    for name, largest in MOST_BYTES.items():
        if sizes[name] > largest:
            raise CollectionError(
                f"{name} in {path.name} has {sizes[name] / 2**20:,.0f} MB, and no more than {largest / 2**20:,.2f} are "
                "allowed; export the collection again."
            )
    return sizes


def _about(data: bytes) -> About:
    values = json.loads(data)
    if values["version"] != VERSION:
        given = str(values["version"])[:20]
        raise CollectionError(f"It was written by another version ({given}); this one reads {VERSION}.")
    texts: dict[str, Any] = {name: _text(values[name], LONGEST_TEXT) for name in TEXTS}
    numbers: dict[str, Any] = {name: _whole(values[name], -DEEPEST, WIDEST) for name in NUMBERS}
    about = About(**texts, **numbers)
    if not (about.width > 0 and 0 < about.patch <= about.size and about.layer <= DEEPEST):
        raise ValueError("its description is out of bounds")
    return about


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{str(value)[:20]} stands where a whole number from {least:,} to {most:,} is allowed")
    return value


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:20]} stands where a text is allowed")
    return value[:longest].encode("utf-8", "replace").decode()


def _kept(sizes: dict[str, int], width: int) -> int:
    """Dimensions kept of a cell."""
    if "basis.f32" not in sizes:
        return width
    kept, rest = divmod(sizes["basis.f32"], 4 * width)
    if rest or not 1 <= kept <= width:
        raise ValueError("basis.f32 does not fit the features")
    return kept


def _rows(file: File, size: int) -> int:
    rows, rest = divmod(size, file.columns * np.dtype(file.dtype).itemsize)
    if rest:
        raise ValueError(f"{file.name} ends in the middle of a row")
    return rows


def _copied(archive: zipfile.ZipFile, what: str, file: File, folder: Path, rows: int) -> None:
    """One member onto the disk, no longer than announced, its numbers finite and its vectors of unit length."""
    done, step = 0, max(1, 2**24 // file.columns)
    with archive.open(file.name) as member:
        while done < rows:
            count = min(step, rows - done)
            data = member.read(count * file.columns * np.dtype(file.dtype).itemsize)
            values = np.frombuffer(data, file.dtype).reshape(count, file.columns)
            if np.issubdtype(file.dtype, np.floating) and not np.isfinite(values).all():
                raise ValueError(f"{file.name} holds NaN or infinity")
            if what in ("cls", "mean") and (np.linalg.norm(values.astype(np.float32), axis=1) > LONGEST_VECTOR).any():
                raise ValueError(f"{file.name} holds vectors longer than 1")
            append(folder, file, done, values)
            done += count
        if member.read(1):
            raise ValueError(f"{file.name} is longer than announced")
    if rows == 0:
        (folder / file.name).touch()


def _check_places(places: np.ndarray, lengths: dict[str, int]) -> None:
    first, rows, columns, start, size, ids = places.T
    right = (
        len(places) == lengths["cls"] == lengths["mean"]
        and bool(((rows >= 1) & (rows <= GRID_SIDE) & (columns >= 1) & (columns <= GRID_SIDE)).all())
        and bool(((size >= 0) & (size <= lengths["thumbnails"]) & (ids < LAST_ID)).all())
        and bool((first == np.cumsum(rows * columns) - rows * columns).all())
        and bool((start == np.cumsum(size) - size).all())
        and int((rows * columns).sum()) == lengths["cells"]
        and int(size.sum()) == lengths["thumbnails"]
        and bool((np.diff(ids, prepend=0) > 0).all())
    )
    if not right:
        raise ValueError("its places do not fit its vectors")


def _check_thumbnails(path: Path, places: np.ndarray) -> None:
    with path.open("rb") as file:
        for start in places[:, 3].tolist():
            file.seek(start)
            head = file.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WEBP":
                raise ValueError("a thumbnail is not WebP")


def _check_basis(basis: np.ndarray) -> None:
    products = basis.T.astype(np.float64) @ basis
    if not np.allclose(products, np.eye(len(products)), atol=1e-2):
        raise ValueError("basis.f32 is no basis")


def _lines(member: Any) -> Iterator[bytes]:
    while line := member.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise ValueError("a record is longer than 1 MB")
        yield line


def _record(values: dict, identity: int) -> Record:
    if {field.name for field in fields(Record)} != set(values) or not re.fullmatch("[0-9a-f]{64}", values["digest"]):
        raise ValueError("a record is not as it should be")
    if not isinstance(values["tags"], list) or len(values["tags"]) > MOST_TAGS:
        raise ValueError("the tags of a record are not as they should be")
    added = values["added"]
    if type(added) not in (int, float) or not (math.isfinite(added) and 0 <= added <= LAST_DAY):
        raise ValueError("the date of a record is out of bounds")
    height, width = (_whole(values[name], 1, 2**31 - 1) for name in ("height", "width"))
    tags = tuple(dict.fromkeys(_text(tag, LONGEST_TAG) for tag in values["tags"]))
    name, label = plain_name(_text(values["name"], LONGEST_LINE)), _text(values["label"], LONGEST_TAG)
    return Record(identity, name, label, tags, float(added), height, width, values["digest"])


def _seal(store: Store, folder: Path) -> None:
    """Write the checksums, which do not travel: the zip has its own."""
    snapshot = store.snapshot()
    basis = None if snapshot.basis is None else snapshot.basis.numpy()
    for start in range(0, len(snapshot.places), CHUNK):
        places = np.array(snapshot.places[start : start + CHUNK])
        cells = snapshot.cells[places[0, 0] : places[-1, 0] + places[-1, 1] * places[-1, 2]]
        thumbnails = snapshot.thumbnails[places[0, 3] : places[-1, 3] + places[-1, 4]]
        rows = slice(start, start + CHUNK)
        arrays = {"cls": snapshot.cls[rows], "mean": snapshot.mean[rows], "cells": cells, "places": places}
        append(folder, SUMS_FILE, start, sums_of(arrays | {"thumbnails": thumbnails}, basis))
