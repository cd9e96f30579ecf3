"""Words asked of pictures: the library's own vectors, and a place that says for itself what it is."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

import core
from core.analysis.words import capture_words, encode_text, has_words
from tests import data
from tests.data import encoders

TEXTS = ["a wheel", "a cat of a wheel", "cat " * 40]


def opened(name, folder):
    model = encoders.saved(name, folder)
    encoders.add_processor(folder)
    encoders.add_tokenizer(folder)
    return model, core.load_model(folder, device="cpu")


def picture():
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (32, 48, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["clip", "siglip", "siglip2"])
def test_texts_and_pictures_get_the_library_s_vectors(name, tmp_path):
    from transformers import AutoTokenizer

    model, ours = opened(name, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    padding = {"padding": True} if name == "clip" else {"padding": "max_length"}
    given = tokenizer(TEXTS, truncation=True, max_length=encoders.LONGEST, return_tensors="pt", **padding)
    mask = {"attention_mask": given["attention_mask"]} if name == "clip" else {}
    with torch.no_grad():
        wanted = F.normalize(model.get_text_features(input_ids=given["input_ids"], **mask).pooler_output, dim=-1)
    assert has_words(ours)
    torch.testing.assert_close(encode_text(ours, TEXTS), wanted, rtol=0, atol=1e-5)
    if name == "siglip2":
        return
    values = torch.from_numpy(np.asarray(picture()) / 255).float()
    pixels = ((values - torch.tensor(encoders.MEAN)) / torch.tensor(encoders.STD)).permute(2, 0, 1)[None]
    with torch.no_grad():
        image = model.get_image_features(pixel_values=pixels, interpolate_pos_encoding=True).pooler_output
    capture = capture_words(ours, picture(), 48)
    torch.testing.assert_close(capture.whole, F.normalize(image, dim=-1)[0], rtol=0, atol=1e-5)
    whole, patches = capture.similarity(wanted)
    assert whole.shape == (3,) and patches.shape == (3, 4, 6) and patches.abs().max() <= 1 + 1e-5


def test_a_patch_of_clip_is_its_value_in_the_last_block(tmp_path):
    """Computed by hand from the library's layer."""
    model, ours = opened("clip", tmp_path)
    values = torch.from_numpy(np.asarray(picture()) / 255).float()
    pixels = ((values - torch.tensor(encoders.MEAN)) / torch.tensor(encoders.STD)).permute(2, 0, 1)[None]
    with torch.no_grad():
        hidden = model.vision_model(pixels, interpolate_pos_encoding=True, output_hidden_states=True).hidden_states[-2]
        layer = model.vision_model.encoder.layers[-1]
        value = layer.self_attn.out_proj(layer.self_attn.v_proj(layer.layer_norm1(hidden)))[0, 1:]
        wanted = F.normalize(model.visual_projection(model.vision_model.post_layernorm(value)), dim=-1)
    found = capture_words(ours, picture(), 48).patches.flatten(0, 1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_a_patch_of_siglip_is_what_the_pooling_makes_of_it_alone(tmp_path):
    model, ours = opened("siglip", tmp_path)
    patches = core.extract(ours, picture(), 48, precision="float32").patches
    with torch.no_grad():
        wanted = F.normalize(model.vision_model.head(patches[2, 3][None, None])[0], dim=-1)
    torch.testing.assert_close(capture_words(ours, picture(), 48).patches[2, 3], wanted, rtol=0, atol=1e-5)


def test_models_of_pictures_alone_say_so(tmp_path):
    with pytest.raises(core.ModelError, match="learned from pictures alone"):
        encode_text(data.model("vit_plain"), ["a wheel"])
    encoders.saved("clip-vision", tmp_path / "vision")
    vision = core.load_model(tmp_path / "vision", device="cpu")
    assert not has_words(vision)
    with pytest.raises(core.ModelError, match="no text tower"):
        vision.encode_text(["a wheel"])
    encoders.saved("clip", tmp_path / "untold")
    untold = core.load_model(tmp_path / "untold", device="cpu")
    assert not has_words(untold) and "No tokenizer" in untold.source.note


@pytest.mark.parametrize("texts", [[], [""], ["  "], ["a" * 3000], [3]])
def test_texts_that_are_none_are_refused(texts, tmp_path):
    _, ours = opened("clip", tmp_path)
    with pytest.raises(core.RequestError):
        encode_text(ours, texts)


def test_a_tokenizer_that_cannot_be_read_leaves_the_pictures(tmp_path):
    encoders.saved("clip", tmp_path)
    encoders.add_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    untold = core.load_model(tmp_path, device="cpu")
    assert not has_words(untold) and "tokenizer" in untold.source.note and "cannot be asked" in untold.source.note
    assert core.extract(untold, picture(), 48).patches.shape == (4, 6, 32)
