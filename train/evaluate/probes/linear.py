"""A linear layer on frozen features: many of them at once, the best chosen without a look at the test set.

Oquab et al. 2023, section 7.1 trains a grid of linear layers by SGD and reports the best; here all layers of the
grid are one matrix product, and the choice is made on a part of the training set.
n images, D width, C classes, G layers of the grid.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import RequestError
from train.evaluate.accuracy import Accuracy, ranks, require_labelled

RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Learning rates for features of length 1: up to 7.6 any data converge (momentum 0.9), beyond, most do."""
WEIGHT_DECAYS = (0.0, 1e-4, 1e-3)
STEPS = 500
BATCH = 512
HELD_OUT = 0.2
"""Share of the training set that the grid is judged by."""
MOMENTUM = 0.9
BLOCK = 2**25
"""Logits judged at once: 128 MB."""
CONSTANT = 1e-6
"""Standard deviation, relative to its size, below which a feature is float32's rounding."""


class Setting(NamedTuple):
    """One place of the grid."""

    rate: float
    weight_decay: float


class LinearHead(NamedTuple):
    """A trained layer: logits are (features − mean) / scale times `weights` [D + 1, C], the last row being the bias."""

    mean: Tensor
    scale: Tensor
    weights: Tensor
    setting: Setting

    def logits(self, features: Tensor) -> Tensor:
        """[n, C] of features [n, D]."""
        return _scaled(features.float(), self.mean, self.scale) @ self.weights


class LinearProbe(NamedTuple):
    """The accuracy of the chosen linear layer on the test set, and its setting."""

    accuracy: Accuracy
    setting: Setting


@torch.no_grad()
def linear_accuracy(
    train_x: Tensor,
    train_y: Tensor,
    test_x: Tensor,
    test_y: Tensor,
    classes: int,
    generator: np.random.Generator,
    steps: int = STEPS,
    batch: int = BATCH,
    rates: Sequence[float] = RATES,
    weight_decays: Sequence[float] = WEIGHT_DECAYS,
) -> LinearProbe:
    """Accuracy of a linear layer trained on features [n, D] float with labels [n] int64 in 0..classes−1.

    Every learning rate with every weight decay is trained on four fifths of the training set and judged on the
    fifth that is held out; the best is then trained anew on all of it. Features are standardised by the training
    set's statistics. `generator` draws what is held out and the order of images.

    Raises RequestError where features and labels do not fit, or fewer than two training images are given.
    """
    require_labelled(test_x, test_y, "test")
    if train_x.shape[1:] != test_x.shape[1:] or int(test_y.max()) >= classes:
        raise RequestError(
            f"Training features are {tuple(train_x.shape[1:])} wide, test features {tuple(test_x.shape[1:])}, test "
            f"labels up to {int(test_y.max())} for {classes} classes; give both of one model, labels below {classes}."
        )
    head = linear_head(train_x, train_y, classes, generator, steps, batch, rates, weight_decays)
    with torch.autocast(train_x.device.type, enabled=False):
        test = _scaled(test_x.float(), head.mean, head.scale)
        reached = _judged(test, test_y, torch.arange(len(test), device=test.device), head.weights.unsqueeze(1))
        return LinearProbe(Accuracy(reached.top1[0], reached.top5[0]), head.setting)


@torch.no_grad()
def linear_head(
    x: Tensor,
    y: Tensor,
    classes: int,
    generator: np.random.Generator,
    steps: int = STEPS,
    batch: int = BATCH,
    rates: Sequence[float] = RATES,
    weight_decays: Sequence[float] = WEIGHT_DECAYS,
) -> LinearHead:
    """The layer that `linear_accuracy` evaluates, for use on any images. Raises RequestError as it does."""
    require_labelled(x, y, "training")
    if len(x) < 2 or int(y.max()) >= classes:
        raise RequestError(
            f"{len(x)} training images with labels up to {int(y.max())} for {classes} classes; give two images or "
            f"more, labels below {classes}."
        )
    with torch.autocast(x.device.type, enabled=False):
        mean, scale = _scaling(x.float())
        standard = _scaled(x.float(), mean, scale)
        grid = [Setting(*pair) for pair in itertools.product(rates, weight_decays)]
        alone = torch.arange(len(x), device=x.device)
        layer, best = _chosen(standard, y, alone, classes, grid, generator, steps, batch, _most_hits)
        return LinearHead(mean, scale, layer[:, 0], best)


@torch.no_grad()
def linear_labels(
    train_x: Tensor,
    train_y: Tensor,
    groups: Tensor,
    test_x: Tensor,
    classes: int,
    generator: np.random.Generator,
    steps: int = STEPS,
    batch: int = BATCH,
    rates: Sequence[float] = RATES,
    weight_decays: Sequence[float] = WEIGHT_DECAYS,
) -> Tensor:
    """The label that a linear layer gives each test row, [m] int64, where label 0 is the background, which is not scored.

    As `linear_accuracy`, but the grid is judged by the mean IoU of the other labels, since 0, the background of a
    picture, may be most of it. `groups` [n] int64 says which training rows belong together, such as the patches of
    one image: they are trained on or held out as one, since neighbours know of each other.
    """
    require_labelled(train_x, train_y, "training")
    with torch.autocast(train_x.device.type, enabled=False):
        x, test = _standardised(train_x.float(), test_x.float())
        grid = [Setting(*pair) for pair in itertools.product(rates, weight_decays)]
        layer, _ = _chosen(x, train_y, groups, classes, grid, generator, steps, batch, _most_overlap)
        return _logits(test, layer)[:, 0].argmax(dim=1)


def _chosen(
    x: Tensor,
    y: Tensor,
    groups: Tensor,
    classes: int,
    grid: Sequence[Setting],
    generator: np.random.Generator,
    steps: int,
    batch: int,
    best_of: Callable[[Tensor, Tensor, Tensor, Tensor], int],
) -> tuple[Tensor, Setting]:
    """The layer [D + 1, 1, C] trained on all rows with the setting that is best on held-out groups of them."""
    held, kept = _split(groups, generator)
    layers = _train(x, y, kept, classes, grid, generator, steps, batch)
    best = grid[best_of(x, y, held, layers)]
    return _train(x, y, torch.cat([held, kept]), classes, [best], generator, steps, batch), best


def _most_hits(x: Tensor, y: Tensor, among: Tensor, layers: Tensor) -> int:
    judged = _judged(x, y, among, layers)
    return min(range(layers.shape[1]), key=lambda place: (-judged.top1[place], judged.losses[place]))


def _most_overlap(x: Tensor, y: Tensor, among: Tensor, layers: Tensor) -> int:
    return int(_overlaps(x, y, among, layers).argmax())


def _overlaps(x: Tensor, y: Tensor, among: Tensor, layers: Tensor) -> Tensor:
    """Mean IoU over all labels but 0 of each layer on the rows `among`, [G]; labels never given nor true count 0."""
    _, count, classes = layers.shape
    tables = torch.zeros(count, classes**2, dtype=torch.int64, device=x.device)
    for rows in among.split(max(1, BLOCK // layers[0].numel())):
        places = (y[rows].unsqueeze(1) * classes + _logits(x[rows], layers).argmax(dim=2)).T
        tables.scatter_add_(1, places, torch.ones_like(places))
    tables = tables.view(count, classes, classes).double()
    both = tables.diagonal(dim1=1, dim2=2)
    either = tables.sum(dim=1) + tables.sum(dim=2) - both
    return (both / either.clamp(min=1))[:, 1:].mean(dim=1)


def _split(groups: Tensor, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Places of the rows to judge by and of those to learn from, whole groups [n] each, in a random order of groups."""
    different, members = groups.unique(return_inverse=True)
    drawn = torch.from_numpy(generator.permutation(len(different))).to(groups.device)
    turns = drawn.argsort()[members]
    held = int((turns < max(1, round(HELD_OUT * len(different)))).sum())
    rows = turns.argsort(stable=True)
    return rows[:held], rows[held:]


def _standardised(train: Tensor, test: Tensor) -> list[Tensor]:
    """Mean 0 and variance 1 / D in each feature of the training set, and 1 beside them for the bias."""
    mean, scale = _scaling(train)
    return [_scaled(x, mean, scale) for x in (train, test)]


def _scaling(train: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [D] and divisor [D] of each feature of the training set; infinite where it does not vary."""
    deviation, mean = torch.std_mean(train, dim=0, correction=0)
    size = mean.abs() + deviation
    return mean, torch.where(deviation > CONSTANT * size, deviation, math.inf) * train.shape[1] ** 0.5


def _scaled(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    return torch.cat([(x - mean) / scale, torch.ones_like(x[:, :1])], dim=1)


def _train(
    x: Tensor,
    y: Tensor,
    among: Tensor,
    classes: int,
    grid: Sequence[Setting],
    generator: np.random.Generator,
    steps: int,
    batch: int,
) -> Tensor:
    """Layers [D + 1, G, C] after SGD on the cross-entropy of the images `among`, rates falling to 0 by a cosine.

    The last row, the bias, does not decay.
    """
    rates, decays = (x.new_tensor(column).view(1, -1, 1) for column in zip(*grid, strict=True))
    layers = x.new_zeros(x.shape[1], len(grid), classes)
    velocity = torch.zeros_like(layers)
    for step, places in enumerate(_batches(len(among), min(batch, len(among)), steps, generator)):
        rows = among[torch.from_numpy(places).to(x.device)]
        errors = _logits(x[rows], layers).softmax(dim=2)  # [B, G, C]
        errors[torch.arange(len(rows), device=x.device), :, y[rows]] -= 1
        gradient = (x[rows].T @ (errors / len(rows)).flatten(1)).view_as(layers)
        gradient[:-1] += decays * layers[:-1]
        velocity.mul_(MOMENTUM).add_(gradient)
        layers -= rates * (0.5 + 0.5 * math.cos(math.pi * step / steps)) * velocity
    return layers


def _batches(images: int, batch: int, steps: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """`steps` batches of places, epoch after epoch in a fresh order; what is left of an epoch is dropped."""
    done = 0
    while done < steps:
        order = generator.permutation(images)
        for start in range(0, images - batch + 1, batch)[: steps - done]:
            yield order[start : start + batch]
            done += 1


def _logits(x: Tensor, layers: Tensor) -> Tensor:
    """[n, G, C] of features [n, D + 1]."""
    return (x @ layers.flatten(1)).view(len(x), *layers.shape[1:])


class _Judged(NamedTuple):
    """Of each layer: shares of hits, and the mean cross-entropy, infinite where it diverged."""

    top1: list[float]
    top5: list[float]
    losses: list[float]


def _judged(x: Tensor, y: Tensor, among: Tensor, layers: Tensor) -> _Judged:
    """The layers' outputs for the images `among`, a part of them at a time."""
    sums = x.new_zeros(3, layers.shape[1], dtype=torch.float64)
    for rows in among.split(max(1, BLOCK // layers[0].numel())):
        logits = _logits(x[rows], layers).movedim(1, 0)  # [G, n, C]
        placed = ranks(logits, y[rows])
        chances = logits.log_softmax(dim=2)[:, torch.arange(len(rows), device=x.device), y[rows]]
        losses = (-chances.double()).nan_to_num(nan=math.inf)
        sums += torch.stack([(placed < 1).sum(dim=1), (placed < 5).sum(dim=1), losses.sum(dim=1)])
    return _Judged(*(sums / len(among)).tolist())
