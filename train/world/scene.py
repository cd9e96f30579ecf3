"""From a seed to a scene: what stands where, under which light, seen from where."""

import math
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from core.bounds import SHARE, require_bounds
from train.world import settings
from train.world.backdrop import Backdrop
from train.world.camera import Camera, frame
from train.world.catalogue import CATALOGUE, Kind
from train.world.names import CATEGORIES
from train.world.shapes import Builder, Joined, Mark, Shapes, extent_of, outline, turn
from train.world.surroundings import obstruct, surround

ELSEWHERE = 0.5
"""Share of scenes in which a thing stands where it need not be found, so that its surroundings do not name it."""


@dataclass(frozen=True)
class WorldConfig:
    """The contents of scenes besides their object."""

    several: Annotated[float, SHARE] = 0.15
    """Share of scenes with more than one object."""
    occluded: Annotated[float, SHARE] = 0.15
    """Share of scenes in which something stands in front of the object."""
    clutter: Annotated[float, SHARE] = 0.7
    """Share of scenes with things in the background."""

    def __post_init__(self):
        require_bounds(self, "scenes.")


class Scene(NamedTuple):
    """Everything that rays can meet. `instances` names the category of each labelled object (instance 1, 2, …);
    shapes of instance 0 are scenery. `marks` are (instance, mark); `frames` belong to objects, scenery included, and
    `owners` [n] is the instance of every shape."""

    seed: int
    category: str
    shapes: Shapes
    owners: np.ndarray
    frames: np.ndarray
    materials: np.ndarray
    marks: tuple[tuple[int, Mark], ...]
    place: Backdrop
    camera: Camera
    extent: float
    instances: tuple[str, ...]
    occluded: bool


def compose(seed: int, category: str | None, size: int, options: WorldConfig) -> Scene:
    """The scene of a seed; the same for every domain and, up to sampling, every size."""
    names = list(CATEGORIES)
    category = category or str(np.random.default_rng([seed, 0]).choice(names))
    rng, luck = (np.random.default_rng([seed, 1 + names.index(category), stream]) for stream in (0, 1))
    kind = CATALOGUE[category]
    several, occluded, clutter = luck.random(3) < (options.several, options.occluded, options.clutter)
    setting = str(rng.choice(kind.elsewhere if rng.random() < ELSEWHERE else kind.settings))
    stand = settings.stand(setting, kind, rng)
    joined = Joined()
    heading = rng.uniform(0, 2 * math.pi)
    azimuth = -heading + _viewpoint(kind, rng)
    builder = Builder(setting)
    kind.build(builder, rng)
    joined.add(builder, turn(heading, *stand.tilt), np.array([0.0, stand.height, 0.0]), 1.0, 1)
    extent, points = extent_of(joined.shapes()), outline(joined.shapes())
    instances = [category]
    if several:
        instances += _companions(joined, category, setting, azimuth, heading, extent, luck)
        middle = points.mean(0)  # the picture is of the first; the others may be cut off
        points = np.concatenate([points, middle + 0.6 * (outline(joined.shapes())[len(points) :] - middle)])
    subject = joined.shapes()
    elevation, field = rng.uniform(*stand.elevation), math.radians(rng.uniform(24, 42))
    fill = rng.uniform(*kind.fill)
    offset = rng.uniform(-1, 1, 2) * (1 - fill) / 2 + rng.normal(0, 0.02, 2)
    view = frame(points, azimuth, elevation, field, fill, size, offset, stand.lowest * extent)
    place = settings.place(setting, view, extent, heading, kind, rng)
    if clutter:
        surround(joined, setting, view, place, subject, extent, luck)
    occluded = bool(occluded) and obstruct(joined, setting, view, subject, luck)
    frames, materials = np.array(joined.frames), np.array(joined.materials)
    shapes, owners = joined.shapes(), np.concatenate(joined.owners)
    marks = tuple(joined.marks)
    return Scene(
        seed, category, shapes, owners, frames, materials, marks, place, view, extent, tuple(instances), occluded
    )


def _viewpoint(kind: Kind, rng: np.random.Generator) -> float:
    """Azimuth of the camera relative to where the object looks (0: it looks at us): three-quarter views most."""
    spread = np.clip(rng.normal(math.radians(kind.view), math.radians(22)), math.radians(12), math.radians(150))
    return float(rng.choice([-1, 1]) * spread)


def _companions(
    joined: Joined, category: str, setting: str, azimuth: float, heading: float, extent: float, rng: np.random.Generator
) -> list[str]:
    """Put one or two more objects beside the first, of its category or of one that is found with it."""
    right = np.array([-math.sin(azimuth), 0.0, math.cos(azimuth)])
    back = -np.array([math.cos(azimuth), 0.0, math.sin(azimuth)])
    first = joined.shapes()
    names: list[str] = []
    side = float(rng.choice([-1, 1]))
    deep = _half_width(first, back)
    for _ in range(1 if rng.random() < 0.8 else 2):
        name = category if rng.random() < 0.6 else str(rng.choice(CATALOGUE[category].friends or (category,)))
        kind = CATALOGUE[name]
        stand = settings.stand(setting, kind, rng)
        builder = Builder(setting)
        kind.build(builder, rng)
        axes = turn(heading + rng.normal(0, 0.35), *stand.tilt)
        alone, _, _ = builder.placed(axes, np.zeros(3), 1.0, 1, 0, 0)
        reach = _half_width(first, side * right) + _half_width(alone, -side * right)
        share = rng.uniform(0.5, 1.02)
        behind = deep + _half_width(alone, -back) if share < 0.95 else rng.uniform(-0.1, 0.3) * extent
        place = side * right * reach * share + back * behind
        joined.add(builder, axes, place + np.array([0, stand.height, 0]), 1.0, 2 + len(names))
        names.append(name)
        deep = max(deep, _half_width(alone, back) + behind)
        side = -side
    return names


def _half_width(shapes: Shapes, direction: np.ndarray) -> float:
    """The reach of shapes from the origin along a direction."""
    return float((outline(shapes) @ direction).max())
