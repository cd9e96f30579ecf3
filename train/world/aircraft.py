"""Aeroplanes and helicopters."""

import math

import numpy as np

from train.world.materials import BRIGHTS, LIVERY, choose, material, mix, vary
from train.world.shapes import Builder, turn
from train.world.vehicles import glass, wheel

Generator = np.random.Generator


def _flat(forward=(1.0, 0, 0), span=(0, 0, 1.0)) -> np.ndarray:
    """Axes for a plate: x along `forward`, y along `span`."""
    x, y = np.asarray(forward, float), np.asarray(span, float)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)])


def _livery(b: Builder, rng: Generator, waist: float, bend: float) -> tuple[int, int]:
    """(body, accent): white above and colour below, colour above, or one colour with a cheat line."""
    colour, white = vary(rng, choose(rng, BRIGHTS), 0.06), vary(rng, "#f2f2ee", 0.02)
    kind = int(rng.integers(4))
    below, above, stripe = [
        (colour, white, white),
        (white, white, colour),
        (mix(colour, "#000000", 0.25), colour, white),
        (vary(rng, "#b9bec4", 0.02), white, colour),
    ][kind]
    body = b.paint(material(below, above, stripe, pattern=LIVERY, p=waist, q=0.16, extra=bend, shine=0.3, sharp=30))
    return body, b.paint(material(colour, shine=0.3, sharp=30))


def aeroplane(b: Builder, rng: Generator) -> None:
    """Airliner, propeller plane with high or low wings, biplane, small jet."""
    kind = choose(rng, ["airliner", "airliner", "high", "low", "biplane"])
    if kind == "airliner":
        _airliner(b, rng)
    else:
        _light_plane(b, rng, kind)


def _airliner(b: Builder, rng: Generator) -> None:
    long, r = 14.0, 0.95
    body, accent = _livery(b, rng, 2.0, 0.0)
    grey, window = b.paint(material("#c4c9ce", shine=0.3)), b.paint(glass(rng))
    y = 2.1
    b.soft(0.3)
    b.part, b.material = "body", body
    b.limb((long * 0.36, y, 0), (-long * 0.22, y, 0), r, r)
    b.ball((long * 0.38, y - 0.05, 0), (1.9, r * 0.94, r * 0.97))
    b.limb((-long * 0.22, y, 0), (-long * 0.47, y + 0.45, 0), r * 0.98, 0.28)
    b.mark("nose", (long * 0.38 + 1.85, y - 0.05, 0), depth=0.3)
    b.mark("back_middle", (0, y + r * 0.97, 0), depth=0.6)
    b.part, b.material = "window", window
    b.rigid()
    for side in (-1, 1):
        for x in np.arange(-3.4, 5.0, 0.62):
            b.ball((x, y + 0.24, side * (r - 0.075)), (0.15, 0.19, 0.1))
        b.ball((long * 0.38 + 0.95, y + 0.36, side * 0.33), (0.36, 0.17, 0.42), turn(yaw=-side * 0.5, pitch=-0.4))
    sweep, rise = rng.uniform(2.2, 3.0), 0.55
    for side, name in ((-1, "left_wing_tip"), (1, "right_wing_tip")):
        b.part, b.material = "wing", grey
        axes = _flat((1, 0, 0), (0, rise / 6.5, side))
        root = np.array([0.3, y - 0.5, side * 0.4])
        b.plate(root, [(1.7, 0), (-1.6, 0), (-sweep - 0.55, 6.4), (-sweep + 0.35, 6.4)], 0.11, axes)
        b.mark(name, root + np.array([-sweep - 0.1, 6.25, 0]) @ axes, depth=0.3)
        b.part, b.material = "engine", accent
        at = root + np.array([0.25, 2.3, 0]) @ axes + [0.35, -0.5, 0]
        b.disc(at, 0.48, 0.85, (1, 0, 0), 0.16)
        b.paint(material("#2a2c30", shine=0.2))
        b.disc(at + np.array([0.75, 0, 0]), 0.36, 0.13, (1, 0, 0), 0.03)
        b.part, b.material = "tail", accent
        flat = _flat((1, 0, 0), (0, 0.12, side))
        b.plate((-long * 0.44, y + 0.5, side * 0.15), [(0.8, 0), (-0.5, 0), (-1.25, 2.3), (-0.6, 2.3)], 0.07, flat)
    b.plate((-long * 0.43, y + 0.4, 0), [(1.5, 0), (-0.65, 0), (-1.5, 2.5), (-0.65, 2.5)], 0.09)
    b.mark("tail_tip", (-long * 0.43 - 1.0, y + 2.85, 0), depth=0.25)
    b.mark("tail_base", (-long * 0.4, y + 0.8, 0), "body", 0.5)
    for x, z in ((long * 0.32, 0.0), (-0.8, -1.0), (-0.8, 1.0)):
        b.part, b.material = "wheel", grey
        b.limb((x, 0.4, z), (x, y - 0.6, z * 0.8), 0.09)
        wheel(b, (x, 0.32, z + 0.12 * (1 if z >= 0 else -1)), 0.32, 0.12, 6, "#c9ccd0")
    b.mark("left_front_wheel", (long * 0.32, 0.32, 0.12), depth=0.3)


def _light_plane(b: Builder, rng: Generator, kind: str) -> None:
    long, y = 7.2, 1.55
    body, accent = _livery(b, rng, y - 0.05, 0.012)
    window, dark = b.paint(glass(rng)), b.paint(material("#26282c", shine=0.2))
    b.soft(0.25)
    b.part, b.material = "body", body
    b.limb((2.0, y, 0), (0.4, y + 0.05, 0), 0.52, 0.66)
    b.limb((0.4, y + 0.05, 0), (-1.0, y + 0.08, 0), 0.66, 0.5)
    b.limb((-1.0, y + 0.08, 0), (-long * 0.56, y + 0.42, 0), 0.5, 0.12)
    b.mark("back_middle", (-1.0, y + 0.5, 0), depth=0.5)
    b.part, b.material = "engine", accent
    b.limb((2.1, y, 0), (2.65, y, 0), 0.5, 0.38)
    b.rigid()
    b.part, b.material = "window", window
    if kind == "biplane":
        b.ball((-0.35, y + 0.62, 0), (0.34, 0.22, 0.3))
    elif kind == "low":
        b.ball((0.1, y + 0.5, 0), (1.15, 0.5, 0.47))
    else:
        b.box((0.35, y + 0.58, 0), (0.85, 0.3, 0.5), 0.12, taper=(0.2, 0.12), lean=-0.1)
    levels = {"biplane": (y - 0.45, y + 1.15), "low": (y - 0.35,), "high": (y + 0.9,)}[kind]
    half, chord = (4.2, 0.62) if kind == "biplane" else (5.0, 0.75)
    for n, level in enumerate(levels):
        for side, name in ((-1, "left_wing_tip"), (1, "right_wing_tip")):
            b.part, b.material = "wing", body if kind == "biplane" else accent
            axes = _flat((1, 0, 0), (0, 0.07, side))
            root = np.array([0.65 + 0.25 * n, level, 0.0])
            tip = 0.85 if kind != "low" else 0.6
            b.plate(root, [(chord, 0), (-chord, 0), (-chord * tip, half), (chord * tip * 0.8, half)], 0.075, axes)
            if n == len(levels) - 1:
                b.mark(name, root + np.array([0, half * 0.97, 0]) @ axes, depth=0.25)
            if kind != "low" and n == 0:
                b.material = dark
                top = levels[-1] + 0.05
                for z in (1.6, 3.0) if kind == "biplane" else (2.2,):
                    low = (0.6, level, side * z) if kind == "biplane" else (0.5, y - 0.4, side * 0.45)
                    b.limb(low, (0.8, top + 0.1, side * z), 0.045)
    if kind == "biplane":
        for side in (-1, 1):
            b.limb((0.9, y + 0.45, side * 0.4), (0.9, levels[-1], side * 0.5), 0.045)
    b.part, b.material = "tail", accent
    tail = np.array([-long * 0.53, y + 0.42, 0])
    b.plate(tail, [(0.65, 0), (-0.35, -0.05), (-0.55, 1.25), (-0.1, 1.25)], 0.05)
    for side in (-1, 1):
        b.plate(tail, [(0.6, 0), (-0.35, 0), (-0.35, 1.5), (0.15, 1.5)], 0.05, _flat((1, 0, 0), (0, 0, side)))
    b.mark("tail_tip", tail + np.array([-0.32, 1.22, 0]), depth=0.15)
    b.mark("tail_base", tail + np.array([0.5, 0.1, 0]), "body", 0.3)
    _propeller(b, np.array([2.96, y, 0]), 1.05, accent, rng)
    for side, name in ((-1, "left_front_wheel"), (1, "right_front_wheel")):
        b.part, b.material = "wheel", dark
        b.limb((0.9, y - 0.4, side * 0.35), (1.0, 0.36, side * 0.95), 0.055)
        wheel(b, (1.0, 0.34, side * 1.0), 0.34, 0.11, 5, "#d0d2d4")
        b.mark(name, (1.0, 0.34, side * 1.12), depth=0.15)
    wheel(b, (-long * 0.5, y - 0.35, 0.02), 0.16, 0.06, 5, "#d0d2d4")
    b.part, b.material = "wheel", dark
    b.limb((-long * 0.5, y - 0.35, 0), (-long * 0.48, y + 0.3, 0), 0.04)


def _propeller(b: Builder, at: np.ndarray, reach: float, hub: int, rng: Generator) -> None:
    b.rigid()
    b.part, b.material = "propeller", hub
    b.ball(at, (0.3, 0.2, 0.2))
    b.paint(material(choose(rng, ["#3a2a1c", "#26282c", "#d9d9d4"]), shine=0.3))
    start, count = rng.uniform(0, math.pi), int(rng.choice([2, 2, 3]))
    for i in range(count):
        angle = start + 2 * math.pi * i / count
        out = np.array([0, math.cos(angle), math.sin(angle)])
        b.limb(at + out * 0.1, at + out * reach, 0.09, 0.06, 0.4, (1, 0, 0.0))
    b.mark("rotor_hub", at + np.array([0.25, 0, 0]), depth=0.2)
    b.mark("nose", at + np.array([0.28, 0, 0]), depth=0.2)


def helicopter(b: Builder, rng: Generator) -> None:
    """Round-nosed ones on skids, rescue ones with wheels inside a sponson."""
    y = 1.45
    body, accent = _livery(b, rng, y - 0.1, 0.02)
    window, dark = b.paint(glass(rng)), b.paint(material("#26282c", shine=0.2))
    plump = rng.uniform(0.9, 1.15)
    b.soft(0.3)
    b.part, b.material = "body", body
    b.ball((0.3, y, 0), np.array([1.7, 0.98, 0.88]) * plump)
    b.ball((-0.9, y + 0.2, 0), np.array([1.2, 0.72, 0.66]) * plump)
    b.part, b.material = "engine", body
    b.ball((-0.35, y + 0.95 * plump, 0), (0.95, 0.32, 0.42))
    b.part, b.material = "tail", body
    end = np.array([-5.0, y + 0.75, 0])
    b.limb((-1.3, y + 0.35, 0), end, 0.42, 0.15)
    b.mark("tail_base", (-2.0, y + 0.5, 0), depth=0.6)
    b.mark("back_middle", (-0.9, y + 0.85 * plump, 0), "body", 0.6)
    b.rigid()
    b.material = accent
    b.plate(end, [(0.45, -0.35), (-0.25, -0.3), (-0.75, 1.15), (-0.3, 1.2)], 0.06)
    b.mark("tail_tip", end + np.array([-0.48, 1.1, 0]), depth=0.12)
    for side in (-1, 1):
        b.plate(
            end + np.array([0.7, -0.1, 0]),
            [(0.3, 0), (-0.3, 0), (-0.3, 0.9), (0.1, 0.9)],
            0.05,
            _flat((1, 0, 0), (0, 0, side)),
        )
    _canopy(b, window, body, y, plump)
    b.part, b.material = "rotor", dark
    hub = np.array([-0.15, y + 1.62 * plump, 0])
    b.limb((hub[0], y + 0.9, 0), hub, 0.12, 0.1)
    b.disc(hub, 0.24, 0.08, (0, 1, 0), 0.04)
    start, count = rng.uniform(0, math.pi), int(rng.choice([2, 3, 4, 4]))
    for i in range(count):
        angle = start + 2 * math.pi * i / count
        out = np.array([math.cos(angle), -0.035, math.sin(angle)])
        b.limb(hub + out * 0.2, hub + out * 4.3, 0.13, 0.13, 0.22, np.cross(out, [0, 1.0, 0]))
    b.mark("rotor_hub", hub + np.array([0, 0.08, 0]), depth=0.2)
    small = end + np.array([-0.35, 0.55, 0.18])
    for angle in (start, start + math.pi / 2):
        out = np.array([math.cos(angle), math.sin(angle), 0]) * 0.7
        b.limb(small - out, small + out, 0.06, 0.06, 0.4, (0, 0, 1))
    _skids(b, dark, y)


def _canopy(b: Builder, window: int, frame: int, y: float, plump: float) -> None:
    b.part, b.material = "window", window
    shell = np.array([1.7, 0.98, 0.88]) * plump
    b.ball((0.62, y + 0.1, 0), shell * [0.86, 0.86, 0.96])
    b.mark("nose", (0.3 + 1.7 * plump, y - 0.05, 0), "window", 0.3)
    b.part, b.material = "body", frame
    b.ball((0.36, y - 0.16, 0), shell * 1.005, cut=0.0)
    for side in (-1, 1):
        b.part, b.material = "window", window
        b.ball((-0.62, y + 0.28, side * 0.52 * plump), (0.42, 0.3, 0.24))
        b.part, b.material = "body", frame
        b.limb((0.95, y - 0.2, side * 0.84 * plump), (0.5, y + 0.88 * plump, side * 0.3), 0.05)
    b.limb((1.9 * plump + 0.1, y - 0.1, 0), (0.7, y + 0.93 * plump, 0), 0.045)


def _skids(b: Builder, paint: int, y: float) -> None:
    b.part, b.material = "skid", paint
    for side in (-1, 1):
        z = side * 1.0
        b.limb((1.55, 0.09, z), (-1.35, 0.07, z), 0.075)
        b.mark("left_skid" if side < 0 else "right_skid", (0.1, 0.08, z), depth=0.1)
        b.limb((1.55, 0.09, z), (1.85, 0.28, z), 0.075, 0.06)
        for x in (0.9, -0.75):
            b.limb((x, 0.08, z), (x - 0.05, y - 0.7, side * 0.45), 0.055)
