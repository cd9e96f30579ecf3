"""Cats, dogs, horses, giraffes and elephants: one body plan, measures drawn anew for each animal."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from train.world.coats import Coat
from train.world.materials import eye, material
from train.world.shapes import Builder, turn

Generator = np.random.Generator


@dataclass(frozen=True)
class Plan:
    """Measures in units of the height of the back (≈ 1); angles in radians."""

    length: float = 1.1
    chest: float = 0.27
    hips: float = 0.23
    waist: float = 0.2
    leg: float = 0.085
    ankle: float = 0.05
    foot: float = 0.07
    foot_long: float = 1.3
    neck: float = 0.35
    neck_up: float = 0.7
    neck_thick: float = 0.15
    skull: float = 0.19
    muzzle: float = 0.2
    muzzle_thick: float = 0.1
    muzzle_end: float = 0.07
    muzzle_drop: float = 0.35
    head_pitch: float = -0.1
    nose: float = 0.035
    eye: float = 0.038
    eye_ahead: float = 0.75
    ear: str = "upright"
    ear_size: float = 0.17
    tail: str = "long"
    tail_long: float = 0.8
    tail_thick: float = 0.05
    pose: str = "stand"
    size: float = 0.3


class Head(NamedTuple):
    """The position of a head: its middle, axes (rows) and radius, and the two ends of the neck."""

    centre: np.ndarray
    axes: np.ndarray
    radius: float
    neck_base: np.ndarray
    neck_end: np.ndarray

    def at(self, x: float, y: float, z: float) -> np.ndarray:
        """A point given in units of the head's radius along its axes."""
        return self.centre + np.array([x, y, z]) * self.radius @ self.axes


def _bend(a: np.ndarray, b: np.ndarray, upper: float, lower: float, towards: float) -> np.ndarray:
    """The joint between a and b for two bones of given lengths, bent forward (towards > 0) or back."""
    gap = b - a
    length = float(np.linalg.norm(gap))
    reach = min(length, (upper + lower) * 0.999)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    out = math.sqrt(max(upper**2 - along**2, 0.0))
    unit = gap / length
    side = np.array([-unit[1], unit[0], 0.0])
    side *= np.sign(side[0] or 1.0) * towards
    return a + unit * along + side * out


def four_legged(b: Builder, plan: Plan, coat: Coat, rng: Generator) -> Head:
    """Add the whole animal to a builder, standing on y = 0 around the origin."""
    s = plan.size
    sitting = plan.pose == "sit"
    hips = np.array([-plan.length / 2, 1 - plan.hips * 0.95, 0.0])
    chest = np.array([plan.length / 2, 1 - plan.chest * 0.9, 0.0])
    if sitting:
        hips = np.array([-plan.length * 0.3, plan.hips * 1.0, 0.0])
        chest = np.array([plan.length * 0.16, plan.hips + plan.length * 0.62, 0.0])
    hips, chest = hips * s, chest * s
    coats = [b.paint(m) for m in (coat.body, coat.legs, coat.head, coat.muzzle, coat.tail, coat.ear)]
    body, legs, head, muzzle, tail, ear = coats

    b.soft(0.15 * s)
    b.part, b.material = "torso", body
    _torso(b, plan, hips, chest)
    _legs(b, plan, hips, chest, body, legs, rng)
    b.material, b.melt = tail, 0.035 * s
    _tail(b, plan, hips, coat, rng)
    b.melt = 0.1 * s
    b.part, b.material = "neck", body
    tilt = turn(pitch=plan.neck_up)
    base = chest + np.array([plan.chest * 0.35, plan.chest * 0.35, 0]) * s
    swing = rng.normal(0, 0.25)
    end = base + (tilt[0] * plan.neck * s) @ turn(yaw=swing * 0.5)
    b.limb(
        chest + np.array([0.1, 0.05, 0]) * plan.chest * s, end, plan.neck_thick * 1.25 * s, plan.neck_thick * 0.85 * s
    )
    return _head(b, plan, (base, end), swing, coat, (head, muzzle, ear), rng)


def _torso(b: Builder, plan: Plan, hips: np.ndarray, chest: np.ndarray) -> None:
    s = plan.size
    axis = chest - hips
    axes = turn(pitch=math.atan2(axis[1], axis[0]))
    middle = (hips + chest) / 2 + axes[1] * (plan.chest - plan.waist) * 0.15 * s
    b.ball(chest, np.array([1.12, 1.12, 0.88]) * plan.chest * s, axes)
    b.ball(hips, np.array([1.15, 1.0, 0.9]) * plan.hips * s, axes)
    b.limb(hips, middle, plan.hips * 0.88 * s, plan.waist * s)
    b.limb(middle, chest, plan.waist * s, plan.chest * 0.9 * s)
    b.mark("back_middle", middle + axes[1] * plan.waist * 0.98 * s, "torso", 0.16 * s)


def _legs(b: Builder, plan: Plan, hips, chest, body: int, legs: int, rng: Generator) -> None:
    s = plan.size
    walk = 0.0 if plan.pose in ("stand", "sit") else rng.uniform(0.14, 0.26)
    phase = rng.uniform(0, 2 * math.pi)
    for side, name in ((-1, "left"), (1, "right")):
        for front in (True, False):
            b.part = "front leg" if front else "hind leg"
            beat = phase + (math.pi if side > 0 else 0) + (0.6 if front else 2.4)
            step = math.sin(beat) * walk * s
            lift = max(math.cos(beat), 0.0) * walk * 0.45 * s
            z = side * (plan.chest if front else plan.hips) * 0.55 * s
            root = (chest if front else hips) + np.array([0.0, -0.12 * s * plan.chest, z])
            sole = plan.foot * 0.62 * s
            toe = np.array([root[0] + step + (0.02 if front else -0.02) * s, sole + lift, z * (1.0 if front else 1.06)])
            if plan.pose == "sit" and not front:
                toe = np.array([root[0] + 0.38 * s, sole, side * plan.hips * 1.15 * s])
            height = root[1] - toe[1]
            thick, ankle = plan.leg * s, plan.ankle * s
            b.material = body
            if front:
                wrist = toe + np.array([-0.015 * s - 0.3 * lift, 0.22 * height, 0])
                span = float(np.linalg.norm(root - wrist))
                elbow = _bend(root, wrist, span * 0.5, span * 0.53, -1.0)
                b.melt = 0.12 * s
                b.limb(root, elbow, plan.chest * 0.52 * s, thick)
                b.material, b.melt = legs, 0.02 * s
                b.limb(elbow, wrist, thick, ankle)
                b.limb(wrist, toe, ankle, ankle * 0.95)
            else:
                back = 0.5 * lift + 0.07 * s
                hock = toe + np.array([-back, 0.3 * height, 0])
                span = float(np.linalg.norm(root - hock))
                if plan.pose == "sit":
                    hock = toe + np.array([-0.3 * s, 0.02 * s, 0])
                    knee = np.array([toe[0] + 0.02 * s, hips[1] + plan.hips * 0.55 * s, toe[2]])
                else:
                    knee = _bend(root, hock, span * 0.52, span * 0.54, 1.0)
                b.melt = 0.12 * s
                b.limb(root, knee, plan.hips * 0.66 * s, thick * 1.15)
                b.material, b.melt = legs, 0.02 * s
                b.limb(knee, hock, thick * 1.1, ankle * 1.1)
                b.limb(hock, toe, ankle * 1.1, ankle)
            _foot(b, plan, toe, name + ("_front_foot" if front else "_hind_foot"))


def _foot(b: Builder, plan: Plan, toe: np.ndarray, name: str) -> None:
    r = plan.foot * plan.size
    b.ball(toe + np.array([r * 0.3 * plan.foot_long, 0, 0]), np.array([plan.foot_long, 0.62, 0.85]) * r)
    b.mark(name, toe + np.array([r * 0.3 * plan.foot_long, 0, 0]), depth=1.6 * r)


def _tail(b: Builder, plan: Plan, hips: np.ndarray, coat: Coat, rng: Generator) -> None:
    s = plan.size
    b.part = "tail"
    drop = -0.1 if plan.pose == "sit" else 0.35
    root = hips + np.array([-plan.hips * 0.85, plan.hips * drop, 0]) * s
    step = plan.tail_long * s / 6
    heading, sway, curl = _TAILS[plan.tail](rng)
    if plan.pose == "sit" and plan.tail in ("long", "hang"):
        heading, curl = math.pi, 0.0
    points, turned = [root], rng.normal(0, 0.25)
    for _ in range(6):
        d = np.array([math.cos(heading) * math.cos(turned), math.sin(heading), math.sin(turned)])
        point = points[-1] + d * step
        point[1] = max(point[1], plan.tail_thick * s)
        points.append(point)
        heading, turned = heading + curl, turned + sway
    thick = plan.tail_thick * s
    radii = [thick * f for f in coat.tail_shape]
    b.chain(points, radii)
    b.mark("tail_base", root, depth=0.3 * s)
    b.mark("tail_tip", points[-1], depth=3.2 * radii[-1])


_TAILS = {
    "long": lambda rng: (rng.uniform(1.9, 3.6), rng.normal(0, 0.12), rng.choice([-1, 1]) * rng.uniform(0.1, 0.3)),
    "curl": lambda rng: (rng.uniform(1.9, 2.3), rng.normal(0, 0.1), -rng.uniform(0.35, 0.6)),
    "hang": lambda rng: (rng.uniform(3.9, 4.4), rng.normal(0, 0.06), rng.uniform(0.0, 0.12)),
    "stub": lambda rng: (rng.uniform(2.2, 2.9), 0.0, -0.1),
}
"""Heading of the first piece, and what is added per piece sideways and upwards."""


def _head(b: Builder, plan: Plan, neck, swing: float, coat: Coat, paints, rng: Generator) -> Head:
    s, (head, muzzle, ear) = plan.size, paints
    axes = turn(yaw=swing + rng.normal(0, 0.25), pitch=plan.head_pitch + rng.normal(0, 0.1))
    r = plan.skull * s
    centre = neck[1] + axes[0] * r * 0.55 + axes[1] * r * 0.1

    def at(x: float, y: float, z: float) -> np.ndarray:
        return centre + np.array([x, y, z]) @ axes

    b.part, b.material, b.melt = "head", head, min(0.05, 0.22 * plan.skull) * s
    b.ball(centre, np.array([1.05, 0.95, coat.wide]) * r, axes)
    down = -plan.muzzle_drop * r
    start, tip = at(0.45 * r, -0.18 * r, 0), at(0.6 * r + plan.muzzle * s, down, 0)
    b.part, b.material = "muzzle", muzzle
    b.limb(start, tip, plan.muzzle_thick * s, plan.muzzle_end * s)
    if coat.cheeks > 0:  # whisker pads, and a chin under them
        for side in (-1, 1):
            pad = tip + np.array([0.008 * s, -0.02 * s, side * coat.cheeks * s]) @ axes
            b.ball(pad, np.array([0.8, 0.72, 0.95]) * plan.muzzle_end * s, axes)
        b.ball(tip + np.array([-0.01 * s, -0.07 * s, 0]) @ axes, plan.muzzle_end * 0.6 * s, axes)
    _ears(b, plan, at, axes, r, (head, ear), rng)
    b.rigid()
    b.part, b.material = "muzzle", b.paint(material(coat.nose, shine=0.5, sharp=25))
    front = tip + (np.array([1.0, 0.42, 0]) @ axes) * plan.muzzle_end * 0.8 * s
    if plan.nose > 0:
        b.ball(front, np.array([0.7, 0.75, 1.15]) * plan.nose * s, axes)
    elif plan.nose == 0:
        for side in (-1, 1):
            b.ball(tip + np.array([0.75, 0.35, side * 0.5]) @ axes * plan.muzzle_end * s, 0.022 * s)
    b.mark("nose", front, depth=0.07 * s)
    b.part = "eye"
    b.paint(eye(coat.iris, coat.pupil, coat.slit))
    for side, name in ((-1, "left_eye"), (1, "right_eye")):
        gaze = turn(yaw=-side * (math.pi / 2 - plan.eye_ahead), pitch=0.06) @ axes
        place = _on_skull(centre, axes, np.array([1.05, 0.95, coat.wide]) * r, gaze[0], 0.2)
        b.ball(
            place - gaze[0] * plan.eye * 0.42 * s,
            plan.eye * s,
            turn(yaw=-side * (math.pi / 2 - plan.eye_ahead) * 0.8) @ axes,
        )
        b.mark(name, place, depth=1.2 * plan.eye * s)
    return Head(centre, axes, r, *neck)


def _on_skull(centre, axes, radii, direction, raised: float) -> np.ndarray:
    """The point of an ellipsoid in a direction, raised by some share of its height."""
    d = direction @ axes.T + np.array([0, raised, 0])
    d = d / np.linalg.norm(d / radii)
    return centre + d @ axes


def _ears(b: Builder, plan: Plan, at, axes, r: float, paints, rng: Generator) -> None:
    head, ear = paints
    e, s = plan.ear_size * plan.size, plan.size
    for side, name in ((-1, "left_ear"), (1, "right_ear")):
        b.part, b.material = "ear", head if plan.ear == "upright" else ear
        if plan.ear == "upright":
            root, tip = at(-0.1 * r, 0.62 * r, side * 0.55 * r), at(0.0 * r, 0.7 * r + e, side * (0.62 * r + 0.28 * e))
            facing = np.array([0.15, 0.0, side * 1.0]) @ axes
            b.limb(root, tip, 0.46 * e, 0.07 * e, 0.42, facing)
            b.melt, b.material, inner = 0.0, ear, root
            shift = np.array([0.16 * e, -0.02 * e, 0]) @ axes
            b.limb(root + shift, root + (tip - root) * 0.82 + shift * 0.75, 0.3 * e, 0.03 * e, 0.3, facing)
            b.melt = min(0.05, 0.22 * plan.skull) * s
        elif plan.ear == "floppy":
            root, mid = at(-0.05 * r, 0.6 * r, side * 0.7 * r), at(0.0, 0.42 * r, side * (r + 0.1 * e))
            tip = at(0.1 * r, 0.3 * r - e, side * (r + 0.12 * e))
            facing = np.array([1.0, 0.0, 0.0]) @ axes
            b.limb(root, mid, 0.2 * e, 0.3 * e, 0.6, facing)
            b.limb(mid, tip, 0.26 * e, 0.36 * e, 0.4, facing)
            inner = mid
        elif plan.ear == "leaf":
            root, tip = (
                at(-0.3 * r, 0.55 * r, side * 0.5 * r),
                at(-0.35 * r, 0.7 * r + 0.75 * e, side * (0.75 * r + 0.5 * e)),
            )
            inner = (root + tip) / 2
            b.limb(root, inner, 0.18 * e, 0.3 * e, 0.5, np.array([0.2, 0, side]) @ axes)
            b.limb(inner, tip, 0.3 * e, 0.05 * e, 0.5, np.array([0.2, 0, side]) @ axes)
        else:  # an elephant's fan
            fan = turn(yaw=side * rng.uniform(0.7, 1.0), roll=side * 0.12) @ axes
            inner = middle = at(-0.25 * r, -0.28 * r, side * (0.8 * r)) - fan[0] * 0.55 * e
            tip = middle - np.array([0.3 * e, 0.9 * e, 0]) @ fan
            b.ball(middle, np.array([0.78 * e, 1.0 * e, 0.1 * e]), fan)
        b.mark(name, tip + (inner - tip) * 0.15, "ear", 0.3 * e)
