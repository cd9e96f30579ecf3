"""Pictures of coloured squares whose truth is known, and a way of seeing that tells each patch's colour and no more."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from core.pictures.geometry import plan_grid
from train.evaluate.features.token_maps import TokenMap

PATCH, GRID = 14, 8
SIZE = PATCH * GRID
COLOURS = np.array([(200, 30, 30), (30, 200, 30), (30, 30, 200)])


class ColourMaps:
    """In the place of KeptMaps: the same, computed when asked for."""

    def __init__(self, paths: list[Path]):
        self.paths = paths
        self.maps: dict[int, TokenMap] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> TokenMap:
        if place not in self.maps:
            with Image.open(self.paths[place]) as image:
                self.maps[place] = next(colour_maps(None, [image.convert("RGB")], SIZE))
        return self.maps[place]


def colour_maps(_model, images, size, blocks=1, precision="auto"):
    """In the place of token_maps: the mean colour of each patch; of the cls token, a constant."""
    for image in images:
        geometry = plan_grid(image.height, image.width, size, PATCH)
        small = image.resize((geometry.columns, geometry.rows), Image.Resampling.BOX, box=geometry.covered)
        yield TokenMap(torch.from_numpy(np.asarray(small, dtype=np.float32) / 255), torch.ones(2), geometry)


def write_squares(root: Path, count: int, seed: int = 0) -> list[np.ndarray]:
    """`count` pictures in root/images; their labels on the patch grid, [8, 8] each."""
    random, truths = np.random.default_rng(seed), []
    (root / "images").mkdir(parents=True)
    for number in range(count):
        labels = random.integers(0, 3, (GRID // 2, GRID // 2)).repeat(2, axis=0).repeat(2, axis=1)
        pixels = COLOURS[labels] + random.normal(0, 5, (GRID, GRID, 3))
        large = pixels.clip(0, 255).astype(np.uint8).repeat(PATCH, axis=0).repeat(PATCH, axis=1)
        Image.fromarray(large).save(root / "images" / f"{number}.png")
        truths.append(labels)
    return truths


def on_pixels(grid: np.ndarray) -> np.ndarray:
    return grid.repeat(PATCH, axis=0).repeat(PATCH, axis=1)
