"""What the frame of every command makes of what it runs into."""

import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import torch
import tyro
from safetensors.torch import save_file

from core import ImageError, RequestError
from core.bounds import Bounds, require_bounds
from core.command import run_command
from core.files import Output


@dataclass(frozen=True)
class Command:
    out: Annotated[Path, Output.FOLDER] = Path("kept")
    count: Annotated[int, Bounds(1, 9)] = 1

    def __post_init__(self):
        require_bounds(self, "--")


def ended(work, command=None, **more) -> int:
    return run_command("program", lambda: command or Command(), work, **more)


def raising(error):
    def work(_):
        raise error

    return work


def test_a_command_that_is_done(capsys):
    assert ended(lambda command: print(command.count)) == 0
    assert ended(lambda _: 1) == 1
    said = capsys.readouterr()
    assert said.out == "1\n" and said.err == ""


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (RequestError("size is 0."), 2, "program: size is 0.\n"),
        (ImageError("It is damaged."), 2, "program: It is damaged.\n"),
        (KeyboardInterrupt(), 130, "program: Interrupted.\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "program: No space left on device. What is in kept is"),
        (PermissionError(errno.EACCES, "Permission denied", "here"), 1, "program: here: Permission denied. "),
        (OSError("1000 requested and 20 written"), 1, "program: 1000 requested and 20 written. "),
        (RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 576 vs 470"), 1, "may be full"),
        (MemoryError(), 1, "There is not enough memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"), 1, "not enough memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), 1, "not enough memory"),
    ],
)  # fmt: skip
def test_what_users_and_machines_cause(error, status, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    assert ended(raising(error)) == status
    told = capsys.readouterr().err
    assert said in told and told.startswith("program: ") and len(told.splitlines()) == 1


def test_it_says_how_to_go_on_where_something_was_kept(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    full = raising(OSError(errno.ENOSPC, "No space left on device"))
    ended(full, again="go on with --resume")
    assert capsys.readouterr().err.endswith("Put it right and run it again.\n")
    (tmp_path / "kept").mkdir()
    ended(full, again="go on with --resume")
    assert capsys.readouterr().err.endswith("What is in kept is whole: put it right and go on with --resume.\n")


WRITERS = {
    "python": lambda path: path.write_text("x" * 9000),
    "numpy": lambda path: np.save(path.open("wb"), np.zeros(9000)),
    "torch": lambda path: torch.save(torch.zeros(900_000), path),
    "safetensors": lambda path: save_file({"a": torch.zeros(9000)}, path / "in" / "nothing"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_each_library_says_of_a_full_disk_is_understood(writer, capsys):
    assert ended(lambda _: WRITERS[writer](Path("/dev/full")) and None) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_our_own_mistakes_surface():
    for error in (KeyError("name"), AssertionError(), ValueError("shapes differ"), RuntimeError("mat1 and mat2")):
        with pytest.raises(type(error)):
            ended(raising(error))


def test_a_reader_who_stops_ends_it_quietly(capsys, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as nobody_reads, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", nobody_reads)
        assert ended(lambda _: print("a line")) == 141
        print("more, at the interpreter's end")
    assert capsys.readouterr().err == ""
    assert ended(raising(BrokenPipeError(errno.EPIPE, "Broken pipe"))) == 1, "another pipe than standard output"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--count", "0"], "program: --count is 0; give a whole number from 1 to 9.\n"),
        (["--count", "x"], "--count"),
        (["--out", "/dev/null"], "program: --out /dev/null is a file, and a folder is to be written; name another"),
    ],
)
def test_wrong_words(words, said, capsys):
    try:
        status = run_command("program", lambda: tyro.cli(Command, args=words, prog="program"), raising(KeyError()))
    except SystemExit as ended_by_the_parser:
        status = ended_by_the_parser.code
    assert status == 2 and said in capsys.readouterr().err
