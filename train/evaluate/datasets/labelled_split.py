"""The features of labelled images, for training and for test. n images, D width."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import VisionTransformer
from core.bounds import SEED, Bounds, require_bounds
from core.files import Output
from core.model.precision import Precision
from core.pictures.geometry import LARGEST_SIZE
from core.wording import counted
from train import dist
from train.data.sources import DataError, Source, open_source
from train.evaluate.datasets.labelled import labelled_sample
from train.evaluate.datasets.layouts.classes import Published, published_parts
from train.evaluate.features.bank import Bank, feature_bank


@dataclass(frozen=True)
class LabelledConfig:
    """Which labelled images are for training and which for testing."""

    test: tuple[Path, ...] = ()
    """Test images. Without them, `val` or `test` beside a folder `train`; without these, some of the data."""
    per_class: Annotated[int, Bounds(0, 10**9)] = 0
    """Most images of each label, drawn at random; 0 for all. Test images that are given are all used."""
    test_share: Annotated[float, Bounds(0, 1, above=True, below=True)] = 0.25
    """Share of each label's images that is for testing where none are given; the rest is for training."""
    size: Annotated[int, Bounds(1, LARGEST_SIZE)] = 224
    """Side in pixels of the square from the middle of each picture; a multiple of the model's patch."""
    precision: Precision = "auto"
    """Of the features: bfloat16 where that is fast, or float32."""
    groups: Path | None = None
    """A CSV with the columns image and group, by which accuracy is reported too."""
    features: Annotated[Path, Output.FOLDER] = Path("features")
    """Folder in which features are kept, for every task that uses them again."""
    seed: Annotated[int, SEED] = 0
    """Of what is drawn."""

    def __post_init__(self):
        require_bounds(self)


class Side(NamedTuple):
    """Images with their features and labels [n] int64; `indices` [n] are their places in the source."""

    cls: Tensor
    """[n, blocks, D], the last block last."""
    mean_patch: Tensor
    labels: Tensor
    source: Source
    indices: Tensor
    left_out: int = 0
    """Images that could not be read."""

    def inputs(self, blocks: int, mean_patch: bool, device: torch.device | None = None) -> Tensor:
        """[n, blocks·D (+ D)]: cls tokens of the last blocks, side by side, perhaps with the mean patch."""
        parts = [self.cls[:, -blocks:].flatten(1), *([self.mean_patch] if mean_patch else [])]
        return torch.cat(parts, dim=1).to(device)

    def names(self) -> list[str]:
        return [self.source.name(int(index)) for index in self.indices]


class Split(NamedTuple):
    """Both sides; labels are places in `classes`."""

    train: Side
    test: Side
    classes: tuple[str, ...]


def labelled_split(
    model: VisionTransformer, data: Sequence[Path], config: LabelledConfig, world: dist.World | None = None
) -> Split:
    """Features and labels of both sides. Every process calls it. Raises DataError where labels are missing or do not
    fit each other, and as `feature_bank` does."""
    channels, generator = model.config.channels, np.random.default_rng(config.seed)
    parts = published_parts(data[0]) if len(data) == 1 and not config.test else None
    if config.test:
        parts = Published(open_source(*data, channels=channels), open_source(*config.test, channels=channels))
    if parts is None:
        source = open_source(*data, channels=channels)
        sample = labelled_sample(source, config.per_class or len(source) + 2, generator, config.test_share)
        drawn = [(sample.train, sample.train_labels), (sample.test, sample.test_labels)]
        parts, classes = Published(source, source), sample.names
    else:
        classes, drawn = _given(parts, config.per_class, generator)
    train, test = (_side(model, source, *chosen, config, world) for source, chosen in zip(parts, drawn, strict=True))
    if len(train.labels) < 2:
        raise DataError("Only one of the images to learn from could be read; give more pictures that open.")
    return Split(train, test, classes)


def _given(
    parts: Published, per_class: int, generator: np.random.Generator
) -> tuple[tuple[str, ...], list[tuple[Tensor, Tensor]]]:
    """Classes, and (indices, labels) of both sides: some of the training images of each label, all test images."""
    labels = [[source.label(place) for place in range(len(source))] for source in parts]
    classes = tuple(sorted({label for label in labels[0] if label is not None}))
    unknown = sorted({label for label in labels[1] if label is not None} - set(classes))
    if len(classes) < 2 or unknown:
        said = (
            f"the images asked about have labels that none to learn from has, such as {unknown[0]}"
            if unknown
            else (f"the images to learn from have {counted(len(classes), 'label')}")
        )
        raise DataError(f"A score needs two labels, the same on both sides; {said}.")
    number = {name: place for place, name in enumerate(classes)}
    drawn = []
    for side, limit in ((labels[0], per_class), (labels[1], 0)):
        pairs = [(place, number[label]) for place, label in enumerate(side) if label is not None]
        if limit:
            shuffled = [pairs[place] for place in generator.permutation(len(pairs))]
            pairs = sorted(_at_most(shuffled, limit))
        indices, numbers = torch.tensor(pairs).unbind(dim=1)
        drawn.append((indices, numbers))
    return classes, drawn


def _at_most(pairs: list[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """The first `limit` images of every label."""
    counts: dict[int, int] = {}
    kept = []
    for place, label in pairs:
        counts[label] = counts.get(label, 0) + 1
        if counts[label] <= limit:
            kept.append((place, label))
    return kept


def _side(
    model: VisionTransformer,
    source: Source,
    indices: Tensor,
    labels: Tensor,
    config: LabelledConfig,
    world: dist.World | None,
) -> Side:
    bank: Bank = feature_bank(model, source, indices, config.size, config.features, world, config.precision)
    left_out = len(indices) - len(bank.kept)
    return Side(bank.cls, bank.mean_patch, labels[bank.kept], source, indices[bank.kept], left_out)
