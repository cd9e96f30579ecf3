"""Block-wise masks: which patches of the global crops the student does not see.

h w patch grid, N = h·w. Source: Bao et al. 2022 (BEiT, arXiv 2106.08254), algorithm 1, with the ratios and the
share of masked crops of Zhou et al. 2022 (iBOT) as DINOv2 uses them.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from core.bounds import SHARE, Bounds, require_bounds

SMALLEST_BLOCK = 4
"""Patches of the smallest block that is tried."""
TRIES = 10
"""Blocks drawn before a mask that cannot grow further is left as it is."""


@dataclass(frozen=True)
class MaskConfig:
    """Which patches of the student's global crops are hidden (Zhou et al. 2022)."""

    ratio: Annotated[tuple[float, float], Bounds(0, 1, rising=True)] = (0.1, 0.5)
    probability: Annotated[float, SHARE] = 0.5
    draws: Annotated[int, Bounds(1, 64)] = 1
    """Times that the student sees each global crop, each time with another mask, for one pass of the teacher
    (Baevski et al. 2022, data2vec 2.0)."""

    def __post_init__(self):
        require_bounds(self, "masks.")


def block_mask(rows: int, columns: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """A mask [h, w] bool of rectangles that together hide at most `count` patches, and nearly always just that.

    Blocks have sides in ratios from 0.3 to 1 / 0.3, drawn evenly on a logarithmic scale.
    """
    mask = np.zeros((rows, columns), dtype=bool)
    while (room := count - int(mask.sum())) > 0:
        if not any(_add_block(mask, room, generator) for _ in range(TRIES)):
            break
    return mask


def _add_block(mask: np.ndarray, room: int, generator: np.random.Generator) -> bool:
    """Hide one random block if it fits and hides between 1 and `room` new patches; whether it did."""
    rows, columns = mask.shape
    area = generator.uniform(min(SMALLEST_BLOCK, room), room)
    ratio = math.exp(generator.uniform(math.log(0.3), -math.log(0.3)))
    height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    if not (0 < height < rows and 0 < width < columns):
        return False
    top, left = generator.integers(rows - height + 1), generator.integers(columns - width + 1)
    block = mask[top : top + height, left : left + width]
    if not 0 < block.size - block.sum() <= room:
        return False
    block[:] = True
    return True


def batch_masks(
    crops: int,
    rows: int,
    columns: int,
    generator: np.random.Generator,
    ratio: tuple[float, float] = (0.1, 0.5),
    probability: float = 0.5,
) -> np.ndarray:
    """Masks [crops, N] bool for a batch of global crops: `probability` of them masked, the others not at all.

    The hidden shares are spread evenly over `ratio`, one slice of it for each masked crop, so that every batch
    sees easy and hard masks; which crop gets which is drawn.
    """
    masked = int(crops * probability)
    edges = np.linspace(*ratio, masked + 1)
    masks = np.zeros((crops, rows, columns), dtype=bool)
    for index in range(masked):
        count = int(rows * columns * generator.uniform(edges[index], edges[index + 1]))
        masks[index] = block_mask(rows, columns, count, generator)
    return generator.permutation(masks, axis=0).reshape(crops, rows * columns)
