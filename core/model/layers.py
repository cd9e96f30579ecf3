"""The parts of a ViT block, under the parameter names published with DINOv2.

S rows of all samples together (`core.model.attention`), D width, A heads, E width of a head.
Stochastic depth computes a residual branch only for the samples that keep it.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.model.attention import Packing, Subset, attend
from core.model.config import ViTConfig
from core.model.rope import Rotation, rotated


class PatchEmbed(nn.Module):
    """Pixels [B, C, H, W] → patch tokens [B, N, D]: one linear map of each P×P square.

    Stored as the published convolution, computed as the matrix product that it is: the gradient of a convolution in
    bfloat16 takes a processor up to nine times as long (`tests.benchmarks.patch_embedding`).
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.patch = config.patch
        self.proj = nn.Conv2d(config.channels, config.width, kernel_size=config.patch, stride=config.patch)

    def forward(self, pixels: Tensor) -> Tensor:
        rows, columns = (side // self.patch for side in pixels.shape[2:])
        squares = pixels.unflatten(3, (columns, self.patch)).unflatten(2, (rows, self.patch))
        squares = squares.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)  # [B, N, C·P·P]
        return F.linear(squares, self.proj.weight.flatten(1), self.proj.bias)


class LinearWithoutKeyBias(nn.Linear):
    """The linear layer to queries, keys and values where keys have no bias.

    The bias is stored for all three, as published; the keys' third counts as 0 and learns nothing.
    """

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = self.bias.chunk(3)
        return F.linear(x, self.weight, torch.cat([queries, torch.zeros_like(keys), values]))


class Attention(nn.Module):
    def __init__(self, config: ViTConfig):
        super().__init__()
        self.heads = config.heads
        linear = LinearWithoutKeyBias if config.qkv_bias == "no_key" else nn.Linear
        self.qkv = linear(config.width, 3 * config.width, bias=config.qkv_bias != "none")
        self.proj = nn.Linear(config.width, config.width)

    def split_heads(self, x: Tensor, rotation: Rotation | None = None) -> Tensor:
        """Queries, keys and values of tokens [S, D] → [S, 3, A, E], queries and keys rotated where there is RoPE."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))
        return qkv if rotation is None else rotated(qkv, rotation)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        return self.proj(attend(self.split_heads(x, packing.rotation), packing))


class Mlp(nn.Module):
    def __init__(self, config: ViTConfig):
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwiGlu(nn.Module):
    """Gated feed-forward, gate and value in one matrix (Shazeer 2020, arXiv 2002.05202; as in DINOv2's ViT-g)."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.w12 = nn.Linear(config.width, 2 * config.hidden)
        self.w3 = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.w12(x).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * value)


class LayerScale(nn.Module):
    """A learned factor for each channel of a residual branch (Touvron et al. 2021, arXiv 2103.17239)."""

    def __init__(self, width: int, initial: float):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), initial))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """Pre-norm transformer block over packed tokens [S, D]."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.attn = Attention(config)
        self.ls1 = LayerScale(config.width, config.layer_scale)
        self.norm2 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.mlp: Mlp | SwiGlu = Mlp(config) if config.ffn == "mlp" else SwiGlu(config)
        self.ls2 = LayerScale(config.width, config.layer_scale)

    def forward(self, x: Tensor, packing: Packing, subsets: tuple[Subset, Subset] | None = None) -> Tensor:
        """Tokens after the block, [S, D]. `subsets`: the samples that keep the attention and the feed-forward branch.

        The subsets are drawn by the caller, not here, so that recomputing the block (activation
        checkpointing) drops the same samples again.
        """
        attention_subset, feed_subset = subsets or (None, None)
        x = _add_residual(x, self._attention_branch, packing, attention_subset)
        return _add_residual(x, self._feed_branch, packing, feed_subset)

    def _attention_branch(self, x: Tensor, packing: Packing) -> Tensor:
        return self.ls1(self.attn(self.norm1(x), packing))

    def _feed_branch(self, x: Tensor, packing: Packing) -> Tensor:
        return self.ls2(self.mlp(self.norm2(x)))


def _add_residual(
    x: Tensor, branch: Callable[[Tensor, Packing], Tensor], packing: Packing, subset: Subset | None
) -> Tensor:
    if subset is None:
        return x + branch(x, packing)
    residual = branch(x.index_select(0, subset.index), subset.packing)
    return x.index_add(0, subset.index, (residual * subset.scale).to(x.dtype))
