"""The four-legged animals, each with the measures of its kind and breed."""

from dataclasses import replace

import numpy as np

from train.world.coats import Coat, cat_coat, dog_coat, elephant_coat, giraffe_coat, horse_coat
from train.world.fourlegged import Head, Plan, four_legged
from train.world.materials import material
from train.world.shapes import Builder


def cat(b: Builder, rng: np.random.Generator) -> None:
    chubby = rng.uniform(0.88, 1.25)
    pose = rng.choice(["stand", "walk", "sit"], p=[0.25, 0.4, 0.35])
    plan = Plan(
        length=rng.uniform(1.05, 1.25), chest=0.215 * chubby, hips=0.225 * chubby, waist=0.2 * chubby, leg=0.092, ankle=0.068,
        foot=0.082, neck=0.27, neck_up=0.75, neck_thick=0.125 * chubby, skull=0.25, muzzle=0.075, muzzle_thick=0.125,
        muzzle_end=0.08, muzzle_drop=0.36, nose=0.034, eye=0.058, eye_ahead=0.98, ear_size=rng.uniform(0.18, 0.25),
        tail_long=rng.uniform(0.85, 1.15), tail_thick=rng.uniform(0.045, 0.075), pose=str(pose), size=0.27,
    )  # fmt: skip
    four_legged(b, plan, cat_coat(rng), rng)


def dog(b: Builder, rng: np.random.Generator) -> None:
    build = rng.choice(["hound", "spitz", "terrier", "slim", "dachshund"])
    pose = str(rng.choice(["stand", "walk", "sit"], p=[0.3, 0.4, 0.3]))
    plan = Plan(chest=0.25, hips=0.2, waist=0.19, leg=0.085, ankle=0.058, foot=0.078, neck=0.3, neck_up=0.85,
                neck_thick=0.14, skull=0.2, muzzle=0.2, muzzle_thick=0.115, muzzle_end=0.085, nose=0.04, eye=0.036,
                eye_ahead=0.95, ear_size=0.28, tail_long=0.6, tail_thick=0.045, pose=pose, size=0.5)  # fmt: skip
    if build == "hound":
        plan = replace(plan, ear="floppy", ear_size=rng.uniform(0.27, 0.36), tail="long", size=rng.uniform(0.45, 0.65))
    elif build == "spitz":
        plan = replace(plan, ear="upright", ear_size=0.17, tail="curl", tail_thick=0.085, chest=0.28, hips=0.24, waist=0.25,
                       neck_thick=0.19, muzzle=0.15, size=rng.uniform(0.35, 0.6))  # fmt: skip
    elif build == "terrier":
        plan = replace(plan, ear=str(rng.choice(["floppy", "upright"])), ear_size=0.18, tail="stub", tail_long=0.32,
                       length=0.95, muzzle=0.18, muzzle_thick=0.125, size=rng.uniform(0.3, 0.45))  # fmt: skip
    elif build == "slim":
        plan = replace(plan, ear=str(rng.choice(["floppy", "upright"])), ear_size=0.19, chest=0.225, hips=0.165, waist=0.14,
                       leg=0.07, ankle=0.045, muzzle=0.26, muzzle_end=0.06, skull=0.17, size=0.65)  # fmt: skip
    else:
        plan = replace(plan, ear="floppy", ear_size=0.34, length=1.75, leg=0.13, ankle=0.1, foot=0.11, chest=0.32, hips=0.29,
                       waist=0.27, neck=0.36, skull=0.25, muzzle=0.28, eye=0.045, tail_long=0.8, neck_thick=0.18,
                       pose="walk" if pose == "sit" else pose, size=0.28)  # fmt: skip
    four_legged(b, plan, dog_coat(rng), rng)


def horse(b: Builder, rng: np.random.Generator) -> None:
    pony = rng.uniform(0, 1)
    plan = Plan(
        length=1.0 - 0.05 * pony, chest=0.215 + 0.03 * pony, hips=0.205 + 0.03 * pony, waist=0.2 + 0.04 * pony, leg=0.07 + 0.01 * pony,
        ankle=0.036 + 0.006 * pony, foot=0.052, foot_long=1.05, neck=0.5, neck_up=rng.uniform(0.6, 1.05), neck_thick=0.145, skull=0.125,
        muzzle=0.25, muzzle_thick=0.098, muzzle_end=0.066, muzzle_drop=0.6, head_pitch=rng.uniform(-0.75, -0.5), nose=0.0, eye=0.026,
        eye_ahead=0.5, ear="leaf", ear_size=0.11, tail="hang", tail_long=0.75, tail_thick=0.06,
        pose=str(rng.choice(["stand", "walk"], p=[0.35, 0.65])), size=1.5 - 0.4 * pony,
    )  # fmt: skip
    coat = horse_coat(rng)
    _mane(b, four_legged(b, plan, coat, rng), coat.tail, 0.055 * plan.size, 0.06 * plan.size, rng)


def _mane(b: Builder, head: Head, hair: np.ndarray, thick: float, hang: float, rng: np.random.Generator) -> None:
    """Hair along the crest of the neck, falling to one side, and a forelock."""
    b.soft(thick * 0.6)
    b.part = "mane"
    b.paint(hair)
    side = rng.choice([-1, 1])
    line = head.neck_end - head.neck_base
    crest = np.cross([0, 0, 1.0], line / np.linalg.norm(line))
    for share in np.linspace(-0.02, 1.1, 9):
        root = head.neck_base + line * share + crest * (0.165 - 0.055 * share) * hang / 0.06
        b.limb(root, root + np.array([-0.3 * hang, -hang, side * hang * 0.55]), thick * 0.62, thick * 0.42)
    poll = head.at(-0.5, 0.85, 0)
    b.limb(poll, head.at(0.55, 0.8, 0.0), thick * 0.6, thick * 0.3)


def giraffe(b: Builder, rng: np.random.Generator) -> None:
    plan = Plan(
        length=0.75, chest=0.2, hips=0.165, waist=0.17, leg=0.05, ankle=0.032, foot=0.042, foot_long=1.05, neck=rng.uniform(0.9, 1.05),
        neck_up=rng.uniform(1.0, 1.25), neck_thick=0.085, skull=0.082, muzzle=0.14, muzzle_thick=0.062, muzzle_end=0.042, muzzle_drop=0.55,
        head_pitch=rng.uniform(-0.35, -0.05), nose=0.0, eye=0.018, eye_ahead=0.55, ear="leaf", ear_size=0.1, tail="hang",
        tail_long=0.5, tail_thick=0.022, pose=str(rng.choice(["stand", "walk"])), size=2.6,
    )  # fmt: skip
    coat = giraffe_coat(rng)
    head = four_legged(b, plan, coat, rng)
    b.rigid()
    b.part = "horn"
    b.paint(material("#4a3020", mottle=0.2))
    for side in (-1, 1):
        b.limb(head.at(-0.2, 0.7, 0.35 * side), head.at(-0.4, 1.65, 0.45 * side), 0.18 * head.radius, 0.2 * head.radius)
    b.part = "mane"
    b.paint(material("#8a5a30", mottle=0.4, mottle_scale=30.0))
    line = head.neck_end - head.neck_base
    crest = np.cross([0, 0, 1.0], line / np.linalg.norm(line)) * 0.078 * plan.size
    b.limb(head.neck_base + line * 0.1 + crest * 1.15, head.neck_end + crest * 0.9, 0.05, 0.04, 0.6)


def elephant(b: Builder, rng: np.random.Generator) -> None:
    plan = Plan(
        length=0.82, chest=0.31, hips=0.3, waist=0.32, leg=0.115, ankle=0.1, foot=0.108, foot_long=1.0, neck=0.14, neck_up=0.45,
        neck_thick=0.23, skull=0.215, muzzle=0.07, muzzle_thick=0.14, muzzle_end=0.1, muzzle_drop=0.75, head_pitch=rng.uniform(-0.15, 0.1),
        nose=-1.0, eye=0.026, eye_ahead=0.75, ear="fan", ear_size=rng.uniform(0.24, 0.33), tail="hang", tail_long=0.5, tail_thick=0.028,
        pose=str(rng.choice(["stand", "walk"])), size=rng.uniform(2.4, 3.1),
    )  # fmt: skip
    coat = elephant_coat(rng)
    head = four_legged(b, plan, coat, rng)
    _trunk(b, head, coat, rng)
    b.rigid()
    b.part = "tusk"
    b.paint(material("#efe6d0", shine=0.3))
    long = rng.uniform(0.5, 1.3)
    for side in (-1, 1):
        root, mid = head.at(0.75, -0.75, 0.42 * side), head.at(1.15 + 0.3 * long, -1.2, 0.55 * side)
        b.limb(root, mid, 0.12 * head.radius, 0.1 * head.radius)
        b.limb(
            mid,
            mid + np.array([0.55 * long, 0.12 * long, 0.05 * side]) * head.radius @ head.axes,
            0.1 * head.radius,
            0.035 * head.radius,
        )


def _trunk(b: Builder, head: Head, coat: Coat, rng: np.random.Generator) -> None:
    b.soft(0.12 * head.radius)
    b.part = "trunk"
    b.paint(coat.body)
    heading, curl = rng.uniform(-1.2, -0.9), rng.choice([-0.1, 0.05, 0.16, 0.42])
    point = head.at(0.75, -0.35, 0)
    points = [point]
    for _ in range(8):
        step = np.array([np.cos(heading), np.sin(heading), 0.0]) * 0.42 * head.radius
        point = point + step @ head.axes
        point[1] = max(point[1], 0.2 * head.radius)
        points.append(point)
        heading += curl - 0.09
    b.chain(points, [r * head.radius for r in (0.5, 0.44, 0.38, 0.33, 0.29, 0.26, 0.23, 0.2, 0.18)])
    b.mark("trunk_tip", points[-1], depth=0.3 * head.radius)
