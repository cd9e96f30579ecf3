"""The parts of a curation that can be looked at without its images: its report, and small pictures of what it dropped.

    DIR/
    ├── fates.parquet       what became of every image (`train.curate.steps.fates`)
    ├── report.html         a page that stands by itself
    └── dropped.parquet     images that were dropped, each with the one that decided, small pictures of both

`python -m train.curate report` writes the last two; who looks opens them, and nothing else. In dropped.parquet a row is
an image and a row group a page of one kind; the metadata of its schema holds the summary, as JSON.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import DamagedError, RequestError
from core.parquet_files import opened, whole_table

FATES, REPORT, DROPPED = "fates.parquet", "report.html", "dropped.parquet"
PAGE = 24
"""Images on a page."""
LARGEST_REPORT = 64 * 2**20
"""Bytes; a report of some two hundred small pictures takes one million."""
SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("picture", pa.binary()),
        ("because", pa.string()),
        ("because_picture", pa.binary()),
        ("cosine", pa.float32()),
        ("problem", pa.string()),
    ]
)
_SUMMARY = b"summary"


class Dropped(NamedTuple):
    """An image that was dropped, and the one because of which it was; pictures are WebP, None where not to be had."""

    name: str
    picture: bytes | None = None
    because: str | None = None
    because_picture: bytes | None = None
    cosine: float | None = None
    problem: str | None = None
    """Why it could not be read."""


class Step(NamedTuple):
    """A line of the table of counts: the images left after a step, and how many went for which reason."""

    title: str
    images: int
    gone: str


@dataclass(frozen=True)
class Kind:
    """Images dropped for one reason: how many there are, and how many of them are kept to be looked at."""

    key: str
    title: str
    other: str
    """The kind of picture beside each of them."""
    images: int
    shown: int

    @property
    def pages(self) -> int:
        return -(-self.shown // PAGE)


@dataclass(frozen=True)
class Curation:
    """The content of a curation's folder."""

    root: Path
    steps: tuple[Step, ...]
    kinds: tuple[Kind, ...]

    def page(self, key: str, number: int) -> list[Dropped]:
        """The images of a page of one kind, counted from 0. RequestError where there is no such page."""
        keys = [kind.key for kind in self.kinds]
        if key not in keys:
            raise RequestError(f"{str(key)[:60]!r} is no kind of dropped images; choose from {', '.join(keys)}.")
        place = keys.index(key)
        if not 0 <= number < self.kinds[place].pages:
            raise RequestError(f"There is no page {number + 1} of it; choose from 1 to {self.kinds[place].pages}.")
        group = sum(kind.pages for kind in self.kinds[:place]) + number
        with _opened(self.root) as file:
            return [Dropped(**row) for row in file.read_row_group(group).to_pylist()]

    def report(self) -> str:
        """The report, as HTML."""
        path = _inside(self.root, REPORT)
        if path.stat().st_size > LARGEST_REPORT:
            raise RequestError(f"{path} is larger than any report. Write it anew: {_remedy(self.root)}")
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise RequestError(
                f"{path} cannot be read ({error.strerror}). Write it anew: {_remedy(self.root)}"
            ) from error


def write_dropped(root: Path, steps: Sequence[Step], found: Sequence[tuple[Kind, Iterable[Dropped]]]) -> Path:
    """Write dropped.parquet, whole or not at all. Of each kind as many images are taken as it says it shows."""
    summary = {"steps": steps, "kinds": [asdict(kind) for kind, _ in found]}
    schema = SCHEMA.with_metadata({_SUMMARY: json.dumps(summary).encode()})
    with whole_table(root / DROPPED, schema) as writer:
        for kind, images in found:
            taken = itertools.islice(images, kind.shown)
            while page := list(itertools.islice(taken, PAGE)):
                writer.write_table(pa.Table.from_pylist([one._asdict() for one in page], schema=schema))
    return root / DROPPED


def open_curation(root: Path) -> Curation:
    """The content of a curation's folder; RequestError where it is none, or was not reported on."""
    if not os.path.isdir(root):  # which finds nothing, too, where nobody may look
        raise RequestError(f"{root} is no folder here; give the one that --out of python -m train.curate named.")
    with _opened(root) as file:
        summary = json.loads(file.schema_arrow.metadata[_SUMMARY])
        steps = tuple(Step(*step) for step in summary["steps"])
        kinds = tuple(Kind(**kind) for kind in summary["kinds"])
        if sum(kind.pages for kind in kinds) != file.num_row_groups:
            raise ValueError("pages are missing")
    return Curation(root, steps, kinds)


@contextlib.contextmanager
def _opened(root: Path) -> Iterator[pq.ParquetFile]:
    """The table of dropped images; whatever is said of one that cannot be read becomes a sentence."""
    path = _inside(root, DROPPED)
    try:
        with opened(path) as file:
            yield file
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        said = error.reason if isinstance(error, DamagedError) else str(error)
        reason = said.splitlines()[0] if said else type(error).__name__
        raise RequestError(f"{path} cannot be read ({reason}). Write it anew: {_remedy(root)}") from error


def _inside(root: Path, name: str) -> Path:
    """A file of the folder; RequestError where it is not there, or is a link that leads out of it."""
    path = root / name
    if not os.path.isfile(path):
        raise RequestError(f"{root} has no {name}: it is no folder of train.curate, or needs {_remedy(root)}")
    if path.resolve().parent != root.resolve():
        raise RequestError(f"{path} is a link to another folder, which is not followed; give that folder itself.")
    return path


def _remedy(root: Path) -> str:
    return f"python -m train.curate report --out {root}"
