"""The tables of the hub: encoded pictures, their paths, or both, in whatever column they are."""

import json
import pickle

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from core import ImageError
from tests.train.data.sources.made import encoded, pictures
from train.data.sources import DataError, Files, open_source

NAMES = ("pics/1.png", "pics/2.png", "pics/3.png")
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def table(where, metadata=None, **columns):
    where.parent.mkdir(parents=True, exist_ok=True)
    made = pa.table(columns)
    parquet.write_table(made.replace_schema_metadata(metadata), where, row_group_size=2)
    return where


def read(source) -> list[bytes]:
    return [source.read(place).data for place in range(len(source))]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(NAMES),
        pa.array(NAMES, pa.large_string()),
        pa.array(NAMES, pa.string_view()),
        pa.array(NAMES).dictionary_encode(),
        pa.array([{"bytes": None, "path": name} for name in NAMES], STRUCT),
        pa.array([{"path": name} for name in NAMES]),
    ],
    ids=["strings", "large strings", "string view", "dictionary", "struct without bytes", "struct of a path"],
)
def test_paths_are_relative_to_the_table(tmp_path, monkeypatch, column):
    made = pictures(tmp_path / "set", *NAMES)
    source = open_source(table(tmp_path / "set" / "t.parquet", image=column, label=pa.array([0, 1, 1])))
    assert isinstance(source, Files), "so that changes of the pictures are noticed, and a list of them can be written"
    assert read(source) == list(made.values()) and [source.label(place) for place in range(3)] == ["0", "1", "1"]


@pytest.mark.parametrize("name", ["path", "file_name", "image_path", "filepath"])
def test_a_column_of_paths_may_have_any_usual_name(tmp_path, name):
    made = pictures(tmp_path, *NAMES)
    source = open_source(table(tmp_path / "t.parquet", text=pa.array(["a", "b", "c"]), **{name: pa.array(NAMES)}))
    assert read(source) == list(made.values()) and source.label(0) == "pics"


def test_bytes_and_paths_may_be_mixed(tmp_path):
    pictures(tmp_path, "pics/1.png")
    rows = [
        {"bytes": encoded(9), "path": "x.png"},
        {"bytes": None, "path": "pics/1.png"},
        {"bytes": None, "path": "gone"},
    ]
    source = pickle.loads(pickle.dumps(open_source(table(tmp_path / "t.parquet", image=pa.array(rows, STRUCT)))))
    assert [source.read(place).data for place in range(2)] == [encoded(9), encoded(0)]
    with pytest.raises(ImageError, match="gone' is not there"):
        source.read(2)


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())], ids=str
)
@pytest.mark.parametrize("name", ["img", "jpg", "image"])
def test_the_column_may_be_called_as_on_the_hub(tmp_path, kind, name):
    labels = pa.array([4, 5])
    source = open_source(
        table(tmp_path / "t.parquet", fine_label=labels, **{name: pa.array([encoded(0), encoded(1)], kind)})
    )
    assert read(source) == [encoded(0), encoded(1)] and source.label(1) == "5"


def test_the_column_that_is_declared_an_image_is_taken(tmp_path):
    described = {
        "info": {"features": {"mask": {"_type": "Value"}, "scan": {"_type": "Image"}, "image": {"_type": "Value"}}}
    }
    metadata = {"huggingface": json.dumps(described)}
    scans = pa.array([{"bytes": encoded(3), "path": None}], STRUCT)
    source = open_source(table(tmp_path / "t.parquet", metadata, image=pa.array(["an advert"]), scan=scans))
    assert read(source) == [encoded(3)]


@pytest.mark.parametrize("metadata", [None, {"huggingface": "{}"}, {"huggingface": "no json"}])
def test_what_has_no_pictures_says_what_it_has(tmp_path, metadata):
    path = table(tmp_path / "t.parquet", metadata, url=pa.array(["https://x"]), image=pa.array([[1, 2]]))
    with pytest.raises(DataError, match=r"t\.parquet has no column of pictures, only url, image; name the one"):
        open_source(path)


def test_a_row_without_a_path_is_one_unreadable_image(tmp_path):
    made = pictures(tmp_path, "1.png")
    source = open_source(table(tmp_path / "t.parquet", image=pa.array(["1.png", None])))
    assert source.read(0).data == made["1.png"]
    with pytest.raises(ImageError, match=r"row 1 of t\.parquet, which has no path' is not there"):
        source.read(1)


def test_a_table_lies_in_any_folder_and_names_what_lies_beside_it(tmp_path):
    folder = tmp_path / "caf\udce9"
    made = pictures(folder, "1.png")
    with (folder / "t.parquet").open("wb") as file:
        parquet.write_table(pa.table({"image": ["1.png"]}), file)
    with (folder / "u.parquet").open("wb") as file:
        parquet.write_table(pa.table({"image": [encoded(7)], "label": ["x"]}), file)
    assert read(open_source(folder / "t.parquet", folder / "u.parquet")) == [made["1.png"], encoded(7)]
    assert open_source(folder / "u.parquet").label(0) == "x"


def test_a_path_that_is_no_text_is_none(tmp_path):
    rows = pa.array([{"bytes": encoded(1), "path": 7}, {"bytes": None, "path": 7}])
    source = open_source(table(tmp_path / "t.parquet", image=rows))
    assert read(source) == [encoded(1), b""]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([{"bytes": "text", "path": "a.png"}]),
        pa.array([{"bytes": 5, "path": "a.png"}]),
        pa.array([{"path": 5}]),
        pa.array([{"path": ["a.png"]}]),
    ],
    ids=["text for bytes", "a number for bytes", "a number for a path", "a list for a path"],
)
def test_a_struct_of_something_else_is_no_column_of_pictures(tmp_path, column):
    with pytest.raises(DataError, match="has no column of pictures, only image"):
        open_source(table(tmp_path / "t.parquet", image=column))


def test_two_columns_of_one_name_are_no_column_of_pictures(tmp_path):
    columns = [pa.array([encoded(1)]), pa.array(["a.png"])]
    parquet.write_table(pa.Table.from_arrays(columns, names=["image", "image"]), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="has no column of pictures, only image, image"):
        open_source(tmp_path / "t.parquet")


def test_a_description_nested_beyond_reading_is_none(tmp_path):
    metadata = {"huggingface": "[" * 100_000}
    assert read(open_source(table(tmp_path / "t.parquet", metadata, image=pa.array([encoded(1)])))) == [encoded(1)]
