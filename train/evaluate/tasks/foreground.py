"""Whether the unsupervised foreground is the object: overlap with masks, and boxes found (CorLoc).

CorLoc: the share of pictures in which the box around the largest connected part of the foreground overlaps some
object's box by half or more (Deselaers et al. 2010; as Siméoni et al. 2021, LOST, evaluate it).
h w patch grid, H W pixels, n pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from core import Geometry, VisionTransformer, extract, load_image
from core.analysis.foreground import foreground, refine_mask
from core.model.precision import Precision
from train.data.sources import DataError
from train.dist import World
from train.evaluate.bootstrap import Estimate, of_mean
from train.evaluate.datasets.layouts.objects import Box, Objects, box_around, read_objects
from train.evaluate.datasets.truth import IGNORED, VOID
from train.evaluate.emergence.objects import iou
from train.evaluate.left_out import LeftOut
from train.evaluate.task import Estimates, PictureTask

ENOUGH = 0.5


@dataclass(frozen=True, kw_only=True)
class Foreground(PictureTask):
    """Whether the unsupervised foreground is the object: its overlap with masks (IoU), and the share of pictures in
    which the box around its largest part overlaps an object's by half (CorLoc)."""

    data: Path
    """PASCAL VOC as published, or a folder with images/ and masks/ of equal stems: 0 is background, 255 ignored, or
    the object where masks hold 0 and 255 alone."""
    refined: bool = False
    """Follow the picture's edges within patches."""

    def estimates(self, model: VisionTransformer, size: int, world: World) -> Estimates | None:
        if not world.leads:
            return None
        pictures = read_objects(self.data)
        generator = np.random.default_rng(self.seed)
        found = measure_foreground(model, pictures, size, generator, self.precision, self.refined)
        rows = [(name, one) for name, one in (("IoU", found.iou), ("CorLoc", found.corloc)) if one is not None]
        if not rows:
            raise DataError(
                f"{self.data} knows of no object in any picture. In masks 0 is background, {VOID} is ignored, any other "
                f"number an object; masks of 0 and {VOID} alone mean background and object."
            )
        chance = {"iou": found.everything_iou, "corloc": found.everything_corloc}
        more = {"everything_is_object": chance, "masks": found.masks, "boxed": found.boxed, "left_out": found.left_out}
        return Estimates(rows, more)


class ForegroundScores(NamedTuple):
    """Mean IoU over pictures with a mask, CorLoc over those with boxes, and both where every pixel counts as object."""

    iou: Estimate | None
    corloc: Estimate | None
    everything_iou: float
    everything_corloc: float
    masks: int
    boxed: int
    left_out: int = 0
    """Pictures that could not be read, or of which what is known of them could not."""


def measure_foreground(
    model: VisionTransformer,
    pictures: Sequence[Objects],
    size: int,
    generator: np.random.Generator,
    precision: Precision = "auto",
    refined: bool = False,
) -> ForegroundScores:
    """Each picture cut alone, at its own threshold; `refined`: along the picture's edges."""
    overlaps, boxes, lost = [], [], LeftOut()
    for _, (image, labels, known) in lost.readable(tqdm(pictures, desc="foreground", unit="picture"), _read):
        feature_map = extract(model, image, size, precision=precision)
        scores = foreground(feature_map)
        if refined:
            mask = refine_mask(scores[0], image, feature_map.geometry) > scores.threshold
        else:
            mask = on_pixels((scores[0] > scores.threshold).numpy(), feature_map.geometry)
        if labels is not None:
            scored_pixels, truth = labels != IGNORED, labels > 0
            if truth.any():
                overlaps.append((iou(mask & scored_pixels, truth), iou(scored_pixels, truth)))
        if known:
            whole = (0.0, 0.0, float(image.width), float(image.height))
            guess = box_around(largest_part(mask)) if mask.any() else whole
            boxes.append([max(box_iou(box, other) for other in known) >= ENOUGH for box in (guess, whole)])
    left_out = lost.tell(len(pictures) - len(lost.reasons))
    return scored(overlaps, boxes, generator)._replace(left_out=left_out)


def _read(one: Objects) -> tuple[Image.Image, np.ndarray | None, list[Box]]:
    """The picture, its labels and its boxes. ImageError where one of them cannot be read, or the mask does not fit."""
    return load_image(one.image), one.labels() if one.labels else None, one.boxes() if one.boxes else []


def scored(
    overlaps: Sequence[tuple[float, float]], boxes: Sequence[Sequence[bool]], generator: np.random.Generator
) -> ForegroundScores:
    """From the IoU, and that of everything, of each picture; and whether a box was found, and by everything."""
    iou, whole = np.array(overlaps, dtype=float).reshape(-1, 2).T
    box, all_box = np.array(boxes, dtype=float).reshape(-1, 2).T
    return ForegroundScores(
        of_mean(iou, generator) if len(iou) else None,
        of_mean(box, generator) if len(box) else None,
        float(whole.mean()) if len(whole) else float("nan"),
        float(all_box.mean()) if len(all_box) else float("nan"),
        len(iou),
        len(box),
    )


def on_pixels(mask: np.ndarray, geometry: Geometry) -> np.ndarray:
    """A mask of patches [h, w] at every pixel [H, W]: that of the patch it lies in, or of the nearest."""
    rows = [geometry.patch_at(0.5, y + 0.5)[0] for y in range(geometry.height)]
    columns = [geometry.patch_at(x + 0.5, 0.5)[1] for x in range(geometry.width)]
    return mask[np.ix_(rows, columns)]


def largest_part(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask [H, W] that holds something; neighbours touch along sides."""
    from scipy.ndimage import label  # 0.3 s to import, wanted only here

    parts, _ = label(mask)
    return parts == np.bincount(parts[parts > 0]).argmax()


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes.

    >>> box_iou((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return both / (areas - both)
