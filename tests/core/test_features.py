"""Pictures to features: nothing distorted, the reference's preprocessing, batches equal to single pictures."""

import copy
import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import core
from core import features
from core.features import IMAGENET_MEAN, IMAGENET_STD, extract_stream, preprocess
from core.model.precision import inference
from core.pictures.gallery import samples
from core.pictures.geometry import plan_grid

EXACT = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture(scope="module")
def model():
    config = core.ViTConfig(width=32, depth=3, heads=2, image_size=70, registers=4, pos_offset=0, pos_antialias=True)
    made = core.VisionTransformer(config).eval()
    made.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for block in made.blocks:  # as trained models have it; at 1e-5 a block hardly changes anything
            block.ls1.gamma.fill_(1)
            block.ls2.gamma.fill_(1)
        made.norm.weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))
    return made


def noise(height, width, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def colours(pixels):
    """Normalised [3, H, W] back to [H, W, 3] in 0..255, computed here."""
    return (pixels.permute(1, 2, 0).numpy() * np.array(IMAGENET_STD) + np.array(IMAGENET_MEAN)) * 255


def disc(height, width, x, y, radius):
    """A white disc on black, its edge one pixel soft; (x, y) in continuous pixels."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    inside = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
    return Image.fromarray((inside * 255).astype(np.uint8)).convert("RGB")


def centroid_and_spread(values):
    """(x, y) of the brightness' centre in continuous pixels, and its standard deviation along x and y."""
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]] + 0.5
    weight = values / values.sum()
    x, y = (weight * columns).sum(), (weight * rows).sum()
    return x, y, np.sqrt((weight * (columns - x) ** 2).sum()), np.sqrt((weight * (rows - y) ** 2).sum())


@settings(max_examples=60, deadline=None)
@given(st.integers(150, 700), st.integers(150, 700), st.integers(140, 420), st.sampled_from([8, 14, 16]), st.data())
def test_nothing_is_distorted_or_moved(height, width, size, patch, data):
    radius = min(height, width) / 5
    geometry = plan_grid(height, width, size, patch)
    margin = radius + geometry.stride / 4 + 1  # whole even where the grid leaves out a quarter of a patch
    x, y = (data.draw(st.floats(margin, side - margin)) for side in (width, height))
    pixels, prepared = preprocess(disc(height, width, x, y, radius), size, patch)
    assert prepared == geometry
    scale = patch / geometry.stride
    left, top, _, _ = geometry.covered
    found_x, found_y, spread_x, spread_y = centroid_and_spread(np.maximum(colours(pixels)[..., 0], 1.0) - 1.0)
    assert found_x == pytest.approx((x - left) * scale, abs=0.1)
    assert found_y == pytest.approx((y - top) * scale, abs=0.1)
    assert spread_x == pytest.approx(spread_y, rel=0.01)
    assert spread_x == pytest.approx(radius / 2 * scale, rel=0.03)  # a disc's standard deviation is half its radius


@pytest.mark.parametrize(("side", "size"), [(300, 518), (518, 518), (901, 224)])
def test_square_pictures_equal_the_usual_preprocessing(side, size):
    """Resize with PIL, divide, normalise: what torchvision's evaluation transform does without its crop."""
    image = noise(side, side)
    pixels, geometry = preprocess(image, size, 14)
    resized = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).astype(np.float64) / 255
    expected = (resized - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    torch.testing.assert_close(pixels.permute(1, 2, 0).double(), torch.from_numpy(expected), **EXACT)
    assert geometry.covered == (0, 0, side, side)


@pytest.mark.parametrize("turned", [False, True])
def test_padding_in_two_steps_equals_padding_the_whole_picture(turned):
    image = noise(300, 400)
    if turned:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    pixels, geometry = preprocess(image, 518, 14)
    left, top, right, bottom = geometry.covered
    assert min(left, top) < 0
    margin = 20
    padded = Image.fromarray(np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    box = (left + margin, top + margin, right + margin, bottom + margin)
    whole = np.asarray(padded.resize((pixels.shape[2], pixels.shape[1]), Image.Resampling.BICUBIC, box=box))
    # a pixel's reach past the exactly covered edge differs: repeated there, cut off here
    inner = (slice(4, -4), slice(4, -4))
    assert np.abs(colours(pixels) - whole)[inner].max() <= 2.5


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1), (3, 2000), (1, 300_000)])
def test_thin_pictures_keep_their_colours(size):
    pixels, geometry = preprocess(Image.new("RGB", size, (200, 30, 90)), 224, 14)
    assert pixels.shape[1:] == (geometry.rows * 14, geometry.columns * 14)
    assert np.abs(colours(pixels) - (200, 30, 90)).max() < 1e-3


@pytest.mark.parametrize("given", [Image.new("L", (4, 4)), Image.new("RGBA", (4, 4)), np.zeros((4, 4, 3)), "cat.jpg"])
def test_only_rgb_pictures_are_taken(given, model):
    with pytest.raises(core.RequestError, match="load_image"):
        core.extract(model, [given], 56)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_without_a_size_it_is_the_models_own(model, precision):
    image = noise(90, 120)
    assert core.extract(model, [image])[0].origin.size == model.default_size == 336
    own = copy.deepcopy(model).to("cpu")
    own.default_size = 84
    for moved in (own, copy.deepcopy(own).to("cpu")):
        without, named = (
            core.extract(moved, image, precision=precision),
            core.extract(model, image, 84, precision=precision),
        )
        assert without.grid == (5, 6) and without.origin == named.origin and without.origin.size == 84
        assert torch.equal(without.patches, named.patches)
    with inference(own, precision) as network:
        assert network.default_size == 84


def test_a_feature_map_has_what_it_says(model):
    image = noise(200, 300)
    result = core.extract(model, image, 112, precision="float32")
    pixels, geometry = preprocess(image, 112, 14)
    assert result.geometry == geometry
    assert result.grid == (5, 8) == (geometry.rows, geometry.columns)
    with torch.no_grad():
        tokens = model(pixels[None])
        (raw,) = model.intermediate(pixels[None], [-1], norm=False)
    torch.testing.assert_close(result.patches.flatten(0, 1), tokens.patches[0], **EXACT)
    torch.testing.assert_close(result.cls, tokens.cls[0], **EXACT)
    torch.testing.assert_close(result.registers, tokens.registers[0], **EXACT)
    torch.testing.assert_close(result.norms.flatten(), raw.patches[0].norm(dim=-1), **EXACT)
    assert result.origin == features.Origin(layer=-1, size=112)
    assert not result.patches.is_inference()
    assert result.patches.untyped_storage().nbytes() == result.patches.nbytes


@pytest.mark.parametrize(("layer", "counted"), [(0, -3), (1, -2), (2, -1), (-2, -2)])
def test_layers(model, layer, counted):
    image = noise(100, 150)
    result = core.extract(model, image, 70, layer=layer, precision="float32")
    with torch.no_grad():
        (tokens,) = model.intermediate(preprocess(image, 70, 14)[0][None], [layer])
    torch.testing.assert_close(result.patches.flatten(0, 1), tokens.patches[0], **EXACT)
    assert result.origin.layer == counted


@pytest.mark.parametrize("layer", [3, -4])
def test_layers_that_are_not_there(model, layer):
    with pytest.raises(core.RequestError, match=f"layer is {layer}; this model has blocks 0 to 2"):
        core.extract(model, noise(50, 50), 56, layer=layer)


@pytest.mark.parametrize("limit", [1, 20, 10_000])
def test_mixed_sizes_equal_one_by_one(model, limit, monkeypatch):
    monkeypatch.setattr(features, "BATCH_PATCHES", {"cpu": limit})
    images = [
        noise(*size, seed) for seed, size in enumerate([(90, 60), (60, 90), (80, 80), (90, 60), (9, 300), (1, 1)])
    ]
    together = core.extract(model, images, 84, precision="float32")
    assert len(together) == len(images)
    for image, result in zip(images, together, strict=True):
        alone = core.extract(model, image, 84, precision="float32")
        assert result.geometry == alone.geometry
        for name in ("patches", "cls", "registers", "norms"):
            torch.testing.assert_close(getattr(result, name), getattr(alone, name), **EXACT)


def test_registers_are_no_patches(model):
    plain_config = core.ViTConfig(width=32, depth=3, heads=2, image_size=70)
    plain = core.VisionTransformer(plain_config).eval()
    for made, registers in ((model, 4), (plain, 0)):
        result = core.extract(made, noise(70, 140), 140)
        assert result.patches.shape == (5, 10, 32)
        assert result.registers.shape == (registers, 32)


def test_a_list_gives_a_list(model):
    assert core.extract(model, [], 56) == []
    assert len(core.extract(model, [noise(50, 50)], 56)) == 1


def test_maps_come_while_pictures_are_still_read(model, monkeypatch):
    """Neither pixels nor maps of what was handed out are kept, however long the stream is."""
    monkeypatch.setattr(features, "BATCH_PATCHES", {"cpu": 32})
    alive, most, read = weakref.WeakSet(), 0, 0

    def prepared():
        nonlocal read
        for seed in range(12):
            pixels, geometry = preprocess(noise(64, 64, seed), 56, 14)
            alive.add(pixels)
            read += 1
            yield pixels, geometry
            del pixels

    for count, feature_map in enumerate(extract_stream(model, prepared(), 56), start=1):
        assert feature_map.grid == (4, 4)
        gc.collect()
        most = max(most, len(alive))
        assert read <= count + 4
    assert count == 12
    assert most <= 5


@pytest.mark.parametrize("sample", samples()[:4], ids=lambda sample: sample.name)
def test_photographs(model, sample):
    image = core.load_image(sample.path)
    result = core.extract(model, image, 224)
    assert result.patches.isfinite().all()
    ratio = result.grid[0] / result.grid[1] / (image.height / image.width)
    assert ratio == pytest.approx(1, abs=0.05)


def test_a_shifted_picture_shifts_its_pixels():
    """A checkerboard of whole patches arrives as the checkerboard it was, at an odd aspect ratio."""
    rows, columns = np.indices((12 * 10, 17 * 10)) // 10
    board = Image.fromarray(((rows + columns) % 2 * 255).astype(np.uint8)).convert("RGB")
    pixels, geometry = preprocess(board, 17 * 14, 14)
    assert (geometry.rows, geometry.columns) == (12, 17)
    middles = colours(pixels)[7::14, 7::14, 0]
    assert np.abs(middles - np.indices((12, 17)).sum(0) % 2 * 255).max() < 3
