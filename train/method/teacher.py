"""A frozen model to learn from: any that `core.load_model` opens, with its heads where its run kept them.

B images, D width of the teacher, h w its patch grid, N = h·w.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import VisionTransformer
from train.method.heads import HeadConfig, PrototypeHead
from train.method.student_teacher import both_heads


class Heads(nn.Module):
    """DINO's and iBOT's head on features of one width; one for both where they are tied."""

    def __init__(self, width: int, config: HeadConfig):
        super().__init__()
        self.dino_head, self.ibot_head = both_heads(width, config)

    @property
    def patch_head(self) -> PrototypeHead:
        """The head that reads patches."""
        return self.dino_head if self.ibot_head is None else self.ibot_head

    def members(self) -> list[PrototypeHead]:
        """All there are."""
        return [head for head in (self.dino_head, self.ibot_head) if head is not None]


class FrozenTeacher(NamedTuple):
    """A backbone without gradients; `heads` is None where they were not kept, as for all released models."""

    backbone: VisionTransformer
    heads: Heads | None
    head_config: HeadConfig | None


class TeacherFeatures(NamedTuple):
    """A teacher's features of global crops: `cls` [2B, D], `patches` [2B, N, D] on its own grid, float32."""

    cls: Tensor
    patches: Tensor


def own_side(size: int, patch: int) -> int:
    """The side at which a teacher sees crops of `size` pixels: the nearest multiple of its patch.

    >>> own_side(224, 14), own_side(96, 14), own_side(5, 14)
    (224, 98, 14)
    """
    return max(round(size / patch), 1) * patch


@torch.no_grad()
def teacher_features(backbone: VisionTransformer, crops: Tensor) -> TeacherFeatures:
    """A backbone's features of crops [2B, C, S, S] at the multiple of its patch that is nearest to their size."""
    own = own_side(crops.shape[-1], backbone.config.patch)
    if own != crops.shape[-1]:
        crops = F.interpolate(crops.float(), size=(own, own), mode="bicubic", antialias=True)
    tokens = backbone(crops)
    return TeacherFeatures(tokens.cls.float(), tokens.patches.float())


def on_grid(patches: Tensor, side: int) -> Tensor:
    """Patches [n, N, D] of a square grid at the positions of a grid of `side` × `side`, [n, side², D], bilinear.

    >>> on_grid(torch.tensor([[[0.0], [1.0], [0.0], [1.0]]]), 1)
    tensor([[[0.5000]]])
    """
    own = round(patches.shape[1] ** 0.5)
    if own == side:
        return patches
    square = patches.unflatten(1, (own, own)).permute(0, 3, 1, 2)
    return F.interpolate(square, size=(side, side), mode="bilinear", antialias=True).flatten(2).mT
