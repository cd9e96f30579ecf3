"""Truth about a picture: objects, parts, depth, key points, camera; the same in every domain."""

from typing import NamedTuple

import numpy as np

from train.world.names import CATEGORIES, PARTS
from train.world.stage import Hit, Stage

BETWEEN_PARTS = frozenset({"tail_base", "back_middle"})
"""Key points that lie where parts meet: any part of their object may be seen there."""


class KeyPoint(NamedTuple):
    """A named point of one object at a pixel position (x, y), whether it is seen or not."""

    name: str
    instance: int
    x: float
    y: float
    visible: bool


class Pose(NamedTuple):
    """A pinhole camera as computer vision writes it: intrinsics [3, 3] in pixels, and world to camera [3, 4] in
    metres with x right, y down, z forward. The world's y is up and its ground is y = 0."""

    intrinsics: np.ndarray
    extrinsics: np.ndarray


class Truth(NamedTuple):
    """All that is known about a picture of H × W pixels.

    `instances` uint8 [H, W]: 0 background, 1 the object that the picture is of, 2 … further ones, whose categories
    are in `objects`. `parts` uint8 [H, W]: indices into PARTS, 0 the background. `depth` float32 [H, W]: metres
    along the optical axis, 0 where there is no surface (sky, open water below). `seed` and `category` with the same
    options make the same picture again. `occluded`: something was put in front of the objects.
    """

    seed: int
    category: str
    family: str
    objects: tuple[str, ...]
    occluded: bool
    instances: np.ndarray
    parts: np.ndarray
    depth: np.ndarray
    keypoints: tuple[KeyPoint, ...]
    camera: Pose

    @property
    def mask(self) -> np.ndarray:
        """bool [H, W]: where any labelled object is."""
        return self.instances > 0


def observe(stage: Stage, hit: Hit) -> Truth:
    """The truth of a scene from what its pixel centres meet."""
    scene, size = stage.scene, stage.scene.camera.size
    first = hit.shapes[:, 0]
    instances = np.where(first >= 0, scene.owners[first], 0).reshape(size, size).astype(np.uint8)
    parts = np.where(first >= 0, scene.shapes.ints[first, 1], 0).reshape(size, size).astype(np.uint8)
    depth = np.where(hit.distance < 1e8, hit.distance * (hit.rays @ scene.camera.axes[2]), 0.0)
    family = CATEGORIES[scene.category]
    depth = depth.reshape(size, size).astype(np.float32)
    points = _keypoints(stage)
    return Truth(
        scene.seed,
        scene.category,
        family,
        scene.instances,
        scene.occluded,
        instances,
        parts,
        depth,
        points,
        _pose(stage),
    )


def _keypoints(stage: Stage) -> tuple[KeyPoint, ...]:
    """Marks seen through the camera: a ray through each must meet its object and part, no deeper than the mark says."""
    scene, size = stage.scene, stage.scene.camera.size
    if not scene.marks:
        return ()
    positions = np.array([mark.position for _, mark in scene.marks])
    xy, depth = scene.camera.project(positions)
    hit = stage.hit(xy)
    found = []
    for n, (instance, mark) in enumerate(scene.marks):
        x, y = float(xy[n, 0]), float(xy[n, 1])
        first = hit.shapes[n, 0]
        inside = 0 <= x < size and 0 <= y < size and depth[n] > 0
        own = inside and first >= 0 and scene.owners[first] == instance
        on_part = own and (mark.name in BETWEEN_PARTS or PARTS[scene.shapes.ints[first, 1]] == mark.part)
        away = np.linalg.norm(positions[n] - scene.camera.place)
        found.append(KeyPoint(mark.name, instance, x, y, bool(on_part and away - hit.distance[n] <= mark.depth)))
    return tuple(found)


def _pose(stage: Stage) -> Pose:
    camera = stage.scene.camera
    half = camera.size / 2
    axes = camera.axes * np.array([[1.0], [-1.0], [1.0]])
    intrinsics = np.array([[camera.focal, 0, half], [0, camera.focal, half], [0, 0, 1]])
    return Pose(intrinsics, np.concatenate([axes, -axes @ camera.place[:, None]], axis=1))
