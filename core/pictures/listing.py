"""Paths, folders and list files → the picture files they mean, each with the name its results go by."""

import csv
import io
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
"""Suffixes by which files in a folder are taken for pictures; files named one by one may have any."""


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

    Folders are searched as `pictures_below` does, lists are read as `read_list` does and may name both files and
    folders. Files that do not exist are kept, for whoever reads them to report. Raises RequestError for a list file
    that cannot be read.
    """
    pictures: dict[Path, Picture] = {}
    problems: list[str] = []
    for entry, path in _entries(arguments):
        if path.is_dir():
            found = [_picture(path / name, name) for name in pictures_below(path, problems)]
            if not found:
                problems.append(f"{entry!r} has no pictures in it (looked for {' '.join(sorted(SUFFIXES))}).")
        else:
            found = [_picture(path, _mirrored(entry))]
        for picture in found:
            pictures.setdefault(picture.path, picture)
    return list(pictures.values()), problems


def pictures_below(root: Path, problems: list[str], suffixes: frozenset[str] = SUFFIXES) -> list[str]:
    """The files below a folder that end in one of `suffixes`, relative to it, in natural order (2 before 10).

    Hidden files and folders, whose names begin with a dot, are left out. Links are followed, each folder is searched
    once: by its own name where it lies below `root` itself, otherwise by the first link to it. A link to a file that
    is gone is kept, for whoever reads it to report. A sentence goes into `problems` for each folder that cannot be read.
    """
    names: list[str] = []
    folders, links, seen = [""], list[str](), set[str]()
    while folders or links:
        below = folders.pop() if folders else links.pop(0)
        if (real := os.path.realpath(root / below)) in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(root / below) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            problems.append(
                f"The folder {str(root / below)!r} cannot be read ({error.strerror}); check its permissions."
            )
            continue
        for entry in entries:
            name, link = f"{below}/{entry.name}".lstrip("/"), entry.is_symlink()
            if entry.name.startswith("."):
                continue
            if os.path.isdir(entry) if link else entry.is_dir():
                (links if link else folders).append(name)
            elif os.path.splitext(name)[1].lower() in suffixes and (link or entry.is_file()):
                names.append(name)
    return sorted(names, key=lambda name: (natural_key(name), name))


def read_list(path: Path) -> list[str]:
    """The paths in a list file: one a line, in a .csv its first column, relative to the list's own folder.

    Empty lines and those that begin with # are left out. RequestError where it cannot be read as text in UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = csv.reader(io.StringIO(text)) if path.suffix == ".csv" else ([line] for line in text.split("\n"))
        names = [row[0].strip() for row in rows if row]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"The list {str(path)!r} cannot be read ({reason}); give one path a line.") from error
    return [name for name in names if name and not name.startswith("#")]


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


def _entries(arguments: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Each file or folder as it was given, and its absolute path."""
    for argument in arguments:
        if not argument.startswith("@") or Path(argument).exists():
            yield argument, Path(os.path.abspath(argument))
            continue
        listing = Path(argument[1:])
        for entry in read_list(listing):
            yield entry, Path(os.path.abspath(listing.parent / entry))


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
