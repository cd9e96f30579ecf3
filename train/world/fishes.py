"""Fish and sharks."""

import math

import numpy as np

from train.world.materials import PATCHES, RINGS, SEAMS, SPOTS, STRIPES, choose, eye, material, mix, vary
from train.world.shapes import Builder, turn

Generator = np.random.Generator


def _skin(rng: Generator, base, second=None, third=None, **kind) -> np.ndarray:
    return material(
        base,
        second,
        third,
        seed=rng.uniform(0, 50),
        **({"shine": 0.3, "sharp": 22.0, "mottle": 0.1, "mottle_scale": 40.0} | kind),
    )


def _eyes(b: Builder, x: float, y: float, z: float, size: float, iris, pupil: float) -> None:
    b.rigid()
    b.part = "eye"
    b.paint(eye(iris, pupil, white=True))
    for side, name in ((-1, "left_eye"), (1, "right_eye")):
        place = np.array([x, y, side * z])
        b.ball(place, (size, size, size * 0.7), turn(yaw=-side * 1.35))
        b.mark(name, place + np.array([0, 0, side * size * 0.5]), depth=size)


def fish(b: Builder, rng: Generator) -> None:
    """Tall reef fish, goldfish, trout-like and striped ones, bent as they swim."""
    style = choose(rng, ["reef", "gold", "trout", "angel", "clown"])
    s = 0.16
    long, tall, thick = {
        "reef": (1.0, 0.52, 0.2),
        "gold": (0.9, 0.44, 0.3),
        "trout": (1.3, 0.33, 0.2),
        "angel": (0.85, 0.66, 0.17),
        "clown": (1.0, 0.42, 0.24),
    }[style]
    tall *= rng.uniform(0.9, 1.1)
    body, fins = _fish_paints(b, style, rng)
    middle = np.array([0.0, 0.9 * s, 0.0])
    wave = rng.normal(0, 0.18)
    b.soft(0.16 * s)
    b.part, b.material = "torso", body
    b.ball(middle, np.array([0.62 * long, tall, thick]) * s)
    b.part = "head"
    nose = middle + np.array([0.72 * long, -0.02, 0]) * s
    b.ball(middle + np.array([0.34 * long, 0, 0]) * s, np.array([0.36 * long, tall * 0.72, thick * 0.92]) * s)
    b.part, b.melt = "muzzle", 0.08 * s
    b.limb(middle + np.array([0.52 * long, -0.02, 0]) * s, nose, 0.15 * s, 0.06 * s)
    b.mark("nose", nose, depth=0.1 * s)
    b.part, b.melt = "tail", 0.1 * s
    stalk = middle + np.array([-0.78 * long, 0, wave * 0.35]) * s
    b.limb(middle + np.array([-0.3 * long, 0, 0]) * s, stalk, tall * 0.62 * s, 0.1 * s, 0.5, (0, 1, 0))
    b.mark("tail_base", stalk, depth=0.12 * s)
    b.rigid()
    b.material = fins
    swing = turn(yaw=math.pi + wave * 1.5)
    spread = {"gold": 0.62, "angel": 0.5}.get(style, 0.42)
    for up in (-1, 1):
        tip = np.array([0.6 if style != "gold" else 0.75, spread * up])
        b.plate(stalk, np.array([(-0.06, 0.02 * up), (0.05, 0.1 * up), tip, (0.34, 0.02 * up)]) * s, 0.018 * s, swing)
    b.mark("tail_tip", stalk + np.array([0.55, spread * 0.85, 0]) * s @ swing, depth=0.12 * s)
    _fish_fins(b, middle, long, tall, thick, s, style, rng)
    _eyes(
        b,
        middle[0] + 0.5 * long * s,
        middle[1] + 0.1 * s,
        thick * 0.72 * s,
        0.085 * s,
        choose(rng, ["#d9a82c", "#c8c8c0", "#5a3a20"]),
        0.62,
    )


def _fish_fins(
    b: Builder, middle, long: float, tall: float, thick: float, s: float, style: str, rng: Generator
) -> None:
    b.part = "fin"
    high = tall + {"angel": 0.55, "gold": 0.35}.get(style, 0.24)
    top = np.array(
        [(0.25 * long, tall * 0.72), (-0.05 * long, high), (-0.42 * long, high * 0.85), (-0.5 * long, tall * 0.4)]
    )
    b.plate(middle, top * s, 0.018 * s)
    b.mark("dorsal_fin", middle + np.array([-0.15 * long, high * 0.93, 0]) * s, depth=0.1 * s)
    low = tall + {"angel": 0.5, "gold": 0.3}.get(style, 0.16)
    b.plate(
        middle,
        np.array(
            [
                (-0.08 * long, -tall * 0.75),
                (-0.25 * long, -low),
                (-0.48 * long, -low * 0.8),
                (-0.45 * long, -tall * 0.4),
            ]
        )
        * s,
        0.018 * s,
    )
    flap = rng.uniform(0.3, 0.9)
    for side, name in ((-1, "left_fin"), (1, "right_fin")):
        root = middle + np.array([0.2 * long, -0.12, side * thick * 0.8]) * s
        own = turn(yaw=math.pi + side * flap, pitch=-0.35)
        b.plate(root, np.array([(0, -0.06), (0.36, -0.16), (0.4, 0.08), (0, 0.07)]) * s, 0.014 * s, own)
        b.mark(name, root + np.array([0.34, -0.03, 0]) * s @ own, depth=0.06 * s)


def _fish_paints(b: Builder, style: str, rng: Generator) -> tuple[int, int]:
    if style == "clown":
        orange = vary(rng, "#ef7a22")
        body = b.paint(_skin(rng, orange, "#fdfaf2", orange, pattern=STRIPES, scale=11.0, p=0.72, q=0.0))
        return body, b.paint(_skin(rng, orange, "#1d1715", pattern=SEAMS, scale=40.0, p=0.5))
    if style == "gold":
        colour = vary(rng, choose(rng, ["#f08a2a", "#e8552c", "#f5b83c"]))
        return b.paint(
            _skin(
                rng,
                colour,
                "#fbf3e6",
                mix(colour, "#fff3d9", 0.6),
                pattern=PATCHES,
                scale=9.0,
                p=rng.uniform(0.5, 0.75),
                q=0.98,
                belly=0.7,
            )
        ), b.paint(
            _skin(rng, mix(colour, "#ffe9c8", 0.35), mix(colour, "#ffffff", 0.5), pattern=RINGS, scale=60.0, p=0.0)
        )
    if style == "trout":
        back, belly = vary(rng, choose(rng, ["#6f8a6a", "#5d7f9a", "#8a8a6a"])), vary(rng, "#e6e2d6", 0.02)
        return b.paint(
            _skin(rng, back, mix(back, "#1d1d1d", 0.7), belly, pattern=SPOTS, scale=42.0, p=0.32, belly=1.0, shine=0.5)
        ), b.paint(_skin(rng, mix(back, "#c8885a", 0.4)))
    one, two = choose(
        rng,
        [
            ("#2f6fd8", "#f5d23c"),
            ("#f5d23c", "#1d1d22"),
            ("#f4f2ea", "#23232a"),
            ("#e8506a", "#f6e3c8"),
            ("#3fb8b0", "#8a3fa8"),
            ("#f08a3a", "#3a6fd0"),
        ],
    )
    one, two = vary(rng, one), vary(rng, two)
    return b.paint(_skin(rng, one, two, pattern=STRIPES, scale=rng.uniform(11, 20), p=0.5, q=0.0)), b.paint(
        _skin(rng, two if rng.random() < 0.6 else one, mix(two, "#000000", 0.2), pattern=RINGS, scale=60.0, p=0.0)
    )


def shark(b: Builder, rng: Generator) -> None:
    """Grey, blue and hammerless: white belly, gill slits, a tall tail."""
    s = 1.1
    back = vary(rng, choose(rng, ["#6f7f8c", "#56708a", "#7d8488", "#8a7f6c", "#4f6675"]))
    tiger = rng.random() < 0.25
    body = b.paint(
        _skin(
            rng,
            back,
            mix(back, "#1d242a", 0.45) if tiger else back,
            "#e9ebe8",
            pattern=STRIPES if tiger else 0,
            scale=3.0,
            p=0.5,
            q=0.0,
            belly=1.0,
            shine=0.2,
        )
    )
    plain = b.paint(_skin(rng, mix(back, "#2a343c", 0.15)))
    middle = np.array([0.0, 1.0 * s, 0.0])
    wave = rng.normal(0, 0.22)
    spine = [
        (0.62, 0.0, 0.0),
        (0.2, 0.02, 0.0),
        (-0.35, 0.01, 0.1 * wave),
        (-0.8, 0.02, 0.35 * wave),
        (-1.12, 0.05, 0.75 * wave),
    ]
    points = [middle + np.array(p) * s for p in spine]
    b.soft(0.03 * s)
    b.material = body
    for i, part in enumerate(("torso", "torso", "torso", "tail")):
        radii = (0.235, 0.265, 0.21, 0.11, 0.05)
        b.part = part
        b.limb(points[i], points[i + 1], radii[i] * s, radii[i + 1] * s)
    b.part = "head"
    nose = middle + np.array([1.08, 0.03, 0]) * s
    b.limb(points[0], middle + np.array([0.85, 0.01, 0]) * s, 0.235 * s, 0.155 * s)
    b.part = "muzzle"
    b.limb(middle + np.array([0.85, 0.02, 0]) * s, nose, 0.15 * s, 0.05 * s)
    b.mark("nose", nose, depth=0.1 * s)
    b.mark("tail_base", points[4], "tail", 0.1 * s)
    _shark_fins(b, middle, points[4], plain, wave, s, rng)
    b.rigid()
    b.part = "head"
    b.paint(material("#2a2f34"))
    for i in range(4):
        for side in (-1, 1):
            x = 0.6 - 0.075 * i
            b.limb(
                middle + np.array([x, 0.07, side * 0.214]) * s,
                middle + np.array([x - 0.03, -0.08, side * 0.212]) * s,
                0.012 * s,
            )
    b.part = "muzzle"
    b.limb(middle + np.array([0.86, -0.105, 0.075]) * s, middle + np.array([0.86, -0.105, -0.075]) * s, 0.03 * s)
    _eyes(b, middle[0] + 0.86 * s, middle[1] + 0.07 * s, 0.125 * s, 0.032 * s, "#20262a", 0.9)


def _shark_fins(b: Builder, middle, tail, plain: int, wave: float, s: float, rng: Generator) -> None:
    b.soft(0.04 * s)
    b.material, b.part = plain, "tail"
    swing = turn(yaw=math.pi + 0.75 * wave)
    b.plate(tail, np.array([(-0.12, 0.0), (0.1, -0.02), (0.48, 0.62), (0.3, 0.52)]) * s, 0.022 * s, swing)
    b.plate(tail, np.array([(-0.1, 0.02), (0.1, 0.02), (0.28, -0.34), (0.2, -0.3)]) * s, 0.022 * s, swing)
    b.mark("tail_tip", tail + np.array([0.44, 0.58, 0]) * s @ swing, depth=0.1 * s)
    b.part = "fin"
    b.plate(middle, np.array([(0.18, 0.2), (-0.12, 0.62), (-0.2, 0.62), (-0.16, 0.2)]) * s, 0.026 * s)
    b.mark("dorsal_fin", middle + np.array([-0.15, 0.6, 0]) * s, depth=0.06 * s)
    b.plate(middle, np.array([(-0.62, 0.1), (-0.74, 0.24), (-0.8, 0.23), (-0.76, 0.08)]) * s, 0.02 * s)
    tilt = rng.uniform(0.2, 0.55)
    for side, name in ((-1, "left_fin"), (1, "right_fin")):
        flat = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0]], float)
        flat[0], flat[1] = (1, 0, 0), (0, -math.sin(tilt), side * math.cos(tilt))
        flat[2] = np.cross(flat[0], flat[1])
        root = middle + np.array([0.42, -0.1, side * 0.16]) * s
        b.plate(root, np.array([(0.12, 0.0), (-0.22, 0.66), (-0.32, 0.64), (-0.16, 0.0)]) * s, 0.024 * s, flat)
        b.mark(name, root + np.array([-0.26, 0.62, 0]) * s @ flat, depth=0.07 * s)
