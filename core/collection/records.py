"""Records of a collection's pictures, in SQLite: the one place that decides what exists.

    about    one row: what the collection is, and how much of the vector files counts
    images   one row a picture; an id is never used twice
    tags     image, tag
    removed  ids whose vectors still lie in the files, until these are written anew

A transaction here is what makes an addition or a removal happen; whatever lies in the vector files past `about.rows`
was left by one that did not.
"""

import contextlib
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

from core.errors import CollectionError

R = TypeVar("R", "About", "Record")
_CANNOT_WRITE = ("unable to open", "readonly", "disk I/O error", "is full")
"""Parts of what SQLite says where it cannot make a file."""
_WITHOUT_LOCKS = "win32-none" if os.name == "nt" else "unix-none"
VERSION = 1
WAIT_S = 30.0
_SCHEMA = """
CREATE TABLE about (
    version INTEGER, title TEXT, model TEXT, weights TEXT, layer INTEGER, size INTEGER, width INTEGER, patch INTEGER,
    generation INTEGER, rows INTEGER, cells INTEGER, thumbnail_bytes INTEGER, next_id INTEGER, changes INTEGER
);
CREATE TABLE images (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT, label TEXT, added REAL, height INTEGER, width INTEGER
);
CREATE TABLE tags (tag TEXT, image INTEGER REFERENCES images ON DELETE CASCADE, PRIMARY KEY (tag, image)) WITHOUT ROWID;
CREATE INDEX tags_by_image ON tags (image);
CREATE TABLE removed (id INTEGER PRIMARY KEY);
"""


@dataclass(frozen=True)
class About:
    """The state of a collection at one moment."""

    version: int
    title: str
    model: str
    weights: str
    """SHA-256 of the weights that made its vectors."""
    layer: int
    size: int
    """Longer side in pixels at which pictures were shown to the model."""
    width: int
    patch: int
    generation: int = 1
    """Which folder of vector files counts."""
    rows: int = 0
    """Pictures in these files, removed ones included."""
    cells: int = 0
    thumbnail_bytes: int = 0
    next_id: int = 1
    changes: int = 0
    """Grows with every change, so that a reader sees when to look again."""


@dataclass(frozen=True)
class Record:
    """One picture of a collection."""

    id: int
    name: str
    label: str
    tags: tuple[str, ...]
    added: float
    """Seconds since 1970, UTC."""
    height: int
    width: int
    digest: str
    """SHA-256 of its file."""


class Records:
    """The database of one collection. Every call has a connection of its own, so that threads may call it."""

    def __init__(self, path: Path):
        self.path = path

    def create(self, about: About) -> None:
        """Make the database. It has its name once it is whole, so that nobody finds it half made."""
        partial = Records(self.path.with_name(f"{self.path.name}.part"))
        for left in self.path.parent.glob(f"{partial.path.name}*"):  # by one who was killed here
            left.unlink()
        with partial.changing("rwc") as connection:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            names = [field.name for field in fields(About)]
            places = ", ".join("?" * len(names))
            connection.execute(
                f"INSERT INTO about ({', '.join(names)}) VALUES ({places})", list(asdict(about).values())
            )
        os.replace(partial.path, self.path)

    def about(self) -> About:
        with self.reading() as connection:
            return about_of(connection)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one moment; also where nothing can be written, on a full or read-only disk."""
        with self._meant(), contextlib.closing(self._opened_to_read()) as connection:
            yield connection
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def changing(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        """A connection whose changes happen all at once when the block ends, or not at all."""
        with self._meant(), contextlib.closing(self._connection(f"mode={mode}")) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def _opened_to_read(self) -> sqlite3.Connection:
        """A connection in a transaction that has begun to read.

        To read what one process writes while others read it, SQLite keeps two files beside the database, and makes
        them anew where it is closed everywhere. Where it cannot, nobody writes, and it reads without them.
        """
        connection = self._connection("mode=rw")
        try:
            return _begun(connection)
        except sqlite3.OperationalError as error:
            if not self.path.exists() or not any(reason in str(error) for reason in _CANNOT_WRITE):
                raise
        log = self.path.with_name(f"{self.path.name}-wal")
        if not (log.exists() and log.stat().st_size):
            return _begun(self._connection("mode=ro&immutable=1"))
        connection = self._connection(f"mode=ro&vfs={_WITHOUT_LOCKS}")  # of one who was killed; it has to be read too
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        return _begun(connection)

    def _connection(self, options: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?{options}"
        return sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None)

    @contextlib.contextmanager
    def _meant(self) -> Iterator[None]:
        """CollectionError in place of what SQLite says."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise CollectionError(_meaning(self.path, error)) from error

    def ids_of(self, digests: Sequence[str]) -> dict[str, int]:
        """The ids of those files that are there, by digest."""
        query = "SELECT id FROM images WHERE digest = ?"
        with self.reading() as connection:
            found = {digest: _first(connection, query, digest) for digest in digests}
        return {digest: row[0] for digest, row in found.items() if row}

    def ids(self) -> list[int]:
        """The ids of all pictures, ascending."""
        with self.reading() as connection:
            return [row[0] for row in connection.execute("SELECT id FROM images ORDER BY id")]

    def get(self, ids: Iterable[int]) -> dict[int, Record]:
        """The records of those ids that exist."""
        with self.reading() as connection:
            found = {}
            for identity in map(int, ids):
                row = _first(connection, f"SELECT {_COLUMNS} FROM images WHERE id = ?", identity)
                if row:
                    found[identity] = _record(connection, row)
            return found

    def page(self, offset: int, limit: int, tag: str = "") -> list[Record]:
        """Records in the order they were added, `limit` of them (all for -1), of one tag or of all."""
        where = "WHERE id IN (SELECT image FROM tags WHERE tag = ?)" if tag else ""
        with self.reading() as connection:
            query = f"SELECT {_COLUMNS} FROM images {where} ORDER BY id LIMIT ? OFFSET ?"
            rows = connection.execute(query, [*([tag] if tag else []), limit, offset]).fetchall()
            return [_record(connection, row) for row in rows]

    def count(self) -> int:
        """Pictures that are there."""
        with self.reading() as connection:
            return connection.execute("SELECT count(*) FROM images").fetchone()[0]

    def tags(self) -> dict[str, int]:
        """Every tag with how many pictures have it, most used first."""
        with self.reading() as connection:
            return dict(connection.execute("SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY 2 DESC, 1"))

    def tagged(self, tags: Iterable[str]) -> list[int]:
        """Ids that have all of the tags."""
        query = "SELECT image FROM tags WHERE tag = ?"
        with self.reading() as connection:
            sets = [{row[0] for row in connection.execute(query, [tag])} for tag in tags]
        return sorted(set.intersection(*sets)) if sets else []


_LEAST = {"layer": -math.inf, "size": 1, "width": 1, "height": 1, "patch": 1, "next_id": 1, "generation": 1}
"""The least numbers of a row; of all others 0."""
_COLUMNS = "id, name, label, added, height, width, digest"


def about_of(connection: sqlite3.Connection) -> About:
    names = [field.name for field in fields(About)]
    row = _first(connection, f"SELECT {', '.join(names)} FROM about")
    if row is None:
        raise sqlite3.DatabaseError("malformed: its description is missing")
    return _checked(About(**dict(zip(names, row, strict=True))))


def insert(connection: sqlite3.Connection, record: Record) -> None:
    values = [getattr(record, name) for name in _COLUMNS.split(", ")]
    connection.execute(f"INSERT INTO images ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    connection.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", [(tag, record.id) for tag in record.tags])


def delete(connection: sqlite3.Connection, identity: int) -> bool:
    """Forget a picture; whether it was there."""
    there = connection.execute("DELETE FROM images WHERE id = ?", [identity]).rowcount > 0
    if there:
        connection.execute("INSERT INTO removed VALUES (?)", [identity])
    return there


def take_out(connection: sqlite3.Connection, digest: str) -> Record | None:
    """The record of a file, which is forgotten; None where there is none."""
    row = _first(connection, f"SELECT {_COLUMNS} FROM images WHERE digest = ?", digest)
    if row is None:
        return None
    record = _record(connection, row)
    delete(connection, record.id)
    return record


def update_about(connection: sqlite3.Connection, **values: object) -> None:
    """Set what is given, and count the change."""
    assignments = "".join(f"{name} = ?, " for name in values)
    connection.execute(f"UPDATE about SET {assignments}changes = changes + 1", list(values.values()))


def now() -> float:
    return round(time.time(), 3)


def _record(connection: sqlite3.Connection, row: tuple) -> Record:
    tags = connection.execute("SELECT tag FROM tags WHERE image = ? ORDER BY tag", [row[0]])
    return _checked(Record(**dict(zip(_COLUMNS.split(", "), row, strict=True)), tags=tuple(tag for (tag,) in tags)))


def _checked(row: R) -> R:
    """The row. A DatabaseError where a number of it is none, or cannot be: SQLite keeps anything in any column."""
    for field in fields(row):
        value = getattr(row, field.name)
        number = isinstance(value, int) or (field.type is float and isinstance(value, float))
        if field.type in (int, float) and not (number and _LEAST.get(field.name, 0) <= value < math.inf):
            raise sqlite3.DatabaseError(f"malformed: {field.name} is {str(value)[:40]!r}")
    return row


def _first(connection: sqlite3.Connection, query: str, *values: object) -> tuple | None:
    return connection.execute(query, values).fetchone()


def _begun(connection: sqlite3.Connection) -> sqlite3.Connection:
    """The connection, in a transaction that sees this moment; closed where it cannot be had."""
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return connection
    except BaseException:
        connection.close()
        raise


def _meaning(path: Path, error: sqlite3.Error) -> str:
    text, missing = str(error), not path.exists()
    path = Path(path.absolute().parent.name, path.name)  # visitors of the app read it too
    if missing:
        return f"{path} is gone; put it back from a copy, or import the collection's last export."
    if "readonly" in text:
        return f"{path} cannot be changed: its disk or folder is read-only ({text}). It can be searched all the same."
    if "no such table" in text or "not a database" in text or "malformed" in text:
        return f"{path} is no collection, or is damaged ({text}); name another folder, or import its last export."
    if "locked" in text:
        return f"{path} is held by another program ({text}); try again when it is done."
    return (
        f"{path} could not be read or written ({text}); the disk may be full. Nothing of this change was kept and "
        "everything before is whole: make room and try again."
    )
