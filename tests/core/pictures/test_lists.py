"""Lists as people, spreadsheets and other programs write them: read, or refused with file and line."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core.pictures.listing import find_pictures
from core.pictures.lists import list_line, read_list


@pytest.fixture
def folder(tmp_path):
    for name in ("pics/1.jpg", "pics/2.JPG", "pics/my cat.png", "images/3.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def read(folder, content: str | bytes, name="list.txt"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(one.name, one.label) for one in read_list(path)]


PLAIN = [("pics/1.jpg", None), ("pics/2.JPG", None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_of_any_system(folder, encoding, end):
    text = end.join(["# mine", "", " pics/1.jpg ", "  # not this", "pics/2.JPG\t"])
    assert read(folder, text.encode(encoding)) == PLAIN
    assert read(folder, text.encode(encoding), "list.csv") == PLAIN


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("pics/1.jpg 3", ("pics/1.jpg", "3")),
        ("pics/1.jpg,cat", ("pics/1.jpg", "cat")),
        ("pics/1.jpg; big cat", ("pics/1.jpg", "big cat")),
        ("pics/1.jpg\tcat\tmore", ("pics/1.jpg", "cat")),
        ("7\t3.0\tpics/1.jpg", ("pics/1.jpg", "3.0")),
        ("pics/my cat.png", ("pics/my cat.png", None)),
        ("pics/my cat.png 4", ("pics/my cat.png", "4")),
        ('"pics/my cat.png"', ("pics/my cat.png", None)),
        ("'pics/1.jpg' 2", ("pics/1.jpg", "2")),
        ('"#1.jpg"', ("#1.jpg", None)),
        ("pics", ("pics", None)),
        ("images", ("images", None)),
        ("scan.npy 2", ("scan.npy", "2")),
        ("file:///a%20b/caf%E9%0A.jpg", ("/a b/caf\udce9\n.jpg", None)),
        (r"pics\1.jpg", ("pics/1.jpg", None)),
        (r"pics\gone.jpg", (r"pics\gone.jpg", None)),
    ],
)
def test_a_line_means(folder, line, meant):
    assert read(folder, f"{line}\n") == [meant]


@pytest.mark.parametrize(
    ("table", "meant"),
    [
        ("path,label\npics/1.jpg,0\npics/2.JPG,1\n", [("pics/1.jpg", "0"), ("pics/2.JPG", "1")]),
        (",label,file_name\n0,cat,pics/1.jpg\n", [("pics/1.jpg", "cat")]),
        ("images\npics/1.jpg\npics/2.JPG\n", [("images", None), *PLAIN]),  # a folder of that name is there
        ("images;class\npics/1.jpg;0\n", [("pics/1.jpg", "0")]),
        ("ImageId,PredictionString\npics/1.jpg,n01 1 2\n", [("pics/1.jpg", "n01 1 2")]),
        ('"pics/1.jpg",cat\n"a, b.png",\n', [("pics/1.jpg", "cat"), ("a, b.png", None)]),
        ("# it's \"mine\npics/1.jpg\n", [("pics/1.jpg", None)]),
        ('"two\nlines.jpg",cat\n', [("two\nlines.jpg", "cat")]),
        ("pics\nimages\n", [("pics", None), ("images", None)]),
    ],
)
def test_a_table_means(folder, table, meant):
    assert read(folder, table, "list.csv") == meant
    if "," not in table and ";" not in table:
        assert read(folder, table) == meant


def test_a_first_line_of_titles_is_no_picture(folder):
    assert read(folder, "path label\npics/1.jpg 0\n") == [("pics/1.jpg", "0")]
    assert read(folder, "path\tlabel\npics/1.jpg\t0\n", "list.tsv") == [("pics/1.jpg", "0")]


def test_names_that_are_not_utf8_are_found_as_they_lie_there(folder):
    with open(os.fsencode(folder) + b"/caf\xe9.jpg", "wb"):
        pass
    assert read(folder, b"caf\xe9.jpg\ncaf\xe8.jpg\n") == [("caf\udce9.jpg", None), ("caf\udce8.jpg", None)]
    (folder / "Bär.jpg").touch()
    assert read(folder, "Bär.jpg\n".encode("latin-1")) == [("Bär.jpg", None)]
    (folder / unicodedata.normalize("NFD", "Löwe.jpg")).touch()
    assert read(folder, unicodedata.normalize("NFC", "Löwe.jpg")) == [(unicodedata.normalize("NFD", "Löwe.jpg"), None)]


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (
            b"pics/1.jpg\npics/caf\xe9.jpg\n",
            "list.txt",
            r"Line 2 of the list '.*list\.txt' is not UTF-8.*save the list",
        ),
        (b"\xff\xfe\x00", "list.txt", r"list\.txt' cannot be read .*; give one path a line"),
        (b"\x89PNG\r\n\x1a\n\0\0", "list.txt", "null bytes"),
        (b"# nothing\n\n", "list.txt", "names no file"),
        (b"\npics/1.jpg images/3.jpg\n", "list.txt", "Line 2 .* names several files"),
        (b"https://example.org/1.jpg\n", "list.txt", "Line 1 .* is an address"),
        (b"pics/1.jpg\nshards/0.tar\n", "list.txt", "Line 2 .* names an archive"),
        (b"path,label\npics/1.jpg,0\n,1\n", "list.csv", "Line 3 .* has no path in column 1"),
        (b'pics/1.jpg\n"pics/2.jpg\n', "list.csv", "Line 2 .* is no row of a table"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_line(folder, content, name, told):
    with pytest.raises(core.RequestError, match=told):
        read(folder, content, name)


@given(st.binary(min_size=1, max_size=30).filter(lambda data: b"\0" not in data))
def test_any_absolute_path_comes_back_from_its_line(tmp_path_factory, data):
    folder, path = tmp_path_factory.getbasetemp(), f"/{os.fsdecode(data)}.jpg"
    (folder / "list.txt").write_text(f"{list_line(path)}\n", encoding="utf-8")
    ((name, label),) = [(one.name, one.label) for one in read_list(folder / "list.txt")]
    assert (name, label) == (path, None)


def test_export_reads_lists_the_same_way(folder):
    (folder / "list.csv").write_text("path,label\npics/1.jpg,3\npics,4\n")
    pictures, problems = find_pictures([f"@{folder}/list.csv"])
    assert [one.path for one in pictures] == [folder / "pics" / name for name in ("1.jpg", "2.JPG", "my cat.png")]
    assert problems == [] and pictures[0].name == "pics/1.jpg"
