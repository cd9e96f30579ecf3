"""The foreground of made features against masks and boxes that are known."""

import numpy as np
import pytest
import torch
from PIL import Image

from core import FeatureMap
from core.pictures.geometry import plan_grid
from train.evaluate.datasets.layouts.objects import read_objects
from train.evaluate.tasks import foreground
from train.evaluate.tasks.foreground import box_iou, largest_part, measure_foreground, on_pixels, scored


@pytest.fixture
def found(tmp_path, monkeypatch):
    """A square of another colour in each picture; features are colours."""
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for number in range(3):
        mask = np.zeros((112, 112), np.uint8)
        mask[28:84, 28 + 14 * number : 70 + 14 * number] = 1
        Image.fromarray(np.where(mask[..., None] > 0, (240, 30, 30), (20, 20, 200)).astype(np.uint8)).save(
            tmp_path / "images" / f"{number}.png"
        )
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")

    def colours(_model, image, size, precision):
        geometry = plan_grid(image.height, image.width, size, 14)
        small = np.asarray(image.resize((geometry.columns, geometry.rows), Image.Resampling.BOX), dtype=np.float32)
        return FeatureMap(torch.from_numpy(small / 255), torch.zeros(3), geometry)

    monkeypatch.setattr(foreground, "extract", colours)
    return measure_foreground(None, read_objects(tmp_path), 112, np.random.default_rng(0))


def test_an_object_that_stands_out_is_found(found):
    assert found.iou.value == 1.0 and found.corloc.value == 1.0
    assert found.everything_iou == pytest.approx(56 * 42 / 112**2) and found.everything_corloc == 0
    assert (found.masks, found.boxed) == (3, 3)


def test_nothing_known_is_told_apart_from_nothing_found():
    nothing = scored([], [[False, True]], np.random.default_rng(0))
    assert nothing.iou is None and nothing.corloc.value == 0 and nothing.everything_corloc == 1


def test_boxes_by_hand():
    assert box_iou((0, 0, 4, 4), (0, 0, 4, 4)) == 1 and box_iou((0, 0, 1, 1), (1, 1, 2, 2)) == 0
    mask = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1]], dtype=bool)
    assert largest_part(mask).tolist() == [[False, False, True]] * 3


def test_a_pixel_belongs_to_the_patch_it_lies_in():
    mask = np.array([[True, False]])
    assert on_pixels(mask, plan_grid(2, 4, 28, 14)).tolist() == [[True, True, False, False]] * 2
