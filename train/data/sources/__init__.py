"""Sources of images: folders, list files, tar shards, Parquet. Labels are never needed.

Each source is a sequence of encoded images that can be read in any order, from any process, so that the order
of a run is a matter of its seed alone. `blocks` says which neighbours are cheap to read together.
"""

import os
from pathlib import Path

from core.pictures.lists import LIST_SUFFIXES, SUFFIXES
from core.pictures.names import as_text
from train.data.sources.files import Files, listed_files
from train.data.sources.folder import open_folder
from train.data.sources.parquet import open_parquet
from train.data.sources.source import DataError, Encoded, Joined, Source, joined, some_of
from train.data.sources.tar import Tar

__all__ = ["DataError", "Encoded", "Files", "Joined", "Source", "open_source", "some_of"]

ARRAY_SUFFIX = ".npy"
"""Arrays are looked for beside pictures where a run does not take RGB."""


def open_source(path: str | Path, *more: str | Path, channels: int = 3) -> Source:
    """The images under one or several paths: a folder, a `.txt`/`.csv` list, `.tar` shards, `.parquet` files.

    Where `channels` is not 3, every .npy array is an image too. Folders are read as `sources.folder` says, lists as
    `core.pictures.lists`. Raises DataError where nothing is found, RequestError for a list that cannot be read.
    """
    suffixes = SUFFIXES if channels == 3 else SUFFIXES | {ARRAY_SUFFIX}
    return joined([_open_one(str(one), suffixes) for one in (path, *more)])


def _open_one(given: str, suffixes: frozenset[str]) -> Source:
    path = Path(given)
    if given.startswith("@") and not os.path.lexists(path):  # as core.export is told that it is a list
        return listed_files(Path(given[1:]), suffixes)
    if os.path.isdir(path):
        return open_folder(path, suffixes)
    if not os.path.exists(path):
        raise DataError(
            f"{as_text(given)} does not exist; give a folder of images, a list file, .tar shards or .parquet files."
        )
    kind = path.suffix.lower()
    source: Source
    if kind == ".parquet":
        source = open_parquet([path])
    elif kind == ".tar":
        source = Tar([path], suffixes)
    elif kind in LIST_SUFFIXES:
        source = listed_files(path, suffixes)
    else:
        raise DataError(
            f"{as_text(given)} is none of: a folder, a list (.txt, .csv), tar shards (.tar, not compressed), Parquet (.parquet)."
        )
    if not len(source):
        raise DataError(f"{as_text(given)} holds no images (looked for {', '.join(sorted(suffixes))}).")
    return source
