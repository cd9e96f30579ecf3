"""Every way of storing images reads the same; nothing about labels is needed; what cannot be read says so."""

import io
import pickle
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from train.data.sources import DataError, Joined, open_source


def encoded(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (value, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


IMAGES = {f"{'cat' if i % 2 else 'dog'}/img{i}.png": encoded(i) for i in range(12)}


@pytest.fixture
def folder(tmp_path):
    for name, data in IMAGES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "tree" / "notes.md").write_text("not a picture")
    return tmp_path / "tree"


def contents(source) -> set[bytes]:
    return {source.read(index).data for index in range(len(source))}


def test_a_folder_gives_every_image_below_it_in_natural_order(folder):
    source = open_source(folder)
    assert contents(source) == set(IMAGES.values())
    names = [source.read(index).name.rsplit("/", 1)[1] for index in range(6)]
    assert names == ["img1.png", "img3.png", "img5.png", "img7.png", "img9.png", "img11.png"]
    assert source.read(0).label == "cat"


def test_arrays_are_found_where_a_run_does_not_take_rgb(folder, tmp_path):
    array = io.BytesIO()
    np.save(array, np.zeros((2, 2, 5), np.uint8))
    (folder / "cat" / "scene.npy").write_bytes(array.getvalue())
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        archive.add(folder / "cat" / "scene.npy", "scene.npy")
    assert len(open_source(folder)) == len(IMAGES) and len(open_source(folder, channels=5)) == len(IMAGES) + 1
    assert contents(open_source(tmp_path / "shard.tar", channels=5)) == {array.getvalue()}
    with pytest.raises(DataError, match="holds no images"):
        open_source(tmp_path / "shard.tar")


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_a_list_names_files_relative_to_itself(folder, suffix):
    listing = folder / f"list{suffix}"
    listing.write_text("# mine\ncat/img1.png\n\ndog/img2.png\n")
    assert contents(open_source(listing)) == {IMAGES["cat/img1.png"], IMAGES["dog/img2.png"]}


def test_tar_shards_are_read_by_offset_with_their_labels(tmp_path):
    for shard in range(2):
        with tarfile.open(tmp_path / f"shard-{shard}.tar", "w") as archive:
            for number in range(6):
                data = list(IMAGES.values())[shard * 6 + number]
                for name, part in (
                    (f"{number:04}.png", data),
                    (f"{number:04}.cls", b"7"),
                    (f"{number:04}.json", b"{}"),
                ):
                    member = tarfile.TarInfo(name)
                    member.size = len(part)
                    archive.addfile(member, io.BytesIO(part))
    source = open_source(tmp_path)
    assert contents(source) == set(IMAGES.values()) and len(source) == 12
    assert source.read(11).label == "7" and [len(block) for block in source.blocks] == [6, 6]


@pytest.mark.parametrize("struct", [True, False])
def test_parquet_with_bytes_or_a_struct_is_read_by_row_group(tmp_path, struct):
    data = list(IMAGES.values())
    column = [{"bytes": d, "path": "x.png"} for d in data] if struct else data
    parquet.write_table(pa.table({"image": column, "label": range(12)}), tmp_path / "part.parquet", row_group_size=5)
    source = pickle.loads(pickle.dumps(open_source(tmp_path / "part.parquet")))  # as a worker process receives it
    assert [source.read(index).data for index in range(12)] == data
    assert source.read(7).label == "7" and [len(block) for block in source.blocks] == [5, 5, 2]


def test_several_paths_are_joined(folder, tmp_path):
    parquet.write_table(pa.table({"image": [encoded(99)]}), tmp_path / "one.parquet")
    source = open_source(folder, tmp_path / "one.parquet")
    assert isinstance(source, Joined) and len(source) == 13
    assert source.read(12).data == encoded(99) and source.read(12).label is None
    assert np.concatenate([list(block) for block in source.blocks]).tolist() == list(range(13))


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes.md", "broken.tar", "other.parquet"])
def test_what_holds_no_images_is_refused_by_name(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "broken.tar").write_bytes(b"\x1f\x8bnot a tar")
    parquet.write_table(pa.table({"picture": [b""]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match=name):
        open_source(tmp_path / name)
