"""Cars, trucks and buses."""

import numpy as np

from train.world.materials import BRIGHTS, CAR_PAINTS, LIVERY, SEAMS, STONE, WHEEL, choose, material, mix, vary
from train.world.shapes import Builder

Generator = np.random.Generator


def wheel(b: Builder, centre, radius: float, half: float, rng_spokes: int, hub) -> None:
    """A tyre with its rim, standing across z."""
    b.rigid()
    b.part = "wheel"
    side = 1.0 if centre[2] > 0 else -1.0
    b.paint(material("#17171a", "#17171a", shine=0.08, sharp=8))
    b.disc(centre, radius, half, (0, 0, side), half * 0.45)
    face = np.asarray(centre, float) + np.array([0, 0, side * half * 0.32])
    b.paint(
        material("#2a2a2e", hub, pattern=WHEEL, p=float(rng_spokes), q=0.97, extra=radius * 0.66, shine=0.35, sharp=30)
    )
    b.disc(face, radius * 0.66, half * 0.72, (0, 0, side), half * 0.2)


def glass(rng: Generator) -> np.ndarray:
    """Window glass: dark, shiny, a little blue or green."""
    return material(vary(rng, choose(rng, ["#27333d", "#2b3a3c", "#36454f"]), 0.05), shine=0.85, sharp=70)


def lamp(colour: str = "#fff3cf") -> np.ndarray:
    """A lamp that shines by itself a little."""
    return material(colour, shine=0.7, sharp=40, glow=0.45)


def car(b: Builder, rng: Generator) -> None:
    """Saloon, hatchback, estate, pick-up-like off-roader or small city car."""
    style = choose(rng, ["saloon", "hatch", "estate", "suv", "mini", "sports"])
    long = {"saloon": 4.5, "hatch": 4.0, "estate": 4.6, "suv": 4.5, "mini": 3.4, "sports": 4.2}[style] * rng.uniform(
        0.96, 1.05
    )
    tall = {"saloon": 1.42, "hatch": 1.48, "estate": 1.46, "suv": 1.75, "mini": 1.5, "sports": 1.2}[
        style
    ] * rng.uniform(0.97, 1.04)
    wide = {"mini": 1.6, "suv": 1.86}.get(style, 1.76) / 2
    r = {"suv": 0.39, "mini": 0.31}.get(style, 0.345)
    belt = tall * (0.62 if style != "sports" else 0.64)
    low = r * 0.62
    colour = vary(rng, choose(rng, CAR_PAINTS), 0.05)
    paint = b.paint(material(colour, mix(colour, "#000000", 0.3), shine=0.4, sharp=45))
    dark = b.paint(material("#1b1c1f", shine=0.1))
    window = b.paint(glass(rng))
    b.rigid()
    b.part, b.material = "body", paint
    waist, half = (low + belt) / 2, (belt - low) / 2
    front, rear = _cabin(style)
    bonnet = belt - 0.02
    b.box((0, waist, 0), (long / 2, half, wide), 0.17, taper=(0.04, 0.1))
    b.soft(0.1)
    b.ball((0.02 * long, belt - 0.05, 0), (long * 0.46, 0.1, wide * 0.84))
    b.box((0, low + half * 0.62, 0), (long / 2 + 0.015, half * 0.5, wide + 0.015), 0.12)
    b.rigid()
    _greenhouse(b, long, tall, belt, wide, front, rear, paint, window, style)
    b.part, b.material = "bumper", dark
    b.box((long / 2 - 0.12, low + 0.1, 0), (0.16, 0.11, wide * 0.93), 0.08)
    b.box((-long / 2 + 0.12, low + 0.1, 0), (0.16, 0.11, wide * 0.93), 0.08)
    b.box((long / 2 - 0.045, bonnet - 0.28, 0), (0.07, 0.07, wide * 0.5), 0.03)
    b.paint(material(choose(rng, ["#f2f0e6", "#f3d75a"]), shine=0.2))
    for x in (long / 2 + 0.04, -long / 2 - 0.04):
        b.box((x, low + 0.12, 0), (0.015, 0.055, 0.24), 0.01)
    for x in (0.31, -0.31):
        b.part, b.material = "body", dark
        for side in (-1, 1):
            b.disc((x * long, r * 1.04, side * (wide - 0.075)), r * 1.16, 0.1, (0, 0, 1), 0.01)
    _lights(b, long, bonnet, wide, rng)
    spokes, hub = int(choose(rng, [5, 6, 8, 10, 14])), choose(rng, ["#c9ccd0", "#8d9196", "#e2e2e0", "#5c6066"])
    for x, where in ((0.31, "front"), (-0.31, "hind")):
        for side, name in ((-1, "left"), (1, "right")):
            centre = (x * long, r, side * (wide - 0.08))
            wheel(b, centre, r, 0.125, spokes, hub)
            b.mark(f"{name}_{where}_wheel", (centre[0], r, side * (wide + 0.02)), depth=0.12)


def _cabin(style: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Shares of the length (from the middle) where the windows begin at the belt and end at the roof, front and rear."""
    return {
        "saloon": ((0.2, 0.06), (-0.36, -0.2)),
        "hatch": ((0.22, 0.07), (-0.46, -0.34)),
        "estate": ((0.2, 0.06), (-0.48, -0.42)),
        "suv": ((0.2, 0.1), (-0.47, -0.41)),
        "mini": ((0.3, 0.14), (-0.46, -0.36)),
        "sports": ((0.14, -0.02), (-0.4, -0.2)),
    }[style]


def _greenhouse(b: Builder, long, tall, belt, wide, front, rear, paint: int, window: int, style: str) -> None:
    """Glass all round, a roof over it and pillars at its corners."""
    base = ((front[0] - rear[0]) / 2 * long, (front[0] + rear[0]) / 2 * long)
    top = ((front[1] - rear[1]) / 2 * long, (front[1] + rear[1]) / 2 * long)
    half = (tall - belt) / 2 + 0.03
    share = 1 - top[0] / base[0]
    b.part, b.material = "window", window
    inner = wide * 0.9
    b.box((base[1], belt + half - 0.085, 0), (base[0], half, inner), 0.06, taper=(share, 0.2), lean=top[1] - base[1])
    b.part, b.material = "roof", paint
    roof = tall - 0.05
    b.box((top[1], roof, 0), (top[0] + 0.07, 0.055, inner * 0.84), 0.05, taper=(0.06, 0.06))
    b.mark("roof_front", (top[1] + top[0], roof + 0.04, 0), depth=0.1)
    b.mark("roof_hind", (top[1] - top[0], roof + 0.04, 0), depth=0.1)
    b.part = "body"
    for side in (-1, 1):
        z0, z1 = side * inner * 0.985, side * inner * 0.81
        for x0, x1 in ((front[0], front[1]), (rear[0], rear[1])):
            b.limb((x0 * long, belt - 0.03, z0), (x1 * long, roof, z1), 0.05, 0.045)
        middle = (front[0] + rear[0]) / 2 + 0.03
        b.limb((middle * long, belt - 0.03, z0), ((middle - 0.01) * long, roof, z1), 0.045, 0.04)
        b.ball((front[0] * long - 0.18, belt + 0.1, side * (wide + 0.08)), (0.07, 0.08, 0.12))
        name = "windscreen_left" if side < 0 else "windscreen_right"
        b.mark(
            name,
            ((front[0] * 0.6 + front[1] * 0.4) * long + 0.03, belt + half * 0.8, side * inner * 0.72),
            "window",
            0.12,
        )


def _lights(b: Builder, long: float, bonnet: float, wide: float, rng: Generator) -> None:
    b.part = "light"
    white, red = b.paint(lamp()), b.paint(material("#b3141c", shine=0.7, sharp=40, glow=0.3))
    round_ = rng.random() < 0.4
    for side, name in ((-1, "left_headlight"), (1, "right_headlight")):
        place = np.array([long / 2 - 0.075, bonnet - 0.22, side * wide * 0.7])
        b.material = white
        if round_:
            b.ball(place + np.array([0.005, 0, 0]), (0.08, 0.12, 0.12))
        else:
            b.box(place, (0.09, 0.07, 0.2), 0.05)
        b.mark(name, place + np.array([0.08, 0, 0]), depth=0.1)
        b.material = red
        b.box((-long / 2 + 0.05, bonnet - 0.16, side * wide * 0.74), (0.07, 0.09, 0.14), 0.03)


def _axles(b: Builder, places, radius: float, wide: float, half: float, hub: str) -> None:
    """Wheels on both sides at places along x, with dark arches over them; the outer two axles are marked."""
    for n, x in enumerate(places):
        b.rigid()
        b.part = "body"
        b.paint(material("#17181b", shine=0.05))
        for side, name in ((-1, "left"), (1, "right")):
            b.disc((x, radius * 1.05, side * (wide - half * 0.75)), radius * 1.16, half * 0.8, (0, 0, 1))
            wheel(b, (x, radius, side * (wide - half * 0.5)), radius, half, 8, hub)
            if n in (0, len(places) - 1):
                where = "front" if n == 0 else "hind"
                b.mark(f"{name}_{where}_wheel", (x, radius, side * (wide + half * 0.6)), depth=half * 1.2)
            b.part = "body"


def truck(b: Builder, rng: Generator) -> None:
    """A lorry with a box, a tipper's bed, a tank or a canvas; with a bonnet or without one."""
    cab = vary(rng, choose(rng, BRIGHTS), 0.06)
    load = choose(rng, ["box", "box", "tank", "bed"])
    long, tall, wide, r = rng.uniform(6.2, 7.6), rng.uniform(2.9, 3.3), 1.2, 0.48
    paint, window = b.paint(material(cab, mix(cab, "#000000", 0.3), shine=0.35, sharp=35)), b.paint(glass(rng))
    dark = b.paint(material("#202226", shine=0.1))
    front, deck, nose = long / 2, 0.95, rng.random() < 0.35
    cab_long = 1.75
    cab_front = front - (1.25 if nose else 0.0)
    b.rigid()
    b.part, b.material = "body", dark
    b.box((-0.1, deck - 0.2, 0), (long / 2 - 0.3, 0.16, 0.5), 0.05)
    b.material = paint
    cab_tall = (tall - 0.25 - deck) / 2
    middle = cab_front - cab_long / 2
    b.box((middle, deck - 0.32, 0), (cab_long / 2, 0.42, wide), 0.1)
    b.box((middle, deck + cab_tall, 0), (cab_long / 2, cab_tall, wide), 0.16, taper=(0.06, 0.05), lean=-0.06)
    if nose:
        b.box((front - 0.7, deck + 0.08, 0), (0.75, 0.62, wide * 0.86), 0.2, taper=(0.1, 0.12), lean=-0.08)
    b.part = "roof"
    b.box((middle - 0.08, tall - 0.25, 0), (cab_long / 2 - 0.08, 0.07, wide * 0.93), 0.06)
    b.mark("roof_front", (middle + cab_long / 2 - 0.2, tall - 0.2, 0), depth=0.15)
    b.part, b.material = "window", window
    glass_at = deck + cab_tall * 1.22
    b.box((cab_front - 0.045, glass_at, 0), (0.05, cab_tall * 0.5, wide * 0.84), 0.04, lean=-0.06)
    for side, name in ((-1, "windscreen_left"), (1, "windscreen_right")):
        b.mark(name, (cab_front + 0.0, glass_at + cab_tall * 0.2, side * wide * 0.7), depth=0.15)
        b.box((middle + 0.12, glass_at, side * (wide - 0.045)), (cab_long * 0.3, cab_tall * 0.42, 0.05), 0.04)
    b.part, b.material = "bumper", dark
    b.box((front - 0.06, 0.62, 0), (0.14, 0.17, wide * 0.98), 0.07)
    b.box((front - 0.01 if not nose else front + 0.04, deck + 0.12, 0), (0.05, 0.2, wide * 0.55), 0.03)
    b.part = "light"
    b.paint(lamp())
    for side, name in ((-1, "left_headlight"), (1, "right_headlight")):
        place = np.array([front + (0.04 if nose else 0.0), deck - 0.12, side * wide * 0.72])
        b.ball(place, (0.07, 0.13, 0.16))
        b.mark(name, place + np.array([0.06, 0, 0]), depth=0.1)
    _load(b, load, cab_front - cab_long - 0.15, -front, deck, tall, wide, cab, rng)
    hub = choose(rng, ["#c9ccd0", "#a8acb0", "#d8d2c0"])
    _axles(b, (front - (1.0 if not nose else 0.75), -long * 0.2, -long * 0.37), r, wide, 0.19, hub)


def _load(
    b: Builder, kind: str, ahead: float, behind: float, deck: float, tall: float, wide: float, cab, rng: Generator
) -> None:
    middle, half = (ahead + behind) / 2, (ahead - behind) / 2
    b.part = "cargo"
    if kind == "tank":
        colour = vary(rng, choose(rng, ["#d9dcde", "#e8c84a", "#d8dfe6", "#c84a3c"]))
        b.paint(
            material(colour, mix(colour, "#404040", 0.5), pattern=SEAMS, scale=0.8, p=0.5, q=0.0, shine=0.6, sharp=35)
        )
        b.ball((middle, deck + 0.95, 0), (half * 1.15, 0.98, 1.12))
        b.limb((ahead - 0.95, deck + 0.95, 0), (behind + 0.95, deck + 0.95, 0), 0.96, 0.96)
        b.disc((middle, deck + 1.92, 0), 0.25, 0.12, (0, 1, 0), 0.04)
    elif kind == "bed":
        colour = vary(rng, choose(rng, ["#c8a24a", "#8a8f94", "#b0583a", "#5f7a4a"]))
        b.paint(material(colour, mix(colour, "#000000", 0.35), pattern=SEAMS, scale=1.6, p=0.5, q=0.15, shine=0.1))
        b.box((middle, deck + 0.42, 0), (half, 0.5, wide), 0.04)
        b.paint(
            material(
                choose(rng, ["#8a6a4a", "#c9a66a", "#6f6a64", "#7a9a4a"]),
                mix("#5a4632", "#2a2018", 0.4),
                pattern=STONE,
                scale=3.0,
                mottle=0.4,
                mottle_scale=9.0,
            )
        )
        for i in range(4):
            x = behind + half * (0.35 + 0.45 * i)
            b.ball((x, deck + 0.85, rng.normal(0, 0.12)), (half * 0.42, rng.uniform(0.3, 0.6), wide * 0.8))
    else:
        colour = vary(rng, choose(rng, ["#f2f0ea", "#e8e2d2", "#dfe6ea", "#f3d9a0", "#c9d8c0"]))
        stripe = vary(rng, choose(rng, BRIGHTS)) if rng.random() < 0.6 else colour
        high = (tall + 0.25 - deck) / 2
        b.paint(
            material(
                colour,
                mix(colour, "#ffffff", 0.0),
                stripe,
                pattern=LIVERY,
                p=deck + high * 0.75,
                q=high * 0.35,
                shine=0.15,
            )
        )
        b.box((middle, deck + high - 0.05, 0), (half, high, wide + 0.04), 0.05)
        b.part = "roof"
        b.box((middle, deck + 2 * high - 0.06, 0), (half * 0.995, 0.06, wide + 0.03), 0.05)
    b.mark("roof_hind", (behind + 0.3, tall + 0.18, 0), "roof", 0.15) if kind == "box" else None
    b.part = "light"
    b.paint(material("#b3141c", glow=0.3, shine=0.6))
    for side in (-1, 1):
        b.box((behind - 0.02, deck - 0.1, side * wide * 0.8), (0.05, 0.09, 0.14), 0.03)


def bus(b: Builder, rng: Generator) -> None:
    """City bus, coach or school bus; some with two decks."""
    colour = vary(rng, choose(rng, BRIGHTS), 0.06)
    double = rng.random() < 0.25
    long, wide, r = rng.uniform(8.0, 10.0), 1.25, 0.5
    tall = 4.3 if double else rng.uniform(2.9, 3.2)
    accent = vary(rng, choose(rng, ["#f5f1e6", "#f3c13a", "#e9e9e6", "#2a3a4a"]))
    low = 0.38
    paint = b.paint(
        material(
            accent if rng.random() < 0.4 else mix(colour, "#000000", 0.12),
            colour,
            accent,
            pattern=LIVERY,
            p=rng.uniform(0.95, 1.25),
            q=0.14,
            shine=0.35,
            sharp=35,
        )
    )
    roof, window = b.paint(material(mix(colour, "#ffffff", rng.choice([0.0, 0.75])), shine=0.3)), b.paint(glass(rng))
    dark = b.paint(material("#1d1f22", shine=0.15))
    b.rigid()
    b.part, b.material = "body", paint
    b.box((0, (low + tall) / 2, 0), (long / 2, (tall - low) / 2, wide), 0.24, taper=(0.01, 0.03))
    b.part, b.material = "roof", roof
    b.box((0, tall - 0.04, 0), (long / 2 - 0.16, 0.08, wide - 0.14), 0.07)
    b.mark("roof_front", (long / 2 - 0.3, tall + 0.03, 0), depth=0.15)
    b.mark("roof_hind", (-long / 2 + 0.3, tall + 0.03, 0), depth=0.15)
    _bus_windows(b, window, long, wide, tall, double, rng)
    b.part = "body"
    door = long / 2 - 0.85
    b.material = window
    b.box((door, 1.42, wide - 0.02), (0.42, 0.92, 0.05), 0.04)
    b.material = paint
    b.box((door, 1.42, wide + 0.01), (0.03, 0.92, 0.04), 0.02)
    b.part, b.material = "bumper", dark
    for x in (long / 2 - 0.04, -long / 2 + 0.04):
        b.box((x, 0.52, 0), (0.13, 0.14, wide * 0.97), 0.07)
    b.part = "light"
    b.paint(lamp())
    for side, name in ((-1, "left_headlight"), (1, "right_headlight")):
        place = np.array([long / 2, 0.88, side * wide * 0.74])
        b.ball(place, (0.06, 0.13, 0.17))
        b.mark(name, place + np.array([0.05, 0, 0]), depth=0.1)
    b.paint(material(choose(rng, ["#ffb02c", "#ffd75a"]), glow=0.5))
    b.box((long / 2 - 0.01, tall - 0.28, 0), (0.05, 0.12, wide * 0.6), 0.04)
    b.paint(material("#b3141c", glow=0.3, shine=0.6))
    for side in (-1, 1):
        b.box((-long / 2 - 0.01, 1.0, side * wide * 0.82), (0.04, 0.16, 0.09), 0.03)
    _axles(b, (long * 0.29, -long * 0.3), r, wide, 0.17, choose(rng, ["#c9ccd0", "#9aa0a5"]))


def _bus_windows(b: Builder, window: int, long: float, wide: float, tall: float, double: bool, rng: Generator) -> None:
    count = int(rng.integers(5, 8))
    pitch = (long - 1.9) / count
    for level in (1.95, 3.45) if double else (tall - 0.95,):
        b.part, b.material = "window", window
        for side in (-1, 1):
            for i in range(count):
                b.box(
                    (-long / 2 + 0.55 + pitch * (i + 0.5), level, side * (wide - 0.035)),
                    (pitch * 0.44, 0.4, 0.05),
                    0.04,
                )
        b.box((long / 2 - 0.03, level - (0.12 if level < 3 else 0), 0), (0.05, 0.55, wide * 0.86), 0.05)
        b.box((-long / 2 + 0.03, level, 0), (0.05, 0.36, wide * 0.7), 0.05)
    screen = 1.83 if double else tall - 1.07
    for side, name in ((-1, "windscreen_left"), (1, "windscreen_right")):
        b.mark(name, (long / 2 + 0.02, screen + 0.2, side * wide * 0.7), "window", 0.12)
