"""One model beside its baselines on every measure of the scale."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from core import ModelError, RequestError, VisionTransformer
from core.bounds import Bounds, require_bounds
from core.pictures.geometry import plan_grid
from core.wording import counted
from train.data.sources import open_source
from train.evaluate.accuracy import ranks
from train.evaluate.bootstrap import of_mean
from train.evaluate.datasets.labelled import labelled_sample
from train.evaluate.emergence.dense import measure_dense
from train.evaluate.emergence.features import (
    Encoder,
    colour_encoder,
    model_encoder,
    position_encoder,
    untrained_like,
)
from train.evaluate.emergence.matching import measure_matching
from train.evaluate.emergence.measure import Measure, Measured
from train.evaluate.emergence.objects import measure_objects
from train.evaluate.emergence.recognition import NEIGHBOURS, measure_duplicates, measure_recognition
from train.evaluate.emergence.world_set import LEAST_PICTURES, SEEDS_EACH, Known, render_set
from train.evaluate.features.crops import centre_crops
from train.evaluate.probes.knn import TEMPERATURE, knn_votes
from train.world import SIZES

log = logging.getLogger(__name__)

PER_CLASS, MOST_CLASSES, MOST_IMAGES = 40, 100, 2000
"""Of labelled photographs: as long again as the rendered pictures take, at most three times."""
LABELLED = Measure(
    "knn_labelled",
    "k-NN on --data",
    f"share of labelled images whose label their {NEIGHBOURS} nearest labelled images vote for, cls",
    "the most frequent label",
)


@dataclass(frozen=True)
class ScaleConfig:
    """Which pictures the scale is read on."""

    images: Annotated[int, Bounds(LEAST_PICTURES, SEEDS_EACH)] = 600
    """Rendered pictures; 60 or more. Near-duplicates of a sixth of them come on top."""
    size: Annotated[int, Bounds(SIZES[0], SIZES[-1])] = 224
    """Pixels along each side."""
    seed: Annotated[int, Bounds(0, 10**6)] = 0
    """Of the scenes, and of all that is drawn at random."""
    baselines: bool = True
    """Measure an untrained model of the same architecture, colour alone and position alone beside it."""
    workers: Annotated[int, Bounds(1, 1024)] = 2
    """Processes that render."""

    def __post_init__(self):
        require_bounds(self)


class Column(NamedTuple):
    """The measurements of one model or baseline."""

    name: str
    measured: list[Measured]


class _Crops(NamedTuple):
    """Labelled pictures uint8 [S, S, 3], the training ones first; `labels` int64 [n]."""

    images: list[np.ndarray]
    labels: torch.Tensor
    train: int


def read_scale(model: VisionTransformer, name: str, config: ScaleConfig, labelled: Sequence[Path] = ()) -> list[Column]:
    """The model's column, named `name`, and those of the baselines after it.

    All columns are of the same pictures, pairs and resamples, so that differences are not of the draw. `labelled`:
    images with labels, for one more row. Raises RequestError for a configuration that cannot be, ModelError where
    the model takes other pictures than RGB or its features are not finite, DataError for labelled images that
    cannot be read.
    """
    if model.config.channels != 3:
        raise ModelError(f"The model takes {counted(model.config.channels, 'channel')}; rendered pictures have 3.")
    grid = plan_grid(config.size, config.size, config.size, model.config.patch).rows
    crops = _labelled_crops(labelled, config.size, config.seed) if labelled else None
    pictures = render_set(config.images, config.size, grid, config.seed, config.workers)
    columns = []
    for title, encode in _encoders(model, name, config.size, grid, config.baselines):
        started = time.perf_counter()
        columns.append(Column(title, measure(encode, pictures, config.size, config.seed, crops)))
        log.info("%s: %.0f s", title, time.perf_counter() - started)
    return columns


def _encoders(
    model: VisionTransformer, name: str, size: int, grid: int, baselines: bool
) -> Iterator[tuple[str, Encoder]]:
    yield name, model_encoder(model, size, name)
    if baselines:
        yield "no training", model_encoder(untrained_like(model), size, "no training")
        yield "colour", colour_encoder(grid)
        yield "position", position_encoder(grid)


def measure(
    encode: Encoder, pictures: Sequence[Known], size: int, seed: int, crops: _Crops | None = None
) -> list[Measured]:
    """Every measure that the features allow, in the order of the table, of pictures of `size` pixels a side."""
    copied = [place for place, picture in enumerate(pictures) if picture.copy is not None]
    images = [picture.image for picture in pictures]
    encoded = encode(images + [picture.copy for picture in pictures if picture.copy is not None])
    if not encoded.patches.isfinite().all() or (encoded.cls is not None and not encoded.cls.isfinite().all()):
        raise ModelError("The model's features hold NaN or infinity; has its training diverged?")
    patches = encoded.patches[: len(images)]
    photos = [place for place, picture in enumerate(pictures) if picture.domain == "photo"]
    generators = (np.random.default_rng([seed, stream]) for stream in range(5))
    found = measure_objects(patches[photos], [pictures[place] for place in photos], size, next(generators))
    found += measure_matching(patches, pictures, size, next(generators))
    recognised, duplicated, dense = next(generators), next(generators), next(generators)
    if encoded.cls is not None:
        cls, copies = encoded.cls.split([len(images), len(copied)])
        found += measure_recognition(cls, pictures, recognised)
        found += measure_duplicates(cls, copies, torch.tensor(copied), duplicated)
    found += measure_dense(patches, pictures, dense)
    if crops is not None:
        found += _measure_labelled(encode, crops, seed)
    return found


def _labelled_crops(labelled: Sequence[Path], size: int, seed: int) -> _Crops:
    source = open_source(*labelled)
    generator = np.random.default_rng([seed, 6])
    sample = labelled_sample(source, PER_CLASS, generator, most_classes=MOST_CLASSES, most_images=MOST_IMAGES)
    train, test = (centre_crops(source, places, size) for places in (sample.train, sample.test))
    if not len(train.kept) or not len(test.kept):
        raise RequestError("None of the labelled images could be read; are these pictures?")
    images = [crop.permute(1, 2, 0).numpy() for crop in torch.cat([train.pixels, test.pixels])]
    labels = torch.cat([sample.train_labels[train.kept], sample.test_labels[test.kept]])
    return _Crops(images, labels, len(train.kept))


def _measure_labelled(encode: Encoder, crops: _Crops, seed: int) -> list[Measured]:
    cls = encode(crops.images).cls
    if cls is None:
        return []
    unit = F.normalize(cls, dim=1)
    train, test = crops.labels.split([crops.train, len(crops.labels) - crops.train])
    cosines = unit[crops.train :] @ unit[: crops.train].T
    (voted,) = knn_votes(cosines, train, [min(NEIGHBOURS, len(train))], TEMPERATURE, int(crops.labels.max()) + 1)
    hits = (ranks(voted, test) < 1).double().numpy()
    chance = test.bincount().max().item() / len(test)
    return [Measured(LABELLED, of_mean(hits, np.random.default_rng([seed, 7])), chance, count=len(hits))]
