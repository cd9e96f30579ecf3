"""The monitor of a running pretraining: what the teacher sees of the same pictures at every step, and its scores.

Pictures and samples are drawn the same way whatever the run's seed, so that steps and runs can be compared.
n pictures, C channels, S side of a crop in pixels, D width.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import FeatureMap, Geometry, ImageError, Tokens, VisionTransformer
from core.pictures.gallery import samples
from core.pictures.reading import read_file
from train.config import RunConfig, WatchConfig
from train.data.pictures import load_pixels
from train.data.sources import DataError, Source
from train.evaluate.datasets.labelled import labelled_sample
from train.evaluate.features.crops import Pooled, centre_crop, centre_crops, pooled, tokens_of
from train.evaluate.features.health import effective_rank, first_component_share, mean_cosine
from train.evaluate.probes.knn import knn_accuracy
from train.evaluate.probes.linear import linear_accuracy
from train.run.drawing import draw_step

log = logging.getLogger(__name__)

SEED = 0
RATES, WEIGHT_DECAYS, STEPS, BATCH = (1.0, 10.0, 100.0), (0.0, 1e-3), 300, 256
"""Of the linear layers: 2 s on two processor cores with 100 classes and features of 768 numbers."""
BLOCKS = 8
"""Shards or row groups that the images for the health figures are drawn from, as each must be opened for them."""


class _Labelled(NamedTuple):
    """Crops [n, C, S, S] of labelled images and their labels [n] int64, for training and for test."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    classes: int


class Monitor:
    """The pictures and samples of a run, read once and kept as crops (0.35 GB at most at 224 px in colour).

    Raises DataError where `labelled` has too few labels or cannot be read. A run's own images that cannot be read
    are left out.
    """

    def __init__(self, config: RunConfig, source: Source, labelled: Source | None = None):
        self.sizes = config.watch
        augment, patch, channels = config.augment, config.model.patch, config.model.channels
        self._mean, self._std = augment.mean, augment.std
        side = patch * max(self.sizes.least_grid, 2 * augment.global_size // patch)
        self._pictures = _picture_crops(source, side, channels, self.sizes)
        some = _some_images(source, self.sizes.health)
        self._health = centre_crops(source, some, augment.global_size, channels).pixels
        self._labelled = None
        if labelled is not None:
            self._labelled = _labelled_crops(labelled, augment.global_size, channels, self.sizes)

    def pictures(self, model: VisionTransformer, step: int, folder: Path) -> Path | None:
        """Draw what `model` sees of the fixed pictures after `step` steps into the run `folder`; the file.

        None, and a word in the log, where no picture could be read or the features are not finite.
        """
        maps = self._maps(model)
        if not maps or not all(feature_map.patches.isfinite().all() for feature_map in maps):
            log.warning("Step %d has no picture: %s", step, "the features are not finite" if maps else "none was read")
            return None
        return draw_step(maps, self._pictures, step, folder)

    def scores(self, model: VisionTransformer) -> dict[str, float]:
        """Figures by the names they are logged under.

        "probe/knn_top1" and "probe/linear_top1", shares in 0..1, where there are labels; "health/effective_rank" (1
        to D), "health/cls_cosine" and "health/first_component" (at most 1; all three at 1 is collapse) where at
        least two of the run's images could be read. What would not be finite is left out, with a word in the log.
        """
        scores = self._health_scores(model) if len(self._health) > 1 else {}
        return scores | (self._probe_scores(model, self._labelled) if self._labelled is not None else {})

    def _health_scores(self, model: VisionTransformer) -> dict[str, float]:
        features = self._features(model, self._health)
        few = self._health[: self.sizes.patched]
        patches = torch.cat([part.patches.flatten(0, 1) for part in self._tokens(model, few)])
        if not _finite(features.cls, patches):
            return {}
        return {
            "health/effective_rank": effective_rank(features.cls),
            "health/cls_cosine": mean_cosine(features.cls),
            "health/first_component": first_component_share(patches),
        }

    def _probe_scores(self, model: VisionTransformer, labelled: _Labelled) -> dict[str, float]:
        """k-NN on cls tokens; linear layers on cls tokens beside the mean of the patches."""
        train, test = self._features(model, labelled.train), self._features(model, labelled.test)
        if not _finite(*train, *test):
            return {}
        labels = labelled.train_labels, labelled.test_labels
        k = min(self.sizes.neighbours, len(train.cls))
        nearest = knn_accuracy(train.cls, labels[0], test.cls, labels[1], [k])[k]
        device = model.device
        train_x, train_y, test_x, test_y = (
            part.to(device) for part in (torch.cat(train, dim=1), labels[0], torch.cat(test, dim=1), labels[1])
        )
        generator = np.random.default_rng(SEED)
        linear = linear_accuracy(
            train_x, train_y, test_x, test_y, labelled.classes, generator, STEPS, BATCH, RATES, WEIGHT_DECAYS
        )
        return {"probe/knn_top1": nearest.top1, "probe/linear_top1": linear.accuracy.top1}

    def _maps(self, model: VisionTransformer) -> list[FeatureMap]:
        side, patch = self._pictures.shape[-1], model.config.patch
        geometry = Geometry(side, side, side // patch, side // patch, patch)
        return [
            FeatureMap(patches.unflatten(0, (geometry.rows, geometry.columns)), cls, geometry)
            for tokens in self._tokens(model, self._pictures)
            for patches, cls in zip(tokens.patches.cpu(), tokens.cls.cpu(), strict=True)
        ]

    def _features(self, model: VisionTransformer, pixels: Tensor) -> Pooled:
        return pooled(self._tokens(model, pixels))

    def _tokens(self, model: VisionTransformer, pixels: Tensor) -> Iterator[Tokens]:
        return tokens_of(model, pixels, None, self._mean, self._std)


def _finite(*features: Tensor) -> bool:
    if all(part.isfinite().all() for part in features):
        return True
    log.warning("The features are not finite, so some scores are left out")
    return False


def _picture_crops(source: Source, side: int, channels: int, sizes: WatchConfig) -> Tensor:
    """[n, C, side, side]: photographs, where a model of so many channels can see them, then images of the run."""
    photographs = []
    if channels in (1, 3):
        try:
            chosen = samples()[: min(sizes.photographs, sizes.pictures)]
            photographs = [centre_crop(load_pixels(read_file(one.path), channels), side) for one in chosen]
        except ImageError as error:
            log.warning("No sample photographs in the pictures: %s", error)
    wanted = min(sizes.pictures - len(photographs), len(source))
    spread = np.linspace(0, len(source) - 1, wanted + 2)[1:-1].round().astype(int)  # neighbours are often alike
    own = centre_crops(source, np.unique(spread), side, channels).pixels
    return torch.cat([*photographs, own]) if photographs else own


def _some_images(source: Source, count: int) -> np.ndarray:
    """`count` indices at random (all, where there are no more), from few blocks where blocks are large; ascending."""
    generator = np.random.default_rng(SEED)
    count = min(count, len(source))
    drawn: list[int] = []
    for place in generator.permutation(len(source.blocks)):
        if len(drawn) >= count:
            break
        block = source.blocks[place]
        drawn += generator.permutation(np.arange(block.start, block.stop))[: -(-count // BLOCKS)].tolist()
    if len(drawn) < count:  # blocks of unequal size
        rest = np.setdiff1d(np.arange(len(source)), drawn)
        drawn += generator.permutation(rest)[: count - len(drawn)].tolist()
    return np.sort(drawn[:count])


def _labelled_crops(source: Source, side: int, channels: int, sizes: WatchConfig) -> _Labelled:
    generator = np.random.default_rng(SEED)
    sample = labelled_sample(source, sizes.labelled, generator, most_classes=sizes.classes, most_images=sizes.labelled)
    train, test = (centre_crops(source, indices, side, channels) for indices in (sample.train, sample.test))
    if len(train.kept) < 2 or not len(test.kept):
        raise DataError(
            f"Of the labelled images, {len(train.kept)} to learn from and {len(test.kept)} to ask about could be read; "
            "give pictures that open, a few of each label."
        )
    labels = sample.train_labels[train.kept], sample.test_labels[test.kept]
    return _Labelled(train.pixels, labels[0], test.pixels, labels[1], len(sample.names))
