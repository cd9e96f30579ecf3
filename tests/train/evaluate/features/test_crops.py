"""Crops of pictures, and the tokens that a model has for them."""

import numpy as np
import pytest
import torch
from PIL import Image

from core import VisionTransformer, ViTConfig, load_image
from core.features import IMAGENET_MEAN, IMAGENET_STD
from core.pictures.gallery import samples
from train.data.sources import Files, open_source
from train.evaluate.features.crops import centre_crops, pooled, tokens_of

CONFIG = ViTConfig(width=96, depth=2, heads=3, image_size=56)


@pytest.fixture(scope="module")
def photographs():
    return Files(samples()[0].path.parent, [sample.path for sample in samples()])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return VisionTransformer(CONFIG).eval()


def test_crops_are_pillows(photographs):
    for sample, crop in zip(samples(), centre_crops(photographs, range(len(photographs)), 56).pixels, strict=True):
        image = load_image(sample.path)
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        expected = np.asarray(image.resize((56, 56), Image.Resampling.BICUBIC, box=box)).astype(int)
        # a large JPEG is decoded at a half or a quarter, which leaves out what 56 pixels do not show
        most = 2 if sample.path.suffix == ".jpg" else 0.2
        assert np.abs(crop.permute(1, 2, 0).numpy() - expected).mean() < most, sample.name


def test_tokens_are_the_models(photographs, model):
    crops = centre_crops(photographs, [3, 0, 7], 56).pixels
    found = pooled(tokens_of(model, crops, batch=2))
    pixels = (crops.permute(0, 2, 3, 1).numpy() / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    with torch.no_grad():
        tokens = model(torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2))
    torch.testing.assert_close(found.cls, tokens.cls, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.mean_patch, tokens.patches.mean(1), atol=1e-5, rtol=1e-5)
    assert not found.cls.is_inference() and not found.cls.requires_grad


def test_other_channels(tmp_path):
    random = np.random.default_rng(0)
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", random.random((30, 20, 5), dtype=np.float32))
    model = VisionTransformer(ViTConfig(width=24, depth=1, heads=3, image_size=28, channels=5))
    crops = centre_crops(open_source(tmp_path, channels=5), [0, 1], 28, channels=5).pixels
    half, none = (pooled(tokens_of(model, crops, None, (m,) * 5, (s,) * 5)) for m, s in ((0.5, 0.25), (0.0, 1.0)))
    assert half.cls.shape == (2, 24) and not torch.equal(half.cls, none.cls)
