import pytest
import torch
from PIL import Image

from core.analysis.attention_maps import capture_attention
from core.errors import RequestError
from core.features import preprocess
from core.model.config import ViTConfig
from core.model.vit import VisionTransformer


@pytest.fixture(scope="module")
def model():
    config = ViTConfig(width=24, depth=3, heads=3, patch=14, registers=2)
    made = VisionTransformer(config).eval()
    made.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(8)  # else all attention is the same
    return made


@pytest.fixture(scope="module")
def picture():
    return Image.effect_noise((90, 60), 80).convert("RGB")


@pytest.mark.parametrize(("query", "token"), [("cls", 0), (("register", 1), 2), ((0, 0), 3), ((1, 2), 3 + 6 + 2)])
@pytest.mark.parametrize("layer", [0, -1])
def test_weights_equal_the_models_own_attention(model, picture, query, token, layer):
    capture = capture_attention(model, picture, 84, layer)
    pixels, geometry = preprocess(picture, 84, 14)
    assert (geometry.rows, geometry.columns) == (4, 6)
    with torch.no_grad():
        full = model.attention(pixels[None], layer)[0, :, token]
    weights = capture.weights(query)
    torch.testing.assert_close(weights.flatten(1), full[:, 3:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(weights.sum((1, 2)) + full[:, :3].sum(1), torch.ones(3), atol=1e-5, rtol=0)


def test_without_a_size_it_is_the_models_own(model, picture):
    geometry = capture_attention(model, picture).geometry
    assert model.default_size == 518 and (geometry.rows, geometry.columns) == (25, 37)


def test_tokens_that_are_not_there_are_refused(model, picture):
    capture = capture_attention(model, picture, 84)
    for query in ("patch", ("register", 2), ("register", -1), (4, 0), (0, 6), (-1, 0)):
        with pytest.raises(RequestError, match="There is no token"):
            capture.weights(query)


def test_layers_and_sizes_the_model_does_not_have_are_refused(model, picture):
    with pytest.raises(RequestError, match="blocks 0 to 2"):
        capture_attention(model, picture, 84, 3)
    with pytest.raises(RequestError, match="size is 5"):
        capture_attention(model, picture, 5)
