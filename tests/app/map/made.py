"""Points of a map for tests: three groups of directions, with labels, dates and names of every kind."""

import numpy as np
from PIL import Image

from app.map.points import Atlas, jpeg
from app.page.linked import Sought

NAMES = ("=HYPERLINK(1)", "<img src=x onerror=alert(1)>.jpg", "снимок.png", "plain.png")


def made_atlas(count: int = 60, width: int = 8) -> Atlas:
    groups = np.arange(count) % 3
    noise = np.random.default_rng(0).normal(size=(count, width)) * 0.05
    colours = ((200, 30, 30), (30, 160, 60), (40, 60, 220))
    return Atlas(
        title="Made <b>",
        names=[NAMES[point % len(NAMES)] for point in range(count)],
        vectors=(np.eye(width)[groups] + noise).astype(np.float32),
        labels=["abc"[group] for group in groups],
        dates=[1.7e9 + 86400 * point for point in range(count)],
        thumbnail=lambda point: jpeg(Image.new("RGB", (40, 30), colours[point % 3])),
        picture=lambda point: (NAMES[point % len(NAMES)], jpeg(Image.new("RGB", (40, 30), colours[point % 3]))[1]),
        enlarged=lambda point: jpeg(Image.new("RGB", (40, 30), colours[point % 3]), 320),
        sought=lambda point: Sought("made", point),
    )
