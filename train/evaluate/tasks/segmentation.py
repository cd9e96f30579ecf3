"""Linear segmentation probe on patches: mean intersection over union.

h w patch grid, H W pixels, C classes, m patches, n pictures.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from core import Geometry, VisionTransformer, load_image
from core.bounds import Bounds
from core.files import Output
from core.model.precision import Precision
from core.pictures.geometry import LARGEST_SIZE
from train.data.sources import DataError
from train.dist import World
from train.evaluate.bootstrap import Estimate, bootstrap
from train.evaluate.datasets.layouts.dense import DenseSet, Pictured, segmentation_set
from train.evaluate.datasets.truth import IGNORED, VOID
from train.evaluate.features.positions import SUB, pixel_strips, sub_positions
from train.evaluate.features.token_maps import KeptMaps, TokenMap, token_maps
from train.evaluate.left_out import Counts, LeftOut
from train.evaluate.probes.dense_head import RATES, STEPS, DenseHead, Rows, chosen_head, soft_cross_entropy
from train.evaluate.task import Estimates, PictureTask

MOST_CLASSES = 2048
"""More are no classes but shades of grey, and their confusions would fill the memory."""
OVERLAP = 1 / 3
"""Share of a window that its neighbour sees too."""


@dataclass(frozen=True, kw_only=True)
class Segmentation(PictureTask):
    """Mean IoU of a linear layer on the patches of the last block, or of several: batch normalisation and one linear
    map, its learning rate chosen on held-out pictures of the training set."""

    data: Path
    """ADE20K (ADEChallengeData2016) or PASCAL VOC as published, or a folder with images/ and masks/ of equal stems:
    index PNG, 255 where pixels are ignored (masks of 0 and 255 alone mean background and object). The plain form may be
    divided into train/ and val/."""
    size: Annotated[int | None, Bounds(1, LARGEST_SIZE)] = None
    """Longer side in pixels of a picture, the model's own by default; with --windows, either side of a window."""
    blocks: Annotated[int, Bounds(1, 256)] = 1
    """Last blocks whose patches are put side by side."""
    scales: Annotated[tuple[float, ...], Bounds(0.01, 100)] = (1.0,)
    """Factors on the size of a test picture; probabilities are averaged."""
    windows: bool = False
    """Slide a window over each test picture, its shorter side at --size."""
    steps: Annotated[int, Bounds(1, 10**9)] = STEPS
    """Of training the linear layer."""
    rates: Annotated[tuple[float, ...], Bounds(0, 10**6, above=True)] = RATES
    """Learning rates that are tried."""
    features: Annotated[Path, Output.FOLDER] = Path("features")
    """Folder in which features are kept."""

    def estimates(self, model: VisionTransformer, size: int, world: World) -> Estimates | None:
        dataset = segmentation_set(self.data, self.seed)
        viewing = Viewing(size, self.blocks, self.scales, self.windows, self.precision)
        paths = [one.image for one in dataset.train]
        maps = KeptMaps(model, paths, size, self.blocks, self.features, world, self.precision)
        if not world.leads:
            return None
        generator = np.random.default_rng(self.seed)
        found = measure_segmentation(model, dataset, maps, viewing, generator, self.steps, self.rates)
        rows = [("mean IoU", found.mean_iou), ("pixel accuracy", found.pixel_accuracy)]
        return Estimates(rows, {"per_class": found.per_class, "rate": found.rate} | found.counts._asdict())


@dataclass(frozen=True)
class Viewing:
    """The settings by which test pictures are segmented."""

    size: int
    """Longer side in pixels; of a window, either side."""
    blocks: int = 1
    scales: tuple[float, ...] = (1.0,)
    """Factors on `size`; the predictions at each are averaged."""
    windows: bool = False
    """Slide a window of size × size over the picture, its shorter side at `size`, instead of shrinking it whole."""
    precision: Precision = "auto"


class Segmented(NamedTuple):
    """Mean IoU over classes, that of each class (NaN where it is nowhere), accuracy of pixels, the chosen rate, and
    of how many pictures."""

    mean_iou: Estimate
    per_class: list[float]
    pixel_accuracy: Estimate
    rate: float
    counts: Counts = Counts(0, 0, 0)


def labels_on_patches(labels: np.ndarray, geometry: Geometry) -> Tensor:
    """[h, w, 16] int16: the labels [H, W] at 4 × 4 points of each patch."""
    points = sub_positions(geometry, SUB).floor().long()
    x, y = points[..., 0].clamp(0, labels.shape[1] - 1), points[..., 1].clamp(0, labels.shape[0] - 1)
    return torch.from_numpy(labels)[y, x].to(torch.int16)


def shares(found: Tensor, classes: int) -> Tensor:
    """[m, C] float32: the share of each class among a patch's points [m, 16]; −1 counts nowhere.

    >>> shares(torch.tensor([[0, 1, 1, -1]], dtype=torch.int16), 2)
    tensor([[0.2500, 0.5000]])
    """
    places, known = found.long(), (found >= 0) & (found < classes)
    counts = torch.zeros(len(found), classes).scatter_add_(1, places.clamp(0, classes - 1), known.float())
    return counts / found.shape[1]


def measure_segmentation(
    model: VisionTransformer,
    dataset: DenseSet,
    maps: KeptMaps,
    viewing: Viewing,
    generator: np.random.Generator,
    steps: int = STEPS,
    rates: Sequence[float] = RATES,
) -> Segmented:
    """Of a linear layer trained on `maps`, those of the training pictures, and tested on the test pictures.

    Pictures that cannot be read are left out. DataError where none is left, or the masks hold no labels to tell apart.
    """
    lost = LeftOut(), LeftOut()
    learning = tqdm(range(len(dataset.train)), desc="masks", unit="picture")
    known = list(lost[0].readable(learning, lambda place: _learned(dataset, maps, place)))
    left_out = lost[0].tell(len(known))
    classes = dataset.classes or _classes([highest for _, (_, highest) in known])

    def patches_of(number: int) -> Rows:
        place, (labels, _) = known[number]
        return Rows(maps[place].patches.flatten(0, 1), shares(labels.flatten(0, 1), classes))

    def error(head: DenseHead, held: np.ndarray) -> float:
        tables = [
            confusion(dataset.truth(dataset.train[place]), predicted_labels(maps[place], head), classes)
            for place in (known[number][0] for number in held)
        ]
        return -_mean(overlaps(np.sum(tables, axis=0)))

    def tested(one: Pictured) -> np.ndarray:
        return confusion(dataset.truth(one), picture_labels(model, load_image(one.image), head, viewing), classes)

    device = model.device
    head = chosen_head(patches_of, len(known), classes, soft_cross_entropy, error, rates, steps, generator, device)
    tables = [table for _, table in lost[1].readable(tqdm(dataset.test, desc="test", unit="picture"), tested)]
    counts = Counts(len(known), len(tables), left_out + lost[1].tell(len(tables)))
    return scored(np.stack(tables), head.rate, generator)._replace(counts=counts)


def _learned(dataset: DenseSet, maps: KeptMaps, place: int) -> tuple[Tensor, int]:
    """The labels on the patches of a training picture, and the highest of its mask."""
    labels = dataset.truth(dataset.train[place])
    return labels_on_patches(labels, maps[place].geometry), int(labels.max())


def _classes(highest: Sequence[int]) -> int:
    """The number of classes, from the highest label of each mask. DataError where that cannot be."""
    classes = 1 + max(highest)
    if classes < 2:
        raise DataError(
            "The masks know one label alone; a score needs two. In a mask a pixel is the number of its class, from 0, "
            f"and {VOID} where it is ignored; masks of 0 and {VOID} alone mean background and object."
        )
    if classes > MOST_CLASSES:
        raise DataError(
            f"A mask holds the label {max(highest)}; labels are numbers of classes, counted from 0, up to "
            f"{MOST_CLASSES - 1}. Save them so."
        )
    return classes


def scored(tables: np.ndarray, rate: float, generator: np.random.Generator) -> Segmented:
    """From the confusions of each picture, [n, C true, C predicted]."""
    whole = tables.sum(axis=0)[None]
    right, total = np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2))
    accuracy = bootstrap(lambda drawn: (drawn @ right) / np.maximum(drawn @ total, 1), len(tables), generator)
    flat = tables.reshape(len(tables), -1)

    def statistic(drawn: np.ndarray) -> np.ndarray:
        summed = (drawn @ flat).reshape(-1, *tables.shape[1:])
        return np.array([_mean(one) for one in overlaps(summed)])

    return Segmented(bootstrap(statistic, len(tables), generator), overlaps(whole)[0].tolist(), accuracy, rate)


def overlaps(tables: np.ndarray) -> np.ndarray:
    """IoU of each class [..., C] from confusions [..., C true, C predicted]; NaN where it is neither.

    >>> overlaps(np.array([[3, 1], [0, 0]]))
    array([0.75, 0.  ])
    """
    both = np.diagonal(tables, axis1=-2, axis2=-1).astype(np.float64)
    either = tables.sum(axis=-1) + tables.sum(axis=-2) - both
    return np.divide(both, either, out=np.full(both.shape, math.nan), where=either > 0)


def _mean(values: np.ndarray) -> float:
    present = values[np.isfinite(values)]
    return float(present.mean()) if len(present) else math.nan


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """The confusion matrix [C true, C predicted]; unknown truth, and classes beyond, count nowhere."""
    scored = (truth != IGNORED) & (truth < classes)
    places = truth[scored].astype(np.int64) * classes + predicted[scored]
    return np.bincount(places, minlength=classes**2).reshape(classes, classes)


def picture_labels(model: VisionTransformer, image: Image.Image, head: DenseHead, viewing: Viewing) -> np.ndarray:
    """The class of every pixel [H, W], from probabilities averaged over scales and windows."""
    if len(viewing.scales) == 1 and not viewing.windows:
        (one,) = token_maps(
            model, [image], _scaled(viewing, viewing.scales[0], model), viewing.blocks, viewing.precision
        )
        return predicted_labels(one, head)
    total = torch.zeros(image.height, image.width, head.bias.shape[0])
    for box, one in _views(model, image, viewing):
        left, top = box
        for rows, logits in pixel_strips(head(one.patches), one.geometry):
            place = slice(top + rows.start, top + rows.stop)
            total[place, left : left + one.geometry.width] += F.softmax(logits, dim=2)
    return total.argmax(dim=2).numpy()


def predicted_labels(one: TokenMap, head: DenseHead) -> np.ndarray:
    """The class of every pixel [H, W] of a picture seen whole."""
    strips = pixel_strips(head(one.patches), one.geometry)
    return torch.cat([logits.argmax(dim=2) for _, logits in strips]).numpy()


def _views(
    model: VisionTransformer, image: Image.Image, viewing: Viewing
) -> Iterator[tuple[tuple[int, int], TokenMap]]:
    """Left and top of what was seen, and its map."""
    for scale in viewing.scales:
        boxes = window_boxes(image, scale) if viewing.windows else [(0, 0, image.width, image.height)]
        size = _scaled(viewing, 1.0 if viewing.windows else scale, model)
        crops = (image.crop(box) for box in boxes)
        found = token_maps(model, crops, size, viewing.blocks, viewing.precision)
        yield from ((box[:2], one) for box, one in zip(boxes, found, strict=True))


def window_boxes(image: Image.Image, scale: float = 1.0) -> list[tuple[int, int, int, int]]:
    """Squares (left, top, right, bottom) that cover a picture, their side its shorter one divided by `scale`.

    Neighbours share a third or more; where the square is larger than the picture, it is the whole picture.
    """
    side = round(min(image.size) / scale)

    def starts(length: int) -> list[int]:
        if length <= side:
            return [0]
        count = 1 + math.ceil((length - side) / (side * (1 - OVERLAP)))
        return np.linspace(0, length - side, count).round().astype(int).tolist()

    return [
        (x, y, min(x + side, image.width), min(y + side, image.height))
        for y in starts(image.height)
        for x in starts(image.width)
    ]


def _scaled(viewing: Viewing, scale: float, model: VisionTransformer) -> int:
    return max(model.config.patch, round(viewing.size * scale))
