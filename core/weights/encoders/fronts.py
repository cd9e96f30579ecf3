"""The ways from normalised pixels [B, 3, H, W] to the tokens [B, T, D] that enter an encoder's first block.

Each calls the library's own embedding, which resizes the position embedding to any grid.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Embedded(nn.Module):
    """Of ViT, CLIP and SigLIP: the embedding's own call, and for CLIP the norm behind it."""

    def __init__(self, embeddings: nn.Module, then: nn.Module | None = None):
        super().__init__()
        self.embeddings, self.then = embeddings, then

    def forward(self, pixels: Tensor) -> Tensor:
        tokens = self.embeddings(pixels, interpolate_pos_encoding=True)
        return tokens if self.then is None else self.then(tokens)


class Unmasked(nn.Module):
    """Of MAE: all patches, in their order, where its own call hides and shuffles them."""

    def __init__(self, embeddings: Any):
        super().__init__()
        self.embeddings = embeddings

    def forward(self, pixels: Tensor) -> Tensor:
        own: Any = self.embeddings
        height, width = pixels.shape[2:]
        patches = own.patch_embeddings(pixels)
        positions = own.interpolate_pos_encoding(patches, height, width)
        cls = (own.cls_token + positions[:, :1]).expand(len(patches), -1, -1)
        return torch.cat([cls, patches + positions[:, 1:]], dim=1)


class Patchified(nn.Module):
    """Of SigLIP 2 for any aspect: squares of pixels, each row by row with the channels last, and the grid they are of."""

    def __init__(self, embeddings: nn.Module, patch: int):
        super().__init__()
        self.embeddings, self.patch = embeddings, patch

    def forward(self, pixels: Tensor) -> Tensor:
        rows, columns = (side // self.patch for side in pixels.shape[2:])
        squares = pixels.unflatten(3, (columns, self.patch)).unflatten(2, (rows, self.patch))
        squares = squares.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)  # [B, N, P·P·C]
        grid = torch.tensor([[rows, columns]], device=pixels.device).expand(len(pixels), -1)
        return self.embeddings(squares, grid)


class Conditioned(nn.Module):
    """Of C-RADIO: its own normalisation, then the embedding."""

    def __init__(self, conditioner: nn.Module, embeddings: nn.Module):
        super().__init__()
        self.conditioner, self.embeddings = conditioner, embeddings

    def forward(self, pixels: Tensor) -> Tensor:
        return self.embeddings(self.conditioner(pixels))
