"""Exports from strangers: whatever is wrong with one, it is told in one sentence, and nothing of it stays."""

import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.collection import importing
from core.collection import store as store_module
from core.collection.importing import bring_in
from core.collection.incoming import Limits
from core.collection.store import Store
from core.collection.transport import export
from core.errors import CollectionError
from tests.core.collection.made import check, entries, store

COUNT = 6
FLOATS, WHOLE = np.float16, np.int64


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> dict[str, bytes]:
    """The members of an export whose cells are reduced."""
    root = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "FIT_AT", COUNT)
        made = store(root / "c")
        made.append(entries(COUNT))
        with zipfile.ZipFile(export(made, root / "c.zip")) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def with_number(name: str, dtype: type, place: int, value: float):
    """A change of one number of one file."""

    def change(files: dict[str, bytes]) -> None:
        numbers = np.frombuffer(files[name], dtype).copy()
        numbers[place] = value
        files[name] = numbers.tobytes()

    return change


def with_file(name: str, data: bytes):
    return lambda files: files.update({name: data})


def about(**values):
    return lambda files: files.update({"about.json": json.dumps(json.loads(files["about.json"]) | values).encode()})


def without_about(key: str):
    def change(files: dict[str, bytes]) -> None:
        values = json.loads(files["about.json"])
        del values[key]
        files["about.json"] = json.dumps(values).encode()

    return change


def record(**values):
    def change(files: dict[str, bytes]) -> None:
        first, *others = files["images.jsonl"].splitlines()
        files["images.jsonl"] = b"\n".join([json.dumps(json.loads(first) | values).encode(), *others])

    return change


def lines(change):
    return lambda files: files.update({"images.jsonl": b"\n".join(change(files["images.jsonl"].splitlines()))})


CHANGES = {
    "a name that climbs": with_file("../../evil", b"x"),
    "a database": with_file("collection.sqlite", b"x"),
    "checksums": with_file("sums.u32", bytes(COUNT * 24)),
    "no description": lambda files: files.pop("about.json"),
    "no places": lambda files: files.pop("places.i64"),
    "no records": lambda files: files.pop("images.jsonl"),
    "half a row": lambda files: files.update({"cls.f16": files["cls.f16"][:-96]}),
    "a row too few": lambda files: files.update({"cls.f16": files["cls.f16"][:-512]}),
    "cells too few": lambda files: files.update({"cells.i8": files["cells.i8"][:-128]}),
    "NaN": with_number("cls.f16", FLOATS, 5, np.nan),
    "infinity": with_number("mean.f16", FLOATS, 5, np.inf),
    "a vector too long": with_number("mean.f16", FLOATS, 5, 60_000),
    "NaN in the basis": with_number("basis.f32", np.float32, 5, np.nan),
    "no basis at all": with_number("basis.f32", np.float32, 5, 1e30),
    "an empty basis": with_file("basis.f32", b""),
    "a basis too wide": with_file("basis.f32", bytes(4 * 256 * 257)),
    "half a basis": lambda files: files.update({"basis.f32": files["basis.f32"][:-4]}),
    "a place far out": with_number("places.i64", WHOLE, 0, 10**12),
    "a negative place": with_number("places.i64", WHOLE, 6, -12),
    "a grid of nothing": with_number("places.i64", WHOLE, 1, 0),
    "a huge grid": with_number("places.i64", WHOLE, 1, 2**62),
    "a negative length": with_number("places.i64", WHOLE, 4, -1),
    "an id of nothing": with_number("places.i64", WHOLE, 5, 0),
    "an id too large": with_number("places.i64", WHOLE, 6 * COUNT - 1, 2**63 - 1),
    "an id twice": with_number("places.i64", WHOLE, 11, 1),
    "no thumbnail": lambda files: files.update(
        {"thumbnails.webp": b"<svg onload=alert(1)>".ljust(len(files["thumbnails.webp"]))}
    ),
    "another version": about(version=99),
    "a text for a version": about(version="1" * 1000),
    "nothing for a title": about(title=None),
    "a list for a model": about(model=["x"]),
    "half a width": about(width=256.5),
    "a negative width": about(width=-256),
    "no width": about(width=0),
    "another width": about(width=257),
    "a huge width": about(width=10**30),
    "a huge layer": about(layer=10**30),
    "truth for a layer": about(layer=True),
    "infinity for a size": about(size=float("inf")),
    "NaN for a size": about(size=float("nan")),
    "a patch of more than the picture": about(patch=225),
    "a description with a key too few": without_about("weights"),
    "a list for a description": with_file("about.json", b"[1, 2]"),
    "a number for a description": with_file("about.json", b"7"),
    "a description that is no JSON": with_file("about.json", b"\xff\xfe{"),
    "a huge number": with_file("about.json", b'{"version": ' + b"9" * 6000 + b"}"),
    "a description nested deep": with_file("about.json", b"[" * 60_000),
    "a long description": with_file("about.json", b'{"version": "' + b" " * 2**20 + b'"}'),
    "a record nested deep": lines(lambda given: [b'{"id":' * 100_000, *given[1:]]),
    "a record too long": lines(lambda given: [given[0] + b" " * 2**21, *given[1:]]),
    "a record too many": lines(lambda given: [*given, given[0]]),
    "a record too few": lines(lambda given: given[1:]),
    "a record twice": lines(lambda given: [given[1], *given[1:]]),
    "a record that is a list": lines(lambda given: [b"[]", *given[1:]]),
    "a record that is nothing": lines(lambda given: [b"null", *given[1:]]),
    "a height of words": record(height="' OR 1"),
    "a negative height": record(height=-1),
    "an infinite width": record(width=float("inf")),
    "NaN for a date": record(added=float("nan")),
    "words for a date": record(added="yesterday"),
    "a date far away": record(added=1e300),
    "words for tags": record(tags="abc"),
    "numbers for tags": record(tags=[1]),
    "too many tags": record(tags=[str(n) for n in range(1001)]),
    "a number for a name": record(name=7),
    "a wrong digest": record(digest="0" * 63),
    "no digest": record(digest=None),
    "a key too many": record(evil=1),
    "a bomb": with_file("thumbnails.webp", bytes(2**26)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_tampered_export_is_refused_and_leaves_nothing(exported, tmp_path, change):
    files = dict(exported)
    change(files)
    path = packed(tmp_path / "c.zip", files)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CollectionError, match=r"c\.zip|another version") as caught:
            bring_in(path, tmp_path / "again", Limits(free_bytes=2**24, ratio=2))
    assert len(str(caught.value)) < 400 and str(tmp_path) not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def flipped(data: bytes) -> bytes:
    middle = data.index(b"PK\x03\x04", 4) + 60  # within the second member
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: b"",
        lambda data: b"no zip",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-30],
        flipped,
        lambda data: data.replace(b"\x08\x00", b"\x63\x00"),  # a way of packing that nobody knows
        lambda data: data.replace(
            b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"
        ),  # encrypted
    ],
    ids=["empty", "no zip", "half", "cut short", "flipped", "unknown packing", "encrypted"],
)
def test_a_damaged_zip_is_refused_and_leaves_nothing(exported, tmp_path, harm):
    path = packed(tmp_path / "c.zip", exported)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(CollectionError, match=r"c\.zip is no export of a collection, or is damaged"):
        bring_in(path, tmp_path / "again")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused(exported, tmp_path):
    path = packed(tmp_path / "c.zip", exported)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("about.json", exported["about.json"])
    with pytest.raises(CollectionError, match="one of them twice"):
        bring_in(path, tmp_path / "again")


def test_a_folder_or_a_missing_file_is_named_without_a_path(tmp_path):
    (tmp_path / "c").mkdir()
    for name in ("c", "nowhere.zip"):
        with pytest.raises(CollectionError, match=f"^{name} is no export") as caught:
            bring_in(tmp_path / name, tmp_path / "again")
        assert str(tmp_path) not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_full_disk_is_no_damaged_export(exported, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    path = packed(tmp_path / "c.zip", exported)
    monkeypatch.setattr(importing, "append", full)
    with pytest.raises(CollectionError, match=r"again could not be made of c\.zip \(No space left on device\)"):
        bring_in(path, tmp_path / "again")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_right_is_brought_in_whole_with_checksums(exported, tmp_path):
    bring_in(packed(tmp_path / "c.zip", exported), tmp_path / "deep" / "again")
    made = Store(tmp_path / "deep" / "again")
    check(made)
    assert (made.snapshot().checks.sums != 0).all() and made.verify() == []
    assert sorted(path.name for path in made.root.iterdir()) == ["collection.sqlite", "vectors", "write.lock"]


def test_an_empty_collection_travels_too(tmp_path):
    bring_in(export(store(tmp_path / "c"), tmp_path / "c.zip"), tmp_path / "again")
    made = Store(tmp_path / "again")
    assert made.append(entries(2)) == [1, 2]
    check(made)
