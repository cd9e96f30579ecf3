"""A small world of rendered pictures with everything known about them.

    picture = render(7, "cat")              # the same seed gives the same picture
    picture.image                           # uint8 [224, 224, 3]
    picture.truth.parts                     # uint8 [224, 224], indices into PARTS
    render(7, "cat", "sketch").truth        # the same truth, drawn with a pencil

Animals, birds, fish, vehicles, aircraft, boats and furniture are built anew from each seed: shape, pose, colours,
place, light and viewpoint. Parts and key points have one table of names over all categories. Folders of pictures
are written by `python -m train.world`.
"""

from typing import NamedTuple

import numpy as np

from core.errors import RequestError
from train.world.duplicates import near_duplicate
from train.world.names import CATEGORIES, DOMAINS, KEYPOINTS, PARTS
from train.world.scene import Scene, WorldConfig
from train.world.truth import KeyPoint, Pose, Truth

SIZES = range(32, 1025)


class Picture(NamedTuple):
    """A picture uint8 [H, W, 3], the domain it was drawn in, and all that is known about it."""

    image: np.ndarray
    domain: str
    truth: Truth


def render(
    seed: int,
    category: str | None = None,
    domain: str = "photo",
    size: int = 224,
    options: WorldConfig = WorldConfig(),  # noqa: B008 (frozen)
) -> Picture:
    """The picture of a seed, `size` pixels square; without a category the seed draws one.

    Raises RequestError for an unknown category or domain, a negative seed, or a size outside 32..1024.
    """
    from train.world import domains, scene, truth
    from train.world.stage import Stage, pixel_centres

    _check(seed, category, domain, size)
    stage = Stage(scene.compose(seed, category, size, options))
    hit = stage.hit(pixel_centres(size))
    image = domains.draw(stage, hit, domain, np.random.default_rng([seed, 3]))
    return Picture(image, domain, truth.observe(stage, hit))


def _check(seed: int, category: str | None, domain: str, size: int) -> None:
    if category is not None and category not in CATEGORIES:
        raise RequestError(f"Unknown category {category!r}; choose one of {', '.join(CATEGORIES)}.")
    if domain not in DOMAINS:
        raise RequestError(f"Unknown domain {domain!r}; choose one of {', '.join(DOMAINS)}.")
    if size not in SIZES:
        raise RequestError(f"A picture of {size} pixels cannot be drawn; give a size from {SIZES[0]} to {SIZES[-1]}.")
    if seed < 0:
        raise RequestError(f"The seed is {seed}; give one that is not negative.")


__all__ = [
    "CATEGORIES",
    "DOMAINS",
    "KEYPOINTS",
    "PARTS",
    "KeyPoint",
    "Picture",
    "Pose",
    "Scene",
    "Truth",
    "WorldConfig",
    "near_duplicate",
    "render",
]
