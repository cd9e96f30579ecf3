"""Colour changes of many crops at once, on any device: jitter, greyscale, blur, solarisation, normalisation.

B crops, H W pixels; values are 0..1 until the last step. Each function takes one setting per crop.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from core.features import IMAGENET_MEAN, IMAGENET_STD

LUMA = (0.299, 0.587, 0.114)
"""ITU-R 601, as Pillow turns colour into grey."""
BLUR_TAPS = 9
SOLARISE_FROM = 128 / 255


class ColourPlan(NamedTuple):
    """The colour changes of B crops.

    `factors` [B, 4]: brightness, contrast, saturation (1 leaves as is), hue shift in turns (0 leaves as is);
    `order` [B, 4]: the order of these four; `grey` [B] bool; `sigma` [B]: blur in pixels, 0 for none;
    `solarise` [B] bool.
    """

    factors: Tensor
    order: Tensor
    grey: Tensor
    sigma: Tensor
    solarise: Tensor


def finish(
    crops: Tensor, plan: ColourPlan, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> Tensor:
    """Crops [B, C, H, W], uint8 or float in 0..1, with their plans carried out, normalised float32.

    Saturation, hue and grey are changed only where there are three channels. A plan that lies on the CPU spares a
    GPU from waiting for the host to learn which crops are meant.
    """
    images = crops.to(torch.float32, copy=True)
    if not crops.is_floating_point():
        images.div_(255)
    _carry_out(images, plan)
    return images.sub_(images.new_tensor(mean).view(-1, 1, 1)).div_(images.new_tensor(std).view(-1, 1, 1))


def _carry_out(images: Tensor, plan: ColourPlan) -> None:
    """The changes of colour, in place."""
    coloured = images.shape[1] == 3
    changes = (adjust_brightness, adjust_contrast, adjust_saturation, shift_hue)[: 4 if coloured else 2]
    for turn in range(4):
        for kind, change in enumerate(changes):
            settings = plan.factors[:, kind]
            _change((plan.order[:, turn] == kind) & (settings != (1, 1, 1, 0)[kind]), images, change, settings)
    if coloured:
        _change(plan.grey, images, lambda part, _: _grey(part).expand_as(part), plan.sigma)
    _change(plan.sigma > 0, images, blur, plan.sigma)
    _change(plan.solarise, images, lambda part, _: solarise(part), plan.sigma)


def adjust_brightness(images: Tensor, factors: Tensor) -> Tensor:
    return (images * _per_crop(factors)).clamp(0, 1)


def adjust_contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Blended with the mean of the crop's own grey version, as Pillow does."""
    return _blend(images, _grey(images).mean(dim=(2, 3), keepdim=True), factors)


def adjust_saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Blended with its own grey version."""
    return _blend(images, _grey(images), factors)


def shift_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Every colour moved around the HSV hue circle by `turns` [B]; saturation and value stay.

    Written with the hexcone's own formula, channel = value − chroma · clamp(min(k, 4 − k), 0, 1), where
    k = (n + 6 · hue) mod 6 and n = 5, 3, 1 for red, green, blue.
    """
    value, chroma = images.amax(dim=1), images.amax(dim=1) - images.amin(dim=1)
    red, green, blue = images.unbind(dim=1)
    safe = chroma.clamp(min=1e-8)
    sixth = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    sixth = sixth + 6 * turns.view(-1, 1, 1)
    channels = []
    for n in (5, 3, 1):
        k = (n + sixth) % 6
        channels.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, dim=1)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur over BLUR_TAPS pixels with one `sigma` [B] per crop; edges are mirrored."""
    offsets = torch.arange(BLUR_TAPS, device=images.device, dtype=images.dtype) - BLUR_TAPS // 2
    kernels = torch.exp(-0.5 * (offsets / sigma.to(images.dtype).view(-1, 1)) ** 2)
    kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(images.shape[1], dim=0)  # [B·C, taps]
    reach = BLUR_TAPS // 2
    flat = F.pad(images, (reach,) * 4, mode="reflect").flatten(0, 1).unsqueeze(0)  # [1, B·C, H, W]
    flat = F.conv2d(flat, kernels[:, None, :, None], groups=flat.shape[1])
    flat = F.conv2d(flat, kernels[:, None, None, :], groups=flat.shape[1])
    return flat.view_as(images)


def solarise(images: Tensor) -> Tensor:
    return torch.where(images >= SOLARISE_FROM, 1 - images, images)


def _grey(images: Tensor) -> Tensor:
    """[B, 1, H, W]: the luma of RGB, the mean of any other number of channels."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    return (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)


def _blend(images: Tensor, other: Tensor, factors: Tensor) -> Tensor:
    return torch.lerp(other.expand_as(images), images, _per_crop(factors).expand_as(images)).clamp(0, 1)


def _per_crop(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def _change(chosen: Tensor, images: Tensor, change: Callable[[Tensor, Tensor], Tensor], settings: Tensor) -> None:
    """The chosen crops of `images` replaced by what they change to, each by its own setting."""
    index = chosen.nonzero().squeeze(1)
    if len(index):
        settings = settings[index].to(images.device, non_blocking=True)
        index = index.to(images.device, non_blocking=True)
        images.index_copy_(0, index, change(images[index], settings).contiguous())
