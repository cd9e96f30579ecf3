"""At which size a model finds parts best: `python -m tests.benchmarks.resolution [MODELS ...] [--sizes 112 …]`.

Eyes and noses of three photographs, set by hand (tests.data.eyes), each searched in the two others; and key points of
scenes rendered once, at the largest of the sizes, as `train.evaluate emergence` matches them. What is best here is
what `default_size` of a model should be.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import tyro

import core
from tests.data import eyes
from train.evaluate.emergence.features import model_encoder
from train.evaluate.emergence.matching import measure_matching
from train.evaluate.emergence.world_set import render_set

SIZES = (112, 168, 224, 280, 336, 392, 448, 518)
SEED = 2
"""Of the scenes; the scores that ship with the model are of seed 1."""
RENDERED = 448
"""Side in pixels at which scenes are drawn: the size they are shown at is another."""


@dataclass(frozen=True)
class Resolution:
    """Which models, at which sizes."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional] = ("embedded",)
    sizes: tuple[int, ...] = SIZES
    """Longer sides in pixels, multiples of the patch."""
    images: int = 240
    """Scenes for part matching, three of each category or more; 0 leaves it out."""
    workers: int = 1
    """Processes that render."""


def main() -> None:
    """Print a line for each model and size."""
    options = tyro.cli(Resolution)
    photographs = eyes.photographs()
    scenes = render_set(options.images, RENDERED, 1, SEED, options.workers) if options.images else []
    print(f"{'':20}{'px':>5}{'eyes':>8}{'noses':>8}{'part matching':>16}{'across categories':>20}")
    for name in options.models:
        model = core.load_model(name, "cpu")
        for size in options.sizes:
            hits = eyes.found(model, photographs, size)
            line = f"{name:20}{size:5}" + "".join(f"{count:5}/{of:<2}" for count, of in hits.values())
            if scenes:
                patches = model_encoder(model, size)([scene.image for scene in scenes]).patches
                matched = measure_matching(patches, scenes, RENDERED, np.random.default_rng(0))
                values = (one.estimate for one in matched[:2])
                line += "".join(f"{one.value:12.3f} ±{(one.high - one.low) / 2:.3f}" for one in values)
            print(line, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
