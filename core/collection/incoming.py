"""Files, folders and archives → the pictures in them, one at a time.

Archives come from strangers. Nothing is ever unpacked to the disk: members are read into memory one by one and their
names are only names, so that one which climbs out of its folder leads nowhere. Links are not followed, nor archives
inside archives opened. What an archive may grow to is bounded before it is read.
"""

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from core.collection.labelling import folder_of
from core.collection.zipnames import member_names
from core.errors import CollectionError
from core.pictures.image import LARGEST_PIXELS
from core.pictures.listing import SUFFIXES, find_pictures, is_hidden, natural_key
from core.pictures.names import as_text
from core.pictures.reading import read_file

LONGEST_NAME = 500
_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError),
    UnicodeDecodeError,
)
"""Errors of Python's readers for archives that are cut short or nonsense; the last for names said to be UTF-8."""


@dataclass(frozen=True)
class Limits:
    """Limits of what is taken in. Pictures are compressed already, so that honest archives of them hardly grow."""

    member_bytes: int = 256 * 2**20
    ratio: float = 100.0
    """Bytes that come of a byte of the archive, over the whole of it."""
    free_bytes: int = 2**30
    """Whatever the ratio, so much is always allowed."""

    pixels: int = LARGEST_PIXELS
    """Of one picture."""

    def most(self, archive_bytes: int) -> int:
        return int(max(self.free_bytes, self.ratio * archive_bytes))


@dataclass(frozen=True)
class Incoming:
    """A picture on its way in."""

    name: str
    """Its place in the folder or archive it came from, or its file name; any characters, never a path to open."""
    source: Path | bytes | Image.Image
    tags: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The folder it lay in, below what was given; empty where it lay at the top."""
        return folder_of(self.name)

    def read(self) -> tuple[bytes | Image.Image, str]:
        """Its bytes or pixels, and the SHA-256 by which the same file is known again."""
        if isinstance(self.source, Image.Image):
            head = f"{self.source.mode} {self.source.size}".encode()
            return self.source, hashlib.sha256(head + self.source.tobytes()).hexdigest()
        data = self.source if isinstance(self.source, bytes) else read_file(self.source)
        return data, hashlib.sha256(data).hexdigest()


def arriving(sources: Sequence[Any], refused: list[str], limits: Limits = Limits()) -> Iterator[Incoming]:
    """Every picture in the sources; a sentence in `refused` for whatever could not be opened.

    A source is a path (picture, folder, zip, tar, compressed tar), an `Incoming`, a picture file's bytes, or a PIL
    picture. Damaged archives give what comes before the damage.
    """
    for number, source in enumerate(sources, start=1):
        if isinstance(source, Incoming):
            yield source
        elif isinstance(source, bytes | Image.Image):
            path = getattr(source, "filename", None)
            yield Incoming(plain_name(Path(path).name) if path else f"picture {number}", source)
        elif isinstance(source, str | os.PathLike):
            yield from _from_path(Path(source), refused, limits)
        else:
            refused.append(f"A picture cannot be made of {type(source).__name__}; give paths, bytes or PIL pictures.")


def expected(sources: Sequence[Any]) -> int:
    """The number of pictures in the sources, as far as is known without reading them; 0 where one is a tar."""
    total = 0
    for source in sources:
        path = Path(source) if isinstance(source, str | os.PathLike) else None
        if path is None or not path.exists():
            total += 1
        elif path.is_dir():
            total += len(find_pictures([str(path)])[0])
        elif (kind := archive_kind(path)) == "zip":
            with contextlib.suppress(*_DAMAGED), zipfile.ZipFile(path) as archive:
                total += sum(_wanted(member.filename) for member in archive.infolist())
        elif kind:
            return 0
        else:
            total += 1
    return total


def archive_kind(path: Path) -> str:
    """zip, tar, gz, bz2 or xz by the file's first bytes, whatever it is called; empty for anything else."""
    if not os.path.isfile(path):  # a pipe would be waited for
        return ""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return ""
    signatures = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
    kind = next((kind for signature, kind in signatures.items() if head.startswith(signature)), "")
    return "tar" if head[257:262] == b"ustar" else kind


def plain_name(name: str) -> str:
    """A name that any format can store and no file system would follow out of a folder.

    >>> plain_name("../../etc/cat.png")
    'etc/cat.png'
    """
    text = as_text(name.replace("\\", "/").replace("\0", ""))
    parts = [part for part in text.split("/") if part not in ("", ".", "..") and not part.endswith(":")]
    return "/".join(parts)[-LONGEST_NAME:] or "picture"


def _from_path(path: Path, refused: list[str], limits: Limits) -> Iterator[Incoming]:
    if path.is_dir():
        pictures, problems = find_pictures([str(path)])
        refused += problems
        yield from (Incoming(plain_name(picture.name), picture.path) for picture in pictures)
        return
    kind = archive_kind(path)
    if not kind:
        yield Incoming(plain_name(path.name), path)
        return
    members = _zip_members if kind == "zip" else _tar_members
    try:
        yield from members(path, refused, limits)
    except CollectionError as error:
        refused.append(str(error))
    except _DAMAGED as error:
        refused.append(f"{path.name} is damaged or cut short ({error}); what came before is taken. Pack it again.")


def _wanted(name: str) -> bool:
    """Whether a member is meant as a picture; hidden files and the copies that macOS packs are not."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not is_hidden(name.replace("\\", "/"))


def _zip_members(path: Path, refused: list[str], limits: Limits) -> Iterator[Incoming]:
    with zipfile.ZipFile(path) as archive:
        files = [member for member in archive.infolist() if not member.is_dir()]
        named = zip(member_names(files), files, strict=True)
        pictures = sorted((one for one in named if _wanted(one[0])), key=lambda one: natural_key(one[0]))
        left, total = len(files) - len(pictures), 0
        for packed_name, member in pictures:
            name = plain_name(packed_name)
            if (member.external_attr >> 16) & 0o170000 == 0o120000:
                refused.append(f"{path.name}: {name} is a link, which is not followed; pack the picture itself.")
                continue
            total += member.file_size
            _check_growth(path, total, limits)
            data = _zip_member(archive, member, limits)
            if isinstance(data, str):
                refused.append(f"{path.name}: {name} {data}")
            else:
                yield Incoming(name, data)
    _tell_left(path, left, refused)


def _zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> bytes | str:
    """Its bytes, or what is wrong with it: the end of a sentence."""
    if member.file_size > limits.member_bytes:
        return _too_large(limits)
    if member.flag_bits & 1:
        return "is encrypted; pack it without a password."
    try:
        with archive.open(member) as file:
            data = file.read(limits.member_bytes + 1)
    except _DAMAGED as error:
        return f"is damaged ({error}); pack it again."
    return data if len(data) <= limits.member_bytes else _too_large(limits)


def _tar_members(path: Path, refused: list[str], limits: Limits) -> Iterator[Incoming]:
    left = 0
    with (
        path.open("rb") as packed,
        _unpacked(path, packed, limits) as file,
        tarfile.open(fileobj=file, mode="r:") as archive,
    ):
        for member in archive:
            # or a hundred thousand headers stay in memory; the library's types leave the list out
            archive.members = []  # type: ignore[attr-defined]
            name = plain_name(member.name)
            if member.isdir():
                continue
            if not _wanted(member.name):
                left += 1
            elif not member.isfile():
                refused.append(f"{path.name}: {name} is a link or a device, not a file; pack the picture itself.")
            elif member.size > limits.member_bytes:
                refused.append(f"{path.name}: {name} {_too_large(limits)}")
            else:
                content = archive.extractfile(member)
                assert content is not None  # it is for what is no file
                yield Incoming(name, content.read())
    _tell_left(path, left, refused)


@contextlib.contextmanager
def _unpacked(path: Path, packed: BinaryIO, limits: Limits) -> "Iterator[_Bounded]":
    """The tar inside, readable and seekable forwards, up to what the archive may grow to."""
    openers: dict[str | None, Callable[[BinaryIO], io.BufferedIOBase]] = {
        "gz": gzip.open,
        "bz2": bz2.open,
        "xz": lzma.open,
    }
    opener = openers.get(archive_kind(path))
    if opener is None:
        yield _Bounded(path, packed, 0, limits)
        return
    with opener(packed) as file:
        yield _Bounded(path, file, path.stat().st_size, limits)


class _Bounded(io.RawIOBase):
    """A file that refuses to be read past the bounds: also where `tarfile` itself reads ahead, as long names do."""

    def __init__(self, path: Path, file: BinaryIO | io.BufferedIOBase, packed_bytes: int, limits: Limits):
        self.path, self.file, self.limits = path, file, limits
        self.packed_bytes = packed_bytes  # 0 for a plain tar, which cannot grow

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET and self.packed_bytes:
            _check_growth(self.path, position, self.limits, self.packed_bytes)
        return self.file.seek(position, whence)

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self.limits.member_bytes:
            raise CollectionError(f"{self.path.name} announces a member that {_too_large(self.limits)}")
        data = self.file.read(size)
        if self.packed_bytes:
            _check_growth(self.path, self.file.tell(), self.limits, self.packed_bytes)
        return data


def _check_growth(path: Path, unpacked: int, limits: Limits, packed: int | None = None) -> None:
    most = limits.most(path.stat().st_size if packed is None else packed)
    if unpacked > most:
        raise CollectionError(
            f"{path.name} unpacks to more than {most / 2**20:,.0f} MB, {limits.ratio:g} times its size or more; what "
            "came before is taken. Pack the pictures as they are, in several archives."
        )


def _too_large(limits: Limits) -> str:
    return f"is larger than {limits.member_bytes >> 20} MB, which is no usual picture; leave it out."


def _tell_left(path: Path, left: int, refused: list[str]) -> None:
    if left:
        files = "1 other file in it was" if left == 1 else f"{left:,} other files in it were"
        refused.append(f"{path.name}: {files} left out (not pictures, hidden, or archives themselves).")
