"""Collections as disks really hold them: damaged, newer, made elsewhere, and very many."""

import os
import re
import sqlite3
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from app.server.built_in import BuiltIn
from app.server.shelf import MOST_OPEN, Shelf
from core import RequestError
from core.collection.collection import Collection
from core.collection.incoming import Incoming
from core.collection.store import DATABASE
from core.errors import CollectionError
from tests.app.small import photograph
from tests.core.collection.made import entries


@pytest.fixture
def model(engine):
    return engine.models.get("small")


@pytest.fixture
def shelf(tmp_path, model) -> Shelf:
    """With one good collection of a picture."""
    shelf = Shelf(tmp_path / "collections", tmp_path / "cache", shipped=())
    key = shelf.create("Good", model, 112)
    shelf.open(key, model).add([photograph(0)])
    return shelf


def damaged(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"no database" * 100)


def newer(folder: Path) -> None:
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute("UPDATE about SET version = 99")


def emptied(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"")


def orphaned(folder: Path) -> None:
    Collection(folder).store.append(entries(2, width=48, grid=(2, 2)))
    (folder / DATABASE).unlink()


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (damaged, "is damaged"),
        (newer, "another version"),
        (emptied, "is no collection"),
        (orphaned, r"database collection\.sqlite is gone"),
    ],
)
@pytest.mark.parametrize("already_open", [False, True])
def test_one_bad_collection_is_listed_with_the_reason_and_the_others_work(shelf, model, harm, reason, already_open):
    key = shelf.create("Bad", model, 112)
    if not already_open:
        shelf = Shelf(shelf.root, shelf.cache, shipped=())
    harm(shelf.root / key)
    good, bad = shelf.listed()
    assert (good.title, good.pictures, good.problem) == ("Good", 1, "") and good.label == "Good · 1"
    assert len(shelf.open(good.key, model)) == 1
    assert bad.key == key and "cannot be opened" in bad.label
    assert re.search(reason, bad.problem) and str(shelf.root) not in bad.problem
    if already_open and harm is newer:
        return  # what was read before is served as it was
    with pytest.raises(CollectionError, match=reason) as caught:
        len(shelf.open(key, model))
    assert str(shelf.root) not in shelf.without_paths(caught.value)


def test_a_collection_made_in_python_is_found_whatever_its_folder_is_called(shelf, model):
    Collection(shelf.root / "my animals", model.model, title="Animals").add([photograph(1), photograph(2)])
    (listed,) = (one for one in shelf.listed() if one.title == "Animals")
    assert listed.key == "my animals" and listed.pictures == 2
    assert len(shelf.open("my animals", model)) == 2


@pytest.mark.parametrize("key", ["..", ".", "", "../collections", "/etc", "nowhere", ".hidden"])
def test_what_is_not_listed_is_not_opened(shelf, model, key):
    Collection(shelf.root / ".hidden", model.model)
    with pytest.raises(RequestError, match="There is no collection"):
        shelf.open(key, model)


def held(folder: Path) -> int:
    """Files under a folder that this process has open."""
    descriptors = Path("/proc/self/fd")
    return sum(os.path.realpath(one).startswith(str(folder)) for one in descriptors.iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux tells them")
def test_collections_that_nobody_uses_hold_no_files(shelf, model):
    counts = []
    for number in range(MOST_OPEN + 8):
        key = shelf.create(f"Number {number}", model, 112)
        opened = shelf.open(key, model)
        opened.add([photograph(number)])
        opened.search(photograph(0), 1)
        counts.append(held(shelf.root))
    del opened
    assert counts[0] < counts[MOST_OPEN // 2] and counts[-1] == counts[-2] == counts[MOST_OPEN]
    assert len(shelf.listed()) == MOST_OPEN + 9 and held(shelf.root) <= counts[-1]


def test_what_was_killed_halfway_is_swept_away_at_the_next_start(shelf, model):
    path = Collection(shelf.root / "animals", model.model).export(shelf.root / "animals.zip")
    for left in (".importing-1a2b3c4d", ".animals-removed"):
        (shelf.root / left / "vectors").mkdir(parents=True)
    going_on = shelf.root / ".importing-00000000"
    going_on.mkdir()
    with FileLock(going_on / "importing.lock"):
        Shelf(shelf.root, shelf.cache, shipped=())
        assert [one.name for one in shelf.root.iterdir() if one.name.startswith(".")] == [going_on.name]
        shelf.bring_in(path)
        assert going_on.is_dir()
    shelf.bring_in(path)
    assert not going_on.exists()


def test_what_cannot_be_deleted_is_told_without_the_servers_paths(shelf, monkeypatch):
    (listed,) = shelf.listed()

    def failing(*arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(CollectionError, match=r"cannot be deleted .*Read-only") as caught:
        shelf.remove(listed.key)
    assert str(shelf.root) not in str(caught.value)


def test_a_damaged_index_is_built_anew_soon(shelf, model):
    (listed,) = shelf.listed()
    opened = shelf.open(listed.key, model)
    opened.searcher.exact_values = 1
    opened.build_indexes()
    for file in (opened.folder / "index").glob("cls*.faiss"):
        file.write_bytes(b"nothing")
    opened.search(photograph(0), 1)
    assert opened.problems
    shelf.index_if_damaged(opened)
    shelf._indexing.submit(lambda: None).result()
    assert opened.search(photograph(0), 1) and opened.problems == []


def test_other_pictures_under_an_old_name_are_encoded_anew(tmp_path, model):
    def filled(side: int) -> Collection:
        file = tmp_path / "one.png"
        Image.new("RGB", (side, 60), "red").save(file)
        shelf = Shelf(tmp_path / "own", tmp_path / "cache", [BuiltIn("world", "World", [Incoming("one.png", file)])])
        return shelf.fill("world", model, progress=lambda *_: None, cancelled=lambda: False)

    first = filled(80)
    assert filled(80).folder == first.folder
    assert filled(300).folder != first.folder
