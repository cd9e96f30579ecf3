"""A linear layer on patch tokens, one for each learning rate, trained together; the best on held-out pictures stays.

Oquab et al. 2023, section 7.4: batch normalisation and a 1 × 1 convolution. Here the normalisation has the statistics
of the training patches throughout, and the layers of all rates are one product.
m patches, F features of each, O outputs, G rates.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

RATES = (3e-4, 1e-3, 3e-3, 1e-2)
WEIGHT_DECAY = 1e-4
STEPS = 1000
PICTURES_A_STEP = 8
PATCHES_A_STEP = 2048
HELD_OUT = 0.2
MOST_HELD_OUT = 200
"""Training pictures that rates are judged by."""
SPREAD = 0.01
"""Standard deviation of the weights that training starts with."""


class Rows(NamedTuple):
    """Some patches: features [m, F] and what is known of them [m, ...]."""

    x: Tensor
    truth: Tensor


class DenseHead(NamedTuple):
    """Outputs are (x − mean) / deviation times `weights` [F, O], plus `bias` [O]."""

    mean: Tensor
    deviation: Tensor
    weights: Tensor
    bias: Tensor
    rate: float

    def __call__(self, x: Tensor) -> Tensor:
        """[..., O] of features [..., F]."""
        return _normalised(x, self.mean, self.deviation) @ self.weights + self.bias

    def on_cpu(self) -> "DenseHead":
        return DenseHead(self.mean.cpu(), self.deviation.cpu(), self.weights.cpu(), self.bias.cpu(), self.rate)


Draw = Callable[[int], Rows]
"""The patches of one step, by its number."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""A scalar from outputs [m, O] and truth [m, ...]."""


def chosen_head(
    patches_of: Callable[[int], Rows],
    pictures: int,
    outputs: int,
    loss: Loss,
    error: Callable[[DenseHead, np.ndarray], float],
    rates: Sequence[float],
    steps: int,
    generator: np.random.Generator,
    device: torch.device,
    bias: float = 0.0,
) -> DenseHead:
    """The head on the CPU, trained on all pictures with the rate whose error on held-out ones is least.

    `patches_of` gives the patches of a training picture; `error` judges a head by some of them, given by their places.
    """
    order = generator.permutation(pictures)
    count = min(max(1, round(HELD_OUT * pictures)), MOST_HELD_OUT) if pictures > 1 else 0
    held, kept = order[:count], order[count:]
    best = rates[0]
    if count and len(rates) > 1:
        heads = train_heads(_draw_among(patches_of, kept, generator, device), outputs, loss, rates, steps, bias)
        best = min((head.on_cpu() for head in heads), key=lambda head: error(head, held)).rate
    (head,) = train_heads(_draw_among(patches_of, order, generator, device), outputs, loss, [best], steps, bias)
    return head.on_cpu()


def _draw_among(
    patches_of: Callable[[int], Rows], places: np.ndarray, generator: np.random.Generator, device: torch.device
) -> Draw:
    """Some patches of a few pictures, drawn anew in every step."""

    def draw(_step: int) -> Rows:
        chosen = generator.choice(places, min(PICTURES_A_STEP, len(places)), replace=False)
        x, truth = (torch.cat(column) for column in zip(*(patches_of(int(place)) for place in chosen), strict=True))
        rows = torch.from_numpy(generator.permutation(len(x))[:PATCHES_A_STEP])
        return Rows(x[rows].to(device), truth[rows].to(device))

    return draw


def train_heads(
    draw: Draw, outputs: int, loss: Loss, rates: Sequence[float], steps: int, bias: float = 0.0
) -> list[DenseHead]:
    """A head for each rate after `steps` steps of AdamW, their rates falling to 0 by a cosine.

    The normalisation is that of the first steps' patches, a tenth of all steps.
    """
    first = torch.cat([draw(step).x for step in range(max(1, steps // 10))])
    deviation, mean = torch.std_mean(first.float(), dim=0, correction=0)
    device, width = first.device, first.shape[1]
    generator = torch.Generator().manual_seed(0)
    start = (torch.randn(width, outputs, generator=generator) * SPREAD).to(device)
    layers = [start.clone().requires_grad_() for _ in rates]
    biases = [torch.full((outputs,), bias, device=device).requires_grad_() for _ in rates]
    groups = [{"params": pair, "lr": rate} for rate, pair in zip(rates, zip(layers, biases, strict=True), strict=True)]
    optimiser = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / steps))
    with torch.enable_grad():
        for step in range(steps):
            rows = draw(step)
            all_outputs = _normalised(rows.x, mean, deviation) @ torch.cat(layers, dim=1) + torch.cat(biases)
            optimiser.zero_grad(set_to_none=True)
            torch.stack([loss(part, rows.truth) for part in all_outputs.split(outputs, dim=1)]).sum().backward()
            optimiser.step()
            falling.step()
    return [
        DenseHead(mean, deviation, layer.detach(), shift.detach(), rate)
        for rate, layer, shift in zip(rates, layers, biases, strict=True)
    ]


def _normalised(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    return (x.float() - mean) / deviation.clamp(min=1e-6)


def soft_cross_entropy(logits: Tensor, shares: Tensor) -> Tensor:
    """Of logits [m, O] with the share of each class in a patch [m, O]; patches of unknown pixels have shares of 0."""
    known = shares.sum(dim=1)
    return -(shares * F.log_softmax(logits, dim=1)).sum() / known.sum().clamp(min=1)
