"""Parquet files: what is written comes back, and changed bytes of its pages and metadata are noticed."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import DamagedError
from core.parquet_files import opened, read_table, write_table

TABLE = pa.table(
    {
        "name": [f"image {number}" for number in range(40)],
        "row": list(range(40)),
        "kind": pa.array(["kept", "dropped"] * 20).dictionary_encode(),
        "picture": [bytes([number]) * 30 for number in range(40)],
    }
).replace_schema_metadata({"summary": "words"})


def test_what_is_written_comes_back(tmp_path):
    path = tmp_path / "below" / "table.parquet"
    write_table(path, TABLE)
    assert read_table(path).equals(TABLE) and read_table(path).schema.metadata[b"summary"] == b"words"
    assert read_table(path, ["row", "name"]).column_names == ["row", "name"]
    assert [file.name for file in path.parent.iterdir()] == ["table.parquet"]


def test_changed_bytes_of_pages_and_metadata_are_noticed(tmp_path):
    path = tmp_path / "table.parquet"
    write_table(path, TABLE)
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    summary = content.rfind(b"words")
    unnoticed = []
    for place in [*range(footer), *range(summary, summary + 5)]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            if not read_table(path).equals(TABLE):
                unnoticed.append(place)
        except DamagedError as error:
            assert "table.parquet is damaged" in str(error)
    assert unnoticed == []


@pytest.mark.parametrize("length", [0, 3, 100, -1])
def test_a_file_cut_short_is_noticed(tmp_path, length):
    write_table(tmp_path / "table.parquet", TABLE)
    (tmp_path / "table.parquet").write_bytes((tmp_path / "table.parquet").read_bytes()[:length])
    with pytest.raises(DamagedError):
        read_table(tmp_path / "table.parquet")


def test_what_is_not_there_is_not_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "table.parquet")
    write_table(tmp_path / "table.parquet", TABLE)
    with pytest.raises(DamagedError, match="it has no column colour"):
        read_table(tmp_path / "table.parquet", ["colour"])


def test_files_of_others_are_read_as_they_are(tmp_path):
    pq.write_table(TABLE, tmp_path / "theirs.parquet")
    with opened(tmp_path / "theirs.parquet") as file:
        assert file.read().equals(TABLE)
