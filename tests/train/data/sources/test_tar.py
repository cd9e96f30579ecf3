"""One image a sample, the one that webdataset's users mean; all of what is no sample."""

import pytest

from tests.train.data.sources.made import encoded, shard
from train.data.sources import DataError, open_source


def names(source) -> list[str]:
    return [source.name(place).rpartition(":")[2] for place in range(len(source))]


@pytest.mark.parametrize(
    ("endings", "image"),
    [
        (["jpg", "seg.png", "cls"], "jpg"),
        (["seg.png", "jpg", "json"], "jpg"),
        (["png", "jpg"], "jpg"),
        (["seg.png", "image.png", "cls"], "image.png"),
        (["depth.png", "input.jpg"], "input.jpg"),
        (["left.jpg", "mask.png"], "left.jpg"),
        (["JPG", "Seg.PNG"], "JPG"),
        (["image.jpg"], "image.jpg"),
    ],
)
def test_a_sample_is_one_image(tmp_path, caplog, endings, image):
    path = shard(tmp_path / "s.tar", {f"n/{key}.{end}": encoded(1) for key in ("0000", "0001") for end in endings})
    assert names(open_source(path)) == [f"n/0000.{image}", f"n/0001.{image}"]
    pictures = [end for end in endings if end.lower().endswith(("jpg", "png"))]
    said = [record.message for record in caplog.records]
    assert len(said) == (len(pictures) > 1)
    assert all(f"{2 * len(pictures) - 2} pictures in tar shards are left out" in one for one in said)


@pytest.mark.parametrize(
    "members",
    [
        ["2024.05.01.jpg", "2024.05.02.jpg", "2024.06.01.jpg"],
        ["cat/img.1.jpg", "cat/img.2.jpg", "dog/img.1.jpg", "dog/img.2.jpg"],
        ["img.v1.a.jpg", "img.v1.b.jpg"],
        ["a.jpg", "b.png", "c d.webp"],
    ],
)
def test_what_is_no_sample_is_an_image_each(tmp_path, members):
    assert names(open_source(shard(tmp_path / "s.tar", dict.fromkeys(members, encoded(1))))) == members


def test_labels_are_those_of_the_sample(tmp_path):
    files = {"a/0.jpg": encoded(0), "a/0.seg.png": encoded(9), "a/0.cls": b"3\n", "img.1.jpg": encoded(1)}
    source = open_source(shard(tmp_path / "s.tar", files | {"img.1.cls": b"5", "img.2.jpg": encoded(2)}))
    assert [source.label(place) for place in range(3)] == ["3", "5", None]
    assert [source.read(place).data for place in range(3)] == [encoded(value) for value in range(3)]


def test_hidden_members_are_left_out(tmp_path):
    hidden = ("__MACOSX/._0.jpg", "._0.jpg", ".ipynb_checkpoints/0.jpg")
    path = shard(tmp_path / "s.TAR", {name: encoded(1) for name in (*hidden, "./0.jpg")})
    assert names(open_source(path)) == ["./0.jpg"]


def test_names_that_are_not_utf8_are_read(tmp_path):
    source = open_source(shard(tmp_path / "s.tar", {"caf\udce9.jpg": encoded(1), "caf\udce9.cls": b"\xe9"}))
    assert names(source) == ["caf\udce9.jpg"] and source.label(0).encode() and source.read(0).data == encoded(1)


def test_a_shard_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.tar holds no images"):
        open_source(shard(tmp_path / "a.tar", {"a.xml": b"<x/>"}))
