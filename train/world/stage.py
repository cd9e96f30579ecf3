"""Samples of a picture: trace, paint, light; further samples where an edge runs through a pixel."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from train.world import backdrop
from train.world.backdrop import Backdrop
from train.world.camera import sun_camera
from train.world.scene import Scene
from train.world.shapes import Shapes

SUN_MAP = 144
"""Side of the shadow map."""
FIELD = 56
"""Side of the map of what stands on the ground."""
GROUND_REACH = 60.0
"""The distance to which the ground is seen, in extents of the object; beyond it is the horizon."""
SUBPIXELS = np.array([[-0.3, 0.22], [0.3, -0.22]])
"""Positions of further samples in a pixel with an edge, besides its middle."""


class Look(NamedTuple):
    """The look of a scene: its place in some light, its materials, the colours of sun, sky and bounced light."""

    place: Backdrop
    materials: np.ndarray
    sun_colour: np.ndarray
    sky: np.ndarray
    bounce: np.ndarray


class Hit(NamedTuple):
    """The ends of samples [n]: unit rays [n, 3], the two nearest shapes [n, 2] (−1: none), surface [n, 6] as
    `trace.trace` fills it, distance along the ray (1e9: none) and what lies there otherwise (0 sky, 1 floor, 2 wall)."""

    rays: np.ndarray
    shapes: np.ndarray
    surface: np.ndarray
    distance: np.ndarray
    behind: np.ndarray


class Layer(NamedTuple):
    """The colours of samples [n]: linear colour [n, 3] as lit, the colour of the things themselves, and how they are lit
    [n, 2] (share of sun; brightness of all light, 0..1; both 1 in the sky)."""

    colour: np.ndarray
    albedo: np.ndarray
    tone: np.ndarray


class Stage:
    """A scene made ready for rays: tiles for the camera, the shadow map, the ground's nearness to things."""

    def __init__(self, scene: Scene):
        from train.world import trace

        self.scene, self.shapes = scene, scene.shapes
        self.cols = -(-scene.camera.size // trace.TILE)
        self.reach = scene.extent * 0.07
        self.row = scene.camera.row(0.35 / scene.camera.focal, self.reach)
        self.listing = trace.tiles(self.shapes.floats, self.row, self.cols, self.cols, 1.0)
        self.mirrored = None
        if scene.place.ground == backdrop.WATER:
            row = self.row.copy()
            row[[1, 4, 7, 10]] *= -1
            self.mirrored = row, trace.tiles(self.shapes.floats, row, self.cols, self.cols, 4.0)
        near = _near(scene)
        self.sun_row, self.sun_map = self._sun_map(near)
        self.field, self.corner, self.step = self._field(near)

    def _sun_map(self, near: Shapes) -> tuple[np.ndarray, np.ndarray]:
        from train.world import trace

        row = sun_camera(near, self.scene.place.sun, SUN_MAP)
        tiles = SUN_MAP // trace.TILE
        listing = trace.tiles(self.shapes.floats, row, tiles, tiles, 1.0)
        xy = pixel_centres(SUN_MAP)
        rays, hits, surface = _room_for(len(xy))
        trace.trace(xy, *self.shapes, row, listing, tiles, False, rays, hits, surface)
        return row, surface[:, 0].reshape(SUN_MAP, SUN_MAP)

    def _field(self, near: Shapes) -> tuple[np.ndarray, np.ndarray, float]:
        from train.world import trace

        ends = np.concatenate([near.floats[:, 23:26], near.floats[:, 27:30]])[:, [0, 2]]
        low, high = ends.min(0), ends.max(0)
        span = (high - low).max() + 6 * self.reach
        corner, step = (low + high) / 2 - span / 2, span / (FIELD - 1)
        lowest = np.minimum(near.floats[:, 24] - near.floats[:, 26], near.floats[:, 28] - near.floats[:, 30])
        standing = lowest < 2 * self.reach
        shapes = near.floats[standing], near.ints[standing]
        return trace.ground_field(*shapes, *corner, step, FIELD, 0.1 * self.reach), corner, step

    def hit(self, xy: np.ndarray) -> Hit:
        """The ends of samples at pixel positions [n, 2]."""
        from train.world import pixels, trace

        rays, hits, surface = _room_for(len(xy))
        trace.trace(xy, *self.shapes, self.row, self.listing, self.cols, True, rays, hits, surface)
        place = self.scene.place
        distance, behind = np.empty(len(xy)), np.empty(len(xy), np.int64)
        ground, wall = place.ground != backdrop.NOTHING, place.sky == backdrop.ROOM
        reach = GROUND_REACH * self.scene.extent
        pixels.planes(
            rays, self.scene.camera.place, ground, wall, place.wall_normal, place.wall_at, reach, distance, behind
        )
        hidden = surface[:, 0] >= distance
        hits[hidden] = -1
        return Hit(rays, hits, surface, np.where(hidden, distance, surface[:, 0]), behind)

    def layer(self, xy: np.ndarray, hit: Hit, look: Look) -> Layer:
        """Paint and light samples."""
        n, place = len(xy), look.place
        colour, albedo, tone = np.zeros((n, 3)), np.zeros((n, 3)), np.ones((n, 2))
        on, off = np.flatnonzero(hit.shapes[:, 0] >= 0), np.flatnonzero(hit.shapes[:, 0] < 0)
        origin = self.scene.camera.place
        things = self._things(look, origin, *(of.take(on, axis=0) for of in (hit.rays, hit.shapes, hit.surface)))
        behind = self._background(look, *(of.take(off, axis=0) for of in (xy, hit.rays, hit.distance, hit.behind)))
        for into, front, back in zip((colour, albedo, tone), things, behind, strict=True):
            _put_rows(into, on, front)
            _put_rows(into, off, back)
        if place.haze > 0:
            veil = (1 - np.exp(-np.minimum(hit.distance, 1e6) * place.haze)) * (hit.distance < 1e8)
            colour = backdrop.mix(colour, backdrop.linear(place.horizon), veil)
        return Layer(colour, albedo, tone)

    def _things(self, look: Look, origin, rays, hits, surface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from train.world import light, paint

        n, scene = len(rays), self.scene
        albedo, gloss, lit, tone = np.zeros((n, 3)), np.zeros((n, 3)), np.zeros((n, 3)), np.zeros((n, 2))
        points, near = origin + rays * surface[:, :1], surface.copy()
        pixel = 1 / scene.camera.focal
        paint.paint_shapes(points, hits, near, *self.shapes, scene.frames, look.materials, pixel, albedo, gloss)
        if look.place.ground not in (backdrop.NOTHING, backdrop.WATER):
            near[:, 4] *= np.clip(0.55 + 0.45 * points[:, 1] / (2 * self.reach), 0.3, 1)
        self._shade(light, points, rays, near[:, 1:4], albedo, gloss, near[:, 4], look, 0.8, lit, tone)
        return lit, albedo, tone

    def _shade(self, light, points, rays, normals, albedo, gloss, openness, look: Look, soft: float, lit, tone) -> None:
        colours = look.sun_colour, look.sky, look.bounce
        sun = look.place.sun
        light.shade(
            points, rays, normals, albedo, gloss, openness, sun, *colours, self.sun_map, self.sun_row, soft, lit, tone
        )

    def _background(self, look: Look, xy, rays, distance, kind) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from train.world import light, pixels

        origin = self.scene.camera.place
        seen = backdrop.view(look.place, origin, rays, distance, kind, 1 / self.scene.camera.focal)
        solid = np.flatnonzero(kind > 0)
        colour, all_tone = seen.colour.copy(), np.ones((len(xy), 2))
        onto, base, openness = rays.take(solid, axis=0), seen.colour.take(solid, axis=0), np.empty(len(solid))
        points = origin + onto * distance[solid, None]
        pixels.ground_openness(points, self.field, *self.corner, self.step, 2.5 * self.reach, openness)
        gloss, lit, tone = np.zeros((len(solid), 3)), np.zeros((len(solid), 3)), np.zeros((len(solid), 2))
        gloss[:, 0], gloss[:, 1] = np.where(seen.water[solid], 0.0, seen.shine[solid]), 30.0
        self._shade(light, points, onto, seen.normal.take(solid, axis=0), base, gloss, openness, look, 0.0, lit, tone)
        _put_rows(colour, solid, lit)
        _put_rows(all_tone, solid, tone)
        water = np.flatnonzero(seen.water)
        if len(water):
            colour[water] = self._water(xy[water], rays[water], seen.normal[water], colour[water], look)
            seen.colour[water] = colour[water]  # what water shows is what it mirrors
        return colour, seen.colour, all_tone

    def _water(self, xy, rays, normals, below, look: Look) -> np.ndarray:
        """Water: the sky and the things above it, mirrored and broken by waves, over its own colour."""
        from train.world import trace

        dots = np.einsum("ij,ij->i", rays, normals)
        mirrored = rays - 2 * dots[:, None] * normals
        mirrored[:, 1] = np.abs(mirrored[:, 1]) + 1e-3
        mirrored /= np.sqrt(np.einsum("ij,ij->i", mirrored, mirrored))[:, None]
        colour = backdrop.sky_colour(look.place, mirrored)
        assert self.mirrored is not None, "there is water"
        row, listing = self.mirrored
        bent = xy + normals[:, [0, 2]] * np.array([14.0, 26.0]) * self.scene.camera.size / 224
        flat, hits, surface = _room_for(len(xy))
        trace.trace(bent, *self.shapes, row, listing, self.cols, True, flat, hits, surface)
        origin = self.scene.camera.place * np.array([1, -1, 1])
        on = np.flatnonzero((hits[:, 0] >= 0) & (origin[1] + flat[:, 1] * surface[:, 0] > 0))
        colour[on], _, _ = self._things(look, origin, *(of.take(on, axis=0) for of in (flat, hits, surface)))
        fresnel = (0.06 + 0.9 * (1 - np.clip(-dots, 0, 1)) ** 3.2)[:, None]
        half = look.place.sun - rays
        glint = np.einsum("ij,ij->i", half, normals) / np.sqrt(np.einsum("ij,ij->i", half, half))
        return below * (1 - fresnel) + colour * fresnel + look.sun_colour * (np.clip(glint, 0, 1) ** 350 * 1.2)[:, None]


def _put_rows(into: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """into[rows] = values for C-contiguous [n, k] and [m, k] of one dtype, a row at a time and not a number."""
    row = np.dtype((np.void, into.dtype.itemsize * into.shape[1]))
    into.view(row)[rows, 0] = np.ascontiguousarray(values, into.dtype).view(row)[:, 0]


def _room_for(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.empty((n, 3)), np.empty((n, 2), np.int64), np.empty((n, 6))


def _near(scene: Scene) -> Shapes:
    """The labelled objects, and the scenery close to them."""
    middle = (scene.shapes.floats[:, 23:26] + scene.shapes.floats[:, 27:30]) / 2
    centre = middle[scene.owners > 0].mean(0)
    near = (scene.owners > 0) | (np.linalg.norm(middle - centre, axis=1) < 1.3 * scene.extent)
    return Shapes(scene.shapes.floats[near], scene.shapes.ints[near])


def pixel_centres(size: int) -> np.ndarray:
    """Positions [size², 2] (x, y) of all pixels, row by row."""
    y, x = np.mgrid[0:size, 0:size]
    return np.stack([x.ravel() + 0.5, y.ravel() + 0.5], 1)


def smoothed(stage: Stage, hit: Hit, layer: Layer, look: Look, style: Callable[[Layer], np.ndarray]) -> np.ndarray:
    """Linear colours [size², 3] that a style makes of a layer of whole pixels, averaged over further samples where
    there is an edge."""
    from train.world import pixels

    size = stage.scene.camera.size
    colour = style(layer)
    found = pixels.edges(hit.shapes[:, 0], hit.distance, hit.surface[:, 1:4], colour, size)
    where = np.flatnonzero(found)
    centre = np.stack([where % size + 0.5, where // size + 0.5], 1)
    xy = (centre[:, None] + SUBPIXELS).reshape(-1, 2)
    extra = np.minimum(style(stage.layer(xy, stage.hit(xy), look)), 1.6).reshape(len(where), len(SUBPIXELS), 3)
    colour[where] = (np.minimum(colour[where], 1.6) + extra.sum(1)) / (1 + len(SUBPIXELS))
    return colour
