"""What models and baselines say of pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from core import VisionTransformer, ViTConfig, extract
from train.evaluate.emergence.features import colour_encoder, model_encoder, position_encoder, untrained_like

CONFIG = ViTConfig(width=48, depth=2, heads=3, image_size=56)
IMAGES = list(np.random.default_rng(0).integers(0, 256, (3, 56, 56, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def model():
    model = VisionTransformer(CONFIG)
    model.initialise(torch.Generator().manual_seed(3))
    return model.eval()


def test_a_models_features_are_those_of_core(model):
    said = model_encoder(model, 56)(IMAGES)
    for place, image in enumerate(IMAGES):
        one = extract(model, Image.fromarray(image), 56, precision="float32")
        assert torch.allclose(said.patches[place], one.patches, atol=1e-5)
        assert torch.allclose(said.cls[place], one.cls, atol=1e-5)


def test_the_untrained_baseline_is_always_the_same_and_not_the_model(model):
    first, second = (untrained_like(model).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["patch_embed.proj.weight"], model.state_dict()["patch_embed.proj.weight"])
    assert (first["blocks.0.ls1.gamma"] == 1).all()


def test_colour_says_mean_and_deviation_of_each_patch():
    said = colour_encoder(4)(IMAGES)
    raw = np.stack(
        [
            [np.concatenate([box.mean(axis=(0, 1)), box.std(axis=(0, 1))]) for box in _boxes(image / 255)]
            for image in IMAGES
        ]
    ).reshape(-1, 6)
    expected = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    assert np.abs(said.patches.reshape(-1, 6).numpy() - expected).max() < 1e-3
    assert said.cls.shape == (3, 192)


def _boxes(image):
    return [image[14 * row : 14 * row + 14, 14 * col : 14 * col + 14] for row in range(4) for col in range(4)]


def test_position_is_most_like_itself_and_less_like_what_is_farther():
    said = position_encoder(6)(IMAGES)
    assert said.cls is None and said.patches.shape[:3] == (3, 6, 6)
    unit = F.normalize(said.patches[0].flatten(0, 1), dim=1)
    cosines = unit @ unit.T
    assert cosines.argmax(dim=1).tolist() == list(range(36))
    along = cosines[0, :3]
    assert along[0] > along[1] > along[2]
