"""Backdrops: sky, clouds, hills, floors, walls, water, seen along rays."""

from typing import NamedTuple

import numpy as np

from train.world.materials import linear

GRASS, SAND, SNOW, ASPHALT, BOARDS, TILES, CARPET, WATER, SEABED, DIRT, NOTHING = range(11)
OPEN_SKY, ROOM, SEA = range(3)
NO_HILLS, HILLS, MOUNTAINS, TREES, CITY = range(5)
PLAIN_WALL, STRIPED_WALL, BRICK_WALL, PANEL_WALL = range(4)


class Backdrop(NamedTuple):
    """A backdrop; colours are sRGB 0..1, lengths metres, `seed` shifts every noise."""

    name: str
    ground: int
    ground_a: np.ndarray
    ground_b: np.ndarray
    scale: float
    sky: int
    zenith: np.ndarray
    horizon: np.ndarray
    clouds: float
    hills: int
    hill_colour: np.ndarray
    hill_height: float
    wall_normal: np.ndarray
    wall_at: float
    wall: int
    wall_a: np.ndarray
    wall_b: np.ndarray
    haze: float
    sun: np.ndarray
    sun_colour: np.ndarray
    ambient: float
    seed: float
    road: float = 0.0
    """Direction of a road through the origin (radians), where `lane` is above zero."""
    lane: float = 0.0
    """Half the width of the road in metres; beyond it `verge` begins."""
    verge: np.ndarray | None = None
    paved: bool = False
    detail: float = 1.0
    """The share of the grain of grounds, walls and hills that is drawn."""


class Seen(NamedTuple):
    """The surface that rays [n] meet behind the shapes: distance (1e9 for none), normals, linear colours, shine, and which are
    water."""

    distance: np.ndarray
    normal: np.ndarray
    colour: np.ndarray
    shine: np.ndarray
    water: np.ndarray


def _noise(x, y, z) -> np.ndarray:
    from train.world import paint

    shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z))
    return paint.noise_field(*(np.ascontiguousarray(np.broadcast_to(a, shape), dtype=np.float64) for a in (x, y, z)))


def _smooth(low: float, high: float, x: np.ndarray) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a, b, share: np.ndarray) -> np.ndarray:
    """Between colours [3] or [n, 3], by the share [n] of the second; channel by channel, since numpy is several times
    slower where it has to repeat something along an axis of three."""
    if np.ndim(a) == np.ndim(b) == 2:
        return a + (b - a) * share[:, None]
    mixed = np.empty((len(share), 3))
    for channel in range(3):
        low, high = a[..., channel], b[..., channel]
        mixed[:, channel] = low + (high - low) * share
    return mixed


def view(
    place: Backdrop, origin: np.ndarray, rays: np.ndarray, distance: np.ndarray, kind: np.ndarray, pixel: float
) -> Seen:
    """The view of the place along `rays` [n, 3] from `origin`; `pixel` is the angle of one pixel in radians.

    `distance` and `kind` [n] are what `pixels.planes` found: 0 sky, 1 ground, 2 wall.
    """
    n = len(rays)
    seen = Seen(distance, np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n), np.zeros(n, bool))
    sky, on_ground, on_wall = (np.flatnonzero(kind == k) for k in range(3))
    if len(sky):
        seen.colour[sky] = sky_colour(place, rays.take(sky, axis=0))
    if len(on_wall):
        _wall(place, seen, on_wall, origin, rays, distance, pixel)
    if len(on_ground):
        _ground(place, seen, on_ground, origin, rays, distance, pixel)
    return seen


def sky_colour(place: Backdrop, rays: np.ndarray) -> np.ndarray:
    """Linear colour [n, 3] of the sky, with clouds, sun and the hills in front of it."""
    height = rays[:, 1]
    zenith, horizon = linear(place.zenith), linear(place.horizon)
    if place.sky == SEA:
        beams = _noise(np.arctan2(rays[:, 2], rays[:, 0]) * 9 + height * 2.5, place.seed, 0.0) * _smooth(
            -0.1, 0.5, height
        )
        return mix(horizon, zenith, _smooth(-0.02, 0.75, height) * 0.85 + 0.25 * beams)
    colour = mix(horizon, zenith, np.clip(height, 0, 1) ** 0.55)
    toward = np.clip(rays @ place.sun, 0, 1)
    colour = colour + linear(place.sun_colour) * (0.18 * toward**12 + 0.5 * toward**300)[:, None]
    if place.clouds > 0:
        colour = _clouds(place, rays, colour, toward)
    if place.hills != NO_HILLS:
        low = np.flatnonzero(height < 2.2 * place.hill_height)
        colour[low] = _hills(place, rays.take(low, axis=0), colour.take(low, axis=0))
    return colour


def _clouds(place: Backdrop, rays: np.ndarray, colour: np.ndarray, toward: np.ndarray) -> np.ndarray:
    from train.world import paint

    body = paint.cloud_field(rays, place.ground == NOTHING, place.seed)
    thick = _smooth(0.62 - 0.4 * place.clouds, 0.85 - 0.4 * place.clouds, body) * _smooth(
        -0.02, 0.12, np.abs(rays[:, 1])
    )
    lit = np.clip(1.08 - 0.5 * _smooth(0.5, 0.95, body), 0, 1.1)
    bright = 0.25 + 0.75 * linear(place.horizon).max()
    white = mix(np.array([0.72, 0.77, 0.86]) * bright, np.array([1.0, 0.985, 0.96]) * bright, lit)
    white = white + linear(place.sun_colour) * (0.12 * toward**6)[:, None]
    return mix(colour, white, thick * 0.92)


def _hills(place: Backdrop, rays: np.ndarray, colour: np.ndarray) -> np.ndarray:
    azimuth = np.arctan2(rays[:, 2], rays[:, 0])
    flat = np.hypot(rays[:, 0], rays[:, 2]) + 1e-6
    slope = rays[:, 1] / flat
    near, haze = linear(place.hill_colour), linear(place.horizon)
    for layer in range(3):
        s = place.seed + 17.0 * layer
        if place.hills == TREES:
            u = azimuth * (26 + 9 * layer) + s
            cell = np.floor(u)
            crown = 1 - (2 * (u - cell) - 1) ** 2
            ridge = (
                0.34 + 0.34 * _noise(azimuth * 7, s, 0.0) + (0.2 + 0.34 * _noise(cell * 3.1, s, 2.0)) * np.sqrt(crown)
            )
            ridge = ridge + 0.1 * _noise(azimuth * 160, s, 8.0)
        elif place.hills == CITY:
            ridge = 0.3 + 0.85 * _noise(np.floor(azimuth * 11 + 3.4 * layer) * 1.7, s, 0.5)
        elif place.hills == MOUNTAINS:
            ridge = (
                1.0
                - np.abs(2 * _noise(azimuth * 4, s, 0.0) - 1)
                + 0.35 * _noise(azimuth * 14, s, 2.0)
                + 0.12 * _noise(azimuth * 50, s, 6.0)
            )
        else:
            ridge = 0.3 + 0.9 * _noise(azimuth * 2.6, s, 0.0) + 0.15 * _noise(azimuth * 9, s, 3.0)
        top = ridge * place.hill_height * (1.15 - 0.36 * layer)
        cover = _smooth(0.002, -0.002, slope - top)
        if not cover.any():
            continue
        tone = mix(near * (0.62 + 0.3 * layer), haze, np.full(len(rays), 0.62 - 0.27 * layer))
        if place.hills == MOUNTAINS and layer == 0:
            snow = _smooth(
                0.62,
                0.8,
                slope / np.maximum(place.hill_height * 1.15, 1e-6) + 0.3 * (_noise(azimuth * 60, slope * 60, s) - 0.5),
            )
            tone = mix(tone, np.array([0.85, 0.9, 0.98]), snow * 0.85)
        if place.hills == CITY:
            tone = _facades(place, azimuth, slope, top, layer, tone)
        else:
            grain = 0.6 * _noise(azimuth * 40, slope * 50, s) + 0.4 * _noise(azimuth * 150, slope * 190, s)
            shaded = _smooth(0.0, 0.9, slope / np.maximum(top, 1e-6))
            tone = tone * (0.72 + 0.24 * shaded + 0.2 * place.detail * grain)[:, None]
        colour = mix(colour, tone, cover)
    return colour


def _facades(place: Backdrop, azimuth, slope, top, layer: int, tone: np.ndarray) -> np.ndarray:
    """Houses side by side, each of its own colour, with rows of windows and a darker eave."""
    across = azimuth * 11 + 3.4 * layer
    house, u = np.floor(across), across % 1
    warm = np.array([1.18, 0.96, 0.8]) ** (2 * _noise(house * 2.3, 7.0 * layer, place.seed) - 1)[:, None]
    tone = tone * warm * (0.8 + 0.5 * _noise(house * 5.1, 3.0, place.seed))[:, None]
    floors = 0.055
    v = (top - slope) / floors
    column = (u - 0.1) / 0.8 * 4
    glass = (np.abs(column % 1 - 0.5) < 0.24) & (np.abs(v % 1 - 0.5) < 0.28) & (column > 0) & (column < 4) & (v > 0.3)
    tone = tone * np.where(glass, 0.55, 1.0)[:, None] + np.where(glass, 0.05, 0.0)[:, None]
    return tone * np.where((v < 0.16) | (u < 0.02), 0.7, 1.0)[:, None]


def _wall(place: Backdrop, seen: Seen, where: np.ndarray, origin, rays, distance, pixel: float) -> None:
    t = distance[where]
    point = origin + rays.take(where, axis=0) * t[:, None]
    across = np.cross(place.wall_normal, [0.0, 1.0, 0.0])
    u, v = (point @ across) / place.scale, point[:, 1] / place.scale
    a, b = linear(place.wall_a), linear(place.wall_b)
    if place.wall == STRIPED_WALL:
        colour = mix(a, b, _smooth(-0.15, 0.15, np.sin(6.2832 * u * 2.2)))
    elif place.wall == BRICK_WALL:
        row = np.floor(v * 9)
        x, y = (u * 4 + 0.5 * (row % 2)) % 1, (v * 9) % 1
        joint = np.maximum(_smooth(0.05, 0.0, np.minimum(x, 1 - x)), _smooth(0.1, 0.0, np.minimum(y, 1 - y)))
        shade = 0.75 + 0.5 * _noise(np.floor(u * 4 + 0.5 * (row % 2)) * 2.3, row * 3.1, place.seed)
        colour = mix(a * shade[:, None], b, joint)
    elif place.wall == PANEL_WALL:
        colour = mix(a, b, (v < 0.75).astype(float))
        edge = _smooth(0.03, 0.0, np.abs(v - 0.75)) + 0.5 * _smooth(0.02, 0.0, np.abs(u * 2.4 % 1 - 0.5)) * (v < 0.75)
        colour = colour * (1 - 0.3 * np.clip(edge, 0, 1))[:, None]
    else:
        colour = np.broadcast_to(a, (len(t), 3)).copy()
    colour = colour * (0.94 + 0.12 * place.detail * _noise(u * 3, v * 3, place.seed))[:, None]
    skirting = v < 0.11
    colour[skirting] = linear([0.93, 0.92, 0.89]) * np.where(v[skirting] > 0.1, 0.7, 1.0)[:, None]
    seen.distance[where], seen.colour[where] = t, colour
    seen.normal[where] = -place.wall_normal


def _ground(place: Backdrop, seen: Seen, where: np.ndarray, origin, rays, distance, pixel: float) -> None:
    t = distance[where]
    point = origin + rays.take(where, axis=0) * t[:, None]
    x, z = point[:, 0] / place.scale, point[:, 2] / place.scale
    blur = t * pixel / place.scale / np.maximum(-rays[where, 1], 0.03) ** 0.5
    a, b = linear(place.ground_a), linear(place.ground_b)
    normal = np.zeros((len(t), 3))
    normal[:, 1] = 1
    kind = place.ground
    shine = np.zeros(len(t))

    def grain(*octaves: tuple[float, float, float, float]) -> np.ndarray:
        """Noise about zero: cells per unit, where in the noise, squeeze along x, strength."""
        from train.world import paint

        if place.detail == 0:
            return np.zeros(len(t))
        return place.detail * paint.grain_field(x, z, blur, place.seed, np.array(octaves))

    if kind in (BOARDS, TILES):
        colour, shine = _floor(place, x, z, blur, a, b)
    elif kind == WATER:
        colour, shine = np.broadcast_to(a, (len(t), 3)).copy(), np.full(len(t), 1.0)
        for axis, shift in ((0, 3.0), (2, 40.0)):
            normal[:, axis] += grain((3, shift, 1, 0.16), (8, shift + 9, 0.6, 0.16), (21, shift + 4, 0.7, 0.1))
        normal /= np.sqrt(np.einsum("ij,ij->i", normal, normal))[:, None]
        seen.water[where] = True
    else:
        broad = grain((0.35, 1, 1, 1), (1.3, 2, 1, 0.6))
        share = np.clip(0.5 + broad * (0.5 if kind in (ASPHALT, CARPET) else 1.0), 0, 1)
        colour = mix(a, b, share)
        amount = {GRASS: 0.6, DIRT: 0.5, SEABED: 0.3, SAND: 0.16, SNOW: 0.05, ASPHALT: 0.2, CARPET: 0.2}[kind]
        if kind == GRASS:
            # blades stand up: noise drawn out along the line of sight looks like them
            ahead = np.array([np.mean(rays[where, 0]), np.mean(rays[where, 2])])
            ahead /= max(np.linalg.norm(ahead), 1e-6)
            along, side = x * ahead[0] + z * ahead[1], z * ahead[0] - x * ahead[1]
            fade = place.detail / (1 + (blur * 26) ** 2)
            fine = (_noise(side * 42, place.seed, along * 9) - 0.5) * fade + grain((9, 5, 1, 0.8))
        else:
            fine = grain((12, 5, 1, 1), (40, 6, 1, 1))
        colour = colour * np.clip(1 + amount * 1.5 * fine, 0.1, 2.2)[:, None]
        if place.lane > 0:
            colour = _road(place, point, blur * place.scale, colour, a, fine)
        if place.sky == SEA:
            colour = colour * (0.8 + 0.9 * caustics(place, point, blur))[:, None]
        tilt = {SAND: 0.5, SNOW: 0.35, SEABED: 0.6, DIRT: 0.4}.get(kind, 0.0)
        if tilt > 0:  # ripples and drifts
            normal[:, 0] += grain((2.5, 7, 0.4, tilt), (7, 8, 0.5, 0.6 * tilt))
            normal /= np.sqrt(np.einsum("ij,ij->i", normal, normal))[:, None]
    seen.distance[where], seen.colour[where], seen.normal[where], seen.shine[where] = t, colour, normal, shine


def caustics(place: Backdrop, point: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """Bright net 0..1 that waves throw onto what lies under water, at points [n, 3]."""
    x, z = point[:, 0] / place.scale * 2.2, point[:, 2] / place.scale * 2.2
    bend = _noise(x * 0.7, place.seed, z * 0.7)
    one = np.abs(_noise(x + 2 * bend, 1.0, z) - 0.5)
    two = np.abs(_noise(x * 1.7, 5.0, z * 1.7 + 2 * bend) - 0.5)
    return np.clip(1 - 7 * np.minimum(one, two), 0, 1) ** 2 / (1 + blur * 4)


def _road(place: Backdrop, point: np.ndarray, width, colour, asphalt, fine) -> np.ndarray:
    """Lines on the road, and what lies beside it: paving stones or grass."""
    c, s = np.cos(place.road), np.sin(place.road)
    along, off = point[:, 0] * c + point[:, 2] * s, point[:, 2] * c - point[:, 0] * s
    side = np.abs(off - place.lane * 0.35)  # the origin is the middle of one lane
    soft = np.maximum(width, 0.004 * place.lane)
    near = 1 / (1 + (soft / (0.05 * place.lane)) ** 2)
    line = np.clip((0.035 * place.lane - side) / soft + 0.5, 0, 1) * (along % (1.6 * place.lane) < 0.8 * place.lane)
    line = np.maximum(line, np.clip((0.03 * place.lane - np.abs(side - 0.9 * place.lane)) / soft + 0.5, 0, 1))
    colour = mix(colour, np.array([0.8, 0.8, 0.76]), line * near * 0.85)
    beside = np.clip((side - place.lane) / soft + 0.5, 0, 1)
    verge = linear(place.verge) * (1 + (0.3 if place.paved else 0.8) * fine)[:, None]
    if place.paved:
        slab = 0.45 * place.lane
        seam = np.minimum(np.minimum(along % slab, slab - along % slab), np.minimum(off % slab, slab - off % slab))
        verge = verge * (1 - 0.3 * near * np.clip(1 - seam / (0.02 * place.lane), 0, 1))[:, None]
        verge = verge * np.where(side < place.lane * 1.06, 1.25, 1.0)[:, None]
    return mix(colour, verge, beside)


def _floor(place: Backdrop, x, z, blur, a, b) -> tuple[np.ndarray, np.ndarray]:
    sharp = 1 / (1 + (blur * 14) ** 2)
    if place.ground == TILES:
        x, z = x * 2.2, z * 2.2
        odd = (np.floor(x) + np.floor(z)) % 2
        colour = mix(a, b, odd)
        edge = np.minimum(np.minimum(x % 1, 1 - x % 1), np.minimum(z % 1, 1 - z % 1))
        colour = colour * (1 - 0.4 * sharp * _smooth(0.025, 0.0, edge))[:, None]
        return colour, np.full(len(x), 0.25)
    row = np.floor(x * 5)
    long = z * 0.9 + 0.37 * row
    shade = 0.8 + 0.4 * _noise(row * 5.3, np.floor(long) * 3.7, place.seed)
    grain = _noise(x * 60, place.seed, z * 3) - 0.5
    colour = mix(a, b, np.clip(0.5 + 0.8 * grain * sharp, 0, 1)) * shade[:, None]
    edge = np.minimum(np.minimum(x * 5 % 1, 1 - x * 5 % 1) / 5, np.minimum(long % 1, 1 - long % 1) / 0.9)
    return colour * (1 - 0.6 * sharp * _smooth(0.012, 0.0, edge))[:, None], np.full(len(x), 0.12)
