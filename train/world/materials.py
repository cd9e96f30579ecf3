"""Colours and surfaces: one row of floats per material, and the palettes that living and made things draw from."""

import colorsys

import numpy as np

(
    PLAIN,
    STRIPES,
    SPOTS,
    PATCHES,
    CELLS,
    RINGS,
    GRAIN,
    EYE,
    FEATHERS,
    WHEEL,
    LIVERY,
    PLANKS,
    WEAVE,
    LEAVES,
    STONE,
    SEAMS,
) = range(16)
"""Patterns; `paint` draws them."""


def linear(colour) -> np.ndarray:
    """Linear RGB of sRGB values in 0..1, or of "#rrggbb"."""
    if isinstance(colour, str):
        colour = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    colour = np.asarray(colour, float)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def vary(rng: np.random.Generator, colour, amount: float = 0.06) -> np.ndarray:
    """A neighbour of a colour (sRGB 0..1 or "#rrggbb"), as sRGB 0..1: hue, strength and brightness a little off."""
    if isinstance(colour, str):
        colour = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    h, s, v = colorsys.rgb_to_hsv(*colour)
    h += rng.normal(0, amount * 0.2)
    s *= 1 + rng.normal(0, amount * 1.6)
    v *= 1 + rng.normal(0, amount * 1.2)
    return np.array(colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0), 1), min(max(v, 0.02), 0.98)))


def mix(a, b, share: float) -> np.ndarray:
    """Between two colours (sRGB 0..1 or "#rrggbb")."""
    a, b = (
        np.array([int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)]) if isinstance(c, str) else np.asarray(c)
        for c in (a, b)
    )
    return a * (1 - share) + b * share


def material(
    base,
    second=None,
    third=None,
    pattern: int = PLAIN,
    scale: float = 1.0,
    p: float = 0.5,
    q: float = 0.5,
    extra: float = 0.0,
    bump: float = 0.0,
    shine: float = 0.04,
    sharp: float = 12.0,
    glow: float = 0.0,
    seed: float = 0.0,
    mottle: float = 0.0,
    mottle_scale: float = 20.0,
    belly: float = 0.0,
    belly_from: float = 0.0,
    belly_over: float = 0.1,
) -> np.ndarray:
    """The row that `paint` reads [24]. Colours in sRGB; scales per metre of the object.

    `p`, `q` and `extra` mean what the pattern makes of them; `belly` is how far the third colour covers what looks
    down, or where `belly_from` is given all below that height.
    """
    second = base if second is None else second
    third = second if third is None else third
    surface = (pattern, scale, p, q, extra, bump, shine, sharp, glow, seed)
    finish = (mottle, mottle_scale, belly, belly_from, belly_over)
    return np.array([*linear(base), *linear(second), *linear(third), *surface, *finish])


def choose(rng: np.random.Generator, options):
    """One of several, drawn evenly."""
    return options[int(rng.integers(len(options)))]


def eye(colour, pupil: float = 0.55, slit: bool = False, white: bool = False) -> np.ndarray:
    """An eyeball that looks along its own x; `pupil` and the coloured ring in radians."""
    rim = "#f2efe8" if white else "#1c1512"
    return material(rim, colour, "#050505", EYE, 1.05 if white else 1.25, pupil, float(slit), shine=0.9, sharp=60)


CAR_PAINTS = (
    "#c8242b",
    "#1f4e9e",
    "#e9e9e6",
    "#23262b",
    "#9aa3ab",
    "#f0b323",
    "#2f7d4f",
    "#7b2230",
    "#3fa7c4",
    "#e4572e",
    "#f2e3c6",
    "#5a4a78",
)
BRIGHTS = ("#d8343a", "#2463b8", "#f3b61f", "#2e9e6b", "#ef7b30", "#7a4fa3", "#e86a92", "#27a3b0", "#f5f1e6")
WOODS = ("#8a5a33", "#b98550", "#5d3a22", "#d3a872", "#a0673c", "#e2c79c", "#3f2a1d")
CLOTHS = ("#b5483a", "#36607f", "#7f8f5a", "#d9b36c", "#8c6f8e", "#4d5a63", "#e3d6c3", "#c26a4a")
