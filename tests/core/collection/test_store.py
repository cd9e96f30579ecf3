"""A collection is whole after every kill, every full disk, and while others write and read."""

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from core.collection import generation, vectors
from core.collection import records as records_module
from core.collection import store as store_module
from core.collection.records import About
from core.collection.store import Store
from core.errors import CollectionError
from tests.core.collection.made import check, entries, store

ROOT = Path(__file__).parents[3]
NURSERY = """
import os, sys
from pathlib import Path
from core.collection import store as module
from tests.core.collection.made import check, entries, store
module.FIT_AT = 24

def add_for_ever(root):
    made = store(root)
    number = made.records.about().next_id * 10
    while True:
        ids = made.append(entries(3, number))
        os.write(1, b"kept %d\\n" % max(ids))
        number += 3
        if number % 5 == 0:
            made.remove(ids[:1])
        if number % 7 == 0:
            made.tidy()

store(Path(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        add_for_ever(Path(sys.argv[1]))
    print("born", child, flush=True)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""
"""A program that imports everything once and then gives birth to writers: each is a process that can be killed."""


def test_a_collection_is_not_there_until_it_is_whole(tmp_path, monkeypatch):
    about = About(1, "Made", "model", "0" * 64, -1, 224, 8, 14)
    made, seen = Store(tmp_path / "c"), []

    def killed(given):
        seen.append(made.exists)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(records_module, "asdict", killed)
        with pytest.raises(SystemExit):
            made.create(about)
    assert seen == [False] and not made.exists
    made.create(about)
    assert made.records.about() == about
    assert sorted(path.name for path in made.root.iterdir()) == [store_module.DATABASE, "write.lock"]


def test_what_is_added_is_there_and_what_is_removed_is_not(tmp_path):
    made = store(tmp_path / "c")
    ids = made.append(entries(5))
    assert made.append(entries(6)) == [6], "the files of the first five are there already"
    assert made.remove([ids[1], 99]) == 1
    check(made)
    check(Store(tmp_path / "c"))
    assert made.append(entries(1, 1)) == [7], "a removed file may come back, under an id that was never used"
    check(made)


def test_cells_are_reduced_once_there_are_enough_to_know_how(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "FIT_AT", 40)
    made = store(tmp_path / "c")
    made.append(entries(39))
    assert made.snapshot().basis is None
    made.append(entries(1, 39))
    snapshot = made.snapshot()
    assert snapshot.basis.shape[1] in store_module.KEPT
    torch.testing.assert_close(snapshot.basis.T @ snapshot.basis, torch.eye(snapshot.basis.shape[1]), atol=1e-5, rtol=0)
    made.append(entries(5, 40))
    check(made)


def test_tidying_gives_back_the_room_and_old_snapshots_stay_readable(tmp_path):
    made = store(tmp_path / "c")
    ids = made.append(entries(20))
    before = made.snapshot()
    made.remove(ids[:15])
    made.tidy()
    check(made)
    assert len(made.snapshot().alive) == 5
    assert before.thumbnail(0) == entries(1)[0].thumbnail
    assert [folder.name for folder in (tmp_path / "c" / "vectors").iterdir()] == ["000002"]


def test_it_is_whole_after_kills_at_any_moment(tmp_path):
    root, rng, promised = tmp_path / "c", random.Random(7), 0
    command = [sys.executable, "-c", NURSERY, root]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # a fork loses the threads of its parent, and waits for them
    with subprocess.Popen(
        command, cwd=ROOT, env=alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as nursery:
        assert nursery.stdout.readline() == "ready\n"
        for _ in range(12):
            print("next", file=nursery.stdin, flush=True)
            child = int(nursery.stdout.readline().split()[1])
            for _ in range(rng.randrange(4)):
                promised = max(promised, int(nursery.stdout.readline().split()[1]))
            time.sleep(rng.uniform(0, 0.06))
            os.kill(child, signal.SIGKILL)
            while (line := nursery.stdout.readline()) != "dead\n":
                promised = max(promised, int(line.split()[1]))
            made = Store(root)
            check(made)
            assert made.records.about().next_id > promised, "what was said to be kept is kept"
        nursery.stdin.close()
    assert promised > 36, "the kills came before anything was written"


@pytest.mark.parametrize(("what", "moments"), [("add", 15), ("export", 12), ("bring_in", 20)])
def test_it_is_whole_after_kills_at_every_write(tmp_path, what, moments):
    """Many more moments than processes can be started for: forks of one that has no threads, which a fork would lose."""
    root = tmp_path / "c"
    words = [sys.executable, "-m", "tests.core.collection.dying", what, str(root), str(moments)]
    subprocess.run(words, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, timeout=300)
    Store(root).append(entries(3, 500))
    check(Store(root))
    assert len(Store(root).records.page(0, -1)) >= 7


@pytest.mark.parametrize("moment", range(7))
def test_an_error_at_any_write_is_told_and_nothing_of_it_stays(tmp_path, monkeypatch, moment):
    made = store(tmp_path / "c")
    made.append(entries(4))
    calls = iter(range(100))

    def failing(*arguments):
        if next(calls) == moment:
            raise OSError(28, "No space left on device")
        return vectors.append(*arguments)

    monkeypatch.setattr(generation, "append", failing)
    if moment < 6:
        with pytest.raises(CollectionError, match=r"No space left on device.*everything before is whole"):
            made.append(entries(3, 10))
    monkeypatch.undo()
    check(made)
    assert len(made.records.page(0, -1)) == 4
    made.append(entries(3, 10))
    check(made)


@pytest.mark.parametrize("largest", [30_000, 100_000])
def test_a_full_disk_is_told_and_survived(tmp_path, largest):
    """A file may not grow beyond what it is: to the program that is a disk without room."""
    made = store(tmp_path / "c")
    made.append(entries(4))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        with pytest.raises(CollectionError, match="make room"):
            for number in range(10, 400, 10):
                made.append(entries(10, number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    check(made)
    made.append(entries(2, 1000))
    check(made)


def test_readers_and_writers_at_once_see_only_whole_changes(tmp_path):
    made = store(tmp_path / "c")
    problems, stop = [], threading.Event()

    def read() -> None:
        reader = Store(tmp_path / "c")
        try:
            while not stop.is_set():
                snapshot = reader.snapshot()
                assert len(snapshot.alive) % 3 == 0, "three are added at a time"
                for row in range(len(snapshot.alive)):
                    assert snapshot.thumbnail(row).startswith(b"RIFF")
        except Exception as error:  # reported by the test
            problems.append(error)

    def write(first: int) -> None:
        for number in range(first, first + 30, 3):
            Store(tmp_path / "c").append(entries(3, number))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=[first]) for first in (0, 100)]
    for thread in (reader, *writers):
        thread.start()
    for writer in writers:
        writer.join()
    made.tidy()
    stop.set()
    reader.join()
    assert problems == []
    assert len(made.records.page(0, -1)) == 60
    check(made)


def test_a_damaged_or_foreign_folder_is_named(tmp_path):
    made = store(tmp_path / "c")
    made.append(entries(3))
    file = tmp_path / "c" / "vectors" / "000001" / "cells.i8"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CollectionError, match=r"cells\.i8 is shorter than it was"):
        Store(tmp_path / "c").snapshot()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "collection.sqlite").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(CollectionError, match="is no collection, or is damaged"):
        Store(tmp_path / "d").snapshot()


def test_a_collection_without_its_description_is_named(tmp_path):
    made = store(tmp_path)
    with made.records.changing() as connection:
        connection.execute("DELETE FROM about")
    with pytest.raises(CollectionError, match=r"is no collection, or is damaged .*description is missing"):
        made.snapshot()


@pytest.mark.parametrize("value", ["NULL", "'x'", "-1", "1e999", "x'00ff'"])
@pytest.mark.parametrize("column", ["rows", "cells", "thumbnail_bytes", "next_id", "width", "generation"])
def test_a_description_that_holds_no_numbers_is_named(tmp_path, column, value):
    made = store(tmp_path)
    with made.records.changing() as connection:
        connection.execute(f"UPDATE about SET {column} = {value}")
    with pytest.raises(CollectionError, match=rf"is no collection, or is damaged .*malformed: {column} is "):
        made.snapshot()


@pytest.mark.parametrize("value", ["NULL", "'x'", "0", "x'00ff'"])
def test_a_picture_of_no_size_is_named(tmp_path, value):
    made = store(tmp_path)
    made.append(entries(1))
    with made.records.changing() as connection:
        connection.execute(f"UPDATE images SET height = {value}")
    with pytest.raises(CollectionError, match="malformed: height is "):
        made.records.get([1])


def test_vectors_that_cannot_be_read_are_told_without_a_path(tmp_path):
    store(tmp_path / "c").append(entries(1))
    file = tmp_path / "c" / "vectors" / "000001" / "cls.f16"
    file.unlink()
    file.mkdir()
    with pytest.raises(CollectionError, match=r"vectors of c cannot be read \(Is a directory cls\.f16\)") as caught:
        Store(tmp_path / "c").snapshot()
    assert str(tmp_path) not in str(caught.value)
