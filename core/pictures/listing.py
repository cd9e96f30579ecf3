"""Paths, folders and list files → the picture files they mean, each with the name its results go by."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.pictures.lists import SUFFIXES, read_list
from core.pictures.names import as_text

HIDDEN = ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN")
"""Folders that macOS, storage servers and Windows add to people's own: copies, thumbnails, what was thrown away."""


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
        """The path as every format can store it."""
        return as_text(str(self.path))


def find_pictures(arguments: Sequence[str]) -> tuple[list[Picture], list[str]]:
    """The pictures that files, folders and `@list` files mean, each once, and a sentence for every fruitless folder.

    Folders are searched as `pictures_below` does, lists are read as `read_list` does and may name both files and
    folders. Files that do not exist are kept, for whoever reads them to report. Raises RequestError for a list file
    that cannot be read.
    """
    pictures: dict[Path, Picture] = {}
    problems: list[str] = []
    for entry, path in _entries(arguments):
        if os.path.isdir(path):  # unlike the method, it says no to a name that no file can have
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

    Hidden files and folders are left out, as `is_hidden` knows them. Links are followed, each folder is searched
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
            if is_hidden(entry.name):
                continue
            if os.path.isdir(entry) if link else entry.is_dir():
                (links if link else folders).append(name)
            elif os.path.splitext(name)[1].lower() in suffixes and (link or entry.is_file()):
                names.append(name)
    return sorted(names, key=lambda name: (natural_key(name), name))


def is_hidden(path: str) -> bool:
    """Whether a path, relative to what was given, is of a file that nobody put there for its own sake.

    >>> is_hidden("photos/.thumbs/1.jpg"), is_hidden("__MACOSX/._1.jpg"), is_hidden("../1.jpg")
    (True, True, False)
    """
    return any(part in HIDDEN or (part.startswith(".") and part not in (".", "..")) for part in path.split("/"))


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
        for one in read_list(listing):
            yield one.name, Path(os.path.abspath(listing.parent / one.name))


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
