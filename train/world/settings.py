"""Settings of scenes: meadows, streets, rooms, seas, each with its light and colours drawn anew."""

import colorsys
import math
from typing import NamedTuple

import numpy as np

from train.world import backdrop as at
from train.world.camera import Camera
from train.world.materials import choose, linear, vary


class Stand(NamedTuple):
    """The position of an object in a setting: height above the ground, (pitch, roll), camera elevations in radians and
    least camera height as a share of the object."""

    height: float
    tilt: tuple[float, float]
    elevation: tuple[float, float]
    lowest: float


def stand(setting: str, kind, rng: np.random.Generator) -> Stand:
    """The stand of an object in a setting."""
    if setting == "sky":
        pitch, roll = rng.normal(0.06, 0.1), rng.normal(0, 0.16)
        return Stand(40.0, (float(pitch), float(roll)), (math.radians(-22), math.radians(14)), 0.2)
    if setting in ("reef", "deep"):
        return Stand(
            kind.grain * 0.8,
            (float(rng.normal(0, 0.12)), float(rng.normal(0, 0.06))),
            (math.radians(-8), math.radians(14)),
            0.1,
        )
    if setting in ("lake", "sea"):
        sunk = -0.62 * 0.22 if kind.grain < 1 else 0.0
        return Stand(sunk, (0.0, float(rng.normal(0, 0.05))), (math.radians(5), math.radians(20)), 0.1)
    if setting == "shallows":
        return Stand(-0.12, (0.0, 0.0), (math.radians(4), math.radians(15)), 0.1)
    if setting in ("room", "studio"):
        height = 0.0 if "deep" not in kind.elsewhere else 0.5 * kind.grain
        return Stand(height, (0.0, 0.0), (math.radians(10), math.radians(27)), 0.2)
    return Stand(0.0, (0.0, 0.0), (math.radians(2), math.radians(18)), 0.16)


SKIES = (
    ("#2f72c8", "#bcd9ef", "#fff3e0", 2.5),
    ("#3f8ad6", "#d3e8f2", "#fff5e8", 2.6),
    ("#4f7fbf", "#f3d6b4", "#ffe0b8", 2.3),
    ("#7f9fc0", "#dfe3e6", "#fff2e2", 1.9),
    ("#6a6fb0", "#f9c3a0", "#ffcfa4", 2.2),
)
"""Zenith, horizon, sunlight and its strength: noon, clear, late, hazy, dusk."""

GROUNDS = {
    "garden": (at.GRASS, ("#5a8244", "#78954f"), at.TREES, ("#3f6b3a",), 0.16),
    "meadow": (at.GRASS, ("#6f8f4c", "#9aa05a"), at.HILLS, ("#5d8a4e", "#7a9a54"), 0.12),
    "hills": (at.GRASS, ("#7f9450", "#a8a263"), at.MOUNTAINS, ("#5c6f86", "#6f7d74"), 0.26),
    "beach": (at.SAND, ("#d6c29a", "#c7ae84"), at.HILLS, ("#4f8fae", "#6b9bb0"), 0.035),
    "desert": (at.SAND, ("#d9a566", "#c98f55"), at.MOUNTAINS, ("#a8704c", "#8e6a5c"), 0.17),
    "savanna": (at.GRASS, ("#bfa768", "#a3935a"), at.HILLS, ("#8a8a52", "#7f7f68"), 0.07),
    "snow": (at.SNOW, ("#dfe5ee", "#cdd8e4"), at.TREES, ("#4c6a6a", "#58737a"), 0.17),
    "street": (at.ASPHALT, ("#5f6166", "#6f7074"), at.CITY, ("#9a8f8a", "#8797a8", "#b59a86"), 0.42),
    "sky": (at.NOTHING, ("#7f9a5a", "#8fa06a"), at.NO_HILLS, ("#7f9a8a",), 0.0),
    "lake": (at.WATER, ("#2f5f66", "#3a6a6a"), at.TREES, ("#3f6b3a", "#5a7a3f", "#8a7a3a"), 0.14),
    "shallows": (at.WATER, ("#5a7a6a", "#6a8a7a"), at.TREES, ("#5f8a4a", "#6f8a4f"), 0.12),
    "sea": (at.WATER, ("#1f4f6f", "#2a5f7a"), at.HILLS, ("#5f7f8a", "#6a8a7a"), 0.03),
    "reef": (at.SEABED, ("#d9cf9f", "#c4b98a"), at.NO_HILLS, ("#3f8fae",), 0.0),
    "deep": (at.NOTHING, ("#2f5f7a", "#2f5f7a"), at.NO_HILLS, ("#3f8fae",), 0.0),
    "road": (at.ASPHALT, ("#626368", "#727276"), at.TREES, ("#4c7a45", "#6a8a48"), 0.18),
}


def place(setting: str, view: Camera, extent: float, heading: float, kind, rng: np.random.Generator) -> at.Backdrop:
    """A backdrop of a setting for a camera and an object of some extent."""
    if setting == "room":
        return _room(view, extent, kind, rng)
    if setting == "studio":
        return _studio(view, extent, rng)
    ground, colours, hills, hill_colours, height = GROUNDS[setting]
    if setting in ("reef", "deep"):
        return _under_water(setting, ground, colours, extent, kind, rng)
    zenith, horizon, sun_colour, strength = choose(rng, SKIES[:4] if setting == "snow" else SKIES)
    ahead = math.atan2(view.axes[2][2], view.axes[2][0])
    found = at.Backdrop(
        setting, ground, vary(rng, colours[0], 0.07), vary(rng, colours[1], 0.07), kind.grain * rng.uniform(0.8, 1.3),
        at.OPEN_SKY, vary(rng, zenith, 0.05), vary(rng, horizon, 0.03), float(rng.choice([0.1, 0.4, 0.6, 0.8])), hills,
        vary(rng, choose(rng, hill_colours), 0.07), height * rng.uniform(0.6, 1.3), np.zeros(3), 0.0, 0, np.zeros(3), np.zeros(3),
        rng.uniform(0.0, 0.02) / extent, _sun(ahead, rng, strength < 2.55), vary(rng, sun_colour, 0.02), strength, rng.uniform(0, 100),
    )  # fmt: skip
    return _with_road(found, heading, kind, rng)


def _with_road(place: at.Backdrop, heading: float, kind, rng: np.random.Generator) -> at.Backdrop:
    """The place, with a road where the object looks if there is one."""
    if place.name not in ("street", "road"):
        return place
    paved = place.name == "street"
    verge = vary(rng, "#a39e98" if paved else choose(rng, ["#6f8f4c", "#8a9a54", "#a8985f"]), 0.06)
    lane = 1.25 * kind.grain * (1.0 if kind.grain < 4.5 else 2.0)
    return place._replace(road=-heading, lane=lane, verge=verge, paved=paved)


def _under_water(setting: str, ground: int, colours, extent: float, kind, rng: np.random.Generator) -> at.Backdrop:
    zenith, horizon = choose(rng, [("#7fd6e8", "#1f7fa8"), ("#9fe0d8", "#2a8f9a"), ("#6fbfe8", "#1a5f9a")])
    return at.Backdrop(
        setting, ground, vary(rng, colours[0]), vary(rng, colours[1]), kind.grain, at.SEA, vary(rng, zenith, 0.04),
        vary(rng, horizon, 0.04), 0.0, at.NO_HILLS, np.zeros(3), 0.0, np.zeros(3), 0.0, 0, np.zeros(3), np.zeros(3),
        rng.uniform(0.03, 0.09) / extent, _sun(rng.uniform(0, 6.3), rng, False), vary(rng, "#eafbff", 0.02), 2.5, rng.uniform(0, 100),
    )  # fmt: skip


def _sun(ahead: float, rng: np.random.Generator, low: bool) -> np.ndarray:
    """Direction to the sun: behind the camera's shoulder more often than against the light."""
    azimuth = ahead + math.pi + rng.choice([-1, 1]) * rng.uniform(0.5, 1.5)
    height = math.radians(rng.uniform(22, 38) if low else rng.uniform(34, 62))
    return np.array([math.cos(height) * math.cos(azimuth), math.sin(height), math.cos(height) * math.sin(azimuth)])


ROOM_WALLS = ("#d9cbb8", "#b7c4b1", "#a9bccb", "#e3d3c5", "#c9b6c2", "#e6dfd0", "#8fa3a0", "#d8b59a")


def _room(view: Camera, extent: float, kind, rng: np.random.Generator) -> at.Backdrop:
    ahead = math.atan2(view.axes[2][2], view.axes[2][0]) + rng.normal(0, 0.18)
    normal = np.array([math.cos(ahead), 0.0, math.sin(ahead)])
    a, b = choose(rng, ROOM_WALLS), choose(rng, ROOM_WALLS)
    ground, colours = choose(
        rng,
        [
            (at.BOARDS, ("#b98550", "#8a5a33")),
            (at.BOARDS, ("#d9b384", "#c09a6a")),
            (at.TILES, ("#ece7de", "#b8aca0")),
            (at.CARPET, ("#8c6f6a", "#7a5f66")),
            (at.CARPET, ("#7f93a3", "#6f8494")),
        ],
    )
    return at.Backdrop(
        "room", ground, vary(rng, colours[0]), vary(rng, colours[1]), extent * rng.uniform(0.7, 1.0),
        at.ROOM, vary(rng, "#e6e2da", 0.03), vary(rng, "#efe9df", 0.03), 0.0, at.NO_HILLS, np.zeros(3), 0.0,
        normal, extent * rng.uniform(1.0, 1.8), int(rng.integers(4)), vary(rng, a), vary(rng, b),
        0.0, _sun(ahead, rng, False), vary(rng, "#fff0dc", 0.02), 2.0, rng.uniform(0, 100),
    )  # fmt: skip


def _studio(view: Camera, extent: float, rng: np.random.Generator) -> at.Backdrop:
    """A plain backdrop of any colour, under light that may come from any side."""
    ahead = math.atan2(view.axes[2][2], view.axes[2][0])
    normal = np.array([math.cos(ahead), 0.0, math.sin(ahead)])
    colour = np.array(colorsys.hls_to_rgb(rng.random(), rng.uniform(0.3, 0.85), rng.uniform(0.0, 0.55)))
    floor = np.clip(colour * rng.uniform(0.75, 1.1), 0, 1)
    return at.Backdrop(
        "studio", at.CARPET, floor, floor * 0.97, extent, at.ROOM, vary(rng, "#e6e2da", 0.03), vary(rng, "#efe9df", 0.03),
        0.0, at.NO_HILLS, np.zeros(3), 0.0, normal, extent * rng.uniform(1.0, 2.5), 0, colour, colour * 0.98,
        0.0, _sun(ahead, rng, rng.random() < 0.5), vary(rng, "#fff4e6", 0.03), 2.1, rng.uniform(0, 100),
    )  # fmt: skip


def light_colours(place: at.Backdrop) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Linear colours of the sun, the sky's light and what the ground throws back."""
    sun = linear(place.sun_colour) * place.ambient
    sky = 0.75 * (0.55 * linear(place.zenith) + 0.45 * linear(place.horizon)) + 0.22
    bounce = 0.42 * linear(place.ground_a) + 0.1
    return sun, sky, bounce
