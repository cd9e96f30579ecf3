"""One Parquet table of features, made in parts."""

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import core
from core.features import FeatureMap
from core.pictures.geometry import Geometry
from core.pictures.listing import Picture
from core.pictures.names import from_text
from core.records import feature_table
from core.records.feature_files import Settings
from core.records.feature_table import FeatureTable

SETTINGS = Settings(weights="abc", layer=-1, size=56)
D = 8


def picture(number, modified=1):
    return Picture(feature_table.Path(f"/p/{number}.jpg"), f"{number}.jpg", 10, modified)


def feature_map(number):
    rows = 2 + number % 2
    return FeatureMap(torch.full((rows, 3, D), float(number)), torch.full((D,), float(number)),
                      Geometry(20, 30, rows, 3, 14))  # fmt: skip


def table(tmp_path, settings=SETTINGS):
    return FeatureTable(tmp_path, settings, D, "tiny")


def fill(store, *pictures):
    todo = store.pending(pictures)
    for one in todo:
        store.write(one, feature_map(int(one.path.stem)))
    return len(todo)


def numbers(tmp_path):
    names = pq.read_table(tmp_path / "features.parquet")["name"].to_pylist()
    return sorted(int(name.removesuffix(".jpg")) for name in names)


def test_a_name_that_is_not_utf8_is_kept_and_known_again(tmp_path):
    odd = Picture(feature_table.Path("/p/caf\udce9\n.jpg"), "caf\udce9\n.jpg", 10, 1)
    folder = tmp_path / "caf\udce9"
    store = table(folder)
    store.write(odd, feature_map(1))
    store.finish()
    assert table(folder).pending([odd]) == []
    (row,) = pq.read_table((folder / "features.parquet").open("rb")).to_pylist()
    assert [from_text(row[name]) for name in ("path", "name")] == [str(odd.path), odd.name]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_come_back(tmp_path, dtype):
    store = table(tmp_path, dataclasses.replace(SETTINGS, dtype=dtype))
    fill(store, picture(1), picture(2))
    store.finish()
    first, second = pq.read_table(tmp_path / "features.parquet").to_pylist()
    assert (first["path"], first["rows"], first["columns"], first["width"]) == ("/p/1.jpg", 3, 3, 30)
    assert np.array(first["patches"]).shape == (9, D)
    assert np.array(second["patches"]).shape == (6, D)
    assert set(np.ravel(second["patches"])) == set(second["cls"]) == {2.0}
    assert pq.read_schema(tmp_path / "features.parquet").metadata[b"weights"] == b"abc"
    assert not store.parts.exists()


@pytest.mark.parametrize(("features", "absent"), [("cls", "patches"), ("patch", "cls")])
def test_only_what_was_asked_for(tmp_path, features, absent):
    store = table(tmp_path, dataclasses.replace(SETTINGS, features=features))
    fill(store, picture(1))
    store.finish()
    assert absent not in pq.read_schema(tmp_path / "features.parquet").names


def test_a_stopped_run_goes_on(tmp_path):
    store = table(tmp_path)
    fill(store, picture(1), picture(2))
    store.pause()
    assert not store.path.exists()
    store = table(tmp_path)
    assert fill(store, *map(picture, range(1, 5))) == 2
    store.finish()
    assert numbers(tmp_path) == [1, 2, 3, 4]
    assert fill(table(tmp_path), *map(picture, range(1, 5))) == 0


def test_a_killed_run_loses_only_what_was_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_table, "PART_BYTES", 1)
    fill(table(tmp_path), picture(1), picture(2))  # and never finished
    (tmp_path / "features.parquet.parts/00002.parquet.part").write_bytes(b"half")
    monkeypatch.undo()
    store = table(tmp_path)
    assert fill(store, picture(1), picture(2), picture(3)) == 1
    store.finish()
    assert numbers(tmp_path) == [1, 2, 3]


def test_a_damaged_part_is_made_again(tmp_path):
    store = table(tmp_path)
    fill(store, picture(1))
    store.pause()
    (part,) = store.parts.iterdir()
    part.write_bytes(part.read_bytes()[:-10])
    store = table(tmp_path)
    assert fill(store, picture(1)) == 1
    store.finish()
    assert numbers(tmp_path) == [1]


def test_new_pictures_join_and_changed_ones_are_replaced(tmp_path):
    store = table(tmp_path)
    fill(store, picture(1), picture(2))
    store.finish()
    store = table(tmp_path)
    assert fill(store, picture(2, modified=9), picture(3)) == 2
    store.finish()
    rows = pq.read_table(tmp_path / "features.parquet").to_pylist()
    assert {(row["name"], row["modified"]) for row in rows} == {("1.jpg", 1), ("2.jpg", 9), ("3.jpg", 1)}
    assert len(rows) == 3


def test_other_settings_replace_the_table_only_at_the_end(tmp_path):
    store = table(tmp_path)
    fill(store, picture(1), picture(2))
    store.finish()
    store = table(tmp_path, dataclasses.replace(SETTINGS, layer=-2))
    assert fill(store, picture(1)) == 1
    store.pause()
    assert numbers(tmp_path) == [1, 2]
    store.finish()
    assert numbers(tmp_path) == [1]


def test_parts_of_other_settings_are_left_out(tmp_path):
    store = table(tmp_path)
    fill(store, picture(1))
    store.pause()
    store = table(tmp_path, dataclasses.replace(SETTINGS, size=70))
    assert fill(store, picture(1), picture(2)) == 2
    store.finish()
    assert numbers(tmp_path) == [1, 2]


def test_nothing_new_leaves_the_table_alone(tmp_path):
    store = table(tmp_path)
    fill(store, picture(1))
    store.finish()
    before = store.path.stat().st_mtime_ns
    store = table(tmp_path)
    assert fill(store, picture(1)) == 0
    store.finish()
    assert store.path.stat().st_mtime_ns == before


def test_changed_bytes_are_noticed(tmp_path, caplog):
    """Of the names when they are looked up, of the features when they are merged, and nothing is lost by it."""
    store = table(tmp_path)
    fill(store, picture(1), picture(2))
    store.finish()
    whole = store.path.read_bytes()
    place = whole.find(b"/p/1.jpg")
    store.path.write_bytes(whole[:place] + b"/q/1.jpg" + whole[place + 8 :])
    assert table(tmp_path).pending([picture(1), picture(2)]) == [picture(1), picture(2)]
    assert "Computed anew" in caplog.text and "features.parquet is damaged" in caplog.text
    store.path.write_bytes(whole)
    group = pq.ParquetFile(store.path).metadata.row_group(0)
    features = group.column(group.num_columns - 1)
    place = features.dictionary_page_offset + features.total_compressed_size - 3
    store.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    store = table(tmp_path)
    assert fill(store, picture(1), picture(2), picture(3)) == 1
    with pytest.raises(core.RequestError, match=r"features\.parquet is damaged .* remove it, and run the same command"):
        store.finish()
    assert len(list(store.parts.iterdir())) == 1
