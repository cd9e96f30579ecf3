"""The pictures that the scale is read on: rendered from seeds that no training may use, the same for every model.

h w patch grid, S side of a picture in pixels.
"""

import multiprocessing
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from core import RequestError
from train.world import CATEGORIES, PARTS, Picture, near_duplicate, render
from train.world.names import HELD_OUT

FIRST_SEED = HELD_OUT
"""Scenes from this seed on are the scale's; the world's writer stays below, so that no model has seen them."""
SEEDS_EACH = 1_000_000
"""Scenes that each value of `--seed` has to itself."""
ROUND = ("photo", "photo", "cartoon", "photo", "photo", "sketch", "photo", "photo", "night")
"""Domains of one category's pictures, in turn: two photos to each drawing."""
LEAST_PICTURES = 60
"""Three of each category: two photos and a drawing."""
COPIES = 4
"""One photo in so many has a near-duplicate."""
OBJECT = 1
"""The number of the object that a picture is of."""


class Known(NamedTuple):
    """A picture and what is known about it, on the patch grid of the models."""

    image: np.ndarray
    """uint8 [S, S, 3]."""
    category: str
    family: str
    domain: str
    objects: np.ndarray
    """float32 [h, w]: the share of each patch's pixels that objects cover."""
    parts: np.ndarray
    """int64 [h, w]: the part that most of the patch's pixels show, an index into PARTS."""
    log_depth: np.ndarray
    """float32 [h, w]: mean of the logarithm of metres, NaN where less than half of the patch has a depth."""
    names: tuple[str, ...]
    """Of the visible key points of the object that the picture is of."""
    points: np.ndarray
    """float32 [k, 2]: their (x, y) in pixels."""
    extent: float
    """Longer side of the box around the visible part of that object, in pixels; 0 where nothing of it is seen."""
    copy: np.ndarray | None = None
    """A near-duplicate, uint8 [S, S, 3]."""


def render_set(count: int, size: int, grid: int, seed: int = 0, workers: int = 1) -> list[Known]:
    """`count` pictures of `size` pixels with their truth on a grid of `grid` × `grid` patches.

    Categories come in turn, their domains as `ROUND` says; every picture is a scene of its own. The same arguments
    give the same pictures, however many processes draw. Raises RequestError for a count that cannot be, and for a
    size that the world cannot be drawn at.
    """
    if not LEAST_PICTURES <= count <= SEEDS_EACH or seed < 0:
        raise RequestError(
            f"{count} pictures from seed {seed}: give {LEAST_PICTURES} to {SEEDS_EACH} pictures, three of each "
            "category or more, and a seed that is not negative."
        )
    render(0, "duck", size=size)  # refuses sizes, and compiles once what several processes would each compile
    first = FIRST_SEED + seed * SEEDS_EACH
    orders = [(number, first + number, size, grid) for number in range(count)]
    return list(tqdm(_drawn(orders, min(workers, count)), total=count, desc="rendering", unit="picture"))


def _drawn(orders: list[tuple[int, int, int, int]], workers: int) -> Iterator[Known]:
    if workers <= 1:
        yield from map(_draw, orders)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_draw, orders, chunksize=4)


def _draw(order: tuple[int, int, int, int]) -> Known:
    number, seed, size, grid = order
    turn, place = divmod(number, len(CATEGORIES))
    domain = ROUND[turn % len(ROUND)]
    picture = render(seed, tuple(CATEGORIES)[place], domain, size)
    known = on_grid(picture, grid)
    photos_before = turn - turn // 3
    if domain != "photo" or photos_before % COPIES:
        return known
    return known._replace(copy=near_duplicate(picture.image, np.random.default_rng([seed, 5]))[0])


def on_grid(picture: Picture, grid: int) -> Known:
    """The truth of a picture on `grid` × `grid` patches; pixels belong to the patch that their centre lies in."""
    truth = picture.truth
    patches = patch_of_pixels(len(truth.parts), grid).ravel()

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(patches, values.ravel().astype(np.float64), grid * grid).reshape(grid, grid)

    pixels = summed(np.ones(truth.parts.shape))
    votes = np.bincount(patches * len(PARTS) + truth.parts.ravel(), minlength=grid * grid * len(PARTS))
    measured = truth.depth > 0
    depths = summed(measured)
    logarithms = summed(np.log(truth.depth, out=np.zeros_like(truth.depth), where=measured))
    log_depth = np.where(2 * depths >= pixels, logarithms / np.maximum(depths, 1), np.nan)
    seen = [point for point in truth.keypoints if point.visible and point.instance == OBJECT]
    return Known(
        picture.image,
        truth.category,
        truth.family,
        picture.domain,
        (summed(truth.mask) / pixels).astype(np.float32),
        votes.reshape(grid, grid, len(PARTS)).argmax(axis=2),
        log_depth.astype(np.float32),
        tuple(point.name for point in seen),
        np.array([(point.x, point.y) for point in seen], np.float32).reshape(-1, 2),
        _extent(truth.instances == OBJECT),
    )


def patch_of_pixels(size: int, grid: int) -> np.ndarray:
    """The number of the patch that each pixel's centre lies in, row by row: int64 [size, size]."""
    along = (2 * np.arange(size) + 1) * grid // (2 * size)
    return along[:, None] * grid + along


def _extent(mask: np.ndarray) -> float:
    """Longer side of the box around what is true in a mask [H, W]."""
    sides = [np.flatnonzero(mask.any(axis=axis)) for axis in (0, 1)]
    return float(max((side[-1] + 1 - side[0] if len(side) else 0) for side in sides))
