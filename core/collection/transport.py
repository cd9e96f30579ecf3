"""A collection as one zip, to move or to keep, written from one moment's view; `core.collection.importing` reads it.

    about.json       what the collection is
    images.jsonl     one record a line, in the order of the rows
    cls.f16 mean.f16 cells.i8 places.i64 thumbnails.webp [basis.f32]    as in `core.collection.vectors`

The database itself does not travel: one from a stranger could hold more than rows. It is made anew from the records,
as checksums are.
"""

import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from core.collection.generation import CHUNK
from core.collection.store import Store
from core.collection.vectors import PLACE_COLUMNS, Snapshot
from core.errors import CollectionError
from core.files import replacing

TEXTS = ("title", "model", "weights")
NUMBERS = ("version", "layer", "size", "width", "patch")


def export(store: Store, path: Path, told: Callable[[int, int], None] = lambda done, total: None) -> Path:
    """Write the collection as it is now to one zip, whole or not at all.

    `told` hears how many pieces are written of how many; what it raises ends the writing and leaves nothing.
    """
    snapshot = store.snapshot()
    records = store.records.get(snapshot.ids[snapshot.alive].tolist())
    whole = snapshot.whole(np.flatnonzero(snapshot.alive))
    rows = np.array([row for row in whole if int(snapshot.ids[row]) in records], np.int64)
    try:
        with replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            about = {name: getattr(snapshot.about, name) for name in (*TEXTS, *NUMBERS)}
            archive.writestr("about.json", json.dumps(about, ensure_ascii=False, indent=1))
            with archive.open("images.jsonl", "w", force_zip64=True) as member:
                for row in rows:
                    record = asdict(records[int(snapshot.ids[row])])
                    member.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            pieces = 2 * (len(rows) + len(range(0, len(rows), CHUNK))) + 1
            done = itertools.count(1)
            for name, chunks in _members(snapshot, rows):
                with archive.open(name, "w", force_zip64=True) as member:
                    for chunk in chunks:
                        told(min(next(done), pieces), pieces)
                        member.write(np.ascontiguousarray(chunk).tobytes())
    except OSError as error:
        raise CollectionError(
            f"{path.name} could not be written ({error.strerror}); make room and export again."
        ) from error
    return path


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
