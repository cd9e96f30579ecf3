"""Whether objects stand out of the ground without anything having been learned from labels.

h w patch grid, n pictures.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from core import FeatureMap, Geometry
from core.analysis.foreground import foreground
from train.evaluate.bootstrap import of_mean
from train.evaluate.emergence.measure import Measure, Measured
from train.evaluate.emergence.world_set import Known

ENOUGH = 0.5
COVERED = 0.5
"""Share of its pixels from which a patch belongs to an object."""

_CHANCE = "everything is said to be object"
IOU = Measure(
    "foreground_iou",
    "foreground IoU",
    "overlap of the unsupervised foreground with the patches that objects cover, mean over photos",
    _CHANCE,
)
FOUND = Measure("foreground_found", "… above 0.5", "share of photos whose foreground IoU is above 0.5", _CHANCE)
EITHER = Measure(
    "foreground_either_side",
    "… of the better side",
    "foreground IoU where the truth says which side of the cut is the object: what the choice of side costs",
    _CHANCE,
)


def measure_objects(
    patches: Tensor, pictures: Sequence[Known], size: int, generator: np.random.Generator
) -> list[Measured]:
    """Of patches [n, h, w, D]; each picture is cut alone, at its own threshold. Pictures without an object on any
    patch are left out."""
    truths = [picture.objects >= COVERED for picture in pictures]
    rows = [
        (*_overlaps(one, truth, size), truth.mean()) for one, truth in zip(patches, truths, strict=True) if truth.any()
    ]
    if not rows:
        return []
    chosen, other, everything = np.array(rows).T
    columns = (
        (IOU, chosen, everything),
        (FOUND, chosen > ENOUGH, everything > ENOUGH),
        (EITHER, np.maximum(chosen, other), everything),
    )
    return [
        Measured(measure, of_mean(values, generator), float(chance.mean()), count=len(values))
        for measure, values, chance in columns
    ]


def _overlaps(patches: Tensor, truth: np.ndarray, size: int) -> tuple[float, float]:
    """IoU of the side that is said to be the object, and of the other one."""
    rows, columns = truth.shape
    geometry = Geometry(size, size, rows, columns, max(size // rows, 1))
    scores = foreground(FeatureMap(patches.contiguous(), patches.mean(dim=(0, 1)), geometry))
    found = (scores[0] > scores.threshold).numpy()
    return iou(found, truth), iou(~found, truth)


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks, of which the second holds something.

    >>> iou(np.array([True, True, False]), np.array([False, True, True]))
    0.3333333333333333
    """
    return float((found & truth).sum() / (found | truth).sum())
