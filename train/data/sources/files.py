"""Image files as a source: below a folder, or named by a list or a table."""

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.pictures.listing import pictures_below
from core.pictures.lists import read_list
from core.pictures.names import as_text
from core.pictures.reading import read_file
from train.data.sources.source import Encoded

log = logging.getLogger(__name__)


class Files:
    """Image files. The label of each is the one given, otherwise the name of the folder it lies in, below the root."""

    def __init__(self, root: Path, paths: Sequence[Path], labels: Sequence[str | None] | None = None):
        self.root, self.files, self.labels = root, paths, labels
        self.blocks = [range(i, i + 1) for i in range(len(paths))]

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Encoded:
        return Encoded(read_file(self.files[index]), self.name(index), self.label(index))

    def name(self, index: int) -> str:
        return str(self.files[index])

    def label(self, index: int) -> str | None:
        if self.labels is not None and (given := self.labels[index]) is not None:
            return as_text(given)
        parent = self.files[index].parent
        return as_text(parent.name) if parent != self.root else None


def listed_files(path: Path, suffixes: frozenset[str]) -> Files:
    """The files that a list names, in its order; of folders those below them. RequestError as `read_list`."""
    paths, labels = [], []
    for file, label in _listed(path, suffixes):
        paths.append(file)
        labels.append(label)
    return Files(path.parent, paths, labels if any(label is not None for label in labels) else None)


def files_below(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files below a folder, as `pictures_below` finds them; what cannot be searched is logged."""
    problems: list[str] = []
    files = [folder / name for name in pictures_below(folder, problems, suffixes)]
    for problem in problems:
        log.warning("%s", problem)
    return files


def _listed(path: Path, suffixes: frozenset[str]) -> Iterator[tuple[Path, str | None]]:
    for one in read_list(path):
        named = path.parent / one.name
        # pictures are not looked at, since lists may be long
        if named.suffix.lower() not in suffixes and os.path.isdir(named):
            yield from ((file, one.label) for file in files_below(named, suffixes))
        else:
            yield named, one.label
