"""Encode once, ask often: the one place where the app runs a model.

A picture's features are kept by (hash of the file, hash of the weights, layer, size), so that a control that
needs no forward pass never runs one, whoever asks.
"""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

import core
from app.server.latest import Latest
from app.server.memory import Memory, give_freed_pixels_back
from app.server.models import Loaded, Models
from app.server.presence import CALLER
from app.server.returning import Returning
from app.server.session import Captured, Tray
from app.server.session import Picture as TrayPicture
from app.server.shelf import Shelf
from app.server.turns import Stopped
from app.server.uploads import GALLERY, RETURN_S, Library
from core.analysis.attention_maps import AttentionCapture, capture_attention
from core.analysis.words import WordsCapture, capture_words
from core.features import FeatureMap, Geometry, Picture, plan_grid
from core.model.interrupt import between_blocks
from core.pictures.image import LARGEST_PIXELS, Reduced

FEATURES_MB = 1024
"""At 518 px a picture's ViT-S features take 2 MB, its ViT-g features 8."""
PAINTED_MB = 256
WAKE_S = 0.2
"""Between two looks of someone who waits for a model whether they still want to."""


@dataclass(frozen=True)
class Item:
    """One picture to be encoded: the hash it is known by, and its pixels."""

    digest: str
    picture: Reduced

    @property
    def image(self) -> Image.Image:
        """The pixels there are to paint on, RGB: of a large picture fewer than the original has."""
        return self.picture.image


class Engine:
    """Models, files and what was computed from them, for all visitors."""

    def __init__(
        self,
        model: str = "embedded",
        *,
        features_mb: float = FEATURES_MB,
        models: Models | None = None,
        shelf: Shelf | None = None,
        largest: int = LARGEST_PIXELS,
    ):
        give_freed_pixels_back()
        self.models = models or Models(model)
        self.shelf = shelf or Shelf()
        self.library = Library(largest=largest)
        self.returning = Returning(self.library)
        self.features = Memory(features_mb)
        self.painted = Memory(PAINTED_MB)
        """Made for the browser from pictures and features."""
        self.forwards = 0
        """Forward passes run so far, counted per picture."""
        self.latest: dict[str, Latest] = defaultdict(Latest)
        """By what they show, usually a tab, the answers of which a visitor's newest counts."""
        self._stops: dict[tuple[str, str], threading.Event] = {}

    def stop_signal(self, visitor: str, task: str = "view") -> threading.Event:
        """A new signal for the task that this visitor starts now; `stop` sets it."""
        signal = self._stops[visitor, task] = threading.Event()
        return signal

    def take_over(self, visitor: str, task: str) -> threading.Event:
        """A new signal for a task that takes the place of what this visitor had running under the same name."""
        self.stop(visitor, task)
        return self.stop_signal(visitor, task)

    def stop(self, visitor: str, task: str = "view") -> None:
        """End a task that this visitor waits for, at the next place where it can end."""
        if (visitor, task) in self._stops:
            self._stops[visitor, task].set()

    def leave(self, visitor: str, grace: float = RETURN_S) -> None:
        """A visitor's page was closed: stop what runs for it, and forget its tray after `grace` seconds."""
        for key in [key for key in self._stops if key[0] == visitor]:
            self._stops.pop(key).set()
        for kind in list(self.latest.values()):
            kind.forget(visitor)
        self.returning.leave(visitor, grace)
        self.library.leave(visitor, grace)

    def items(self, tray: Tray, pictures: Sequence[TrayPicture] | None = None) -> list[Item]:
        """The tray's selected pictures (or those given), decoded."""
        pictures = tray.chosen if pictures is None else pictures
        owners = [GALLERY if picture.sample else tray.visitor for picture in pictures]
        return [
            Item(picture.digest, self.library.picture(owner, picture.digest))
            for owner, picture in zip(owners, pictures, strict=True)
        ]

    def geometries(self, model: Loaded, items: Sequence[Item], size: int) -> list[Geometry]:
        patch = model.model.config.patch
        return [plan_grid(item.picture.height, item.picture.width, size, patch) for item in items]

    def missing(self, model: Loaded, items: Sequence[Item], layer: int, size: int) -> list[Item]:
        """The pictures whose features would have to be computed."""
        return [item for item in items if _features_key(model, item, layer, size) not in self.features]

    def feature_maps(
        self, model: Loaded, items: Sequence[Item], layer: int, size: int, stop: threading.Event | None = None
    ) -> list[FeatureMap]:
        """Features of each picture; those not kept are computed together, in one call, under the model's lock.

        Raises Stopped where `stop` is set before it is done; the pass ends at its next block then.
        """
        maps = self._kept(model, items, layer, size)
        if len(maps) == len(items):
            return list(maps.values())
        with _turn(model, stop):
            # another visitor may have asked for the same while this one waited for the lock
            maps = self._kept(model, items, layer, size)
            absent = [index for index in range(len(items)) if index not in maps]
            if absent:
                computed = self._extract(model, [items[index] for index in absent], layer, size)
                maps |= dict(zip(absent, computed, strict=True))
        return [maps[index] for index in range(len(items))]

    def attention(
        self, model: Loaded, items: Sequence[Item], layer: int, size: int, stop: threading.Event | None = None
    ) -> list[AttentionCapture]:
        """An `AttentionCapture` of one block for each picture, computed and kept like features."""
        return self.captures(model, items, "attention", layer, size, stop)

    def captures(
        self,
        model: Loaded,
        items: Sequence[Item],
        kind: Captured,
        layer: int,
        size: int,
        stop: threading.Event | None = None,
    ) -> list:
        """What is captured of each picture beside features, kept like them: attention of a block, or its words, which
        are of the last block whatever the layer."""
        layer = -1 if kind == "words" else layer
        return [self._capture(model, item, kind, layer, size, stop) for item in items]

    def missing_captures(
        self, model: Loaded, items: Sequence[Item], kind: Captured, layer: int, size: int
    ) -> list[Item]:
        """The pictures of which it would have to be computed."""
        layer = -1 if kind == "words" else layer
        return [item for item in items if (kind, *_features_key(model, item, layer, size)) not in self.features]

    def compute(
        self, model: Loaded, images: Sequence[Picture], layer: int, size: int, stop: threading.Event | None = None
    ) -> list[FeatureMap]:
        """Features of pictures that nobody will ask for again, such as the frames of a clip: nothing is kept.

        One turn at the model; give a few at a time, so that others get theirs in between. Raises Stopped as above.
        """
        with _turn(model, stop):
            self.forwards += len(images)
            return core.extract(model.model, list(images), size, layer=layer)

    def _kept(self, model: Loaded, items: Sequence[Item], layer: int, size: int) -> dict[int, FeatureMap]:
        """Those that are known already, by the picture's place among the items."""
        found = [self.features.get(_features_key(model, item, layer, size)) for item in items]
        return {index: feature_map for index, feature_map in enumerate(found) if feature_map is not None}

    def _extract(self, model: Loaded, items: list[Item], layer: int, size: int) -> list[FeatureMap]:
        started = time.perf_counter()
        maps = core.extract(model.model, [item.picture for item in items], size, layer=layer)
        model.record(1000 * (time.perf_counter() - started), tokens_of(self.geometries(model, items, size)))
        self.forwards += len(items)
        for item, feature_map in zip(items, maps, strict=True):
            self.features.put(_features_key(model, item, layer, size), feature_map)
        return maps

    def _capture(
        self, model: Loaded, item: Item, kind: Captured, layer: int, size: int, stop: threading.Event | None
    ) -> AttentionCapture | WordsCapture:
        key = (kind, *_features_key(model, item, layer, size))
        capture = self.features.get(key)
        if capture is not None:
            return capture
        with _turn(model, stop):
            capture = self.features.get(key)
            if capture is None:
                started = time.perf_counter()
                if kind == "attention":
                    capture = capture_attention(model.model, item.picture, size, layer)
                else:
                    capture = capture_words(model.model, item.picture, size)
                model.last_ms = 1000 * (time.perf_counter() - started)
                self.forwards += 1
                self.features.put(key, capture)
        return capture


@contextlib.contextmanager
def _turn(model: Loaded, stop: threading.Event | None) -> Iterator[None]:
    """The model to oneself; Stopped once the signal comes or whoever this is for has left, at its next block too."""
    gone = CALLER.get().gone

    def unwanted() -> bool:
        return gone() or (stop is not None and stop.is_set())

    def check() -> None:
        if unwanted():
            raise Stopped

    if not model.lock.acquire_unless(unwanted, WAKE_S):
        raise Stopped
    try:
        check()
        with between_blocks(check):
            yield
    finally:
        model.lock.release()


def tokens_of(geometries: Sequence[Geometry]) -> list[int]:
    """Patches of each picture, what a forward pass is paid by."""
    return [geometry.rows * geometry.columns for geometry in geometries]


def _features_key(model: Loaded, item: Item, layer: int, size: int) -> tuple[Hashable, ...]:
    depth = model.depth
    return item.digest, model.identity, layer % depth - depth, size
