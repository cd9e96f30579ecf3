"""Weighted nearest-neighbour classification of frozen features.

Caron et al. 2021 (DINO), section 4.1, after Wu et al. 2018: cosine similarity, each of the k nearest votes with
exp(similarity / 0.07). n images, D width, C classes.
"""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from core import RequestError
from core.wording import counted
from train.evaluate.accuracy import Accuracy, of_ranks, ranks, require_labelled

log = logging.getLogger(__name__)

NEIGHBOURS = (10, 20, 100, 200)
TEMPERATURE = 0.07
BLOCK = 2**25
"""Numbers held at once, similarities or votes: 128 MB."""


@torch.no_grad()
def knn_accuracy(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    ks: Sequence[int] = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    block: int = BLOCK,
) -> dict[int, Accuracy]:
    """Accuracy for each number of neighbours; arguments and errors as of `knn_ranks`.

    >>> bank, query = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 1.0]])
    >>> knn_accuracy(bank, torch.tensor([0, 1]), query, torch.tensor([0]), ks=[1])[1].top1
    1.0
    """
    placed = knn_ranks(train_features, train_labels, test_features, test_labels, ks, temperature, block)
    return {k: of_ranks(places) for k, places in placed.items()}


@torch.no_grad()
def knn_ranks(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    ks: Sequence[int] = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    block: int = BLOCK,
) -> dict[int, Tensor]:
    """For each number of neighbours how many other labels got at least the right one's votes, [n] int64; 0 is a hit.

    Features [n, D] float and labels [n] int64 from 0, computed in float32 where the features are. A k beyond the
    bank is left out and logged. Raises RequestError where none is left, or where features and labels do not fit.
    """
    require_labelled(train_features, train_labels, "training")
    require_labelled(test_features, test_labels, "test")
    if train_features.shape[1] != test_features.shape[1]:
        raise RequestError(
            f"Training features are {train_features.shape[1]} wide, test features {test_features.shape[1]}; "
            "take both from one model."
        )
    fitting = _fitting(ks, len(train_features))
    classes = 1 + int(torch.maximum(train_labels.max(), test_labels.max()))
    placed: list[list[Tensor]] = []
    with torch.autocast(train_features.device.type, enabled=False):
        bank, queries = (F.normalize(features.float(), dim=1) for features in (train_features, test_features))
        rows = max(1, block // max(len(bank), classes))
        for part, labels in zip(queries.split(rows), test_labels.split(rows), strict=True):
            votes = knn_votes(part @ bank.T, train_labels, fitting, temperature, classes)
            placed.append([ranks(of_k, labels) for of_k in votes])
    return {k: torch.cat(of_k) for k, of_k in zip(fitting, zip(*placed, strict=True), strict=True)}


def _fitting(ks: Sequence[int], bank: int) -> list[int]:
    fitting = sorted({k for k in ks if 1 <= k <= bank})
    if not fitting:
        raise RequestError(f"k is {list(ks)}, the bank holds {counted(bank, 'image')}; choose 1 to {bank}.")
    if len(fitting) < len(set(ks)):
        log.info("k-NN with k of %s only: the bank holds %s", fitting, counted(bank, "image"))
    return fitting


def knn_votes(cosines: Tensor, labels: Tensor, ks: Sequence[int], temperature: float, classes: int) -> list[Tensor]:
    """Votes [q, C] for each of the ascending `ks`, up to a factor of their own in each row.

    `cosines` [q, n] float of queries with the bank, −infinity where an image must not vote; `labels` [n] int64.
    """
    nearest, places = cosines.topk(ks[-1], dim=1)
    # only ratios matter: from the nearest down, no temperature overflows
    weights = ((nearest - nearest[:, :1]) / temperature).exp()
    theirs = labels[places]
    return [cosines.new_zeros(len(cosines), classes).scatter_add_(1, theirs[:, :k], weights[:, :k]) for k in ks]
