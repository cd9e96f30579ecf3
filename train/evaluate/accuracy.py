"""Accuracy: how often the right label is among the first. n images, C classes."""

from typing import NamedTuple

import torch
from torch import Tensor

from core import RequestError


class Accuracy(NamedTuple):
    """Shares of images in 0..1 whose label has the highest score, or one of the five highest."""

    top1: float
    top5: float


def ranks(scores: Tensor, labels: Tensor) -> Tensor:
    """The number of other classes that score at least as high as the right one, [..., n] int64; 0 is a hit.

    `scores` [..., n, C] float, `labels` [n] int64. Equal scores count against the image, and so does NaN: a model
    that says the same of everything is right about nothing, not about whatever sorting puts first.

    >>> ranks(torch.tensor([[0.1, 0.9], [0.5, 0.5], [float("nan")] * 2]), torch.tensor([1, 0, 0])).tolist()
    [0, 1, 1]
    """
    own = scores.gather(-1, labels.view(-1, 1).expand(*scores.shape[:-1], 1))
    return (~(scores < own)).sum(dim=-1) - 1


def accuracy(scores: Tensor, labels: Tensor) -> Accuracy:
    """Of scores [n, C] for labels [n]; with up to five classes, top-5 is 1 wherever scores differ."""
    return of_ranks(ranks(scores, labels))


def of_ranks(placed: Tensor) -> Accuracy:
    """Of what `ranks` gave for each image, [n]."""
    return Accuracy((placed < 1).double().mean().item(), (placed < 5).double().mean().item())


def require_labelled(features: Tensor, labels: Tensor, which: str) -> None:
    """RequestError unless `features` are [n, D], finite, n at least 1, and `labels` [n] int64, none negative."""
    fits = features.ndim == 2 and len(features) and labels.shape == features.shape[:1]
    if not fits or labels.dtype != torch.int64:
        raise RequestError(
            f"The {which} features have shape {tuple(features.shape)}, the labels {tuple(labels.shape)} {labels.dtype}; "
            "give [n, D] and [n] int64, at least one image."
        )
    if not features.isfinite().all():
        raise RequestError(f"The {which} features hold NaN or infinity; has the training diverged?")
    if labels.min() < 0:
        raise RequestError(f"The {which} labels go down to {labels.min().item()}; number classes from 0.")
