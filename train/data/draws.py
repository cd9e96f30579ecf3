"""Every random choice about crops, drawn for many pictures at once: boxes, flips, changes of colour.

A number is a hash of (seed, position in the run, crop, which choice), so a crop depends on nothing else: not on
the worker, the rank, the device or the pictures beside it. Source of the hash: SplitMix64 (Steele, Lea and Flood
2014, "Fast splittable pseudorandom number generators"); of the boxes: torchvision's RandomResizedCrop.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
import torch

from train.data.augment import AugmentConfig
from train.data.colour import ColourPlan

ATTEMPTS = 10
"""Boxes drawn before a crop falls back to the middle of the picture, as torchvision's RandomResizedCrop does."""
CHOICES = 11
"""Numbers a crop takes for its flip and colours; each attempt at a box takes four more."""
ORDERS = np.array(list(itertools.permutations(range(4))))
"""Every order of the four changes of colour."""
STRIDE = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ divided by the golden ratio, SplitMix64's step."""


class CropSet(NamedTuple):
    """Crops of B pictures, crop after crop: row c·B + b is crop c of picture b.

    `boxes` [n·B, 4] int64: left, top, width, height in pixels of the picture; `flips` [n·B] bool.
    """

    boxes: np.ndarray
    flips: np.ndarray
    colours: ColourPlan

    def rows(self, part: slice) -> "CropSet":
        return CropSet(self.boxes[part], self.flips[part], ColourPlan(*(column[part] for column in self.colours)))


def draw_crops(
    config: AugmentConfig, seed: int, positions: np.ndarray, widths: np.ndarray, heights: np.ndarray
) -> tuple[CropSet, CropSet]:
    """The global and the local crops of pictures [B] of these sizes, at these positions of the run."""
    crops, images = 2 + config.local_crops, len(positions)
    of_crop = np.array([*config.blur[:2], *[config.blur[2]] * config.local_crops])
    blur = np.repeat(of_crop, images)
    solarise = np.repeat([0.0, config.solarise, *[0.0] * config.local_crops], images)
    scales = np.repeat([config.global_scale] * 2 + [config.local_scale] * config.local_crops, images, axis=0)
    keys = crop_keys(seed, positions, np.arange(crops)).reshape(-1)
    numbers = uniform(keys, range(CHOICES))
    every = CropSet(
        crop_boxes(keys, np.tile(widths, crops), np.tile(heights, crops), scales, config.aspect),
        numbers[0] < config.flip,
        _colours(numbers[1:], config, blur, solarise),
    )
    return every.rows(slice(2 * images)), every.rows(slice(2 * images, None))


def crop_keys(seed: int, positions: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """[crops, positions] uint64: what all numbers of one crop are drawn from."""
    run = _mix(np.array([seed % 2**64], dtype=np.uint64))
    pictures = _mix(run ^ np.asarray(positions).astype(np.uint64))
    return _mix(pictures[None, :] ^ (np.asarray(crops).astype(np.uint64)[:, None] + np.uint64(1)))


def uniform(keys: np.ndarray, choices: range) -> np.ndarray:
    """[choices, keys] float64 in 0..1 (1 excluded), each independent of all others."""
    hashed = _mix(keys + np.array(choices, dtype=np.uint64)[:, None] * STRIDE)
    return (hashed >> np.uint64(11)) * 2.0**-53


def crop_boxes(
    keys: np.ndarray, widths: np.ndarray, heights: np.ndarray, scales: np.ndarray, aspect: tuple[float, float]
) -> np.ndarray:
    """Boxes [n, 4] int64, left, top, width, height: a share of the area within `scales` [n, 2], w/h within `aspect`."""
    w = np.maximum(np.minimum(widths, _rounded(heights * aspect[1])), 1)
    h = np.maximum(np.minimum(heights, _rounded(widths / aspect[0])), 1)
    boxes = np.stack([(widths - w) // 2, (heights - h) // 2, w, h], axis=1)
    waiting = np.arange(len(keys))
    for attempt in range(ATTEMPTS):
        if not len(waiting):
            break
        first = CHOICES + 4 * attempt
        share, shape, across, down = uniform(keys[waiting], range(first, first + 4))
        width, height, (low, high) = widths[waiting], heights[waiting], scales[waiting].T
        area = width * height * _between(share, low, high)
        root = np.exp(_between(shape, math.log(aspect[0]), math.log(aspect[1])) / 2)
        side = np.sqrt(area)
        w, h = _rounded(side * root), _rounded(side / root)
        fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
        left, top = (across * (width - w + 1)).astype(np.int64), (down * (height - h + 1)).astype(np.int64)
        boxes[waiting[fits]] = np.stack([left, top, w, h], axis=1)[fits]
        waiting = waiting[~fits]
    return boxes


def _colours(numbers: np.ndarray, config: AugmentConfig, blur: np.ndarray, solarise: np.ndarray) -> ColourPlan:
    """From `numbers` [CHOICES - 1, n]; `blur`, `solarise` [n]: each crop's probability."""
    jittered, brightness, contrast, saturation, hue, order, grey, blurred, sigma, solarised = numbers
    spreads = ((brightness, config.brightness), (contrast, config.contrast), (saturation, config.saturation))
    factors = [_between(number, max(0.0, 1 - spread), 1 + spread) for number, spread in spreads]
    changes = np.stack([*factors, _between(hue, -config.hue, config.hue)], axis=1)
    changes[jittered >= config.jitter] = 1.0, 1.0, 1.0, 0.0
    sigma = np.where(blurred < blur, _between(sigma, *config.blur_sigma), 0.0)
    return ColourPlan(
        torch.from_numpy(changes.astype(np.float32)),
        torch.from_numpy(ORDERS[(order * len(ORDERS)).astype(np.int64)]),
        torch.from_numpy(grey < config.grey),
        torch.from_numpy(sigma.astype(np.float32)),
        torch.from_numpy(solarised < solarise),
    )


def _mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser: uint64 in, well-scattered uint64 out, one to one."""
    values = values + STRIDE
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _between(numbers: np.ndarray, low, high) -> np.ndarray:
    return low + (high - low) * numbers


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values).astype(np.int64)
