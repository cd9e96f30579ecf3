"""Foreground where the object is planted in the features."""

import numpy as np
import pytest
import torch

from tests.train.evaluate.emergence.made import GRID, SIZE, known
from train.evaluate.emergence.objects import EITHER, FOUND, IOU, measure_objects


def planted(top: int, height: int) -> np.ndarray:
    objects = np.zeros((GRID, GRID), np.float32)
    objects[top : top + height, 2:6] = 1.0
    return objects


PICTURES = [known(objects=planted(top, height)) for top, height in ((1, 3), (2, 4), (3, 2), (2, 5))]


def measured(patches, pictures=PICTURES):
    return {one.measure: one for one in measure_objects(patches, pictures, SIZE, np.random.default_rng(0))}


def test_objects_of_another_direction_are_found():
    masks = torch.from_numpy(np.stack([picture.objects for picture in PICTURES]))
    found = measured(torch.stack([masks, 1 - masks, torch.ones_like(masks)], dim=3))
    assert [found[measure].estimate.value for measure in (IOU, FOUND, EITHER)] == [1.0, 1.0, 1.0]
    assert found[IOU].chance == pytest.approx(np.mean([picture.objects.mean() for picture in PICTURES]))
    assert found[FOUND].chance == 0.0 and found[IOU].count == 4


def test_the_side_is_chosen_without_the_truth():
    """Where the border is the object, the cut is right and the choice of side is not."""
    frame = np.ones((GRID, GRID), np.float32)
    frame[2:6, 2:6] = 0.0
    mask = torch.from_numpy(frame)
    found = measured(torch.stack([mask, 1 - mask], dim=2)[None], [known(objects=frame)])
    assert found[IOU].estimate.value == 0.0 and found[EITHER].estimate.value == 1.0


def test_constant_features_find_nothing():
    found = measured(torch.ones(4, GRID, GRID, 5))
    assert found[IOU].estimate.value == 0.0
    assert found[EITHER].estimate.value == pytest.approx(found[EITHER].chance)


def test_pictures_without_an_object_are_left_out():
    features = torch.from_numpy(np.random.default_rng(0).normal(size=(5, GRID, GRID, 4))).float()
    assert measured(features, [*PICTURES, known()])[IOU].count == 4
    assert measure_objects(features[:1], [known()], SIZE, np.random.default_rng(0)) == []
