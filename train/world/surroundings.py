"""Scenery put around an object: behind it, or in front so that it hides a part."""

import math
from collections.abc import Callable

import numpy as np

from train.world import scenery
from train.world.backdrop import Backdrop
from train.world.camera import Camera
from train.world.shapes import Builder, Joined, Shapes, extent_of, outline, turn

Generator = np.random.Generator
Thing = tuple[Callable[[Builder, Generator], None], float, float]
"""The function that builds it, and its least and greatest scale in metres."""

TREE, FIR, BUSH, ROCK = (
    (scenery.tree, 3, 8),
    (scenery.conifer, 3, 9),
    (scenery.bush, 0.8, 2.2),
    (scenery.rock, 0.4, 1.6),
)
FLOWERS, HOUSE, FENCE, LAMP = (
    (scenery.flowers, 0.2, 0.5),
    (scenery.house, 5, 8),
    (scenery.fence, 1.6, 2.4),
    (scenery.lamp_post, 5, 6),
)
BEHIND: dict[str, tuple[Thing, ...]] = {
    "garden": (TREE, BUSH, BUSH, FLOWERS, FLOWERS, FENCE, HOUSE, ROCK),
    "meadow": (TREE, BUSH, FLOWERS, FLOWERS, ROCK, FENCE, TREE),
    "hills": (FIR, FIR, ROCK, ROCK, BUSH, FENCE),
    "beach": ((scenery.palm, 4, 7), ROCK, ROCK, (scenery.crate, 0.8, 1.2)),
    "desert": (ROCK, ROCK, (scenery.palm, 4, 7), BUSH),
    "savanna": ((scenery.acacia, 4, 7), (scenery.acacia, 4, 7), BUSH, ROCK, FLOWERS),
    "snow": (FIR, FIR, FIR, ROCK, HOUSE, FENCE),
    "street": (TREE, LAMP, LAMP, HOUSE, HOUSE, BUSH, (scenery.crate, 0.9, 1.4)),
    "road": (TREE, TREE, BUSH, FENCE, FIR, HOUSE, ROCK),
    "room": (
        (scenery.plant, 0.6, 1.2),
        (scenery.shelf, 0.9, 1.3),
        (scenery.floor_lamp, 1.2, 1.6),
        (scenery.cushion, 0.5, 0.9),
        (scenery.crate, 0.5, 0.9),
    ),
    "studio": ((scenery.cushion, 0.4, 0.8), (scenery.crate, 0.4, 0.9), ROCK),
    "lake": ((scenery.reeds, 0.6, 1.3), ROCK, (scenery.buoy, 0.7, 1.2)),
    "shallows": ((scenery.reeds, 0.6, 1.3), (scenery.reeds, 0.6, 1.3), ROCK),
    "sea": ((scenery.buoy, 1.2, 2.0), ROCK),
    "reef": ((scenery.weed, 0.4, 1.2), (scenery.coral, 0.4, 1.0), (scenery.coral, 0.4, 1.0), ROCK),
    "deep": ((scenery.weed, 1.5, 3.0),),
    "sky": ((scenery.cloud, 6, 14),),
}
IN_FRONT: dict[str, tuple[Callable[[Builder, Generator], None], ...]] = {
    "garden": (scenery.flowers, scenery.bush, scenery.rock),
    "meadow": (scenery.flowers, scenery.bush, scenery.rock),
    "hills": (scenery.rock, scenery.bush, scenery.conifer),
    "beach": (scenery.rock, scenery.crate),
    "desert": (scenery.rock, scenery.bush),
    "savanna": (scenery.bush, scenery.rock),
    "snow": (scenery.conifer, scenery.rock),
    "street": (scenery.crate, scenery.bush, scenery.lamp_post),
    "road": (scenery.bush, scenery.rock),
    "room": (scenery.plant, scenery.cushion, scenery.crate),
    "studio": (scenery.cushion, scenery.crate, scenery.rock),
    "lake": (scenery.reeds, scenery.rock),
    "shallows": (scenery.reeds, scenery.rock),
    "sea": (scenery.buoy, scenery.rock),
    "reef": (scenery.weed, scenery.coral),
    "deep": (scenery.weed,),
    "sky": (scenery.cloud,),
}


def surround(
    joined: Joined, setting: str, view: Camera, place: Backdrop, subject: Shapes, extent: float, rng: Generator
) -> None:
    """Put one to five things behind the object, small ones near and tall ones far, none that would hide it."""
    depths = view.project(outline(subject))[1]
    nearest = max(float(depths.max()) * 1.05, view.size / view.focal * extent)
    for _ in range(
        int(rng.integers(2, 6)) if setting not in ("sky", "deep", "sea", "lake") else int(rng.integers(1, 3))
    ):
        build, low, high = BEHIND[setting][int(rng.integers(len(BEHIND[setting])))]
        builder = Builder(setting)
        build(builder, rng)
        scale = rng.uniform(low, high)
        if setting in ("room", "studio"):
            distance = nearest + rng.uniform(0.0, 0.3) * extent
            scale *= min(1.0, extent)
        else:
            distance = max(scale * view.focal / view.size / rng.uniform(0.14, 0.5), nearest * rng.uniform(1.05, 1.5))
        column = rng.uniform(0.02, 0.98)
        spot = _on_ground(view, column, distance)
        if place.lane > 0:
            spot = _off_the_road(spot, place, scale)
        if setting in ("room", "studio"):
            spot = spot - place.wall_normal * max(0.0, spot @ place.wall_normal + 0.2 * scale - place.wall_at)
            if view.project(spot[None])[1][0] < nearest * 0.95 and abs(column - 0.5) < 0.4:
                continue
        if setting == "sky":
            spot[1] = (
                view.place[1] + view.axes[2][1] * distance + rng.normal(0, 0.22) * distance * view.size / view.focal
            )
        turned = turn(rng.uniform(0, 2 * math.pi))
        if build in (scenery.shelf, scenery.cloud):
            turned = turn(math.atan2(-view.axes[2][2], view.axes[2][0]) + math.pi)
        joined.add(builder, turned, spot, scale, 0)


def obstruct(joined: Joined, setting: str, view: Camera, subject: Shapes, rng: Generator) -> bool:
    """Put something between the camera and the object, off its middle; whether there was room for it."""
    points = outline(subject)
    xy, depth = view.project(points)
    distance = float(depth.min()) * rng.uniform(0.72, 0.86)
    if distance < 0.15 * float(depth.mean()):
        return False
    low, high = xy.min(0), xy.max(0)
    column = (low[0] + (high[0] - low[0]) * (0.5 + rng.choice([-1, 1]) * rng.uniform(0.12, 0.42))) / view.size
    spot = _on_ground(view, column, distance)
    build = IN_FRONT[setting][int(rng.integers(len(IN_FRONT[setting])))]
    builder = Builder(setting)
    build(builder, rng)
    alone, _, _ = builder.placed(np.eye(3), np.zeros(3), 1.0, 1, 0, 0)
    metres = distance / view.focal  # per pixel, there
    row = low[1] + (high[1] - low[1]) * rng.uniform(0.45, 0.7)
    top = view.place + distance * view.rays(np.array([[column * view.size, row]]))[0]
    tall = float(outline(alone)[:, 1].max())
    scale = (high[0] - low[0]) * metres * rng.uniform(0.18, 0.34) / extent_of(alone)
    if setting in ("sky", "deep"):
        spot[1] = top[1]
    elif tall * scale < top[1]:
        scale = min(top[1] / tall, 2.2 * scale)
    joined.add(builder, turn(rng.uniform(0, 2 * math.pi)), spot, scale, 0)
    return True


def _on_ground(view: Camera, column: float, distance: float) -> np.ndarray:
    """The place on the ground at a share of the picture's width, so far away along the optical axis."""
    ahead = view.axes[2] * [1, 0, 1]
    spot = view.place + ahead / np.linalg.norm(ahead) * distance
    spot = spot + view.axes[0] * (column - 0.5) * view.size / view.focal * distance
    spot[1] = 0.0
    return spot


def _off_the_road(spot: np.ndarray, place: Backdrop, scale: float) -> np.ndarray:
    """Moved across the road's direction until it stands beside it."""
    across = np.array([-math.sin(place.road), 0.0, math.cos(place.road)])
    off = float(spot @ across) - 0.35 * place.lane
    least = 1.15 * place.lane + 0.45 * scale
    return spot if abs(off) > least else spot + across * (math.copysign(least, off) - off)
