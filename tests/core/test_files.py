"""A file is there whole or not at all, and nothing else is left beside it."""

import os
import re
import subprocess
import sys

import pytest

from core.files import replacing, write_whole


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
