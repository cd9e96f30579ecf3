"""A folder as a source: the pictures below it, or the shards and tables below it, whichever hold more images.

Datasets of the hub lie in folders beside a title picture; folders of pictures have a stray archive in them, a table
about the pictures, or the features that were computed of them. What is left out is said once, with counts.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from core.pictures.names import as_text
from core.wording import counted
from train.data.sources.files import Files, files_below
from train.data.sources.parquet import layout, open_parquet
from train.data.sources.source import DataError, Source, joined
from train.data.sources.tar import Tar

log = logging.getLogger(__name__)

UNREAD = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".arrow", ".tfrecord", ".h5", ".hdf5")
"""Of files that hold pictures for other programs, and have to be unpacked or converted first."""


def open_folder(path: Path, suffixes: frozenset[str]) -> Source:
    """The images below a folder, hidden ones left out.

    DataError where there are none, and for a shard or a table that cannot be read and is not merely beside pictures.
    """
    found = files_below(path, suffixes | {".parquet", ".tar", *UNREAD})
    kinds: dict[str, list[Path]] = {}
    for file in found:
        kinds.setdefault(file.suffix.lower(), []).append(file)
    pictures = [file for file in found if file.suffix.lower() in suffixes]
    damaged: list[DataError] = []
    tables = _with_images(kinds.get(".parquet", []), bool(pictures), damaged)
    shards = Tar(kinds.get(".tar", []), suffixes, damaged)
    packed = [*([open_parquet(tables)] if tables else []), *([shards] if len(shards) else [])]
    source: Source = Files(path, pictures)
    left_out = Counter({kind: len(files) for kind, files in kinds.items() if kind not in suffixes})
    if sum(map(len, packed)) > len(pictures):
        source = joined(packed)
        left_out.subtract({".parquet": len(tables), ".tar": len(shards.files)})
        left_out["picture"] = len(pictures)
    if damaged and (source.files != pictures or not pictures):
        raise damaged[0]
    said = ", ".join(f"{count} × {kind}" for kind, count in left_out.items() if count)
    if not len(source):
        beside = f"; it holds {said}, to be unpacked or converted first" if said else ""
        raise DataError(
            f"{as_text(str(path))} holds no images (looked for {', '.join(sorted(suffixes))}, .tar and .parquet){beside}."
        )
    if said:
        log.warning("%s taken of %r; left out: %s", counted(len(source), "image is", "images are"), str(path), said)
    return source


def _with_images(tables: Sequence[Path], beside: bool, damaged: list[DataError]) -> list[Path]:
    """The tables that hold images; those that only name files count where there is nothing else, nor pictures."""
    encoded, naming = list[Path](), list[Path]()
    for table in tables:
        try:
            known = layout(table)
        except DataError as error:
            damaged.append(error)
            continue
        if known is not None:
            (naming if known.paths else encoded).append(table)
    return encoded or ([] if beside else naming)
