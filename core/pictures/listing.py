"""Paths, folders and list files → the picture files they mean, each with the name its results go by."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import RequestError

SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "avif", "tif", "tiff", "bmp", "dib", "gif"),
        *("ppm", "pgm", "pbm", "pnm", "jp2", "j2k", "jpx"),
    )
)
"""What a file in a folder ends in to be taken for a picture; files named one by one may end in anything."""


@dataclass(frozen=True)
class Picture:
    """A file that is thought to be a picture. `bytes` and `modified` (ns) tell a changed file from the same one."""

    path: Path
    """Absolute."""
    name: str
    """Its place below the folder it was found in, with slashes; for a file named itself, that path."""
    bytes: int = 0
    modified: int = 0

    @property
    def label(self) -> str:
        """The path as text that every format can store: bytes that are no UTF-8 are written as \\x.."""
        return os.fsencode(self.path).decode("utf-8", "backslashreplace")


def find_pictures(arguments: Sequence[str]) -> tuple[list[Picture], list[str]]:
    """The pictures that files, folders and `@list` files mean, each once, and a sentence for every fruitless folder.

    Folders are searched all the way down, in natural order (2 before 10), without hidden files. A list file
    names one file or folder a line, relative to the current folder; empty lines and lines that begin with # are
    skipped. Files that do not exist are kept, for whoever reads them to report. Raises RequestError for a list file
    that cannot be read.
    """
    pictures: dict[Path, Picture] = {}
    problems: list[str] = []
    for entry in _entries(arguments):
        path = Path(os.path.abspath(entry))
        if path.is_dir():
            found = _in_folder(path, problems)
            if not found:
                problems.append(f"{entry!r} has no pictures in it (looked for {' '.join(sorted(SUFFIXES))}).")
        else:
            found = [_picture(path, _mirrored(entry))]
        for picture in found:
            pictures.setdefault(picture.path, picture)
    return list(pictures.values()), problems


def natural_key(path: str) -> list[tuple]:
    """Sorts `img2` before `img10` and `img` before both, folder by folder.

    >>> sorted(["b/1.png", "a10.png", "a.png", "a2.png"], key=natural_key)
    ['a.png', 'a2.png', 'a10.png', 'b/1.png']
    """
    key = []
    for part in PurePosixPath(path.casefold()).parts:
        stem, suffix = os.path.splitext(part)
        pieces = re.split(r"(\d+)", stem)  # text and numbers take turns, so that like meets like
        key.append(([int(piece) if index % 2 else piece for index, piece in enumerate(pieces)], suffix))
    return key


def _entries(arguments: Sequence[str]) -> Iterator[str]:
    for argument in arguments:
        if not argument.startswith("@") or Path(argument).exists():
            yield argument
            continue
        try:
            lines = Path(argument[1:]).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RequestError(f"The list {argument[1:]!r} cannot be read ({reason}); give one path a line.") from error
        yield from (line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _in_folder(root: Path, problems: list[str]) -> list[Picture]:
    seen: set[str] = set()
    names = []

    def unreadable(error: OSError) -> None:
        problems.append(f"The folder {error.filename!r} cannot be read ({error.strerror}); check its permissions.")

    for folder, folders, files in os.walk(root, onerror=unreadable, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder above it
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(folder).relative_to(root)
        names += [
            (below / name).as_posix()
            for name in files
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES
        ]
    return [_picture(root / name, name) for name in sorted(names, key=lambda name: (natural_key(name), name))]


def _picture(path: Path, name: str) -> Picture:
    try:
        state = path.stat()
    except (OSError, ValueError):  # load_image says what is wrong with it
        return Picture(path, name)
    return Picture(path, name, state.st_size, state.st_mtime_ns)


def _mirrored(entry: str) -> str:
    """A path as it was given, without what would lead out of the folder it is mirrored in."""
    path = Path(entry)
    return PurePosixPath(*(part for part in path.parts if part not in (path.anchor, "..", "."))).as_posix()
