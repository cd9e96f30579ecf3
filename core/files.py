"""Files that are there with all their bytes or not at all, whenever the machine stops or the disk is full."""

import contextlib
import hashlib
import os
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path


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


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
