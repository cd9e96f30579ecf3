"""The folder that the command writes."""

import json

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from core import RequestError
from train.data.sources import open_source
from train.world import CATEGORIES, PARTS, render
from train.world.__main__ import main
from train.world.duplicates import KINDS
from train.world.write import write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("worlds") / "small"
    words = f"--count 8 --out {out} --size 64 --seed 5 --categories cat car --domains photo sketch --duplicates 0.5"
    assert main(words.split()) == 0
    return out


def rows_of(world):
    return pyarrow.parquet.read_table(world / "truth.parquet").to_pylist()


def test_only_pictures_are_images_and_folders_are_labels(world):
    source = open_source(world / "images")
    read = [source.read(i) for i in range(len(source))]
    assert {one.label for one in read} == {"cat", "car"}
    assert len(read) == len(rows_of(world)) > 8
    assert {path.name for path in world.iterdir()} == {"images", "masks", "parts", "depth", "truth.parquet"}
    assert [path.name for path in world.parent.iterdir()] == ["small"], "nothing left beside it"


def test_a_row_remakes_its_picture(world):
    originals = [row for row in rows_of(world) if row["copy_of"] is None]
    assert len(originals) == 8
    assert {row["domain"] for row in originals} == {"photo", "sketch"}
    for row in originals:
        picture = render(row["seed"], row["category"], row["domain"], 64)
        stem = row["file"].removesuffix(".webp")
        parts, mask = (np.asarray(Image.open(world / kind / f"{stem}.png")) for kind in ("parts", "masks"))
        depth = np.asarray(Image.open(world / "depth" / f"{stem}.png")) / 1000
        np.testing.assert_array_equal(parts, picture.truth.parts)
        np.testing.assert_array_equal(mask, picture.truth.instances)
        known = (picture.truth.depth > 0) & (picture.truth.depth < 65.5)
        np.testing.assert_allclose(depth[known], picture.truth.depth[known], atol=6e-4)
        assert (depth[~known] == 0).all()
        stored = np.asarray(Image.open(world / "images" / row["file"]).convert("RGB")).astype(int)
        assert np.abs(stored - picture.image).mean() < 8
        assert row["foreground"] == pytest.approx(picture.truth.mask.mean())
        assert [point["name"] for point in row["keypoints"]] == [point.name for point in picture.truth.keypoints]
        np.testing.assert_allclose(np.reshape(row["extrinsics"], (3, 4)), picture.truth.camera.extrinsics)


def test_copies_say_whose_they_are(world):
    rows = rows_of(world)
    files = {row["file"]: row for row in rows}
    copied = [row for row in rows if row["copy_of"]]
    assert copied
    for row in copied:
        original = files[row["copy_of"]]
        assert original["copy_of"] is None
        assert (row["seed"], row["category"], row["domain"]) == (
            original["seed"],
            original["category"],
            original["domain"],
        )
        assert row["copy_kind"] in KINDS
        assert row["keypoints"] == []
        assert (world / "images" / row["file"]).exists()
        assert not (world / "parts" / row["file"].replace(".webp", ".png")).exists()


def test_the_table_carries_the_names(world):
    names = pyarrow.parquet.read_schema(world / "truth.parquet").metadata
    assert json.loads(names[b"world.parts"]) == list(PARTS)
    assert json.loads(names[b"world.categories"]) == CATEGORIES


def test_a_full_folder_is_not_written_into(world, capsys):
    before = sorted(path for path in world.rglob("*"))
    assert main(["--count", "1", "--out", str(world)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert sorted(path for path in world.rglob("*")) == before


def test_an_empty_folder_may_be_there(tmp_path):
    assert write_world(tmp_path, 1, 32, categories=("fish",)) == 1
    assert (tmp_path / "images" / "fish" / "fish_000000.webp").exists()


def test_nothing_is_left_when_it_fails(tmp_path, monkeypatch):
    from train.world import write

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(write, "_write_table", broken)
    with pytest.raises(OSError, match="disk full"):
        write_world(tmp_path / "out", 1, 32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"count": 0}, "at least 1"),
        ({"duplicates": 1.5}, "from 0 to 1"),
        ({"categories": ("yeti",)}, "yeti"),
        ({"domains": ()}, "none given"),
        ({"size": 4}, "32"),
        ({"seed": 999_999_999, "count": 2}, "kept for judging"),
        ({"seed": -1}, "kept for judging"),
    ],
)
def test_orders_that_cannot_be_are_refused(tmp_path, wrong, words):
    with pytest.raises(RequestError, match=words):
        write_world(tmp_path / "out", **({"count": 1} | wrong))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_workers_change_nothing(tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        write_world(tmp_path / name, 5, 32, categories=("owl",), duplicates=0.5, workers=workers)
    one, two = (sorted((tmp_path / name).rglob("*")) for name in ("one", "two"))
    assert len(one) == len(two) > 15
    for a, b in zip(one, two, strict=True):
        assert a.is_dir() or a.read_bytes() == b.read_bytes()
