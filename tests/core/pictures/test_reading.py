"""Bytes from the disk: whatever keeps a file from being read is told as a picture's error, with the remedy."""

import errno
import os
from pathlib import Path

import pytest

from core import ImageError
from core.pictures.reading import read_file, read_part


def test_files_and_parts_of_them(tmp_path):
    path = tmp_path / "shard"
    path.write_bytes(b"0123456789")
    assert read_file(path) == b"0123456789" and read_part(path, 3, 4) == b"3456"
    assert read_part(path, 10, 0) == b""
    with pytest.raises(ImageError, match=r"'.*shard' was cut short since it was listed; write it anew"):
        read_part(path, 8, 4)


def make(path: Path, kind: str) -> Path:
    """What lies at a path where a picture was, or the path by which it would be asked for."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "file above":
        path.write_bytes(b"")
        return path / "1.jpg"
    elif kind == "link to nothing":
        path.symlink_to("nowhere")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "null byte":
        return path.with_name("a\0.jpg")
    return path


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("nothing", "is not there, or not any more; put it back"),
        ("link to nothing", "is not there"),
        ("file above", "is not there"),
        ("folder", "is a folder; name the pictures in it"),
        ("pipe", "is a device or a pipe"),
        ("link to itself", "cannot be read .*; copy or write it anew"),
        ("null byte", "cannot be read .*null"),
    ],
)
def test_what_lies_there_instead_is_told(tmp_path, kind, told):
    path = make(tmp_path / "caf\udce9 1.jpg", kind)  # a name that is no UTF-8
    with pytest.raises(ImageError, match=told) as caught:
        read_file(path)
    assert repr(str(path)) in str(caught.value) and str(caught.value).encode(), "named, and can be printed"


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.EACCES, "may not be read; change its permissions"), (errno.EIO, "Input/output error"), (errno.ESTALE, "")],
)
def test_what_the_system_refuses_is_told(tmp_path, monkeypatch, number, told):
    """By an error in the system's place, since the superuser may read all and disks seldom fail when asked to."""
    path = tmp_path / "1.jpg"
    path.write_bytes(b"x")

    def fails(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", fails)
    with pytest.raises(ImageError, match=f"'.*1.jpg'.*{told}"):
        read_file(path)
