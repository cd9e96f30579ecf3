"""Linear probes of a single patch: which part it shows, whether it is an object, how far away it is.

n pictures, N patches each, D width, C labels, R resamples.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from train.evaluate.bootstrap import Estimate, bootstrap
from train.evaluate.emergence.measure import Measure, Measured
from train.evaluate.emergence.objects import COVERED
from train.evaluate.emergence.ridge import ridge
from train.evaluate.emergence.world_set import Known
from train.evaluate.probes.linear import linear_labels
from train.world import PARTS

LEAST_PATCHES = 50
"""Parts on fewer patches than this, in training or in test, are neither trained on nor tested."""
LEFT_OUT = -1
STEPS, BATCH = 750, 1024
RATES, WEIGHT_DECAYS = (10.0, 30.0, 100.0, 300.0), (0.0, 1e-5)
"""Higher and less than in `train.evaluate.probes.linear`: below, rare parts were not learned in that many steps; beyond, the
untrained model's mIoU on held-out pictures rose no more."""

_CHANCE = "labels at random, as often as in training"
PART = Measure(
    "segmentation_parts",
    "linear parts mIoU",
    "mean IoU over parts, the background aside, of a linear layer on patch tokens",
    _CHANCE,
)
OBJECT = Measure("segmentation_object", "linear object IoU", "the same for object or background", _CHANCE)
DEPTH = Measure(
    "depth_log_rmse",
    "linear depth RMSE",
    "root mean square error of the logarithm of metres, where there is a depth, of a linear layer on patch tokens",
    "the mean of the training patches",
    rises=False,
)


class Halves(NamedTuple):
    """Places of the pictures that linear layers are trained on, and of those that they are tested on."""

    train: list[int]
    test: list[int]


def halves(pictures: Sequence[Known]) -> Halves:
    """Photos, every other one of each category for training."""
    seen: dict[str, int] = {}
    parts: tuple[list[int], list[int]] = ([], [])
    for place, picture in enumerate(pictures):
        if picture.domain == "photo":
            turn = seen[picture.category] = seen.get(picture.category, -1) + 1
            parts[turn % 2].append(place)
    return Halves(*parts)


def measure_dense(patches: Tensor, pictures: Sequence[Known], generator: np.random.Generator) -> list[Measured]:
    """Of patches [n, h, w, D]."""
    split, flat = halves(pictures), patches.flatten(1, 2)
    parts = np.stack([picture.parts.ravel() for picture in pictures])
    objects = np.stack([(picture.objects >= COVERED).ravel() for picture in pictures]).astype(np.int64)
    depths = np.stack([picture.log_depth.ravel() for picture in pictures])
    found = []
    for measure, labels, count in ((PART, parts, len(PARTS)), (OBJECT, objects, 2)):
        kept = frequent(labels, count, split)
        if kept[0] and kept.sum() > 1:
            found.append(_segmentation(measure, flat, labels, kept, split, generator))
    return [*found, _depth(flat, depths, split, generator)]


def frequent(labels: np.ndarray, count: int, split: Halves) -> np.ndarray:
    """Which labels are on enough patches of either half, bool [C], from labels [n, N]."""
    train, test = (np.bincount(labels[part].ravel(), minlength=count) for part in split)
    return np.minimum(train, test) >= LEAST_PATCHES


def _segmentation(
    measure: Measure, flat: Tensor, labels: np.ndarray, kept: np.ndarray, split: Halves, generator: np.random.Generator
) -> Measured:
    """Labels are counted anew over those that are kept; the background stays the first."""
    renumbered = np.where(kept, kept.cumsum() - 1, LEFT_OUT)[labels]
    classes = int(kept.sum())
    truth = torch.from_numpy(renumbered)
    train, train_rows = _rows(flat, truth != LEFT_OUT, split.train)
    test, test_rows = _rows(flat, truth != LEFT_OUT, split.test)
    train_labels, test_labels = truth[train_rows], truth[test_rows]
    predicted = linear_labels(
        train, train_labels, train_rows[0], test, classes, generator, STEPS, BATCH, RATES, WEIGHT_DECAYS
    )
    images = torch.searchsorted(torch.tensor(split.test), test_rows[0])
    confusion = confusions(images, test_labels, predicted, len(split.test), classes)
    estimate = bootstrap(lambda drawn: mean_iou(drawn, confusion), len(confusion), generator)
    shares = [part.bincount(minlength=classes).numpy() / len(part) for part in (train_labels, test_labels)]
    return Measured(measure, estimate, chance_iou(*shares), count=len(confusion))


def _rows(flat: Tensor, usable: Tensor, pictures: list[int]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The usable patches of some pictures [m, D], and where they are: picture and patch, [m] each."""
    chosen = torch.zeros_like(usable)
    chosen[pictures] = usable[pictures]
    pictures_of, patches_of = chosen.nonzero(as_tuple=True)
    return flat[pictures_of, patches_of], (pictures_of, patches_of)


def confusions(images: Tensor, truth: Tensor, predicted: Tensor, count: int, classes: int) -> np.ndarray:
    """The confusion matrix of each image: float64 [count, C true, C predicted]."""
    places = (images * classes + truth) * classes + predicted
    return places.bincount(minlength=count * classes**2).double().view(count, classes, classes).numpy()


def mean_iou(drawn: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Mean IoU over all labels but the first in resampled images, [R]; labels neither true nor predicted are left out."""
    classes = confusion.shape[1]
    summed = (drawn @ confusion.reshape(len(confusion), -1)).reshape(-1, classes, classes)
    both = np.diagonal(summed, axis1=1, axis2=2)
    either = summed.sum(axis=1) + summed.sum(axis=2) - both
    overlap = np.divide(both, either, out=np.full_like(either, math.nan), where=either > 0)[:, 1:]
    present = np.isfinite(overlap)
    return np.where(present, overlap, 0).sum(axis=1) / np.maximum(present.sum(axis=1), 1)


def chance_iou(train: np.ndarray, test: np.ndarray) -> float:
    """Mean IoU over all labels but the first where labels are predicted at random with the frequencies `train` [C] and
    are true with the frequencies `test` [C]."""
    both = train * test
    return float((both / (train + test - both))[1:].mean())


def _depth(flat: Tensor, depths: np.ndarray, split: Halves, generator: np.random.Generator) -> Measured:
    truth = torch.from_numpy(depths)
    train, train_rows = _rows(flat, truth.isfinite(), split.train)
    test, test_rows = _rows(flat, truth.isfinite(), split.test)
    predicted = ridge(train, truth[train_rows], train_rows[0], test, generator)
    errors = (predicted - truth[test_rows]).double().square()
    images = torch.searchsorted(torch.tensor(split.test), test_rows[0])
    squares = torch.zeros(len(split.test), dtype=torch.float64).index_add_(0, images, errors).numpy()
    counts = images.bincount(minlength=len(split.test)).double().numpy()
    blind = (truth[train_rows].mean() - truth[test_rows]).double().square().mean().sqrt().item()
    return Measured(DEPTH, root_mean_square(squares, counts, generator), blind, count=int((counts > 0).sum()))


def root_mean_square(squares: np.ndarray, counts: np.ndarray, generator: np.random.Generator) -> Estimate:
    """From the summed squares of each image's errors [n] and how many there are [n]."""

    def statistic(drawn: np.ndarray) -> np.ndarray:
        return np.sqrt(drawn @ squares / np.maximum(drawn @ counts, 1))

    return bootstrap(statistic, len(squares), generator)
