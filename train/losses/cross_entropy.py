"""Cross-entropies between teacher targets and student logits, computed in float32.

B images, K prototypes, M masked patches; targets are distributions over prototypes.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

AT_ONCE_ON_CPU = 1 << 20
"""Elements that are worked on together: what a processor's cache holds."""
AT_ONCE = 1 << 26
"""The same on other devices: enough to keep a GPU busy, 256 MB in float32."""


def dino_cross_entropy(logits: Tensor, targets: Tensor, temperature: float = 0.1) -> Tensor:
    """Σ over all (student crop, teacher crop) pairs of the mean cross-entropy over images, a scalar.

    `logits` [student crops, B, K] float, `targets` [teacher crops, B, K]. Cross-entropy is linear in the
    target, so the teacher's crops are summed first: one pass over the student's logits, whatever their number.
    Source: Caron et al. 2021 (arXiv 2104.14294), equation 2; weights between terms are the caller's.
    """
    summed = targets.float().sum(dim=0)
    return _CrossEntropy.apply(logits, summed.expand_as(logits), temperature).mean(dim=1).sum()


def ibot_cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor, images: int, temperature: float = 0.1
) -> Tensor:
    """Weighted sum of the masked patches' cross-entropies divided by the number of images, a scalar.

    `logits`, `targets` [M, K]: masked patches only; `weights` [M] is 1 / (masked patches of its image).
    Source: Zhou et al. 2022 (arXiv 2111.07832), as the reference averages it.
    """
    return (_CrossEntropy.apply(logits, targets, temperature) * weights.float()).sum() / images


class _CrossEntropy(torch.autograd.Function):
    """−Σ target · log softmax(logits / temperature) over the last dim, float32; targets get no gradient.

    With its backward written out, nothing as large as the logits is stored in float32 and nothing is passed over
    more than once in each direction: at 65,536 prototypes on a CPU a fifth of the time autograd's own takes.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, temperature: float) -> Tensor:
        losses = logits.new_empty(logits.shape[:-1], dtype=torch.float32)
        logsumexp = torch.empty_like(losses)
        for part in _parts(logits):
            scaled, wanted = logits[part].float() / temperature, targets[part].float()
            logsumexp[part] = scaled.logsumexp(dim=-1)
            losses[part] = logsumexp[part] * wanted.sum(dim=-1) - (scaled * wanted).sum(dim=-1)
        ctx.save_for_backward(logits, targets, logsumexp)
        ctx.temperature = temperature
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, None, None]:
        logits, targets, logsumexp = ctx.saved_tensors
        gradient = torch.empty_like(logits)
        for part in _parts(logits):
            wanted = targets[part].float()
            softmax = (logits[part].float() / ctx.temperature).sub_(logsumexp[part].unsqueeze(-1)).exp_()
            difference = softmax.mul_(wanted.sum(dim=-1, keepdim=True)).sub_(wanted)
            gradient[part] = difference.mul_((upstream[part] / ctx.temperature).unsqueeze(-1))
        return gradient, None, None


def _parts(logits: Tensor) -> Iterator[slice]:
    """Slices of the first dim, each of a bounded number of elements."""
    at_once = AT_ONCE_ON_CPU if logits.device.type == "cpu" else AT_ONCE
    length = max(at_once // max(logits[0].numel(), 1), 1) if len(logits) else 1
    return (slice(start, start + length) for start in range(0, len(logits), length))
