"""Files that are there with all their bytes or not at all, whenever the machine stops or the disk is full; and whether
a place can be written to, before there is anything to write."""

import contextlib
import enum
import hashlib
import os
import secrets
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from core.errors import RequestError


@contextlib.contextmanager
def replacing(path: Path, *, contested: bool = False) -> Iterator[Path]:
    """A name beside `path` to write the new file under: flushed and renamed to `path` when the block ends well.

    After an exception nothing is left of it, and what was at `path` before is still there. The folder is made where
    it is missing. The name is `path` and ".part", so that what a kill left is replaced by the next try; `contested`
    makes it a random one, for files that several processes or threads may write at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part" if contested else f"{path.name}.part")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | str, *, contested: bool = False) -> None:
    """A file of these bytes, or of this text in UTF-8 with line ends as they are."""
    with replacing(path, contested=contested) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def file_crc32(path: Path) -> str:
    """CRC-32 of a file's bytes, in hexadecimal: a tenth of SHA-256's time, and it knows damage, though not forgery."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            crc = zlib.crc32(chunk, crc)
    return f"{crc:08x}"


class Output(enum.Enum):
    """Kinds of places that are written to."""

    FILE = "file"
    """Written whole, in place of what is there."""
    FOLDER = "folder"
    """Filled, beside what is there."""
    NEW_FOLDER = "new folder"
    """Made whole elsewhere and renamed; not there before, or empty."""


def require_output(path: Path, kind: Output, flag: str = "--out") -> None:
    """RequestError where nothing of that kind can be written at a path that `flag` named. Nothing is made there."""
    try:
        problem = _problem(path, kind)
    except OSError as error:  # a name that is too long, links in a circle
        problem = f"cannot be used ({error.strerror})"
    if problem:
        raise RequestError(f"{flag} {path} {problem}; name another {kind.value}.")


def _problem(path: Path, kind: Output) -> str | None:
    """What stands in the way of writing to a path, to be said after its name."""
    there = path.exists()
    if kind is Output.FILE:
        if path.is_dir():
            return "is a folder, and a file is to be written"
        if there and not path.is_file():
            return "is no ordinary file"
    elif there and not path.is_dir():
        return "is a file, and a folder is to be written"
    elif not there and path.is_symlink():
        return "is a link that leads nowhere"
    if kind is Output.NEW_FOLDER and there:
        if any(path.iterdir()):
            return "is not an empty folder"
        if path.samefile(Path.cwd()):
            return "is the folder that you work in"
    inside = path.absolute() if there and kind is Output.FOLDER else path.absolute().parent
    while not inside.exists():
        if inside.is_symlink():
            return f"cannot be written: {inside} is a link that leads nowhere"
        inside = inside.parent
    if not inside.is_dir():
        return f"cannot be written: {inside} is a file"
    try:
        tempfile.TemporaryFile(dir=inside).close()  # the answer of the file system itself
    except OSError as error:
        return f"cannot be written: {inside} takes no files ({error.strerror})"
    return None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
