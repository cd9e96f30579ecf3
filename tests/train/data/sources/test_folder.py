"""Folders as they are found: pictures beside stray archives and tables, shards beside a title picture."""

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.train.data.sources.made import encoded, pictures, shard
from train.data.sources import DataError, open_source

IMAGES = tuple(f"{'cat' if place % 2 else 'dog'}/{place}.png" for place in range(6))


def hub(path, rows: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    column = [{"bytes": encoded(place), "path": f"{place}.png"} for place in range(rows)]
    parquet.write_table(pa.table({"image": column, "label": list(range(rows))}), path)


def features(folder) -> None:
    """The columns of the table that core.export writes."""
    vectors = pa.array([[0.5] * 4] * 8, pa.list_(pa.float32(), 4))
    rows = {"path": [str(folder / "gone.png")] * 8, "name": ["gone.png"] * 8, "bytes": [3] * 8, "cls": vectors}
    parquet.write_table(pa.table(rows), folder / "features.parquet")


@pytest.fixture
def folder(tmp_path):
    pictures(tmp_path / "set", *IMAGES)
    return tmp_path / "set"


def said(caplog) -> list[str]:
    return [record.message for record in caplog.records]


def beside(folder, what: str) -> None:
    if what == "a stray tar":
        shard(folder / "two.tar", {"0.png": encoded(1), "1.png": encoded(2)})
    elif what == "annotations":
        shard(folder / "annotations.tar", {"a.xml": b"<x/>"})
    elif what == "metadata":
        rows = {"file_name": [f"img/{place}.png" for place in range(9)], "text": ["x"] * 9}
        parquet.write_table(pa.table(rows), folder / "metadata.parquet")
    elif what == "features":
        features(folder)
    elif what == "no tar":
        (folder / "broken.tar").write_bytes(b"\x1f\x8bnot a tar")
    elif what == "no table":
        (folder / "broken.parquet").write_bytes(b"PAR1")
    elif what == "a zip":
        (folder / "cat" / "all.zip").write_bytes(b"PK")


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("a stray tar", ".tar"),
        ("annotations", ".tar"),
        ("metadata", ".parquet"),
        ("features", ".parquet"),
        ("no tar", ".tar"),
        ("no table", ".parquet"),
        ("a zip", ".zip"),
    ],
)
def test_pictures_are_taken_and_what_lies_beside_them_is_said(folder, caplog, what, kind):
    beside(folder, what)
    source = open_source(folder)
    assert [str(path.relative_to(folder)) for path in source.files] == [*IMAGES[1::2], *IMAGES[::2]]
    assert said(caplog) == [f"6 images are taken of {str(folder)!r}; left out: 1 × {kind}"]


def test_a_dataset_of_the_hub_beside_its_title_picture(tmp_path, caplog):
    for name in ("train-00000-of-00002", "train-00001-of-00002"):
        hub(tmp_path / "data" / f"{name}.parquet", 4)
    pictures(tmp_path, "assets/title.png", ".cache/x.png")
    beside(tmp_path, "features")
    source = open_source(tmp_path)
    assert [source.label(place) for place in range(8)] == list("01230123")
    assert said(caplog) == [f"8 images are taken of {str(tmp_path)!r}; left out: 1 × .parquet, 1 × picture"]


def test_shards_lie_anywhere_below_and_hidden_ones_are_left_out(tmp_path, caplog):
    for name in ("train/0.tar", "train/1.TAR", "val/0.tar", ".tmp/9.tar", "train/._0.tar"):
        shard(tmp_path / name, {"0.png": encoded(1)})
    (tmp_path / "linked").symlink_to(tmp_path / "train")
    assert len(open_source(tmp_path)) == 3 and said(caplog) == []


def test_tables_of_paths_are_read_where_there_is_nothing_else(folder, tmp_path):
    (tmp_path / "tables").mkdir()
    rows = {"image": [f"../set/{name}" for name in IMAGES]}
    parquet.write_table(pa.table(rows), tmp_path / "tables" / "0.parquet")
    assert len(open_source(tmp_path / "tables")) == 6
    hub(tmp_path / "tables" / "1.parquet", 2)
    assert len(open_source(tmp_path / "tables")) == 2


@pytest.mark.parametrize("what", ["no tar", "no table"])
def test_damage_among_shards_is_refused(tmp_path, what):
    hub(tmp_path / "0.parquet", 4)
    shard(tmp_path / "0.tar", {"0.png": encoded(1)})
    pictures(tmp_path, "title.png")
    beside(tmp_path, what)
    with pytest.raises(DataError, match="broken"):
        open_source(tmp_path)


def test_what_has_to_be_unpacked_first_is_told(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK")
    features(tmp_path)
    with pytest.raises(DataError, match=r"holds no images .*; it holds 1 × \.zip, 1 × \.parquet, to be unpacked"):
        open_source(tmp_path)
