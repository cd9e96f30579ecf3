"""One scene drawn in four ways: as a photograph, a cartoon, a pencil sketch, and at night."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from train.world import backdrop, settings
from train.world.backdrop import Backdrop
from train.world.materials import mix
from train.world.stage import Hit, Layer, Look, Stage, pixel_centres, smoothed

Generator = np.random.Generator


def draw(stage: Stage, hit: Hit, domain: str, rng: Generator) -> np.ndarray:
    """The picture uint8 [H, W, 3] of a scene in one domain; `hit` is what its pixel centres meet."""
    return _DRAW[domain](stage, hit, rng)


def _photo(stage: Stage, hit: Hit, rng: Generator) -> np.ndarray:
    place = stage.scene.place
    colour = _lit(stage, hit, _look(place, stage.scene.materials))
    shape = colour.shape
    colour = _filmic(colour * 1.04 * _vignette(shape[0], 0.16)[..., None])
    return _to_bytes(_saturated(colour, 1.12) + rng.normal(0, 0.006, shape[:2])[..., None])


def _night(stage: Stage, hit: Hit, rng: Generator) -> np.ndarray:
    day = stage.scene.place
    dim = day._replace(
        zenith=mix(day.zenith, "#040814", 0.95),
        horizon=mix(day.horizon, "#16223c", 0.9),
        sun_colour=np.array([0.68, 0.78, 1.0]),
        hill_colour=mix(day.hill_colour, "#060c18", 0.88),
        ambient=0.55 if day.sky != backdrop.SEA else 0.9,
    )
    look = _look(dim, stage.scene.materials)
    dark = look._replace(sky=look.sky * 0.36 * np.array([0.7, 0.85, 1.2]), bounce=look.bounce * 0.2)
    colour = _lit(stage, hit, dark)
    size = colour.shape[0]
    if day.sky == backdrop.OPEN_SKY:
        colour += _stars(size, hit, rng)[..., None] * np.array([0.9, 0.95, 1.0])
    colour = _saturated(_filmic(colour * 1.25 * _vignette(size, 0.35)[..., None]), 0.75)
    grain = rng.normal(0, 1, colour.shape) * (0.014 + 0.03 * np.sqrt(np.clip(colour, 0, 1)))
    return _to_bytes(colour + ndimage.gaussian_filter(grain, (0.5, 0.5, 0)) * 1.3)


def _stars(size: int, hit: Hit, rng: Generator) -> np.ndarray:
    lights = (rng.random((size, size)) > 0.9975) * rng.uniform(0.1, 0.9, (size, size))
    sky = ((hit.distance > 1e8) & (hit.rays[:, 1] > 0.08)).reshape(size, size)
    return ndimage.gaussian_filter(lights, 0.5) * 2.2 * sky


def _cartoon(stage: Stage, hit: Hit, rng: Generator) -> np.ndarray:
    plain = stage.scene.materials.copy()
    plain[:, [14, 19]] = 0  # neither bumps nor mottles
    place = stage.scene.place._replace(detail=0.0, haze=0.0)

    def flat(layer: Layer) -> np.ndarray:
        steps = 0.5 + 0.3 * _soft_step(layer.tone[:, 0], 0.12) + 0.22 * _soft_step(layer.tone[:, 0], 0.62)
        shade = np.array([0.86, 0.9, 1.08]) + (np.array([1.0, 1.0, 0.97]) - [0.86, 0.9, 1.08]) * steps[:, None]
        return layer.albedo * steps[:, None] * shade

    colour = _lit(stage, hit, _look(place, plain), flat)
    colour = _saturated(_gamma(np.clip(colour * 1.05, 0, 1)), 1.35)
    line = np.clip(ndimage.gaussian_filter(_lines(stage, hit), 0.5) * 1.5, 0, 1)[..., None]
    return _to_bytes(colour * (1 - 0.92 * line) + np.array([0.09, 0.07, 0.11]) * 0.92 * line)


def _sketch(stage: Stage, hit: Hit, rng: Generator) -> np.ndarray:
    size = stage.scene.camera.size
    colour = _lit(stage, hit, _look(stage.scene.place._replace(detail=0.3), stage.scene.materials))
    light = ndimage.gaussian_filter(_filmic(colour) @ np.array([0.3, 0.6, 0.1]), 0.5)
    thing = (hit.shapes[:, 0] >= 0).reshape(size, size)
    light = np.where(thing, light * 1.05, 0.62 + 0.38 * light)
    y, x = np.mgrid[0:size, 0:size] * (224 / size)
    wave = ndimage.gaussian_filter(rng.normal(0, 1, (size, size)), 9) * 26
    pressure = 0.75 + 0.5 * np.clip(0.5 + 2.5 * ndimage.gaussian_filter(rng.normal(0, 1, (size, size)), 1.2), 0, 1)
    ink = np.zeros((size, size))
    for angle, below, depth in ((0.8, 0.84, 0.5), (0.95, 0.62, 0.45), (2.4, 0.42, 0.5), (0.3, 0.24, 0.6)):
        stroke = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 1.7 + wave + 9 * angle)
        ink += np.clip((below - light) * 2.2, 0, 1) * depth * (0.16 + 0.84 * stroke**2)
    ink = np.maximum(ink, np.clip(1.3 - 9 * light, 0, 1) * thing)
    lines = ndimage.map_coordinates(_lines(stage, hit), np.mgrid[0:size, 0:size] + wave * 0.22, order=1, mode="nearest")
    lines = np.clip(ndimage.gaussian_filter(lines, 0.5) * 1.5, 0, 1)
    ink = np.clip((ink * 0.72 + lines * 0.95) * pressure, 0, 1)
    paper = 0.965 + 0.018 * ndimage.gaussian_filter(rng.normal(0, 1, (size, size)), 0.8)
    page = paper[..., None] * np.array([1.0, 0.985, 0.95])
    return _to_bytes(page * (1 - ink[..., None]) + np.array([0.2, 0.2, 0.23]) * ink[..., None])


_DRAW: dict[str, Callable[[Stage, Hit, Generator], np.ndarray]] = {
    "photo": _photo,
    "cartoon": _cartoon,
    "sketch": _sketch,
    "night": _night,
}


def _look(place: Backdrop, materials: np.ndarray) -> Look:
    return Look(place, materials, *settings.light_colours(place))


def _lit(stage: Stage, hit: Hit, look: Look, style: Callable[[Layer], np.ndarray] | None = None) -> np.ndarray:
    """Linear colours [H, W, 3], antialiased; a style makes them of a layer, or they are as lit."""
    size = stage.scene.camera.size
    layer = stage.layer(pixel_centres(size), hit, look)
    return smoothed(stage, hit, layer, look, style or (lambda one: one.colour)).reshape(size, size, 3)


def _lines(stage: Stage, hit: Hit) -> np.ndarray:
    from train.world import pixels

    first = hit.shapes[:, 0]
    on = first >= 0
    owner = np.where(on, stage.shapes.ints[first, 2], -hit.behind - 1)
    group = np.where(on, stage.shapes.ints[first, 4], -1)
    size = stage.scene.camera.size
    labelled = on & (stage.scene.owners[first] > 0)
    return pixels.lines(owner, group, labelled, hit.distance, hit.surface[:, 1:4], size, 0.05 * stage.scene.extent)


def _soft_step(x: np.ndarray, at: float) -> np.ndarray:
    return np.clip((x - at) / 0.06 + 0.5, 0, 1)


def _filmic(colour: np.ndarray) -> np.ndarray:
    """Display values of linear light: highlights roll off (the curve fitted by K. Narkowicz to the ACES one)."""
    x = colour * 0.6
    return _gamma(np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1))


def _gamma(linear_: np.ndarray) -> np.ndarray:
    return np.where(linear_ <= 0.0031308, 12.92 * linear_, 1.055 * np.maximum(linear_, 1e-6) ** (1 / 2.4) - 0.055)


def _saturated(colour: np.ndarray, amount: float) -> np.ndarray:
    grey = (colour @ np.array([0.3, 0.59, 0.11]))[..., None]
    return grey + (colour - grey) * amount


def _vignette(size: int, amount: float) -> np.ndarray:
    at = np.linspace(-1, 1, size)
    return 1 - amount * (at[:, None] ** 2 + at[None] ** 2) / 2 * np.clip(at[:, None] ** 2 + at[None] ** 2, 0, 1.5)


def _to_bytes(colour: np.ndarray) -> np.ndarray:
    return (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)
