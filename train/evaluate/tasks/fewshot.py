"""The task `fewshot`: classification of labelled images after a few of each label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core import RequestError
from core.bounds import Bounds
from core.wording import counted
from train.dist import World
from train.evaluate.accuracy import ranks
from train.evaluate.datasets.labelled_split import Split
from train.evaluate.probes.classification import Hits, hits_of
from train.evaluate.probes.logistic import logistic_logits
from train.evaluate.task import LabelledTask

SHOTS = (1, 2, 5, 10)


@dataclass(frozen=True, kw_only=True)
class FewShot(LabelledTask):
    """The share of test images classified correctly after a few of each label: by the nearest class mean and by logistic
    regression, the mean over several draws of the few."""

    shots: Annotated[tuple[int, ...], Bounds(1, 10**9)] = SHOTS
    """Images of each label to learn from."""
    draws: Annotated[int, Bounds(1, 10**6)] = 5
    """Number of draws."""

    def hits(self, split: Split, world: World) -> list[Hits]:
        return few_shots(split, self.shots, self.draws, self.images.seed)


def few_shots(split: Split, shots: Sequence[int], draws: int, seed: int) -> list[Hits]:
    """From a few images of each class, drawn `draws` times: the nearest class mean, and logistic regression, on cls.

    Hits are means over draws. Raises RequestError where a class has fewer images than a shot asks for.
    """
    labels, classes = split.train.labels, len(split.classes)
    fewest = int(labels.bincount(minlength=classes).min())
    if not shots or min(shots) < 1 or max(shots) > fewest or draws < 1:
        raise RequestError(
            f"Shots of {', '.join(map(str, shots)) or 'nothing'}, {draws} draws; every class has {fewest} images to "
            "learn from: choose from 1 to that many, and a draw or more."
        )
    train, test = (side.inputs(1, mean_patch=False) for side in split[:2])
    found = []
    for count in shots:
        drawn: dict[str, list[Hits]] = {"nearest mean": [], "logistic regression": []}
        for draw in range(draws):
            generator = np.random.default_rng([seed, 3, count, draw])
            chosen = _some_of_each(labels, count, classes, generator)
            few, theirs = train[chosen], labels[chosen]
            means = torch.stack([F.normalize(few, dim=1)[theirs == label].mean(dim=0) for label in range(classes)])
            by_classifier = {
                "nearest mean": F.normalize(test, dim=1) @ F.normalize(means, dim=1).T,
                "logistic regression": logistic_logits(few, theirs, test, classes, generator).logits,
            }
            for how, logits in by_classifier.items():
                drawn[how].append(hits_of(how, ranks(logits, split.test.labels)))
        for how, hits in drawn.items():
            name = f"{counted(count, 'image')} of each, {how}"
            found.append(
                Hits(name, *(np.mean([getattr(one, top) for one in hits], axis=0) for top in ("top1", "top5")))
            )
    return found


def _some_of_each(labels: Tensor, count: int, classes: int, generator: np.random.Generator) -> Tensor:
    members = [generator.permutation(np.flatnonzero(labels.numpy() == label))[:count] for label in range(classes)]
    return torch.from_numpy(np.sort(np.concatenate(members)))
