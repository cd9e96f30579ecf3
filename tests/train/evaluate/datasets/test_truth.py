"""What the numbers in masks mean: classes from 0 and 255 for none, or 0 and 255 for background and object."""

import numpy as np
import pytest
from PIL import Image

from train.evaluate.datasets.layouts.dense import segmentation_set
from train.evaluate.datasets.layouts.objects import read_objects
from train.evaluate.datasets.truth import IGNORED, mask_reader


def masks(folder, *rows, dtype=np.uint8):
    (folder / "masks").mkdir(parents=True)
    (folder / "images").mkdir(parents=True)
    for number, row in enumerate(rows):
        Image.fromarray(np.array([row], dtype)).save(folder / "masks" / f"{number}.png")
        Image.new("RGB", (len(row), 1)).save(folder / "images" / f"{number}.png")
    return sorted((folder / "masks").iterdir())


@pytest.mark.parametrize(
    ("rows", "dtype", "meant"),
    [
        ([[0, 255], [0, 0]], np.uint8, [[0, 1], [0, 0]]),
        ([[0, 0], [255, 255]], np.uint8, [[0, 0], [1, 1]]),
        ([[0, 65535], [0, 0]], np.uint16, [[0, 1], [0, 0]]),
        ([[0, 1], [0, 255]], np.uint8, [[0, 1], [0, IGNORED]]),
        ([[0, 255], [0, 1]], np.uint8, [[0, IGNORED], [0, 1]]),
        ([[0, 255], [0, 128]], np.uint8, [[0, IGNORED], [0, 128]]),
        ([[255, 255], [255, 255]], np.uint8, [[IGNORED, IGNORED]] * 2),
        ([[0, 1], [1, 0]], np.uint8, [[0, 1], [1, 0]]),
    ],
)
def test_white_is_an_object_where_no_mask_of_all_says_otherwise(tmp_path, rows, dtype, meant):
    paths = masks(tmp_path, *rows, dtype=dtype)
    read = mask_reader(paths)
    assert [read(path)[0].tolist() for path in paths] == meant
    dataset = segmentation_set(tmp_path)
    assert [dataset.read(path)[0].tolist() for path in paths] == meant
    assert [one.labels()[0].tolist() for one in read_objects(tmp_path)] == meant
    boxes = [one.boxes() for one in read_objects(tmp_path)]
    assert [bool(one) for one in boxes] == [bool(set(row) - {0, IGNORED}) for row in meant]


def test_masks_that_cannot_be_read_do_not_decide(tmp_path):
    paths = masks(tmp_path, [0, 255], [0, 255])
    paths[0].write_bytes(b"no")
    assert mask_reader(paths)(paths[1])[0].tolist() == [0, 1]
