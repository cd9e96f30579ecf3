"""Rotary position embedding of patches, as DINOv3 has it: queries and keys are turned by angles that a patch's place sets.

S rows of all samples together, A heads, E width of a head, h w patch grid, N = h·w.

A patch's place is that of its middle, from -1 to 1 along each side of the picture, whatever the picture's shape and
size. E/4 periods from 1 to `rope_base` turn it into angles for each side; the first half of a head's channels is paired with
the second, and each pair is a point in the plane that its angle rotates. cls and registers have no place and stay.
Sources: Su et al. 2021 (arXiv 2104.09864); Siméoni et al. 2025 (DINOv3, arXiv 2508.10104), section 3.2.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.model.config import ViTConfig


class Rotation(NamedTuple):
    """Cosine and sine of the angles of every row, [S, E/2] float32 each; 1 and 0 for cls and registers."""

    cos: Tensor
    sin: Tensor

    def rows(self, index: Tensor) -> "Rotation":
        """That of the rows numbered `index`."""
        return Rotation(self.cos.index_select(0, index), self.sin.index_select(0, index))


def periods(config: ViTConfig, device: torch.device | None = None) -> Tensor:
    """The E/4 periods, [E/4] float32 from 1 upwards, in units of half a picture's side.

    >>> periods(ViTConfig(width=16, heads=1, patch=16, image_size=64, positions="rope"))
    tensor([ 1.0000,  3.1623, 10.0000, 31.6228])
    """
    count = config.head_width // 4
    exact = config.rope_base ** (torch.arange(count, dtype=torch.float32, device=device) / count)
    return exact.to(torch.bfloat16).float() if config.rope_rounded else exact


def rotation(
    config: ViTConfig,
    grids: Sequence[tuple[int, int, int]],
    device: torch.device,
    generator: torch.Generator | None = None,
) -> Rotation:
    """The rotation of the packed tokens of batches, each of which is (samples, h, w) in `grids`.

    With a `generator` (on the CPU), which training passes, places are moved and stretched at random within
    `rope_shift`, `rope_jitter` and `rope_rescale`, anew for every batch.
    """
    parts: list[Rotation] = []
    for samples, rows, columns in grids:
        places = _places(rows, columns, device)
        if generator is not None:
            places = _moved(places, config, generator)
        angles = (2 * math.pi * places.unsqueeze(-1) / periods(config, device)).flatten(1)  # [N, E/2]
        still = angles.new_zeros(1 + config.registers, angles.shape[1])
        angles = torch.cat([still, angles])
        parts.append(Rotation(*(part.expand(samples, -1, -1).flatten(0, 1) for part in (angles.cos(), angles.sin()))))
    if len(parts) == 1:
        return parts[0]
    return Rotation(torch.cat([part.cos for part in parts]), torch.cat([part.sin for part in parts]))


def rotated(qkv: Tensor, rotation: Rotation) -> Tensor:
    """Queries, keys and values [S, 3, A, E], queries and keys turned in float32; written over what was given, which
    saves half of the time."""
    cos, sin = (part.unsqueeze(1).unsqueeze(1) for part in rotation)  # [S, 1, 1, E/2]
    half = cos.shape[-1]
    first, second = qkv[:, :2].float().split(half, dim=-1)
    turned = torch.addcmul(first * cos, second, sin, value=-1), torch.addcmul(second * cos, first, sin)
    qkv[:, :2, :, :half], qkv[:, :2, :, half:] = turned
    return qkv


def _places(rows: int, columns: int, device: torch.device) -> Tensor:
    """The middles of all patches, (y, x) each from -1 to 1: [N, 2]."""
    y, x = ((2 * torch.arange(count, device=device) + 1) / count - 1 for count in (rows, columns))
    return torch.stack([y.repeat_interleave(columns), x.repeat(rows)], dim=1)


def _moved(places: Tensor, config: ViTConfig, generator: torch.Generator) -> Tensor:
    """Places [N, 2] shifted and stretched by one draw for all; none is drawn for what the model does without."""

    def drawn(count: int, most: float) -> Tensor:
        return ((2 * torch.rand(count, generator=generator) - 1) * most).to(places.device)

    if config.rope_shift:
        places = places + drawn(2, config.rope_shift)
    for count, most in ((2, config.rope_jitter), (1, config.rope_rescale)):
        if most > 1:
            places = places * drawn(count, math.log(most)).exp()
    return places
