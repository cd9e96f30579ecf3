"""Encoders of transformers through load_model: the library's own numbers, and what is refused."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import core
from core.model.adapted import AdaptedEncoder
from core.weights.hub import fetch_if_there
from tests.data import encoders
from tests.data.encoders import PATCH, SIDE
from tests.hub_server import COMMIT, Hub

CLOSE = {"rtol": 0, "atol": 1e-4}
PREFIX = {"deit": 2, "radio": 5} | dict.fromkeys(["ijepa", "siglip", "siglip-vision", "siglip2", "siglip2-vision"], 0)


def picture(height=SIDE, width=SIDE, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def prepared(image, mean=encoders.MEAN, std=encoders.STD):
    """[1, 3, H, W], normalised by hand as the processor's description says."""
    values = torch.from_numpy(np.asarray(image).astype(np.float32) / 255)
    return ((values - torch.tensor(mean)) / torch.tensor(std)).permute(2, 0, 1)[None]


def theirs(model, name, pixels, layer=-1):
    """The library's own tokens [T, D] after its final norm, of a block; and its pooled vector, where it has one."""
    vision = getattr(model, "vision_model", getattr(model, "vit", model))
    if name.startswith("siglip2"):
        rows, columns = (side // PATCH for side in pixels.shape[2:])
        squares = (
            pixels.reshape(1, 3, rows, PATCH, columns, PATCH).permute(0, 2, 4, 3, 5, 1).reshape(1, rows * columns, -1)
        )
        there = {
            "pixel_values": squares,
            "pixel_attention_mask": torch.ones(1, rows * columns, dtype=torch.long),
            "spatial_shapes": torch.tensor([[rows, columns]]),
        }
    else:
        there = {"pixel_values": pixels}
        if not name.startswith("radio"):
            there["interpolate_pos_encoding"] = True
    if name.startswith("mae"):  # unmasked, in the order of the picture
        there["noise"] = torch.arange(pixels.shape[2] * pixels.shape[3] // PATCH**2)[None].float()
    with torch.no_grad():
        output = vision(**there, output_hidden_states=True)
        norm = getattr(vision, "post_layernorm", getattr(vision, "layernorm", lambda x: x))
        tokens = norm(output.hidden_states[layer + 1 if layer >= 0 else layer])
    if layer == -1 and not name.startswith("clip"):
        torch.testing.assert_close(tokens, output.last_hidden_state, **CLOSE)
    return tokens[0], getattr(output, "pooler_output", None)


def ours(feature_map, has_cls):
    return torch.cat([*[feature_map.cls[None]] * has_cls, feature_map.registers, feature_map.patches.flatten(0, 1)])


@pytest.mark.parametrize("name", encoders.CLASSES)
def test_the_library_s_own_numbers_come_with_its_own_preparation(name, tmp_path):
    model = encoders.saved(name, tmp_path)
    encoders.add_processor(tmp_path)
    opened = core.load_model(tmp_path, device="cpu")
    assert isinstance(opened, AdaptedEncoder) and not opened.training
    assert opened.default_size == SIDE and opened.config.depth == encoders.BLOCKS and opened.resample == "bilinear"
    prefix = PREFIX.get(name, 1)
    assert opened.has_cls == bool(prefix) and opened.config.registers == max(prefix - 1, 0)
    assert opened.source.note == "" or "tokenizer" in opened.source.note
    for shape in ((SIDE, SIDE), (3 * PATCH, 6 * PATCH)):
        image = picture(*shape)
        tokens, pooled = theirs(model, name, prepared(image))
        found = core.extract(opened, image, max(shape), precision="float32")
        torch.testing.assert_close(ours(found, opened.has_cls), tokens, **CLOSE)
        if not opened.has_cls:
            wanted = found.patches.flatten(0, 1).mean(dim=0) if pooled is None else pooled[0]
            torch.testing.assert_close(found.cls, wanted, **CLOSE)
        first, _ = theirs(model, name, prepared(image), layer=0)
        again = core.extract(opened, image, max(shape), layer=0, precision="float32")
        torch.testing.assert_close(ours(again, opened.has_cls), first, **CLOSE)


def test_a_processor_of_the_library_gives_the_same_pixels(tmp_path):
    """Resized as it says, by its own mean and spread."""
    from transformers import AutoImageProcessor

    model = encoders.saved("vit", tmp_path)
    encoders.add_processor(tmp_path)
    image = picture(90, 90)
    pixels = AutoImageProcessor.from_pretrained(tmp_path)(images=image, return_tensors="pt")["pixel_values"]
    tokens, _ = theirs(model, "vit", pixels)
    found = core.extract(core.load_model(tmp_path, device="cpu"), image, precision="float32")
    torch.testing.assert_close(ours(found, True), tokens, **CLOSE)


def test_without_a_processor_pixels_are_normalised_as_usual_and_the_model_says_so(tmp_path):
    model = encoders.saved("siglip-vision", tmp_path)
    opened = core.load_model(tmp_path, device="cpu")
    assert "No preprocessor_config.json" in opened.source.note and "[0.5, 0.5, 0.5]" in opened.source.note
    image = picture()
    tokens, _ = theirs(model, "siglip-vision", prepared(image, (0.5,) * 3, (0.5,) * 3))
    torch.testing.assert_close(core.extract(opened, image, precision="float32").patches.flatten(0, 1), tokens, **CLOSE)


@pytest.mark.parametrize("name", ["vit", "clip", "siglip", "radio"])
def test_attention_is_the_library_s(name, tmp_path):
    model = encoders.saved(name, tmp_path)
    encoders.add_processor(tmp_path)
    opened = core.load_model(tmp_path, device="cpu")
    image = picture()
    vision = getattr(model, "vision_model", model)
    vision.set_attn_implementation("eager")
    with torch.no_grad():
        wanted = vision(pixel_values=prepared(image), output_attentions=True).attentions
    (pixels,) = prepared(image, core.features.IMAGENET_MEAN, core.features.IMAGENET_STD)
    for layer in (0, 2):
        torch.testing.assert_close(opened.attention(pixels[None], layer), wanted[layer], **CLOSE)


def test_weights_that_do_not_fit_are_named(tmp_path):
    encoders.saved("clip-vision", tmp_path)
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    (norm,) = [key for key in state if key.endswith("post_layernorm.weight")]

    def stored(**changes):
        save_file({key: value for key, value in (state | changes).items() if value is not None}, path)

    stored(**{norm: None, "extra.weight": torch.zeros(500)})
    with pytest.raises(core.ModelError, match=r"missing post_layernorm\.weight; unexpected .*extra\.weight"):
        core.load_model(tmp_path, device="cpu")
    stored(**{norm: torch.zeros(77)})
    with pytest.raises(core.ModelError, match=r"of another shape post_layernorm\.weight \(77,\) instead of \(32,\)"):
        core.load_model(tmp_path, device="cpu")
    stored(**{norm: torch.full((32,), float("nan"))})
    with pytest.raises(core.ModelError, match=r"NaN or infinity in post_layernorm\.weight \(32 of 32\)"):
        core.load_model(tmp_path, device="cpu")
    stored(**{norm: torch.zeros(32, dtype=torch.int8)})
    with pytest.raises(core.ModelError, match="quantised"):
        core.load_model(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_hidden_layers": 10**9}, "depth"),
        ({"hidden_size": 10**7}, "width"),
        ({"patch_size": 0}, "whole numbers"),
        ({"image_size": [32, 64]}, "only squares"),
        ({"num_attention_heads": 5}, "not a multiple"),
        ({"intermediate_size": 10**12}, "mlp_ratio"),
        ({"hidden_size": 4096, "intermediate_size": 16_384}, "describes [0-9,]+ parameters, the file holds"),
        ({"layer_norm_eps": "tiny"}, "cannot be opened|describe"),
    ],
)
def test_descriptions_out_of_bounds_are_refused_before_anything_is_allocated(changes, said, tmp_path):
    encoders.saved("vit", tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(core.ModelError, match=said):
        core.load_model(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_mean": [0.5, 0.5]}, "three finite numbers"),
        ({"image_std": [0.5, 0.0, 0.5]}, "spreads"),
        ({"image_std": [0.5, float("nan"), 0.5]}, "three finite numbers"),
        ({"rescale_factor": 1 / 127}, "1/255"),
        ({"resample": 9}, "filters"),
    ],
)
def test_preparations_that_cannot_be_followed_are_refused(changes, said, tmp_path):
    encoders.saved("vit", tmp_path)
    encoders.add_processor(tmp_path, **changes)
    with pytest.raises(core.ModelError, match=said):
        core.load_model(tmp_path, device="cpu")


def test_without_the_library_the_message_says_what_to_install(tmp_path, monkeypatch):
    encoders.saved("vit", tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(core.ModelError, match="pip install 'transformers>=5'"):
        core.load_model(tmp_path, device="cpu")


@pytest.mark.parametrize("name", ["vit", "clip"])
def test_code_that_a_folder_holds_or_names_is_not_run(name, tmp_path):
    encoders.saved(name, tmp_path)
    path = tmp_path / "config.json"
    named = dict.fromkeys(
        ("attn_implementation", "_attn_implementation", "_attn_implementation_internal"), "some/kernel"
    )
    own = named | {"auto_map": {"AutoModel": "trap.Trap", "AutoConfig": "trap.Trap"}}
    values = json.loads(path.read_text()) | own
    for section in ("vision_config", "text_config"):
        if section in values:
            values[section] |= named
    path.write_text(json.dumps(values))
    (tmp_path / "trap.py").write_text("raise SystemExit('it ran')")
    opened = core.load_model(tmp_path, device="cpu")
    ways = {one.config._attn_implementation for one in opened.modules() if hasattr(one, "config") and one is not opened}
    assert ways == {"sdpa"}


def test_an_encoder_comes_from_the_hub_and_stays_when_it_is_gone(tmp_path, monkeypatch):
    folder = tmp_path / "made"
    encoders.saved("clip", folder)
    encoders.add_tokenizer(folder)
    hub = Hub({"them/clip": {path.name: path.read_bytes() for path in folder.iterdir()}})
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    opened = core.load_model("hf:them/clip", device="cpu")
    assert opened.source.revision == COMMIT and opened.source.trained_by == "them"
    assert opened.encode_text(["a wheel"]).shape == (1, 20)
    hub.shutdown()
    hub.server_close()
    assert fetch_if_there("them/clip", "preprocessor_config.json", COMMIT) is None
    again = core.load_model(f"hf:them/clip@{COMMIT}", device="cpu")
    torch.testing.assert_close(again.encode_text(["a cat"]), opened.encode_text(["a cat"]))
