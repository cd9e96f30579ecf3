"""How a run is looked at while it trains: PCA pictures of the same samples, scores on a labelled sample, health.

It draws from no generator of the run and leaves the network as it finds it.
"""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core import FeatureMap, ImageError, VisionTransformer, extract, load_image
from core.analysis.pca import joint_pca
from core.analysis.render import onto_picture
from core.gallery import samples
from core.runs import picture_path
from train.config import RunConfig
from train.data.sources import Source
from train.evaluate.knn import knn_accuracy
from train.evaluate.labelled import CentreCrops, centre_crops, labelled_sample, pooled, tokens_of
from train.evaluate.linear import linear_accuracy

OWN_PICTURES, SAMPLE_PICTURES = 4, 4
"""Of the run's own images, and of the sample photographs."""
TILE = 160
"""Side in pixels of one picture on a sheet."""
LARGEST = 518
PER_CLASS, MOST_CLASSES = 40, 50
"""Of the labelled sample."""
MOST_FOR_HEALTH = 256
NEIGHBOURS = 20


class Watch:
    """What is looked at again and again: fixed pictures, a fixed labelled sample (or none), fixed training images."""

    def __init__(self, config: RunConfig, source: Source, labelled: Source | None):
        self.augment, self.channels = config.augment, config.model.channels
        self.size = min(2 * config.augment.global_size, LARGEST // config.model.patch * config.model.patch)
        self.shown = _shown(source) if self.channels == 3 else []
        every = np.unique(np.linspace(0, len(source) - 1, MOST_FOR_HEALTH).astype(int))
        self.health_crops = centre_crops(source, every, config.augment.global_size, self.channels)
        self.labelled = None
        if labelled is not None:
            drawn = labelled_sample(labelled, PER_CLASS, np.random.default_rng(0), most_classes=MOST_CLASSES)
            self.labelled = [
                self._with_labels(labelled, indices, labels)
                for indices, labels in ((drawn.train, drawn.train_labels), (drawn.test, drawn.test_labels))
            ]

    def _with_labels(self, source: Source, indices: Tensor, labels: Tensor) -> tuple[CentreCrops, Tensor]:
        crops = centre_crops(source, indices, self.augment.global_size, self.channels)
        return crops, labels[crops.kept]

    def _cls(self, model: VisionTransformer, crops: CentreCrops) -> Tensor:
        tokens = tokens_of(model, crops.pixels, mean=self.augment.mean, std=self.augment.std)
        return pooled(tokens, crops.kept).cls

    def scores(self, model: VisionTransformer) -> dict[str, float]:
        """Values for the log, by name: `probe/…` where labels are known, `health/…` always.

        `health/effective_rank`: exp of the entropy of the cls tokens' normalised singular values; 1 is a collapse.
        `health/cls_cosine`: mean cosine between different images' cls tokens; near 1, they all look the same.
        """
        cls = self._cls(model, self.health_crops)
        values = {"health/effective_rank": effective_rank(cls), "health/cls_cosine": mean_cosine(cls)}
        if self.labelled is not None:
            (crops, labels), (asked_crops, answers) = self.labelled
            bank, asked = self._cls(model, crops), self._cls(model, asked_crops)
            (nearest,) = knn_accuracy(bank, labels, asked, answers, [min(NEIGHBOURS, len(bank))]).values()
            classes, generator = 1 + int(max(labels.max(), answers.max())), np.random.default_rng(0)
            values["probe/knn_top1"] = nearest.top1
            values["probe/linear_top1"] = linear_accuracy(
                bank, labels, asked, answers, classes, generator
            ).accuracy.top1
        return values

    def pictures(self, model: VisionTransformer, step: int, run: Path) -> Path | None:
        """Draw what the model sees after `step` steps into the run folder; None where pictures are not RGB."""
        if not self.shown:
            return None
        maps = [extract(model, picture, self.size) for picture in self.shown]
        path = picture_path(run, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        colours = steady(joint_pca(maps).images, path.parent / "colours.npz")
        partial = path.with_suffix(".part")
        _sheet(self.shown, maps, colours).save(partial, "WEBP", quality=85)
        os.replace(partial, path)
        return path


def effective_rank(features: Tensor) -> float:
    """exp of the entropy of the centred features' [n, D] normalised singular values (Roy & Vetterli 2007).

    >>> round(effective_rank(torch.eye(4)), 3)
    3.0
    """
    singular = torch.linalg.svdvals((features - features.mean(dim=0)).double())
    shares = singular / singular.sum().clamp(min=1e-30)
    return float(torch.special.entr(shares).sum().exp())


def mean_cosine(features: Tensor) -> float:
    """Between different rows of [n, D]; 0 where there is one.

    >>> mean_cosine(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]))
    0.3333333432674408
    """
    unit = F.normalize(features, dim=1)
    count = len(unit)
    total = unit.sum(dim=0).square().sum() - count
    return float(total / (count * (count - 1))) if count > 1 else 0.0


def steady(colours: Sequence[Tensor], memory: Path) -> list[Tensor]:
    """PCA colours, [h, w, 3] each, with components reordered and turned round to look like those of the last time.

    Networks at two steps have no directions in common, so their maps are compared: the assignment with the
    greatest sum of absolute correlations wins. `memory` holds the last maps, and these from now on.
    """
    values = torch.cat([part.flatten(0, 1) for part in colours])  # [all patches, 3]
    try:
        with np.load(memory) as stored:
            before = torch.from_numpy(stored["values"])
    except (FileNotFoundError, ValueError, OSError, KeyError):
        before = values
    if before.shape == values.shape:
        now, then = (F.normalize(part - part.mean(dim=0), dim=0) for part in (values, before))
        agreement = then.T @ now  # [3, 3]
        order = list(
            max(itertools.permutations(range(3)), key=lambda p: sum(agreement[i, j].abs() for i, j in enumerate(p)))
        )
        turned = torch.tensor([bool(agreement[i, j] < 0) for i, j in enumerate(order)])
        colours = [torch.where(turned, 1 - part[..., order], part[..., order]) for part in colours]
    partial = memory.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez(file, values=torch.cat([part.flatten(0, 1) for part in colours]).numpy())
    os.replace(partial, memory)
    return list(colours)


def _shown(source: Source) -> list[Image.Image]:
    """Some sample photographs, then some readable images of the run's own."""
    candidates = np.linspace(0, len(source) - 1, min(4 * OWN_PICTURES, len(source))).astype(int)
    own = itertools.islice(filter(None, (_readable(source, int(index)) for index in candidates)), OWN_PICTURES)
    return [*(load_image(sample.path) for sample in samples()[:SAMPLE_PICTURES]), *own]


def _readable(source: Source, index: int) -> Image.Image | None:
    try:
        return load_image(source.read(index).data)
    except ImageError:
        return None  # the run lists it


def _sheet(pictures: Sequence[Image.Image], maps: Sequence[FeatureMap], colours: Sequence[Tensor]) -> Image.Image:
    """Originals in a row, and below each its colours."""
    sheet = Image.new("RGB", (TILE * len(pictures), 2 * TILE), "white")
    for column, (picture, feature_map, colour) in enumerate(zip(pictures, maps, colours, strict=True)):
        small = picture.copy()
        small.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
        left, top = column * TILE + (TILE - small.width) // 2, (TILE - small.height) // 2
        seen = onto_picture(colour, feature_map.geometry, small.height, small.width, smooth=False)
        sheet.paste(small, (left, top))
        sheet.paste(Image.fromarray((seen * 255).round().astype(np.uint8)), (left, TILE + top))
    return sheet
