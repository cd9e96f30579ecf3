"""Things that only stand around: trees, bushes, rocks, flowers, houses, corals, pots. They carry no label."""

import math

import numpy as np

from train.world.materials import BRIGHTS, CLOTHS, GRAIN, LEAVES, SEAMS, STONE, WOODS, choose, material, mix, vary
from train.world.shapes import Builder, turn

Generator = np.random.Generator


def _leaf(rng: Generator, colour, scale: float) -> np.ndarray:
    colour = vary(rng, colour, 0.1)
    return material(
        mix(colour, "#10180a", 0.45),
        colour,
        mix(colour, "#fff6b0", 0.3),
        pattern=LEAVES,
        scale=scale,
        bump=0.9,
        mottle_scale=scale * 2,
        shine=0.03,
        seed=rng.uniform(0, 50),
    )


def _bark(rng: Generator) -> np.ndarray:
    return material(
        vary(rng, choose(rng, ["#6b5138", "#7a6450", "#d9d2c4", "#5a4634"])), mottle=0.35, mottle_scale=12.0
    )


def tree(b: Builder, rng: Generator) -> None:
    """A round-headed tree, one metre tall."""
    b.paint(_bark(rng))
    b.rigid()
    b.limb((0, -0.02, 0), (rng.normal(0, 0.02), 0.55, 0), 0.05, 0.03)
    b.paint(_leaf(rng, choose(rng, ["#5f8f3c", "#7a9a44", "#4a7a3c", "#c8862c", "#d9a83a"]), 16.0))
    b.soft(0.06)
    for _ in range(6):
        angle = rng.uniform(0, 2 * math.pi)
        r = rng.uniform(0.13, 0.2)
        b.ball((0.15 * math.cos(angle), rng.uniform(0.5, 0.8), 0.15 * math.sin(angle)), (r, r * 0.9, r))
    b.ball((0, 0.82, 0), (0.17, 0.16, 0.17))


def conifer(b: Builder, rng: Generator) -> None:
    """A fir, one metre tall."""
    b.paint(_bark(rng))
    b.rigid()
    b.limb((0, -0.02, 0), (0, 0.4, 0), 0.035, 0.025)
    b.paint(_leaf(rng, choose(rng, ["#3a6b4a", "#2f5f44", "#4f7a54", "#b8c8cc"]), 22.0))
    for i, wide in enumerate((0.25, 0.205, 0.15, 0.09)):
        y = 0.2 + 0.19 * i
        b.limb((0, y, 0), (0, y + 0.26, 0), wide * rng.uniform(0.9, 1.05), 0.012)


def palm(b: Builder, rng: Generator) -> None:
    """A palm, one metre tall."""
    b.paint(material(vary(rng, "#8a6f50"), mottle=0.3, mottle_scale=20.0))
    b.rigid()
    lean = rng.normal(0, 0.08)
    top = np.array([lean, 0.82, 0])
    b.chain([np.zeros(3), np.array([lean * 0.3, 0.42, 0]), top], (0.04, 0.03, 0.026))
    b.paint(_leaf(rng, "#5f9a4a", 12.0))
    for i in range(8):
        out = np.array([math.cos(i * 0.785 + 0.2), 0, math.sin(i * 0.785 + 0.2)])
        bend = top + out * 0.2 + [0, 0.09, 0]
        b.limb(top, bend, 0.025, 0.045, 0.3, (0, 1, 0))
        b.limb(bend, top + out * 0.42 - [0, rng.uniform(0.02, 0.12), 0], 0.045, 0.012, 0.3, (0, 1, 0))


def acacia(b: Builder, rng: Generator) -> None:
    """A flat-topped tree of the savanna, one metre tall."""
    b.paint(_bark(rng))
    b.rigid()
    b.limb((0, -0.02, 0), (0.03, 0.5, 0), 0.04, 0.03)
    for angle in (0.3, 2.4, 4.4):
        b.limb((0.03, 0.45, 0), (0.03 + 0.3 * math.cos(angle), 0.78, 0.3 * math.sin(angle)), 0.025, 0.012)
    b.paint(_leaf(rng, choose(rng, ["#7a8a44", "#6b7f3c"]), 16.0))
    b.soft(0.05)
    for _ in range(6):
        angle = rng.uniform(0, 2 * math.pi)
        b.ball((0.3 * math.cos(angle), rng.uniform(0.78, 0.9), 0.3 * math.sin(angle)), (0.24, 0.07, 0.24))


def bush(b: Builder, rng: Generator) -> None:
    """A bush, half a metre tall and wider, some in flower."""
    b.paint(_leaf(rng, choose(rng, ["#5f8f3c", "#4a7a3c", "#7a9a54", "#8a9a4a"]), 16.0))
    b.soft(0.08)
    for i in range(6):
        angle = i * 1.05 + rng.uniform(0, 0.5)
        r = rng.uniform(0.16, 0.24)
        b.ball((0.24 * math.cos(angle), r * 0.75, 0.24 * math.sin(angle)), r)
    b.ball((0, 0.28, 0), 0.24)
    if rng.random() < 0.4:
        b.rigid()
        b.paint(material(vary(rng, choose(rng, ["#f3a0b8", "#f6f0e8", "#e8505a", "#f3c63a", "#b48ad8"]))))
        for _ in range(14):
            d = rng.normal(0, 1, 3)
            d[1] = abs(d[1])
            d /= np.linalg.norm(d)
            b.ball(np.array([0, 0.22, 0]) + d * [0.38, 0.29, 0.38], 0.035)


def rock(b: Builder, rng: Generator) -> None:
    """A few boulders, about half a metre tall."""
    grey = vary(rng, choose(rng, ["#8a8782", "#9a8f80", "#77787c", "#a88f74"]), 0.06)
    b.paint(
        material(
            mix(grey, "#2a2826", 0.4),
            grey,
            mix(grey, "#ffffff", 0.2),
            pattern=STONE,
            scale=6.0,
            bump=0.5,
            mottle_scale=14.0,
            seed=rng.uniform(0, 50),
        )
    )
    b.soft(0.05)
    for i in range(3):
        x = np.array([rng.normal(0, 0.22), 0.12, rng.normal(0, 0.22)]) * (i > 0)
        r = rng.uniform(0.22, 0.36) * (0.6 if i else 1)
        b.box(
            x + np.array([0, r * 0.45, 0]),
            (r, r * rng.uniform(0.6, 0.9), r * rng.uniform(0.7, 1)),
            r * 0.55,
            turn(rng.uniform(0, 6), rng.normal(0, 0.3), rng.normal(0, 0.3)),
        )


def flowers(b: Builder, rng: Generator) -> None:
    """A tuft of flowers, one metre tall (they are scaled)."""
    stalk, petal = (
        b.paint(material(vary(rng, "#5f8f3c", 0.1))),
        b.paint(material(vary(rng, choose(rng, ["#f3c63a", "#e8505a", "#f6f0e8", "#b48ad8", "#f08ab0", "#5f8fd8"])))),
    )
    heart = b.paint(material(vary(rng, "#e8a83a")))
    b.rigid()
    for _ in range(7):
        foot = np.array([rng.normal(0, 0.22), 0, rng.normal(0, 0.22)])
        tip = foot + np.array([rng.normal(0, 0.12), rng.uniform(0.5, 1.0), rng.normal(0, 0.12)])
        b.material = stalk
        b.limb(foot, tip, 0.025, 0.018)
        b.limb(foot, foot + np.array([rng.normal(0, 0.16), 0.35, rng.normal(0, 0.16)]), 0.03, 0.012, 0.4)
        b.material = petal
        b.ball(tip, (0.12, 0.06, 0.12))
        b.material = heart
        b.ball(tip + np.array([0, 0.04, 0]), 0.05)


def house(b: Builder, rng: Generator) -> None:
    """A small house, one metre tall."""
    b.rigid()
    wall = vary(rng, choose(rng, ["#f1e6d2", "#e8c8a8", "#c8d4d8", "#d8a08a", "#f0e0a8"]))
    b.paint(material(wall, mottle=0.06))
    b.box((0, 0.3, 0), (0.5, 0.32, 0.36), 0.01)
    roof = vary(rng, choose(rng, ["#b0503a", "#7a4a3a", "#5a6470", "#8a3a30"]))
    b.paint(material(roof, mix(roof, "#000000", 0.4), pattern=SEAMS, scale=14.0, p=0.5, q=0.2))
    b.box((0, 0.8, 0), (0.56, 0.2, 0.43), 0.01, taper=(0.1, 0.95))
    b.paint(material("#3a4a58", shine=0.6))
    for side in (-1, 1):
        for x in (-0.28, 0.28):
            b.box((x, 0.36, side * 0.36), (0.08, 0.1, 0.01), 0.005)
    b.paint(material(vary(rng, choose(rng, WOODS))))
    for side in (-1, 1):
        b.box((0, 0.2, side * 0.36), (0.07, 0.18, 0.012), 0.005)


def fence(b: Builder, rng: Generator) -> None:
    """Some metres of fence, half a metre tall."""
    b.paint(material(vary(rng, choose(rng, [*WOODS, "#f1eee6", "#f1eee6"])), mottle=0.15))
    b.rigid()
    turned = turn(rng.normal(math.pi / 2, 0.3))
    for i in range(-3, 4):
        x = np.array([i * 0.42, 0, 0]) @ turned
        b.limb(x, x + np.array([0, 0.5, 0]), 0.03)
    for y in (0.2, 0.4):
        b.limb(np.array([-1.4, y, 0]) @ turned, np.array([1.4, y, 0]) @ turned, 0.02)


def lamp_post(b: Builder, rng: Generator) -> None:
    """A street lamp, one metre tall."""
    b.rigid()
    b.paint(material(choose(rng, ["#2a3a36", "#3a3d42", "#5a5f66"]), shine=0.2))
    b.limb((0, 0, 0), (0, 0.9, 0), 0.018, 0.012)
    b.limb((0, 0.9, 0), (0.13, 0.95, 0), 0.012, 0.01)
    b.paint(material("#fff0c8", glow=0.5))
    b.ball((0.15, 0.93, 0), (0.05, 0.025, 0.03))


def weed(b: Builder, rng: Generator) -> None:
    """Sea weed, one metre tall."""
    colour = vary(rng, choose(rng, ["#4f8a4a", "#7a8a3a", "#3a7a6a", "#8a5a3a"]))
    b.paint(material(colour, mottle=0.2))
    b.rigid()
    for _ in range(5):
        x, z, phase = rng.normal(0, 0.12), rng.normal(0, 0.12), rng.uniform(0, 6)
        high = rng.uniform(0.5, 1.0)
        points = [
            np.array([x + 0.06 * math.sin(phase + 1.3 * i), high * i / 5, z + 0.05 * math.cos(phase + i)])
            for i in range(6)
        ]
        b.chain(points, (0.03, 0.035, 0.035, 0.03, 0.025, 0.01), 0.35)


def coral(b: Builder, rng: Generator) -> None:
    """Branching or round coral, half a metre tall."""
    colour = vary(rng, choose(rng, ["#e8705a", "#f0a04a", "#d86a9a", "#a06ac8", "#f0d08a"]), 0.08)
    b.paint(
        material(
            mix(colour, "#3a1a1a", 0.3),
            colour,
            mix(colour, "#ffffff", 0.3),
            pattern=STONE,
            scale=14.0,
            bump=0.4,
            mottle_scale=30.0,
        )
    )
    b.soft(0.03)
    if rng.random() < 0.4:
        for _ in range(4):
            r = rng.uniform(0.12, 0.25)
            b.ball((rng.normal(0, 0.2), r * 0.6, rng.normal(0, 0.2)), r)
        return
    for _ in range(8):
        lean = np.array([rng.normal(0, 0.3), rng.uniform(0.35, 0.6), rng.normal(0, 0.3)])
        b.limb((0, 0, 0), lean * 0.6, 0.05, 0.04)
        b.limb(lean * 0.6, lean + np.array([rng.normal(0, 0.06), 0.02, 0]), 0.04, 0.025)


def crate(b: Builder, rng: Generator) -> None:
    """Boxes on one another, half a metre tall."""
    b.rigid()
    for i in range(int(rng.integers(1, 4))):
        colour = vary(rng, choose(rng, [*WOODS[:4], *BRIGHTS[:4]]))
        b.paint(material(colour, mix(colour, "#000000", 0.4), pattern=SEAMS, scale=9.0, p=0.5, q=0.15))
        half = rng.uniform(0.14, 0.2)
        place = np.array([rng.normal(0, 0.2), half, rng.normal(0, 0.15)]) if i < 2 else np.array([0, 0.5, 0])
        b.box(place, (half, half, half), 0.012, turn(rng.uniform(0, 1.5)))


def plant(b: Builder, rng: Generator) -> None:
    """A house plant in its pot, one metre tall."""
    b.rigid()
    b.paint(material(vary(rng, choose(rng, CLOTHS)), shine=0.25))
    b.limb((0, 0.12, 0), (0, 0.28, 0), 0.12, 0.15)
    b.paint(_leaf(rng, choose(rng, ["#4f8a4a", "#6f9a4a", "#3a7a54"]), 10.0))
    for i in range(10):
        angle, high = i * 2.4, 0.55 + 0.045 * i
        tip = np.array([0.3 * math.cos(angle) * (1.2 - 0.06 * i), high, 0.3 * math.sin(angle) * (1.2 - 0.06 * i)])
        b.limb((0, 0.3, 0), tip * [0.6, 0.85, 0.6], 0.012, 0.05, 0.5)
        b.limb(tip * [0.6, 0.85, 0.6], tip, 0.07, 0.015, 0.3)


def shelf(b: Builder, rng: Generator) -> None:
    """A low shelf with books, one metre tall."""
    b.rigid()
    wood = vary(rng, choose(rng, WOODS))
    b.paint(material(wood, mix(wood, "#2a170c", 0.4), pattern=GRAIN, scale=4.0))
    for y in (0.03, 0.5, 0.97):
        b.box((0, y, 0), (0.17, 0.025, 0.62), 0.005)
    for z in (-0.6, 0.6):
        b.box((0, 0.5, z), (0.17, 0.5, 0.025), 0.005)
    for y in (0.055, 0.525):
        z = -0.52
        while z < 0.4:
            half, high = rng.uniform(0.025, 0.05), rng.uniform(0.13, 0.19)
            b.paint(material(vary(rng, choose(rng, [*BRIGHTS, *CLOTHS]), 0.1)))
            b.box((0.0, y + high, z + half), (0.11, high, half * 0.94), 0.006)
            z += 2 * half + (rng.uniform(0.05, 0.2) if rng.random() < 0.15 else 0)


def floor_lamp(b: Builder, rng: Generator) -> None:
    """A lamp with a shade, one metre tall."""
    b.rigid()
    b.paint(material(choose(rng, ["#2a2a2c", "#b08a4a", "#d8d4cc"]), shine=0.3))
    b.disc((0, 0.015, 0), 0.12, 0.015, (0, 1, 0), 0.01)
    b.limb((0, 0, 0), (0, 0.8, 0), 0.014)
    b.paint(material(vary(rng, choose(rng, ["#f6e6c8", "#f0d0a0", "#e8d8c8"])), glow=0.35))
    b.limb((0, 0.76, 0), (0, 0.92, 0), 0.15, 0.1)


def cushion(b: Builder, rng: Generator) -> None:
    """A cushion or a ball, about half a metre wide."""
    b.rigid()
    colour = vary(rng, choose(rng, [*CLOTHS, *BRIGHTS]))
    b.paint(
        material(
            colour, mix(colour, "#ffffff", 0.6), pattern=SEAMS if rng.random() < 0.5 else 0, scale=9.0, p=0.8, q=0.1
        )
    )
    if rng.random() < 0.5:
        b.ball((0, 0.24, 0), 0.24)
    else:
        b.ball((0, 0.14, 0), (0.32, 0.15, 0.32), turn(rng.uniform(0, 6)))


def cloud(b: Builder, rng: Generator) -> None:
    """A small cloud, half a metre tall."""
    b.paint(material("#f6f6f8", mottle=0.05, mottle_scale=6.0, glow=0.25))
    b.soft(0.12)
    for i in range(6):
        r = rng.uniform(0.14, 0.26)
        b.ball((0, 0.2 + rng.uniform(0, 0.1), (i - 2.5) * 0.2), (r, r * 0.8, r))


def buoy(b: Builder, rng: Generator) -> None:
    """A buoy, one metre tall."""
    b.rigid()
    b.paint(material(vary(rng, choose(rng, ["#d8343a", "#f0a428", "#2e9e6b"])), shine=0.3))
    b.limb((0, 0.08, 0), (0, 0.5, 0), 0.24, 0.1)
    b.limb((0, 0.5, 0), (0, 0.9, 0), 0.03)
    b.ball((0, 0.93, 0), 0.08)


def reeds(b: Builder, rng: Generator) -> None:
    """Reeds, one metre tall."""
    b.rigid()
    green, brown = b.paint(material(vary(rng, "#8a9a54", 0.1))), b.paint(material(vary(rng, "#6b4a30")))
    for _ in range(12):
        foot = np.array([rng.normal(0, 0.2), -0.05, rng.normal(0, 0.2)])
        tip = foot + np.array([rng.normal(0, 0.08), rng.uniform(0.6, 1.0), rng.normal(0, 0.08)])
        b.material = green
        b.limb(foot, tip, 0.018, 0.01)
        if rng.random() < 0.4:
            b.material = brown
            b.limb(tip, tip + np.array([0, 0.12, 0]), 0.03, 0.028)
