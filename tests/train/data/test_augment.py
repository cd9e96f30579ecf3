"""Crops and colours against Pillow and closed forms, and everything from the seed."""

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from core.features import IMAGENET_MEAN, IMAGENET_STD
from train.data import colour
from train.data.augment import AugmentConfig, crop_box, cut_crops
from train.data.colour import ColourPlan


@pytest.fixture(scope="module")
def photo():
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("china.jpg")).resize((96, 64))


@pytest.fixture(scope="module")
def batch(photo):
    """Two crops, [2, 3, 64, 96] in 0..1."""
    one = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1) / 255
    return torch.stack([one, one.flip(2)])


def from_pillow(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (colour.adjust_brightness, ImageEnhance.Brightness),
        (colour.adjust_contrast, ImageEnhance.Contrast),
        (colour.adjust_saturation, ImageEnhance.Color),
    ],
)
@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_jitter_equals_pillow(photo, batch, ours, theirs, factor):
    changed = ours(batch, torch.tensor([factor, 1.0]))
    assert (changed[0] - from_pillow(theirs(photo).enhance(factor))).abs().max() < 2.5 / 255  # Pillow rounds twice
    torch.testing.assert_close(changed[1], batch[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("turns", [-0.1, 0.07, 0.5])
def test_hue_equals_the_colour_circle(batch, turns):
    changed = colour.shift_hue(batch[:1], torch.tensor([turns]))[0]
    for y, x in np.random.default_rng(0).integers((64, 96), size=(200, 2)):
        h, s, v = colorsys.rgb_to_hsv(*batch[0, :, y, x].tolist())
        assert changed[:, y, x].tolist() == pytest.approx(colorsys.hsv_to_rgb((h + turns) % 1, s, v), abs=1e-4)


def test_blur_equals_a_gaussian_cut_at_nine_taps(batch):
    sigmas = torch.tensor([0.4, 1.8])
    blurred = colour.blur(batch, sigmas)
    for index, sigma in enumerate(sigmas.tolist()):
        expected = ndimage.gaussian_filter(batch[index].numpy(), (0, sigma, sigma), radius=4, mode="mirror")
        np.testing.assert_allclose(blurred[index], expected, atol=1e-5)


def test_solarise_and_grey_equal_pillow(photo, batch):
    assert (colour.solarise(batch)[0] - from_pillow(ImageOps.solarize(photo, 128))).abs().max() < 1e-6
    grey = torch.from_numpy(np.asarray(photo.convert("L")).copy()) / 255
    assert (colour._luma(batch)[0, 0] - grey).abs().max() < 1.5 / 255


def test_a_plan_changes_only_the_crops_it_names_in_its_order(batch):
    crops = (batch * 255).round().to(torch.uint8)
    still = ColourPlan(
        torch.tensor([[1.0, 1.0, 1.0, 0.0]] * 2), torch.arange(4).expand(2, 4), torch.zeros(2, dtype=torch.bool),
        torch.zeros(2), torch.zeros(2, dtype=torch.bool),
    )  # fmt: skip
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    plain = (crops / 255 - mean) / std
    torch.testing.assert_close(colour.finish(crops, still), plain)

    factors = torch.tensor([[1.3, 0.7, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
    bright_first, contrast_first = (
        colour.finish(crops, still._replace(factors=factors, order=torch.tensor([order] * 2)))
        for order in ([0, 1, 2, 3], [1, 0, 2, 3])
    )
    one = torch.tensor([1.3]), torch.tensor([0.7])
    expected = colour.adjust_contrast(colour.adjust_brightness(crops[:1] / 255, one[0]), one[1])
    torch.testing.assert_close(bright_first[:1], (expected - mean) / std)
    assert (bright_first[0] - contrast_first[0]).abs().max() > 0.05
    torch.testing.assert_close(bright_first[1], plain[1])


def test_crops_have_their_sizes_and_come_from_the_generator_alone(photo):
    config = AugmentConfig(global_size=56, local_size=28, local_crops=3)
    first, again, other = (cut_crops(photo, config, np.random.default_rng((seed, 5))) for seed in (1, 1, 2))
    assert first.globals.shape == (2, 3, 56, 56) and first.locals.shape == (3, 3, 28, 28)
    assert torch.equal(first.globals, again.globals) and torch.equal(
        first.local_colours.factors, again.local_colours.factors
    )
    assert not torch.equal(first.globals, other.globals)


def test_without_local_crops(photo):
    crops = cut_crops(photo, AugmentConfig(global_size=56, local_crops=0), np.random.default_rng(0))
    assert crops.locals.shape[0] == 0 and colour.finish(crops.locals, crops.local_colours).shape[0] == 0


def test_probabilities_and_scales_are_those_of_the_config():
    generator = np.random.default_rng(0)
    image = Image.new("RGB", (64, 64))
    config = AugmentConfig(global_size=14, local_size=14, local_crops=1)
    crops = [cut_crops(image, config, generator) for _ in range(1500)]
    plans = [plan.global_colours for plan in crops]
    jittered = np.mean([(plan.factors[:, 0] != 1).numpy() for plan in plans], axis=0)
    np.testing.assert_allclose(jittered, [0.8, 0.8], atol=0.04)
    np.testing.assert_allclose(np.mean([plan.grey.numpy() for plan in plans], axis=0), 0.2, atol=0.04)
    np.testing.assert_allclose(np.mean([(plan.sigma > 0).numpy() for plan in plans], axis=0), [1.0, 0.1], atol=0.03)
    np.testing.assert_allclose(np.mean([plan.solarise.numpy() for plan in plans], axis=0), [0.0, 0.2], atol=0.04)


@pytest.mark.parametrize(("width", "height"), [(640, 427), (427, 640), (5000, 20), (1, 1)])
def test_boxes_lie_inside_with_the_share_of_area_asked_for(width, height):
    generator = np.random.default_rng(0)
    for _ in range(300):
        left, top, right, bottom = crop_box(width, height, (0.32, 1.0), (3 / 4, 4 / 3), generator)
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        if max(width, height) < 1000 and width > 1:
            assert 0.3 <= (right - left) * (bottom - top) / (width * height) <= 1
