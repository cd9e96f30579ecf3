"""The same pictures seen step after step: principal components as colours that keep their meaning.

    RUN/pictures/
    ├── step-00001024.webp   originals above, the first three components of their patches as colours below
    └── step-00001024.npz    `colours` [n, h, w, 3] float16, what the next step's colours are matched with

n pictures, C channels, S side in pixels, h w patch grid, K components. Files are written under a temporary name and
renamed; the numbers come first, so that a picture that exists has them.
"""

import io
import itertools
import logging
import re
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from core import FeatureMap
from core.analysis.pca import joint_pca
from core.analysis.render import onto_picture
from core.encoding import picture_bytes
from core.files import write_whole
from core.records.runs import PICTURES, picture_path

log = logging.getLogger(__name__)

WIDEST = 1280
"""Pixels of a contact picture at most."""
LARGEST_TILE = 256
GAP = 4
"""Pixels between tiles, white."""
STRETCH = (1.0, 99.0)
"""Percentiles of a picture's values shown as black and white, where it is no photograph of 8 bits."""


def draw_step(maps: list[FeatureMap], originals: Tensor, step: int, run: Path) -> Path:
    """Draw what a backbone sees of `originals` [n, C, S, S] (uint8, or float in 0..1) after `step` steps; the file.

    Each component takes the colour, and the direction, in which it is most like a component of the latest step
    before that was drawn, so that colours stay as far as the network's own components do, over a resumption too.
    """
    colours = np.stack([image.numpy() for image in joint_pca(maps).images])
    before = _latest_before(run, step)
    if before is not None and before.shape == colours.shape:
        colours = matched(colours, before)
    picture = contact_picture([shown(original) for original in originals], maps, colours)
    numbers = io.BytesIO()
    np.savez_compressed(numbers, colours=colours.astype(np.float16))
    path = picture_path(run, step)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path.with_suffix(".npz"), numbers.getvalue())
    write_whole(path, picture_bytes(picture, "WEBP", quality=90))
    return path


def matched(colours: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Components [..., K] in 0..1, in the order and the directions in which they are most like those `before`.

    The sum of absolute correlations over all pictures is the greatest; a component that correlates negatively is
    turned round, x becoming 1 − x. One that does not vary keeps its direction.

    >>> new = np.array([[0.0, 1.0], [0.5, 0.0], [1.0, 0.5]])
    >>> matched(new, before=np.array([[0.9, 1.0], [0.0, 0.5], [0.6, 0.0]])).tolist()
    [[1.0, 1.0], [0.0, 0.5], [0.5, 0.0]]
    """
    correlation = _correlation(colours, before)
    count = len(correlation)
    places = np.arange(count)
    order = max(itertools.permutations(range(count)), key=lambda order: np.abs(correlation[list(order), places]).sum())
    signs = correlation[list(order), places]
    reordered = colours[..., list(order)]
    return np.where(signs < 0, 1 - reordered, reordered)


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[K, K] in −1..1 between the components of two sets; 0 where one does not vary."""
    unit = []
    for values in (a, b):
        flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
        flat -= flat.mean(axis=0)
        length = np.linalg.norm(flat, axis=0)
        unit.append(flat / np.where(length > 0, length, np.inf))
    return unit[0].T @ unit[1]


def shown(pixels: Tensor) -> np.ndarray:
    """A picture [C, S, S] as RGB [S, S, 3] uint8: its first three channels, or its only one three times."""
    array = pixels.numpy()
    array = array[[min(channel, len(array) - 1) for channel in range(3)]].transpose(1, 2, 0)
    if array.dtype == np.uint8:
        return array
    low, high = np.percentile(array, STRETCH)
    return np.round(np.clip((array - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)


def contact_picture(originals: list[np.ndarray], maps: list[FeatureMap], colours: np.ndarray) -> np.ndarray:
    """Originals [S, S, 3] uint8 in one row, `colours` [n, h, w, 3] in 0..1 below; at most WIDEST pixels wide."""
    count = len(originals)
    tile = min(LARGEST_TILE, (WIDEST + GAP) // count - GAP)
    picture = np.full((2 * tile + GAP, count * (tile + GAP) - GAP, 3), 255, dtype=np.uint8)
    for number, (original, one, feature_map) in enumerate(zip(originals, colours, maps, strict=True)):
        columns = slice(number * (tile + GAP), number * (tile + GAP) + tile)
        small = Image.fromarray(original).resize((tile, tile), Image.Resampling.LANCZOS)
        picture[:tile, columns] = np.asarray(small)
        smooth = onto_picture(one, feature_map.geometry, tile, tile)
        picture[tile + GAP :, columns] = np.round(smooth * 255).clip(0, 255)
    return picture


def _latest_before(run: Path, step: int) -> np.ndarray | None:
    """The colours of the latest step before `step`; None where there is none, or it cannot be read."""
    names = ((re.fullmatch(r"step-(\d+)", path.stem), path) for path in (run / PICTURES).glob("step-*.npz"))
    earlier = {int(match[1]): path for match, path in names if match and int(match[1]) < step}
    if not earlier:
        return None
    path = earlier[max(earlier)]
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["colours"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s cannot be read (%s): the colours from step %d on are new", path, error, step)
        return None
