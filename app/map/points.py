"""The points of a map: pictures or patches with a vector each, from the tray or a collection, all alike.

n points, D width.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.page.linked import Sought
from app.server.built_in import KEYS
from app.server.engine import Engine, Item
from app.server.models import Loaded
from app.server.session import Picture, Tray
from core import RequestError
from core.collection.collection import Collection
from core.collection.facets import Filter
from core.encoding import picture_bytes
from core.errors import CollectionError
from core.features import FeatureMap

THUMBNAIL_SIDE = 96
"""Pixels of the longer side: sharp at the largest size at which points become pictures."""
ENLARGED_SIDE = 320
"""Pixels of the longer side of a picture that is looked at by itself."""
AROUND, FURTHER_AROUND = 1.5, 4.5
"""Patches from the middle of a patch's thumbnail to its edge, an eye alone is not recognised; and of it enlarged."""
KEPT_SIDE = 1024
"""Pixels of the copies that patches are cut from."""
MOST_POINTS = 200_000
"""Points of one map: 5 MB to the browser."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """Points to be mapped. Everything per point comes in the same order."""

    title: str
    names: Sequence[str]
    vectors: np.ndarray
    """[n, D], of any length."""
    labels: Sequence[str]
    """The label of each, "" where nothing is known."""
    dates: Sequence[float]
    """Seconds since 1970, NaN where nothing is known."""
    thumbnail: Callable[[int], tuple[str, bytes]]
    """The media type and the file of a small picture of one point."""
    picture: Callable[[int], tuple[str, bytes] | str]
    """The picture that opens when a point is clicked: the name and file of a picture, or the id of one in the tray."""
    enlarged: Callable[[int], tuple[str, bytes]]
    """The media type and the file of a picture of one point to be looked at by itself."""
    sought: Callable[[int], Sought]
    """What Search asks with for more like one point."""
    shelved: "Shelved | None" = None
    """Of points that are pictures of a collection."""
    credit: str = ""
    """A sentence on whom to thank for the pictures."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def token(self) -> str:
        """Tells this map's points from another's when the browser asks for one."""
        digest = hashlib.sha256(np.ascontiguousarray(self.vectors).tobytes())
        shelved = [self.shelved.key, *map(str, self.shelved.ids)] if self.shelved else []
        digest.update("\0".join([self.title, *self.names, *shelved]).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:24]


@dataclass(frozen=True, eq=False)
class Shelved:
    """Where points are kept that are pictures of a collection."""

    key: str
    collection: Collection
    ids: np.ndarray
    """[n] int64: the record of each point."""

    @property
    def changeable(self) -> bool:
        """Whether its pictures can be tagged: not those that ship."""
        return self.key not in KEYS

    def lit(self, only: Filter) -> np.ndarray:
        """[n] bool: the points that a filter leaves."""
        return np.isin(self.ids, self.collection.store.records.matching(only))


def of_collection(
    key: str, collection: Collection, original: Callable[[str], Path | None] = lambda name: None, credit: str = ""
) -> Atlas:
    """The pictures of the collection of that key by their cls vectors; the label is the folder or class they came with.

    `original` gives the file of a picture by its name where there is more of it than the thumbnail. Raises RequestError
    for more than MOST_POINTS.
    """
    ids, vectors = collection.vectors("cls")
    if len(ids) > MOST_POINTS:
        raise RequestError(f"{len(ids):,} pictures are more than one map holds ({MOST_POINTS:,}); map a part of them.")
    known = {record.id: record for record in collection.records()}
    kept = [row for row, identity in enumerate(ids.tolist()) if identity in known]  # else removed a moment ago
    records = [known[int(ids[row])] for row in kept]

    def thumbnail(point: int) -> tuple[str, bytes]:
        return "image/webp", _thumbnail(collection, records[point].id)

    def picture(point: int) -> tuple[str, bytes]:
        file = original(records[point].name)
        return records[point].name.split("/")[-1], file.read_bytes() if file else thumbnail(point)[1]

    return Atlas(
        title=collection.title,
        names=[record.name for record in records],
        vectors=vectors[kept].astype(np.float32),
        labels=[record.label for record in records],
        dates=[record.added for record in records],
        thumbnail=thumbnail,
        picture=picture,
        enlarged=thumbnail,
        sought=lambda point: Sought(key, records[point].id),
        shelved=Shelved(key, collection, ids[kept]),
        credit=credit,
    )


def _thumbnail(collection: Collection, identity: int) -> bytes:
    """What was kept of a picture; a grey square where that is damaged, since its point is right nevertheless."""
    try:
        return collection.thumbnail(identity)
    except CollectionError:
        return picture_bytes(Image.new("RGB", (16, 16), (128, 128, 128)), "WEBP")


def of_tray(engine: Engine, tray: Tray, model: Loaded, layer: int, size: int) -> Atlas:
    """All pictures of the tray by their cls vectors. What is not computed yet is computed now."""
    items, maps = encoded(engine, tray, tray.pictures, model, layer, size)
    large = [jpeg(item.image, ENLARGED_SIDE) for item in items]
    small = [jpeg(item.image) for item in items]
    return Atlas(
        title="The tray",
        names=[picture.name for picture in tray.pictures],
        vectors=stacked([feature_map.cls for feature_map in maps]),
        labels=[""] * len(items),
        dates=[float("nan")] * len(items),
        thumbnail=small.__getitem__,
        picture=lambda point: tray.pictures[point].id,
        enlarged=large.__getitem__,
        sought=lambda point: Sought(picture=tray.pictures[point].id),
    )


def of_patches(engine: Engine, tray: Tray, model: Loaded, layer: int, size: int) -> Atlas:
    """Every patch of the selected pictures; the label is the picture it is of."""
    items, maps = encoded(engine, tray, tray.chosen, model, layer, size)
    pictures = tray.chosen
    small = [_shrunk(item.image) for item in items]
    places = [
        (index, row, column)
        for index, feature_map in enumerate(maps)
        for row in range(feature_map.grid[0])
        for column in range(feature_map.grid[1])
    ]

    def cut(point: int, patches: float, side: int) -> tuple[str, bytes]:
        index, row, column = places[point]
        geometry = maps[index].geometry
        factor = small[index].width / geometry.width
        x, y = geometry.center(row, column)
        reach = patches * geometry.stride
        width, height = small[index].size
        left, top, right, bottom = (round(edge * factor) for edge in (x - reach, y - reach, x + reach, y + reach))
        inside = max(left, 0), max(top, 0), min(right, width), min(bottom, height)  # beyond it, all would be black
        return jpeg(small[index].crop(inside), side)

    def sought(point: int) -> Sought:
        index, row, column = places[point]
        geometry = maps[index].geometry
        x, y = geometry.center(row, column)
        return Sought(picture=pictures[index].id, point=(x / geometry.width, y / geometry.height))

    return Atlas(
        title="Patches of the selected pictures",
        names=[f"{pictures[index].name}, row {row + 1}, column {column + 1}" for index, row, column in places],
        vectors=stacked([patch for feature_map in maps for patch in feature_map.patches.flatten(0, 1)]),
        labels=[pictures[index].name for index, _, _ in places],
        dates=[float("nan")] * len(places),
        thumbnail=lambda point: cut(point, AROUND, THUMBNAIL_SIDE),
        picture=lambda point: pictures[places[point][0]].id,
        enlarged=lambda point: cut(point, FURTHER_AROUND, ENLARGED_SIDE),
        sought=sought,
    )


def stacked(vectors: Sequence[Tensor]) -> np.ndarray:
    """[n, D] float32; [0, 1] of none."""
    return torch.stack(list(vectors)).float().numpy() if vectors else np.zeros((0, 1), np.float32)


def encoded(
    engine: Engine, tray: Tray, pictures: Sequence[Picture], model: Loaded, layer: int, size: int
) -> tuple[list[Item], list[FeatureMap]]:
    """The pictures, decoded, with their features."""
    items = engine.items(tray, pictures)
    return items, engine.feature_maps(model, items, layer, size) if items else []


def _shrunk(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((KEPT_SIDE, KEPT_SIDE))
    return small


def jpeg(image: Image.Image, side: int = THUMBNAIL_SIDE) -> tuple[str, bytes]:
    """The media type and the file of a small copy, whose longer side is half of `side` at least."""
    small = image.copy()
    small.thumbnail((side, side))
    if max(small.size) < side / 2:
        factor = side / 2 / max(small.size)
        width, height = (max(round(side * factor), 1) for side in small.size)
        small = small.resize((width, height), Image.Resampling.BICUBIC)
    return "image/jpeg", picture_bytes(small, "JPEG", quality=80)
