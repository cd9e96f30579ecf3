"""The task `linear`: linear layers on labelled images."""

from dataclasses import dataclass

import numpy as np
import torch

from train.dist import World
from train.evaluate.accuracy import ranks
from train.evaluate.datasets.labelled_split import Split
from train.evaluate.probes.classification import Hits, feature_choices, hits_of
from train.evaluate.probes.linear import linear_head
from train.evaluate.task import LabelledTask


@dataclass(frozen=True, kw_only=True)
class Linear(LabelledTask):
    """The share of labelled images that a linear layer on frozen features gets right: on the cls token of the last
    block or of the last four, alone or beside the mean patch, each layer chosen from a grid of learning rates."""

    def hits(self, split: Split, world: World) -> list[Hits]:
        return linear_layers(split, self.images.seed, world.device)


def linear_layers(split: Split, seed: int, device: torch.device) -> list[Hits]:
    """A linear layer for each choice of features, each chosen from a grid that is trained together."""
    found = []
    for inputs, blocks, mean_patch in feature_choices(split.train):
        train, test = (side.inputs(blocks, mean_patch, device) for side in split[:2])
        labels = split.train.labels.to(device)
        head = linear_head(train, labels, len(split.classes), np.random.default_rng([seed, 1]))
        how = f"{inputs} (rate {head.setting.rate:g}, weight decay {head.setting.weight_decay:g})"
        found.append(hits_of(how, ranks(head.logits(test), split.test.labels.to(device))))
    return found
