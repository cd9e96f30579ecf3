"""Teacher logits → teacher targets: Sinkhorn-Knopp, also with a queue, or softmax with a centre that is an EMA.

M rows (images or masked patches, of all ranks together), K prototypes.
"""

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from train import dist
from train.losses.autocast import outside_autocast

LARGEST_RANGE = 60.0
"""Range of logit / temperature up to which exponentials may be stored: e^-60 is 1e-26 in float32."""


@torch.no_grad()
@outside_autocast
def sinkhorn_knopp(logits: Tensor, temperature: float, iterations: int = 3) -> Tensor:
    """Targets [M, K] float32 whose rows sum to 1 and whose columns are used about equally often.

    `logits` [M, K] float: this rank's rows; columns are balanced over the rows of all ranks, which may hold
    different numbers of them, or none. Exponentials are taken once and then only scaled, which is matrix-vector
    products; where they would leave float32's range (exp(60 / 0.04) does), all is done in the log domain.
    Source: Caron et al. 2020 (arXiv 2006.09882), as the reference composes it (its constant factors 1/K and
    1/M cancel with the last row normalisation).

    >>> sinkhorn_knopp(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), temperature=0.1)
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    low, high = _range_over_ranks(logits)
    if (high - low) / temperature <= LARGEST_RANGE:
        targets = _scale(logits.to(torch.float32, copy=True).sub_(high).div_(temperature), iterations)
        if targets is not None:
            return targets
    return _in_log_domain(logits.float() / temperature, iterations)


def _range_over_ranks(logits: Tensor) -> tuple[float, float]:
    """The least and the greatest logit of all ranks, which must all take the same way."""
    bounds = logits.new_full((2,), -torch.inf, dtype=torch.float32)
    if len(logits):
        low, high = logits.aminmax()
        bounds = torch.stack([-low, high]).float()
    low, high = dist.largest(bounds).tolist()
    return -low, high


def _scale(shifted: Tensor, iterations: int) -> Tensor | None:
    """Targets from logits / temperature of at most 0; None where a factor left float32's range. Overwrites them."""
    targets = shifted.exp_()
    rows = targets.new_ones(len(targets))
    for _ in range(iterations):
        columns = dist.total(rows @ targets).reciprocal()
        rows = (targets @ columns).reciprocal()
    broken = dist.total((~columns.isfinite()).sum() + (~rows.isfinite()).sum())
    if broken:
        return None
    return targets.mul_(columns).mul_(rows.unsqueeze(1))


def _in_log_domain(scaled: Tensor, iterations: int) -> Tensor:
    rows = torch.zeros(len(scaled), 1, device=scaled.device)
    for _ in range(iterations):
        columns = -_logsumexp_over_ranks(scaled + rows)
        rows = -(scaled + columns).logsumexp(dim=1, keepdim=True)
    return (scaled + columns + rows).exp()


def _logsumexp_over_ranks(values: Tensor) -> Tensor:
    """log Σ exp over the rows of all ranks, [1, K]."""
    if not dist.distributed():
        return values.logsumexp(dim=0, keepdim=True)
    lowest = torch.finfo(values.dtype).min
    top = values.amax(dim=0, keepdim=True) if len(values) else values.new_full((1, values.shape[1]), lowest)
    dist.largest(top)
    return dist.total((values - top).exp().sum(dim=0, keepdim=True)).log() + top


class SoftmaxCentring(nn.Module):
    """DINO's first way of avoiding collapse: a softmax of logits minus their EMA over images and ranks.

    `centre` [1, K] float32 is part of a checkpoint. Source: Caron et al. 2021 (arXiv 2104.14294), section 3.1.
    """

    centre: Tensor

    def __init__(self, prototypes: int, momentum: float = 0.9):
        super().__init__()
        self.register_buffer("centre", torch.zeros(1, prototypes))
        self.momentum = momentum

    @torch.no_grad()
    @outside_autocast
    def forward(self, logits: Tensor, temperature: float) -> Tensor:
        """Targets [M, K] float32 by the centre as it stands, which then moves towards the mean over all ranks."""
        logits = logits.float()
        targets = ((logits - self.centre) / temperature).softmax(dim=-1)
        total = dist.total(torch.cat([logits.sum(dim=0), logits.new_tensor([len(logits)])]))
        self.centre.lerp_(total[:-1] / total[-1].clamp(min=1), 1 - self.momentum)
        return targets


class SinkhornQueue(nn.Module):
    """Sinkhorn-Knopp over a batch and the images just before it, so that small batches are balanced over many images.

    `logits` [Q, 2, K] float32 are the teacher's of both global crops, as they were when the images came; `seen` counts
    all that ever came, and until these are Q, a batch is balanced alone. Both are part of a checkpoint. Where the
    logits are a DTensor, each rank holds its share of the images and puts the rows of these only into the balance.
    Source: Caron et al. 2020 (arXiv 2006.09882), section 3.1, who keep features and have today's prototypes score them.
    """

    logits: Tensor
    seen: Tensor

    def __init__(self, images: int, prototypes: int):
        super().__init__()
        self.register_buffer("logits", torch.zeros(images, 2, prototypes))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, logits: Tensor, temperature: float) -> Tensor:
        """Targets [2B, K] float32 of logits [2B, K], crop after crop, which then take the places of the oldest."""
        logits, size, (kept, first) = logits.float(), self.logits.shape[0], self._share()
        before = kept.flatten(0, 1) if self.seen >= size else logits[:0]
        targets = sinkhorn_knopp(torch.cat([before, logits]), temperature)[len(before) :]
        images = dist.gather_rows(logits.unflatten(0, (2, -1)).transpose(0, 1).contiguous())  # [B of all ranks, 2, K]
        self.seen += len(images)
        images = images[-size:]
        places = (self.seen + torch.arange(-len(images), 0, device=logits.device)) % size - first
        mine = (places >= 0) & (places < len(kept))
        kept[places[mine]] = images[mine]
        return targets

    def _share(self) -> tuple[Tensor, int]:
        """The logits that this rank holds, and the place of their first image."""
        if not isinstance(self.logits, DTensor):
            return self.logits, 0
        mesh = self.logits.device_mesh
        return self.logits.to_local(), mesh.get_local_rank() * -(-self.logits.shape[0] // mesh.size())
