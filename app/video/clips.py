"""A visitor's clip painted frame by frame. Plain functions over the engine and files, without Gradio."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from app.explore.downloads import soft_mask
from app.server.engine import Engine
from app.server.jobs import duration
from app.server.models import Loaded
from app.server.turns import Stopped
from core import RequestError
from core.analysis.clip_views import Painter, steady_foreground, steady_pca, steady_similarity
from core.analysis.foreground import refine_mask
from core.analysis.render import blend, onto_picture
from core.analysis.similarity import query_vector
from core.features import FeatureMap, Geometry, plan_grid
from core.pictures.video import Frame, clip_info, mp4_writer, read_frames, write_mp4

VIEWS = ("PCA", "Similarity", "Foreground")
LAYOUTS = ("under", "beside", "not shown")
SIDE = 640
"""Longer side of a painted frame in pixels: 300 patches of 14 px are not seen sharper in more."""
LONGEST_S = 15
FASTEST = 15
"""Frames a second. 15 s of them are 225 passes: a minute or two on two cores."""
LOOKED_AT = 12
"""Frames, spread evenly, in which the colours are found for all."""
TOGETHER = 4
"""Frames in one turn at the model, half a second of it; whoever waits gets a turn after each."""
MIDDLE = 0.5


@dataclass(frozen=True)
class ClipSettings:
    """Every control of the Video tab by name."""

    view: str = "PCA"
    rate: float = 8
    """Frames a second."""
    seconds: float = 5
    """Of the clip's beginning."""
    size: int = 336
    """Longer side in pixels as the model sees it."""
    original: str = "under"
    """The place of the clip itself: under its picture, beside it, or not shown."""
    cover: float = 1.0
    """Opacity of the colours over the clip, 0 to 1."""
    point: tuple[float, float] | None = None
    """For similarity: the place asked about in the first frame, as fractions of its width and height."""

    def __post_init__(self):
        if self.view not in VIEWS or self.original not in LAYOUTS:
            raise RequestError(f"{self.view!r}, {self.original!r}: choose from {VIEWS} and {LAYOUTS}.")
        if not (0 < self.rate <= FASTEST and 0 < self.seconds <= LONGEST_S):
            raise RequestError(f"{self.rate} frames a second, {self.seconds} s: up to {FASTEST} and {LONGEST_S} s.")
        if self.view == "Similarity" and self.point is None:
            raise RequestError("Nothing is asked about yet: click a place in the first frame, then paint the clip.")


@dataclass(frozen=True)
class ClipProgress:
    """Frames done of all, and about how long still."""

    done: int
    total: int
    seconds_left: float | None

    def __str__(self) -> str:
        left = f", about {duration(1000 * self.seconds_left)} left" if self.seconds_left else ""
        return f"Frame {self.done} of {self.total}{left} …"


def first_frame(path: str | Path) -> Image.Image:
    """The clip's first frame, to be pointed at."""
    return next(read_frames(path, side=SIDE)).image


def sample_clip(photograph: Image.Image, out: Path, seconds: float = 3.0, rate: int = 10) -> None:
    """Write a clip that moves over a photograph from left to right and nears it a little."""
    width, height = photograph.size
    frames = round(seconds * rate)
    size = max(round(480 * min(1, width / height)), 2), max(round(480 * min(1, height / width)), 2)

    def frame(number: int) -> np.ndarray:
        share = number / (frames - 1)
        zoom = 0.72 - 0.14 * share
        box_width, box_height = width * zoom, height * zoom
        left, top = (width - box_width) * share, (height - box_height) / 2
        box = (left, top, left + box_width, top + box_height)
        return np.asarray(photograph.resize(size, Image.Resampling.BICUBIC, box=box))

    write_mp4(((number / rate, frame(number)) for number in range(frames)), out)


def price(path: str | Path, settings: ClipSettings, model: Loaded) -> str:
    """The work that a painting of the clip would be, and the time it would take. VideoError where it is no clip."""
    info = clip_info(path)
    length = min(settings.seconds, info.seconds or settings.seconds)
    frames = max(round(length * min(settings.rate, info.rate or settings.rate)), 1)
    geometry = plan_grid(info.height, info.width, settings.size, model.model.config.patch)
    estimate = model.estimate([geometry.rows * geometry.columns] * frames)
    of = f" of {info.seconds:.1f} s" if info.seconds and info.seconds > length + 0.05 else ""
    about = f", about {duration(estimate)}" if estimate else ""
    return f"{info.width}×{info.height}. The first {length:.1f} s{of}: {frames} frames{about}."


def paint_clip(
    engine: Engine, model: Loaded, source: Path, settings: ClipSettings, layer: int, out: Path, stop: threading.Event
) -> Iterator[ClipProgress]:
    """Write the painted clip to `out`, telling before each part how far it is.

    Every frame passes through the model once. Raises Stopped once `stop` is set, and leaves no file then.
    """
    frames = []
    for frame in read_frames(source, settings.rate, settings.seconds, SIDE):
        if stop.is_set():
            raise Stopped
        frames.append(frame)
    spread = np.linspace(0, len(frames) - 1, min(LOOKED_AT, len(frames)))
    clock = _Clock(len(frames))
    known: dict[int, FeatureMap] = {}
    for part in _parts([round(place) for place in spread]):
        yield clock.now(len(known))
        maps = engine.compute(model, [frames[index].image for index in part], layer, settings.size, stop)
        known.update(zip(part, maps, strict=True))
    paint = _painter(settings, list(known.values()), known[0])
    with mp4_writer(out) as add:
        done = len(known)
        for part in _parts(range(len(frames))):
            yield clock.now(done)
            fresh = [index for index in part if index not in known]
            if fresh:
                maps = engine.compute(model, [frames[index].image for index in fresh], layer, settings.size, stop)
                known.update(zip(fresh, maps, strict=True))
                done += len(fresh)
            for index in part:
                if stop.is_set():
                    raise Stopped
                add(frames[index].seconds, _composed(frames[index], paint, known.pop(index), settings))


class _Clock:
    """The time left, by what is done."""

    def __init__(self, total: int):
        self.total = total
        self.started = time.monotonic()

    def now(self, done: int) -> ClipProgress:
        left = (time.monotonic() - self.started) / done * (self.total - done) if done else None
        return ClipProgress(done, self.total, left)


def _parts(indices: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(indices), TOGETHER):
        yield list(indices[start : start + TOGETHER])


def _painter(settings: ClipSettings, maps: list[FeatureMap], first: FeatureMap) -> Painter:
    if settings.view == "PCA":
        return steady_pca(maps)
    if settings.view == "Foreground":
        return steady_foreground(maps)
    assert settings.point is not None  # the settings refuse this view without one
    x, y = settings.point
    place = (min(max(x, 0), 1) * first.geometry.width, min(max(y, 0), 1) * first.geometry.height)
    return steady_similarity(maps, query_vector(first, point=place))


def _composed(frame: Frame, paint: Painter, feature_map: FeatureMap, settings: ClipSettings) -> np.ndarray:
    """One picture [H, W, 3] uint8 of what the clip becomes."""
    geometry, image = feature_map.geometry, frame.image
    painted = paint(feature_map)
    if settings.view == "Foreground":
        covered = _dimmed_ground(image, painted, geometry)
    else:
        covered = onto_picture(painted, geometry, image.height, image.width)
    shown = blend(image, covered, settings.cover)
    if settings.original == "not shown":
        return shown
    return np.concatenate([shown, np.asarray(image)], axis=0 if settings.original == "under" else 1)


def _dimmed_ground(image: Image.Image, scores: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The picture [H, W, 3] with everything but the object grey and dark, as the Explore tab shows it."""
    import torch

    mask = soft_mask(refine_mask(torch.from_numpy(scores), image, geometry), MIDDLE, invert=False)[..., None]
    grey = np.asarray(image.convert("L"), dtype=np.float32)[..., None] * 0.34 + 8
    return np.round(np.asarray(image) * mask + grey * (1 - mask)).astype(np.uint8)
