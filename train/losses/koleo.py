"""KoLeo: spread the images of a batch over the sphere."""

import torch
from torch import Tensor
from torch.nn import functional as F

from train.losses.autocast import outside_autocast

EPSILON = 1e-8
"""Added to each coordinate's difference and to the distance, as the reference does: coincident rows stay finite."""


@outside_autocast
def koleo(features: Tensor, everyone: Tensor | None = None, first: int = 0) -> Tensor:
    """−mean log distance from each row to its nearest other row, after L2 normalisation; a scalar in float32.

    `features` [B, D] float: this rank's images. `everyone` [all, D]: the images of all ranks, with gradient,
    of which `features` are rows `first` to `first` + B; None where there is one rank. Needs two rows.
    Source: Sablayrolles et al. 2019 (arXiv 1806.03198), equation 2.

    >>> round(koleo(torch.tensor([[1.0, 0.0], [0.0, 1.0]])).item(), 4)  # −log √2
    -0.3466
    """
    features = F.normalize(features.float(), eps=EPSILON, dim=-1)
    others = features if everyone is None else F.normalize(everyone.float(), eps=EPSILON, dim=-1)
    with torch.no_grad():
        similarity = features @ others.T
        rows = torch.arange(len(features), device=features.device)
        similarity[rows, rows + first] = -1
        nearest = similarity.argmax(dim=1)
    distance = F.pairwise_distance(features, others[nearest], eps=EPSILON)
    return -(distance + EPSILON).log().mean()
