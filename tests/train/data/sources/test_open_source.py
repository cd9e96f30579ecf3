"""Every way of storing images reads the same; nothing about labels is needed; what cannot be read says so."""

import io
import os
import pickle
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from core import ImageError, RequestError
from core.pictures.listing import find_pictures
from train.data.sources import DataError, Files, Joined, open_source, some_of


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


def test_hidden_files_and_folders_are_left_out(folder, tmp_path):
    (folder / ".thumbs").mkdir()
    for name in (".thumbs/a.png", "cat/._img1.png"):
        (folder / name).write_bytes(encoded(77))
    (folder / ".part.parquet").write_bytes(b"not finished")
    assert contents(open_source(folder)) == set(IMAGES.values())


def test_links_are_followed_but_not_in_circles(folder, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "felines").symlink_to(folder / "cat")
    (tmp_path / "links" / "one.png").symlink_to(folder / "dog" / "img0.png")
    (folder / "cat" / "up").symlink_to(folder / "cat")
    source = open_source(tmp_path / "links")
    assert contents(source) == {data for name, data in IMAGES.items() if name.startswith("cat") or "img0" in name}
    assert [source.label(index) for index in (0, 6)] == ["felines", None]


def test_folders_and_lists_mean_the_same_to_training_and_to_export(folder, tmp_path):
    (folder / "cat" / ".hidden.png").write_bytes(encoded(77))
    (folder / "dog" / "Img10.png").write_bytes(encoded(78))
    (folder / "all").symlink_to(folder)
    listing = folder / "list.txt"
    listing.write_text("\ufeff # mine\ncat/img9.png\ndog\n../tree/cat/img1.png\n", encoding="utf-8")
    for given, argument in ((folder, str(folder)), (listing, f"@{listing}")):
        pictures, problems = find_pictures([argument])
        files = [path.resolve() for path in open_source(given).files]
        assert [one.path for one in pictures] == files and len(files) in (13, 9) and problems == []


def test_a_list_that_is_no_text_is_refused_by_name(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match=r"list\.txt' cannot be read .*; give one path a line"):
        open_source(tmp_path / "list.txt")


def test_a_folder_that_cannot_be_read_is_told(folder, monkeypatch, caplog):
    scandir = os.scandir

    def forbidden(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    assert len(open_source(folder)) == 6
    assert [record.message for record in caplog.records] == [
        f"The folder '{folder}/dog' cannot be read (Permission denied); check its permissions."
    ]


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


@pytest.fixture
def shard(folder, tmp_path):
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for name in IMAGES:
            archive.add(folder / name, name)
    return tmp_path / "shard.tar"


@pytest.fixture
def table(tmp_path):
    columns = {"image": list(IMAGES.values()), "label": list("abcdefghijkl")}
    parquet.write_table(pa.table(columns), tmp_path / "part.parquet", row_group_size=4, compression="none")
    return tmp_path / "part.parquet"


def unreadable(source) -> list[int]:
    """Which images cannot be read; all can be named."""

    def is_read(index: int) -> bool:
        name = source.name(index)
        try:
            return source.read(index).name == name
        except ImageError:
            return False

    return [index for index in range(len(source)) if not is_read(index)]


def test_files_that_vanish_are_unreadable_images(folder):
    listing = folder / "list.txt"
    listing.write_text("cat/img1.png\ncat/never.png\ncow\ndog/img2.png\n")
    files = open_source(folder)
    sources = [
        files,
        open_source(listing),
        Files(folder, files.files, ["a"] * 12),
        Joined([open_source(listing), files]),
    ]
    (folder / "cat" / "img3.png").unlink()
    (folder / "dog" / "img4.png").unlink()
    (folder / "dog" / "img4.png").mkdir()
    bad = [index for index, path in enumerate(files.files) if path.name in ("img3.png", "img4.png")]
    assert [unreadable(one) for one in sources] == [bad, [1, 2], bad, [1, 2, *(index + 4 for index in bad)]]
    assert some_of(files, 3).name(2) == files.name(11) and unreadable(some_of(files, 12)) == bad


def test_a_shard_cut_short_or_gone_is_so_many_unreadable_images(shard):
    source = open_source(shard)
    _, _, offset, size, _ = source.members[7]
    data = shard.read_bytes()
    shard.write_bytes(data[: offset + size - 1])
    assert unreadable(source) == [7, 8, 9, 10, 11]
    with pytest.raises(ImageError, match=r"shard.tar' was cut short"):
        source.read(7)
    shard.unlink()
    assert unreadable(source) == list(range(12))
    shard.write_bytes(data)
    assert unreadable(source) == [], "nothing is kept of a failure"


def test_a_broken_row_group_is_so_many_unreadable_images(table):
    group, data = parquet.ParquetFile(table).metadata.row_group(1).column(0), bytearray(table.read_bytes())
    start = group.dictionary_page_offset or group.data_page_offset
    data[start : start + 40] = b"\xff" * 40
    table.write_bytes(data)
    source = open_source(table)
    assert unreadable(source) == [4, 5, 6, 7] and source.read(8).label == source.label(8) == "i"
    with pytest.raises(ImageError, match=r"part.parquet', row group 1, cannot be read .*; copy or write it anew"):
        source.read(5)


def test_a_table_that_is_gone_or_another_is_so_many_unreadable_images(table):
    source = open_source(table)
    assert source.read(0).label == "a"  # its row group is kept
    parquet.write_table(pa.table({"image": [encoded(9)] * 6}), table, row_group_size=3)
    assert unreadable(source) == list(range(4, 12))
    table.unlink()
    assert unreadable(source) == list(range(4, 12))
    with pytest.raises(ImageError, match="row group 2, is not there, or not any more; put it back"):
        source.read(11)
    with pytest.raises(DataError, match=r"part.parquet cannot be read"):
        source.label(0)


def test_a_shard_that_may_not_be_opened_is_refused_by_name(shard, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tarfile, "open", forbidden)
    with pytest.raises(DataError, match=r"shard.tar' may not be read; change its permissions"):
        open_source(shard)
