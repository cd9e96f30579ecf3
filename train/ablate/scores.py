"""Scores of a finished run, the few that tables of ablations have."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch

from core import RequestError, VisionTransformer
from core.bounds import Bounds, require_bounds
from core.pictures.geometry import LARGEST_SIZE
from train.data.sources import open_source
from train.dist import World
from train.evaluate.datasets.labelled_split import LabelledConfig, labelled_split
from train.evaluate.datasets.layouts.dense import segmentation_set
from train.evaluate.emergence import ScaleConfig, read_scale
from train.evaluate.emergence.world_set import LEAST_PICTURES
from train.evaluate.features.token_maps import KeptMaps
from train.evaluate.tasks.knn import nearest_neighbours
from train.evaluate.tasks.linear import linear_layers
from train.evaluate.tasks.segmentation import Viewing, measure_segmentation

NEIGHBOURS = 20


@dataclass(frozen=True)
class ScoreConfig:
    """The scores that runs are compared by; at least one of the three."""

    labelled: tuple[Path, ...] = ()
    """Images with labels: k-NN and linear accuracy."""
    segmentation: Path | None = None
    """Pictures with masks, as `python -m train.evaluate segmentation` takes them: mean IoU."""
    emergence: Annotated[int, Bounds(0, 10**6)] = 0
    """Rendered pictures of the scale of emergence (60 or more; 600 take minutes), all its measures; 0 for none."""
    per_class: Annotated[int, Bounds(0, 10**9)] = 0
    """Most training images of each label; 0 for all."""
    size: Annotated[int, Bounds(0, LARGEST_SIZE)] = 0
    """Pixels along a side; 0 for the size of the run's global crops."""

    def __post_init__(self):
        require_bounds(self)
        if 0 < self.emergence < LEAST_PICTURES:
            raise RequestError(f"emergence is {self.emergence}; give {LEAST_PICTURES} or more, or 0 for none.")

    def require_something(self) -> None:
        """RequestError where there is no score, DataError where the images of one cannot be had: before runs of hours."""
        if not self.labelled and not self.segmentation and not self.emergence:
            raise RequestError("Nothing is asked of the runs; give --labelled, --segmentation or --emergence.")
        if self.labelled:
            open_source(*self.labelled)
        if self.segmentation:
            segmentation_set(self.segmentation)


def scores(model: VisionTransformer, config: ScoreConfig, size: int, features: Path) -> dict[str, float]:
    """Figures by name, shares in 0..1 but for errors; the same names for every model."""
    world = World(0, 1, model.device)
    size = config.size or size
    found: dict[str, float] = {}
    if config.labelled:
        found |= _labelled(model, config.labelled, config.per_class, size, features, world)
    if config.segmentation:
        dataset = segmentation_set(config.segmentation)
        maps = KeptMaps(model, [one.image for one in dataset.train], size, 1, features, world)
        result = measure_segmentation(model, dataset, maps, Viewing(size), np.random.default_rng(0))
        found["segmentation mIoU"] = result.mean_iou.value
    if config.emergence:
        (column,) = read_scale(model, "run", ScaleConfig(images=config.emergence, baselines=False))
        found |= {one.measure.key: one.estimate.value for one in column.measured}
    return found


def _labelled(
    model: VisionTransformer, data: Sequence[Path], per_class: int, size: int, features: Path, world: World
) -> dict[str, float]:
    config = LabelledConfig(per_class=per_class, size=size, features=features)
    split = labelled_split(model, data, config, world)
    k = min(NEIGHBOURS, len(split.train.labels))
    (nearest,) = nearest_neighbours(split, [k])
    linear = linear_layers(split, 0, torch.device(world.device))
    return {f"{k}-NN": float(nearest.top1.mean()), "linear": max(float(one.top1.mean()) for one in linear[:2])}
