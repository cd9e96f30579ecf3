"""DIR/dropped.parquet: of the images that were dropped, so many of each kind that they can be browsed, with pictures.

Each stands beside the image that decided. What no curated image retrieved stands beside the one nearest to it.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from core.records.curation import FATES, Dropped, Kind, write_dropped
from train.curate.embeddings import SETS, ImageRow, open_embeddings, required_embeddings
from train.curate.folder import read_record, read_table, required_record
from train.curate.search.nearest import ExactSearch, gather
from train.curate.steps import fates
from train.curate.steps.counts import steps_of
from train.curate.steps.originals import Originals, small_copy

BROWSED = 480
"""Images of each kind."""
SIDE = 160
"""Pixels of a picture: two of them take some ten thousand bytes."""
KINDS = {
    "near-duplicate": (fates.COPY, "near-duplicates", "kept instead"),
    "evaluation": (fates.IN_EVALUATION, "evaluation duplicates", "evaluation image"),
    "curated": (fates.IN_CURATED, "curated already", "curated image"),
    "not-retrieved": (fates.FAR, "not retrieved", "nearest curated image"),
    "unreadable": (fates.UNREADABLE, "cannot be read", ""),
}
"""By key: the reason in fates.parquet, the kind's title, and what the picture beside each is."""
COLUMNS = ["set", "row", "because_set", "because_row", "cosine"]
"""Of fates.parquet."""


class _Chosen(NamedTuple):
    """Dropped images in the order they are shown, [m] each; `because` −1 and `cosine` NaN where no image decided."""

    sets: list[str]
    rows: np.ndarray
    because_sets: list[str]
    because: np.ndarray
    cosine: np.ndarray


def write_browsed(root: Path, most: int = BROWSED) -> Path:
    """Write dropped.parquet: up to `most` images of each kind, the most doubtful first.

    They are taken evenly from all of a kind: of copies from the least similar on, of those not retrieved from the
    most similar on. An image that cannot be read any more is shown without a picture.
    """
    embedded, deduplicated = required_record(root, "embed"), required_record(root, "deduplicate")
    steps = steps_of(embedded, deduplicated, read_record(root, "retrieve"))
    pictures, table = _Pictures(root), read_table(root / FATES, [*COLUMNS, "reason"])
    found = []
    for key, (reason, title, other) in KINDS.items():
        mine = table.filter(pc.equal(pc.cast(table["reason"], "string"), fates.REASONS[reason]))
        if images := len(mine):
            chosen = _some(mine, most)
            if reason == fates.FAR:
                chosen = _beside_nearest(root, chosen)
            found.append((Kind(key, title, other, images, len(chosen.rows)), pictures.of(chosen)))
    return write_dropped(root, steps, found)


def _some(table: pa.Table, most: int) -> _Chosen:
    """Up to `most` rows of fates.parquet, evenly from the least similar one to the most; in their order where no
    image decided."""
    near = table["cosine"].to_numpy()
    order = np.argsort(near, kind="stable")  # those that are not a number keep their order
    places = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    sets, rows, because_sets, because, cosine = table.select(COLUMNS).take(order[places]).columns
    return _Chosen(
        sets.to_pylist(),
        rows.to_numpy(),
        because_sets.to_pylist(),
        because.fill_null(-1).to_numpy(),
        cosine.to_numpy(),
    )


def _beside_nearest(root: Path, chosen: _Chosen) -> _Chosen:
    """Images of the pool with the curated image nearest to each, those nearest to one first."""
    curated, pool = required_embeddings(root, "curated"), required_embeddings(root, "pool")
    search = ExactSearch(curated.vectors, curated.readable, torch.device("cpu"))
    found = search.nearest(gather(pool.vectors, chosen.rows).numpy(), 1)
    order = np.argsort(-found.cosines[:, 0], kind="stable")
    return _Chosen(
        ["pool"] * len(order),
        chosen.rows[order],
        ["curated"] * len(order),
        found.places[order, 0],
        found.cosines[order, 0],
    )


class _Pictures:
    """Names and small pictures of the images of a curation, as they are needed."""

    def __init__(self, root: Path):
        originals = Originals(root)
        self.images = {name: open_embeddings(root, name) for name in SETS}
        self.picture = functools.lru_cache(maxsize=256)(lambda name, row: small_copy(originals, name, row, SIDE))

    def of(self, chosen: _Chosen) -> Iterator[Dropped]:
        """The images to be shown, one after the other."""
        images, others = self._rows(chosen.sets, chosen.rows), self._rows(chosen.because_sets, chosen.because)
        for image, other, own, row, its, because, cosine in zip(images, others, *chosen, strict=True):
            picture = self.picture(own, int(row)) if image.problem is None else None
            dropped = Dropped(image.name, picture, problem=image.problem)
            if other is not None:
                beside = self.picture(its, int(because))
                dropped = dropped._replace(because=other.name, because_picture=beside, cosine=float(cosine))
            yield dropped

    def _rows(self, sets: list[str], rows: np.ndarray) -> list[ImageRow | None]:
        """The records of images of several sets, in their order; None where a row is −1."""
        found: list[ImageRow | None] = [None] * len(rows)
        for name, images in self.images.items():
            mine = np.flatnonzero((np.array(sets) == name) & (rows >= 0))
            if images is not None:
                for place, row in zip(mine.tolist(), images.rows(rows[mine]), strict=True):
                    found[place] = row
        return found
