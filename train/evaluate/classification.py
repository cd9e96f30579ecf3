"""How well frozen features tell labelled images apart: the tasks `knn` and `linear` of the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import VisionTransformer
from train.data.sources import DataError, open_source
from train.evaluate.accuracy import Accuracy
from train.evaluate.knn import NEIGHBOURS, knn_accuracy
from train.evaluate.labelled import Features, features_of, labelled_sample
from train.evaluate.linear import linear_accuracy


@dataclass(frozen=True)
class LabelledConfig:
    """Which labelled images are learnt from and asked about."""

    per_class: int = 100
    """Most images of each label, drawn at random."""
    test_share: float = 0.25
    """Share of each label's images that is asked about; the rest is learnt from."""
    size: int = 224
    """Side in pixels of the square from the middle of each picture; a multiple of the model's patch."""
    seed: int = 0
    """Of what is drawn."""


class Scored(NamedTuple):
    """One line of the result: how it was reached, and how often the label was right."""

    how: str
    accuracy: Accuracy


class Outcome(NamedTuple):
    """Lines, and of how many labels and images they are."""

    scored: list[Scored]
    classes: int
    learnt: int
    asked: int


class _Split(NamedTuple):
    train: Features
    train_labels: Tensor
    test: Features
    test_labels: Tensor
    classes: int

    def outcome(self, scored: list[Scored]) -> Outcome:
        return Outcome(scored, self.classes, len(self.train_labels), len(self.test_labels))


def nearest_neighbours(
    model: VisionTransformer, data: Sequence[Path], config: LabelledConfig, ks: Sequence[int] = NEIGHBOURS
) -> Outcome:
    """k-NN on cls tokens (Caron et al. 2021), for each k that the images allow. Raises as `open_source`,
    `labelled_sample` and `knn_accuracy` do."""
    split = _features(model, data, config)
    found = knn_accuracy(split.train.cls, split.train_labels, split.test.cls, split.test_labels, ks)
    return split.outcome([Scored(f"k = {k}", accuracy) for k, accuracy in found.items()])


def linear_layers(model: VisionTransformer, data: Sequence[Path], config: LabelledConfig) -> Outcome:
    """Linear layers on cls tokens, and on these beside the mean of the patches (Oquab et al. 2023, section 7.1)."""
    split = _features(model, data, config)
    inputs = (
        ("cls", split.train.cls, split.test.cls),
        ("cls and mean patch", *(torch.cat([part.cls, part.mean_patch], dim=1) for part in (split.train, split.test))),
    )
    scored = []
    for told, train, test in inputs:
        generator = np.random.default_rng([config.seed, 1])
        probe = linear_accuracy(train, split.train_labels, test, split.test_labels, split.classes, generator)
        setting = f"rate {probe.setting.rate:g}, weight decay {probe.setting.weight_decay:g}"
        scored.append(Scored(f"{told} ({setting})", probe.accuracy))
    return split.outcome(scored)


def as_text(outcome: Outcome) -> str:
    """The outcome for reading."""
    width = max(len(one.how) for one in outcome.scored)
    lines = [f"{outcome.asked} images of {outcome.classes} labels, {outcome.learnt} to learn from", ""]
    lines.append(f"{'':{width}}  top-1   top-5")
    lines += [f"{one.how:{width}}  {one.accuracy.top1:.3f}   {one.accuracy.top5:.3f}" for one in outcome.scored]
    return "\n".join(lines)


def _features(model: VisionTransformer, data: Sequence[Path], config: LabelledConfig) -> _Split:
    source = open_source(*data, channels=model.config.channels)
    sample = labelled_sample(source, config.per_class, np.random.default_rng(config.seed), config.test_share)
    train, test = (features_of(model, source, places, config.size) for places in (sample.train, sample.test))
    if len(train.kept) < 2:
        raise DataError("Only one of the images to learn from could be read; give more pictures that open.")
    labels = sample.train_labels[train.kept], sample.test_labels[test.kept]
    return _Split(train, labels[0], test, labels[1], len(sample.names))
