"""The frame of every command line: whatever it runs into ends in a sentence and an exit status.

    0     done
    1     broken off by the machine: a full disk, a file that cannot be read or written, too little memory
    2     refused: a wrong argument, an input that cannot be used (every DinoError)
    130   interrupted
    141   whoever read the output has stopped, as `head` does

A command is a dataclass whose fields are its flags. Numbers have `Bounds`, and paths that will be written to an
`Output`, which is looked at before any work: `out: Annotated[Path, Output.FILE]`.
"""

import contextlib
import dataclasses
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

from core.errors import DinoError
from core.files import Output, require_output

C = TypeVar("C")

NO_ROOM = re.compile(r"inline_container\.cc|PytorchStreamWriter|No space left on device|Disk quota exceeded")
"""In what torch says of a file that it could not write to the end, whose OSError it does not keep."""
RUST_ERROR = re.compile(r"(?:I/O error: |IoError: )?([\w ]+) \(os error \d+\)")
"""In what libraries written in Rust (safetensors, tokenizers) make of an OSError."""
NO_MEMORY = re.compile(r"can't allocate memory|out of memory|not enough memory|Unable to allocate", re.IGNORECASE)


class Place(NamedTuple):
    """A path that a command writes to, and the flag that named it."""

    flag: str
    path: Path
    kind: Output


def run_command(
    program: str, read: Callable[[], C], work: Callable[[C], int | None], again: str = "run it again"
) -> int:
    """The exit status of a command: `read` gives its arguments, `work` does it and may give a status of its own.

    What the user, a file or the machine causes is told on standard error, after the name of the `program`; anything
    else is our own mistake and surfaces. `again` says how the work is gone on with after a disk was full.
    """
    written: list[Path] = []
    try:
        command = _as_told(read)
        for place in places(command):
            require_output(place.path, place.kind, place.flag)
            written.append(place.path)
        status = work(command) or 0
        sys.stdout.flush()
        return status
    except DinoError as error:
        return _ended(program, str(error), 2)
    except KeyboardInterrupt:
        return _ended(program, "Interrupted.", 130)
    except SystemExit:  # of the parser, which has said why
        raise
    except BaseException as error:  # a checkpoint that failed is no Exception in torch
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return 141
        reason = broken_off(error)
        if reason is None:
            raise
        kept = [str(path) for path in written if path.exists()]
        whole = f"What is in {' and '.join(kept)} is whole: put it right and {again}." if kept else ""
        return _ended(program, f"{reason}. {whole or 'Put it right and run it again.'}", 1)


def _as_told(read: Callable[[], C]) -> C:
    """The arguments that `read` gives. What a field's own check says of its value is raised as it is, since the parser
    would break it into the lines of a box; what the parser itself finds, it says."""
    boxed = io.StringIO()
    try:
        with contextlib.redirect_stderr(boxed):
            return read()
    except SystemExit as ended:
        behind: BaseException | None = ended
        while behind is not None and not isinstance(behind, DinoError):
            behind = behind.__context__
        if behind is not None:
            raise behind from None
        sys.stderr.write(boxed.getvalue())
        raise


def places(command: Any) -> Iterator[Place]:
    """The paths a command writes to, as its dataclass and those in it declare them."""
    if not dataclasses.is_dataclass(command):
        return
    hints = get_type_hints(type(command), include_extras=True)
    for item in dataclasses.fields(command):
        value = getattr(command, item.name)
        kinds = [one for one in getattr(hints[item.name], "__metadata__", ()) if isinstance(one, Output)]
        if kinds and value is not None:
            yield Place(f"--{item.name.replace('_', '-')}", value, kinds[0])
        yield from places(value)


def broken_off(error: BaseException) -> str | None:
    """What the machine refused, where that is what an error says; None for any other."""
    chain = list(_causes(error))
    texts = [str(one) for one in chain]
    if any(isinstance(one, MemoryError) or NO_MEMORY.search(str(one)) for one in chain):
        return "There is not enough memory for this; ask for less at once (fewer images, smaller sizes)"
    for one in chain:
        if isinstance(one, OSError) and one.errno is not None:
            return f"{one.filename}: {one.strerror}" if one.filename else str(one.strerror)
    if any(map(NO_ROOM.search, texts)):
        return "A file could not be written to its end; the disk may be full"
    found = next(filter(None, map(RUST_ERROR.search, texts)), None)
    if found:
        return found[1]
    return next((str(one) for one in chain if isinstance(one, OSError)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _ended(program: str, sentence: str, status: int) -> int:
    print(f"{program}: {sentence}", file=sys.stderr)
    return status


def _nobody_reads() -> bool:
    """Whether standard output is what broke; then nothing more is written there, not even at the interpreter's end."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        with contextlib.suppress(io.UnsupportedOperation):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
