"""A few labelled images of a source, divided into training and test images. n images."""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core import RequestError
from core.wording import counted
from train.data.sources import DataError, Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LabelledSample:
    """The training and the test images of a source, none of them both."""

    names: tuple[str, ...]
    """Of the classes, sorted; labels are places in it."""
    train: Tensor
    """Indices in the source, [n] int64, ascending."""
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    left_out: int
    """Labels that only one image has."""


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
        lone = counted(left_out, "label that a single image has is", "labels that a single image has are")
        log.warning("%s left out", lone)
    if most_classes is not None and len(classes) > most_classes:
        classes = sorted(generator.choice(classes, most_classes, replace=False).tolist())
    if most_images is not None:
        per_class = min(per_class, max(2, most_images // len(classes)))
    train, test = [], []
    for number, name in enumerate(classes):
        drawn = generator.permutation(by_label[name])[:per_class].tolist()
        count = min(max(round(test_share * len(drawn)), 1), len(drawn) - 1)
        test += [(index, number) for index in drawn[:count]]
        train += [(index, number) for index in drawn[count:]]
    train_places, train_labels = torch.tensor(sorted(train)).unbind(dim=1)
    test_places, test_labels = torch.tensor(sorted(test)).unbind(dim=1)
    return LabelledSample(tuple(classes), train_places, train_labels, test_places, test_labels, left_out)


def _too_few_labels(images: int, labels: int, usable: int) -> str:
    return (
        f"{counted(images, 'image')} with {counted(labels, 'label')}, {usable} of which two images or more have; a score needs two such "
        "labels. Give a folder with one folder for each class, Parquet files with a column `label`, or tar shards "
        "with .cls files, two images or more of each."
    )
