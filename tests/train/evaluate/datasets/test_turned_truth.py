"""Truth beside pictures that their EXIF data turn: right, or refused."""

import numpy as np
import pytest
from PIL import Image

from core import ImageError, load_image
from train.evaluate.datasets.layouts.dense import depth_set, segmentation_set
from train.evaluate.datasets.layouts.objects import read_objects
from train.evaluate.datasets.truth import load_with_places

HEIGHT, WIDTH = 24, 40


def pair(root, orientation, as_shown, size=(HEIGHT, WIDTH), name="one", kind="masks"):
    """A picture, white on one quarter, and the truth of that quarter, drawn on the picture as shown or as stored."""
    stored = np.zeros((*size, 3), np.uint8)
    stored[: size[0] // 2, : size[1] // 2] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    for folder in ("images", kind):
        (root / folder).mkdir(parents=True, exist_ok=True)
    path = root / "images" / f"{name}.png"
    Image.fromarray(stored).save(path, exif=exif)
    seen = np.asarray(load_image(path)) if as_shown else stored
    truth = (seen[..., 0] > 0).astype(np.uint16 if kind == "depth" else np.uint8)
    Image.fromarray(truth * (1000 if kind == "depth" else 1)).save(root / kind / f"{name}.png")
    return path


@pytest.mark.parametrize("kind", ["masks", "depth"])
@pytest.mark.parametrize("as_shown", [False, True], ids=["as stored", "as shown"])
@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
def test_truth_lies_on_the_picture_as_it_is_shown(tmp_path, orientation, as_shown, kind):
    paths = [pair(tmp_path, orientation, as_shown, name=name, kind=kind) for name in ("one", "two")]
    found = {"masks": segmentation_set, "depth": depth_set}[kind](tmp_path)
    known = found.truth(found.train[0])
    assert np.array_equal(known, np.asarray(load_image(paths[0]))[..., 0] > 0)
    if kind == "masks":
        objects = read_objects(tmp_path)[0]
        assert np.array_equal(objects.labels(), known)
        left, top, right, bottom = (int(edge) for edge in objects.boxes()[0])
        assert known[top:bottom, left:right].all()


@pytest.mark.parametrize(("orientation", "size"), [(2, (24, 40)), (3, (24, 40)), (4, (24, 40)), (6, (32, 32))])
def test_what_fits_both_ways_is_refused(tmp_path, orientation, size):
    for name in ("one", "two"):
        pair(tmp_path, orientation, False, size, name)
    found = segmentation_set(tmp_path)
    with pytest.raises(ImageError, match=r"turned by its EXIF data.*either way; save the picture upright"):
        found.truth(found.train[0])
    with pytest.raises(ImageError, match="either way"):
        read_objects(tmp_path)[0].boxes()


def test_places_in_pixels_are_refused_on_a_turned_picture(tmp_path):
    assert load_with_places(pair(tmp_path, 1, True)).size == (WIDTH, HEIGHT)
    turned = pair(tmp_path, 6, True)
    with pytest.raises(ImageError, match="boxes or points may be or not; save the picture upright"):
        load_with_places(turned)
