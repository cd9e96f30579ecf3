"""Values as pictures: colour maps, label colours, and the way from a patch grid to the picture's pixels.

h w patch grid, H W pixels. Pictures are uint8 RGB arrays.
"""

import functools
from typing import Literal

import numpy as np
from PIL import Image
from torch import Tensor

from core.errors import RequestError
from core.features import Geometry

Palette = Literal["viridis", "magma", "cividis"]

OKABE_ITO = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
    (0, 114, 178), (213, 94, 0), (204, 121, 167), (120, 120, 120),
)  # fmt: skip
"""Eight colours that people with any colour vision tell apart (Okabe & Ito 2008), grey in black's place."""


TOGETHER = 2**18
"""Pixels that are mixed at once, a few MB of numbers."""
LIGHTER = 0.9
"""The range in which a place's colour goes towards white or black, half of it to either side."""


def colourise(
    values: Tensor | np.ndarray, palette: Palette = "viridis", low: float | None = None, high: float | None = None
) -> np.ndarray:
    """Values [..., ] as colours [..., 3] uint8, `low` and below the darkest, `high` and above the brightest.

    The bounds default to the least and greatest value; where they coincide everything is the darkest colour.
    Raises RequestError for values that are empty or not finite, and for a palette that is not there.

    >>> colourise(np.array([0.0, 1.0]), "viridis").tolist()
    [[68, 1, 84], [253, 231, 37]]
    """
    array = np.asarray(values, dtype=np.float32)
    if not array.size or not np.isfinite(array).all():
        raise RequestError(f"Values of shape {array.shape} are empty or hold NaN or infinity; give finite numbers.")
    low = float(array.min()) if low is None else low
    high = float(array.max()) if high is None else high
    share = np.clip((array - low) / (high - low), 0, 1) if high > low else np.zeros_like(array)
    return _table(palette)[np.round(share * 255).astype(np.uint8)]


def label_colours(count: int) -> np.ndarray:
    """`count` colours [count, 3] uint8, Okabe and Ito's first; each further round of eight is darker."""
    colours = np.array(OKABE_ITO, dtype=np.float32)
    rounds = [colours * 0.62**number for number in range(-(-count // len(colours)))]
    return np.concatenate([*rounds, colours[:0]])[:count].astype(np.uint8)


def place_colours(places: Tensor | np.ndarray) -> np.ndarray:
    """A colour [M, 3] uint8 for each place [M, 2], (x, y) in 0..1: its hue says how far right, its lightness how high.

    Okabe and Ito's blue at the left, their purple in the middle, their orange at the right; paler above, darker below.

    >>> place_colours(np.array([[0.0, 0.5], [0.5, 0.5], [1.0, 0.5]])).tolist()
    [[0, 114, 178], [204, 121, 167], [230, 159, 0]]
    """
    x, y = np.clip(np.asarray(places, dtype=np.float64).reshape(-1, 2), 0, 1).T
    stops = np.array([OKABE_ITO[index] for index in (4, 6, 0)], dtype=np.float64)
    hue = np.stack([np.interp(x, (0, 0.5, 1), stops[:, channel]) for channel in range(3)], axis=1)
    towards = np.where(y < 0.5, 255.0, 0.0)[:, None]
    return (hue + (towards - hue) * (np.abs(y - 0.5) * LIGHTER)[:, None]).round().astype(np.uint8)


def onto_picture(
    small: Tensor | np.ndarray, geometry: Geometry, height: int, width: int, *, smooth: bool = True
) -> np.ndarray:
    """A grid of values [h, w, C] at the pixels of the picture scaled to `height` × `width`, [height, width, C].

    Each patch covers what it covers of the original (`geometry.covered`): a pixel takes the patch above it, or
    with `smooth` a bilinear mix of the four around it. uint8 stays uint8, everything else becomes float32.
    """
    array = np.asarray(small)
    if array.ndim != 3 or array.shape[:2] != (geometry.rows, geometry.columns):
        raise RequestError(
            f"Values of shape {array.shape} came for a grid of {geometry.rows}×{geometry.columns}; give [h, w, C]."
        )
    left, top, _, _ = geometry.covered
    x = ((np.arange(width) + 0.5) * geometry.width / width - left) / geometry.stride
    y = ((np.arange(height) + 0.5) * geometry.height / height - top) / geometry.stride
    if not smooth:
        columns = np.clip(np.floor(x), 0, geometry.columns - 1).astype(int)
        rows = np.clip(np.floor(y), 0, geometry.rows - 1).astype(int)
        picked = array[rows][:, columns]
        return picked if array.dtype == np.uint8 else picked.astype(np.float32)
    values = array.astype(np.float32)
    painted = np.empty((height, width, array.shape[2]), np.uint8 if array.dtype == np.uint8 else np.float32)
    rows_together = max(TOGETHER // width, 1)
    for start in range(0, height, rows_together):
        part = slice(start, start + rows_together)
        mixed = _mix(_mix(values, y[part] - 0.5).swapaxes(0, 1), x - 0.5).swapaxes(0, 1)
        painted[part] = np.round(mixed) if array.dtype == np.uint8 else mixed
    return painted


def blend(picture: Image.Image, over: np.ndarray, amount: float) -> np.ndarray:
    """A picture with a map [H, W, 3] uint8 of its size laid over it; `amount` 0 is the picture alone, 1 the map."""
    base = np.asarray(picture.convert("RGB"), dtype=np.float32)
    if over.shape != base.shape:
        raise RequestError(
            f"A map of shape {over.shape} came for a picture of shape {base.shape}; use onto_picture first."
        )
    return np.round(base + (over - base) * float(np.clip(amount, 0, 1))).astype(np.uint8)


def _mix(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows of `values` at fractional row numbers, linearly between neighbours, constant beyond the ends."""
    last = len(values) - 1
    places = np.clip(places, 0, last)
    lower = np.minimum(np.floor(places).astype(int), max(last - 1, 0))
    upper = np.minimum(lower + 1, last)
    share = (places - lower).astype(np.float32)[:, None, None]
    return values[lower] * (1 - share) + values[upper] * share


@functools.cache
def _table(palette: str) -> np.ndarray:
    """256 colours [256, 3] uint8 between the stops of a named map."""
    import plotly.colors  # 0.1 s to import, wanted once a map is drawn

    stops = getattr(plotly.colors.sequential, str(palette).capitalize(), None)
    if palette not in ("viridis", "magma", "cividis") or stops is None:
        raise RequestError(f"palette is {palette!r}; choose viridis, magma or cividis.")
    colours = np.array([plotly.colors.hex_to_rgb(stop) for stop in stops], dtype=np.float64)
    positions = np.linspace(0, 1, len(colours))
    even = np.linspace(0, 1, 256)
    return np.stack([np.interp(even, positions, colours[:, c]) for c in range(3)], axis=1).round().astype(np.uint8)
