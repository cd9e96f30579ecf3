"""Changes of colour against Pillow, scipy and closed forms, for RGB and for other numbers of channels."""

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from core.features import IMAGENET_MEAN, IMAGENET_STD
from train.data import colour
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


def nothing_changed(crops: int) -> ColourPlan:
    no = torch.zeros(crops, dtype=torch.bool)
    still = torch.tensor([1.0, 1.0, 1.0, 0.0]).expand(crops, 4)
    return ColourPlan(still, torch.arange(4).expand(crops, 4), no, torch.zeros(crops), no)


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
    assert (colour._grey(batch)[0, 0] - grey).abs().max() < 1.5 / 255


def test_a_plan_changes_only_the_crops_it_names_in_its_order(batch):
    crops = (batch * 255).round().to(torch.uint8)
    still = nothing_changed(2)
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


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels_keep_brightness_contrast_blur_and_solarisation_alone(channels):
    values = torch.rand(3, channels, 20, 24, generator=torch.Generator().manual_seed(0))
    mean, std = [0.1 * (c + 1) for c in range(channels)], [0.2 + 0.1 * c for c in range(channels)]
    plan = nothing_changed(3)._replace(
        factors=torch.tensor([[1.2, 0.7, 1.5, 0.1]] * 3),
        grey=torch.ones(3, dtype=torch.bool),
        sigma=torch.tensor([0.0, 1.3, 0.0]),
        solarise=torch.tensor([False, False, True]),
    )
    expected = (values * 1.2).clamp(0, 1)
    level = expected.mean(dim=(1, 2, 3), keepdim=True)
    expected = (level + 0.7 * (expected - level)).clamp(0, 1)
    expected[1] = torch.from_numpy(ndimage.gaussian_filter(expected[1].numpy(), (0, 1.3, 1.3), radius=4, mode="mirror"))
    expected[2] = torch.where(expected[2] >= 128 / 255, 1 - expected[2], expected[2])
    untouched = values.clone()
    finished = colour.finish(values, plan, mean, std)
    for c in range(channels):
        torch.testing.assert_close(finished[:, c], (expected[:, c] - mean[c]) / std[c], rtol=1e-4, atol=1e-5)
    assert torch.equal(values, untouched)


def test_no_crops_stay_no_crops():
    assert colour.finish(torch.empty(0, 3, 8, 8, dtype=torch.uint8), nothing_changed(0)).shape == (0, 3, 8, 8)
