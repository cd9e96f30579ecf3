"""Attention over packed tokens: the one place that chooses between xFormers and PyTorch.

S rows of all samples together, T tokens of one sample, A heads, E width of a head.

Tokens of pictures of different sizes lie one after the other in a flat [S, D] matrix, so that every linear
layer runs once over all of them; only attention needs to know where a sample ends, and that is `Packing`.
On CUDA, xFormers' block-diagonal kernel takes the flat matrix as it is. Elsewhere, and on CUDA where xFormers
is missing or has no kernel, samples of equal length go through PyTorch's SDPA together, on processors in bfloat16
through `core.model.attention_products`: the same numbers.
"""

import functools
import logging
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from core.model.attention_products import AttentionProducts
from core.model.rope import Rotation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Packing:
    """The division of a flat token matrix: `groups` of (samples, tokens in each), in row order."""

    groups: tuple[tuple[int, int], ...]
    rotation: Rotation | None = field(default=None, compare=False, repr=False)
    """Of queries and keys, where positions are rotary."""

    @property
    def rows(self) -> int:
        return sum(samples * tokens for samples, tokens in self.groups)

    @functools.cached_property
    def lengths(self) -> list[int]:
        """Tokens of every sample, in row order."""
        return [tokens for samples, tokens in self.groups for _ in range(samples)]

    def split(self, flat: Tensor) -> list[Tensor]:
        """The groups of a flat [S, ...] tensor as [samples, T, ...] views."""
        parts = flat.split([samples * tokens for samples, tokens in self.groups])
        return [part.unflatten(0, group) for part, group in zip(parts, self.groups, strict=True)]


@dataclass(frozen=True)
class Subset:
    """The samples that one residual branch is computed for, and what their result is multiplied by.

    `index` [S'] are their rows in the full matrix, `scale` [S', 1] the inverse of the share kept in their group.
    """

    packing: Packing
    index: Tensor
    scale: Tensor


def draw_subset(packing: Packing, drop_rate: float, device: torch.device, generator: torch.Generator) -> Subset:
    """The samples that stay when each group drops `drop_rate` of its own, at least one staying.

    Source: Oquab et al. 2023, section 5 (efficient stochastic depth); the share is taken exactly, not by coin
    flips, so that the work saved is the same at every step. `generator` lives on the CPU.
    """
    groups, index, scale, start = [], [], [], 0
    for samples, tokens in packing.groups:
        kept = max(int(samples * (1 - drop_rate)), 1)
        chosen = torch.randperm(samples, generator=generator)[:kept]
        index.append((start + chosen[:, None] * tokens + torch.arange(tokens)).flatten())
        scale.append(torch.full((kept * tokens, 1), samples / kept))
        groups.append((kept, tokens))
        start += samples * tokens
    move = functools.partial(torch.Tensor.to, device=device, non_blocking=True)
    rows = move(torch.cat(index))
    rotation = None if packing.rotation is None else packing.rotation.rows(rows)
    return Subset(Packing(tuple(groups), rotation), rows, move(torch.cat(scale)))


def attend(qkv: Tensor, packing: Packing) -> Tensor:
    """Softmax attention within each sample: qkv [S, 3, A, E] float → [S, A·E]."""
    if qkv.device.type == "cuda" and _why_not_xformers(qkv.device, qkv.dtype, qkv.shape[-1]) is None:
        return _xformers(qkv, packing)
    return _sdpa(qkv, packing)


def attention_weights(qkv: Tensor, packing: Packing, queries: Tensor) -> list[Tensor]:
    """Softmax weights of the tokens numbered `queries` [Q], per group [samples, A, Q, T] float32; rows sum to 1."""
    weights = []
    for group in packing.split(qkv):  # [b, T, 3, A, E]
        q, k, _ = group.float().permute(2, 0, 3, 1, 4)  # [b, A, T, E] each
        scores = q[:, :, queries] @ k.mT * q.shape[-1] ** -0.5
        weights.append(scores.softmax(dim=-1))
    return weights


def _sdpa(qkv: Tensor, packing: Packing) -> Tensor:
    # in float32, torch's fused kernel for processors wins over the products written out
    written_out = qkv.device.type == "cpu" and qkv.dtype == torch.bfloat16
    mix = AttentionProducts.apply if written_out else _fused
    mixed = [mix(group).flatten(0, 1) for group in packing.split(qkv)]
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


def _fused(qkv: Tensor) -> Tensor:
    q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [b, A, T, E] each
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def _xformers(qkv: Tensor, packing: Packing) -> Tensor:
    from xformers.ops import memory_efficient_attention

    q, k, v = qkv.unsqueeze(0).unbind(2)  # [1, S, A, E] each
    return (
        memory_efficient_attention(q, k, v, attn_bias=_block_diagonal(packing.groups, qkv.device)).squeeze(0).flatten(1)
    )


@functools.lru_cache(maxsize=64)
def _block_diagonal(groups: tuple[tuple[int, int], ...], device: torch.device):
    from xformers.ops.fmha.attn_bias import BlockDiagonalMask

    return BlockDiagonalMask.from_seqlens(Packing(groups).lengths, device=device)


@functools.cache
def _why_not_xformers(device: torch.device, dtype: torch.dtype, head_width: int) -> str | None:
    """None where xFormers' kernel runs for this kind of tensor; otherwise the reason, logged once."""
    try:
        _xformers(torch.zeros(4, 3, 1, head_width, device=device, dtype=dtype), Packing(((2, 2),)))
    except ImportError as error:
        reason = f"xFormers cannot be imported ({error})"
    except (NotImplementedError, RuntimeError) as error:
        reason = f"xFormers has no kernel here ({str(error).splitlines()[0]})"
    else:
        return None
    log.warning("Attention on %s in %s runs with PyTorch's SDPA: %s.", device, dtype, reason)
    return reason
