"""A collection as one zip, to move or to keep: written from one moment's view, read without trusting a byte of it.

    about.json       what the collection is
    images.jsonl     one record a line, in the order of the rows
    cls.f16 mean.f16 cells.i8 places.i64 thumbnails.webp [basis.f32]    as in `core.collection.vectors`

The database itself does not travel: one from a stranger could hold more than rows. It is made anew from the records.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.collection.encode import GRID_SIDE
from core.collection.incoming import Limits, plain_name
from core.collection.records import VERSION, About, Record, insert, update_about
from core.collection.store import CHUNK, Store
from core.collection.vectors import PLACE_COLUMNS, File, Snapshot, append, files, folder_of
from core.errors import CollectionError
from core.files import replacing

LONGEST_TAG = 200
_TEXTS = ("title", "model", "weights")
_NUMBERS = ("version", "layer", "size", "width", "patch")


def export(store: Store, path: Path) -> Path:
    """Write the collection as it is now to one zip, whole or not at all."""
    snapshot = store.snapshot()
    records = store.records.get(snapshot.ids[snapshot.alive].tolist())
    whole = snapshot.whole(np.flatnonzero(snapshot.alive))
    rows = np.array([row for row in whole if int(snapshot.ids[row]) in records], np.int64)
    try:
        with replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            about = {name: getattr(snapshot.about, name) for name in (*_TEXTS, *_NUMBERS)}
            archive.writestr("about.json", json.dumps(about, ensure_ascii=False, indent=1))
            with archive.open("images.jsonl", "w", force_zip64=True) as member:
                for row in rows:
                    record = asdict(records[int(snapshot.ids[row])])
                    member.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            for name, chunks in _members(snapshot, rows):
                with archive.open(name, "w", force_zip64=True) as member:
                    for chunk in chunks:
                        member.write(np.ascontiguousarray(chunk).tobytes())
    except OSError as error:
        raise CollectionError(f"{path} could not be written ({error.strerror}); make room and export again.") from error
    return path


def bring_in(path: Path, root: Path, limits: Limits = Limits()) -> None:
    """Make `root` the collection in an exported zip. CollectionError, and no folder, where anything in it is not right."""
    if root.exists():
        raise CollectionError(f"{root} is there already; name another folder.")
    fresh = root.with_name(f".{root.name}-{secrets.token_hex(4)}")
    try:
        with zipfile.ZipFile(path) as archive:
            _unpack(archive, path, fresh, limits)
        os.replace(fresh, root)
    except CollectionError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, TypeError, RuntimeError, NotImplementedError) as error:
        raise CollectionError(
            f"{path.name} is no export of a collection, or is damaged ({error}); export it again."
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _members(snapshot: Snapshot, rows: np.ndarray) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
    """(name, its content in pieces) of every vector file, for those rows alone."""
    old = np.array(snapshot.places[rows]).reshape(-1, PLACE_COLUMNS)
    lengths, places = old[:, 1] * old[:, 2], old.copy()
    places[:, 0] = np.cumsum(lengths) - lengths
    places[:, 3] = np.cumsum(old[:, 4]) - old[:, 4]
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    yield "cls.f16", (snapshot.cls[chunk] for chunk in chunks)
    yield "mean.f16", (snapshot.mean[chunk] for chunk in chunks)
    spans = zip(old[:, 0], old[:, 0] + lengths, strict=True)
    yield "cells.i8", (snapshot.cells[first:last] for first, last in spans)
    yield "places.i64", iter([places])
    spans = zip(old[:, 3], old[:, 3] + old[:, 4], strict=True)
    yield "thumbnails.webp", (snapshot.thumbnails[first:last] for first, last in spans)
    if snapshot.basis is not None:
        yield "basis.f32", iter([snapshot.basis.numpy()])


def _unpack(archive: zipfile.ZipFile, path: Path, root: Path, limits: Limits) -> None:
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    allowed = {"about.json", "images.jsonl", "basis.f32", *(file.name for file in files(1, 1).values())}
    if set(sizes) - allowed or len(sizes) != len(archive.infolist()):
        raise CollectionError(
            f"{path.name} holds files that no export has: {', '.join(sorted(set(sizes) - allowed))[:200]}"
        )
    if sum(sizes.values()) > limits.most(path.stat().st_size):
        raise CollectionError(f"{path.name} unpacks to {sum(sizes.values()) / 2**20:,.0f} MB, which no export does.")
    about = _about(archive.read("about.json"))
    kept = sizes["basis.f32"] // (4 * about.width) if "basis.f32" in sizes else about.width
    layout = files(about.width, kept)
    if "basis.f32" in sizes:
        layout["basis"] = File("basis.f32", np.float32, kept)
    lengths = {what: _rows(file, sizes[file.name]) for what, file in layout.items()}
    folder = folder_of(root, 1)
    folder.mkdir(parents=True)
    for what, file in layout.items():
        _copied(archive, file, folder, lengths[what])
    places = np.fromfile(folder / "places.i64", np.int64).reshape(-1, PLACE_COLUMNS)
    _check_places(places, lengths)
    about = replace(
        about,
        rows=len(places),
        cells=lengths["cells"],
        thumbnail_bytes=lengths["thumbnails"],
        next_id=int(places[-1, 5]) + 1 if len(places) else 1,
    )
    _check_thumbnails(folder / "thumbnails.webp", places)
    store = Store(root)
    store.create(about)
    with archive.open("images.jsonl") as lines, store.records.changing() as connection:
        for identity, line in zip(places[:, 5].tolist(), lines, strict=True):
            insert(connection, _record(json.loads(line), identity))
        update_about(connection)


def _about(data: bytes) -> About:
    values = json.loads(data)
    if values["version"] != VERSION:
        raise CollectionError(f"It was written by another version ({values['version']}); this one reads {VERSION}.")
    texts: dict[str, Any] = {name: str(values[name])[:1000] for name in _TEXTS}
    about = About(**texts | {name: int(values[name]) for name in _NUMBERS})
    if not (0 < about.width <= 65_536 and 0 < about.patch <= about.size <= 65_536):
        raise ValueError("its description is out of bounds")
    return about


def _rows(file: File, size: int) -> int:
    rows, rest = divmod(size, file.columns * np.dtype(file.dtype).itemsize)
    if rest:
        raise ValueError(f"{file.name} ends in the middle of a row")
    return rows


def _copied(archive: zipfile.ZipFile, file: File, folder: Path, rows: int) -> None:
    """One member onto the disk, no longer than announced, its numbers finite."""
    done, step = 0, max(1, 2**24 // file.columns)
    with archive.open(file.name) as member:
        while done < rows:
            count = min(step, rows - done)
            data = member.read(count * file.columns * np.dtype(file.dtype).itemsize)
            values = np.frombuffer(data, file.dtype).reshape(count, file.columns)
            if np.issubdtype(file.dtype, np.floating) and not np.isfinite(values).all():
                raise ValueError(f"{file.name} holds NaN or infinity")
            append(folder, file, done, values)
            done += count
    if rows == 0:
        (folder / file.name).touch()


def _check_places(places: np.ndarray, lengths: dict[str, int]) -> None:
    first, rows, columns, start, size, ids = places.T
    right = (
        len(places) == lengths["cls"] == lengths["mean"]
        and bool(((rows >= 1) & (rows <= GRID_SIDE) & (columns >= 1) & (columns <= GRID_SIDE) & (size >= 0)).all())
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


def _record(values: dict, identity: int) -> Record:
    if {field.name for field in fields(Record)} != set(values) or not re.fullmatch("[0-9a-f]{64}", values["digest"]):
        raise ValueError("a record is not as it should be")
    tags = tuple(dict.fromkeys(str(tag)[:LONGEST_TAG] for tag in values["tags"]))
    with contextlib.suppress(OverflowError):
        height, width = int(values["height"]), int(values["width"])
        if 0 < height < 2**31 and 0 < width < 2**31:
            label, name = str(values["label"])[:LONGEST_TAG], plain_name(str(values["name"]))
            return Record(identity, name, label, tags, float(values["added"]), height, width, values["digest"])
    raise ValueError("a record is out of bounds")
