"""Pinhole cameras: the row of floats that `trace` reads, framing of things, projection of points."""

import math
from typing import NamedTuple

import numpy as np

from train.world.shapes import Shapes


class Camera(NamedTuple):
    """The camera of a picture: place, axes (rows right, up, forward; unit, orthogonal) and focal length in
    pixels for a square picture of `size` pixels whose centre is looked at."""

    place: np.ndarray
    axes: np.ndarray
    focal: float
    size: int

    def row(self, precision: float, reach: float) -> np.ndarray:
        """The row that `trace` reads; `reach` is the range of ambient occlusion, in metres."""
        half = self.size / 2
        return np.array([*self.place, *self.axes.reshape(-1), self.focal, half, half, 0.0, precision, reach])

    def rays(self, xy: np.ndarray) -> np.ndarray:
        """Unit directions [n, 3] of pixel positions [n, 2]."""
        uv = (xy - self.size / 2) / self.focal
        rays = self.axes[2] + uv[:, :1] * self.axes[0] - uv[:, 1:] * self.axes[1]
        return rays / np.linalg.norm(rays, axis=1, keepdims=True)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixel positions [n, 2] and depths along the optical axis [n] of points [n, 3]."""
        own = (points - self.place) @ self.axes.T
        depth = np.maximum(own[:, 2], 1e-6)
        xy = np.stack([own[:, 0], -own[:, 1]], 1) / depth[:, None] * self.focal + self.size / 2
        return xy, own[:, 2]


def aim(place: np.ndarray, target: np.ndarray, focal: float, size: int, roll: float = 0.0) -> Camera:
    """A camera at `place` that looks at `target`, rolled by some radians."""
    forward = target - place
    forward = forward / np.linalg.norm(forward)
    steep = abs(forward[1]) > 0.9999
    right = np.cross(forward, [1.0, 0.0, 0.0] if steep else [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right)
    up = np.cross(right, forward)
    c, s = math.cos(roll), math.sin(roll)
    return Camera(place, np.stack([c * right + s * up, c * up - s * right, forward]), focal, size)


def frame(
    points: np.ndarray,
    azimuth: float,
    elevation: float,
    field: float,
    fill: float,
    size: int,
    offset: np.ndarray,
    lowest: float,
) -> Camera:
    """A camera that sees points [n, 3] from a direction so that they span `fill` of the picture.

    `offset` moves them off the centre (shares of the picture), `lowest` is the least height of the camera.
    """
    target = (points.min(0) + points.max(0)) / 2
    away = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.sin(elevation), math.cos(elevation) * math.sin(azimuth)]
    )
    focal = size / 2 / math.tan(field / 2)
    distance = np.linalg.norm(points - target, axis=1).max() / math.tan(field / 2) / fill + 1e-6
    for _ in range(6):
        place = target + away * distance
        place[1] = max(place[1], lowest)
        camera = aim(place, target, focal, size)
        xy, _ = camera.project(points)
        low, high = xy.min(0), xy.max(0)
        middle, span = (low + high) / 2 / size - 0.5 - offset, (high - low).max() / size
        step = distance * size / focal
        target = target + camera.axes[0] * middle[0] * step - camera.axes[1] * middle[1] * step
        distance *= 1 + 0.9 * (span / fill - 1)
    return camera


def sun_camera(shapes: Shapes, sun: np.ndarray, size: int) -> np.ndarray:
    """The row of a parallel camera along the sun's rays that sees all shapes."""
    ends = np.concatenate([shapes.floats[:, 23:26], shapes.floats[:, 27:30]])
    radii = np.concatenate([shapes.floats[:, 26], shapes.floats[:, 30]])[:, None]
    camera = aim(sun * 1.0, np.zeros(3), 1.0, size)
    own = ends @ camera.axes.T
    low, high = (own - radii).min(0), (own + radii).max(0)
    middle, span = (low + high) / 2, max((high - low)[:2].max(), 1e-3)
    place = middle[:2] @ camera.axes[:2] + camera.axes[2] * (low[2] - 0.1 * span)
    scale = (size - 12) / span
    return np.array([*place, *camera.axes.reshape(-1), scale, size / 2, size / 2, 1.0, 0.25 / scale, 0.0])
