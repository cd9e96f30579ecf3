"""Chairs and tables."""

import math

import numpy as np

from train.world.materials import BRIGHTS, CLOTHS, GRAIN, WEAVE, WOODS, choose, material, mix, vary
from train.world.shapes import Builder, turn

Generator = np.random.Generator
CORNERS = ((1, -1, "front_left"), (1, 1, "front_right"), (-1, -1, "hind_left"), (-1, 1, "hind_right"))


def _wood(rng: Generator) -> np.ndarray:
    """Natural or painted wood, or dark metal."""
    kind = rng.random()
    if kind < 0.6:
        colour = vary(rng, choose(rng, WOODS), 0.06)
        return material(
            colour, mix(colour, "#2a170c", 0.4), pattern=GRAIN, scale=4.0, shine=0.18, sharp=18, seed=rng.uniform(0, 50)
        )
    colour = choose(rng, BRIGHTS) if kind < 0.85 else choose(rng, ["#26282c", "#c9ccd0", "#f2f0ea"])
    return material(vary(rng, colour), shine=0.3, sharp=25, mottle=0.04)


def _cloth(rng: Generator) -> np.ndarray:
    colour = vary(rng, choose(rng, CLOTHS), 0.06)
    checked = rng.random() < 0.35
    return material(
        colour,
        mix(colour, "#ffffff", 0.35),
        pattern=WEAVE if checked else 0,
        scale=9.0,
        mottle=0.12,
        mottle_scale=90.0,
        bump=0.2,
        shine=0.02,
    )


def chair(b: Builder, rng: Generator) -> None:
    """Dining chairs with slats, spindles or a shell, stools with backs, armchairs."""
    style = choose(rng, ["slats", "spindles", "panel", "shell", "armchair"])
    if style == "armchair":
        _armchair(b, rng)
        return
    wide, deep, seat, tall = (
        rng.uniform(0.21, 0.25),
        rng.uniform(0.2, 0.24),
        rng.uniform(0.44, 0.48),
        rng.uniform(0.85, 1.08),
    )
    thick = rng.uniform(0.016, 0.026)
    wood = b.paint(_wood(rng))
    cushion = b.paint(_cloth(rng)) if rng.random() < 0.5 and style != "shell" else wood
    splay = rng.uniform(0.0, 0.05)
    b.rigid()
    b.part, b.material = "furniture leg", wood
    for x, z, name in CORNERS:
        foot = np.array([x * (deep - 0.02 + splay), thick * 0.8, z * (wide - 0.02 + splay)])
        b.limb(foot, (x * (deep - 0.03), seat, z * (wide - 0.03)), thick * 0.8, thick * 1.15)
        b.mark(f"{name}_leg_end", foot, depth=0.05)
    if style != "shell":
        for z in (-1, 1):
            b.limb(
                (deep - 0.02, seat * 0.45, z * (wide - 0.02)),
                (-deep + 0.02, seat * 0.45, z * (wide - 0.02)),
                thick * 0.6,
            )
    b.part = "seat"
    b.box((0, seat, 0), (deep + 0.015, 0.02, wide + 0.01), 0.018)
    if cushion != wood:
        b.material = cushion
        b.box((0.005, seat + 0.03, 0), (deep - 0.01, 0.028, wide - 0.012), 0.026)
    for x, z, name in CORNERS:
        b.mark(f"{name}_corner", (x * (deep - 0.01), seat + 0.02, z * (wide - 0.01)), "seat", 0.06)
    _chair_back(b, style, wood, cushion, wide, deep, seat, tall, thick, rng)


def _chair_back(b: Builder, style: str, wood: int, cushion: int, wide, deep, seat, tall, thick, rng: Generator) -> None:
    lean = rng.uniform(0.03, 0.1)
    b.part, b.material = "back", wood

    def at(share: float, z: float) -> np.ndarray:
        return np.array([-deep + 0.02 - lean * share, seat + (tall - seat) * share, z])

    if style == "shell":
        for z in np.linspace(-1, 1, 9):
            curve = 0.05 * z * z
            b.soft(0.05) if z == -1 else None
            b.limb(
                at(0.06, z * wide * 0.9) + np.array([curve, 0, 0]),
                at(0.95 - 0.1 * z * z, z * wide * 0.88) + np.array([curve * 1.4, 0, 0]),
                0.022,
            )
        b.rigid()
    else:
        for z in (-1, 1):
            b.limb(at(0.0, z * (wide - 0.03)), at(1.0, z * (wide - 0.025)), thick * 1.1, thick)
        b.limb(at(1.0, -wide + 0.025), at(1.0, wide - 0.025), thick * 1.5, thick * 1.5)
        if style == "slats":
            for share in np.linspace(0.3, 0.8, int(rng.integers(2, 4))):
                b.box(at(share, 0), (0.01, 0.03, wide - 0.03), 0.008)
        elif style == "spindles":
            for z in np.linspace(-0.72, 0.72, int(rng.integers(3, 6))):
                b.limb(at(0.0, z * wide), at(1.0, z * wide), thick * 0.55)
        else:
            b.material = cushion
            b.box(at(0.62, 0), (0.022, (tall - seat) * 0.3, wide - 0.035), 0.02, turn(pitch=lean))
    b.mark("roof_front", at(1.0, -wide * 0.8), "back", 0.06)
    b.mark("roof_hind", at(1.0, wide * 0.8), "back", 0.06)


def _armchair(b: Builder, rng: Generator) -> None:
    cloth, wood = b.paint(_cloth(rng)), b.paint(_wood(rng))
    wide, deep, seat, tall = 0.38, 0.38, 0.4, rng.uniform(0.85, 1.0)
    round_ = rng.uniform(0.05, 0.09)
    b.rigid()
    b.part, b.material = "furniture leg", wood
    for x, z, name in CORNERS:
        foot = np.array([x * (deep - 0.05), 0.018, z * (wide - 0.05)])
        b.limb(foot, (x * (deep - 0.07), 0.2, z * (wide - 0.07)), 0.018, 0.03)
        b.mark(f"{name}_leg_end", foot, depth=0.05)
    b.part, b.material = "seat", cloth
    b.box((0, seat - 0.13, 0), (deep, 0.1, wide), 0.06)
    b.box((0.03, seat + 0.02, 0), (deep - 0.03, 0.075, wide - 0.09), 0.06)
    for side in (-1, 1):
        b.box((0.0, seat + 0.06, side * (wide - 0.03)), (deep - 0.01, 0.2, 0.075), round_)
    for x, z, name in CORNERS:
        b.mark(f"{name}_corner", (x * (deep - 0.05), seat + 0.09, z * (wide - 0.13)), "seat", 0.12)
    b.part = "back"
    b.box(
        (-deep + 0.06, (seat + tall) / 2, 0),
        (0.1, (tall - seat) / 2 + 0.1, wide - 0.01),
        round_ + 0.02,
        turn(pitch=0.0),
        taper=(0.2, 0.08),
        lean=-0.06,
    )
    b.mark("roof_front", (-deep + 0.02, tall + 0.08, -wide * 0.7), depth=0.1)
    b.mark("roof_hind", (-deep + 0.02, tall + 0.08, wide * 0.7), depth=0.1)


def table(b: Builder, rng: Generator) -> None:
    """Round and square tables on four legs, trestles or one foot, low and high, with things on some."""
    round_top, low = rng.random() < 0.4, rng.random() < 0.25
    tall = 0.45 if low else rng.uniform(0.7, 0.78)
    wide, deep = rng.uniform(0.55, 0.85), rng.uniform(0.38, 0.5)
    thick = rng.uniform(0.018, 0.035)
    leg = b.paint(_wood(rng))
    top = leg if rng.random() < 0.6 else b.paint(_wood(rng))
    b.rigid()
    b.part, b.material = "table top", top
    if round_top:
        wide = deep = rng.uniform(0.45, 0.6)
        b.disc((0, tall, 0), wide, thick, (0, 1, 0), 0.012)
    else:
        b.box((0, tall, 0), (deep, thick, wide), 0.012)
    for x, z, name in CORNERS:
        share = math.sqrt(0.5) if round_top else 1.0
        b.mark(
            f"{name}_corner", (x * (deep * share - 0.03), tall + thick, z * (wide * share - 0.03)), "table top", 0.05
        )
    b.part, b.material = "furniture leg", leg
    if round_top and rng.random() < 0.6:
        b.limb((0, 0.05, 0), (0, tall, 0), 0.05, 0.035)
        for angle in np.arange(4) * math.pi / 2 + math.pi / 4:
            b.limb((0, 0.12, 0), (wide * 0.62 * math.cos(angle), 0.025, wide * 0.62 * math.sin(angle)), 0.03, 0.022)
        return _laid(b, tall + thick, rng)
    share = 0.66 if round_top else 0.92
    r = rng.uniform(0.022, 0.035)
    for x, z, name in CORNERS:
        foot = np.array([x * (deep * share), r * 0.8, z * (wide * share)])
        b.limb(foot, (x * deep * share * 0.96, tall, z * wide * share * 0.97), r * 0.8, r * 1.15)
        b.mark(f"{name}_leg_end", foot, depth=0.06)
    if not round_top:
        for z in (-1, 1):
            b.box((0, tall - thick - 0.04, z * wide * 0.9), (deep * 0.9, 0.04, 0.012), 0.005)
        for x in (-1, 1):
            b.box((x * deep * 0.9, tall - thick - 0.04, 0), (0.012, 0.04, wide * 0.9), 0.005)
    return _laid(b, tall + thick, rng)


def _laid(b: Builder, top: float, rng: Generator) -> None:
    """A vase or a bowl of fruit on some tables; they count as part of the table."""
    kind = rng.random()
    b.rigid()
    b.part = "table top"
    if kind < 0.3:
        colour = vary(rng, choose(rng, CLOTHS))
        b.paint(material(colour, shine=0.4, sharp=30))
        b.ball((0, top + 0.08, 0), (0.06, 0.08, 0.06))
        b.limb((0, top + 0.13, 0), (0, top + 0.19, 0), 0.03, 0.04)
        for _ in range(5):
            tip = np.array([rng.normal(0, 0.06), top + rng.uniform(0.3, 0.4), rng.normal(0, 0.06)])
            b.paint(material("#4f7f3a"))
            b.limb((0, top + 0.18, 0), tip, 0.008)
            b.paint(material(vary(rng, choose(rng, BRIGHTS))))
            b.ball(tip, 0.035)
    elif kind < 0.55:
        b.paint(material(vary(rng, choose(rng, CLOTHS)), shine=0.4, sharp=30))
        b.ball((0, top + 0.085, 0), (0.14, 0.085, 0.14), cut=0.0)
        for i in range(5):
            b.paint(material(vary(rng, choose(rng, ["#d8343a", "#ef9a30", "#8fb53a", "#f3c63a"])), shine=0.25))
            b.ball((0.07 * math.cos(i * 1.26), top + 0.1, 0.07 * math.sin(i * 1.26)), 0.045)
