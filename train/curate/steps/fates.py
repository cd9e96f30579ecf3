"""The fate of every image in one table, and the list of those that are kept.

Nothing is lost by it: vectors and neighbours stay, so that another threshold or another k is a matter of seconds.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.files import replacing
from core.parquet_files import whole_table
from core.pictures.lists import list_line
from core.pictures.names import from_text
from core.records.curation import DROPPED, FATES
from train.curate.embeddings import Embeddings, open_embeddings, required_embeddings
from train.curate.folder import SELECTED, read_record, read_table, required_record, words
from train.curate.steps import deduplicate
from train.curate.steps.cluster import labels_of

STEPS = ("curated", "embed", "deduplicate", "retrieve")
"""The reason for it: the image was given as curated, or a step kept or dropped it."""
REASONS = (
    "given as curated",
    "cannot be read",
    "near-duplicate of one that is kept",
    "near-duplicate of a curated image",
    "too close to an evaluation image",
    "retrieved by the curated image",
    "retrieved by no curated image",
    "kept: most pixels of its near-duplicates",
    "kept: largest file of its near-duplicates",
    "kept: first of its near-duplicates",
    "kept: no near-duplicates",
)
GIVEN, UNREADABLE, COPY, IN_CURATED, IN_EVALUATION, TAKEN, FAR, PIXELS, BYTES, FIRST, ALONE = range(len(REASONS))
SETS = ("", "curated", "pool", "evaluation")
SCHEMA = pa.schema(
    [
        ("set", pa.dictionary(pa.int8(), pa.string())),
        ("row", pa.int64()),
        ("name", pa.string()),
        ("kept", pa.bool_()),
        ("step", pa.dictionary(pa.int8(), pa.string())),
        ("reason", pa.dictionary(pa.int8(), pa.string())),
        ("because_set", pa.dictionary(pa.int8(), pa.string())),
        ("because_row", pa.int64()),
        ("because", pa.string()),
        ("cosine", pa.float32()),
        ("cluster", pa.int64()),
    ]
)
"""`because` is the image (row `because_row` of `because_set`) that decided, `cosine` the similarity to it; null where
none did. `cluster` is null where the image was not clustered."""
ROWS = 65_536
_OF_DUPLICATES = {
    deduplicate.UNREADABLE: UNREADABLE,
    deduplicate.COPY: COPY,
    deduplicate.IN_CURATED: IN_CURATED,
    deduplicate.IN_EVALUATION: IN_EVALUATION,
}
_OF_KEPT = (ALONE, PIXELS, BYTES, FIRST)
"""In the order of deduplication's reasons."""


class Fates(NamedTuple):
    """Of the images of one set, [n] each; `because` −1 and `cosine` NaN where no image decided."""

    reason: np.ndarray
    because_set: np.ndarray
    because: np.ndarray
    cosine: np.ndarray
    cluster: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        return np.isin(self.reason, (GIVEN, TAKEN, PIXELS, BYTES, FIRST, ALONE))

    @property
    def step(self) -> np.ndarray:
        of_reason = np.array([0, 1, 2, 2, 2, 3, 3, 2, 2, 2, 2], np.int8)
        return of_reason[self.reason]


def write_fates(root: Path, pairs: pa.Table | None = None) -> dict[str, int]:
    """Write fates.parquet and selected.txt; how many images of each set are kept.

    `pairs` is what retrieval chose, with the columns `row`, `query` and `cosine`; without them all that
    deduplication left is kept.
    """
    sets = {"curated": open_embeddings(root, "curated"), "pool": required_embeddings(root, "pool")}
    names = {name: _names(root, name) for name in ("curated", "pool", "evaluation")}
    kept = {}
    with whole_table(root / FATES, SCHEMA) as writer:
        for name, images in sets.items():
            if images is None:
                continue
            fates = _of_pool(root, images, pairs) if name == "pool" else _of_curated(root, images)
            kept[f"kept_{name}"] = int(fates.kept.sum())
            for batch in _tables(name, fates, names):
                writer.write_table(batch)
    (root / DROPPED).unlink(missing_ok=True)  # what it shows is no longer so
    _select(root)
    return kept


def _of_curated(root: Path, images: Embeddings) -> Fates:
    reason = np.full(len(images), UNREADABLE, np.int8)
    reason[images.readable] = GIVEN
    nothing = np.full(len(images), -1, np.int64)
    return Fates(
        reason,
        np.zeros(len(images), np.int8),
        nothing,
        np.full(len(images), np.nan),
        _clusters(root, "curated", images),
    )


def _of_pool(root: Path, images: Embeddings, pairs: pa.Table | None) -> Fates:
    table = read_table(root / deduplicate.TABLE)
    codes = {name: table[name].combine_chunks().indices.to_numpy() for name in ("fate", "because_set", "reason")}
    reason = np.array(_OF_KEPT, np.int8)[codes["reason"]]
    for fate, why in _OF_DUPLICATES.items():
        reason[codes["fate"] == fate] = why
    of_set = np.array([SETS.index(name) for name in deduplicate.SOURCES], np.int8)
    because_set = of_set[codes["because_set"]]
    because, cosine = table["because"].to_numpy().copy(), table["cosine"].to_numpy().copy()
    if pairs is not None:
        left = codes["fate"] == deduplicate.KEPT
        reason[left] = FAR
        row, query, near = (pairs[name].to_numpy() for name in ("row", "query", "cosine"))
        order = np.argsort(near, kind="stable")  # of several curated images the nearest comes last and stays
        reason[row], because_set[row] = TAKEN, SETS.index("curated")
        because[row[order]], cosine[row[order]] = query[order], near[order]
    return Fates(reason, because_set, because, cosine, _clusters(root, "pool", images))


def _clusters(root: Path, name: str, images: Embeddings) -> np.ndarray:
    if read_record(root, "cluster") is None:
        return np.full(len(images), -1, np.int64)
    return labels_of(root, images, name)


def _names(root: Path, name: str) -> pa.ChunkedArray:
    images = open_embeddings(root, name)
    if images is None:
        return pa.chunked_array([], pa.string())
    return pa.chunked_array([table["name"].combine_chunks() for table in images.parts.tables(["name"])], pa.string())


def _tables(name: str, fates: Fates, names: dict[str, pa.ChunkedArray]) -> Iterator[pa.Table]:
    """The rows of one set, so many at a time."""
    for start in range(0, len(fates.reason), ROWS):
        part = Fates(*(column[start : start + ROWS] for column in fates))
        rows = np.arange(start, start + len(part.reason))
        absent = part.because < 0
        columns = [
            words(np.full(len(rows), SETS.index(name)), SETS),
            pa.array(rows),
            names[name].slice(start, len(rows)).combine_chunks(),
            pa.array(part.kept),
            words(part.step, STEPS),
            words(part.reason, REASONS),
            words(part.because_set, SETS),
            pa.array(part.because, mask=absent),
            _because_names(part, names),
            pa.array(part.cosine.astype(np.float32), mask=absent),
            pa.array(part.cluster, mask=part.cluster < 0),
        ]
        yield pa.Table.from_arrays(columns, schema=SCHEMA)


def _because_names(part: Fates, names: dict[str, pa.ChunkedArray]) -> pa.Array:
    found = pa.nulls(len(part.because), pa.string())
    for code, name in enumerate(SETS[1:], 1):
        mine = (part.because_set == code) & (part.because >= 0)
        if mine.any():
            taken = names[name].take(pa.array(part.because[mine])).combine_chunks()
            found = pc.replace_with_mask(found, pa.array(mine), taken)
    return found


def _select(root: Path) -> None:
    """Write selected.txt where every kept image is a file of its own; remove an older one where not."""
    path = root / SELECTED
    if not required_record(root, "embed").get("files"):
        path.unlink(missing_ok=True)
        return
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        table = read_table(root / FATES, ["name", "kept"])
        for name in table.filter(table["kept"])["name"].to_pylist():
            file.write(f"{list_line(from_text(name))}\n")
