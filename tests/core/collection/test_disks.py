"""A collection on a disk that is full or read-only, or that has lost its database, is searched or refused, never spoilt."""

import shutil
import sqlite3

import pytest

from core.collection import index as index_module
from core.collection.collection import Collection
from core.collection.store import DATABASE, Store
from core.errors import CollectionError
from tests.app.small import small_model
from tests.core.collection.made import check, entries, store


@pytest.fixture
def root(tmp_path):
    store(tmp_path / "c").append(entries(9))
    return tmp_path / "c"


REASONS = {
    "read-only": "unable to open database file",
    "locked away": "attempt to write a readonly database",
    "full": "disk I/O error",
}


def let_nothing_be_written(monkeypatch, reason):
    """SQLite fails as it does there: wherever it wants its two files beside the database."""

    class Failing(sqlite3.Connection):
        def execute(self, statement, *values):
            if statement.startswith(("SELECT", "PRAGMA journal_mode")):
                raise sqlite3.OperationalError(reason)
            return super().execute(statement, *values)

    real = sqlite3.connect

    def connect(address, **options):
        return real(address, **options, **({"factory": Failing} if "mode=rw" in address else {}))

    monkeypatch.setattr(sqlite3, "connect", connect)


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS)
def test_it_is_searched_where_nothing_can_be_written(root, monkeypatch, reason):
    let_nothing_be_written(monkeypatch, reason)
    before = sorted(path.name for path in root.iterdir())
    opened = Collection(root)
    assert opened.search(entries(1, 4)[0].cls, 1)[0].name == "4.png"
    assert opened.tags() == {"even": 5, "odd": 4} and opened.thumbnail(3) and opened.problems == []
    check(opened.store)
    for change in (lambda: opened.store.append(entries(1, 50)), lambda: opened.remove(1), lambda: opened.rename("New")):
        with pytest.raises(CollectionError, match=r"everything before is whole|is read-only"):
            change()
    assert sorted(path.name for path in root.iterdir()) == before


def test_what_a_killed_writer_left_is_read_there_too(root, tmp_path, monkeypatch):
    """Its changes lie in a log beside the database, which whoever only looks at the database does not see."""
    writer = sqlite3.connect(root / DATABASE, isolation_level=None)
    writer.execute("UPDATE about SET title = 'As it was last', changes = changes + 1")
    shutil.copytree(root, tmp_path / "copy")
    writer.close()
    (tmp_path / "copy" / f"{DATABASE}-shm").unlink()
    log = (tmp_path / "copy" / f"{DATABASE}-wal").read_bytes()
    assert log
    let_nothing_be_written(monkeypatch, REASONS["read-only"])
    opened = Collection(tmp_path / "copy")
    assert opened.title == "As it was last" and len(opened) == 9
    assert (tmp_path / "copy" / f"{DATABASE}-wal").read_bytes() == log


def test_an_index_that_cannot_be_kept_is_not_begun(root, monkeypatch):
    def failing(*arguments, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(index_module, "write_whole", failing)
    monkeypatch.setattr(index_module, "_tuned", None)
    with pytest.raises(CollectionError, match=r"index cannot be written .*Read-only"):
        Collection(root, exact_values=10).build_indexes()


@pytest.mark.parametrize(
    "lost", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")], ids=["gone", "empty"]
)
def test_a_lost_database_over_old_vectors_is_no_empty_collection(root, lost):
    opened = Collection(root)
    model = small_model("small")
    lost(root / DATABASE)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    for use in (
        lambda: Collection(root, model),
        lambda: Collection(root),
        lambda: Store(root).create(opened.about),
        lambda: opened.search(entries(1)[0].cls),
        lambda: opened.store.append(entries(1, 50)),
    ):
        with pytest.raises(CollectionError, match=r"is gone.* back from a copy|is no collection, or is damaged"):
            use()
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_reading_makes_no_database(tmp_path):
    (tmp_path / "c").mkdir()
    with pytest.raises(CollectionError, match=r"c/collection\.sqlite is gone"):
        Store(tmp_path / "c").records.about()
    assert list((tmp_path / "c").iterdir()) == []
