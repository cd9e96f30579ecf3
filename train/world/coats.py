"""Coats of four-legged animals: breeds and colourings, each drawn anew."""

from dataclasses import dataclass, replace

import numpy as np

from train.world.materials import CELLS, PATCHES, RINGS, SPOTS, STRIPES, choose, material, mix, vary

Generator = np.random.Generator
LONG_TAIL = (1.0, 1.0, 0.98, 0.95, 0.9, 0.85, 0.7)


@dataclass(frozen=True)
class Coat:
    """Materials of an animal (rows of `materials.material`) and the looks of its head."""

    body: np.ndarray
    legs: np.ndarray
    head: np.ndarray
    muzzle: np.ndarray
    tail: np.ndarray
    ear: np.ndarray
    nose: np.ndarray | str
    iris: np.ndarray | str = "#7a4a1e"
    pupil: float = 0.6
    slit: bool = False
    wide: float = 0.95
    cheeks: float = 0.0
    tail_shape: tuple[float, ...] = LONG_TAIL


def _fur(rng: Generator, base, second=None, third=None, **kind) -> np.ndarray:
    return material(
        base,
        second,
        third,
        seed=rng.uniform(0, 50),
        **({"mottle": 0.22, "mottle_scale": 55.0, "bump": 0.25, "shine": 0.05} | kind),
    )


def cat_coat(rng: Generator) -> Coat:
    """Tabby, ginger, black, white, tuxedo, calico, pointed, grey."""
    kind = choose(rng, ["tabby", "tabby", "ginger", "black", "tuxedo", "calico", "pointed", "grey", "spotted"])
    pale = vary(rng, "#f3ebe0", 0.03)
    pink = vary(rng, "#d99a92", 0.05)
    iris = vary(rng, choose(rng, ["#8fae3a", "#c9a227", "#d0842a", "#5d9c6c"]), 0.1)
    nose = pink
    if kind in ("tabby", "ginger", "spotted"):
        base, dark = (
            ("#e39a4f", "#b85d1e")
            if kind == "ginger"
            else choose(rng, [("#a08a70", "#3b2d22"), ("#9b9690", "#38342f"), ("#c1a582", "#5a4129")])
        )
        base, dark = vary(rng, base), vary(rng, dark)
        pattern = (
            {"pattern": SPOTS, "scale": 17.0, "p": 0.42}
            if kind == "spotted"
            else {"pattern": STRIPES, "scale": rng.uniform(17, 24), "p": 0.35, "q": 0.0}
        )
        white = rng.uniform(0.3, 1.0)
        body = _fur(rng, base, dark, pale, belly=white, **pattern)
        head = _fur(rng, base, dark, pale, belly=0.6 * white, **({} if kind == "spotted" else pattern | {"q": 1.5}))
        tail = _fur(rng, base, dark, dark, pattern=RINGS, scale=18.0, p=0.0)
        socks = pale if rng.random() < 0.5 else mix(base, pale, 0.25)
        legs = _fur(rng, socks, dark, socks, **({} if rng.random() < 0.5 else pattern | {"p": 0.55}))
        muzzle = _fur(rng, mix(base, pale, 0.8))
    elif kind in ("black", "tuxedo", "grey"):
        base = vary(rng, "#6f7680" if kind == "grey" else "#1d1b1c", 0.05)
        body = _fur(rng, base, base, pale, belly=0.95 if kind == "tuxedo" else 0.0, mottle=0.15)
        head = tail = _fur(rng, base, mottle=0.15)
        legs = _fur(rng, pale if kind == "tuxedo" else base)
        muzzle = _fur(rng, pale if kind == "tuxedo" else mix(base, "#8a8a8a", 0.12))
        nose = pink if kind == "tuxedo" else mix(base, "#000000", 0.4)
    elif kind == "calico":
        body = _fur(rng, pale, vary(rng, "#d5853c"), vary(rng, "#2a2422"), pattern=PATCHES, scale=9.0, p=0.5, q=0.58)
        head = tail = _fur(
            rng, pale, vary(rng, "#d5853c"), vary(rng, "#2a2422"), pattern=PATCHES, scale=11.0, p=0.48, q=0.56
        )
        legs, muzzle = _fur(rng, pale), _fur(rng, pale)
    else:
        cream, dark = vary(rng, "#e8d7bd", 0.04), vary(rng, choose(rng, ["#3a2a22", "#6b5c55", "#8a4d2a"]))
        body, head = _fur(rng, cream, cream, mix(cream, dark, 0.15), belly=0.5), _fur(rng, mix(cream, dark, 0.22))
        legs = tail = _fur(rng, dark)
        muzzle, iris, nose = _fur(rng, dark), vary(rng, "#4f9fd8", 0.08), mix(dark, "#000000", 0.3)
    ear = _fur(rng, mix(pink, "#7a4a44", 0.15), mottle=0.05)
    return Coat(
        body, legs, head, muzzle, tail, ear, nose, iris, rng.uniform(0.35, 0.65), rng.random() < 0.4, 1.0, 0.045
    )


def dog_coat(rng: Generator) -> Coat:
    """Golden, chocolate, black and tan, white with patches, spotted, saddled, grey."""
    kind = choose(rng, ["plain", "plain", "tan", "patched", "spotted", "saddle", "husky"])
    base = vary(rng, choose(rng, ["#d6a35c", "#b97a3d", "#5b3a26", "#2a2422", "#e9dcc3", "#8d8378", "#a4552a"]), 0.07)
    pale = vary(rng, "#f4eee2", 0.03)
    nose = vary(rng, "#1d1715", 0.03)
    iris = vary(rng, choose(rng, ["#5a3518", "#7a4a1e", "#3d2412"]), 0.06)
    wide = rng.uniform(0.86, 0.98)
    if kind == "plain":
        body = _fur(rng, base, base, mix(base, pale, 0.6), belly=0.7)
        head, tail, legs = (
            _fur(rng, base),
            _fur(rng, mix(base, pale, 0.12)),
            _fur(rng, mix(base, pale, rng.uniform(0, 0.4))),
        )
        muzzle, ear = (
            _fur(rng, mix(base, pale, rng.uniform(0.0, 0.5))),
            _fur(rng, mix(base, "#20140c", rng.uniform(0, 0.4))),
        )
    elif kind == "tan":
        black, tan = vary(rng, "#201b1a", 0.03), vary(rng, "#b8703a")
        body = _fur(rng, black, black, tan, belly=0.95)
        head, tail, legs, muzzle, ear = (
            _fur(rng, black),
            _fur(rng, black),
            _fur(rng, tan),
            _fur(rng, tan),
            _fur(rng, black),
        )
    elif kind in ("patched", "spotted"):
        dark = vary(rng, choose(rng, ["#8a5228", "#2a2422", "#b9762f"]))
        spots = kind == "spotted"
        body = _fur(
            rng,
            pale,
            "#262120" if spots else dark,
            dark,
            pattern=SPOTS if spots else PATCHES,
            scale=9.0 if spots else 4.2,
            p=0.3 if spots else 0.5,
            q=0.95,
        )
        head = _fur(rng, pale if spots else dark, "#262120", pattern=SPOTS if spots else 0, scale=13.0, p=0.3)
        tail, legs, muzzle, ear = (
            _fur(rng, pale),
            _fur(rng, pale),
            _fur(rng, pale),
            _fur(rng, "#262120" if spots else dark),
        )
    elif kind == "saddle":
        tan, black = vary(rng, "#b98248"), vary(rng, "#2b2422", 0.03)
        body = _fur(rng, black, black, tan, belly=1.0)
        head, tail, legs, muzzle, ear = (
            _fur(rng, tan),
            _fur(rng, black),
            _fur(rng, tan),
            _fur(rng, mix(tan, black, 0.55)),
            _fur(rng, mix(tan, black, 0.3)),
        )
    else:
        grey = vary(rng, choose(rng, ["#5f646b", "#2d2f33", "#9a6b45"]))
        body, head = _fur(rng, grey, grey, pale, belly=1.0), _fur(rng, grey, grey, pale, belly=0.9)
        tail, legs, muzzle, ear = (
            _fur(rng, mix(grey, pale, 0.3)),
            _fur(rng, pale),
            _fur(rng, pale),
            _fur(rng, mix(grey, "#3a2e2a", 0.4)),
        )
        iris = vary(rng, "#78b4dc", 0.06)
    tail_shape = choose(rng, [LONG_TAIL, (0.9, 1.2, 1.5, 1.7, 1.6, 1.2, 0.5), (1.2, 1.0, 0.85, 0.7, 0.6, 0.5, 0.35)])
    return Coat(body, legs, head, muzzle, tail, ear, nose, iris, 0.75, False, wide, 0.0, tail_shape)


def horse_coat(rng: Generator) -> Coat:
    """Bay, chestnut, black, grey, palomino, dappled, pinto."""
    kind = choose(rng, ["bay", "chestnut", "black", "grey", "palomino", "dapple", "pinto", "bay"])
    body_hex = {
        "bay": "#6e3f22",
        "chestnut": "#95502a",
        "black": "#231e1d",
        "grey": "#d9d6d0",
        "palomino": "#d3a25a",
        "dapple": "#8f9299",
        "pinto": "#f0e9dd",
    }[kind]
    base = vary(rng, body_hex, 0.06)
    hair_hex = {
        "bay": "#1b1514",
        "chestnut": "#7e421f",
        "black": "#151212",
        "grey": "#efece6",
        "palomino": "#f3e9d2",
        "dapple": "#d9d9d9",
        "pinto": "#3a2a22",
    }[kind]
    hair = vary(rng, hair_hex, 0.05)
    sheen = {"mottle": 0.1, "mottle_scale": 6.0, "bump": 0.03, "shine": 0.14, "sharp": 10.0}
    if kind == "pinto":
        body = _fur(
            rng,
            base,
            vary(rng, choose(rng, ["#6b3c1f", "#2a211e"])),
            pattern=PATCHES,
            scale=1.7,
            p=0.5,
            q=0.97,
            **sheen,
        )
    elif kind == "dapple":
        body = _fur(rng, base, mix(base, "#f2f2f2", 0.55), pattern=SPOTS, scale=8.5, p=0.5, **sheen)
    else:
        body = _fur(rng, base, base, mix(base, "#f0d9b0", 0.15), belly=0.6, **sheen)
    dark = mix(base, "#14100f", 0.75) if kind == "bay" else base
    legs = _fur(rng, vary(rng, "#f1ece2", 0.02) if rng.random() < 0.35 else dark, **sheen)
    head = _fur(rng, body_colour(kind, base), **sheen)
    muzzle = _fur(rng, mix(body_colour(kind, base), "#2a2220", 0.35), **sheen)
    tail = _fur(rng, hair, mottle=0.35, mottle_scale=30.0, bump=0.4)
    shape = (0.55, 0.9, 1.25, 1.45, 1.4, 1.1, 0.45)
    return Coat(body, legs, head, muzzle, tail, head, "#1a1312", "#2a1a10", 0.9, False, 0.8, 0.0, shape)


def body_colour(kind: str, base) -> np.ndarray:
    """The head of a pinto is dark, of every other horse like its body."""
    return np.array([0.42, 0.25, 0.14]) if kind == "pinto" else base


def giraffe_coat(rng: Generator) -> Coat:
    """Brown cells between light lines."""
    cream, brown = vary(rng, "#ecd9ae", 0.04), vary(rng, choose(rng, ["#9a5a2a", "#7d4520", "#b06c33"]), 0.06)
    cells = {
        "pattern": CELLS,
        "scale": rng.uniform(3.4, 4.6),
        "p": 0.1,
        "mottle": 0.1,
        "mottle_scale": 20.0,
        "bump": 0.05,
    }
    body = _fur(rng, cream, brown, mix(brown, "#2a150a", 0.4), **cells)
    legs = _fur(rng, mix(cream, "#ffffff", 0.1), brown, brown, **(cells | {"scale": 6.0, "p": 0.26}))
    head = _fur(rng, mix(cream, brown, 0.35))
    return Coat(
        body,
        legs,
        head,
        _fur(rng, mix(cream, brown, 0.15)),
        _fur(rng, cream),
        _fur(rng, cream),
        "#2a1c14",
        "#1d120b",
        0.9,
        False,
        0.85,
        0.0,
        (0.7, 0.6, 0.5, 0.5, 0.7, 1.5, 1.0),
    )


def elephant_coat(rng: Generator) -> Coat:
    """Grey to brown, dusty."""
    grey = vary(rng, choose(rng, ["#7f7b78", "#8c837a", "#6c6c70", "#937f6c"]), 0.05)
    skin = _fur(rng, grey, mix(grey, "#4a4442", 0.5), mottle=0.28, mottle_scale=7.0, bump=0.35, shine=0.03)
    ear = _fur(rng, mix(grey, "#c79a8c", 0.22), mottle=0.2, mottle_scale=6.0, bump=0.2)
    plain = Coat(
        skin, skin, skin, skin, skin, ear, grey, "#3a2313", 0.8, False, 0.92, 0.0, (0.9, 0.7, 0.55, 0.5, 0.5, 1.1, 0.6)
    )
    return replace(plain)
