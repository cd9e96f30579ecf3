"""The same collection over Qdrant, for when one machine is outgrown.

Qdrant keeps `cls` and `mean` of a picture as one vector each and its cells as a multivector, whose nearest cell is what
the mode "region" needs (MAX_SIM). Names, tags and the thumbnail are its payload. The client is an optional package:
`python -m pip install qdrant-client`. It brings a mode of its own that keeps everything in a folder, which suits tests and
a few thousand pictures; a server is started with this compose file, and given as `url="http://localhost:6333"`:

    services:
      qdrant:
        image: qdrant/qdrant:v1.15.4
        ports: ["127.0.0.1:6333:6333"]
        volumes: ["./qdrant:/qdrant/storage"]
        restart: unless-stopped

D width of the model, h w cells of a picture.
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from core.collection.adding import Added, Progress, add
from core.collection.encode import Encoder, Entry
from core.collection.incoming import Limits
from core.collection.query import (
    NEGATIVE_WEIGHT,
    Mode,
    Query,
    QueryContext,
    as_ids,
    as_sources,
    check_count,
    check_origin,
    gone,
)
from core.collection.records import Record, now
from core.collection.search import SPACES, Hit, place_of
from core.encoding import base64_of
from core.errors import CollectionError
from core.features import Origin
from core.model.vit import VisionTransformer

PAGE = 256


class QdrantCollection:
    """A collection in Qdrant, with `Collection`'s `add`, `search`, `query`, `remove`, `tags` and `thumbnail`.

    `url` is a server's address, or `folder` where the client keeps everything itself. Raises CollectionError where the
    client is not installed, the server does not answer, or the collection was made with another model.
    """

    def __init__(
        self,
        name: str,
        model: VisionTransformer,
        *,
        url: str | None = None,
        folder: str | Path | None = None,
        size: int = 224,
        layer: int = -1,
        lock: AbstractContextManager | None = None,
    ):
        self.name = name
        self.models = _models()
        self.encoder = Encoder(model, size, layer, nullcontext() if lock is None else lock)
        self.patch = model.config.patch
        client = _client()
        with _answering(url):
            self.client = (
                client(url=url, check_compatibility=False)
                if url
                else client(path=str(folder))
                if folder
                else client(":memory:")
            )
            if not self.client.collection_exists(name):
                self._create(model.config.width)
            made = self._point(0)
        self.origin = Origin(**made.payload["origin"])
        check_origin(self.origin, self.encoder.origin, "working")
        self.encoder = Encoder(model, self.origin.size, self.origin.layer, self.encoder.lock)

    def __len__(self) -> int:
        return self.client.count(self.name).count - 1

    def add(
        self,
        images: Any,
        *,
        tags: Sequence[str] = (),
        progress: Progress = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
        limits: Limits = Limits(),
    ) -> Added:
        """As `Collection.add`: one writer at a time, since ids are counted here."""
        return add(self, self.encoder, as_sources(images), tags, progress, cancelled, limits)

    def known(self, digests: Sequence[str]) -> set[str]:
        """Those of the digests whose files are there already."""
        condition = self.models.FieldCondition(key="digest", match=self.models.MatchAny(any=list(digests)))
        points, _ = self.client.scroll(
            self.name,
            scroll_filter=self.models.Filter(must=[condition]),
            limit=len(digests) + 1,
            with_payload=["digest"],
        )
        return {point.payload["digest"] for point in points}

    def append(self, entries: Sequence[Entry]) -> list[int]:
        """Add encoded pictures; the ids of those whose file was not there already."""
        known = self.known([entry.digest for entry in entries])
        fresh = list({entry.digest: entry for entry in entries if entry.digest not in known}.values())
        if not fresh:
            return []
        first = self._point(0).payload["next_id"]
        ids = list(range(first, first + len(fresh)))
        # the count first: whoever is killed in between leaves a gap, never an id that is used twice
        self.client.set_payload(self.name, {"next_id": ids[-1] + 1}, points=[0], wait=True)
        points = [self._as_point(identity, entry) for identity, entry in zip(ids, fresh, strict=True)]
        self.client.upsert(self.name, points, wait=True)
        return ids

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
    ) -> list[Hit]:
        """As `Collection.search`."""
        check_count(k)
        query = self.query(what, mode, box, point, against, weight)
        models = self.models
        conditions = [models.FieldCondition(key="tags", match=models.MatchValue(value=tag)) for tag in tags]
        vector = query.vector.tolist()
        found = self.client.query_points(
            self.name,
            query=[vector] if query.mode == "region" else vector,
            using=SPACES[query.mode],
            query_filter=models.Filter(must=[_pictures(models), *conditions]),
            limit=k,
            with_vectors=["cells"],
            with_payload=True,
        )
        return [self._hit(scored, query) for scored in found.points]

    def query(
        self,
        what: Any,
        mode: Mode | None = None,
        box: tuple[float, float, float, float] | None = None,
        point: tuple[float, float] | None = None,
        against: Sequence[Any] = (),
        weight: float = NEGATIVE_WEIGHT,
    ) -> Query:
        """As `Collection.query`."""
        width = self.encoder.model.config.width
        return QueryContext(self.origin, width, self.encoder).query(what, mode, box, point, against, weight)

    def remove(self, ids: int | Sequence[int]) -> int:
        """Forget pictures; how many of the ids were there."""
        wanted = [identity for identity in as_ids(ids) if identity > 0]
        there = [point.id for point in self.client.retrieve(self.name, wanted, with_payload=False)]
        if there:
            self.client.delete(self.name, points_selector=self.models.PointIdsList(points=there), wait=True)
        return len(there)

    def tags(self) -> dict[str, int]:
        """Every tag with the number of its pictures, most used first."""
        counts: dict[str, int] = {}
        offset = None
        while True:
            points, offset = self.client.scroll(self.name, limit=PAGE, offset=offset, with_payload=["tags"])
            for point in points:
                for tag in point.payload.get("tags", ()):
                    counts[tag] = counts.get(tag, 0) + 1
            if offset is None:
                return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def thumbnail(self, identity: int) -> bytes:
        """A small WebP of one picture. RequestError where it is not here."""
        point = self._point(identity) if identity > 0 else None
        if point is None:
            raise gone(identity)
        return base64.b64decode(point.payload["thumbnail"])

    def _create(self, width: int) -> None:
        """An empty collection; its point 0 is no picture but says what made the vectors."""
        models = self.models
        one = models.VectorParams(size=width, distance=models.Distance.COSINE)
        comparator = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
        many = models.VectorParams(
            size=width,
            distance=models.Distance.COSINE,
            datatype=models.Datatype.FLOAT16,
            multivector_config=comparator,
            on_disk=True,
        )
        self.client.create_collection(self.name, {"cls": one, "mean": one, "cells": many})
        about = {"origin": asdict(self.encoder.origin), "next_id": 1}
        self.client.upsert(self.name, [models.PointStruct(id=0, vector={}, payload=about)], wait=True)

    def _point(self, identity: int):
        points = self.client.retrieve(self.name, [identity])
        return points[0] if points else None

    def _as_point(self, identity: int, entry: Entry):
        payload = {name: getattr(entry, name) for name in ("name", "label", "digest", "height", "width")}
        payload |= {"tags": list(entry.tags), "added": now(), "grid": list(entry.cells.shape[:2])}
        payload["thumbnail"] = base64_of(entry.thumbnail)
        cells = entry.cells.flatten(0, 1).tolist()
        vectors = {"cls": entry.cls.tolist(), "mean": entry.mean.tolist(), "cells": cells}
        return self.models.PointStruct(id=identity, vector=vectors, payload=payload)

    def _hit(self, scored, query: Query) -> Hit:
        payload = scored.payload
        names = ("name", "label", "added", "height", "width", "digest")
        record = Record(id=scored.id, tags=tuple(payload["tags"]), **{name: payload[name] for name in names})
        cells = F.normalize(torch.tensor(np.asarray(scored.vector["cells"], np.float32)), dim=-1)
        heat = (cells @ query.place).unflatten(0, payload["grid"]).numpy()
        return Hit(record, float(scored.score), place_of(heat, record, self.patch))


def _pictures(models):
    """Every point but the one that describes the collection."""
    return models.FieldCondition(key="height", range=models.Range(gte=1))


class _answering(AbstractContextManager):
    """CollectionError in place of whatever the client raises for a server that is not there."""

    def __init__(self, url: str | None):
        self.url = url

    def __exit__(self, kind, error, trace) -> None:
        if self.url and error is not None and not isinstance(error, CollectionError):
            raise CollectionError(
                f"Qdrant at {self.url} does not answer ({error}); start it, or check the address. This module's "
                "docstring has a compose file."
            ) from error


def _client():
    try:
        from qdrant_client import QdrantClient  # optional, and half a second to import
    except ImportError as error:
        raise CollectionError("Collections in Qdrant need its client: python -m pip install qdrant-client") from error
    return QdrantClient


def _models():
    _client()
    from qdrant_client import models

    return models
