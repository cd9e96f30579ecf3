"""Sailing boats and steamers, floating with their water line at y = 0."""

import math

import numpy as np

from train.world.materials import BRIGHTS, LIVERY, PLANKS, RINGS, SEAMS, WOODS, choose, material, mix, vary
from train.world.shapes import Builder
from train.world.vehicles import glass

Generator = np.random.Generator


def _hull(b: Builder, half, height: float, colour, below, stripe, rise: float, deck) -> None:
    """A hull whose top is `height` above the water, with a deck laid into it."""
    draught = 0.35 * half[1]
    b.rigid()
    b.part = "hull"
    b.paint(material(below, colour, stripe, pattern=LIVERY, p=height * 0.12, q=height * 0.12, shine=0.3, sharp=30))
    tall = (height + draught) / 2
    b.hull((0, height - tall, 0), (half[0], tall, half[2]), -0.05, rise, 0.45)
    b.paint(material(deck, mix(deck, "#000000", 0.5), pattern=PLANKS, scale=2.0, p=0.3, q=0.1))
    b.hull((0, height + 0.012 * half[0], 0), (half[0] * 0.94, 0.02 * half[0], half[2] * 0.86), -0.05, rise, 0.0)
    for side, name in ((-1, "hull_left"), (1, "hull_right")):
        b.mark(name, (-0.1 * half[0], height * 0.6, side * half[2] * 0.97), depth=0.15 * half[2])
    b.mark("bow", (half[0] * 0.97, height + rise * 0.85, 0), depth=0.12 * half[0])
    b.mark("stern", (-half[0] * 0.94, height + rise * 0.7, 0), depth=0.15 * half[0])


def sailing_boat(b: Builder, rng: Generator) -> None:
    """Dinghies and yachts with white, cream or bright sails, some with two masts."""
    colour = vary(rng, choose(rng, [*BRIGHTS, "#f5f3ee", "#f5f3ee", "#8a5a33"]), 0.06)
    long, wide, height = 3.6, rng.uniform(0.95, 1.2), rng.uniform(0.7, 0.9)
    deck = vary(rng, choose(rng, WOODS[:4]))
    _hull(
        b,
        (long, 1.0, wide),
        height,
        colour,
        vary(rng, choose(rng, ["#7a2a24", "#23303f", "#f2efe8"])),
        vary(rng, "#f4f1ea", 0.03),
        0.38,
        deck,
    )
    wood = b.paint(material(vary(rng, choose(rng, WOODS)), shine=0.2))
    if rng.random() < 0.7:
        b.part = "deckhouse"
        b.paint(material(vary(rng, choose(rng, ["#f4f1ea", "#e6dcc8", "#b98550"])), shine=0.2))
        b.box((-0.3, height + 0.22, 0), (1.05, 0.3, wide * 0.52), 0.14, taper=(0.18, 0.15), lean=-0.1)
        b.part = "window"
        b.paint(glass(rng))
        for side in (-1, 1):
            for x in (-0.85, -0.3, 0.25):
                b.ball((x, height + 0.27, side * wide * 0.485), (0.15, 0.1, 0.06))
    tall = rng.uniform(6.6, 8.0)
    mast = 0.55
    b.part, b.material = "mast", wood
    b.limb((mast, height - 0.1, 0), (mast, tall + height, 0), 0.085, 0.05)
    b.limb((mast, height + 0.75, 0), (mast - 3.4, height + 0.8, 0), 0.06, 0.05)
    b.limb((mast, tall + height - 0.4, 0), (long * 0.98, height + 0.35, 0), 0.018)
    b.limb((mast, tall + height - 0.2, 0), (-long * 0.97, height + 0.3, 0), 0.014)
    b.mark("mast_top", (mast, tall + height, 0), depth=0.15)
    _sails(b, mast, tall, height, long, rng)


def _sails(b: Builder, mast: float, tall: float, height: float, long: float, rng: Generator) -> None:
    b.part = "sail"
    plain = vary(rng, choose(rng, ["#f7f4ec", "#f7f4ec", "#f0e2c4", "#b5483a", "#d98a3a", "#3a5f8a", "#e9c84a"]), 0.04)
    main = b.paint(
        material(
            plain,
            mix(plain, "#8a8478", 0.4),
            mix(plain, "#ffffff", 0.3),
            pattern=PLANKS,
            scale=0.75,
            p=0.5,
            q=0.25,
            shine=0.02,
        )
    )
    striped = rng.random() < 0.35
    second = vary(rng, choose(rng, BRIGHTS)) if striped else mix(plain, "#ffffff", 0.25)
    belly = float(rng.choice([-1, 1])) * rng.uniform(0.03, 0.06)
    b.material = main
    foot = height + 0.95
    b.plate(
        (mast - 0.1, foot, 0), [(0, 0), (-3.2, 0.05), (-0.35, (tall - 1.25) * 0.995), (0, tall - 1.2)], 0.03, bend=belly
    )
    b.paint(
        material(
            second,
            mix(second, "#ffffff", 0.6) if striped else second,
            pattern=SEAMS if not striped else RINGS,
            scale=0.7 if not striped else 0.22,
            p=0.2,
            q=0.1,
        )
    )
    b.mark("sail_hind_corner", (mast - 3.1, foot + 0.15, belly * 9.6), depth=0.15)
    lean = math.atan2(long * 0.95 - mast, tall - 0.9)
    axes = np.stack([[math.cos(lean), math.sin(lean), 0], [-math.sin(lean), math.cos(lean), 0], [0, 0, 1.0]])
    stay = math.hypot(long * 0.95 - mast, tall - 0.9)
    b.plate(
        (long * 0.93, height + 0.5, 0),
        [(-0.08, 0), (-0.08, stay * 0.93), (-0.2, stay * 0.93), (-2.35, 0.75)],
        0.025,
        axes,
        bend=belly * 1.5,
    )


def steamer(b: Builder, rng: Generator) -> None:
    """Tugs, ferries and small liners with chimneys."""
    size = choose(rng, ["tug", "ferry", "liner"])
    long, wide, height = {"tug": (4.2, 1.7, 1.1), "ferry": (6.0, 1.9, 1.2), "liner": (7.5, 1.7, 1.6)}[size]
    colour = vary(rng, choose(rng, ["#23303f", "#1d1d22", "#7a2a24", "#2a5f6f", "#f2efe8", "#2f5fa0", "#3a6b4a"]), 0.06)
    _hull(
        b,
        (long, 1.4, wide),
        height,
        colour,
        vary(rng, choose(rng, ["#9a3026", "#1d1d22", "#5a2a22"])),
        vary(rng, "#f4f1ea", 0.03),
        0.55,
        vary(rng, choose(rng, WOODS[:4])),
    )
    white = vary(rng, choose(rng, ["#f6f3ec", "#f6f3ec", "#f0e2c0", "#e8d8b8"]), 0.02)
    house, window = b.paint(material(white, shine=0.15)), b.paint(glass(rng))
    decks = {"tug": 1, "ferry": 2, "liner": 3}[size]
    top, half = height + 0.1, long * 0.56
    middle = -long * 0.08 if size != "tug" else long * 0.02
    for deck in range(decks):
        b.part, b.material = "deckhouse", house
        half *= 0.86
        z = wide * (0.68 - 0.06 * deck)
        b.box((middle, top + 0.42, 0), (half, 0.45, z), 0.09)
        b.box((middle, top + 0.86, 0), (half + 0.14, 0.05, z + 0.14), 0.04)
        b.part, b.material = "window", window
        for side in (-1, 1):
            for x in np.arange(-half + 0.45, half - 0.3, 0.72):
                b.ball((middle + x, top + 0.5, side * (z - 0.01)), (0.2, 0.2, 0.05))
        top += 0.86
    b.part, b.material = "deckhouse", house
    bridge = middle + half * 0.45
    b.box((bridge, top + 0.45, 0), (half * 0.4, 0.5, wide * 0.5), 0.1, taper=(0.12, 0.05))
    b.part, b.material = "window", window
    b.box((bridge + 0.01, top + 0.58, 0), (half * 0.4, 0.17, wide * 0.507), 0.04, taper=(0.03, 0.02))
    b.part = "roof"
    b.paint(material(mix(colour, "#ffffff", 0.25) if size == "tug" else white, shine=0.2))
    b.box((bridge, top + 0.96, 0), (half * 0.44, 0.06, wide * 0.54), 0.05)
    b.mark("roof_front", (bridge + half * 0.4, top + 1.0, 0), depth=0.15)
    _chimneys(b, size, middle - half * 0.45, top, half, rng)
    b.part = "mast"
    b.paint(material(choose(rng, WOODS), shine=0.15))
    mast = (bridge + half * 0.15, top + 0.9, 0)
    b.limb(mast, (mast[0], top + 2.6, 0), 0.07, 0.045)
    b.limb((mast[0], top + 2.1, -0.5), (mast[0], top + 2.1, 0.5), 0.035)
    b.mark("mast_top", (mast[0], top + 2.6, 0), depth=0.15)
    b.limb((long * 0.72, height, 0), (long * 0.72, height + 1.5, 0), 0.06, 0.04)
    b.part = "hull"
    b.paint(material("#26282c", shine=0.1))
    if size == "tug":
        for side in (-1, 1):
            for x in (-2.6, -1.5, -0.4, 0.7, 1.8):
                b.disc(
                    (x, height - 0.25, side * (wide * (1.03 if x < 1.5 else 0.83))), 0.3, 0.11, (0, 0, 1), 0.08, 0.13
                )


def _chimneys(b: Builder, size: str, at: float, top: float, half: float, rng: Generator) -> None:
    colour = vary(rng, choose(rng, BRIGHTS))
    count = {"tug": 1, "ferry": 1, "liner": int(rng.integers(2, 4))}[size]
    radius, tall = {"tug": (0.42, 1.7), "ferry": (0.5, 1.6), "liner": (0.46, 1.7)}[size]
    for i in range(count):
        x = at - i * 1.45 + (1.45 * (count - 1) * 0.35)
        base, y = top - (0.5 if size != "tug" else 0.0), top + tall
        b.part = "chimney"
        b.paint(material(colour, shine=0.25))
        b.limb((x, base, 0), (x - 0.18, y, 0), radius, radius * 0.95)
        b.paint(material(choose(rng, ["#f4f1ea", "#1d1d22"]), shine=0.2))
        b.disc((x - 0.13, y - 0.45, 0), radius * 1.01, 0.16, (-0.1, 1, 0))
        b.paint(material("#1a1a1d"))
        b.disc((x - 0.19, y + radius * 0.62, 0), radius * 0.95, radius * 0.42, (-0.1, 1, 0), 0.05)
        if i == 0:
            b.mark("chimney_top", (x - 0.19, y + radius * 1.0, 0), depth=0.25)
