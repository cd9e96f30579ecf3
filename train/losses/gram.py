"""Gram anchoring: how patches relate to each other stays, or becomes again, what a steadier network says."""

from torch import Tensor
from torch.nn import functional as F

from train.losses.autocast import outside_autocast


@outside_autocast
def gram(patches: Tensor, anchor: Tensor) -> Tensor:
    """Mean squared difference between the cosines of all pairs of patches of a picture, a scalar in float32.

    `patches` [n, N, D] float of the student, `anchor` [n, N, D'] float of the frozen network, on the same grid. The
    features themselves may turn as they like. Source: Siméoni et al. 2025 (DINOv3, arXiv 2508.10104), section 4.

    >>> import torch
    >>> turned = torch.tensor([[[0.0, 2.0], [-3.0, 0.0]]])
    >>> gram(turned, torch.eye(2)[None]), gram(turned, torch.ones(1, 2, 5))
    (tensor(0.), tensor(0.5000))
    """
    cosines, wanted = (
        one @ one.mT for one in (F.normalize(patches.float(), dim=-1), F.normalize(anchor.float(), dim=-1))
    )
    return (cosines - wanted).square().mean()
