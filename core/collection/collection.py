"""Pictures that stay on disk with their features, and are found again by what is on them, wherever on them it is.

    COLLECTION/
      collection.sqlite      what exists: names, labels, tags, dates, and how far the vector files count
      write.lock             held while something is written; one writer at a time, readers need none
      vectors/000001/        cls, mean and patch vectors, places, thumbnails (`core.collection.vectors`)
      index/                 faiss indexes, once exact search is slow; may be deleted (`core.collection.index`)

Whatever is killed at whatever moment, the next one finds the collection as it was after the last whole change. Opening
reads one row of the database; the first search or thumbnail maps files, and reads the places of all pictures (0.05 s for
100,000). Bytes that changed on the disk are noticed where they are read (`core.collection.checksums`).
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.analysis.maps import described
from core.collection.adding import Added, Progress, add
from core.collection.duplicates import near_duplicates
from core.collection.encode import Encoder
from core.collection.facets import EVERYTHING, Filter
from core.collection.importing import bring_in
from core.collection.incoming import Limits
from core.collection.index import IndexFacts
from core.collection.labelling import Labeller
from core.collection.query import (
    NEGATIVE_WEIGHT,
    Example,
    Kept,
    Mode,
    Query,
    QueryContext,
    as_ids,
    as_sources,
    check_count,
    check_origin,
    gone,
)
from core.collection.records import VERSION, About, Record
from core.collection.search import EXACT_VALUES, Hit, MatchedPart, Method, Searcher
from core.collection.store import Store
from core.collection.tagging import Tagging
from core.collection.transport import export
from core.errors import CollectionError, DinoError, RequestError
from core.features import FeatureMap, Origin
from core.model.vit import VisionTransformer
from core.pictures.geometry import Geometry
from core.wording import counted

__all__ = ["Added", "Collection", "Example", "Hit", "MatchedPart", "Method", "Query", "Record", "Tagging"]

log = logging.getLogger(__name__)

NAMED = 3
"""Damaged pictures that are named; the others are counted."""
SIZE = 224
"""Longer side at which pictures are shown to the model unless asked otherwise: 16×16 patches each, and with ViT-S a
thousand and more a minute on two cores. 518 finds smaller parts and takes eight times as long. The same for every
model, not its `default_size`, since it decides how fast a collection fills."""


class Collection:
    """A folder of pictures that can be searched. Its model, weights, layer and size are fixed when it is made.

    Threads and processes may share a folder, each through a `Collection` of its own or a common one.
    """

    def __init__(
        self,
        folder: str | Path,
        model: VisionTransformer | None = None,
        *,
        title: str = "",
        size: int = SIZE,
        layer: int = -1,
        lock: AbstractContextManager | None = None,
        exact_values: int = EXACT_VALUES,
    ):
        """Open the collection in `folder`, or make one for `model` where there is none.

        Without a model it can be looked at and searched with vectors. `size` and `layer` are for a new one. `lock` is
        held while the model computes. Up to `exact_values` numbers are compared one by one before an index is used.
        Raises CollectionError where the folder holds no collection, or one that was made with another model.
        """
        self.folder = Path(folder)
        self.store = Store(self.folder)
        self.searcher = Searcher(self.folder, exact_values)
        self._told: set[str] = set()
        lock = nullcontext() if lock is None else lock
        if not self.store.exists:
            self.store.check_not_orphaned()
            if model is None:
                raise CollectionError(f"{self.folder} holds no collection; give a model to make one there.")
            self.store.create(_about(Encoder(model, size, layer), title or self.folder.name))
        self.about = self.store.records.about()
        if self.about.version != VERSION:
            raise CollectionError(f"{self.folder} was written by another version ({self.about.version}).")
        self.encoder = None
        if model is not None:
            self.encoder = Encoder(model, self.about.size, self.about.layer, lock)
            check_origin(self.origin, self.encoder.origin, "working")

    @property
    def origin(self) -> Origin:
        """The model, weights, layer and size that made its vectors."""
        return Origin(self.about.model, self.about.weights, self.about.layer, self.about.size)

    @property
    def title(self) -> str:
        return self.store.records.about().title

    def __len__(self) -> int:
        return int(self.store.snapshot().alive.sum())

    def add(
        self,
        images: Any,
        *,
        tags: Sequence[str] = (),
        progress: Progress = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
        limits: Limits = Limits(),
        labels: Labeller | None = None,
    ) -> Added:
        """The outcome for every picture in `images`: one or a list of paths, bytes and PIL pictures.

        A path is a picture, a folder (searched all the way down), a zip, a tar or a compressed tar. A folder's name
        becomes the label of the pictures in it, unless `labels` says otherwise (`core.collection.labelling`). Files that cannot be read are listed, never fatal; a file that is
        there already is only counted. Other threads and processes may add and search at the same time.
        """
        if self.encoder is None:
            raise CollectionError(
                f"Adding needs the collection's model, {described(self.origin)}: Collection(folder, model)."
            )
        return add(self.store, self.encoder, as_sources(images), tags, progress, cancelled, limits, labels)

    def search(
        self,
        what: Any,
        k: int = 24,
        *,
        mode: Mode | None = None,
        box: tuple[float, float, float, float] | None = None,
        point: tuple[float, float] | None = None,
        against: Sequence[Any] = (),
        weight: float = NEGATIVE_WEIGHT,
        tags: Iterable[str] = (),
        only: Filter = EVERYTHING,
        offset: int = 0,
    ) -> list[Hit]:
        """The `k` pictures that answer best, each with where it matches.

        `what`: a picture (path, bytes, PIL, feature map), an `Example`, a list of these, a vector [D], or a `Query`.
        `box` and `point` (pixels) ask with a part of a single picture. `against`: what results should be unlike, as
        much as `weight` says. `mode`: "cls" compares whole pictures, "mean" their mean patch, "region" every part of
        them ("cls" by default, "region" with a box or point). `tags`: only pictures that have all of them; `only`: those
        that a filter leaves. `offset`: results that are passed over, as on a second page.
        """
        check_count(k, offset)
        query = self.query(what, mode, box, point, against, weight)
        snapshot = self.store.snapshot()
        only = replace(only, tags=(*only.tags, *tags))
        rows = snapshot.rows_of(self.store.records.matching(only)) if only else np.flatnonzero(snapshot.alive)
        ranked = self.searcher.rank(snapshot, query.mode, query.vector, offset + k, rows)
        found, scores = (part[offset:] for part in ranked)
        self._tell()
        records = self.store.records.get(snapshot.ids[found].tolist())
        return [
            Hit(record, float(np.clip(score, -1, 1)), self.searcher.place(snapshot, query, row, record))
            for row, score in zip(found.tolist(), scores.tolist(), strict=True)
            if (record := records.get(int(snapshot.ids[row])))  # else removed a moment ago
        ]

    @property
    def problems(self) -> list[str]:
        """What is wrong with its files, as far as was noticed by now: a sentence each, without paths."""
        return [*self._damage(self.store.damaged()), *self.searcher.problems.values()]

    def verify(self) -> list[int]:
        """The ids of pictures whose vectors, cells or thumbnail are not as they were written; all files are read.

        They are left out of every search. Add the same files again, which takes their place with their tags kept, or
        remove them.
        """
        return self.store.verify()

    def query(
        self,
        what: Any,
        mode: Mode | None = None,
        box: tuple[float, float, float, float] | None = None,
        point: tuple[float, float] | None = None,
        against: Sequence[Any] = (),
        weight: float = NEGATIVE_WEIGHT,
    ) -> Query:
        """The query that `search` would make, to be used more than once."""
        return QueryContext(self.origin, self.about.width, self.encoder).query(what, mode, box, point, against, weight)

    def remove(self, ids: int | Sequence[int]) -> int:
        """Forget pictures; how many of the ids were there."""
        return self.store.remove(as_ids(ids))

    def restore(self, records: Sequence[Record]) -> int:
        """Undo a removal, given the records of before; how many came back.

        Those do not whose room was given back meanwhile (`tidy`, or a later change after many removals), nor those
        whose file was added again.
        """
        return self.store.restore(records)

    def rename(self, title: str) -> None:
        """Give the collection another title; its folder stays where it is."""
        if not title.strip():
            raise RequestError("A collection needs a name; type at least one letter.")
        self.store.rename(title.strip()[:200])

    def tag(self, ids: Sequence[int], tags: Sequence[str], *, off: bool = False) -> Tagging:
        """Put tags on pictures, or take them off; what changed, for `undo_tags`."""
        return self.store.tag([(tag, int(identity)) for identity in ids for tag in tags], off=off)

    def undo_tags(self, change: Tagging) -> Tagging:
        """Undo a change of tags; what changed back, pictures that were removed meanwhile left out."""
        return self.store.tag(change.pairs, off=not change.off)

    def tags(self) -> dict[str, int]:
        """Every tag with the number of its pictures."""
        return self.store.records.tags()

    def records(
        self, offset: int = 0, limit: int = -1, only: Filter = EVERYTHING, newest: bool = False
    ) -> list[Record]:
        """The records of the pictures that the filter leaves, in the order they were added, or `newest` first."""
        return self.store.records.page(offset, limit, only, newest)

    def kept(self, identity: int) -> Kept:
        """A picture of the collection to search with, or with a part of it, in an `Example`. Errors as of `thumbnail`."""
        snapshot = self.store.snapshot()
        found = snapshot.rows_of([identity])
        record = self.store.records.get([identity]).get(identity)
        if record is None or not len(snapshot.whole(found, "cls", "mean", "cells")):
            raise self._unreadable(identity)
        row = int(found[0])
        cls, mean = (torch.from_numpy(np.array(getattr(snapshot, kind)[row])).float() for kind in ("cls", "mean"))
        cells = snapshot.unprojected(row)
        rows, columns = cells.shape[:2]
        geometry = Geometry(record.height, record.width, rows, columns, snapshot.about.patch)
        return Kept(cls, mean, FeatureMap(cells, cls, geometry))

    def thumbnail(self, identity: int) -> bytes:
        """A small WebP of one picture. RequestError where it is not here, CollectionError where it is damaged."""
        snapshot = self.store.snapshot()
        rows = snapshot.rows_of([identity])
        if not len(snapshot.whole(rows, "thumbnails")):
            raise self._unreadable(identity)
        return snapshot.thumbnail(int(rows[0]))

    def vectors(self, kind: str = "cls") -> tuple[np.ndarray, np.ndarray]:
        """Ids [n] int64 and unit vectors [n, D] float16, of the cls tokens or the mean patches ("mean")."""
        if kind not in ("cls", "mean"):
            raise RequestError(f"kind is {kind!r}; choose 'cls' or 'mean'.")
        snapshot = self.store.snapshot()
        rows = snapshot.whole(np.flatnonzero(snapshot.alive), kind)
        self._tell()
        return snapshot.ids[rows], getattr(snapshot, kind)[rows]

    def near_duplicates(
        self,
        threshold: float = 0.95,
        progress: Progress = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[list[int]]:
        """Groups of ids whose cls vectors have at least that cosine, directly or through others; largest first."""
        groups = near_duplicates(self.store.snapshot(), threshold, progress, cancelled)
        self._tell()
        return groups

    def method(self, mode: Mode = "cls") -> Method:
        """The current kind of search of that mode: exact, or an index with its recall."""
        return self.searcher.method(self.store.snapshot(), mode)

    def build_indexes(self) -> list[IndexFacts]:
        """Build the indexes that are due, and none that is not. Search goes on meanwhile, on another thread."""
        snapshot = self.store.snapshot()
        return [self.searcher.build(snapshot, space) for space in self.searcher.due(snapshot)]

    def tidy(self) -> None:
        """Give back the room of removed pictures."""
        self.store.tidy()

    def export(self, path: str | Path, told: Callable[[int, int], None] = lambda done, total: None) -> Path:
        """The collection as one zip, thumbnails and vectors included, the pictures themselves not.

        `told` hears how many pieces are written of how many, and may raise to end it, which leaves nothing. Pictures that are damaged are left out, which `problems` says then.
        """
        made = export(self.store, Path(path), told)
        self._tell()
        return made

    @classmethod
    def bring_in(cls, path: str | Path, folder: str | Path, model: VisionTransformer | None = None) -> "Collection":
        """The collection of an exported zip, in a new folder."""
        bring_in(Path(path), Path(folder))
        return cls(folder, model)

    def _unreadable(self, identity: int) -> DinoError:
        damage = self._damage([identity] if self.store.records.get([identity]) else [])
        return CollectionError(damage[0]) if damage else gone(identity)

    def _damage(self, ids: Sequence[int]) -> list[str]:
        """A sentence about damaged pictures, where there are any."""
        if not ids:
            return []
        names = [record.name for record in self.store.records.get(ids[:NAMED]).values()]
        what = counted(len(ids), "picture")
        more = " …" if len(ids) > NAMED else ""
        return [
            f"{what} of the collection {self.title!r} cannot be read any more, since bytes on the disk have changed "
            f"({', '.join(names)}{more}); the others are searched. Add the same files again, which takes their place, or "
            "remove them."
        ]

    def _tell(self) -> None:
        """Log what is wrong, each thing once."""
        for sentence in self.problems:
            if sentence not in self._told:
                log.warning("%s", sentence)
                self._told.add(sentence)


def _about(encoder: Encoder, title: str) -> About:
    origin, config = encoder.origin, encoder.model.config
    return About(
        version=VERSION,
        title=title,
        model=origin.model,
        weights=origin.weights,
        layer=origin.layer,
        size=origin.size,
        width=config.width,
        patch=config.patch,
    )
