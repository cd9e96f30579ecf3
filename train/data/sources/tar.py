"""Images in tar shards: plain tars of pictures, and samples as webdataset packs them.

    0000.jpg  0000.seg.png  0000.cls      a sample: members whose names are equal up to the first dot of the last part
    0001.jpg  0001.seg.png  0001.cls

A sample is one image. Of several pictures in one it is the one that webdataset's users mean by it: a plain ending
before one with a field's name (jpg before seg.png), photographs' endings before others (jpg before png), the fields
`image`, `img`, `input` … before others. Members called alike that are no sample (2024.05.01.jpg, 2024.05.02.jpg) are
images each.
"""

import logging
import os
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from core.pictures.listing import SUFFIXES, is_hidden
from core.pictures.names import as_text
from core.pictures.reading import read_part, unreadable
from core.wording import counted
from train.data.sources.source import DataError, Encoded

log = logging.getLogger(__name__)

LIKELY = ("npy", "jpg", "jpeg", "jpe", "jfif", "webp", "avif", "png", "tif", "tiff")
"""Endings of a sample's image, the likeliest first; arrays are looked for only where a run does not take RGB."""
FIELDS = ("image", "img", "input", "rgb", "photo", "picture", "color", "colour")
"""Names of a sample's image, the likeliest first, where it has several pictures with names of their own."""


class Member(NamedTuple):
    """An image in a shard: where its bytes are."""

    shard: int
    name: str
    offset: int
    size: int
    label: str | None


class Tar:
    """Images in uncompressed tar shards, found once by their headers and then read by offset.

    A sample `0001.jpg` takes its label from a member `0001.cls` beside it, as webdataset writes them.
    """

    def __init__(
        self, shards: Sequence[Path], suffixes: frozenset[str] = SUFFIXES, damaged: list[DataError] | None = None
    ):
        """Raises DataError for a shard that cannot be read, or puts it into `damaged` where that is given."""
        self.files: list[Path] = []
        """Those that hold images."""
        self.members: list[Member] = []
        self.blocks: list[range] = []
        beside: list[str] = []
        for shard in shards:
            try:
                found = list(_members(len(self.files), shard, suffixes, beside))
            except DataError as error:
                if damaged is None:
                    raise
                damaged.append(error)
                continue
            if found:
                self.blocks.append(range(len(self.members), len(self.members) + len(found)))
                self.members += found
                self.files.append(shard)
        if beside:
            log.warning(
                "%s left out, since another one shows the same sample: %s",
                counted(len(beside), "picture in tar shards is", "pictures in tar shards are"),
                ", ".join(map(as_text, beside[:3])),
            )

    def __len__(self) -> int:
        return len(self.members)

    def read(self, index: int) -> Encoded:
        one = self.members[index]
        return Encoded(read_part(self.files[one.shard], one.offset, one.size), self.name(index), one.label)

    def name(self, index: int) -> str:
        one = self.members[index]
        return f"{self.files[one.shard]}:{one.name}"

    def label(self, index: int) -> str | None:
        return self.members[index].label


def _members(number: int, shard: Path, suffixes: frozenset[str], beside: list[str]) -> Iterator[Member]:
    """The images of one shard, in its order; names of other pictures of their samples go into `beside`."""
    headers, labels = _headers(shard)
    chosen = _images([header.name for header in headers], suffixes, beside)
    for header in headers:
        if header.name in chosen:
            label = labels.get(os.path.splitext(header.name)[0], labels.get(_key(header.name)[0]))
            yield Member(number, header.name, header.offset_data, header.size, label)


def _headers(shard: Path) -> tuple[list[tarfile.TarInfo], dict[str, str]]:
    """The files of a shard, hidden ones left out, and the labels that .cls members hold, by their names without it."""
    try:
        with tarfile.open(shard, "r:") as archive:
            members = [member for member in archive if member.isfile() and not is_hidden(member.name)]
            labels = {
                member.name.removesuffix(".cls"): as_text(file.read(64).decode("utf-8", "replace").strip())
                for member in members
                if member.name.endswith(".cls") and (file := archive.extractfile(member))
            }
    except OSError as error:
        raise DataError(str(unreadable(shard, error))) from error
    except tarfile.TarError as error:
        raise DataError(
            f"{as_text(str(shard))} cannot be read as an uncompressed tar ({error}); unpack it, or pack it anew."
        ) from error
    return members, labels


def _images(names: Sequence[str], suffixes: frozenset[str], beside: list[str]) -> set[str]:
    """The names of the images: one of each sample, all of what is no sample."""
    samples: dict[str, list[str]] = {}
    fields = Counter(ending for _, ending in map(_key, dict.fromkeys(names)))
    companions = {key for key, ending in map(_key, names) if "." not in ending}
    for name in dict.fromkeys(names):
        if os.path.splitext(name)[1].lower() in suffixes:
            samples.setdefault(_key(name)[0], []).append(name)
    chosen: set[str] = set()
    for key, pictures in samples.items():
        # what has no field's name stands for the sample; a field's name recurs from sample to sample, and is no number
        recurring = any(fields[ending] > 1 and not _is_number(ending) for _, ending in map(_key, pictures))
        if key in companions or recurring:
            first, *others = sorted(pictures, key=_likelihood)
            chosen.add(first)
            beside += others
        else:
            chosen.update(pictures)
    return chosen


def _key(name: str) -> tuple[str, str]:
    """What the members of one sample share, and the rest in lower case, as webdataset divides names.

    >>> _key("train.v1/0000.Seg.png")
    ('train.v1/0000', 'seg.png')
    """
    folder, slash, last = name.rpartition("/")
    stem, _, ending = last.partition(".")
    return f"{folder}{slash}{stem}", ending.lower()


def _is_number(ending: str) -> bool:
    """Whether the field that an ending names is a number, as in 05.01.jpg."""
    return ending.rpartition(".")[0].replace(".", "").isdecimal()


def _likelihood(name: str) -> tuple[bool, int, int, str]:
    """Sorts the pictures of a sample, its image first."""
    *field, suffix = _key(name)[1].split(".")
    named = FIELDS.index(field[-1]) if field and field[-1] in FIELDS else len(FIELDS)
    likely = LIKELY.index(suffix) if suffix in LIKELY else len(LIKELY)
    return bool(field), named, likely, name
