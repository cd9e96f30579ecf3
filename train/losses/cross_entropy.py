"""Cross-entropies between teacher targets and student logits, computed in float32.

B images, K prototypes, M masked patches; targets are distributions over prototypes.
"""

from torch import Tensor


def dino_cross_entropy(logits: Tensor, targets: Tensor, temperature: float = 0.1) -> Tensor:
    """Σ over all (student crop, teacher crop) pairs of the mean cross-entropy over images, a scalar.

    `logits` [student crops, B, K] float, `targets` [teacher crops, B, K]. Cross-entropy is linear in the
    target, so the teacher's crops are summed first: one pass over the student's logits, whatever their number.
    Source: Caron et al. 2021 (arXiv 2104.14294), equation 2; weights between terms are the caller's.
    """
    return _cross_entropy(logits, targets.float().sum(dim=0), temperature).mean(dim=1).sum()


def ibot_cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor, images: int, temperature: float = 0.1
) -> Tensor:
    """Weighted sum of the masked patches' cross-entropies divided by the number of images, a scalar.

    `logits`, `targets` [M, K]: masked patches only; `weights` [M] is 1 / (masked patches of its image).
    Source: Zhou et al. 2022 (arXiv 2111.07832), as the reference averages it.
    """
    return (_cross_entropy(logits, targets, temperature) * weights.float()).sum() / images


def _cross_entropy(logits: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """−Σ target · log softmax(logits / temperature) over the last dim, without storing the log-softmax."""
    scaled = logits.float() / temperature
    targets = targets.float()
    return scaled.logsumexp(dim=-1) * targets.sum(dim=-1) - (targets * scaled).sum(dim=-1)
