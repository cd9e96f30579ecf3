"""Both ways of resizing against Pillow's bicubic with antialiasing, on photographs."""

import numpy as np
import pytest
import torch
from PIL import Image

from train.data import resize
from train.data.resize import resize_each, resize_together, resize_weights

BOXES = np.array([[0, 0, 640, 427], [13, 40, 300, 211], [600, 400, 30, 20], [333, 7, 211, 420], [9, 9, 1, 1]])
FLIPS = np.array([False, True, False, True, True])


@pytest.fixture(scope="module")
def photos():
    from sklearn.datasets import load_sample_image

    return [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]


def by_pillow(image: Image.Image, size: int) -> torch.Tensor:
    crops = []
    for (left, top, width, height), flipped in zip(BOXES.tolist(), FLIPS.tolist(), strict=True):
        crop = image.crop((left, top, left + width, top + height)).resize((size, size), Image.Resampling.BICUBIC)
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flipped else crop
        crops.append(torch.from_numpy(np.array(crop).reshape(size, size, -1)))
    return torch.stack(crops).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("size", [224, 98, 42])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_crop_by_crop_is_within_a_level_or_two_of_pillow(photos, size, mode):
    for photo in photos:
        image = photo.convert(mode)
        pixels = torch.from_numpy(np.array(image).reshape(image.height, image.width, -1))
        difference = (resize_each([pixels] * 5, BOXES, FLIPS, size).float() - by_pillow(image, size)).abs()
        assert difference.mean() < 0.02 and difference.max() <= 2


@pytest.mark.parametrize("size", [224, 98, 42])
def test_together_differs_from_pillow_by_its_rounding_between_the_two_directions(photos, size, monkeypatch):
    monkeypatch.setattr(resize, "WINDOW_PIXELS", 2**17)  # in several goes
    for photo in photos:
        pixels = torch.from_numpy(np.concatenate([np.zeros((100, 3), np.uint8), np.array(photo).reshape(-1, 3)]))
        crops = resize_together(pixels, np.full(5, 100), np.full(5, photo.width), BOXES, FLIPS, size)
        difference = (crops.float() - by_pillow(photo, size)).abs()
        assert crops.dtype == torch.uint8 and difference.mean() < 0.25 and difference.max() <= 12


def test_both_ways_agree_on_any_number_of_channels():
    pixels = torch.rand(50, 70, 5, generator=torch.Generator().manual_seed(0))
    boxes, flips = np.array([[3, 4, 60, 40], [10, 0, 7, 33], [0, 0, 70, 50]]), np.array([True, False, False])
    one = resize_each([pixels] * 3, boxes, flips, 28)
    together = resize_together(pixels.view(-1, 5), np.zeros(3, dtype=np.int64), np.full(3, 70), boxes, flips, 28)
    assert one.shape == (3, 5, 28, 28) and one.min() >= 0 and one.max() <= 1
    torch.testing.assert_close(one, together, rtol=0, atol=1e-5)


def test_half_stored_floats_are_resized_as_floats():
    pixels = torch.rand(40, 40, 2).half()
    crop = resize_each([pixels], np.array([[0, 0, 40, 40]]), np.array([False]), 40)
    torch.testing.assert_close(crop[0].permute(1, 2, 0), pixels.float())


def test_weights_sum_to_one_and_keep_a_line_straight():
    sides = torch.tensor([9, 40, 160])
    weights = resize_weights(sides, 40, 200)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(3, 40))
    for row, side in zip(weights, sides.tolist(), strict=True):
        assert not row[:, side:].any()
        line = row[:, :side] @ (torch.arange(side) + 0.5)
        expected = (torch.arange(40) + 0.5) * side / 40
        inner = slice(12, 28)
        torch.testing.assert_close(line[inner], expected[inner], rtol=1e-4, atol=1e-3)
    assert torch.equal(resize_weights(sides, 40, 200, torch.ones(3, dtype=torch.bool)), weights.flip(1))
