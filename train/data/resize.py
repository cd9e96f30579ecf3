"""Boxes of pictures → square crops, bicubic with antialiasing: cut first, then resized, as torchvision does.

Two ways to the same numbers (they differ by rounding): `resize_each`, crop by crop with torch's own kernel, which
takes integers and is three times as fast as Pillow on a CPU; `resize_together`, all crops by two batched matrix
products, for devices on which thousands of small calls would take longer than the work.
B crops, C channels, S side of a crop, K side of the largest box.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW_PIXELS = 2**24
"""Pixels that `resize_together` gathers at once; indices and values take some 14 bytes for each."""


def resize_each(pictures: list[Tensor], boxes: np.ndarray, flips: np.ndarray, size: int) -> Tensor:
    """Crops [B, C, size, size] of B pictures [H, W, C], uint8 or float (then within 0..1, as they must be).

    `boxes` [B, 4]: left, top, width, height; `flips` [B]: mirrored left to right.
    """
    crops = []
    for picture, (left, top, width, height), flipped in zip(pictures, boxes.tolist(), flips.tolist(), strict=True):
        window = picture[top : top + height, left : left + width].permute(2, 0, 1)[None]
        window = window.float() if window.dtype == torch.float16 else window
        crop = F.interpolate(window, size=(size, size), mode="bicubic", antialias=True)
        crops.append(crop.flip(3) if flipped else crop)
    stacked = torch.cat(crops).contiguous()
    return stacked.clamp_(0, 1) if stacked.is_floating_point() else stacked


def resize_together(
    pixels: Tensor, starts: np.ndarray, widths: np.ndarray, boxes: np.ndarray, flips: np.ndarray, size: int
) -> Tensor:
    """Crops [B, C, size, size] of pictures that lie one after the other in `pixels` [P, C], row by row.

    `starts` [B]: each picture's first pixel; `widths` [B]. Large boxes are taken with large ones, so that little
    is gathered in vain.
    """
    order = np.argsort(-boxes[:, 2:].max(axis=1), kind="stable")
    crops = pixels.new_empty(len(boxes), pixels.shape[1], size, size)
    done = 0
    while done < len(order):
        largest = int(boxes[order[done], 2:].max())
        rows = order[done : done + max(1, WINDOW_PIXELS // largest**2)]
        part = _resize_windows(pixels, starts[rows], widths[rows], boxes[rows], flips[rows], size)
        crops[torch.from_numpy(rows).to(pixels.device)] = part
        done += len(rows)
    return crops


def resize_weights(sides: Tensor, size: int, longest: int, flips: Tensor | None = None) -> Tensor:
    """[B, size, longest] float32: how much each of the first `sides` [B] pixels counts for each pixel of the result.

    Catmull-Rom's cubic, stretched by the scale where it is above 1, as Pillow and torch weigh; rows sum to 1.
    """
    scale = (sides / size).view(-1, 1, 1)
    targets = torch.arange(size, device=sides.device).expand(len(sides), size)
    if flips is not None:
        targets = torch.where(flips[:, None], size - 1 - targets, targets)
    centres = (targets[:, :, None] + 0.5) * scale
    places = torch.arange(longest, device=sides.device)
    distance = ((places + 0.5 - centres) / scale.clamp(min=1)).abs()
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))
    weights = weights * (places < sides.view(-1, 1, 1))
    return weights / weights.sum(dim=2, keepdim=True)


def _resize_windows(
    pixels: Tensor, starts: np.ndarray, widths: np.ndarray, boxes: np.ndarray, flips: np.ndarray, size: int
) -> Tensor:
    device, dtype = pixels.device, torch.float16 if pixels.is_cuda else torch.float32
    left, top, width, height = boxes.T
    across, down = int(width.max()), int(height.max())
    numbers = np.stack([starts + top * widths + left, widths, width, height])
    corner, stride, width, height = torch.from_numpy(numbers).to(device, non_blocking=True)
    y, x = torch.arange(down, device=device), torch.arange(across, device=device)
    rows = torch.minimum(y, height[:, None] - 1) * stride[:, None] + corner[:, None]  # [B, K]
    index = rows[:, :, None] + torch.minimum(x, width[:, None] - 1)[:, None, :]  # [B, K, K]
    windows = pixels[index].permute(0, 3, 1, 2).to(dtype, memory_format=torch.contiguous_format)  # [B, C, K, K]
    mirrored = torch.from_numpy(flips).to(device, non_blocking=True)
    horizontal = resize_weights(width, size, across, mirrored).to(dtype)
    vertical = resize_weights(height, size, down).to(dtype)
    rowwise = windows.flatten(1, 2) @ horizontal.transpose(1, 2)  # [B, C·K, S]
    crops = vertical[:, None] @ rowwise.view(*windows.shape[:3], size)  # [B, C, S, S]
    if pixels.is_floating_point():
        return crops.clamp(0, 1).to(pixels.dtype)
    return crops.round().clamp(0, 255).to(pixels.dtype)
