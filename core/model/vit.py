"""The Vision Transformer of DINOv2 and DINOv3: pixels to tokens.

B batch, H W pixels, P patch side, h w patch grid, N = h·w, R registers, T = 1+R+N tokens, D width, A heads.
Token order is [cls, registers, patches]. Parameter names and numbers are those of the reference
(facebookresearch/dinov2, models/vision_transformer.py), numbers those of facebookresearch/dinov3 too; unlike there, the model knows nothing of distribution,
several picture sizes always share one packed pass, and stochastic depth is an argument, not a state.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import ModelError, RequestError
from core.model.attention import Packing, attention_weights, draw_subset
from core.model.config import ViTConfig
from core.model.interrupt import before_block
from core.model.layers import Block, PatchEmbed
from core.model.rope import Rotation, rotation

Resample = Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]
"""How a picture is brought to another size, by the names of Pillow's filters."""


class Tokens(NamedTuple):
    """The model's output for a batch: `cls` [B, D], `registers` [B, R, D], `patches` [B, N, D] in row-major order."""

    cls: Tensor
    registers: Tensor
    patches: Tensor


@dataclass(frozen=True)
class ModelSource:
    """The origin of a model, and its authors."""

    name: str
    """The name that `load_model` was given, or that of the model it gave instead."""
    title: str
    """For a reader: `DINOv2 ViT-S/14`."""
    where: str
    """The file or repository."""
    sha256: str
    """Of the weights' file; of the tensors where there is none."""
    parameters: int
    trained_by: str = "unknown"
    licence: str = "unknown"
    revision: str = ""
    note: str = ""
    """A sentence for the person who looks at its features."""


class VisionTransformer(nn.Module):
    """A DINOv2 or DINOv3 backbone. `load_state_dict` takes DINOv2's published weights unchanged, strictly."""

    default_size: int
    """Longer side in pixels at which this model is best: the one taken for a picture where nobody names another."""
    has_cls: bool = True
    """Whether its first token is a cls; if not, `Tokens.cls` is what stands for the whole picture in its place."""
    has_attention: bool = True
    """Whether `attention` and `capture` can be asked for."""
    resample: Resample = "bicubic"
    """How pictures are brought to a size for it."""
    source: ModelSource | None = None
    """None for a model that was made in memory."""
    fixed_positions: Callable[[int, int], Tensor] | None = None
    """Asked in place of `position_embedding` where the weights never change, so that it need not be resized anew."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = config
        self.default_size = config.default_size
        self.patch_embed = PatchEmbed(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        if config.positions == "learned":
            self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.grid**2, config.width))
        if config.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, config.registers, config.width))
        self.mask_token = nn.Parameter(torch.zeros(1, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        if not self.cls_token.is_meta:  # there, torch imports its compiler for 2 s to draw nothing
            self.initialise()

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw all parameters anew as the references do: normal with 0.02, in DINOv2 with 1e-6 for cls and registers."""
        tokens_std = 1e-6 if self.config.positions == "learned" else 0.02
        for name, parameter in self.named_parameters():
            if name in ("cls_token", "register_tokens"):
                nn.init.normal_(parameter, std=tokens_std, generator=generator)
            elif name == "mask_token" or name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif name == "patch_embed.proj.weight":
                bound = (self.config.channels * self.config.patch**2) ** -0.5
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
            elif name == "pos_embed" or parameter.ndim == 2:
                # the reference truncates at ±2, a hundred standard deviations out
                nn.init.normal_(parameter, std=0.02, generator=generator)

    def forward(self, pixels: Tensor, masks: Tensor | None = None) -> Tokens:
        """Tokens after the final norm.

        `pixels` [B, 3, H, W] float, ImageNet-normalised, H and W multiples of P; `masks` [B, N] bool, True where
        the patch is hidden behind the mask token. Raises RequestError on other shapes.
        """
        return self.forward_packed([pixels], [masks])[0]

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def normed(self, tokens: Tokens) -> Tokens:
        """Tokens of a block, whatever their leading dimensions, after the final norm."""
        return Tokens(*(self.norm(part) for part in tokens))

    def require_pixels(self, pixels: Tensor) -> None:
        """RequestError unless they are a batch of this model's channels whose sides are multiples of its patch."""
        config = self.config
        fits = pixels.ndim == 4 and pixels.shape[1] == config.channels
        if not fits or any(side % config.patch or not side for side in pixels.shape[2:]):
            prepared = "; core.extract prepares any picture" if config.channels == 3 else ""
            raise RequestError(
                f"Pixels of shape {tuple(pixels.shape)}: this model takes [B, {config.channels}, H, W] with H and W "
                f"multiples of {config.patch}{prepared}."
            )

    def loaded_from(self) -> ModelSource:
        """Its source. ModelError for a model that was made in memory."""
        if self.source is None:
            raise ModelError("This model was made in memory and has no source; save it, and load that.")
        return self.source

    def forward_packed(
        self,
        pixels: Sequence[Tensor],
        masks: Sequence[Tensor | None] | None = None,
        *,
        drop_rate: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> list[Tokens]:
        """Tokens of several batches of different H, W in one pass: the numbers of separate passes, fewer kernels.

        `drop_rate` in [0, 1) is that of stochastic depth: each residual branch is computed for the share of each
        batch that keeps it only. It draws from `generator` (on the CPU), which it therefore needs. A pass with a
        generator is one of training: the places that RoPE goes by are moved in it, as the model's `rope_*` say.
        """
        x, packing = self._embed(pixels, masks, generator)
        for block in self.blocks:
            subsets = None
            if drop_rate:
                if generator is None:
                    raise RequestError(
                        "forward_packed: stochastic depth draws at random; pass a torch.Generator (CPU)."
                    )
                attention = draw_subset(packing, drop_rate, x.device, generator)
                subsets = attention, draw_subset(packing, drop_rate, x.device, generator)
            x = block(x, packing, subsets)
        return self._tokens(self.norm(x), packing)

    def intermediate(
        self, pixels: Tensor, layers: int | Sequence[int] = 2, norm: bool = True, masks: Tensor | None = None
    ) -> list[Tokens]:
        """Tokens after the last `layers` blocks, or after the blocks numbered in it (negative: from the end).

        With `norm`, each passes through the model's final norm, as the reference's linear probes take them.
        """
        return [tokens for (tokens,) in self.intermediate_packed([pixels], layers, norm, [masks])]

    def intermediate_packed(
        self,
        pixels: Sequence[Tensor],
        layers: int | Sequence[int] = 2,
        norm: bool = True,
        masks: Sequence[Tensor | None] | None = None,
    ) -> list[list[Tokens]]:
        """`intermediate` for several batches of different H, W in one pass: per layer, per batch."""
        wanted = self._layer_indices(layers)
        x, packing = self._embed(pixels, masks)
        outputs = {}
        for index, block in enumerate(self.blocks[: max(wanted) + 1]):
            before_block()
            x = block(x, packing)
            if index in wanted:
                tokens = self._tokens(x, packing)
                outputs[index] = [self.normed(group) for group in tokens] if norm else tokens
        return [outputs[index] for index in wanted]

    def attention(self, pixels: Tensor, layer: int = -1, queries: Sequence[int] | None = None) -> Tensor:
        """Attention weights of one block, [B, A, Q, T] float32, rows summing to 1.

        Computed beside the fast path, for the tokens numbered `queries` only (default: all T; 0 is cls, then the
        registers, then the patches), since all of them at 1036 px would take 700 MB.
        """
        qkv, packing = self.capture(pixels, layer)
        tokens = packing.lengths[0]
        chosen = list(range(tokens)) if queries is None else list(queries)
        if not chosen or min(chosen) < 0 or max(chosen) >= tokens:
            raise RequestError(f"attention: queries {chosen} must be token numbers from 0 to {tokens - 1}.")
        return attention_weights(qkv, packing, torch.tensor(chosen, device=qkv.device))[0]

    def capture(self, pixels: Tensor, layer: int = -1) -> tuple[Tensor, Packing]:
        """The input of attention in one block: queries, keys (both rotated where there is RoPE) and values
        [B·T, 3, A, E], and their packing."""
        (index,) = self._layer_indices([layer])
        x, packing = self._embed([pixels], None)
        for block in self.blocks[:index]:
            before_block()
            x = block(x, packing)
        block = self.blocks[index]
        assert isinstance(block, Block)
        return block.attn.split_heads(block.norm1(x), packing.rotation), packing

    def position_embedding(self, rows: int, columns: int) -> Tensor:
        """`pos_embed` resized to a patch grid, [1, 1 + rows·columns, D], by this model's convention.

        RequestError for a model with RoPE, which has none.
        """
        config = self.config
        if config.positions != "learned":
            raise RequestError("This model has rotary positions (RoPE) and no table of position embeddings to resize.")
        if rows == columns == config.grid:
            return self.pos_embed
        square = self.pos_embed[:, 1:].float().unflatten(1, (config.grid, config.grid)).permute(0, 3, 1, 2)
        size: list[int] | None = [rows, columns]
        scale: list[float] | None = None
        if config.pos_offset:
            size, scale = None, [(side + config.pos_offset) / config.grid for side in (rows, columns)]
        resized = F.interpolate(square, size, scale, "bicubic", antialias=config.pos_antialias)
        if resized.shape[-2:] != (rows, columns):
            raise RequestError(
                f"A patch grid of {rows}×{columns} cannot be reached from {config.grid}×{config.grid} with "
                f"pos_offset {config.pos_offset}; use a smaller picture or pos_offset=0."
            )
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).mT.to(self.pos_embed.dtype)], dim=1)

    def _embed(
        self,
        pixels: Sequence[Tensor],
        masks: Sequence[Tensor | None] | None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Packing]:
        masks = [None] * len(pixels) if masks is None else masks
        if not pixels or len(masks) != len(pixels):
            raise RequestError(f"{len(pixels)} batches of pixels came with {len(masks)} masks; pass as many, or None.")
        batches = [self._embed_batch(batch, mask) for batch, mask in zip(pixels, masks, strict=True)]
        packing = Packing(
            tuple((batch.shape[0], batch.shape[1]) for batch in batches), self._rotation(pixels, generator)
        )
        flat = [batch.flatten(0, 1) for batch in batches]
        return flat[0] if len(flat) == 1 else torch.cat(flat), packing

    def _embed_batch(self, pixels: Tensor, mask: Tensor | None) -> Tensor:
        config = self.config
        self.require_pixels(pixels)
        rows, columns = (side // config.patch for side in pixels.shape[2:])
        patches = self.patch_embed(pixels)  # [B, N, D]
        if mask is not None:
            if mask.shape != patches.shape[:2]:
                raise RequestError(f"A mask of shape {tuple(mask.shape)} came with patches {tuple(patches.shape[:2])}.")
            patches = torch.where(mask.unsqueeze(-1), self.mask_token.to(patches.dtype), patches)
        cls: Tensor = self.cls_token
        registers = [self.register_tokens] if config.registers else []
        if config.positions == "learned":
            position = (self.fixed_positions or self.position_embedding)(rows, columns)
            cls, patches = cls + position[:, :1], patches + position[:, 1:]
        # float32 from here on, also where autocast rounded the patches
        patches = patches.to(torch.promote_types(patches.dtype, cls.dtype))
        front = torch.cat([cls, *registers], dim=1).expand(pixels.shape[0], -1, -1)
        return torch.cat([front.to(patches.dtype), patches], dim=1)

    def _rotation(self, pixels: Sequence[Tensor], generator: torch.Generator | None) -> Rotation | None:
        """That of the packed tokens of these batches; None without RoPE."""
        if self.config.positions != "rope":
            return None
        patch = self.config.patch
        grids = [(batch.shape[0], batch.shape[2] // patch, batch.shape[3] // patch) for batch in pixels]
        return rotation(self.config, grids, pixels[0].device, generator)

    def _tokens(self, x: Tensor, packing: Packing) -> list[Tokens]:
        first = 1 + self.config.registers
        return [Tokens(group[:, 0], group[:, 1:first], group[:, first:]) for group in packing.split(x)]

    def _layer_indices(self, layers: int | Sequence[int]) -> list[int]:
        depth = len(self.blocks)
        chosen = list(range(depth - layers, depth)) if isinstance(layers, int) else list(layers)
        if not chosen or (isinstance(layers, int) and layers > depth) or any(not -depth <= i < depth for i in chosen):
            raise RequestError(f"Layers {layers}: this model has blocks 0 to {depth - 1} (or -{depth} to -1).")
        return [index % depth for index in chosen]
