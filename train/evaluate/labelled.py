"""A few labelled images of a source, and what a backbone says of them.

n images, C channels, S side of the crop in pixels, P patch side, D width.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import ImageError, RequestError, Tokens, VisionTransformer
from core.features import BATCH_PATCHES, IMAGENET_MEAN, IMAGENET_STD
from train.data.pictures import load_pixels
from train.data.resize import resize_each
from train.data.sources import DataError, Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LabelledSample:
    """Which images of a source are learnt from and which are asked about, none of them both."""

    names: tuple[str, ...]
    """Of the classes, sorted; labels are places in it."""
    train: Tensor
    """Indices in the source, [n] int64, ascending."""
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    left_out: int
    """Labels that only one image has."""


class CentreCrops(NamedTuple):
    """Squares from the middle of pictures: `pixels` [n, C, S, S], uint8 or float in 0..1.

    `kept` [n] int64: the places of these pictures among those asked for, without what could not be read.
    """

    pixels: Tensor
    kept: Tensor


class Pooled(NamedTuple):
    """The cls token and the mean over patches of each image, [n, D] float32 on the CPU."""

    cls: Tensor
    mean_patch: Tensor


def labelled_sample(
    source: Source,
    per_class: int,
    generator: np.random.Generator,
    test_share: float = 0.25,
    most_classes: int | None = None,
    most_images: int | None = None,
) -> LabelledSample:
    """Up to `per_class` images of each label, at random, each class split into training and test by `test_share`.

    Every class has at least one image in either part; a label with a single image is left out. Of more than
    `most_classes` labels, as many are drawn; `most_images` lowers `per_class` to an even share of them, though not
    below 2. Equal generators give equal samples.

    Raises DataError where fewer than two labels are left, RequestError for arguments out of range.
    """
    if per_class < 2 or not 0 < test_share < 1:
        raise RequestError(f"per_class is {per_class}, test_share {test_share}; choose 2 or more, and between 0 and 1.")
    by_label: dict[str, list[int]] = {}
    for index, label in enumerate(source.label(place) for place in range(len(source))):
        if label is not None:
            by_label.setdefault(label, []).append(index)
    classes = sorted(label for label, indices in by_label.items() if len(indices) > 1)
    left_out = len(by_label) - len(classes)
    if len(classes) < 2:
        raise DataError(_too_few_labels(len(source), len(by_label), len(classes)))
    if left_out:
        log.warning("%d labels that a single image has are left out", left_out)
    if most_classes is not None and len(classes) > most_classes:
        classes = sorted(generator.choice(classes, most_classes, replace=False).tolist())
    if most_images is not None:
        per_class = min(per_class, max(2, most_images // len(classes)))
    train, test = [], []
    for label, name in enumerate(classes):
        drawn = generator.permutation(by_label[name])[:per_class].tolist()
        asked = min(max(round(test_share * len(drawn)), 1), len(drawn) - 1)
        test += [(index, label) for index in drawn[:asked]]
        train += [(index, label) for index in drawn[asked:]]
    columns = [column for part in (train, test) for column in torch.tensor(sorted(part)).unbind(dim=1)]
    return LabelledSample(tuple(classes), *columns, left_out)


def _too_few_labels(images: int, labels: int, usable: int) -> str:
    return (
        f"{images} images with {labels} labels, {usable} of which two images or more have; a score needs two such "
        "labels. Give a folder with one folder for each class, Parquet files with a column `label`, or tar shards "
        "with .cls files, two images or more of each."
    )


def centre_crops(source: Source, indices: Sequence[int] | Tensor, size: int, channels: int = 3) -> CentreCrops:
    """The largest square in the middle of each picture, at `size` pixels a side, bicubic with antialiasing.

    What cannot be read is logged and left out.
    """
    crops, kept, unreadable = [], [], []
    for place, index in enumerate(map(int, indices)):
        try:
            crops.append(centre_crop(load_pixels(source.read(index).data, channels, 2 * size), size))
        except ImageError as error:
            unreadable.append(f"{source.name(index)}: {error}")
            continue
        kept.append(place)
    if unreadable:
        log.warning("%d images cannot be read and are left out: %s", len(unreadable), "; ".join(unreadable[:3]))
    pixels = torch.cat(crops) if crops else torch.empty(0, channels, size, size, dtype=torch.uint8)
    return CentreCrops(pixels, torch.tensor(kept, dtype=torch.int64))


def centre_crop(pixels: np.ndarray, size: int) -> Tensor:
    """[1, C, size, size] from the middle of a picture [H, W, C]."""
    height, width, _ = pixels.shape
    side = min(height, width)
    box = np.array([[(width - side) // 2, (height - side) // 2, side, side]])
    return resize_each([torch.from_numpy(pixels)], box, np.zeros(1, dtype=bool), size)


@torch.no_grad()
def tokens_of(
    model: VisionTransformer,
    pixels: Tensor,
    batch: int | None = None,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> Iterator[Tokens]:
    """Tokens of crops [n, C, S, S] (uint8, or float in 0..1), float32, batch after batch, where the model is.

    `batch`: images at once, by default as many as the device likes. Neither the model's mode nor any gradient or
    random state changes.
    """
    device, patch = model.pos_embed.device, model.config.patch
    patches = (pixels.shape[-2] // patch) * (pixels.shape[-1] // patch)
    batch = batch or max(1, BATCH_PATCHES.get(device.type, BATCH_PATCHES["cpu"]) // max(patches, 1))
    centre, spread = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (mean, std))
    for part in pixels.split(batch):
        moved = part.to(device)
        unit = moved.float() / 255 if moved.dtype == torch.uint8 else moved.float()
        with torch.autocast(device.type, enabled=False):
            tokens = model((unit - centre) / spread)
        yield Tokens(*(one.float() for one in tokens))


def pooled(tokens: Iterator[Tokens]) -> Pooled:
    """What is kept of every image's tokens."""
    pairs = [(part.cls.cpu(), part.patches.mean(dim=1).cpu()) for part in tokens]
    return Pooled(*(torch.cat(column) for column in zip(*pairs, strict=True)))
