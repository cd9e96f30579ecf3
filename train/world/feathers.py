"""Parts that birds share: plumage, wings folded or spread, legs with toes, eyes."""

import math
from dataclasses import dataclass

import numpy as np

from train.world.materials import eye, material
from train.world.shapes import Builder, turn

Generator = np.random.Generator


@dataclass(frozen=True)
class Feathers:
    """Colours of a bird (sRGB): back, breast, head, cap or mask, wing, wing tip, tail, beak, leg."""

    back: np.ndarray
    breast: np.ndarray
    head: np.ndarray
    wing: np.ndarray
    tip: np.ndarray
    beak: np.ndarray
    leg: np.ndarray


def plumage(rng: Generator, base, second=None, third=None, **kind) -> np.ndarray:
    return material(
        base,
        second,
        third,
        seed=rng.uniform(0, 50),
        **({"mottle": 0.16, "mottle_scale": 60.0, "bump": 0.12, "shine": 0.06} | kind),
    )


def wings(b: Builder, shoulder, size: float, axes: np.ndarray, paints, spread: float | None, lift: float = 0.0) -> None:
    """Add two wings: folded along the body, or spread and lifted by an angle."""
    b.part = "wing"
    for side, name in ((-1, "left_wing_tip"), (1, "right_wing_tip")):
        root = np.array(shoulder) * [1, 1, side]
        if spread is None:
            own = turn(yaw=side * 0.1, pitch=-0.12, roll=side * 0.28) @ axes
            middle = root + np.array([-0.42 * size, -0.05 * size, 0.02 * side * size]) @ axes
            b.soft(0.03 * size)
            b.material = paints[0]
            b.ball(middle, np.array([0.58, 0.3, 0.09]) * size, own)
            b.material = paints[1]
            tip = middle - own[0] * 0.88 * size
            b.limb(middle - own[0] * 0.3 * size, tip, 0.17 * size, 0.04 * size, 0.4, own[1])
            b.mark(name, tip, depth=0.12 * size)
            continue
        hand = np.array([0.06, math.sin(lift) * 0.6, side * math.cos(lift) * 0.6]) * size * spread
        outer = hand + np.array([-0.34, math.sin(lift * 0.6) * 0.6, side * math.cos(lift * 0.6) * 0.6]) * size * spread
        b.soft(0.05 * size)
        b.material = paints[0]
        chord = axes[0]
        back = np.array([-0.16 * size * spread, 0, 0]) @ axes
        b.limb(root + back * 0.6, root + hand @ axes + back * 0.7, 0.3 * size, 0.26 * size, 0.13, chord)
        b.limb(root, root + hand @ axes, 0.16 * size, 0.14 * size, 0.25, chord)
        b.material = paints[1]
        b.limb(root + hand @ axes + back * 0.6, root + outer @ axes, 0.26 * size, 0.06 * size, 0.12, chord)
        b.mark(name, root + outer @ axes, depth=0.15 * size)


def legs(b: Builder, body: np.ndarray, size: float, gap: float, paint: int, thick: float, step: float = 0.0) -> None:
    """Add two legs from the body down to the ground, with three toes ahead and one behind."""
    b.rigid()
    b.part, b.material = "hind leg", paint
    for side, name in ((-1, "left_hind_foot"), (1, "right_hind_foot")):
        hip = body + np.array([0, 0, side * gap])
        foot = np.array([body[0] + side * step, thick, side * gap * 1.05])
        ankle = (hip + foot) / 2 + np.array([-0.12 * (hip[1] - foot[1]), 0.0, 0])
        b.limb(hip, ankle, thick * 1.5, thick)
        b.limb(ankle, foot, thick, thick)
        for angle in (-0.55, 0.0, 0.55, math.pi):
            reach = size * (0.2 if angle < 3 else 0.12)
            b.limb(foot, foot + np.array([math.cos(angle), 0, math.sin(angle)]) * reach, thick * 1.0, thick * 0.6)
        b.mark(name, foot, depth=2.5 * thick)


def eyes(
    b: Builder, centre, axes, radii, ahead: float, size: float, iris, pupil: float = 0.75, raised: float = 0.15
) -> None:
    b.rigid()
    b.part = "eye"
    b.paint(eye(iris, pupil))
    for side, name in ((-1, "left_eye"), (1, "right_eye")):
        gaze = turn(yaw=-side * (math.pi / 2 - ahead))
        d = gaze[0] + np.array([0, raised, 0])
        d = d / np.linalg.norm(d / radii)
        place = centre + d @ axes
        b.ball(place - (gaze @ axes)[0] * size * 0.45, size, gaze @ axes)
        b.mark(name, place, depth=1.3 * size)
