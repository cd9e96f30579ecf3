"""Whether features have collapsed: figures that need no label. n images, N patches, D width."""

import torch
from torch import Tensor
from torch.nn import functional as F

from core import RequestError


@torch.no_grad()
def effective_rank(features: Tensor) -> float:
    """The number of directions that features [n, D] use, 1 to min(n, D): exp of the entropy of their singular values' shares.

    Roy & Vetterli 2007; on features of a self-supervised model Garrido et al. 2023 (RankMe), which like here does
    not centre them: a model that says the same of every image has rank 1, not that of its rounding errors. Features
    that are all 0 have it too.

    >>> round(effective_rank(torch.eye(4)), 3), round(effective_rank(torch.ones(4, 6)), 3)
    (4.0, 1.0)
    """
    if features.ndim != 2 or not features.numel():
        raise RequestError(f"Features of shape {tuple(features.shape)}: give [n, D], neither of them 0.")
    values = torch.linalg.svdvals(features.double())
    shares = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    return torch.special.entr(shares).sum().exp().item()


@torch.no_grad()
def mean_cosine(features: Tensor) -> float:
    """Mean cosine between different rows of features [n, D], n at least 2: 1 where all images look the same.

    >>> mean_cosine(torch.tensor([[1.0, 0.0], [5.0, 0.0]])), mean_cosine(torch.eye(3))
    (1.0, 0.0)
    """
    if features.ndim != 2 or len(features) < 2:
        raise RequestError(f"Features of shape {tuple(features.shape)}: give [n, D] with n of 2 or more.")
    count, unit = len(features), F.normalize(features.double(), dim=1)
    return ((unit.sum(dim=0).square().sum() - unit.square().sum()) / (count * (count - 1))).item()


@torch.no_grad()
def first_component_share(patches: Tensor) -> float:
    """Share of the variance of patches [N, D] that lies along their first principal component, 0..1.

    1 too where they do not vary at all, for then one direction says everything.

    >>> round(first_component_share(torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 3)
    0.8
    """
    if patches.ndim != 2 or not patches.numel():
        raise RequestError(f"Patches of shape {tuple(patches.shape)}: give [N, D], neither of them 0.")
    centred = patches.double() - patches.double().mean(dim=0)
    variances = torch.linalg.eigvalsh(centred.T @ centred)
    return (variances[-1] / variances.sum()).item() if variances.sum() > 0 else 1.0
