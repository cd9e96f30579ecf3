"""Encoders of other libraries, answering all that `VisionTransformer` does.

B batch, H W pixels, N patches, T tokens, D width, A heads, E width of a head, S rows of all samples together.
The library's own modules compute; what is here turns packed rows into the batches that they take, and their tokens
into [cls, registers, patches]. An encoder without a cls token gives in its place what pools its patches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import ModelError, RequestError
from core.model.attention import Packing
from core.model.config import IMAGENET_MEAN, IMAGENET_STD, ViTConfig
from core.model.interrupt import before_block
from core.model.language import TextTower
from core.model.vit import Tokens, VisionTransformer

ASKABLE = (
    "Take a CLIP or SigLIP model with its text tower and its tokenizer, such as hf:google/siglip2-base-patch16-224."
)


@dataclass(frozen=True)
class Traits:
    """An encoder's properties that its shape does not tell."""

    family: str
    """For a reader: `CLIP`."""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    """Of the pixels it learned on, each channel in 0..1; and their spread."""
    std: tuple[float, float, float] = IMAGENET_STD


@dataclass(frozen=True)
class AttentionParts:
    """The modules of a layer that attention's input comes from, by their names within it."""

    norm: str
    projections: tuple[str, ...]
    """Query, key and value; or one that gives all three."""
    output: str


def require_own(model: VisionTransformer, done: str) -> None:
    """ModelError for another library's encoder; `done` names what is done with networks of core's own only."""
    if isinstance(model, AdaptedEncoder):
        where = f" {model.source.where} holds it as that library has it." if model.source else ""
        raise ModelError(f"{model.traits.family} is an encoder of another library: it cannot be {done} here.{where}")


class AdaptedBlock(nn.Module):
    """A library's transformer layer, [B, T, D] and a mask that there is none of → [B, T, D], over packed tokens [S, D]."""

    def __init__(self, layer: nn.Module, heads: int, attention: AttentionParts | None):
        super().__init__()
        self.layer, self.heads, self.attention = layer, heads, attention

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        return torch.cat([_first(self.layer(group, None)).flatten(0, 1) for group in packing.split(x)])

    def split_heads(self, x: Tensor) -> Tensor:
        """Queries, keys and values of tokens [S, D] that enter the block → [S, 3, A, E]. ModelError without them."""
        if self.attention is None:
            raise ModelError("This encoder's attention has no queries and keys to be read: it gives no attention maps.")
        x = self.layer.get_submodule(self.attention.norm)(x)
        parts = [self.layer.get_submodule(name)(x) for name in self.attention.projections]
        return torch.cat(parts, dim=-1).unflatten(-1, (3, self.heads, -1))

    def values_alone(self, x: Tensor) -> Tensor:
        """Tokens [S, D] that enter the block → what each says to all others: its value through the output layer.

        The attention of one token to itself alone, without the residual and the feed-forward (MaskCLIP, Zhou et al. 2022,
        arXiv 2112.01071, section 3.3).
        """
        value = self.split_heads(x)[:, 2].flatten(1)
        assert self.attention is not None  # or there would be no value
        return self.layer.get_submodule(self.attention.output)(value)


def _first(output: Tensor | tuple) -> Tensor:
    return output if isinstance(output, Tensor) else output[0]


class AdaptedEncoder(VisionTransformer):
    """An encoder of another library. Pixels come ImageNet-normalised, as everywhere; it applies its own mean and spread.

    `front`: pixels [B, 3, H, W], normalised as the library does → tokens [B, T, D] that enter the first block.
    `pool`: patches after the final norm [B, N, D] → [B, D], where there is no cls token; without it, their mean.
    `text` and `project`, from D to the space that pictures share with words, where it has a text tower.
    """

    front: nn.Module
    pool: nn.Module | None
    text: TextTower | None
    project: nn.Module | None
    spread: Tensor
    shift: Tensor

    def __init__(
        self,
        config: ViTConfig,
        traits: Traits,
        front: nn.Module,
        blocks: Sequence[AdaptedBlock],
        norm: nn.Module,
        has_cls: bool = True,
        pool: nn.Module | None = None,
        text: TextTower | None = None,
        project: nn.Module | None = None,
    ):
        nn.Module.__init__(self)
        self.config, self.traits, self.has_cls = config, traits, has_cls
        self.has_attention = all(block.attention is not None for block in blocks)
        self.default_size = config.image_size  # what it learned on
        self.front, self.pool = front, pool
        self.add_module("norm", norm)
        self.text, self.project = text, project
        self.blocks = nn.ModuleList(blocks)
        spread = [ours / own for ours, own in zip(IMAGENET_STD, traits.std, strict=True)]
        shift = [
            (ours - own) / own_std for ours, own, own_std in zip(IMAGENET_MEAN, traits.mean, traits.std, strict=True)
        ]
        for name, values in (("spread", spread), ("shift", shift)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    def forward_packed(
        self,
        pixels: Sequence[Tensor],
        masks: Sequence[Tensor | None] | None = None,
        *,
        drop_rate: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> list[Tokens]:
        """As `VisionTransformer.forward_packed`; RequestError for masks and stochastic depth, which are training's."""
        if drop_rate:
            raise RequestError(f"forward_packed: {self.traits.family} is not trained here; leave out drop_rate.")
        return self.intermediate_packed(pixels, [-1], masks=masks)[0]

    def normed(self, tokens: Tokens) -> Tokens:
        """Tokens of a block after the final norm; where there is no cls token, with what pools the patches for it."""
        cls, registers, patches = (self.norm(part) for part in tokens)
        if self.has_cls:
            return Tokens(cls, registers, patches)
        one = patches if patches.ndim == 3 else patches[None]
        pooled = self.pool(one) if self.pool is not None else one.mean(dim=1)
        return Tokens(pooled.view(tokens.cls.shape), registers, patches)

    def capture(self, pixels: Tensor, layer: int = -1) -> tuple[Tensor, Packing]:
        """As `VisionTransformer.capture`; ModelError for an encoder whose queries and keys cannot be read."""
        block, x, packing = self.entering(pixels, layer)
        return block.split_heads(x), packing

    def entering(self, pixels: Tensor, layer: int = -1) -> tuple[AdaptedBlock, Tensor, Packing]:
        """A block, and the tokens [B·T, D] that enter it."""
        (index,) = self._layer_indices([layer])
        x, packing = self._embed([pixels], None)
        for block in self.blocks[:index]:
            before_block()
            x = block(x, packing)
        block = self.blocks[index]
        assert isinstance(block, AdaptedBlock)
        return block, x, packing

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Vectors of texts, [n, D'] float32 of unit length, in the space of `in_words`. ModelError without a text tower."""
        return self.tower()(texts)

    def in_words(self, features: Tensor) -> Tensor:
        """Features [..., D] after the final norm, cls tokens or patches → [..., D'] of unit length, comparable with texts.

        A factor of the features does not matter for CLIP, whose way there is linear. Raises ModelError without a text tower.
        """
        self.tower()
        return F.normalize(features if self.project is None else self.project(features), dim=-1)

    def patches_in_words(self, pixels: Tensor) -> Tensor:
        """Patches [B, N, D'] of unit length, each for itself, comparable with texts. ModelError without a text tower.

        Attention mixes a picture into each of its patches, so that all answer for all of it. What a patch alone says is
        its value: in the last block where a cls token is compared with texts, in the pooling where that is.
        """
        self.tower()
        block, x, packing = self.entering(pixels)
        if self.pool is not None:
            (patches,) = (group.patches for group in map(self.normed, self._tokens(block(x, packing), packing)))
            alone = self.pool(patches.flatten(0, 1).unsqueeze(1)).unflatten(0, patches.shape[:2])
        else:
            (tokens,) = packing.split(block.values_alone(x))
            alone = self.norm(tokens[:, self.has_cls + self.config.registers :])
        return self.in_words(alone)

    def tower(self) -> TextTower:
        """Its text tower. ModelError where it has none."""
        if self.text is None:
            raise ModelError(
                f"{self.traits.family} has no text tower, with its tokenizer, beside it: it cannot be asked in words. {ASKABLE}"
            )
        return self.text

    def with_blocks(self, blocks: Sequence[AdaptedBlock]) -> "AdaptedEncoder":
        """The same encoder around other blocks; all else is shared."""
        parts = self.front, blocks, self.norm, self.has_cls, self.pool, self.text, self.project
        return AdaptedEncoder(self.config, self.traits, *parts).to(self.device)

    def position_embedding(self, rows: int, columns: int) -> Tensor:
        raise ModelError(f"{self.traits.family} adds its position embedding itself; it cannot be taken out here.")

    def initialise(self, generator: torch.Generator | None = None) -> None:
        raise ModelError(f"{self.traits.family} is another library's encoder; here it is used as it was trained.")

    def _embed(
        self,
        pixels: Sequence[Tensor],
        masks: Sequence[Tensor | None] | None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Packing]:
        if masks is not None and any(mask is not None for mask in masks):
            raise RequestError(f"{self.traits.family} has no mask token; leave out masks.")
        if not pixels:
            raise RequestError("There are no pixels; pass at least one batch.")
        batches = []
        for batch in pixels:
            self.require_pixels(batch)
            batches.append(self.front(batch * self.spread + self.shift))
        packing = Packing(tuple((batch.shape[0], batch.shape[1]) for batch in batches))
        return torch.cat([batch.flatten(0, 1) for batch in batches]), packing

    def _tokens(self, x: Tensor, packing: Packing) -> list[Tokens]:
        if self.has_cls:
            return super()._tokens(x, packing)
        groups = [
            group.split([self.config.registers, group.shape[1] - self.config.registers], 1)
            for group in packing.split(x)
        ]
        return [Tokens(patches.mean(dim=1), registers, patches) for registers, patches in groups]
