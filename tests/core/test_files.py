"""A file is there whole or not at all, and nothing else is left beside it."""

import os
import re
import subprocess
import sys

import pytest

from core import RequestError
from core.files import Output, replacing, require_output, write_whole


def full_disk(number):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("contested", [False, True])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, contested):
    target = tmp_path / "made" / "x.json"
    write_whole(target, b"before", contested=contested)
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, "after", contested=contested)
    assert target.read_bytes() == b"before" and os.listdir(target.parent) == ["x.json"]


def test_text_is_written_as_it_is(tmp_path):
    write_whole(tmp_path / "löwe.txt", "Löwe\n")
    assert (tmp_path / "löwe.txt").read_bytes() == "Löwe\n".encode()


def test_what_a_kill_left_is_replaced_by_the_next_try(tmp_path):
    code = "import os; from pathlib import Path; from core.files import replacing\nwith replacing(Path('x')) as p: p.write_text('half'); os._exit(9)"
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    assert os.listdir(tmp_path) == ["x.part"]
    write_whole(tmp_path / "x", "whole")
    assert os.listdir(tmp_path) == ["x"] and (tmp_path / "x").read_text() == "whole"


def test_two_who_write_one_file_do_not_meet(tmp_path):
    with replacing(tmp_path / "x", contested=True) as one, replacing(tmp_path / "x", contested=True) as other:
        assert one != other and all(re.fullmatch(r"x\.[0-9a-f]{8}\.part", path.name) for path in (one, other))
        one.write_text("first")
        other.write_text("second")
    assert (tmp_path / "x").read_text() == "first", "the outer block ends last"


@pytest.mark.parametrize(
    ("place", "kind", "said"),
    [
        ("folder", Output.FILE, "is a folder, and a file is to be written; name another file"),
        ("file", Output.FOLDER, "is a file, and a folder is to be written; name another folder"),
        ("file", Output.NEW_FOLDER, "is a file, and a folder is to be written; name another new folder"),
        ("folder", Output.NEW_FOLDER, "is not an empty folder"),
        ("empty", Output.NEW_FOLDER, "is the folder that you work in"),
        ("file/deep/er", Output.FILE, "file is a file"),
        ("file/deep/er", Output.FOLDER, "file is a file"),
        ("dangling", Output.FOLDER, "is a link that leads nowhere"),
        ("circle/file", Output.FILE, "circle is a link that leads nowhere"),
        ("x" * 300, Output.FILE, "cannot be used (File name too long)"),
        ("/dev/null", Output.FILE, "is no ordinary file"),
        ("/proc/here", Output.FOLDER, "/proc takes no files"),
    ],
)
def test_places_that_cannot_be_written(place, kind, said, tmp_path, monkeypatch):
    for name in ("folder", "empty"):
        (tmp_path / name).mkdir()
    for name in ("file", "folder/file"):
        (tmp_path / name).write_text("text")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    monkeypatch.chdir(tmp_path / "empty")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RequestError) as refused:
        require_output(tmp_path / place, kind, "--there")
    assert str(refused.value).startswith("--there ") and said in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_places_that_can_be_written_are_left_as_they_are(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("before")
    for place, kind in (("new/deep", Output.FILE), ("file", Output.FILE), ("new/deep", Output.FOLDER)):
        require_output(tmp_path / place, kind)
    for kind in (Output.FOLDER, Output.NEW_FOLDER):
        require_output(tmp_path / "empty", kind)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "file"]
