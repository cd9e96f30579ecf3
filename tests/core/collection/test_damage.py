"""Bytes that change on the disk are noticed: what they belong to is left out and named, all else is found as before."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.collection import store as store_module
from core.collection.checksums import KINDS, crc
from core.collection.collection import Collection
from core.collection.index import facts_of
from core.collection.search import Searcher
from core.collection.store import Store
from core.collection.vectors import SUMS, files
from core.errors import CollectionError, RequestError
from tests.core.collection.made import check, entries, store

COUNT, HARMED = 12, 5
"""Pictures, and the row of the one that is harmed."""


@pytest.fixture
def made(tmp_path) -> Collection:
    store(tmp_path / "c").append(entries(COUNT))
    return Collection(tmp_path / "c")


def vectors_of(collection: Collection) -> Path:
    (folder,) = (collection.folder / "vectors").iterdir()
    return folder


def flip(collection: Collection, kind: str, row: int = HARMED, byte: int = 0) -> None:
    """Change a byte of one row of one file, as a failing disk does."""
    snapshot = collection.store.snapshot()
    file = files(snapshot.about.width, snapshot.cells.shape[1])[kind]
    start = {"cells": snapshot.places[row, 0], "thumbnails": snapshot.places[row, 3]}.get(kind, row)
    harm(vectors_of(collection) / file.name, int(start) * file.columns * np.dtype(file.dtype).itemsize + byte)


def harm(path: Path, place: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(place)
        (before,) = stream.read(1)
        stream.seek(place)
        stream.write(bytes([before ^ 0x41]))


def found(collection: Collection, mode: str, **options) -> set[int]:
    return {hit.id for hit in collection.search(entries(1, HARMED)[0].mean, COUNT, mode=mode, **options)}


@pytest.mark.parametrize("mode", ["cls", "mean", "region"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_leaves_out_its_picture_and_no_other(made, kind, mode, caplog):
    flip(made, kind)
    again = Collection(made.folder)
    others = set(range(1, COUNT + 1)) - {HARMED + 1}
    assert found(again, mode) == found(again, mode) == others
    assert len(again.search(entries(1, HARMED)[0].mean, 3, mode=mode)) == 3, "the next best comes in its place"
    (problem,) = again.problems
    assert "1 picture of the collection 'Made'" in problem and f"({HARMED}.png)" in problem
    assert str(made.folder) not in problem
    assert caplog.messages == [problem], "it is told once"
    assert again.verify() == Collection(made.folder).verify() == [HARMED + 1]


@pytest.mark.parametrize("kind", KINDS)
def test_adding_the_file_again_takes_the_place_of_what_is_damaged(made, kind):
    made.tag([HARMED + 1], ["kept"])
    flip(made, kind)
    again = Collection(made.folder)
    assert again.store.append(entries(COUNT)) == [COUNT + 1], "of all that are there, the damaged one alone"
    assert again.problems == [] and len(again) == COUNT
    assert set(again.store.records.get([COUNT + 1])[COUNT + 1].tags) == {"kept", "odd"}
    check(Store(made.folder))
    again.tidy()
    assert Collection(made.folder).verify() == []
    check(Store(made.folder))


def test_damage_is_not_written_anew_as_if_it_were_whole(made, monkeypatch):
    flip(made, "cells")
    again = Collection(made.folder)
    with pytest.raises(CollectionError, match=r"1 pictures of .* are damaged"):
        again.tidy()
    monkeypatch.setattr(store_module, "FIT_AT", COUNT + 1)
    again.store.append(entries(1, COUNT))
    assert again.store.snapshot().basis is None, "it waits until the damage is mended"
    again.remove(HARMED + 1)
    again.store.append(entries(1, COUNT + 1))
    assert again.store.snapshot().basis is not None
    check(Store(made.folder))


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_holds_what_is_whole(made, kind, tmp_path):
    flip(made, kind)
    path = Collection(made.folder).export(tmp_path / "c.zip")
    brought = Collection.bring_in(path, tmp_path / "brought")
    assert len(brought) == COUNT - 1 and brought.verify() == []
    check(brought.store)


def test_tables_vectors_and_thumbnails_are_checked_too(made):
    flip(made, "cls")
    flip(made, "thumbnails", HARMED + 1)
    again = Collection(made.folder)
    assert HARMED + 1 not in again.vectors("cls")[0].tolist()
    assert all(HARMED + 1 not in group for group in again.near_duplicates(0.01))
    with pytest.raises(CollectionError, match=r"6\.png.*Add the same files again"):
        again.thumbnail(HARMED + 2)
    with pytest.raises(RequestError, match="may have been removed"):
        again.thumbnail(99)


def test_a_damaged_basis_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "FIT_AT", COUNT)
    store(tmp_path / "c").append(entries(COUNT))
    made = Collection(tmp_path / "c")
    harm(vectors_of(made) / "basis.f32", 4001)
    with pytest.raises(CollectionError, match=r"basis\.f32 is damaged; import"):
        Store(made.folder).snapshot()
    (vectors_of(made) / "basis.f32").write_bytes(bytes(7))
    with pytest.raises(CollectionError, match=r"basis\.f32 is damaged; import"):
        Store(made.folder).snapshot()


@pytest.mark.parametrize("column", range(6))
def test_an_older_collection_without_checksums_opens_and_impossible_places_are_noticed(made, column):
    (vectors_of(made) / SUMS).unlink()
    check(Store(made.folder))
    flip(made, "places", byte=8 * column + 6)
    again = Collection(made.folder)
    kept = found(again, "region")
    assert kept >= set(range(1, COUNT + 1)) - {HARMED, HARMED + 1, HARMED + 2} and HARMED + 1 not in kept
    for identity in kept:
        assert again.thumbnail(identity) == entries(1, identity - 1)[0].thumbnail


def test_what_is_added_to_an_older_collection_has_checksums(made):
    (vectors_of(made) / SUMS).unlink()
    made.store.append(entries(2, COUNT))
    flip(made, "mean", COUNT + 1)
    flip(made, "mean", 0, byte=9)  # finite still, and without a checksum: it cannot be known
    assert Collection(made.folder).verify() == [COUNT + 2]
    made.remove(COUNT + 2)
    made.tidy()
    flip(made, "mean", 1)
    assert Collection(made.folder).verify() == [2]


def test_numbers_that_are_not_finite_are_noticed_without_checksums(made):
    (vectors_of(made) / SUMS).unlink()
    path = vectors_of(made) / "cls.f16"
    numbers = np.fromfile(path, np.float16)
    numbers[3] = np.nan
    numbers.tofile(path)
    assert 1 not in found(Collection(made.folder), "cls")


def test_the_first_and_several_damaged_places_leave_the_others_findable(made):
    for row in (0, 1, 6, 7, COUNT - 1):
        flip(made, "places", row, 8 * (row % 6))
    again = Collection(made.folder)
    assert found(again, "cls") == found(again, "region") == {3, 4, 5, 6, 9, 10, 11}
    assert again.verify() == [1, 2, 7, 8, 12]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_short_while_it_is_open_does_not_end_the_process(made, kind):
    found(made, "region")
    name = files(1, 1)[kind].name
    (vectors_of(made) / name).write_bytes(b"")
    for use in (lambda: found(made, "region"), lambda: made.thumbnail(1), lambda: made.vectors(), made.verify):
        with pytest.raises(CollectionError, match=rf"c/vectors/000001/{name} is shorter than it was; import"):
            use()
    (vectors_of(made) / name).unlink()
    with pytest.raises(CollectionError, match="Vector files are missing in c; import"):
        found(made, "cls")


def test_no_checksum_is_zero():
    assert crc(np.empty(0, np.uint8)) == 1


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flipped(path: Path) -> None:
    harm(path, path.stat().st_size // 2)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


def another(path: Path) -> None:
    """An index of vectors of another width, with a description that fits but for that."""
    import faiss

    index = faiss.IndexFlatIP(7)
    index.add(np.zeros((40, 7), np.float32))
    faiss.write_index(index, str(path))
    described = json.loads(path.with_suffix(".json").read_text()) | {"bytes": path.stat().st_size, "crc": None}
    path.with_suffix(".json").write_text(json.dumps(described))


def undescribed(path: Path) -> None:
    path.with_suffix(".json").write_text("[" * 100_000)


def misdescribed(path: Path) -> None:
    described = json.loads(path.with_suffix(".json").read_text()) | {"covered": "many"}
    path.with_suffix(".json").write_text(json.dumps(described))


@pytest.mark.parametrize(
    "harmed",
    [truncated, flipped, longer, emptied, gone, another, undescribed, misdescribed],
    ids=lambda one: one.__name__,
)
def test_a_damaged_index_is_replaced_by_exact_search_said_and_built_anew(tmp_path, harmed, caplog):
    made = store(tmp_path / "c", 32)
    made.append(entries(40, width=32))
    Searcher(made.root, exact_values=100).build(made.snapshot(), "cls")
    harmed(made.root / "index" / "cls-000001.faiss")

    collection = Collection(made.root, exact_values=100)
    asked = entries(1, 7, 32)[0].cls
    exact = Collection(made.root).search(asked, 40)
    answer = collection.search(asked, 40)
    assert [(hit.id, hit.score) for hit in answer] == [(hit.id, hit.score) for hit in exact]
    (problem,) = collection.problems
    assert "The search index of cls vectors is damaged. Every picture is compared instead" in problem
    assert str(tmp_path) not in problem and caplog.messages == [problem]

    assert "cls" in [facts.space for facts in collection.build_indexes()]
    assert collection.search(asked, 1)[0].id == exact[0].id
    assert collection.problems == [] and collection.method("cls").index == facts_of(made.root, 1, "cls")
