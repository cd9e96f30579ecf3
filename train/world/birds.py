"""Songbirds, ducks, owls and herons: standing, swimming or on the wing."""

import math

import numpy as np

from train.world.feathers import Feathers, eyes, legs, plumage, wings
from train.world.materials import FEATHERS, SPOTS, STRIPES, choose, eye, material, mix, vary
from train.world.shapes import Builder, turn

Generator = np.random.Generator


def songbird(b: Builder, rng: Generator) -> None:
    """Robin, tit, finch, bluebird, canary, blackbird colours; perched, hopping or in flight."""
    flying = b.setting == "sky" or rng.random() < 0.12
    s = 0.1
    f = _song_colours(rng)
    plump = rng.uniform(0.9, 1.15)
    pitch = rng.uniform(0.25, 0.6) if not flying else rng.uniform(-0.05, 0.25)
    axes = turn(pitch=pitch)
    height = (0.95 if not flying else 1.4) * s
    back = b.paint(plumage(rng, f.back, f.back, f.breast, belly=1.0))
    breast, head = b.paint(plumage(rng, f.breast)), b.paint(plumage(rng, f.head))
    wing = b.paint(plumage(rng, f.wing, mix(f.wing, "#000000", 0.4), pattern=FEATHERS, scale=70.0, p=0.6, q=0.0))
    tip, leg = b.paint(plumage(rng, f.tip)), b.paint(material(f.leg))
    body = np.array([0, height, 0])
    b.soft(0.2 * s)
    b.part, b.material = "torso", back
    b.ball(body, np.array([0.78, 0.56 * plump, 0.54 * plump]) * s, axes)
    b.material = breast
    b.ball(body + np.array([0.3, -0.08, 0]) * s @ axes, np.array([0.46, 0.47 * plump, 0.48 * plump]) * s, axes)
    b.mark("back_middle", body + axes[1] * 0.5 * s, depth=0.45 * s)
    b.part, b.material = "head", head
    centre = body + np.array([0.62, 0.42, 0]) * s @ axes + np.array([0, 0.1 * s, 0])
    look = turn(yaw=rng.normal(0, 0.4), pitch=rng.normal(0.0, 0.12))
    b.ball(centre, np.array([0.42, 0.4, 0.4]) * s, look)
    b.part, b.material, b.melt = "tail", tip, 0.05 * s
    root = body + np.array([-0.6, 0.08, 0]) * s @ axes
    end = root + np.array([-0.85, 0.1, 0]) * s @ turn(pitch=pitch * 0.7 + rng.normal(0, 0.15))
    b.limb(root, end, 0.2 * s, 0.16 * s, 0.3, (0, 0, 1))
    b.mark("tail_base", root, depth=0.5 * s)
    b.mark("tail_tip", end, depth=0.2 * s)
    wings(
        b,
        body + np.array([0.38, 0.16, 0.42 * plump]) * s @ axes,
        s * 1.0,
        axes,
        (wing, tip),
        1.25 if flying else None,
        rng.uniform(0.25, 0.95),
    )
    b.rigid()
    b.part = "beak"
    b.paint(material(f.beak, shine=0.3))
    tip_at = centre + look[0] * rng.uniform(0.66, 0.78) * s
    b.limb(centre + look[0] * 0.34 * s, tip_at, 0.12 * s, 0.02 * s)
    b.mark("nose", tip_at, depth=0.06 * s)
    eyes(b, centre, look, np.array([0.42, 0.4, 0.4]) * s, 0.62, 0.085 * s, "#2a1a10", 0.9)
    if not flying:
        legs(b, body + np.array([0.0, -0.4 * s, 0]), s, 0.2 * s, leg, 0.035 * s)


def _song_colours(rng: Generator) -> Feathers:
    back, breast, head, wing, tip, beak = choose(rng, [
        ("#7a6248", "#d9672c", "#c8602e", "#6b5540", "#5a4734", "#3a2f28"),
        ("#6f8f4a", "#f0d03c", "#20242c", "#5d7fa8", "#3a4f70", "#2a2a2c"),
        ("#3f6fc0", "#e8965a", "#3566bd", "#3360b0", "#27457f", "#2c2c2e"),
        ("#f2c83a", "#f7dc6a", "#f4d04a", "#e2ad2a", "#8a7a3a", "#e8a08a"),
        ("#232326", "#2b2b2e", "#222226", "#1d1d20", "#151517", "#f0a428"),
        ("#b83a34", "#d0473c", "#c03a34", "#8a2e2c", "#4a2a28", "#e0892c"),
        ("#8a7560", "#e9dfcd", "#7a5f48", "#8d6f50", "#5a4634", "#6a5a4a"),
        ("#4f9f8a", "#e9e3d0", "#3c8a9c", "#3f8f84", "#2c5f6a", "#3a3a3a"),
    ])  # fmt: skip
    colours = [vary(rng, c, 0.06) for c in (back, breast, head, wing, tip, beak)]
    return Feathers(*[*colours, vary(rng, "#8a6a54")])


def duck(b: Builder, rng: Generator) -> None:
    """Mallards, white and brown ducks; the setting says whether one swims (body half sunk by the scene)."""
    s = 0.22
    kind = choose(rng, ["drake", "drake", "white", "brown", "yellow"])
    back, breast, head, wing, tail = {
        "drake": ("#a9a49c", "#6b3d28", "#1f6b45", "#8d8a86", "#2a2a2c"),
        "white": ("#f5f3ee", "#f7f5f0", "#f6f4ef", "#eeebe4", "#f2efe8"),
        "brown": ("#8a6a48", "#a07a54", "#8f7250", "#7a5c3e", "#6b5036"),
        "yellow": ("#f3cf4a", "#f6d964", "#f4d254", "#eac23c", "#e8bf3a"),
    }[kind]
    plump = rng.uniform(0.92, 1.1)
    scaled = {"pattern": FEATHERS, "scale": 28.0, "p": 0.55 if kind == "brown" else 0.2, "q": 0.1}
    torso = b.paint(plumage(rng, vary(rng, back), mix(back, "#1d140c", 0.6), vary(rng, back), **scaled))
    chest, cap = b.paint(plumage(rng, vary(rng, breast))), b.paint(plumage(rng, vary(rng, head), shine=0.25))
    wing_ = b.paint(plumage(rng, vary(rng, wing), mix(wing, "#000000", 0.45), **scaled))
    tip = b.paint(plumage(rng, vary(rng, tail)))
    height = 0.88 * s
    body, axes = np.array([0, height, 0]), turn(pitch=rng.uniform(0.0, 0.2))
    b.soft(0.22 * s)
    b.part, b.material = "torso", torso
    b.ball(body, np.array([1.0, 0.5 * plump, 0.56 * plump]) * s, axes)
    b.material = chest
    b.ball(body + np.array([0.55, 0.04, 0]) * s @ axes, np.array([0.46, 0.46, 0.48]) * s, axes)
    b.mark("back_middle", body + axes[1] * 0.45 * s, depth=0.45 * s)
    b.part, b.material, b.melt = "tail", tip, 0.08 * s
    root, end = body + np.array([-0.8, 0.12, 0]) * s @ axes, body + np.array([-1.32, 0.38, 0]) * s @ axes
    b.limb(root, end, 0.3 * s, 0.07 * s, 0.5, (0, 0, 1))
    b.mark("tail_base", root, depth=0.55 * s)
    b.mark("tail_tip", end, depth=0.15 * s)
    look = turn(yaw=rng.normal(0, 0.45), pitch=rng.normal(0, 0.1))
    throat, nape = body + np.array([0.78, 0.25, 0]) * s @ axes, body + np.array([0.86, 0.78, 0]) * s
    b.part, b.material, b.melt = "neck", cap if kind != "drake" else chest, 0.1 * s
    b.limb(throat, (throat + nape) / 2, 0.27 * s, 0.2 * s)
    b.material = cap
    b.limb((throat + nape) / 2, nape, 0.2 * s, 0.19 * s)
    if kind == "drake":
        b.part, b.material = "neck", b.paint(plumage(rng, "#f4f2ec"))
        mid = (throat + nape) / 2
        b.limb(mid - [0, 0.02 * s, 0], mid + np.array([0, 0.03 * s, 0]), 0.225 * s, 0.22 * s)
        b.material = cap
    b.part = "head"
    centre = nape + np.array([0.1, 0.16, 0]) * s @ look
    radii = np.array([0.36, 0.31, 0.29]) * s
    b.material = cap
    b.ball(centre, radii, look)
    wings(
        b,
        body + np.array([0.42, 0.18, 0.46 * plump]) * s @ axes,
        1.1 * s,
        axes,
        (wing_, tip if kind == "drake" else wing_),
        None,
    )
    b.soft(0.04 * s)
    b.part = "beak"
    b.paint(material(vary(rng, choose(rng, ["#e8a42c", "#e27f22", "#d9b33c"])), shine=0.25))
    bill = centre + np.array([0.78, -0.13, 0]) * s @ look
    b.limb(centre + np.array([0.26, -0.04, 0]) * s @ look, bill, 0.15 * s, 0.13 * s, 0.42, (0, 0, 1))
    b.mark("nose", bill + look[0] * 0.1 * s, depth=0.1 * s)
    eyes(b, centre, look, radii, 0.55, 0.06 * s, "#241710", 0.95, 0.35)
    leg = b.paint(material(vary(rng, "#e2852a")))
    legs(b, body + np.array([0.0, -0.35 * s, 0]), 1.1 * s, 0.26 * s, leg, 0.05 * s, rng.uniform(-0.15, 0.15) * s)


def owl(b: Builder, rng: Generator) -> None:
    """Round-headed and eared owls, brown, grey or white, with the eyes ahead."""
    s = rng.uniform(0.2, 0.28)
    back, breast, face, iris = choose(rng, [("#7a5a3c", "#c9a878", "#d9c09a", "#f0a020"), ("#8a8a88", "#d6d2c8", "#c9c4ba", "#e8c02c"), ("#f1efe9", "#f7f5f0", "#ffffff", "#f2c62c"), ("#c08a4a", "#f1e6d0", "#f8f2e4", "#1d120b"), ("#5e4632", "#a98660", "#b99a74", "#f28a1c")])  # fmt: skip
    back, breast, face = vary(rng, back), vary(rng, breast, 0.03), vary(rng, face, 0.03)
    torso = b.paint(plumage(rng, back, mix(back, "#20140c", 0.6), pattern=SPOTS, scale=26.0 * 0.24 / s, p=0.35))
    front = b.paint(
        plumage(
            rng,
            breast,
            mix(breast, "#3a2817", 0.65),
            pattern=STRIPES if rng.random() < 0.4 else SPOTS,
            scale=30.0 * 0.24 / s,
            p=0.45,
        )
    )
    disc, wing_ = (
        b.paint(plumage(rng, face)),
        b.paint(
            plumage(
                rng, mix(back, "#000000", 0.12), mix(back, "#f0e6d0", 0.5), pattern=FEATHERS, scale=24.0, p=0.6, q=0.0
            )
        ),
    )
    axes = turn(pitch=1.25)
    body = np.array([0.0, 0.72 * s, 0])
    b.soft(0.16 * s)
    b.part, b.material = "torso", torso
    b.ball(body, np.array([0.68, 0.44, 0.48]) * s, axes)
    b.material = front
    b.ball(body + np.array([0.14 * s, -0.02 * s, 0]), np.array([0.6, 0.36, 0.42]) * s, axes)
    b.mark("back_middle", body + np.array([-0.42 * s, 0, 0]), depth=0.15 * s)
    wings(b, body + np.array([0.0, 0.32, 0.4]) * s, 0.84 * s, turn(pitch=1.2), (wing_, wing_), None)
    b.soft(0.03 * s)
    b.part, b.material = "tail", wing_
    b.limb(body + np.array([-0.25, -0.35, 0]) * s, [-0.34 * s, 0.12 * s, 0], 0.2 * s, 0.12 * s, 0.4, (1, 0, 0))
    b.mark("tail_tip", [-0.34 * s, 0.12 * s, 0], depth=0.2 * s)
    _owl_head(b, body, s, torso, disc, iris, rng)
    b.part = "hind leg"
    b.paint(material(mix(breast, "#d9b060", 0.4), mottle=0.2))
    for side, name in ((-1, "left_hind_foot"), (1, "right_hind_foot")):
        foot = np.array([0.15 * s, 0.05 * s, 0.2 * s * side])
        b.limb([0.06 * s, 0.25 * s, 0.2 * s * side], foot, 0.13 * s, 0.08 * s)
        for angle in (-0.4, 0.0, 0.4):
            b.limb(foot, foot + np.array([math.cos(angle), -0.05, math.sin(angle)]) * 0.17 * s, 0.045 * s, 0.03 * s)
        b.mark(name, foot + np.array([0.1 * s, 0, 0]), depth=0.1 * s)


def _owl_head(b: Builder, body: np.ndarray, s: float, torso: int, disc: int, iris: str, rng: Generator) -> None:
    """A round head with a face of two discs, eyes ahead, and ears on some."""
    b.soft(0.08 * s)
    look = turn(yaw=rng.normal(0, 0.4), pitch=rng.normal(-0.05, 0.06), roll=rng.normal(0, 0.08))
    centre = body + np.array([0.03, 0.72, 0]) * s
    radii = np.array([0.4, 0.38, 0.47]) * s
    b.part, b.material = "head", torso
    b.ball(centre, radii, look)
    b.material, b.melt = disc, 0.03 * s
    for side in (-1, 1):
        b.ball(
            centre + np.array([0.27, 0.0, 0.18 * side]) * s @ look,
            np.array([0.13, 0.25, 0.22]) * s,
            turn(yaw=-side * 0.35) @ look,
        )
    if rng.random() < 0.5:
        b.part, b.material = "ear", torso
        for side, name in ((-1, "left_ear"), (1, "right_ear")):
            tip = centre + np.array([0.05, 0.68, 0.42 * side]) * s @ look
            b.limb(centre + np.array([0.08, 0.25, 0.3 * side]) * s @ look, tip, 0.13 * s, 0.03 * s, 0.6, look[2])
            b.mark(name, tip, depth=0.06 * s)
    b.rigid()
    b.part = "eye"
    b.paint(eye(vary(rng, iris), 0.62))
    for side, name in ((-1, "left_eye"), (1, "right_eye")):
        own = turn(yaw=-side * 0.25) @ look
        place = centre + np.array([0.33, 0.04, 0.175 * side]) * s @ look
        b.ball(place, np.array([0.09, 0.125, 0.125]) * s, own)
        b.mark(name, place + own[0] * 0.08 * s, depth=0.1 * s)
    b.part = "beak"
    b.paint(material(vary(rng, "#d9a93c"), shine=0.3))
    nose = centre + np.array([0.47, -0.17, 0]) * s @ look
    b.limb(centre + np.array([0.4, -0.03, 0]) * s @ look, nose, 0.06 * s, 0.02 * s)
    b.mark("nose", nose, depth=0.08 * s)


def heron(b: Builder, rng: Generator) -> None:
    """Long-legged waders: herons, storks, flamingos."""
    kind = choose(rng, ["heron", "stork", "flamingo", "egret"])
    back, neck, tip, beak, leg = {
        "heron": ("#8496a8", "#d5d8da", "#2f3a48", "#e0b040", "#8f8a6a"),
        "stork": ("#f3f1ec", "#f5f3ee", "#1f1f22", "#d8472c", "#d0502f"),
        "flamingo": ("#f08a94", "#f49aa0", "#c8404e", "#e8c8b8", "#f0a0a0"),
        "egret": ("#f4f4f2", "#f6f6f4", "#ececea", "#e8b92c", "#2a2a2a"),
    }[kind]
    s = 0.3 * rng.uniform(0.9, 1.15)
    axes = turn(pitch=rng.uniform(0.1, 0.35))
    body = np.array([0.0, 1.75 * s * rng.uniform(0.9, 1.1), 0])
    torso, throat = b.paint(plumage(rng, vary(rng, back))), b.paint(plumage(rng, vary(rng, neck, 0.03)))
    wing_ = b.paint(
        plumage(rng, vary(rng, back), mix(back, "#000000", 0.35), pattern=FEATHERS, scale=16.0, p=0.4, q=0.0)
    )
    dark = b.paint(plumage(rng, vary(rng, tip)))
    b.soft(0.15 * s)
    b.part, b.material = "torso", torso
    b.ball(body, np.array([0.85, 0.42, 0.38]) * s, axes)
    b.mark("back_middle", body + axes[1] * 0.38 * s, depth=0.4 * s)
    b.part, b.material, b.melt = "tail", dark, 0.06 * s
    end = body + np.array([-1.2, -0.08, 0]) * s @ axes
    b.limb(body + np.array([-0.6, 0, 0]) * s @ axes, end, 0.22 * s, 0.08 * s, 0.5, (0, 0, 1))
    b.mark("tail_tip", end, depth=0.12 * s)
    wings(b, body + np.array([0.4, 0.14, 0.3]) * s @ axes, 1.0 * s, axes, (wing_, dark), None)
    b.soft(0.07 * s)
    b.part, b.material = "neck", throat
    sway = rng.uniform(0.7, 1.1)
    curve = [(0.62, 0.1), (0.98, 0.25), (1.05, 0.62), (0.82, 0.95), (0.78, 1.3), (0.92, 1.62)]
    points = [body + np.array([x * sway if 0 < i < 5 else x, y, 0]) * s for i, (x, y) in enumerate(curve)]
    b.chain(points, [r * s for r in (0.27, 0.2, 0.15, 0.12, 0.11, 0.11)])
    _heron_head(b, points[-1], s, kind, beak, dark, rng)
    legs(
        b,
        body + np.array([-0.05 * s, -0.3 * s, 0]),
        1.2 * s,
        0.14 * s,
        b.paint(material(vary(rng, leg))),
        0.042 * s,
        rng.uniform(-0.3, 0.3) * s,
    )


def _heron_head(b: Builder, nape: np.ndarray, s: float, kind: str, beak: str, dark: int, rng: Generator) -> None:
    """A small head with a long bill, bent down and black-tipped on a flamingo."""
    look = turn(yaw=rng.normal(0, 0.25), pitch=rng.uniform(-0.3, -0.05))
    centre, radii = nape + np.array([0.08, 0.06, 0]) * s, np.array([0.23, 0.165, 0.15]) * s
    b.part = "head"
    b.ball(centre, radii, look)
    b.rigid()
    if kind == "heron":
        b.material = dark
        b.limb(
            centre + np.array([0.0, 0.12, 0]) * s @ look,
            centre + np.array([-0.5, 0.02, 0]) * s @ look,
            0.07 * s,
            0.015 * s,
        )
    b.part = "beak"
    b.paint(material(vary(rng, beak), shine=0.2))
    if kind == "flamingo":
        mid, nose = centre + np.array([0.38, -0.1, 0]) * s @ look, centre + np.array([0.48, -0.4, 0]) * s @ look
        b.limb(centre + np.array([0.15, 0, 0]) * s @ look, mid, 0.11 * s, 0.1 * s)
        b.paint(material("#26201f", shine=0.2))
        b.limb(mid, nose, 0.095 * s, 0.03 * s)
    else:
        nose = centre + np.array([0.92, -0.06, 0]) * s @ look
        b.limb(centre + look[0] * 0.16 * s, nose, 0.085 * s, 0.015 * s)
    b.mark("nose", nose, depth=0.06 * s)
    eyes(b, centre, look, radii, 0.6, 0.045 * s, "#e8c02c", 0.7, 0.35)
