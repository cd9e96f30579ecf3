"""Changes to a collection's files and records: each happens whole or not at all, whenever the program is killed.

Vectors are written and flushed first, past the end of what counts; then one transaction of the database says that they
count. Whoever is killed in between leaves bytes that nobody reads and the next writer overwrites.
"""

import contextlib
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout

from core.collection.encode import Entry
from core.collection.generation import CHUNK, append_rows, write_anew
from core.collection.records import (
    WAIT_S,
    About,
    Record,
    Records,
    about_of,
    delete,
    insert,
    now,
    put_back,
    take_out,
    update_about,
)
from core.collection.reduction import KEPT, fitted
from core.collection.tagging import Tagging, change_tags
from core.collection.vectors import (
    PLACE_COLUMNS,
    REMEDY,
    VECTORS,
    Snapshot,
    check_lengths,
    folder_of,
    open_snapshot,
    quantised,
    read_basis,
)
from core.errors import CollectionError

DATABASE = "collection.sqlite"
FIT_AT = 256
"""Pictures from which on cells are reduced to fewer dimensions: enough to know along which they vary."""
REMOVED_SHARE = 1 / 3
"""Of removed pictures, at which the files are written anew without them."""


def is_collection(folder: Path) -> bool:
    """Whether a folder holds a collection, or what is left of one."""
    return (folder / DATABASE).is_file() or any((folder / VECTORS).glob("*/*"))


class Store:
    """The files and records of one collection's folder. Threads and processes may share it; writers take turns."""

    def __init__(self, root: Path):
        self.root = root
        self.name = root.absolute().name
        """As messages call it, which visitors of the app read too: its folder's name, without the way there."""
        self.records = Records(root / DATABASE)
        self._lock = FileLock(root / "write.lock", timeout=WAIT_S)
        self._snapshot: Snapshot | None = None
        self._opening = threading.Lock()

    @property
    def exists(self) -> bool:
        return self.records.path.is_file()

    @property
    def _has_database(self) -> bool:
        return self.exists and self.records.path.stat().st_size > 0

    def create(self, about: About) -> None:
        """Make the folder a collection; nothing where it is one already.

        CollectionError where it was one and has lost its database: it is never taken for an empty one.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CollectionError(f"{self.name} cannot be made ({error.strerror}); name another folder.") from error
        with self._writing():
            if not self._has_database:
                self.check_not_orphaned()
                self.records.create(about)

    def check_not_orphaned(self) -> None:
        """CollectionError where vectors lie here without a database that says what they are."""
        if not self._has_database and any((self.root / VECTORS).glob("*/*")):
            raise CollectionError(
                f"{self.name} holds the vectors of a collection, but its database {DATABASE} is gone. Nothing was "
                "changed: put the database back from a copy, or import the collection's last export under another "
                f"name. To begin anew here, delete the folder {VECTORS} in it."
            )

    def snapshot(self) -> Snapshot:
        """The vectors as of now; the same object until something changes."""
        with self._opening:
            for _ in range(5):
                with self.records.reading() as connection:
                    about = about_of(connection)
                    known = self._snapshot if self._snapshot and self._snapshot.about == about else None
                    gone = [] if known else [row[0] for row in connection.execute("SELECT id FROM removed")]
                with contextlib.suppress(FileNotFoundError):  # written anew in this very moment
                    if known is not None:
                        check_lengths(self.root, known)
                        return known
                    self._snapshot = self._opened(about, gone)
                    return self._snapshot
        raise CollectionError(f"Vector files are missing in {self.name}; {REMEDY}.")

    def _opened(self, about: About, removed: Sequence[int]) -> Snapshot:
        """FileNotFoundError where files are gone, CollectionError where they cannot be read."""
        try:
            return open_snapshot(self.root, about, np.array(removed, np.int64), self._snapshot)
        except FileNotFoundError:
            raise
        except OSError as error:
            file = f" {Path(error.filename).name}" if error.filename else ""
            reason = error.strerror or error
            raise CollectionError(f"The vectors of {self.name} cannot be read ({reason}{file}); {REMEDY}.") from error

    def known(self, digests: Sequence[str]) -> set[str]:
        """Those of the files that are there already, all they left whole: what is damaged may be added again."""
        ids = self.records.ids_of(digests)
        if not ids:
            return set()
        snapshot = self.snapshot()
        whole = set(snapshot.ids[snapshot.whole(snapshot.rows_of(list(ids.values())))].tolist())
        return {digest for digest, identity in ids.items() if identity in whole}

    def damaged(self) -> list[int]:
        """The ids of the pictures that were found damaged by now."""
        snapshot = self.snapshot()
        if not snapshot.checks.damaged.any():
            return []
        whole = snapshot.ids[snapshot.alive & ~snapshot.checks.damaged]
        return sorted(set(self.records.ids()).difference(whole.tolist()))

    def verify(self) -> list[int]:
        """The ids of all pictures that are damaged; every file is read through for it."""
        snapshot = self.snapshot()
        snapshot.whole(np.flatnonzero(snapshot.alive))
        return self.damaged()

    def append(self, entries: Sequence[Entry]) -> list[int]:
        """Add pictures; the ids of those whose file was not there already, or damaged, when they take its place."""
        with self._writing():
            self._make_room()
            about = self.records.about()
            known = self.known([entry.digest for entry in entries])
            fresh = list({entry.digest: entry for entry in entries if entry.digest not in known}.values())
            if not fresh:
                return []
            ids = list(range(about.next_id, about.next_id + len(fresh)))
            grown = self._append_vectors(about, fresh, ids)
            with self.records.changing() as connection:
                for identity, entry in zip(ids, fresh, strict=True):
                    insert(connection, _record(identity, entry, take_out(connection, entry.digest)))
                update_about(
                    connection,
                    rows=about.rows + len(fresh),
                    cells=grown.cells,
                    thumbnail_bytes=grown.thumbnail_bytes,
                    next_id=ids[-1] + 1,
                )
            if about.rows + len(fresh) >= FIT_AT and about.width > KEPT[-1] and self.snapshot().basis is None:
                self._write_anew_unless_damaged()
        return ids

    def remove(self, ids: Sequence[int]) -> int:
        """Forget pictures; how many of the ids were there. Their vectors stay until the files are written anew."""
        with self._writing():
            self._make_room()
            with self.records.changing() as connection:
                gone = [i for i in ids if delete(connection, int(i))]
                update_about(connection)
        return len(gone)

    def restore(self, records: Sequence[Record]) -> int:
        """Undo the removal of pictures; how many of them came back, and not those whose vectors are gone by now."""
        with self._writing(), self.records.changing() as connection:
            back = [record for record in records if put_back(connection, record)]
            update_about(connection)
        return len(back)

    def tidy(self) -> None:
        """Write the files anew, without what was removed. CollectionError where anything that stays is damaged."""
        with self._writing():
            if not self._write_anew_unless_damaged():
                raise CollectionError(
                    f"{len(self.damaged()):,} pictures of {self.name} are damaged, so that its files are not written "
                    "anew, which would take them for whole: add the same files again, or remove them, and then tidy."
                )

    def rename(self, title: str) -> None:
        with self._writing(), self.records.changing() as connection:
            update_about(connection, title=title)

    def tag(self, pairs: Sequence[tuple[str, int]], *, off: bool = False) -> Tagging:
        """Put tags on pictures, (tag, id) each, or take them off; what changed."""
        with self._writing(), self.records.changing() as connection:
            changed = change_tags(connection, pairs, off)
            update_about(connection)
        return changed

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except Timeout as error:
            raise CollectionError(
                f"Another program has been writing to {self.name} for {WAIT_S:g} s; try again when it is done."
            ) from error
        except OSError as error:
            raise CollectionError(
                f"{self.name} could not be written ({error.strerror or error}). Nothing of this change was kept and "
                "everything before is whole: make room, or check permissions, and try again."
            ) from error

    def _append_vectors(self, about: About, entries: Sequence[Entry], ids: Sequence[int]) -> About:
        folder = folder_of(self.root, about.generation)
        basis = read_basis(folder, about.width)
        cells = [entry.cells.flatten(0, 1) for entry in entries]
        places = np.zeros((len(entries), PLACE_COLUMNS), np.int64)
        lengths = np.array([len(part) for part in cells])
        sizes = np.array([len(entry.thumbnail) for entry in entries])
        places[:, 0] = about.cells + np.cumsum(lengths) - lengths
        places[:, 1:3] = [entry.cells.shape[:2] for entry in entries]
        places[:, 3] = about.thumbnail_bytes + np.cumsum(sizes) - sizes
        places[:, 4], places[:, 5] = sizes, ids
        stacked = torch.cat(cells)
        arrays = {
            "cls": torch.stack([entry.cls for entry in entries]).numpy(),
            "mean": torch.stack([entry.mean for entry in entries]).numpy(),
            "cells": quantised(stacked if basis is None else stacked @ basis),
            "places": places,
            "thumbnails": np.frombuffer(b"".join(entry.thumbnail for entry in entries), np.uint8),
        }
        return append_rows(folder, about, arrays, basis)

    def _make_room(self) -> None:
        """Before a change: write the files anew where much was removed earlier, which can be undone until then."""
        alive = self.snapshot().alive
        if (~alive).sum() > max(CHUNK, REMOVED_SHARE * len(alive)):
            self._write_anew_unless_damaged()

    def _write_anew_unless_damaged(self) -> bool:
        """Whether it was; damaged bytes are not copied to where they would have a right checksum."""
        if self.verify():
            return False
        self._write_anew()
        return True

    def _write_anew(self) -> None:
        """The next generation of vector files: without removed pictures, and with reduced cells once that is due."""
        old = self.snapshot()
        basis = old.basis
        if basis is None and old.alive.sum() >= FIT_AT and old.about.width > KEPT[-1]:
            basis = fitted(old)
        about = replace(old.about, generation=old.about.generation + 1, rows=0, cells=0, thumbnail_bytes=0)
        folder = folder_of(self.root, about.generation)
        shutil.rmtree(folder, ignore_errors=True)  # of one who was killed here
        try:
            about = write_anew(folder, old, about, basis)
            with self.records.changing() as connection:
                connection.execute("DELETE FROM removed")
                counts = {name: getattr(about, name) for name in ("generation", "rows", "cells", "thumbnail_bytes")}
                update_about(connection, **counts)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)  # where readers hold it open, Windows keeps it until later


def _record(identity: int, entry: Entry, before: Record | None) -> Record:
    added = now() if entry.added is None else entry.added
    return Record(
        id=identity,
        name=entry.name,
        label=entry.label,
        tags=entry.tags if before is None else (*before.tags, *entry.tags),
        added=added if before is None else before.added,
        height=entry.height,
        width=entry.width,
        digest=entry.digest,
    )
