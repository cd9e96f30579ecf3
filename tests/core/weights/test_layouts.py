"""Descriptions of models that others wrote, absurd ones too: one kind of answer, and at once."""

import json

import pytest
import torch

from core import ModelError, VisionTransformer, ViTConfig
from core.weights.layouts import infer_config, read_hugging_face_config

SMALL = {"model_type": "dinov2", "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "patch_size": 14}


def described(tmp_path, text: str):
    path = tmp_path / "config.json"
    path.write_text(text)
    return read_hugging_face_config(path)


def test_a_description_gives_the_shape(tmp_path):
    config = described(tmp_path, json.dumps(SMALL | {"image_size": 56})).config
    assert (config.width, config.depth, config.heads, config.patch, config.image_size) == (48, 2, 3, 14, 56)


@pytest.mark.parametrize(
    "values",
    [
        {"num_hidden_layers": 10**8},
        {"num_hidden_layers": 10**9, "hidden_size": 1, "num_attention_heads": 1},
        {"num_hidden_layers": -1},
        {"num_hidden_layers": "2"},
        {"num_hidden_layers": [2]},
        {"num_hidden_layers": None},
        {"hidden_size": 10**12},
        {"hidden_size": 1e308},
        {"num_attention_heads": 0},
        {"patch_size": 0},
        {"patch_size": [14, 14]},
        {"image_size": 10**30},
        {"mlp_ratio": float("nan")},
        {"mlp_ratio": float("inf")},
        {"mlp_ratio": {}},
        {"default_size": float("nan")},
        {"default_size": float("inf")},
        {"num_channels": True},
        {"pos_antialias": "no"},
        {"use_swiglu_ffn": "false"},
    ],
    ids=str,
)
def test_an_absurd_description_is_refused_in_a_sentence(tmp_path, values):
    with pytest.raises(ModelError, match=r"config\.json does not describe a model that can be opened"):
        described(tmp_path, json.dumps(SMALL | {"image_size": 56} | values))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"a":' * 100_000])
def test_what_is_no_description_is_refused_in_a_sentence(tmp_path, text):
    with pytest.raises(ModelError, match=r"config\.json does not describe a model that can be opened"):
        described(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("patch_embed.proj.weight", (0, 3, 14, 14)), ("pos_embed", (1, 0, 48)), ("blocks.0.mlp.fc2.weight", (48, 0))],
)
def test_weights_without_numbers_tell_no_shape(name, shape):
    state = VisionTransformer(ViTConfig(width=48, depth=1, heads=3, image_size=56)).state_dict()
    with pytest.raises(ModelError, match=f"not the weights of a DINOv2 or DINOv3 ViT: {name} without any number"):
        infer_config(state | {name: torch.zeros(shape)})
