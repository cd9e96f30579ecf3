"""Labels of what comes in: by folder, by file name, by a table in the forms that spreadsheets write."""

import pytest

from core.collection.labelling import labeller, read_table
from core.errors import RequestError

NAME = "birds/owl/snowy_owl-012.png"


@pytest.mark.parametrize(("way", "label"), [("folders", "owl"), ("names", "snowy_owl"), ("nothing", "")])
def test_a_picture_is_labelled_that_way_unless_a_table_names_it(way, label):
    assert labeller(way)(NAME) == label
    for key in (NAME, "snowy_owl-012.png", "snowy_owl-012"):
        assert labeller(way, {key: "Bubo"})(NAME) == "Bubo"
    assert labeller(way, {"other.png": "Bubo"})(NAME) == label


def test_no_other_way_is_taken():
    with pytest.raises(RequestError, match="choose from folders, names, nothing"):
        labeller("colours")


@pytest.mark.parametrize(
    "text",
    [
        "name,label\na.png,owl\nb/c.png,jay",
        "\ufeffid;Label;File\n1;owl;a.png\n\n2;jay;b\\c.png\n",
        "a.png\towl\nb/c.png\tjay",
    ],
)
def test_tables_are_read_as_spreadsheets_write_them(text, tmp_path):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert read_table(tmp_path / "t.csv") == {"a.png": "owl", "b/c.png": "jay"}


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"alone"])
def test_what_is_no_table_says_what_to_do(data, tmp_path):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(RequestError, match=r"t\.csv"):
        read_table(tmp_path / "t.csv")
