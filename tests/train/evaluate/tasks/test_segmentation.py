"""Linear segmentation where colours say the class: nearly all is right, and every step by hand."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from core import Geometry, ImageError
from tests.train.evaluate.tasks.coloured import PATCH, SIZE, ColourMaps, colour_maps, on_pixels, write_squares
from train.evaluate.datasets.layouts.dense import segmentation_set
from train.evaluate.tasks import segmentation
from train.evaluate.tasks.segmentation import (
    Viewing,
    confusion,
    labels_on_patches,
    measure_segmentation,
    overlaps,
    scored,
    shares,
    window_boxes,
)

MODEL = SimpleNamespace(device=torch.device("cpu"), config=SimpleNamespace(patch=PATCH))


@pytest.fixture
def squares(tmp_path, monkeypatch):
    monkeypatch.setattr(segmentation, "token_maps", colour_maps)
    (tmp_path / "masks").mkdir()
    for number, labels in enumerate(write_squares(tmp_path, 16)):
        Image.fromarray(on_pixels(labels).astype(np.uint8)).save(tmp_path / "masks" / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize(
    "more", [{}, {"scales": (0.5, 1.0)}, {"windows": True, "scales": (1.5,)}], ids=["whole", "scales", "windows"]
)
def test_features_that_hold_the_truth_are_read_without_error(squares, more):
    dataset = segmentation_set(squares)
    maps = ColourMaps([one.image for one in dataset.train])
    found = measure_segmentation(
        MODEL, dataset, maps, Viewing(SIZE, **more), np.random.default_rng(0), steps=60, rates=(3e-2, 1e-1)
    )
    # between two patches the line is drawn half-way; half the resolution moves it a little
    assert found.mean_iou.value > (0.9 if "scales" in more else 0.97)
    assert found.pixel_accuracy.value > 0.95 and len(found.per_class) == 3


def test_features_that_say_nothing_know_the_most_frequent_label(squares, monkeypatch):
    dataset = segmentation_set(squares)
    blind = ColourMaps([one.image for one in dataset.train])
    grey = [one._replace(patches=torch.ones_like(one.patches)) for one in blind]
    monkeypatch.setattr(segmentation, "token_maps", lambda *given: (one._replace(patches=torch.ones_like(one.patches)) for one in colour_maps(*given)))  # fmt: skip
    found = measure_segmentation(MODEL, dataset, grey, Viewing(SIZE), np.random.default_rng(0), steps=20, rates=(1e-2,))
    assert sum(value > 0 for value in found.per_class) == 1


def test_masks_of_another_size_are_refused(squares):
    dataset = segmentation_set(squares)
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(dataset.train[0].truth)
    with pytest.raises(ImageError, match="5×5"):
        dataset.truth(dataset.train[0])


def test_the_shares_of_a_patch_by_hand():
    labels = np.zeros((4, 8), np.int32)
    labels[:2, 4:], labels[2:, 6:] = 1, -1
    found = shares(labels_on_patches(labels, Geometry(4, 8, 1, 2, 14)).flatten(0, 1), 2)
    assert found.tolist() == [[1.0, 0.0], [0.25, 0.5]]


def test_confusion_and_overlap_by_hand():
    truth, said = np.array([[0, 1, 1], [-1, 2, 7]]), np.array([[0, 1, 0], [0, 2, 2]])
    table = confusion(truth, said, 3)
    assert table.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert overlaps(table).tolist() == [0.5, 0.5, 1.0]
    whole = scored(np.stack([table, np.diag([0, 0, 5])]), 0.1, np.random.default_rng(0))
    assert whole.mean_iou.value == pytest.approx(2 / 3) and whole.pixel_accuracy.value == pytest.approx(8 / 9)
    absent = overlaps(np.diag([1, 0]))
    assert absent[0] == 1 and math.isnan(absent[1])


def test_windows_cover_the_picture_and_overlap():
    boxes = window_boxes(Image.new("RGB", (250, 100)))
    assert boxes[0][0] == 0 and boxes[-1][2] == 250 and all(right - left == 100 for left, _, right, _ in boxes)
    assert all(later[0] <= earlier[2] - 33 for earlier, later in itertools.pairwise(boxes))
    assert window_boxes(Image.new("RGB", (80, 100)), 0.5) == [(0, 0, 80, 100)]
