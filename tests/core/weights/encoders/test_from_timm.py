"""Vision Transformers of timm through load_model: the library's own numbers, and what is refused."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import core
from tests.conftest import NO_TIMM

SIDE = 64
SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 4, "img_size": SIDE, "patch_size": 16}
MODELS = {
    "plain": ("vit_tiny_patch16_224", {}),
    "registers": ("vit_tiny_patch16_224", {"reg_tokens": 4, "no_embed_class": True, "init_values": 1e-5}),
    "dinov2": ("vit_small_patch14_dinov2", {}),
    "clip": ("vit_base_patch32_clip_224", {}),
    "siglip": ("vit_base_patch16_siglip_224", {}),
    "qk_norm": ("vit_tiny_patch16_224", {"qk_norm": True}),
}
MEAN, STD = (0.4, 0.45, 0.5), (0.25, 0.3, 0.35)


@pytest.fixture
def timm():
    try:
        import timm
    except (ImportError, RuntimeError):
        pytest.skip(NO_TIMM)
    return timm


def describe(folder, architecture, **more):
    prepared = {"mean": MEAN, "std": STD, "input_size": [3, SIDE, SIDE], "interpolation": "bicubic"}
    folder.mkdir(exist_ok=True)
    values = {"architecture": architecture, "num_classes": 5, "pretrained_cfg": prepared} | more
    (folder / "config.json").write_text(json.dumps(values))


def saved(timm, name, folder):
    architecture, more = MODELS[name]
    torch.manual_seed(0)
    model = timm.create_model(
        architecture, pretrained=False, num_classes=5, dynamic_img_size=True, **SMALL, **more
    ).eval()
    describe(folder, architecture, model_args=SMALL | more)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "model.safetensors")
    return model


@pytest.mark.parametrize("name", MODELS)
def test_the_library_s_own_numbers_come_with_its_own_preparation(name, timm, tmp_path):
    model = saved(timm, name, tmp_path)
    opened = core.load_model(tmp_path, device="cpu")
    assert opened.default_size == SIDE and opened.has_cls == (name != "siglip")
    assert opened.config.registers == (4 if name == "registers" else 0)
    for height, width in ((SIDE, SIDE), (48, 96)):
        values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        pixels = ((torch.from_numpy(values / 255).float() - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)
        with torch.no_grad():
            wanted = model.forward_features(pixels[None])
            pooled = model.forward_head(wanted, pre_logits=True)[0]
        found = core.extract(opened, Image.fromarray(values), max(height, width), precision="float32")
        before = [found.cls[None]] if opened.has_cls else []
        tokens = torch.cat([*before, found.registers, found.patches.flatten(0, 1)])
        torch.testing.assert_close(tokens, wanted[0], rtol=0, atol=1e-4)
        if not opened.has_cls:
            torch.testing.assert_close(found.cls, pooled, rtol=0, atol=1e-4)


def test_attention_is_given_where_queries_and_keys_can_be_read(timm, tmp_path):
    saved(timm, "plain", tmp_path / "plain")
    opened = core.load_model(tmp_path / "plain", device="cpu")
    assert opened.attention(torch.zeros(1, 3, SIDE, SIDE)).sum(dim=-1).allclose(torch.ones(17))
    saved(timm, "qk_norm", tmp_path / "normed")
    opened = core.load_model(tmp_path / "normed", device="cpu")
    assert not opened.has_attention
    with pytest.raises(core.ModelError, match="gives no attention maps"):
        opened.attention(torch.zeros(1, 3, SIDE, SIDE))


@pytest.mark.parametrize(
    ("architecture", "more", "said"),
    [
        ("resnet18", {}, "only Vision Transformers"),
        ("eva02_tiny_patch14_224", {}, "only VisionTransformer"),
        ("no_such_model", {}, "does not know"),
        ("vit_tiny_patch16_224", {"model_args": {"checkpoint_path": "x.pth"}}, "model_args holds checkpoint_path"),
        ("vit_tiny_patch16_224", {"model_args": {"depth": 10**9}}, "from 0 to 256"),
        ("vit_tiny_patch16_224", {"model_args": {"embed_dim": 10**9}}, "from 0 to 16,384"),
        ("vit_tiny_patch16_224", {"pretrained_cfg": {"input_size": [3, 10**9, 10**9]}}, "one side"),
        ("vit_tiny_patch16_224", {"pretrained_cfg": {"mean": ["a"] * 3}}, "three finite numbers"),
    ],
)
def test_descriptions_that_cannot_be_followed_are_refused(architecture, more, said, timm, tmp_path):
    saved(timm, "plain", tmp_path)
    describe(tmp_path, architecture, **more)
    with pytest.raises(core.ModelError, match=said):
        core.load_model(tmp_path, device="cpu")


def test_without_the_library_the_message_says_what_to_install(tmp_path, monkeypatch):
    describe(tmp_path, "vit_tiny_patch16_224")
    save_file({"cls_token": torch.zeros(1)}, tmp_path / "model.safetensors")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(core.ModelError, match="pip install timm"):
        core.load_model(tmp_path, device="cpu")
